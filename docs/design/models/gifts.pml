/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Donations that are donated on (protocols.md, section 2; rm/core/donation.c): I2, I4, I8, I11.
 *
 *     C ---- session 0 ----> S1 ---- session 1 ----> S2
 *        donation 0             donation 1, of pages of donation 0
 *
 * Dataspace 0 is C's, the home of donation 0; 1 is what S1 was given, the home of donation 1; 2 is what
 * S2 was given. Donation 0 has been made. S1 donates one page or both on, S2 and S1 return, with the
 * content or without, the sessions end and with them their banks, C's memory and its bank end: in any
 * order, and each between any two steps of rm. A page is moved, and freed, a step.
 */
#include "invariants.h"

#define PAGES 2
#define NOWHERE 3
byte at[PAGES] = 1;      /* the dataspace that has the page */
bit out[PAGES];          /* of donation 1, whether or not it is there already */

/* banks: C's, those of the sessions, their parent; and who would pay for what comes home to nobody */
#define CLIENT 0
#define PARENT 3
byte limit[4];
bit bank_dies[3], bank_gone[3];
#define SUM 6
byte whole = 3;          /* ghost: C's limit, with what it has lent */

byte memory[3];          /* the dataspaces */
#define ABSENT 0
#define THERE 1
#define DYING 2

byte donation[2];        /* 0 is GIVEN from the beginning */
#define NONE 0
#define PREPARES 1
#define MOVES 2
#define GIVEN 3
#define ENDS 4           /* waits for its dataspace */
#define OVER 5
bit returns[2];
bit wanted_dead[2];      /* it is to end when its move is over */
bit heard[2];            /* that its dataspace is no more */
byte owed[2];
byte lender[2];          /* the bank */
bit orphan[2];           /* its home is no more */
bit open[2] = 1;         /* the sessions; not: S may still use what it has, until its bank dies */

#define HOME(d) (d)
#define ITS(d) ((d) + 1)
#define HAS(m) ((at[0] == (m)) + (at[1] == (m)))
#define BUSY(m) ((m == 0 && IS_MOVING(0)) || (m == 1 && (IS_MOVING(0) || IS_MOVING(1))) || (m == 2 && IS_MOVING(1)))
#define IS_MOVING(d) (donation[d] == PREPARES || donation[d] == MOVES)

/* What is lent comes back to C in the end: at any moment limit and debts add up. */
#define OWES(d, b) (lender[d] == b && donation[d] != NONE && donation[d] != OVER && \
	(d == 0 || orphan[1]) -> owed[d] : 0)
#define PASSED (donation[1] != NONE && donation[1] != OVER && !orphan[1] -> owed[1] : 0)
inline balanced()
{
	HOLDS(11, limit[0] + limit[1] + limit[2] + limit[3] == SUM);
	HOLDS(11, bank_dies[0] || limit[0] + OWES(0, CLIENT) + OWES(1, CLIENT) == whole);
	HOLDS(11, !bank_gone[0] || limit[0] + OWES(0, CLIENT) + OWES(1, CLIENT) == 0);
	/* What is owed is there. */
	HOLDS(11, donation[0] == OVER || owed[0] == HAS(1) + PASSED);
	HOLDS(11, donation[1] == NONE || donation[1] == OVER || owed[1] == HAS(2));
	HOLDS(2, HAS(0) <= limit[0] && HAS(1) <= limit[1] && HAS(2) <= limit[2])
}

/* ---- rm: moves ------------------------------------------------------------------------------------ */

inline hand_over(p, from, to)
{
	at[p] = to;
	limit[from]--; limit[to]++;
	if :: from == 2 -> out[p] = 0 :: else fi
}

#define IN_MOVE(d, p) (at[p] == (returns[d] -> ITS(d) : HOME(d)) && (d == 0 || out[p]))
#define IS_WANTED(d) (!wanted_dead[d] && !orphan[d] && memory[HOME(d)] == THERE && \
	memory[ITS(d)] == THERE && (returns[d] || open[d]))

inline move_page(d, p)
{
	if
	:: returns[d] -> hand_over(p, ITS(d), HOME(d)); owed[d]--
	:: else -> hand_over(p, HOME(d), ITS(d)); owed[d]++
	fi
}

/* returned: nothing of it is the server's any more. */
inline move_end(d, returned)
{
	if
	:: returned || wanted_dead[d] || owed[d] == 0 -> donation[d] = ENDS
	:: else -> donation[d] = GIVEN
	fi;
	if :: donation[d] == ENDS && memory[ITS(d)] == THERE -> memory[ITS(d)] = DYING :: else fi;
	returns[d] = 0; wanted_dead[d] = 0;
	balanced()
}

#ifdef STOPS_HALFWAY
#define MUST_STOP(d) (!IS_WANTED(d))
#else
#define MUST_STOP(d) 0
#endif
proctype Move(byte d)
{
end:	do
	/* Until here it may fail, and nothing has changed. */
	:: atomic { donation[d] == PREPARES && IS_WANTED(d) -> donation[d] = MOVES }
	:: atomic { donation[d] == PREPARES && !IS_WANTED(d) ->
			move_end(d, returns[d] && memory[HOME(d)] != THERE) }
	/* From here on it is completed, whoever dies. */
	:: atomic { donation[d] == MOVES && IN_MOVE(d, 0) && !MUST_STOP(d) -> move_page(d, 0); balanced() }
	:: atomic { donation[d] == MOVES && IN_MOVE(d, 1) && !MUST_STOP(d) -> move_page(d, 1); balanced() }
	:: atomic { donation[d] == MOVES && ((!IN_MOVE(d, 0) && !IN_MOVE(d, 1)) || MUST_STOP(d)) ->
			HOLDS(4, !IN_MOVE(d, 0) && !IN_MOVE(d, 1));
			move_end(d, returns[d]) }
	od
}

/* ---- rm: the end of pages, of dataspaces and donations ----------------------------------------------- */

/* A page is no more: its limit goes back at once to whom it is owed first. */
inline pay(m)
{
	limit[m]--; owed[m - 1]--;
	if
	:: m == 2 && !orphan[1] ->
#ifndef NOT_WRITTEN_OFF
		owed[0]--;
#endif
#ifdef OWED_TO_THE_PASSER
		limit[lender[1]]++
#else
		limit[lender[0]]++
#endif
	:: else -> limit[lender[m - 1]]++
	fi
}

inline page_ends(p)
{
	if :: at[p] > 0 -> pay(at[p]) :: else fi;
	at[p] = NOWHERE; out[p] = 0
}

/* What went out of the dataspace comes back to nobody: it is owed where that would have been. */
inline make_orphan(d)
{
	if
	:: d == 1 ->
#ifndef ORPHAN_NOT_WRITTEN_OFF
		owed[0] = owed[0] - owed[1];
#endif
#ifndef ORPHAN_KEEPS_LENDER
		lender[1] = lender[0];
#endif
		skip
	:: else
	fi;
	orphan[d] = 1
}

#ifdef MOVE_NOT_AWAITED
#define MAY_END(m) 1
#else
#define MAY_END(m) !BUSY(m)
#endif
#define HAS_ORPHAN(m) (m < 2 && donation[m] != NONE && donation[m] != OVER && !orphan[m])
proctype Memory_end(byte m)
{
end:	do
	:: atomic { memory[m] == DYING && MAY_END(m) && at[0] == m -> page_ends(0); balanced() }
	:: atomic { memory[m] == DYING && MAY_END(m) && at[1] == m -> page_ends(1); balanced() }
	:: atomic { memory[m] == DYING && MAY_END(m) && HAS(m) == 0 && HAS_ORPHAN(m) ->
			make_orphan(m); balanced() }
	:: atomic { memory[m] == DYING && MAY_END(m) && HAS(m) == 0 && !HAS_ORPHAN(m) ->
			memory[m] = ABSENT;
#ifndef END_FORGOTTEN
			if :: m > 0 -> donation[m - 1] = ENDS; heard[m - 1] = 1 :: else fi;
#endif
			balanced() }
	od
}
proctype Donation_end(byte d)
{
end:	atomic { donation[d] == ENDS && heard[d] ->
		HOLDS(11, owed[d] == 0);
		donation[d] = OVER;
		balanced() }
}

inline kill(d)
{
	if
	:: IS_MOVING(d) -> wanted_dead[d] = 1
	:: donation[d] == GIVEN -> donation[d] = ENDS;
		if :: memory[ITS(d)] == THERE -> memory[ITS(d)] = DYING :: else fi
	:: else
	fi
}

/* ---- rm: the end of banks ----------------------------------------------------------------------------- */

/* Its objects are told to end, what is owed to it is its parent's; it goes when they have gone. */
#define OBJECTS(b) (memory[b] != ABSENT || (b > 0 && donation[b - 1] != OVER && donation[b - 1] != NONE))
#ifdef INHERIT_FORGOTTEN
#define INHERITS(d, b) 0
#else
#define INHERITS(d, b) (lender[d] == b && donation[d] != OVER)
#endif
proctype Bank_end(byte b)
{
end:	atomic { bank_dies[b] ->
		if :: b > 0 -> kill(b - 1) :: else fi;
		if :: memory[b] == THERE -> memory[b] = DYING :: else fi };
	do
	:: atomic { INHERITS(0, b) -> lender[0] = PARENT; balanced() }
	:: atomic { INHERITS(1, b) -> lender[1] = PARENT; balanced() }
	:: atomic { !INHERITS(0, b) && !INHERITS(1, b) && !OBJECTS(b) ->
			bank_gone[b] = 1;
			if
			/* The bank of session 0 is a child of C's, until that ends. */
			:: b == 1 && !bank_dies[0] -> limit[0] = limit[0] + limit[1]; whole = whole + limit[1]
			:: else -> limit[PARENT] = limit[PARENT] + limit[b]
			fi;
			limit[b] = 0;
			balanced();
			break }
	od
}

/* ---- C, S1 and S2 --------------------------------------------------------------------------------------- */

/* With the content, where there is a home; else, and at the end, without. */
inline give_back(d)
{
	if
	:: !orphan[d] && memory[HOME(d)] == THERE && !BUSY(HOME(d)) && !BUSY(ITS(d)) ->
		donation[d] = PREPARES; returns[d] = 1
	:: kill(d)
	fi
}

#define MAY_PASS (open[0] && open[1] && donation[1] == NONE && memory[1] == THERE && !BUSY(1) && \
	donation[0] == GIVEN && HAS(1) > 0)
#define MAY_RETURN(d) (open[d] && donation[d] == GIVEN && memory[ITS(d)] == THERE)
proctype Anyone()
{
end:	do
	:: atomic { MAY_PASS ->
			if
			:: at[0] == 1 -> out[0] = 1
			:: at[0] == 1 && at[1] == 1 -> out[0] = 1; out[1] = 1
			:: at[0] != 1 -> out[1] = 1
			fi;
			donation[1] = PREPARES; memory[2] = THERE; lender[1] = 1 }
	:: atomic { MAY_RETURN(0) -> give_back(0) }
	:: atomic { MAY_RETURN(1) -> give_back(1) }
	:: atomic { open[0] -> open[0] = 0 }
	:: atomic { open[1] -> open[1] = 0 }
	/* The server has acknowledged: the session's bank ends. */
	:: atomic { !open[0] && !bank_dies[1] -> bank_dies[1] = 1 }
	:: atomic { !open[1] && !bank_dies[2] -> bank_dies[2] = 1 }
	:: atomic { memory[0] == THERE -> memory[0] = DYING }
	/* Not without the end of the session that it pays for. */
	:: atomic { !bank_dies[0] -> bank_dies[0] = 1; open[0] = 0 }
	:: open[0] <= 1 /* or nothing: fairness makes nobody misbehave */
	od
}

init {
	atomic {
		memory[0] = THERE; memory[1] = THERE; donation[0] = GIVEN; owed[0] = PAGES;
		lender[0] = CLIENT; lender[1] = 1;
		/* Of C's three pages two are lent; each session's bank has one of its own. */
		limit[0] = 1; limit[1] = 1 + PAGES; limit[2] = 1; limit[PARENT] = 1;
		run Anyone(); run Move(0); run Move(1);
		run Memory_end(0); run Memory_end(1); run Memory_end(2);
		run Donation_end(0); run Donation_end(1); run Bank_end(0); run Bank_end(1); run Bank_end(2)
	}
}

/* A move ends, and so does a bank, whatever was passed on of what it paid for. */
ltl i8_moves { [] (donation[1] == MOVES -> <> (donation[1] != MOVES)) }
ltl i8_banks { [] (bank_dies[1] -> <> (bank_gone[1])) }
ltl i8_homes { [] (bank_dies[0] -> <> (bank_gone[0])) }
