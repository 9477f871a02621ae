/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which class a fault is of (protocols.md, sections 4 and 5): revocation, shrinking, eviction, page-in
 * and fault in any order: I8, I13, I14, I16, and I18, I21, I22, I24 as far as they bear on it.
 *
 * Page 0 is a client's, which has lent it to a server. Two threads of the server read and write it, and
 * a thread of the client. With OWN_PAGE one thread of the server has a page of its own, too, page 1. rm evicts and pages in. The client
 * revokes, shrinks its dataspace and grows it again. The disk may lose what was written to it.
 *
 * A fault is a message to rm, which decides by its tables when it takes it; a thread that waits for a
 * page is decided upon anew when the page is in (fault_retry).
 */
#include "invariants.h"

#ifndef GROWS
#define GROWS 1 /* times that the client grows what it had shrunk */
#endif

/* address spaces */
#define SERVER 0
#define CLIENT 1
#define SPACE_OF(t) (t == 2 -> CLIENT : SERVER)
#define THREADS 3 /* 0 and 1 are the server's, 2 the client's */

/* a page's state (section 5); what is not needed to tell faults apart is left out */
#define RESIDENT 0
#define WRITEBACK 1
#define SWAPPED 2
#define LOADING 3
#define LOST 4
#define ABSENT 5 /* beyond the end of its dataspace */
byte state[2] = RESIDENT;
byte grown[2];    /* how often it was made anew: of what page a load is */
byte frame[2];    /* what is in its frame; */
byte swap[2];     /* in its slot of the disk, */
bit bad[2];       /* which is no more what was written */
byte content[2];  /* ghost: and what should be in it */
#define GARBAGE 7 /* of whom the frame belongs to next */

/* mappings: page 0 in both spaces, page 1 in the server's; map[2 * page + space] */
#define NONE 0
#define READ 1
#define WRITE 2
byte map[4];
#define MAP(p, t) map[2 * (p) + SPACE_OF(t)]

bit share_ended;       /* rm's table: the share is no more */
bit share_revoked;     /* ghost: and the revoke has returned */

/* threads */
#define RUNS 0
#define STANDS 1
#define GOES_ON 2
#define GETS_GONE 3
#define GETS_AGAIN 4
#define GETS_LOST 5
byte thread[THREADS];
byte page[THREADS], right[THREADS]; /* of the access */
bit nowait[THREADS];                /* NOWAIT: rather an error than to stand */
bit waits[THREADS];                 /* for the page that is loading */
bit grace[THREADS];                 /* the page came for it, and it has not run yet */
bit busy[THREADS];                  /* ghost: amid an access */
chan faults = [THREADS] of { byte };

/* ---- rm: faults -------------------------------------------------------------------------------- */

#ifdef NO_GRACE
#define GRACE 0
#else
#define GRACE 1
#endif

inline mapped(t, p, what)
{
	MAP(p, t) = what; grace[t] = GRACE; thread[t] = GOES_ON
}

#define THERE(t, p) (MAP(p, t) >= right[t])
#define IS_GONE (share_ended || state[0] == ABSENT)

#ifdef NOWAIT_FORGOTTEN
#define NOT_STANDING(t) 0
#else
#define NOT_STANDING(t) nowait[t]
#endif
inline wait_for(t)
{
	if
	:: NOT_STANDING(t) -> thread[t] = GETS_AGAIN
	:: else -> HOLDS(16, !nowait[t]); waits[t] = 1
	fi
}

inline is_gone(t, p)
{
	/* Of a page that is only out, or came to harm on the disk, this is never said. */
	HOLDS(16, p == 0 && IS_GONE);
	thread[t] = GETS_GONE
}

inline page_in(t, p)
{
	if
	:: state[p] == RESIDENT -> mapped(t, p, WRITE)
	:: state[p] == WRITEBACK && right[t] == READ -> mapped(t, p, READ)
	:: state[p] == WRITEBACK && right[t] == WRITE ->
#ifdef FRAME_EARLY
		frame[p] = GARBAGE;
#endif
		state[p] = RESIDENT; mapped(t, p, WRITE) /* the write-out counts for nothing */
	:: state[p] == SWAPPED -> state[p] = LOADING; wait_for(t)
	:: state[p] == LOADING -> wait_for(t)
	:: state[p] == LOST ->
#ifdef LOST_IS_GONE
		is_gone(t, p)
#else
		HOLDS(16, bad[p]); thread[t] = GETS_LOST
#endif
	:: state[p] == ABSENT -> is_gone(t, p)
	fi
}

/* In the order of section 4. (1 and 4, S's own mistakes, are not in this model.) */
inline decide(t, p)
{
	if
#ifndef STALE_IS_GONE
	:: THERE(t, p) -> grace[t] = GRACE; thread[t] = GOES_ON /* 2 */
	:: !THERE(t, p) && (p == 1 || t == 2) -> page_in(t, p) /* 3: own memory */
#else
	:: p == 1 || t == 2 -> page_in(t, p)
#endif
#ifdef UNMAPPED_IS_GONE
	:: !THERE(t, p) && p == 0 && t != 2 -> is_gone(t, p)
#else
#ifdef STALE_IS_GONE
	:: p == 0 && t != 2 && THERE(t, p) -> is_gone(t, p)
#endif
	:: !THERE(t, p) && p == 0 && t != 2 ->
		if
#ifdef REVOKED_PAGES_IN
		:: state[0] != ABSENT -> HOLDS(16, !share_ended); page_in(t, p)
		:: else -> is_gone(t, p)
#else
		:: !IS_GONE -> page_in(t, p) /* 6 */
		:: else -> is_gone(t, p) /* 7 */
#endif
		fi
#endif
	fi
}

proctype Faults()
{
	byte t;
end:	do
	:: atomic { faults?t -> decide(t, page[t]); t = 0 }
	od
}

/* ---- rm: paging ---------------------------------------------------------------------------------- */

#define USED(p) ((grace[0] && page[0] == p) || (grace[1] && page[1] == p) || (grace[2] && page[2] == p))
inline read_only(p, space)
{
	if :: map[2 * p + space] == WRITE -> map[2 * p + space] = READ :: else fi
}

proctype Evict(byte p)
{
	byte captured;
end:	do
	:: atomic { state[p] == RESIDENT && !USED(p) ->
#ifndef WRITABLE_MEANWHILE
			read_only(p, SERVER); read_only(p, CLIENT);
#endif
			state[p] = WRITEBACK; captured = frame[p] };
		/* Only when it is stored, nobody wrote to it, and who it came for has used it. */
		atomic {
			if
			:: state[p] == WRITEBACK && !USED(p) ->
				swap[p] = captured; bad[p] = 0; frame[p] = GARBAGE;
				map[2 * p] = NONE; map[2 * p + 1] = NONE;
				state[p] = SWAPPED
			:: state[p] == WRITEBACK && USED(p) -> state[p] = RESIDENT
			:: else
			fi;
			captured = 0 }
	od
}

inline wake(t, p)
{
	if
	:: waits[t] && page[t] == p ->
		waits[t] = 0;
#ifdef LOAD_MAPS
		if
		:: state[p] == RESIDENT -> mapped(t, p, WRITE)
		:: else -> faults!t
		fi
#else
#ifndef GRACE_LATE
		/* The pin begins here: the page is not to go again before the decision. */
		if :: state[p] == RESIDENT -> grace[t] = GRACE :: else fi;
#endif
		faults!t /* decided upon anew */
#endif
	:: else
	fi
}

#ifdef LOAD_OF_OLD_PAGE
#define SAME(p, which) 1
#else
#define SAME(p, which) (grown[p] == which)
#endif
/* The load of a page; a page that is no more, or was made anew, has nothing to do with it. */
proctype Load(byte p)
{
	byte which;
end:	do
	:: atomic { state[p] == LOADING -> which = grown[p] };
		atomic {
			if
			:: SAME(p, which) && state[p] == LOADING ->
				if
#ifndef SWAP_BELIEVED
				:: bad[p] -> state[p] = LOST
				:: !bad[p] -> frame[p] = swap[p]; state[p] = RESIDENT
#else
				:: frame[p] = (bad[p] -> GARBAGE : swap[p]); state[p] = RESIDENT
#endif
				fi
			:: !SAME(p, which) || state[p] != LOADING ->
#ifdef LOAD_OF_OLD_PAGE
				if :: state[p] == RESIDENT -> frame[p] = swap[p] :: else fi
#else
				skip
#endif
			fi;
			wake(0, p);
#ifndef ONE_WOKEN
			wake(1, p); wake(2, p);
#endif
			which = 0 }
	od
}

proctype Disk()
{
end:	do
	:: atomic { state[0] == SWAPPED && !bad[0] -> bad[0] = 1 }
	:: atomic { state[1] == SWAPPED && !bad[1] -> bad[1] = 1 }
	:: grown[0] <= GROWS /* or nothing: fairness makes nobody misbehave */
	od
}

/* ---- the client's power ---------------------------------------------------------------------------- */

/* Who waits for the page is decided upon anew. */
inline wake_all()
{
#ifndef WAITERS_FORGOTTEN
	wake(0, 0); wake(1, 0); wake(2, 0)
#else
	skip
#endif
}

proctype Client_power()
{
end:	do
	:: atomic { !share_ended -> share_ended = 1;
			map[SERVER] = NONE; share_revoked = 1;
			if :: page[0] == 0 -> grace[0] = 0 :: else fi;
			if :: page[1] == 0 -> grace[1] = 0 :: else fi }
	/* It shrinks its dataspace: the page is no more, whatever it was doing. */
	:: atomic { state[0] != ABSENT && grown[0] < GROWS ->
			state[0] = ABSENT; frame[0] = GARBAGE; bad[0] = 0;
			map[SERVER] = NONE; map[CLIENT] = NONE;
			if :: page[0] == 0 -> grace[0] = 0 :: else fi;
			if :: page[1] == 0 -> grace[1] = 0 :: else fi;
			grace[2] = 0;
			wake_all() }
	:: atomic { state[0] == ABSENT && grown[0] < GROWS ->
			grown[0]++; state[0] = RESIDENT; frame[0] = 0; content[0] = 0 }
	:: grown[0] <= GROWS /* or nothing: fairness makes nobody misbehave */
	od
}

/* ---- threads --------------------------------------------------------------------------------------- */

inline touch(t, p)
{
	grace[t] = 0; busy[t] = 0;
	HOLDS(13, p == 1 || t == 2 || !share_revoked);
	HOLDS(18, frame[p] == content[p]);
	if
	:: right[t] == WRITE -> frame[p] = 1 - content[p]; content[p] = frame[p]
	:: else
	fi
}

inline begin(t, p, what, mode)
{
	page[t] = p; right[t] = what; nowait[t] = mode; busy[t] = 1
}

inline ends(t)
{
	page[t] = 0; right[t] = 0; nowait[t] = 0; busy[t] = 0; thread[t] = RUNS; grace[t] = 0
}

proctype Thread(byte t)
{
end:	do
	:: atomic { t == 2 || !share_revoked ->
			if
			:: begin(t, 0, WRITE, 0)
			:: t < 2 -> begin(t, 0, READ, 0)
			:: t == 0 -> begin(t, 0, READ, 1)
			fi }
		access: do
		:: atomic { THERE(t, page[t]) -> touch(t, page[t]); ends(t); break }
		:: atomic { !THERE(t, page[t]) -> thread[t] = STANDS; faults!t };
			if
			:: atomic { thread[t] == GOES_ON -> thread[t] = RUNS }
			:: atomic { thread[t] > GOES_ON -> ends(t); break }
			fi
		od
#ifdef OWN_PAGE
	:: atomic { t < 2 -> begin(t, 1, WRITE, 0) };
		goto access
#endif
	od
}

init {
	atomic {
		run Thread(0); run Thread(2);
		run Faults(); run Evict(0); run Load(0); run Disk(); run Client_power();
#ifdef OWN_PAGE
		run Evict(1); run Load(1)
#else
		run Thread(1)
#endif
	}
}

/* A missing page blocks nobody for ever, and each resume makes progress. */
ltl i14_server { [] (busy[0] -> <> (!busy[0])) }
ltl i22_client { [] (busy[2] -> <> (!busy[2])) }
