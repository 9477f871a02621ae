/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses that would not wait, and a server's own handler of faults (protocols.md, 4; rm/core/fault.c,
 * handler.c, share_again of share.c): I8, I14, I15, I16, I17.
 *
 * Two threads of a server look at a window on a client's page, which a pager brings, or not. Thread 0
 * may have a handler (-DHANDLED), a thread of the server's that asks rm what the fault is and aborts by
 * the registers; thread 1's faults are rm's. Either may look with NOWAIT: it gets AGAIN, and waits for
 * the event that says that the page is in. The client revokes; the window has either policy. The
 * dataspace is copied for a while, so that everybody waits for that.
 *
 * What waits is a record in one of rm's lists; a handler forgets a message that comes to WAIT.
 */
#include "invariants.h"

#define THREADS 2
byte thread[THREADS];
#define RUNS 0
#define STANDS 1         /* in its fault */
#define GOES_ON 2        /* tries again */
#define GETS_GONE 3
#define GETS_AGAIN 4
bit nowait[THREADS];
bit looks[THREADS];      /* amid an access */
bit awaits[THREADS];     /* the event */
bit mapped;

byte list[THREADS];      /* where rm has the thread's fault */
#define NONE 0
#define FOR_PAGE 1       /* of the pager */
#define FOR_COPY 2
#define FOR_CUT 3
#define TO_RETRY 4
byte ask[THREADS];       /* and what NOWAIT has asked for: the same lists */
bit event[THREADS];      /* sent, and not taken */
byte due[THREADS];       /* ghost: events that are to come */

byte page;
#define AT_PAGER 0
#define IN 1
#define LOST 2           /* the pager failed, or its time is over */
bit revoked, copied;
bit severs;              /* the window's policy */
byte state;              /* of the session */
#define OPEN 0
#define MARKED 1
#define CUT 2

#ifdef HANDLED
#define HAS_HANDLER(t) (t == 0)
#else
#define HAS_HANDLER(t) 0
#endif
bit told;                /* a message is at the handler */

/* ---- rm ------------------------------------------------------------------------------------------ */

inline goes_on(t, how)
{
	HOLDS(15, thread[t] == STANDS && list[t] == NONE);
	thread[t] = how
}

/* What a fault is, by rm's tables alone. */
#define IS_GONE (revoked || page == LOST)
inline again(t)
{
	HOLDS(16, !IS_GONE);
	if
	:: 1 -> /* its guard is in order */
#ifndef ASK_FORGOTTEN
		ask[t] = FOR_PAGE;
#endif
		due[t]++;
#ifdef STILL_WAITS
		thread[t] = GETS_AGAIN
#else
		list[t] = NONE; goes_on(t, GETS_AGAIN)
#endif
	:: 1 -> /* or not: then it waits all the same */
#ifdef ASK_KEPT
		ask[t] = FOR_PAGE
#else
		skip
#endif
	fi
}

/* A handler's part: the thread stands still, by rm's word or for it is left to the handler. */
inline by_guard(t)
{
	HOLDS(17, !severs || state == CUT);
	goes_on(t, GETS_GONE)
}

/* It is severed first, if that is the policy, and only then told. */
inline gone(t)
{
	HOLDS(16, IS_GONE);
	if
	:: severs && state != CUT ->
		state = MARKED; list[t] = FOR_CUT;
#ifdef TOLD_EARLY
		by_guard(t)
#endif
	:: else -> by_guard(t)
	fi
}

inline resolve(t)
{
	if
	:: copied && !revoked -> list[t] = FOR_COPY
	:: IS_GONE -> gone(t)
	:: !IS_GONE && !copied && page == AT_PAGER ->
		list[t] = FOR_PAGE;
		if :: nowait[t] -> again(t) :: else fi
	:: !IS_GONE && !copied && page == IN -> mapped = 1; goes_on(t, GOES_ON)
	fi
}

inline event_of(t)
{
	HOLDS(8, due[t] == 1); /* once for each AGAIN */
	event[t] = 1; due[t] = 0;
#ifdef EVENT_TWICE
	ask[t] = TO_RETRY
#else
	ask[t] = NONE
#endif
}

/* What waited is tried again; a thread that has a handler just goes on, and its handler asks anew. */
proctype Retry()
{
	byte t;
end:	do
	:: atomic { list[0] == TO_RETRY || list[1] == TO_RETRY ->
			t = (list[0] == TO_RETRY -> 0 : 1);
			list[t] = NONE;
			if
#ifndef LEFT_TO_HANDLER
			:: HAS_HANDLER(t) -> goes_on(t, GOES_ON)
#else
			:: HAS_HANDLER(t) -> skip
#endif
			:: else -> resolve(t)
			fi;
			t = 0 }
	:: atomic { ask[0] == TO_RETRY || ask[1] == TO_RETRY ->
			t = (ask[0] == TO_RETRY -> 0 : 1);
			if
			:: copied && !revoked -> ask[t] = FOR_COPY
			:: !(copied && !revoked) && !IS_GONE && page == AT_PAGER -> ask[t] = FOR_PAGE
			:: else -> event_of(t)
			fi;
			t = 0 }
	od
}

inline wake(what)
{
	if :: list[0] == what -> list[0] = TO_RETRY :: else fi;
	if :: list[1] == what -> list[1] = TO_RETRY :: else fi;
#ifndef ASKS_NOT_WOKEN
	if :: ask[0] == what -> ask[0] = TO_RETRY :: else fi;
	if :: ask[1] == what -> ask[1] = TO_RETRY :: else fi
#endif
}

proctype Cut()
{
end:	atomic { state == MARKED -> mapped = 0; state = CUT; wake(FOR_CUT) }
}

/* It brings the page, fails, or does nothing; then its time is over. */
proctype Pager()
{
end:	atomic { page == AT_PAGER && (list[0] == FOR_PAGE || list[1] == FOR_PAGE ||
			ask[0] == FOR_PAGE || ask[1] == FOR_PAGE) -> skip };
#ifndef NO_DEADLINE
	atomic {
		if :: page = IN :: page = LOST fi;
		wake(FOR_PAGE) };
#endif
	/* Who comes to wait after that is not made to. */
	skip
}

proctype Copy()
{
end:	do
	:: atomic { !copied && page == IN && !revoked -> copied = 1; mapped = 0; break }
	od;
	atomic { copied = 0; wake(FOR_COPY) }
}

/* ---- the client, the server ------------------------------------------------------------------------ */

proctype Client()
{
end:	do
	:: atomic { !revoked -> revoked = 1; mapped = 0 }
	:: state <= CUT /* or nothing: fairness makes nobody misbehave */
	od
}

/* Message by message. What comes to WAIT it forgets: rm makes the thread go on. */
proctype Handler()
{
end:	do
	:: atomic { told && thread[0] == STANDS ->
			told = 0;
#ifdef UNASKED
			HOLDS(16, IS_GONE); by_guard(0)
#else
			resolve(0)
#endif
#ifdef ANSWERS_WAIT
			;
			if :: list[0] != NONE -> goes_on(0, GOES_ON) :: else fi
#endif
		}
	od
}

inline ends(t)
{
	thread[t] = RUNS; looks[t] = 0; nowait[t] = 0
}

proctype Thread(byte t)
{
end:	do
	:: atomic { !looks[t] && !awaits[t] ->
			looks[t] = 1;
			if :: nowait[t] = 1 :: nowait[t] = 0 fi };
		do
		:: atomic { mapped -> HOLDS(14, !IS_GONE); ends(t); break }
		:: atomic { !mapped -> thread[t] = STANDS;
				if
				:: HAS_HANDLER(t) -> told = 1
				:: else -> resolve(t)
				fi };
			if
			:: atomic { thread[t] == GOES_ON -> thread[t] = RUNS }
			:: atomic { thread[t] == GETS_GONE -> ends(t); break }
			:: atomic { thread[t] == GETS_AGAIN -> ends(t); awaits[t] = 1; break }
			fi
		od
	/* It waits for the event, in its loop, and then looks again. */
	:: atomic { awaits[t] && event[t] -> event[t] = 0; awaits[t] = 0 }
	od
}

init {
	atomic {
		if :: severs = 0 :: severs = 1 fi;
		run Thread(0); run Thread(1); run Retry(); run Cut(); run Pager(); run Copy(); run Client();
		run Handler()
	}
}

/* No access lasts for ever, and after AGAIN the event comes. */
ltl i14_access { [] (looks[0] -> <> (!looks[0])) }
ltl i14_unhandled { [] (looks[1] -> <> (!looks[1])) }
ltl i8_events { [] (awaits[1] -> <> (!awaits[1])) }
ltl i8_handled { [] (awaits[0] -> <> (!awaits[0])) }
