/* SPDX-License-Identifier: BSD-2-Clause */
/* The start block: what is built passes the check and says what it should; what is changed in any
 * word passes only if nothing in it reaches outside. */
#include <unit_test.h>
#include <rt/program.h>

enum { CAPACITY = 2048, ROUNDS = 200000 };

static const char *const argv[] = { "echo", "", "a longer one", "x" };
static const char *const env[] = { "A=b", "PATH=/" };
static const struct rt_given given[] = { { "console", 16 }, { "irq", 17 } };
static const struct rt_start_extra extra = {
	.argc = 4, .envc = 2, .givens = 2, .argv = argv, .env = env, .given = given
};

static err_t build(struct rt_start *block, size_t capacity)
{
	*block = (struct rt_start){ .ipc_buffer = 0x7000,
		                    .slot_bits = 7,
		                    .slot_first_free = 18,
		                    .stack_low = 0x1000,
		                    .stack_high = 0x7000 };
	return rt_start_build(block, capacity, &extra);
}

static const char *at(const struct rt_start *block, uint32_t offset)
{
	return (const char *)block + offset;
}

static void test_built(struct rt_start *block)
{
	CHECK(build(block, CAPACITY) == E_OK && block->bytes <= CAPACITY);
	CHECK(rt_start_check(block, CAPACITY) == E_OK);
	CHECK(rt_start_check(block, block->bytes) == E_OK);
	CHECK(rt_start_check(block, block->bytes - 1) == E_CORRUPT);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(strcmp(at(block, ((uint32_t *)at(block, block->argv))[i]), argv[i]) == 0);
	for (uint32_t i = 0; i < 2; i++) {
		const struct rt_start_given *g = (const void *)at(block, block->given);
		CHECK(strcmp(at(block, ((uint32_t *)at(block, block->env))[i]), env[i]) == 0);
		CHECK(strcmp(at(block, g[i].name), given[i].name) == 0 &&
		      g[i].slot == given[i].slot);
	}
	uint32_t bytes = block->bytes;
	for (size_t capacity = sizeof(*block); capacity < bytes; capacity++)
		CHECK(build(block, capacity) == E_TOOBIG);
	CHECK(build(block, bytes) == E_OK);
	const struct rt_start_extra many = { .argc = RT_ARGS_MAX + 1, .argv = argv };
	CHECK(rt_start_build(block, CAPACITY, &many) == E_TOOBIG);
	const struct rt_given wide = { "a name of more than thirty-one letters", 16 };
	const struct rt_start_extra named = { .givens = 1, .given = &wide };
	CHECK(rt_start_build(block, CAPACITY, &named) == E_TOOBIG);
}

/* Every string and array of a block that passes can be read: ASan sees where the block ends. */
static void read_all(const struct rt_start *block)
{
	const uint32_t lists[2][2] = { { block->argv, block->argc }, { block->env, block->envc } };
	const struct rt_start_given *g = (const void *)at(block, block->given);
	size_t sum = 0;
	for (int i = 0; i < 2; i++)
		for (uint32_t j = 0; j < lists[i][1]; j++)
			sum += strlen(at(block, ((const uint32_t *)at(block, lists[i][0]))[j]));
	for (uint32_t i = 0; i < block->givens; i++) {
		CHECK(strlen(at(block, g[i].name)) < RT_GIVEN_NAME_MAX);
		CHECK(g[i].slot >= RT_SLOT_FIRST && g[i].slot < 1u << block->slot_bits);
	}
	CHECK(sum <= RT_ARGS_MAX * 2ul * CAPACITY);
}

static void test_changed(struct rt_start *from)
{
	uint64_t good = 0;
	CHECK(build(from, CAPACITY) == E_OK);
	size_t bytes = (from->bytes + 7ul) & ~7ul;
	for (test_step = 0; test_step < ROUNDS; test_step++) {
		struct rt_start *block = malloc(bytes);
		CHECK(block);
		memcpy(block, from, bytes);
		for (uint64_t n = 1 + test_below(3); n > 0; n--) {
			uint32_t *word = (uint32_t *)block + test_below(bytes / 4);
			*word = test_below(2)   ? (uint32_t)test_below(2 * bytes)
			        : test_below(2) ? (uint32_t)test_random()
			                        : *word ^ 1u << test_below(32);
		}
		if (rt_start_check(block, bytes) == E_OK) {
			read_all(block);
			good++;
		}
		free(block);
	}
	CHECK(good > ROUNDS / 100 && good < ROUNDS);
}

int main(void)
{
	static _Alignas(8) char memory[CAPACITY];
	test_start(1);
	test_built((struct rt_start *)memory);
	test_changed((struct rt_start *)memory);
	printf("rt/start_block: ok\n");
	return 0;
}
