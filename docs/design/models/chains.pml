/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shares that are passed on, sealed and wanted back (protocols.md, 3.3, 3.4, 3.6; rm/core/share.c): I8,
 * I13, I14, I17.
 *
 *     C ---- session 0 ----> S1 ---- session 1 ----> S2
 *        share 0                share 1, a part of it
 *
 * Share 0 is sealed, or not, and so is what S1 passes on of it. C revokes it, wants it back, shrinks its
 * dataspace, severs, dies with its bank. S1 passes on, takes back, wants back, releases; both servers
 * map a window with either policy, look, unmap, sever, acknowledge or not, and die. Each may happen
 * between any two steps of rm: the end of a share is one step for each child, window and record.
 *
 * A server keeps its own rules: it unmaps before it releases, and looks at nothing that it gave back.
 */
#include "invariants.h"

byte state[2];     /* of the sessions */
#define OPEN 0
#define MARKED 1
#define REVOKED 2  /* no capability is left */
#define CUT 3      /* no share that is not sealed is left, the server is told */
#define OVER 4
bit left[2];       /* the server has acknowledged, or is dead and gone */
bit alive[2] = 1;  /* the servers */

byte share[2];
#define NONE 0
#define LENT 1
#define DYING 2
#define ENDED 3
bit sealed[2], wanted[2];
bit part;          /* share 1 is a part of share 0 */
byte seals;        /* of the dataspace */

byte memory;       /* C's dataspace */
#define THERE 0
#define SHRUNK 1   /* its page is no more */
#define ENDING 2   /* with its bank */
#define GONE 3
bit memory_waits;  /* its end does, for the seals */

byte window[2];
#define SHOWS 1
#define HIDDEN 2   /* its share, or its dataspace, is no more */
bit mapped[2], severs[2];
byte owner[2];     /* of the window: whose session it is, when the share cannot be asked any more */

bit faults[2];     /* the server's thread stands */
bit waits_cut[2];
byte blamed[2];

bit took[2];       /* ghost: the session's client took its share away, or the page */
bit promised[2];   /* ghost: the window is on sealed pages, and its server has not let go */

/* ---- rm: the end of a session, the end of a share ---------------------------------------------- */

#define SEVER(s) state[s] = (state[s] == OPEN -> MARKED : state[s])

/* What is sealed is so no more. */
inline close(n)
{
	if
	:: sealed[n] ->
		sealed[n] = 0; seals--;
#ifndef CLOSE_WAKES_NOBODY
		if :: seals == 0 -> memory_waits = 0 :: else fi
#endif
	:: else
	fi
}

inline kill(n)
{
	if
	:: share[n] == LENT -> share[n] = DYING; close(n)
	:: else
	fi
}

inline leaves(s)
{
	left[s] = 1; promised[s] = 0;
	/* What it passed on with a promise is not to be had back by its own means. */
	if :: s == 0 -> took[1] = 1 :: else fi;
#ifdef SEAL_NEEDS_RELEASE
	skip
#else
	close(s)
#endif
}

#define HAS_PART (part && (share[1] == LENT || share[1] == DYING))
#ifdef RECALL_LOOKS_NOT
#define IS_USED(n) 0
#else
#define IS_USED(n) (window[n] == SHOWS || (n == 0 && HAS_PART))
#endif
/* It is wanted back, and nobody uses it. */
inline settle(n)
{
	if
	:: share[n] == LENT && wanted[n] && !IS_USED(n) -> kill(n)
	:: else
	fi
}

/* Of the shares on the way to the client the last that has ended; else the first one's. */
#if defined(BLAME_NEAREST)
#define TO_BLAME(n) (n == 1 && part && share[1] != DYING -> 0 : n)
#elif defined(BLAME_FIRST)
#define TO_BLAME(n) (n == 1 && part -> 0 : n)
#else
#define TO_BLAME(n) (n == 1 && part && (share[0] == DYING || share[1] != DYING) -> 0 : n)
#endif

inline hide(n)
{
#if defined(BLAME_OF_SEVER)
	if :: severs[n] -> owner[n] = TO_BLAME(n) :: else fi;
#elif !defined(BLAME_FORGOTTEN)
	owner[n] = TO_BLAME(n);
#endif
	mapped[n] = 0; window[n] = HIDDEN
}

inline free(n)
{
	share[n] = ENDED; wanted[n] = 0;
	if
	:: n == 1 && part -> part = 0;
#ifndef PARENT_NOT_SETTLED
		settle(0)
#endif
	:: else
	fi
}

proctype Share_end(byte n)
{
end:	do
	/* What was passed on ends first; what was so with a promise stays, and its server is to let go. */
#ifndef PART_KEPT
	:: atomic { n == 0 && share[0] == DYING && HAS_PART && !sealed[1] && share[1] == LENT -> kill(1) }
#ifdef SEALED_PART_ENDS
	:: atomic { n == 0 && share[0] == DYING && HAS_PART && sealed[1] -> kill(1) }
#else
	:: atomic { n == 0 && share[0] == DYING && HAS_PART && sealed[1] ->
			part = 0;
#ifndef SEALED_PART_LEFT
			SEVER(1)
#endif
		}
#endif
#define PART_IS_OUT HAS_PART
#else
#define PART_IS_OUT 0
#endif
	:: atomic { share[n] == DYING && !(n == 0 && PART_IS_OUT) && window[n] == SHOWS -> hide(n) }
	:: atomic { share[n] == DYING && !(n == 0 && PART_IS_OUT) && window[n] != SHOWS -> free(n) }
	od
}

#ifdef SEALED_GOES_AT_SEVER
#define STAYS(n) 0
#else
#define STAYS(n) sealed[n]
#endif
#define HAS_ENDED(n) (share[n] == NONE || share[n] == ENDED)
proctype Session_end(byte s)
{
end:	do
	:: atomic { state[s] == MARKED -> state[s] = REVOKED }
	:: atomic { state[s] == REVOKED && share[s] == LENT && !STAYS(s) -> kill(s) }
	:: atomic { state[s] == REVOKED && (HAS_ENDED(s) || sealed[s]) -> state[s] = CUT }
	/* The server is dead: nobody needs to acknowledge. */
	:: atomic { state[s] == CUT && !alive[s] && !left[s] -> leaves(s) }
	:: atomic { state[s] == CUT && left[s] && share[s] == LENT && !sealed[s] -> kill(s) }
	:: atomic { state[s] == CUT && left[s] && HAS_ENDED(s) -> state[s] = OVER }
	od
}

inline dies(s)
{
	alive[s] = 0; promised[s] = 0; window[s] = NONE; mapped[s] = 0;
	faults[s] = 0; waits_cut[s] = 0; blamed[s] = 0; severs[s] = 0; owner[s] = 0;
	SEVER(s);
	if :: s == 0 -> took[1] = 1; SEVER(1) :: else fi
}

/* A server that does not acknowledge in time is a failed one. */
proctype Deadline(byte s)
{
#ifdef NO_DEADLINE
	skip
#else
end:	do
	:: atomic { state[s] > OPEN && state[s] < OVER && !left[s] && alive[s] -> dies(s) }
	od
#endif
}

/* ---- rm: the end of the dataspace ---------------------------------------------------------------- */

inline lose_window(n)
{
	mapped[n] = 0;
	if :: window[n] == SHOWS -> window[n] = HIDDEN :: else fi
}

#ifdef SEAL_ENDS_WITH_CLIENT
#define HELD 0
#else
#define HELD (seals > 0)
#endif
proctype Memory_end()
{
end:	do
	:: atomic { memory == ENDING && HELD && !memory_waits ->
#ifndef NOBODY_SEVERED
			/* Only to whom its owner sealed it: the others are told along the chain. */
			if :: sealed[0] -> SEVER(0) :: else fi;
			if :: sealed[1] && !part -> SEVER(1) :: else fi;
#endif
			memory_waits = 1 }
	:: atomic { memory == ENDING && !HELD && !memory_waits ->
			lose_window(0); lose_window(1); memory = GONE;
			settle(0); settle(1) }
	od
}

/* ---- rm: faults ------------------------------------------------------------------------------------ */

#define FOUND(n) (share[n] == LENT && (sealed[n] || !(n == 1 && part) || share[0] == LENT))
#define RESOLVED(n) (window[n] == SHOWS && FOUND(n) && (memory == THERE || (memory == ENDING && sealed[n])))
#define HAS_NOT_ENDED(n) (share[n] == LENT || share[n] == DYING)
/* What the window was hidden for counts, and not why the share ended afterwards. */
#ifdef BLAME_OF_THE_SETTLED
#define ASKS_SHARE(n) HAS_NOT_ENDED(n)
#else
#define ASKS_SHARE(n) (window[n] == SHOWS && HAS_NOT_ENDED(n))
#endif
proctype Faults(byte n)
{
end:	do
	:: atomic { faults[n] && !waits_cut[n] && RESOLVED(n) -> mapped[n] = 1; faults[n] = 0 }
	:: atomic { faults[n] && !waits_cut[n] && !RESOLVED(n) ->
			HOLDS(14, !promised[n]);
			if
			:: ASKS_SHARE(n) -> blamed[n] = TO_BLAME(n)
			:: else -> blamed[n] = owner[n]
			fi;
			/* Who is severed, or named to a handler, took it away; or its session is over anyway. */
			HOLDS(17, took[blamed[n]] || state[blamed[n]] != OPEN);
			if
			:: severs[n] -> SEVER(blamed[n]); waits_cut[n] = 1
			:: else -> faults[n] = 0; blamed[n] = 0
			fi }
	/* Only then. */
#ifdef RESUMED_FIRST
	:: atomic { waits_cut[n] ->
#else
	:: atomic { waits_cut[n] && state[blamed[n]] >= CUT ->
#endif
			HOLDS(17, state[blamed[n]] >= CUT);
			waits_cut[n] = 0; faults[n] = 0; blamed[n] = 0 }
	od
}

/* ---- C --------------------------------------------------------------------------------------------- */

#ifdef SEAL_REVOKED
#define MAY_REVOKE(n) (share[n] == LENT && state[n] == OPEN)
#else
#define MAY_REVOKE(n) (share[n] == LENT && state[n] == OPEN && !sealed[n])
#endif
proctype Client()
{
end:	do
	:: atomic { share[0] == NONE && state[0] == OPEN && memory == THERE ->
			share[0] = LENT;
			if :: sealed[0] = 1; seals++ :: skip fi }
	:: atomic { memory < ENDING && MAY_REVOKE(0) -> took[0] = 1; kill(0) }
	:: atomic { memory < ENDING && share[0] == LENT && !wanted[0] -> wanted[0] = 1; settle(0) }
	:: atomic { memory == THERE && seals == 0 ->
			memory = SHRUNK; took[0] = 1; mapped[0] = 0; mapped[1] = 0 }
	:: atomic { memory < ENDING && state[0] == OPEN -> SEVER(0) }
	/* The bank that pays for its memory is destroyed; often, but not always, it dies with that. */
	:: atomic { memory < ENDING -> memory = ENDING; took[0] = 1;
			if :: SEVER(0) :: skip fi }
	:: memory <= GONE /* or nothing: fairness makes nobody misbehave */
	od
}

/* ---- servers ---------------------------------------------------------------------------------------- */

#define CAN_USE(n) (alive[n] && !left[n] && !faults[n])
#define MAY_MAP(n) (FOUND(n) && state[n] == OPEN && memory < ENDING && !wanted[n])

inline unmap(n)
{
	window[n] = NONE; mapped[n] = 0; promised[n] = 0; severs[n] = 0; owner[n] = 0;
	settle(n)
}

#ifdef OBEDIENT
#define MAY_LOOK(n) !wanted[n]
#else
#define MAY_LOOK(n) 1
#endif
#ifdef RELEASED_BEFORE_PART
#define MAY_RELEASE(n) FOUND(n)
#else
#define MAY_RELEASE(n) (FOUND(n) && !(n == 0 && HAS_PART))
#endif
#define IS_LENT_STILL(n) (HAS_NOT_ENDED(n) && (!(n == 1 && part) || HAS_NOT_ENDED(0)))
proctype Server(byte n)
{
end:	do
	:: atomic { CAN_USE(n) && window[n] == NONE && MAY_MAP(n) ->
			window[n] = SHOWS; promised[n] = sealed[n]; owner[n] = TO_BLAME(n);
			mapped[n] = (memory == THERE);
			if :: severs[n] = 0 :: severs[n] = 1 fi }
	:: atomic { CAN_USE(n) && window[n] != NONE && mapped[n] ->
			/* A revoke that has returned leaves nothing to be seen. */
			HOLDS(13, IS_LENT_STILL(n) && memory != SHRUNK && memory != GONE) }
	:: atomic { CAN_USE(n) && window[n] != NONE && !mapped[n] && MAY_LOOK(n) -> faults[n] = 1 }
	:: atomic { CAN_USE(n) && window[n] != NONE -> unmap(n) }
	:: atomic { CAN_USE(n) && window[n] == NONE && MAY_RELEASE(n) -> kill(n) }
	:: atomic { CAN_USE(n) && state[n] == CUT -> window[n] = NONE; mapped[n] = 0; leaves(n) }
	:: atomic { CAN_USE(n) && state[n] == OPEN -> SEVER(n) }
	:: atomic { alive[n] -> dies(n) }
	:: alive[n] /* or nothing: fairness makes nobody misbehave */
	od
}

/* What S1 does as a client. */
proctype Passes()
{
end:	do
	:: atomic { CAN_USE(0) && share[1] == NONE && state[1] == OPEN && MAY_MAP(0) ->
			share[1] = LENT; part = 1;
			sealed[1] = sealed[0]; seals = seals + sealed[0] }
	:: atomic { CAN_USE(0) && MAY_REVOKE(1) -> took[1] = 1; kill(1) }
	:: atomic { CAN_USE(0) && share[1] == LENT && !wanted[1] && state[1] == OPEN ->
			wanted[1] = 1; settle(1) }
	:: atomic { CAN_USE(0) && state[1] == OPEN -> SEVER(1) }
	:: alive[0] /* or nothing: fairness makes nobody misbehave */
	od
}

#ifdef OBEDIENT
/* Servers that do what they are asked: let go of what is wanted back, and want it back themselves. */
proctype Obeys(byte n)
{
end:	do
	:: atomic { CAN_USE(n) && wanted[n] && window[n] != NONE -> unmap(n) }
	:: atomic { n == 0 && CAN_USE(0) && wanted[0] && HAS_PART && share[1] == LENT && !wanted[1] ->
			wanted[1] = 1; settle(1) }
	od
}
#endif

init {
	atomic {
		run Client(); run Server(0); run Server(1); run Passes();
		run Share_end(0); run Share_end(1); run Session_end(0); run Session_end(1);
		run Deadline(0); run Deadline(1); run Memory_end(); run Faults(0); run Faults(1);
#ifdef OBEDIENT
		run Obeys(0); run Obeys(1)
#endif
	}
}

/* Seals hold nobody up for ever; a revoke returns, and what is wanted back comes from who obeys, or
 * with the end of the session; a page that went blocks no thread. */
ltl i8_memory { [] (memory == ENDING -> <> (memory == GONE)) }
ltl i8_sessions { [] (state[1] == MARKED -> <> (state[1] == OVER)) }
ltl i8_wanted { [] (wanted[0] -> <> (!wanted[0])) }
ltl i8_severed { [] (wanted[0] && state[0] != OPEN -> <> (!wanted[0])) }
ltl i13_revoke { [] (share[0] == DYING -> <> (share[0] == ENDED)) }
ltl i14_threads { [] (faults[1] -> <> (!faults[1])) }
