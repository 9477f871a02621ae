/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sharing, windows, guards and the cut-off (protocols.md, sections 3 and 4): I7, I8, I9, I13, I14,
 * I15, I17.
 *
 * Two clients, each of one page, which it lends to a server of two threads. A request comes by the
 * endpoint; the thread that receives it maps a window, reads the page in a guard (FETCH), changes its
 * state (COMMIT), writes the page (DELIVER), answers, and unmaps the window. Client 0 seals, revokes
 * (now, or when it is released), lends again, passes its capability to an accomplice, dies, and
 * connects again, at any moment. It is cut off when a window's policy is SEVER and its page was gone.
 * Client 1 is honest.
 *
 * A fault is a message to rm: anything happens before rm decides upon it. The cut-off is in steps, with
 * anything in between: mark, Revoke, CancelBadgedSends and Delete, empty the windows; only then do the
 * threads go on that faulted.
 */
#include "invariants.h"

#define THREADS 2
#define PLACES 2 /* addresses in S's arena */
#ifndef GENS
#define GENS 2   /* sessions of client 0, one after the other */
#endif
#ifndef SHARES
#define SHARES 1 /* and shares in each */
#endif
#define NOBODY 9

/* ---- the kernel: capabilities, queue, mappings ------------------------------------------------ */

byte holds[3];   /* the badge of the endpoint that client 0, client 1, the accomplice has; 0: none */
byte sent[3];    /* the badge of the message of theirs that stands in the queue */
bit waits[3];    /* for an answer */
chan queue = [3] of { byte };
#define CLIENT_OF(sender) (sender == 1)

/* What a place in S's address space shows. */
#define NOTHING 0
#define PAGE 1
#define ZEROS 2  /* a page of S's own stands in */
byte shows[PLACES];

/* ---- rm -------------------------------------------------------------------------------------- */

#define OPEN 1
#define MARKED 2
#define REVOKED 3
#define PURGED 4
#define CUT 5    /* all is done, and S is told */
#define OVER 6   /* S has acknowledged, ids may be used again */
byte state[2];
byte gen[2];     /* of the session, and its badge */

#define LENT 1
#define WANTED 2 /* revoked when released: until no window is on it */
#define ENDING 3 /* revoked now */
#define ENDED 4
byte share[2];
byte share_gen[2];
bit sealed[2];

byte window[PLACES] = NOBODY; /* the client; NOBODY: free for another window */
byte window_share[PLACES];    /* the generation of its share */
bit severs[PLACES];           /* the policy: SEVER, or REPORT */
bit firm[PLACES];             /* its share is sealed: S needs no guard */

chan faults = [THREADS] of { byte };
#define RUNS 0
#define STANDS 1
#define GOES_ON 2
#define LEAVES 3 /* the operation is aborted */
byte thread[THREADS];
bit waits_cut[THREADS];       /* in a fault, until its session is cut */

/* ---- S --------------------------------------------------------------------------------------- */

byte serves[THREADS] = NOBODY; /* a client */
byte place[THREADS];           /* of the window that it works in */
bit guarded[THREADS];
bit gone[THREADS];             /* its guard says so */
bit half[THREADS];             /* ghost: its state is half changed */
bit kept[2];                   /* ghost: S has something for the session */

bit client_alive = 1;
bit violated[2];               /* ghost: it took away what S was to rely on */
bit revoked[PLACES];           /* ghost: a revoke of the window's share has returned */

/* ---- rm: the end of a session ----------------------------------------------------------------- */

inline unqueue(sender)
{
	if
	:: sent[sender] != 0 -> queue??eval(sender); sent[sender] = 0; waits[sender] = 0
	:: else
	fi
}

#define SHOWS_PAGE_OF(w, c) (window[w] == c && shows[w] == PAGE && !firm[w])
inline is_cut_off(c)
{
	HOLDS(17, holds[c] == 0 && sent[c] == 0);
	HOLDS(17, c == 1 || (holds[2] == 0 && sent[2] == 0));
	HOLDS(17, !SHOWS_PAGE_OF(0, c) && !SHOWS_PAGE_OF(1, c))
}

inline empty_window(w, c)
{
	if
#ifdef SEALED_GONE_AT_SEVER
	:: window[w] == c && shows[w] == PAGE -> shows[w] = NOTHING
#else
	:: SHOWS_PAGE_OF(w, c) -> shows[w] = NOTHING
#endif
	:: else
	fi
}

/* The guard of the thread says how it goes on. */
inline goes_on(t)
{
	waits_cut[t] = 0;
	gone[t] = 1;
	if
	:: thread[t] = LEAVES
	:: shows[place[t]] = ZEROS; thread[t] = GOES_ON
	fi
}

inline revoke_caps(c)
{
	holds[c] = 0;
	if
#ifdef COPY_KEPT
	:: c == 0 -> skip
#else
	:: c == 0 -> holds[2] = 0
#endif
	:: else
	fi
}

inline cancel_sends(c)
{
	unqueue(c);
	if :: c == 0 -> unqueue(2) :: else fi
}

proctype Cut_job(byte c)
{
end:	do
#ifdef CANCEL_FIRST
	:: atomic { state[c] == MARKED -> cancel_sends(c); state[c] = REVOKED }
	:: atomic { state[c] == REVOKED -> revoke_caps(c); state[c] = PURGED }
#else
	:: atomic { state[c] == MARKED -> revoke_caps(c); state[c] = REVOKED }
	:: atomic { state[c] == REVOKED ->
#ifndef NO_CANCEL
			cancel_sends(c);
#endif
			state[c] = PURGED }
#endif
	:: atomic { state[c] == PURGED ->
#ifndef WINDOWS_KEPT
			empty_window(0, c); empty_window(1, c);
#endif
			share[c] = ENDED; state[c] = CUT }
	/* Only then. */
	:: atomic { state[c] == CUT && waits_cut[0] && serves[0] == c -> is_cut_off(c); goes_on(0) }
	:: atomic { state[c] == CUT && waits_cut[1] && serves[1] == c -> is_cut_off(c); goes_on(1) }
	od
}

/* ---- rm: faults, in the order of section 4 ----------------------------------------------------- */

#ifdef OLD_WINDOW_NEW_SHARE
#define ANY_SHARE 1
#else
#define ANY_SHARE 0
#endif

inline decide(t, c)
{
	if
	:: shows[place[t]] != NOTHING -> thread[t] = GOES_ON /* 2: it is there meanwhile */
	:: else ->
		HOLDS(14, guarded[t]); /* 4 would be S's own mistake, and its end */
		if
		:: state[c] == CUT -> goes_on(t) /* 5 */
		:: state[c] > OPEN && state[c] < CUT -> waits_cut[t] = 1
		:: state[c] == OPEN && (share[c] == LENT || share[c] == WANTED) &&
			(window_share[place[t]] == share_gen[c] || ANY_SHARE) ->
			shows[place[t]] = PAGE; thread[t] = GOES_ON /* 6: it is C's still */
		:: else ->
			HOLDS(14, share[c] != WANTED || window_share[place[t]] != share_gen[c]);
			if
			:: severs[place[t]] -> /* 7: only its owner is cut off */
				HOLDS(17, violated[c]);
				state[c] = MARKED;
#ifdef RESUMED_FIRST
				is_cut_off(c); goes_on(t)
#else
				waits_cut[t] = 1
#endif
			:: else -> goes_on(t)
			fi
		fi
	fi
}
proctype Faults()
{
	byte t, c;
end:	do
	:: atomic { faults?t -> c = window[place[t]];
			HOLDS(14, c != NOBODY); /* 1 would be S's own mistake */
			decide(t, c); t = 0; c = 0 }
	od
}

/* ---- rm: the end of a share -------------------------------------------------------------------- */

#define ON(w) (window[w] == 0 && window_share[w] == share_gen[0])
inline revoke_window(w)
{
	if
	:: ON(w) ->
		if :: shows[w] == PAGE -> shows[w] = NOTHING :: else fi;
#ifdef PLACE_FREED
		window[w] = NOBODY
#endif
	:: else
	fi
}

#ifdef UNMARKED
#define ENDS(which) (share_gen[0] == which && share[0] == LENT)
#else
#define ENDS(which) (share_gen[0] == which && share[0] == ENDING)
#endif
/* By the client, now: also what unmap, shrink and the destruction of its memory do. */
proctype Revoke()
{
	byte which;
end:	do
#ifdef UNMARKED
	/* The windows first, and then the mark. */
	:: atomic { share[0] == ENDING -> which = share_gen[0];
			share[0] = LENT; revoke_window(0); revoke_window(1) };
#else
	:: atomic { share[0] == ENDING -> which = share_gen[0]; revoke_window(0) };
#ifndef ONE_WINDOW_KEPT
		atomic { if :: ENDS(which) -> revoke_window(1) :: else fi };
#endif
#endif
		/* It returns. The session may have ended meanwhile, and the share with it. */
		atomic { if
		:: ENDS(which) ->
			share[0] = ENDED;
			if :: ON(0) -> revoked[0] = 1 :: else fi;
			if :: ON(1) -> revoked[1] = 1 :: else fi
		:: else
		fi;
			which = 0 }
	/* When released: no window is on it any more. */
	:: atomic { share[0] == WANTED && !ON(0) && !ON(1) -> share[0] = ENDED }
	od
}

/* ---- clients ----------------------------------------------------------------------------------- */

inline send(c)
{
	sent[c] = holds[c]; waits[c] = 1; queue!c
}

inline open(c)
{
	HOLDS(9, !kept[c] && serves[0] != c && serves[1] != c);
	gen[c]++; state[c] = OPEN; holds[c] = gen[c];
	share[c] = LENT; share_gen[c]++; sealed[c] = 0; violated[c] = 0; kept[c] = 1
}

#ifdef NO_BARRIER
#define MAY_OPEN (state[0] >= CUT)
#else
#define MAY_OPEN (state[0] == OVER)
#endif
#ifdef SEAL_IGNORED
#define MAY_REVOKE (share[0] == LENT)
#else
#define MAY_REVOKE (share[0] == LENT && !sealed[0])
#endif
proctype Hostile()
{
end:	do
	:: atomic { holds[0] != 0 && !waits[0] -> send(0) }
	:: atomic { holds[0] != 0 -> holds[2] = holds[0] }
	:: atomic { holds[2] != 0 && !waits[2] -> send(2) }
	:: atomic { state[0] == OPEN && share[0] == LENT && !sealed[0] -> sealed[0] = 1 }
	:: atomic { state[0] == OPEN && MAY_REVOKE -> share[0] = ENDING; violated[0] = 1 }
	:: atomic { state[0] == OPEN && MAY_REVOKE -> share[0] = WANTED }
	:: atomic { state[0] == OPEN && share[0] == ENDED && share_gen[0] < SHARES * gen[0] ->
			share[0] = LENT; share_gen[0]++; sealed[0] = 0 }
	/* It dies, or severs; another comes in its place. */
	:: atomic { state[0] == OPEN -> state[0] = MARKED }
	:: atomic { MAY_OPEN && gen[0] < GENS -> open(0) }
	:: gen[0] <= GENS /* or nothing: fairness makes nobody misbehave */
	od
}

proctype Honest()
{
end:	do
	:: atomic { holds[1] != 0 && !waits[1] -> send(1) }
	od
}

/* ---- S ----------------------------------------------------------------------------------------- */

/* An access to client memory, until it is done or the operation is left. */
inline access()
{
	do
	:: left -> break
	:: atomic { !left && shows[w] == PAGE ->
		HOLDS(14, window[w] == c); /* an address does not come to mean something else */
		HOLDS(13, !revoked[w]);
		break }
	:: atomic { !left && shows[w] == ZEROS ->
		HOLDS(14, gone[t]); /* zeros, and the guard says so */
		break }
	:: atomic { !left && shows[w] == NOTHING -> thread[t] = STANDS; faults!t };
		if
		:: atomic { thread[t] == GOES_ON -> thread[t] = RUNS }
		:: atomic { thread[t] == LEAVES -> thread[t] = RUNS; left = 1;
				HOLDS(15, !half[t]) }
		fi
	od
}

inline map_at(p)
{
	w = p; window[p] = c; window_share[p] = share_gen[c]; firm[p] = sealed[c];
	/* What is sealed, and what is lent, is there at once; else at the first access. */
	shows[p] = (sealed[c] -> PAGE : NOTHING); revoked[p] = 0
}

/* What the rules let it map: not what is to be released, or ended. */
#define MAY_MAP (state[c] == OPEN && share[c] == LENT)
inline window_map()
{
	atomic {
	if
	:: MAY_MAP && window[0] == NOBODY -> map_at(0)
	:: MAY_MAP && window[1] == NOBODY -> map_at(1)
	:: !MAY_MAP -> left = 1
	fi;
	if
	:: !left ->
		place[t] = w;
		if :: severs[w] = 0 :: severs[w] = 1 fi;
		guarded[t] = !firm[w]
	:: else
	fi }
}

inline request_begins()
{
	queue?from;
	c = CLIENT_OF(from);
	HOLDS(7, state[c] < CUT && sent[from] == gen[c]);
	HOLDS(9, kept[c]);
	sent[from] = 0; serves[t] = c; left = 0; mapped = 0
}

inline request_ends()
{
	guarded[t] = 0; gone[t] = 0; half[t] = 0; place[t] = 0;
	if
	:: mapped && window[w] == c ->
		window[w] = NOBODY; shows[w] = NOTHING; severs[w] = 0; firm[w] = 0; revoked[w] = 0;
		window_share[w] = 0
	:: else
	fi;
	waits[from] = 0; serves[t] = NOBODY; c = 0; w = 0; from = 0; left = 0; mapped = 0
}

proctype Server(byte t)
{
	byte c, w, from;
	bit left, mapped;
end:	do
	:: atomic { nempty(queue) -> request_begins() };
		window_map();
		if
		:: !left ->
			mapped = 1;
#ifdef COMMIT_IN_FETCH
			half[t] = 1;
#endif
			access();
			if
			:: !left ->
				half[t] = 1;
				atomic { HOLDS(9, kept[c]); half[t] = 0 };
				access()
			:: else
			fi
#ifdef ACCESS_AFTER_GUARD
			;
			if
			:: !left -> guarded[t] = 0; access()
			:: else
			fi
#endif
		:: else
		fi;
		atomic { request_ends() }
	od
}

/* The per-session cleanup: in S's loop, once none of its threads works for the session. */
#define WORKS_FOR(c) (serves[0] == c || serves[1] == c)
#ifdef CLEANUP_AT_ONCE
#define MAY_CLEAN(c) (state[c] == CUT)
#else
#define MAY_CLEAN(c) (state[c] == CUT && !WORKS_FOR(c))
#endif
proctype Cleanup(byte c)
{
end:	do
	:: atomic { MAY_CLEAN(c) -> kept[c] = 0 };
		atomic { state[c] == CUT -> state[c] = OVER }
	/* It releases what is sealed when it has no window on it. */
	:: atomic { state[c] == OPEN && sealed[c] && !(firm[0] && window[0] == c) &&
			!(firm[1] && window[1] == c) -> sealed[c] = 0 }
	od
}

init {
	atomic {
		open(0); open(1);
		run Server(0); run Server(1); run Cleanup(0); run Cleanup(1); run Hostile(); run Honest();
		run Faults(); run Revoke(); run Cut_job(0); run Cut_job(1)
	}
}

/* A vanished page blocks nobody, revoking ends, cleaning up ends, an honest client is served. */
ltl i14_threads { [] (thread[0] == STANDS -> <> (thread[0] != STANDS)) }
ltl i13_revoke { [] (share[0] == ENDING -> <> (share[0] != ENDING)) }
ltl i8_released { [] (share[0] == WANTED -> <> (share[0] != WANTED)) }
ltl i8_sessions { [] (state[0] == MARKED -> <> (state[0] != MARKED)) }
ltl i8_honest { [] (waits[1] -> <> (!waits[1])) }
