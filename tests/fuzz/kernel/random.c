/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers: xorshift64*, and values with a purpose. No memory but the state. */
#include "fuzz.h"

word_t random_word(word_t *state)
{
	word_t x = *state ? *state : 88172645463325252ull;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 2685821657736338717ull;
}

word_t random_below(word_t *state, word_t limit)
{
	return (random_word(state) >> 33) % limit;
}

bool random_one_in(word_t *state, word_t n)
{
	return random_below(state, n) == 0;
}

static word_t random_address(word_t *state)
{
	static const word_t interesting[] = {
		0,
		0x1000,
		0x400000,
		PLAY_VADDR,
		PLAY_VADDR + 0x1000,
		PLAY_VADDR + 0x200000,
		PLAY_VADDR + 0x40000000,
		0x7fffffffe000ull,
		ABI_USER_TOP,
		0x800000000000ull,
		0xffff800000000000ull,
		0xffffff8000000000ull,
		0xffffff8000100000ull,
		0xffffffff80000000ull,
		0xffffffff80100000ull,
		0xfffffffffffff000ull,
		0xffffffffffe00000ull,
		0xfee00000ull,
	};
	word_t a = interesting[random_below(state, sizeof interesting / sizeof interesting[0])];
	return random_one_in(state, 3) ? a + random_below(state, 0x2000) - 0x1000 : a;
}

static word_t odd(word_t *state)
{
	word_t bit = (word_t)1 << random_below(state, 64);
	switch (random_below(state, 8)) {
	case 0:
		return random_below(state, 4);
	case 1:
		return random_below(state, PLAY_SLOTS);
	case 2:
		return bit;
	case 3:
		return bit - 1;
	case 4:
		return 0 - random_below(state, 40);
	case 5:
	case 6:
		return random_address(state);
	default:
		return random_word(state);
	}
}

/* Never the number of a debug call, in whatever register it may come to stand. */
word_t random_odd(word_t *state)
{
	word_t value = odd(state);
	bool debug_call =
	        value >= (word_t)SYS_DEBUG_NAME_THREAD && value <= (word_t)SYS_DEBUG_PUT_CHAR;
	return debug_call ? 0 : value;
}

word_t random_syscall(word_t *state, bool freehold)
{
	word_t pick = random_below(state, 400);
	if (pick < 300)
		return (word_t)SYS_CALL - random_below(state, 11);
	if (pick < 330)
		return (word_t)SYS_SET_TLS_BASE;
	if (pick < 370)
		return random_odd(state);
	if (pick < 390)
		return (word_t)SYS_DEBUG_NAME_THREAD - 1 - random_below(state, 40);
	if (pick < 394)
		return (word_t)SYS_DEBUG_CAP_IDENTIFY;
	/* seL4 stops if this one is not given a TCB. */
	return freehold ? (word_t)SYS_DEBUG_NAME_THREAD : 0;
}
