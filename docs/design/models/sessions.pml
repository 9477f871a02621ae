/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions (protocols.md, section 1), as rm/core/session.c has them: I6, I7, I8, I9.
 *
 * Two clients, an accomplice to whom client 0 passes its capability, a server of two threads, its
 * restart, and rm. A request to rm is one step, as it is there. The three kernel operations upon a
 * root are three, with anything in between; so is what happens after a death. Client 0 may die, have
 * its bank destroyed, and use old ids; client 1 may only end its session. The server may accept,
 * refuse, let deadlines pass, sever, die, and acknowledge twice.
 */
#include "invariants.h"

#define SLOTS 2 /* for sessions in rm's table */
#ifndef SLOTS_USED
#define SLOTS_USED 1
#endif
#ifndef GENS
#define GENS 2 /* sessions that a slot sees */
#endif

/* a session's state */
#define NONE 0
#define OPENING 1
#define OPEN 2
#define SEVERED 3
/* what a thread does */
#define AWAKE 0
#define CONNECTING 1
#define QUEUED 2   /* its call stands in the endpoint's queue */
#define RECEIVED 3 /* the server has its call: serves it, or has parked it */
/* a root: steps that are left until it is gone */
#define GONE 0
#define CANCELLED 1
#define REVOKED 2
#define THERE 3

typedef session {
	byte state, gen, client, root;
	bit has_client, has_server; /* sides that have something to do with it still */
	bit knows;                  /* the server has taken the event that it is opened */
	bit opened, severed_server, severed_client; /* events that stand and were not taken */
	bit deadline;               /* for the server, to accept or to acknowledge */
	bit kept;                   /* ghost: the server keeps something for it */
	bit cleaned;                /* ghost: and has cleaned that up */
	bit told                    /* ghost: its client knows that it ended */
};
session s[SLOTS];

/* An id, and badge: the slot with its generation. */
#define ID(x) ((x) + SLOTS * s[x].gen)
#define SLOT(id) ((id) % SLOTS)
#ifdef NO_GENERATION
#define NAMES(id, x) (SLOT(id) == (x) && s[x].state != NONE)
#else
#define NAMES(id, x) (SLOT(id) == (x) && s[x].state != NONE && s[x].gen == (id) / SLOTS)
#endif
#define LIVE(id) (s[SLOT(id)].state != NONE && s[SLOT(id)].gen == (id) / SLOTS)

/* Threads 0 and 1 are the clients', thread 2 the accomplice's. */
#define THREADS 3
byte does[THREADS];  /* AWAKE ... */
byte cap[THREADS];   /* the badged endpoint that it holds, 0: none */
byte badge[THREADS]; /* of the call that it waits for */
byte id[2];          /* the session that a client last had: may be an old one */
bit alive[2] = 1;
chan queue = [THREADS] of { byte }; /* the endpoint: callers, first come first served */

bit server_alive = 1;
bit server_busy; /* its event loop is between two steps */

inline answer(t)
{
	does[t] = AWAKE;
	badge[t] = 0
}

/* ---- rm -------------------------------------------------------------------------------------- */

inline forget(x)
{
	s[x].client = 0; s[x].has_client = 0; s[x].has_server = 0; s[x].knows = 0;
	s[x].opened = 0; s[x].severed_server = 0; s[x].severed_client = 0; s[x].deadline = 0;
	s[x].kept = 0; s[x].cleaned = 0; s[x].told = 0; s[x].root = GONE
}

#ifdef NO_BARRIER
#define AWAITS_SERVER(x) 0
#else
#define AWAITS_SERVER(x) (s[x].has_server && s[x].knows) /* it must acknowledge */
#endif
#ifdef CLIENT_NOT_AWAITED
#define AWAITS_CLIENT(x) 0
#else
#define AWAITS_CLIENT(x) (s[x].has_client && s[x].severed_client) /* it must take the event */
#endif
/* If nobody needs anything of it any more the session is over, and its bank goes. */
inline settle(x)
{
	if
	:: s[x].state == SEVERED && s[x].root == GONE && !AWAITS_SERVER(x) && !AWAITS_CLIENT(x) ->
		HOLDS(9, !s[x].kept);
		HOLDS(8, s[x].told || !alive[s[x].client]);
		s[x].state = NONE;
		forget(x)
	:: else
	fi
}

/* closed: the client ended it itself, or is told by the answer to its connect. */
inline sever(x, closed)
{
	if
	:: s[x].state == OPENING || s[x].state == OPEN ->
		if
		:: s[x].state == OPENING ->
			s[x].told = 1;
#ifndef CONNECT_FORGOTTEN
			if
			:: does[s[x].client] == CONNECTING -> answer(s[x].client)
			:: else
			fi
#endif
		:: s[x].state == OPEN && closed -> s[x].told = 1
		:: s[x].state == OPEN && !closed -> s[x].severed_client = s[x].has_client
		fi;
		s[x].state = SEVERED;
		s[x].opened = 0;
#ifdef NO_ACKNOWLEDGE_DEADLINE
		s[x].deadline = 0;
#else
		s[x].deadline = s[x].has_server && s[x].knows;
#endif
#ifdef TOLD_EARLY
		s[x].severed_server = s[x].has_server && s[x].knows;
#endif
	:: else
	fi
}

/* The root of a severed session goes, by three kernel operations. */
inline revoke(x)
{
	if :: LIVE(cap[0]) && cap[0] == ID(x) -> cap[0] = 0 :: else fi;
	if :: LIVE(cap[1]) && cap[1] == ID(x) -> cap[1] = 0 :: else fi;
	if :: LIVE(cap[2]) && cap[2] == ID(x) -> cap[2] = 0 :: else fi
}

inline cancel_of(x, t)
{
	if
	:: does[t] == QUEUED && badge[t] == ID(x) -> queue??eval(t); answer(t)
	:: else
	fi
}

inline cancel_sends(x)
{
	cancel_of(x, 0); cancel_of(x, 1); cancel_of(x, 2)
}

inline root_gone(x)
{
	s[x].root = GONE;
#ifndef TOLD_EARLY
	s[x].severed_server = s[x].has_server && s[x].knows; /* told now: nothing comes any more */
#endif
	settle(x)
}

proctype Sever_job(byte x)
{
end:	do
#ifdef CANCEL_FIRST
	:: atomic { s[x].state == SEVERED && s[x].root == THERE -> cancel_sends(x); s[x].root = REVOKED }
	:: atomic { s[x].root == REVOKED -> revoke(x); s[x].root = CANCELLED }
#else
	:: atomic { s[x].state == SEVERED && s[x].root == THERE -> revoke(x); s[x].root = REVOKED }
#ifdef NO_CANCEL
	:: atomic { s[x].root == REVOKED -> s[x].root = CANCELLED }
#else
	:: atomic { s[x].root == REVOKED -> cancel_sends(x); s[x].root = CANCELLED }
#endif
#endif
	:: atomic { s[x].root == CANCELLED -> root_gone(x) }
	od
}

/* It did not accept, or acknowledge, in time: it is a failed server. */
proctype Deadline(byte x)
{
end:	do
	:: atomic { s[x].deadline && server_alive -> server_alive = 0 }
	od
}

#define IS_UP(x) (s[x].state == OPENING || s[x].state == OPEN)
#define IS_DOWN(x) (s[x].state == SEVERED && s[x].root == GONE)

/* What is left of client 0 after its death. */
proctype Client_reaper(byte x)
{
end:	do
	:: atomic { !alive[0] && IS_UP(x) && s[x].client == 0 -> sever(x, 0) }
	:: atomic { !alive[0] && IS_DOWN(x) && s[x].has_client && s[x].client == 0 ->
			s[x].has_client = 0; s[x].severed_client = 0; settle(x) }
	od
}

inline server_leaves(x)
{
	s[x].has_server = 0; s[x].severed_server = 0; s[x].deadline = 0; s[x].kept = 0
}

inline died_with(t)
{
	if
	:: does[t] == QUEUED -> queue??eval(t); answer(t)
	:: does[t] == RECEIVED ->
#ifdef HELD_FORGOTTEN
		skip
#else
		answer(t) /* SERVER_DIED */
#endif
	:: else
	fi
}

/* The server is dead: its sessions are severed, its callers answered; init starts it again. */
proctype Server_reaper()
{
end:	do
	:: atomic { !server_alive && IS_UP(0) -> sever(0, 0) }
	:: atomic { !server_alive && IS_UP(1) -> sever(1, 0) }
	:: atomic { !server_alive && IS_DOWN(0) && s[0].has_server -> server_leaves(0); settle(0) }
	:: atomic { !server_alive && IS_DOWN(1) && s[1].has_server -> server_leaves(1); settle(1) }
	:: atomic { !server_alive && !server_busy && !s[0].has_server && !s[1].has_server ->
			died_with(0); died_with(1); died_with(2);
			server_alive = 1 }
	od
}

/* ---- the server ------------------------------------------------------------------------------ */

inline receive(t)
{
	queue?t;
	/* What was sent through a session that is severed is not delivered. */
	HOLDS(7, LIVE(badge[t]) && s[SLOT(badge[t])].root != GONE);
	HOLDS(7, !s[SLOT(badge[t])].cleaned);
	does[t] = RECEIVED;
	t = 0
}

proctype Server_worker()
{
	byte t;
end:	do
	:: atomic { server_alive && nempty(queue) -> receive(t) }
	:: atomic { server_alive && does[0] == RECEIVED -> answer(0) }
	:: atomic { server_alive && does[1] == RECEIVED -> answer(1) }
	:: atomic { server_alive && does[2] == RECEIVED -> answer(2) }
	:: atomic { server_alive && s[0].state == OPEN && s[0].knows -> sever(0, 0) }
	:: atomic { server_alive -> server_alive = 0 }
	:: server_alive /* or nothing: fairness makes nobody misbehave */
	od
}

inline answer_parked(x, t)
{
	if
	:: does[t] == RECEIVED && badge[t] == ID(x) -> answer(t) /* SEVERED */
	:: else
	fi
}

#ifdef TOLD_EARLY
#define EARLY(x) (s[x].state == SEVERED)
#else
#define EARLY(x) 0
#endif
inline acknowledge(which, x)
{
	if
	:: NAMES(which, x) && s[x].has_server && (IS_DOWN(x) || EARLY(x)) ->
		HOLDS(6, LIVE(which));
		s[x].has_server = 0; s[x].severed_server = 0; s[x].deadline = 0;
		settle(x)
	:: else /* GONE, or BUSY */
	fi
}

/* The decision upon a new session; or none, and the deadline passes. */
inline decide(x, which)
{
	if
	:: atomic { server_alive && NAMES(which, x) && s[x].state == OPENING ->
			s[x].state = OPEN; s[x].deadline = 0;
			cap[s[x].client] = ID(x);
			id[s[x].client] = ID(x);
			answer(s[x].client) }
	:: atomic { server_alive && NAMES(which, x) && s[x].state == OPENING ->
			s[x].kept = 0; s[x].knows = 0;
			sever(x, 1) }
	:: skip
	fi
}

proctype Server_events(byte x)
{
	byte which, old;
end:	do
	:: atomic { server_alive && !server_busy && s[x].opened ->
			s[x].opened = 0; s[x].knows = 1; s[x].kept = 1; server_busy = 1;
			which = ID(x) };
		decide(x, which);
		atomic { server_busy = 0; which = 0 }
	:: atomic { server_alive && !server_busy && s[x].severed_server ->
			s[x].severed_server = 0; server_busy = 1; which = ID(x) };
#ifndef PARKED_FORGOTTEN
		atomic { if
		:: server_alive -> answer_parked(x, 0); answer_parked(x, 1); answer_parked(x, 2)
		:: else fi };
#endif
		atomic { if
		:: server_alive && LIVE(which) -> s[x].kept = 0; s[x].cleaned = 1
		:: else fi };
		atomic { if
		:: server_alive -> acknowledge(which, x); old = which
		:: skip /* never: the deadline passes */
		fi;
			server_busy = 0; which = 0 }
	/* Again, for a session that may be no more. */
	:: atomic { server_alive && old != 0 -> acknowledge(old, x); old = 0 }
	:: atomic { !server_alive -> old = 0; which = 0 };
		(server_alive)
	od
}

/* ---- clients --------------------------------------------------------------------------------- */

#define CAN_OPEN(x) (x < SLOTS_USED && s[x].state == NONE && s[x].gen < GENS)
inline connect(c, x)
{
	s[x].state = OPENING; s[x].gen++; s[x].client = c; s[x].root = THERE;
	s[x].has_client = 1; s[x].has_server = 1; s[x].opened = 1;
#ifndef NO_ACCEPT_DEADLINE
	s[x].deadline = 1;
#endif
	does[c] = CONNECTING
}

#ifdef NO_GENERATION
#define IS_CLIENT(x, c) 1
#else
#define IS_CLIENT(x, c) (s[x].client == c)
#endif
/* By its id, from the client c. */
inline end_session(which, c, x)
{
	if
	:: NAMES(which, x) && s[x].has_client && IS_CLIENT(x, c) ->
		HOLDS(6, LIVE(which));
		HOLDS(9, s[x].client == c);
		s[x].told = 1; s[x].severed_client = 0;
		if
		:: s[x].state == SEVERED && s[x].root == GONE -> settle(x)
		:: else -> sever(x, 1)
		fi
	:: else /* GONE */
	fi
}

proctype Client(byte c)
{
end:	do
	:: atomic { alive[c] && does[c] == AWAKE && cap[c] == 0 && server_alive && CAN_OPEN(0) ->
			connect(c, 0) }
	:: atomic { alive[c] && does[c] == AWAKE && cap[c] == 0 && server_alive && CAN_OPEN(1) ->
			connect(c, 1) }
	:: atomic { alive[c] && does[c] == AWAKE && cap[c] != 0 ->
			does[c] = QUEUED; badge[c] = cap[c]; queue!c }
	:: atomic { alive[c] && id[c] != 0 && SLOT(id[c]) == 0 -> end_session(id[c], c, 0) }
	:: atomic { alive[c] && id[c] != 0 && SLOT(id[c]) == 1 -> end_session(id[c], c, 1) }
	:: alive[c] /* or nothing: fairness makes nobody misbehave */
	od
}

/* What client 0 does besides: it passes its capability on, loses its bank, dies. */
proctype Hostile()
{
end:	do
	:: atomic { alive[0] && cap[0] != 0 -> cap[2] = cap[0] }
	:: atomic { cap[2] != 0 && does[2] == AWAKE -> does[2] = QUEUED; badge[2] = cap[2]; queue!2 }
	:: atomic { alive[0] && s[0].client == 0 && s[0].state == OPEN -> sever(0, 0) }
	:: atomic { alive[0] ->
			alive[0] = 0; cap[0] = 0; id[0] = 0;
			if :: does[0] == QUEUED -> queue??0 :: else fi;
			answer(0) }
	:: alive[0] /* or nothing: fairness makes nobody misbehave */
	od
}

/* A client takes the event that its session is severed; with that, the session may be over. */
proctype Client_events(byte x)
{
end:	do
	:: atomic { s[x].severed_client && alive[s[x].client] ->
			s[x].severed_client = 0; s[x].told = 1; settle(x) }
	od
}

init {
	atomic {
		run Client(0); run Client(1); run Hostile();
		run Client_events(0); run Client_events(1);
		run Server_worker(); run Server_events(0); run Server_events(1);
		run Sever_job(0); run Sever_job(1); run Deadline(0); run Deadline(1);
		run Client_reaper(0); run Client_reaper(1); run Server_reaper()
	}
}

/* ---- I8 in time: every waiter gets an answer, and the bank goes ------------------------------- */

#define WAITS_FOR_NONE(t) (does[t] >= QUEUED && !(LIVE(badge[t]) && s[SLOT(badge[t])].state == OPEN))
ltl i8_connects { [] (does[1] == CONNECTING -> <> (does[1] != CONNECTING)) }
ltl i8_calls { [] (WAITS_FOR_NONE(1) -> <> (does[1] < QUEUED)) }
ltl i8_accomplice { [] (WAITS_FOR_NONE(2) -> <> (does[2] < QUEUED)) }
ltl i8_banks { [] (s[0].state == SEVERED -> <> (s[0].state != SEVERED)) }
