/* SPDX-License-Identifier: BSD-2-Clause */
/* Dataspaces: rm.idl's methods 10 to 17. */
#include "test.h"

static void test_anonymous(cptr_t bank)
{
	enum { PAGES = 200 };
	cptr_t memory, huge;
	uint64_t at;
	CHECK_OK(memory_make(bank, PAGES, 0, &memory));
	uint64_t used = bank_status(bank).used;
	CHECK_OK(show(memory, PAGES, &at));
	struct rm_dataspace_status status = memory_status(memory);
	CHECK(status.size == PAGES && status.resident == 0 && status.regions == 1);
	CHECK(status.kind == RM_DATASPACE_KIND_ANONYMOUS && status.flags == 0);
	CHECK(status.rights == (RW | RM_RIGHT_EXECUTE) && status.pinned == 0);
	/* Zero until written, and charged as it is touched. */
	for (uint64_t i = 0; i < PAGES; i++)
		for (unsigned int j = 0; j < PAGE / 8; j += 64)
			CHECK(word_at(at, i)[j] == 0);
	fill(at, PAGES, 7);
	CHECK(memory_status(memory).resident == PAGES);
	CHECK(bank_status(bank).used >= used + PAGES * PAGE);
	CHECK(holds(at, PAGES, 7));
	/* A second mapping is the same memory. */
	uint64_t again = 0;
	CHECK_OK(show(memory, PAGES, &again));
	CHECK(holds(again, PAGES, 7));
	*word_at(again, 3) = 1;
	CHECK(*word_at(at, 3) == 1 && memory_status(memory).regions == 2);
	CHECK_OK(hide(RT_VSPACE, again, PAGES));
	CHECK_OK(hide(RT_VSPACE, at, PAGES));
	CHECK(memory_status(memory).regions == 0 && memory_status(memory).resident == PAGES);
	CHECK_OK(rm_dataspace_destroy(memory));
	CHECK_ERR(rm_dataspace_destroy(memory), E_GONE);
	/* What is not touched costs nothing, however large. */
	CHECK_OK(memory_make(bank, RM_PAGES_MAX, 0, &huge));
	CHECK_OK(rm_dataspace_destroy(huge));
	const cptr_t huge_one = huge;
	CHECK_ERR(memory_make(bank, RM_PAGES_MAX + 1, 0, &huge), E_INVAL);
	CHECK_ERR(memory_make(bank, 0, 0, &huge), E_INVAL);
	slots_put((cptr_t[]){ memory, huge_one }, 2);
}

/* What one program left behind nobody else sees. */
static void test_clean(cptr_t bank)
{
	enum { PAGES = 100, ROUNDS = 4 };
	for (unsigned int round = 0; round < ROUNDS; round++) {
		cptr_t memory;
		uint64_t at;
		CHECK_OK(memory_make(bank, PAGES, round % 2 ? RM_DATASPACE_FLAGS_PINNED : 0,
		                     &memory));
		CHECK_OK(show(memory, PAGES, &at));
		for (uint64_t i = 0; i < PAGES; i++)
			for (unsigned int j = 0; j < PAGE / 8; j++)
				CHECK(word_at(at, i)[j] == 0);
		for (uint64_t i = 0; i < PAGES; i++)
			for (unsigned int j = 0; j < PAGE / 8; j++)
				word_at(at, i)[j] = ~0ull;
		CHECK_OK(rm_dataspace_destroy(memory));
		CHECK_OK(hide(RT_VSPACE, at, PAGES));
		rt_slot_put(memory);
	}
}

static void test_pinned(cptr_t bank)
{
	enum { PAGES = 150 };
	cptr_t memory;
	struct rm_dataspace_physical_out out = { 0 };
	const struct rm_bank_status before = bank_status(bank);
	uint64_t quota = before.pin_limit / PAGE;
	CHECK_ERR(memory_make(bank, quota + 1, RM_DATASPACE_FLAGS_PINNED, &memory), E_LIMIT);
	struct rm_bank_status after = bank_settled(bank, &before);
	CHECK(bank_same(&before, &after));
	CHECK_OK(memory_make(bank, PAGES, RM_DATASPACE_FLAGS_PINNED, &memory));
	const struct rm_dataspace_status status = memory_status(memory);
	CHECK(status.resident == PAGES && status.pinned == PAGES);
	CHECK(status.flags == RM_DATASPACE_FLAGS_PINNED);
	CHECK(bank_status(bank).pinned == PAGES * PAGE);
	struct rm_dataspace_physical_in in = { .first = 0, .count = 64 };
	CHECK_OK(rm_dataspace_physical(memory, &in, &out));
	CHECK(out.frames_count == 64);
	for (unsigned int i = 0; i < 64; i++)
		for (unsigned int j = 0; j <= i; j++)
			CHECK(out.frames[i] % PAGE == 0 &&
			      (i == j || out.frames[i] != out.frames[j]));
	in.first = PAGES - 64;
	CHECK_OK(rm_dataspace_physical(memory, &in, &out));
	in.first++;
	CHECK_ERR(rm_dataspace_physical(memory, &in, &out), E_RANGE);
	in.count = 0;
	CHECK_ERR(rm_dataspace_physical(memory, &in, &out), E_INVAL);
	const struct rm_dataspace_resize_in resize = { .size = 1 };
	CHECK_ERR(rm_dataspace_resize(memory, &resize), E_BUSY);
	CHECK_OK(rm_dataspace_destroy(memory));
	CHECK(bank_status(bank).pinned == 0);
	rt_slot_put(memory);
	CHECK_OK(memory_make(bank, 4, 0, &memory));
	in = (struct rm_dataspace_physical_in){ .count = 1 };
	CHECK_ERR(rm_dataspace_physical(memory, &in, &out), E_RANGE);
	CHECK_OK(rm_dataspace_destroy(memory));
	rt_slot_put(memory);
	after = bank_status(bank);
	CHECK(after.pinned == 0);
}

static void test_contiguous(cptr_t bank)
{
	const uint8_t flags = RM_DATASPACE_FLAGS_PINNED | RM_DATASPACE_FLAGS_CONTIGUOUS;
	struct rm_dataspace_physical_out out = { 0 };
	cptr_t memory = slot_new(), other;
	CHECK_ERR(memory_make(bank, 4, RM_DATASPACE_FLAGS_CONTIGUOUS, &other), E_INVAL);
	CHECK_ERR(memory_make(bank, 4, 8, &other), E_INVAL);
	const struct {
		uint64_t pages, below;
		uint8_t align;
	} cases[] = { { 1, 0, 12 },  { 7, 0, 12 },          { 16, 0, 16 },
		      { 64, 0, 18 }, { 32, 1ul << 24, 14 }, { 64, 1ul << 32, 12 } };
	for (unsigned int c = 0; c < COUNT_OF(cases); c++) {
		const struct rm_dataspace_create_in in = { .size = cases[c].pages,
			                                   .below = cases[c].below,
			                                   .flags = flags,
			                                   .align = cases[c].align };
		err_t err = rm_dataspace_create(bank, &in, rt_slot(memory));
		if (cases[c].below == 1ul << 24 && err == E_NOMEM)
			continue; /* others may have all that is so low */
		CHECK_OK(err);
		const struct rm_dataspace_physical_in all = { .count = (uint16_t)cases[c].pages };
		CHECK_OK(rm_dataspace_physical(memory, &all, &out));
		CHECK(out.frames[0] % (1ul << cases[c].align) == 0);
		for (unsigned int i = 1; i < cases[c].pages; i++)
			CHECK(out.frames[i] == out.frames[0] + i * (uint64_t)PAGE);
		if (cases[c].below)
			CHECK(out.frames[0] + cases[c].pages * PAGE <= cases[c].below);
		CHECK(memory_status(memory).pinned == cases[c].pages);
		CHECK_OK(rm_dataspace_destroy(memory));
		rt_slot_clear(memory);
	}
	CHECK_ERR(memory_make(bank, 4096, flags, &other), E_LIMIT);
	CHECK(bank_status(bank).pinned == 0);
	const struct rm_dataspace_create_in low = {
		.size = 4, .below = 2 * PAGE, .flags = flags, .align = 12
	};
	CHECK_ERR(rm_dataspace_create(bank, &low, rt_slot(memory)), E_NOMEM);
	CHECK(bank_status(bank).pinned == 0);
	rt_slot_put(memory);
}

static void test_clone(cptr_t bank)
{
	enum { PAGES = 180, GAP = 50 };
	cptr_t memory, copy, part, copy2;
	uint64_t at, to, to2, to3;
	CHECK_OK(memory_make(bank, PAGES + GAP, 0, &memory));
	CHECK_OK(show(memory, PAGES + GAP, &at));
	fill(at, PAGES, 1000);
	uint64_t used = bank_status(bank).used;
	CHECK_OK(memory_clone(memory, bank, 0, PAGES + GAP, &copy));
	CHECK(bank_status(bank).used < used + 10 * PAGE);
	CHECK(memory_status(copy).kind == RM_DATASPACE_KIND_CLONE);
	CHECK(memory_status(copy).resident == memory_status(memory).resident);
	CHECK_OK(show(copy, PAGES + GAP, &to));
	CHECK(holds(to, PAGES, 1000) && *word_at(to, PAGES) == 0);
	/* Each goes its own way from there. */
	fill(at, PAGES / 2, 2000);
	CHECK(holds(to, PAGES, 1000));
	*word_at(to, PAGES - 1) = 5;
	CHECK(*word_at(at, PAGES - 1) == 1000 + PAGES - 1);
	*word_at(to, PAGES + 1) = 6;
	CHECK(*word_at(at, PAGES + 1) == 0);
	/* A copy of a part, and of a copy. */
	CHECK_OK(memory_clone(memory, bank, 10, 20, &part));
	CHECK_OK(show(part, 20, &to2));
	CHECK(holds(to2, 20, 2010));
	CHECK_OK(memory_clone(copy, bank, 0, PAGES, &copy2));
	CHECK_OK(show(copy2, PAGES, &to3));
	CHECK(holds(to3, PAGES - 1, 1000) && *word_at(to3, PAGES - 1) == 5);
	/* The origin ends; the copies live. */
	CHECK_OK(rm_dataspace_destroy(memory));
	CHECK(holds(to2, 20, 2010) && holds(to, PAGES - 1, 1000));
	CHECK_OK(rm_dataspace_destroy(copy));
	CHECK(holds(to3, PAGES - 1, 1000));
	fill(to3, PAGES, 9);
	CHECK(holds(to3, PAGES, 9));
	const uint64_t shown[] = { at, to, to2, to3 };
	const uint64_t pages[] = { PAGES + GAP, PAGES + GAP, 20, PAGES };
	for (unsigned int i = 0; i < 4; i++)
		CHECK_OK(hide(RT_VSPACE, shown[i], pages[i]));
	slots_put((cptr_t[]){ memory, copy, part, copy2 }, 4);
}

/* Into another bank, of what is pinned: made at once, page by page. */
static void test_clone_elsewhere(cptr_t bank)
{
	enum { PAGES = 90 };
	cptr_t memory, copy, other, pinned, copy2;
	uint64_t at, to;
	CHECK_OK(bank_make(bank, 300, &other));
	CHECK_OK(memory_make(bank, PAGES, 0, &memory));
	CHECK_OK(show(memory, PAGES, &at));
	fill(at, PAGES, 5);
	uint64_t used = bank_status(bank).used;
	CHECK_OK(memory_clone(memory, other, 0, PAGES, &copy));
	CHECK(bank_status(bank).used == used && bank_status(other).used > PAGES * PAGE);
	CHECK_OK(show(copy, PAGES, &to));
	CHECK(holds(to, PAGES, 5));
	fill(at, PAGES, 6);
	CHECK(holds(to, PAGES, 5));
	CHECK_OK(hide(RT_VSPACE, to, PAGES));
	const struct rm_dataspace_clone_in beyond = { .first = 1, .size = PAGES };
	CHECK_ERR(rm_dataspace_clone(memory, bank, &beyond, rt_slot(copy)), E_RANGE);
	CHECK_ERR(rm_dataspace_clone(memory, RT_TASK, &beyond, rt_slot(copy)), E_INVAL);
	CHECK_OK(memory_make(bank, PAGES, RM_DATASPACE_FLAGS_PINNED, &pinned));
	CHECK_OK(hide(RT_VSPACE, at, PAGES));
	CHECK_OK(show(pinned, PAGES, &at));
	fill(at, PAGES, 7);
	CHECK_OK(memory_clone(pinned, bank, 0, PAGES, &copy2));
	CHECK(memory_status(copy2).pinned == 0 && bank_status(bank).pinned == PAGES * PAGE);
	CHECK_OK(show(copy2, PAGES, &to));
	CHECK(holds(to, PAGES, 7));
	fill(at, PAGES, 8);
	CHECK(holds(to, PAGES, 7));
	CHECK_OK(rm_bank_destroy(other));
	CHECK(holds(to, PAGES, 7));
	CHECK_OK(hide(RT_VSPACE, to, PAGES));
	CHECK_OK(hide(RT_VSPACE, at, PAGES));
	slots_put((cptr_t[]){ memory, copy, other, pinned, copy2 }, 5);
}

static void test_private(cptr_t bank)
{
	enum { PAGES = 40 };
	cptr_t memory, space = slot_new();
	uint64_t at, mine = 0;
	CHECK_OK(memory_make(bank, PAGES, 0, &memory));
	CHECK_OK(show(memory, PAGES, &at));
	fill(at, PAGES, 100);
	CHECK_OK(show_as(RT_VSPACE, memory, 0, PAGES, RW, RM_REGION_FLAGS_PRIVATE, RM_INHERIT_NONE,
	                 &mine));
	CHECK(holds(mine, PAGES, 100));
	*word_at(mine, 3) = 1;
	CHECK(*word_at(at, 3) == 103);
	*word_at(at, 4) = 2; /* not written there yet: seen */
	CHECK(*word_at(mine, 4) == 2);
	*word_at(at, 3) = 7;
	CHECK(*word_at(mine, 3) == 1);
	CHECK(memory_status(memory).resident == PAGES);
	/* A second one is another. */
	uint64_t other = 0;
	CHECK_OK(show_as(RT_VSPACE, memory, 0, PAGES, RW, RM_REGION_FLAGS_PRIVATE, RM_INHERIT_NONE,
	                 &other));
	CHECK(*word_at(other, 3) == 7);
	/* Trimmed below: what is the region's own stays. */
	const struct rm_dataspace_resize_in resize = { .size = 2 };
	CHECK_OK(rm_dataspace_resize(memory, &resize));
	CHECK(*word_at(mine, 3) == 1 && peek(RT_VSPACE, mine + PAGE) == 101);
	CHECK_OK(rm_dataspace_destroy(memory));
	CHECK(*word_at(mine, 3) == 1 && peek(RT_VSPACE, mine + PAGE) == NOT_THERE);
	CHECK_OK(hide(RT_VSPACE, mine, PAGES));
	CHECK_OK(hide(RT_VSPACE, other, PAGES));
	CHECK_OK(hide(RT_VSPACE, at, PAGES));
	slots_put((cptr_t[]){ memory, space }, 2);
}

static void test_resize(cptr_t bank)
{
	enum { PAGES = 300 };
	cptr_t memory, copy;
	uint64_t at, to;
	CHECK_OK(memory_make(bank, PAGES, 0, &memory));
	CHECK_OK(show(memory, PAGES, &at));
	fill(at, PAGES, 50);
	CHECK_OK(memory_clone(memory, bank, 0, PAGES, &copy));
	CHECK_OK(show(copy, PAGES, &to));
	uint64_t used = bank_status(bank).used;
	struct rm_dataspace_resize_in in = { .size = 10 };
	CHECK_OK(rm_dataspace_resize(memory, &in));
	CHECK(memory_status(memory).size == 10 && memory_status(memory).resident == 10);
	CHECK(holds(at, 10, 50) && peek(RT_VSPACE, at + 10 * PAGE) == NOT_THERE);
	CHECK(holds(to, PAGES, 50));
	in.size = PAGES;
	CHECK_OK(rm_dataspace_resize(memory, &in));
	CHECK(memory_status(memory).size == PAGES && memory_status(memory).resident == 10);
	CHECK(*word_at(at, 20) == 0 && holds(at, 10, 50));
	in.size = 0;
	CHECK_OK(rm_dataspace_resize(memory, &in));
	CHECK(memory_status(memory).resident == 0);
	CHECK_OK(rm_dataspace_resize(copy, &in));
	CHECK(bank_status(bank).used + (PAGES - 1) * PAGE < used);
	in.size = 5;
	CHECK_OK(rm_dataspace_resize(copy, &in));
	fill(to, 5, 3);
	CHECK(holds(to, 5, 3));
	CHECK_OK(hide(RT_VSPACE, at, PAGES));
	CHECK_OK(hide(RT_VSPACE, to, PAGES));
	slots_put((cptr_t[]){ memory, copy }, 2);
}

/* Rights only become fewer, and bound what can be done with a capability. */
static void test_rights(cptr_t bank)
{
	cptr_t memory, reader = slot_new(), nobody = slot_new(), again = slot_new(), copy;
	uint64_t at = 0, size = 8;
	CHECK_OK(memory_make(bank, size, 0, &memory));
	const struct rm_dataspace_restrict_in read = { .rights = RM_RIGHT_READ };
	CHECK_OK(rm_dataspace_restrict(memory, &read, rt_slot(reader)));
	CHECK_OK(rm_dataspace_restrict(memory, &(struct rm_dataspace_restrict_in){ 0 },
	                               rt_slot(nobody)));
	CHECK_OK(rm_dataspace_restrict(reader, &(struct rm_dataspace_restrict_in){ .rights = 7 },
	                               rt_slot(again)));
	CHECK(memory_status(reader).rights == RM_RIGHT_READ);
	CHECK(memory_status(again).rights == RM_RIGHT_READ && memory_status(nobody).rights == 0);
	CHECK_ERR(show(reader, size, &at), E_PERM);
	CHECK_ERR(show(nobody, size, &at), E_PERM);
	CHECK_ERR(show_as(RT_VSPACE, nobody, 0, size, 0, 0, RM_INHERIT_NONE, &at), E_PERM);
	CHECK_ERR(show_as(RT_VSPACE, nobody, 0, size, RW, RM_REGION_FLAGS_PRIVATE, RM_INHERIT_NONE,
	                  &at),
	          E_PERM);
	CHECK_ERR(show_as(RT_VSPACE, reader, 0, size, RM_RIGHT_EXECUTE, 0, RM_INHERIT_NONE, &at),
	          E_PERM);
	CHECK_OK(show_as(RT_VSPACE, reader, 0, size, RM_RIGHT_READ, 0, RM_INHERIT_NONE, &at));
	CHECK(*word_at(at, 1) == 0);
	CHECK_ERR(protect(RT_VSPACE, at, size, RW), E_PERM);
	CHECK_OK(hide(RT_VSPACE, at, size));
	/* A private region may write to its own. */
	at = 0;
	CHECK_OK(show_as(RT_VSPACE, reader, 0, size, RW, RM_REGION_FLAGS_PRIVATE, RM_INHERIT_NONE,
	                 &at));
	*word_at(at, 1) = 4;
	CHECK_OK(hide(RT_VSPACE, at, size));
	const struct rm_dataspace_resize_in resize = { .size = 1 };
	CHECK_ERR(rm_dataspace_resize(reader, &resize), E_PERM);
	CHECK_ERR(rm_dataspace_destroy(reader), E_PERM);
	CHECK_ERR(memory_clone(nobody, bank, 0, 1, &copy), E_PERM);
	CHECK_OK(memory_clone(reader, bank, 0, 1, &copy));
	CHECK(memory_status(copy).rights == (RW | RM_RIGHT_EXECUTE));
	CHECK(memory_status(memory).size == size);
	slots_put((cptr_t[]){ memory, reader, nobody, again, copy }, 5);
}

/* It ends while it is mapped here and there: the regions stay, and show nothing. */
static void test_destroy(cptr_t bank)
{
	enum { PAGES = 70, TIMES = 12 };
	cptr_t memory, space = space_make(bank);
	uint64_t at[TIMES], far = 0;
	CHECK_OK(memory_make(bank, PAGES, 0, &memory));
	for (unsigned int i = 0; i < TIMES; i++) {
		CHECK_OK(show(memory, PAGES, &at[i]));
		fill(at[i], PAGES, i);
	}
	CHECK_OK(show_as(space, memory, 0, PAGES, RW, 0, RM_INHERIT_NONE, &far));
	for (uint64_t i = 0; i < PAGES; i++)
		CHECK(fault(space, far + i * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	CHECK_OK(rm_dataspace_destroy(memory));
	CHECK(fault(space, far, RM_ACCESS_READ) == RM_FAULT_RESULT_LOST);
	CHECK_ERR(protect(space, far, PAGES, RM_RIGHT_READ), E_NOENT);
	struct rm_region_query_out out = { 0 };
	CHECK_OK(rm_region_query(space, &(struct rm_region_query_in){ .at = 0 }, &out));
	CHECK(out.region.start == far && out.region.size == PAGES);
	CHECK_OK(hide(space, far, PAGES));
	for (unsigned int i = 0; i < TIMES; i++) {
		CHECK(peek(RT_VSPACE, at[i]) == NOT_THERE);
		CHECK_OK(hide(RT_VSPACE, at[i], PAGES));
	}
	slots_put((cptr_t[]){ memory, space }, 2);
}

const struct test dataspace_tests[] = {
	{ "dataspace: anonymous", test_anonymous },
	{ "dataspace: clean", test_clean },
	{ "dataspace: pinned", test_pinned },
	{ "dataspace: contiguous", test_contiguous },
	{ "dataspace_clone", test_clone },
	{ "dataspace_clone: elsewhere", test_clone_elsewhere },
	{ "dataspace: private regions", test_private },
	{ "dataspace_resize", test_resize },
	{ "dataspace_restrict", test_rights },
	{ "dataspace_destroy: mapped", test_destroy },
	{ 0 },
};
