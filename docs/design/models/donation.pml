/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Donation (protocols.md, section 2): I1, I2, I4, I8, I10, I11, I12.
 *
 * C has a dataspace of two pages, and a snapshot of it that shares a frame with it, copy on write. It
 * may let an accomplice map a page, seal a page for somebody else, pin one, donate one or both to S in
 * the session, touch what it gave, and die (its bank is destroyed). S writes secrets into what it was
 * given, returns it, severs the session, acknowledges or not, and dies. rm donates in steps, a page a
 * step, with anything of the others in between; if S goes away meanwhile it undoes what it has done.
 *
 * Banks: of C's parent, C's, and the session's, which is a child of C's. Without C it is the parent's.
 */
#include "invariants.h"

#define PAGES 2 /* of C's dataspace: page p is in frame page[p] */
#ifdef FULL
#define FRAMES 5
#define PAYS 4  /* the limit of C's bank when all begins */
#define GIFTS 3 /* donations that C tries */
#else
#define FRAMES 4
#define PAYS 3
#define GIFTS 2
#endif
#define NO_FRAME 9

/* banks */
#define PARENT 0
#define CLIENT 1
#define SESSION 2
#define NOBODY 3
/* what a frame has in it */
#define ZERO 0
#define OF_CLIENT 1
#define SECRET 2 /* of S */
#define RESULT 3 /* of S, and it may be given back with the page */

byte limit[3];
byte donated[3]; /* what it has given away of its limit, for as long as it is given */
byte charge[3];
byte total[3];   /* ghost: limit + donated, which donation and return must not change */

byte owner[FRAMES] = NOBODY; /* the bank that pays for the frame */
byte has[FRAMES];            /* its content */
bit mapped_client[FRAMES], mapped_other[FRAMES], mapped_server[FRAMES];

byte page[PAGES];            /* C's dataspace; NO_FRAME: absent */
byte snap[PAGES];            /* its snapshot, shares a frame until one of them needs it */
bit sealed[PAGES], pinned[PAGES];
byte gift[PAGES] = NO_FRAME; /* the dataspace that S was given */
byte wrote[PAGES];           /* ghost: what S wrote last in it */
bit given[PAGES];            /* ghost: donate has returned, S has not given it back */

bit client_alive = 1, server_alive = 1;
bit client_gone;             /* C's bank is no more: the session's is the parent's child now */
bit severed, acknowledged, over; /* the session */

/* The donation under way. */
#define IDLE 0
#define MOVES 1
byte job;
bit chosen[PAGES], moved[PAGES], keeps;
byte had_frame[PAGES], had[PAGES]; /* ghost: what C had when it began */
byte gifts;

#define SHARED(p) (page[p] != NO_FRAME && snap[p] == page[p])
#ifdef FULL
#define LAST(b) (owner[4] == b)
#else
#define LAST(b) 0
#endif
#define OWNED(b) ((owner[0] == b) + (owner[1] == b) + (owner[2] == b) + (owner[3] == b) + LAST(b))

/* Between two requests everything adds up. */
inline balanced()
{
	HOLDS(2, charge[PARENT] == OWNED(PARENT) && charge[CLIENT] == OWNED(CLIENT));
	HOLDS(2, charge[SESSION] == OWNED(SESSION));
	HOLDS(2, charge[CLIENT] <= limit[CLIENT] && charge[SESSION] <= limit[SESSION]);
	HOLDS(11, limit[PARENT] + limit[CLIENT] + limit[SESSION] == PAYS + 2);
	HOLDS(11, limit[CLIENT] + donated[CLIENT] == total[CLIENT]);
	HOLDS(11, limit[PARENT] + donated[PARENT] == total[PARENT])
}

/* ---- rm: frames ------------------------------------------------------------------------------ */

/* All mappings, wherever they were made: I1 makes it possible, no one can prevent it. */
inline revoke(f)
{
	mapped_client[f] = 0;
#ifndef COPIES_KEPT
	mapped_other[f] = 0;
#endif
	mapped_server[f] = 0
}

inline frame_free(f)
{
	revoke(f);
	charge[owner[f]]--;
	owner[f] = NOBODY;
	f = NO_FRAME
}

/* A free frame for the bank, cleared; NO_FRAME: there is none, or the limit is reached. */
inline frame_get(bank, f)
{
	f = NO_FRAME;
	if
	:: charge[bank] < limit[bank] ->
		if
		:: owner[0] == NOBODY -> f = 0
		:: owner[1] == NOBODY && owner[0] != NOBODY -> f = 1
		:: owner[2] == NOBODY && owner[1] != NOBODY && owner[0] != NOBODY -> f = 2
		:: else ->
			if
			:: owner[3] == NOBODY -> f = 3
			:: owner[3] != NOBODY && LAST(NOBODY) -> f = FRAMES - 1
			:: else
			fi
		fi
	:: else
	fi;
	if
	:: f != NO_FRAME -> owner[f] = bank; charge[bank]++; has[f] = ZERO
	:: else
	fi
}

/* ---- rm: donate ------------------------------------------------------------------------------ */

#define ABSENT(p) (chosen[p] && page[p] == NO_FRAME)
#if defined(SEALED_GIVEN)
#define BUSY(p) (chosen[p] && pinned[p])
#elif defined(PINNED_GIVEN)
#define BUSY(p) (chosen[p] && sealed[p])
#else
#define BUSY(p) (chosen[p] && (sealed[p] || pinned[p]))
#endif

/* The snapshot keeps the content: it gets a frame of its own with the same in it. C pays. */
inline unshare(p, ok)
{
	if
	:: ok && chosen[p] && SHARED(p) ->
#ifdef SIBLING_FORGOTTEN
		skip
#else
		frame_get(CLIENT, snap[p]);
		if
		:: snap[p] == NO_FRAME -> snap[p] = page[p]; ok = 0 /* NOMEM */
		:: else -> has[snap[p]] = has[page[p]]
		fi
#endif
	:: else
	fi
}

inline remember(p)
{
	if
	:: chosen[p] -> had_frame[p] = page[p]; had[p] = has[page[p]]
	:: else
	fi
}

/* Everything is checked before anything is changed; then the pages are rm's until it is done. */
inline donate_begin(a, b, keep)
{
	chosen[0] = a; chosen[1] = b;
	ok = !(ABSENT(0) || ABSENT(1) || BUSY(0) || BUSY(1));
	/* S may have been given so much already that no more goes into it. */
	ok = ok && !severed && server_alive && gift[0] == NO_FRAME && gift[1] == NO_FRAME;
	unshare(0, ok);
	if
	:: ok -> job = MOVES; keeps = keep; gifts++; remember(0); remember(1)
	:: else -> chosen[0] = 0; chosen[1] = 0
	fi;
	ok = 0;
	balanced()
}

/* Charge and limit go together, and so does the page. */
inline move(p)
{
	revoke(page[p]);
#ifdef WIPE_EARLY
	if :: !keeps -> has[page[p]] = ZERO :: else fi;
#endif
	gift[p] = page[p];
	page[p] = NO_FRAME;
	owner[gift[p]] = SESSION;
	charge[CLIENT]--; charge[SESSION]++;
	limit[CLIENT]--; limit[SESSION]++;
	donated[CLIENT]++;
	moved[p] = 1
}

/* A page comes back: to C, or its limit to C's parent where C is no more. Wiped, or with a result. */
inline give_back(p, content)
{
#ifdef RETURN_NOT_WIPED
	has[gift[p]] = content;
#else
	has[gift[p]] = (content == SECRET -> ZERO : content);
#endif
#ifndef RETURN_MAPPED
	revoke(gift[p]);
#endif
	charge[SESSION]--; limit[SESSION]--;
	wrote[p] = ZERO;
	if
	:: client_gone ->
		limit[PARENT]++; donated[PARENT]--;
		owner[gift[p]] = NOBODY; has[gift[p]] = ZERO
	:: else ->
#ifdef RETURN_WITHOUT_LIMIT
		limit[PARENT]++;
#else
		limit[CLIENT]++;
#endif
		donated[CLIENT]--;
		owner[gift[p]] = CLIENT; charge[CLIENT]++;
		page[p] = gift[p]
	fi;
	gift[p] = NO_FRAME
}

/* A donation fails: a page that was moved for it goes back with its content, nobody else had it. */
inline move_back(p)
{
	if
	:: chosen[p] ->
#ifndef UNDO_FORGOTTEN
		if
		:: moved[p] -> give_back(p, has[gift[p]])
		:: else
		fi;
#endif
		HOLDS(4, page[p] == had_frame[p]);
		HOLDS(4, has[page[p]] == had[p]);
		moved[p] = 0; chosen[p] = 0; had_frame[p] = 0; had[p] = 0
	:: else
	fi
}

/* From here on nothing is undone: only now may a content go that C did not give. */
inline hand_over(p)
{
	if
	:: chosen[p] ->
#ifndef WIPE_FORGOTTEN
		if :: !keeps -> has[gift[p]] = ZERO :: else fi;
#endif
		HOLDS(12, keeps || has[gift[p]] == ZERO);
		wrote[p] = has[gift[p]]; given[p] = 1;
		chosen[p] = 0; moved[p] = 0; had_frame[p] = 0; had[p] = 0
	:: else
	fi
}

#define FAILS (severed || !server_alive)
proctype Rm()
{
end:	do
	:: atomic { job == MOVES && !FAILS && chosen[0] && !moved[0] -> move(0) }
	:: atomic { job == MOVES && !FAILS && chosen[1] && !moved[1] -> move(1) }
	/* S is gone: all is as it was. */
	:: atomic { job == MOVES && FAILS ->
			move_back(0); move_back(1); job = IDLE; keeps = 0; balanced() }
	:: atomic { job == MOVES && !FAILS && chosen[0] == moved[0] && chosen[1] == moved[1] ->
			hand_over(0); hand_over(1); job = IDLE; keeps = 0; balanced() }
	od
}

/* ---- rm: the end of the session, and of C ----------------------------------------------------- */

inline end_gift(p)
{
	if
	:: gift[p] != NO_FRAME ->
#ifdef LIMIT_LOST
		charge[SESSION]--; owner[gift[p]] = NOBODY; gift[p] = NO_FRAME
#else
		give_back(p, SECRET) /* wiped: S is not asked */
#endif
	:: else
	fi
}

#ifdef NO_BARRIER
#define IS_DONE severed
#else
#define IS_DONE (severed && (acknowledged || !server_alive))
#endif
proctype Session_end()
{
end:	atomic { !server_alive || severed -> severed = 1 };
	atomic { IS_DONE && job == IDLE ->
		end_gift(0); end_gift(1);
		over = 1;
		HOLDS(11, gift[0] == NO_FRAME && gift[1] == NO_FRAME && donated[CLIENT] == 0);
		/* What is left is what C gave the session when it connected. */
		HOLDS(11, limit[SESSION] == 1 && charge[SESSION] == 0);
		if
		:: client_gone -> limit[PARENT]++; total[PARENT]++
		:: else -> limit[CLIENT]++; total[CLIENT]++
		fi;
		limit[SESSION] = 0;
		balanced() }
}

inline server_dies()
{
	server_alive = 0; given[0] = 0; given[1] = 0
}

/* A server that does not acknowledge in time is a failed one. */
proctype Deadline()
{
#ifdef NO_DEADLINE
	skip
#else
end:	atomic { severed && !acknowledged && server_alive -> server_dies() }
#endif
}

inline client_page_ends(p)
{
	if
	:: snap[p] != NO_FRAME && snap[p] != page[p] -> frame_free(snap[p])
	:: else -> snap[p] = NO_FRAME
	fi;
	if
	:: page[p] != NO_FRAME -> frame_free(page[p])
	:: else
	fi;
#ifdef GIFT_DIES_TOO
	if
	:: gift[p] != NO_FRAME -> frame_free(gift[p])
	:: else
	fi;
#endif
	sealed[p] = 0; pinned[p] = 0
}

#ifdef END_AT_ONCE
#define MAY_END 1 /* while a donation is under way */
#else
#define MAY_END (job == IDLE)
#endif
proctype Client_end()
{
	/* The session is severed (reason: bank); its bank becomes the parent's until it is over. */
end:	atomic { !client_alive -> severed = 1 };
	atomic { MAY_END ->
		client_page_ends(0); client_page_ends(1);
		total[PARENT] = total[PARENT] + total[CLIENT];
		limit[PARENT] = limit[PARENT] + limit[CLIENT];
		donated[PARENT] = donated[PARENT] + donated[CLIENT];
		limit[CLIENT] = 0; donated[CLIENT] = 0; total[CLIENT] = 0;
		client_gone = 1;
		if :: job == IDLE -> balanced() :: else fi }
}

/* ---- C and S --------------------------------------------------------------------------------- */

/* C's own touch. Absent memory is its own fault; a shared frame is read only to it. */
inline client_touch(p)
{
	if
	:: page[p] != NO_FRAME ->
		HOLDS(12, has[page[p]] != SECRET);
		mapped_client[page[p]] = 1;
		if
		:: SHARED(p) -> skip
		:: else -> has[page[p]] = OF_CLIENT
		fi
	:: else
	fi
}

#define CAN_GIVE (client_alive && job == IDLE && gifts < GIFTS)
#define CAN_USE(p) (client_alive && page[p] != NO_FRAME && !chosen[p])
proctype Client()
{
	bit ok;
end:	do
	:: atomic { CAN_GIVE -> donate_begin(1, 0, 0) }
	:: atomic { CAN_GIVE -> donate_begin(1, 1, 1) }
	:: atomic { CAN_GIVE -> donate_begin(1, 1, 0) }
	:: atomic { CAN_GIVE -> donate_begin(0, 1, 1) }
	:: atomic { client_alive && !chosen[0] -> client_touch(0) }
	:: atomic { client_alive && !chosen[1] -> client_touch(1) }
	:: atomic { CAN_USE(0) -> mapped_other[page[0]] = 1 }
	:: atomic { CAN_USE(0) && !sealed[0] -> sealed[0] = 1 }
	:: atomic { sealed[0] -> sealed[0] = 0 }
	:: atomic { CAN_USE(1) && !pinned[1] -> pinned[1] = 1 }
	:: atomic { pinned[1] -> pinned[1] = 0 }
	:: atomic { client_alive -> client_alive = 0 }
	:: client_alive /* or nothing: fairness makes nobody misbehave */
	od
}

#define UNTOUCHED(p) (!given[p] || \
	(gift[p] != NO_FRAME && owner[gift[p]] == SESSION && has[gift[p]] == wrote[p]))

/* A mapping that was made once is used, at any time. */
inline old_mapping(f)
{
	if
	:: mapped_client[f] || mapped_other[f] ->
		HOLDS(10, owner[f] != SESSION);
		HOLDS(1, owner[f] != NOBODY);
		HOLDS(12, has[f] != SECRET)
	:: else
	fi;
	if
	:: mapped_server[f] -> HOLDS(1, owner[f] == SESSION)
	:: else
	fi
}

/* What must not change is looked at, at any time. */
proctype Watch()
{
	byte f;
end:	do
	:: atomic { f < FRAMES -> old_mapping(f); f++ }
	:: atomic { f == FRAMES -> f = 0;
		HOLDS(10, UNTOUCHED(0)); HOLDS(10, UNTOUCHED(1));
		/* The snapshot has what it had, never what S wrote. */
		HOLDS(12, snap[0] == NO_FRAME || has[snap[0]] == OF_CLIENT);
		/* What was refused is there still. */
		HOLDS(4, !sealed[0] || page[0] != NO_FRAME || client_gone);
		HOLDS(4, !pinned[1] || page[1] != NO_FRAME || client_gone) }
	od
}

inline server_write(p, what)
{
	mapped_server[gift[p]] = 1;
	has[gift[p]] = what; wrote[p] = what
}

inline server_returns(p, content)
{
	given[p] = 0;
	give_back(p, content);
	balanced()
}

proctype Server()
{
end:	do
	:: atomic { server_alive && given[0] -> server_write(0, SECRET) }
	:: atomic { server_alive && given[1] -> server_write(1, SECRET) }
	:: atomic { server_alive && given[0] -> server_write(0, RESULT) }
	:: atomic { server_alive && given[0] && wrote[0] != SECRET -> server_returns(0, wrote[0]) }
	:: atomic { server_alive && given[0] -> server_returns(0, SECRET) }
	:: atomic { server_alive && given[1] -> server_returns(1, SECRET) }
	:: atomic { server_alive && !severed -> severed = 1 }
	:: atomic { server_alive && severed && !acknowledged ->
			acknowledged = 1; given[0] = 0; given[1] = 0 }
	:: atomic { server_alive -> server_dies() }
	:: server_alive /* or nothing: fairness makes nobody misbehave */
	od
}

init {
	atomic {
		limit[CLIENT] = PAYS; total[CLIENT] = PAYS;
		limit[PARENT] = 1; total[PARENT] = 1;
		limit[SESSION] = 1;
		page[0] = 0; page[1] = 1; owner[0] = CLIENT; owner[1] = CLIENT;
		has[0] = OF_CLIENT; has[1] = OF_CLIENT;
		snap[0] = 0; snap[1] = NO_FRAME;
		charge[CLIENT] = 2;
		run Client(); run Client_end(); run Server(); run Session_end(); run Deadline();
		run Rm(); run Watch()
	}
}

/* Who waits for a donation gets an answer; a session that is severed ends, with all that is due. */
ltl i8_donations { [] (job == MOVES -> <> (job == IDLE)) }
ltl i8_sessions { [] (severed -> <> over) }
