/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long operations: revoking and deleting thousands of capabilities, clearing megabytes. They let
 * a thread of higher priority run meanwhile, soon, and end with everything done. The small cases
 * are in cnode_tree.c and untyped.c.
 *
 * A probe at priority 200 wakes every 2 ms by its budget; the longest time between two wakings is
 * printed, less the period. Where the machine's clock counts instructions (QEMU's -icount; it
 * means nothing on seL4, whose timer then does not work) it is compared with that of a thread that
 * does nothing, and may be a few thousand instructions longer. Else there is a bound that even an
 * emulated machine on a busy host keeps.
 */
#include "jobs.h"

enum {
	PROBE_PERIOD_US = 2000,
	LATENCY_MAX_US = 20000,
	LATENCY_MAX_INSTRUCTIONS = 10000,
	RADIX = 13, /* of the big CNodes */
	SLOTS = 1 << RADIX,
};

static struct {
	volatile bool measure, stop;
	volatile word_t max_us, wakings;
	word_t (*operation)(word_t);
	word_t duration_us;
} probe;

static word_t probe_run(word_t arg)
{
	(void)arg;
	word_t last = rdtsc(), max = 0;
	while (!probe.stop) {
		sel4_yield();
		word_t time = rdtsc();
		if (probe.measure) {
			if (time - last > max)
				max = time - last;
			probe.wakings++;
		}
		last = time;
	}
	word_t max_us = max / tsc_mhz();
	probe.max_us = max_us > PROBE_PERIOD_US ? max_us - PROBE_PERIOD_US : 0;
	return 0;
}

/* Does operation(arg), which returns an error, in a thread below the probe. The latency. */
static word_t latency_of(const char *name, word_t (*operation)(word_t), word_t arg)
{
	struct thread *p = thread_new(&(struct thread_options){
	        .priority = 200, .budget_us = PROBE_PERIOD_US / 2, .period_us = PROBE_PERIOD_US });
	struct thread *t = thread_new(&(struct thread_options){ .budget_us = 5000 });
	probe.measure = probe.stop = false;
	probe.wakings = 0;
	thread_start(p, probe_run, 0);
	sleep_us(2 * PROBE_PERIOD_US);
	word_t start = now_us();
	probe.measure = true;
	thread_start(t, operation, arg);
	word_t err = thread_join(t);
	probe.duration_us = now_us() - start;
	probe.stop = true;
	thread_join(p);
	print("# latency %s: at most %lu us in %lu us, %lu wakings\n", name, probe.max_us,
	      probe.duration_us, probe.wakings);
	CHECK_EQ(err, ERR_NONE);
	return probe.max_us;
}

/*
 * The time of a million instructions, or 0 if the clock does not count these: no other clock
 * finds divisions as long as jumps.
 */
static word_t million_us(void)
{
	word_t million = 0;
	for (int i = 0; i < 3; i++) {
		word_t rounds = 500000, dividend = ~0ull, high = 0, divisor = 3;
		word_t start = rdtsc();
		__asm__ volatile("1: decq %0\n\tjnz 1b" : "+r"(rounds));
		million = rdtsc() - start;
		rounds = 250000;
		start = rdtsc();
		__asm__ volatile("1: divq %3\n\txorl %%edx, %%edx\n\tdecq %0\n\tjnz 1b"
		                 : "+r"(rounds), "+a"(dividend), "+d"(high)
		                 : "r"(divisor));
		word_t divisions = rdtsc() - start;
		if (divisions > million * 102 / 100 || million > divisions * 102 / 100)
			return 0;
	}
	return million / tsc_mhz();
}

static word_t do_nothing(word_t us)
{
	spin_us(us);
	return 0;
}

static word_t bound_us(void)
{
	static word_t bound;
	if (bound == 0) {
		word_t million = million_us();
		bound = LATENCY_MAX_US;
		if (kernel_is_freehold() && million)
			bound = latency_of("of a thread that computes", do_nothing, 100000) +
			        million * LATENCY_MAX_INSTRUCTIONS / 1000000;
		print("# latency: bound %lu us\n", bound);
	}
	return bound;
}

static bool is_short(const char *name, word_t (*operation)(word_t), word_t arg)
{
	word_t bound = bound_us();
	return latency_of(name, operation, arg) < bound;
}

static word_t do_delete(word_t cap)
{
	return sel4_cnode_delete(slot(cap));
}

static word_t do_revoke(word_t cap)
{
	return sel4_cnode_revoke(slot(cap));
}

/* Copies of source in the slots first.. of a CNode of this radix, until it is full. */
static void fill_with_copies(cptr_t node, word_t radix, word_t first, cptr_t source)
{
	for (word_t i = first; i < 1ull << radix; i++)
		CHECK_OK(sel4_cnode_copy(at(node, i, radix), slot(source), RIGHTS_ALL));
}

/* Asked for some of them only: it takes a system call each. */
static bool all_empty(cptr_t node, word_t radix)
{
	for (word_t i = 0; i < 1ull << radix; i += 61)
		if (!is_empty(at(node, i, radix)))
			return false;
	return is_empty(at(node, (1ull << radix) - 1, radix));
}

static bool revoke_copies(void)
{
	cptr_t node = cnode_new(RADIX), ep = endpoint_new();
	fill_with_copies(node, RADIX, 0, ep);
	bool ok = is_short("of Revoke, 8192 copies", do_revoke, ep);
	CHECK(all_empty(node, RADIX));
	CHECK(!slot_is_empty(ep));
	/* None is left that would hinder this. */
	cap_delete(ep);
	cap_delete(node);
	return ok;
}

TEST(preempt_revoke_of_thousands_of_copies)
{
	CHECK(any_attempt(revoke_copies));
}

static bool revoke_badges(void)
{
	cptr_t node = cnode_new(RADIX), ep = endpoint_new();
	for (word_t i = 0; i < SLOTS; i++)
		CHECK_OK(sel4_cnode_mint(at(node, i, RADIX), slot(ep), RIGHTS_ALL, i + 1));
	bool ok = is_short("of Revoke, 8192 badges", do_revoke, ep);
	CHECK(all_empty(node, RADIX));
	cap_delete(node);
	return ok;
}

TEST(preempt_revoke_of_thousands_of_badges)
{
	CHECK(any_attempt(revoke_badges));
}

static bool delete_full_cnode(void)
{
	cptr_t untyped = untyped_new(RADIX + ABI_SLOT_BITS), node = slot_new(), ep = endpoint_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, RADIX, root_node(), node, 1));
	fill_with_copies(node, RADIX, 0, ep);
	bool ok = is_short("of Delete, CNode of 8192 slots", do_delete, node);
	CHECK(slot_is_empty(node));
	/* The memory is free, without a revoke. */
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, RADIX, root_node(), node, 1));
	CHECK(all_empty(node, RADIX));
	cap_delete(node);
	cap_delete(untyped);
	return ok;
}

TEST(preempt_delete_of_a_full_cnode)
{
	CHECK(any_attempt(delete_full_cnode));
}

/* Last capabilities: each deletion is one of an object. */
static bool delete_cnode_of_objects(void)
{
	enum { BITS = 10 };
	cptr_t node = cnode_new(BITS + 1), untyped = untyped_new(22);
	for (word_t i = 0; i < 1 << BITS; i += 256) {
		CHECK_OK(sel4_untyped_retype(untyped, OBJ_TCB, 0, at(node, 0, 0), i, 256));
		CHECK_OK(sel4_untyped_retype(untyped, OBJ_NOTIFICATION, 0, at(node, 0, 0),
		                             (1 << BITS) + i, 256));
	}
	bool ok = is_short("of Delete, CNode of 1024 TCBs and notifications", do_delete, node);
	CHECK(slot_is_empty(node));
	/* What is left of TCBs whose last capability was in a CNode goes with their memory. */
	cap_revoke(untyped);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_UNTYPED, 22, root_node(), node, 1));
	cap_revoke(untyped);
	cap_delete(untyped);
	return ok;
}

TEST(preempt_delete_of_a_cnode_of_objects)
{
	CHECK(any_attempt(delete_cnode_of_objects));
}

static bool revoke_untyped(void)
{
	enum { BITS = 10 };
	static const enum abi_object types[] = { OBJ_TCB, OBJ_ENDPOINT, OBJ_NOTIFICATION, OBJ_REPLY,
		                                 OBJ_X86_4K_PAGE };
	cptr_t node = cnode_new(BITS + 3), untyped = untyped_new(22);
	word_t count = 0;
	for (unsigned int i = 0; i < 5; i++)
		for (unsigned int j = 0; j < 2; j++, count += 256)
			CHECK_OK(sel4_untyped_retype(untyped, types[i], 0, at(node, 0, 0), count,
			                             256));
	/* Children of the children. */
	for (word_t i = 0; i < 1 << BITS; i++)
		CHECK_OK(sel4_cnode_copy(at(node, 4096 + i, BITS + 3), at(node, i, BITS + 3),
		                         RIGHTS_ALL));
	bool ok = is_short("of Revoke, untyped of 2560 objects", do_revoke, untyped);
	CHECK(all_empty(node, BITS + 3));
	/* All of the memory is free. */
	cptr_t all = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_UNTYPED, 22, root_node(), all, 1));
	cap_revoke(untyped);
	cap_delete(untyped);
	cap_delete(node);
	return ok;
}

TEST(preempt_revoke_of_an_untyped)
{
	CHECK(any_attempt(revoke_untyped));
}

/* A CNode of CNodes, each full of copies. */
static bool delete_nested_cnodes(void)
{
	enum { OUTER = 5, INNER = 8 };
	cptr_t untyped = untyped_new(20), outer = slot_new(), inner = slot_new();
	cptr_t ep = endpoint_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, OUTER, root_node(), outer, 1));
	for (word_t i = 0; i < 1 << OUTER; i++) {
		CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, INNER, root_node(), inner, 1));
		fill_with_copies(inner, INNER, 0, ep);
		CHECK_OK(sel4_cnode_move(at(outer, i, OUTER), slot(inner)));
	}
	bool ok = is_short("of Revoke, 32 nested CNodes of 256 slots", do_revoke, untyped);
	CHECK(slot_is_empty(outer));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_UNTYPED, 20, root_node(), outer, 1));
	cap_revoke(untyped);
	cap_delete(untyped);
	cap_delete(ep);
	return ok;
}

TEST(preempt_revoke_of_nested_cnodes)
{
	CHECK(any_attempt(delete_nested_cnodes));
}

/* Big CNodes whose last capabilities are in themselves, or in each other. */
enum { RING = 3, RING_RADIX = 11 };

static bool delete_ring(unsigned int count)
{
	word_t bits = RING_RADIX + ABI_SLOT_BITS + 2;
	cptr_t untyped = untyped_new(bits), nodes = slot_new_range(RING), ep = endpoint_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, RING_RADIX, root_node(), nodes, count));
	for (unsigned int i = 0; i < count; i++)
		fill_with_copies(nodes + i, RING_RADIX, 1, ep);
	/* Each holds the next one, of which no other capability is left but the first's. */
	for (unsigned int i = 0; i + 1 < count; i++)
		CHECK_OK(sel4_cnode_copy(at(nodes + i, 0, RING_RADIX), slot(nodes + i + 1),
		                         RIGHTS_ALL));
	CHECK_OK(sel4_cnode_copy(at(nodes + count - 1, 0, RING_RADIX), slot(nodes), RIGHTS_ALL));
	for (unsigned int i = 1; i < count; i++)
		cap_delete(nodes + i);
	/* Not the last capability: nothing is emptied. */
	cap_delete(nodes);
	CHECK_EQ(sel4_cnode_copy(slot(nodes), slot(untyped), RIGHTS_ALL), ERR_REVOKE_FIRST);
	bool ok = is_short("of Revoke, ring of CNodes of 2048 slots", do_revoke, untyped);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_UNTYPED, bits, root_node(), nodes, 1));
	cap_revoke(untyped);
	/* The copies of the endpoint are gone: this is its last capability. */
	struct job job = { .nr = SYS_SEND, .cap = ep };
	struct thread *t = job_start(&job, NULL);
	settle();
	CHECK(!job.done);
	cap_delete(ep);
	settle();
	CHECK(job.done);
	cap_delete(t->tcb);
	cap_delete(untyped);
	return ok;
}

static bool delete_ring_of_one(void)
{
	return delete_ring(1);
}

static bool delete_ring_of_three(void)
{
	return delete_ring(RING);
}

TEST(preempt_revoke_of_a_cnode_that_holds_itself)
{
	CHECK(any_attempt(delete_ring_of_one));
}

TEST(preempt_revoke_of_a_ring_of_cnodes)
{
	CHECK(any_attempt(delete_ring_of_three));
}

/* A CNode that is the CSpace of a TCB in it. */
static bool delete_cspace(void)
{
	cptr_t untyped = untyped_new(RADIX + ABI_SLOT_BITS + 1), node = slot_new();
	cptr_t tcb = slot_new(), ep = endpoint_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, RADIX, root_node(), node, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_TCB, 0, root_node(), tcb, 1));
	CHECK_OK(sel4_tcb_set_space(tcb, INIT_NULL, node, abi_cnode_guard(0, 64 - RADIX),
	                            INIT_VSPACE, 0));
	CHECK_OK(sel4_cnode_move(at(node, SLOTS / 2, RADIX), slot(tcb)));
	for (word_t i = 0; i < SLOTS; i++)
		if (i != SLOTS / 2)
			CHECK_OK(sel4_cnode_copy(at(node, i, RADIX), slot(ep), RIGHTS_ALL));
	cap_delete(node);
	bool ok = is_short("of Revoke, CSpace of a TCB inside", do_revoke, untyped);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_UNTYPED, RADIX + ABI_SLOT_BITS + 1, root_node(),
	                             node, 1));
	cap_revoke(untyped);
	cap_delete(untyped);
	cap_delete(ep);
	return ok;
}

TEST(preempt_revoke_of_a_cspace_with_its_own_tcb)
{
	CHECK(any_attempt(delete_cspace));
}

/* A thread that revokes the memory that it is made of, with a lot more. */
_Noreturn static void revoke_oneself(word_t untyped)
{
	(void)sel4_cnode_revoke(slot(untyped));
	for (;;)
		;
}

TEST(preempt_revoke_of_the_revoking_thread)
{
	static unsigned char stack[4096] __attribute__((aligned(16)));
	cptr_t untyped = untyped_new(21), objects = slot_new_range(4), node = cnode_new(RADIX);
	/* Endpoints on both sides of TCB and scheduling context, in the order of deletion. */
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), objects, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_TCB, 0, root_node(), objects + 1, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_SCHED_CONTEXT, 8, root_node(), objects + 2, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), objects + 3, 1));
	for (word_t i = 0; i < SLOTS; i++)
		CHECK_OK(
		        sel4_cnode_copy(at(node, i, RADIX), slot(objects + i % 2 * 3), RIGHTS_ALL));
	cptr_t tcb = objects + 1;
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, objects + 2, 5000, 5000, 0,
	                                            0, 0));
	/* FS and IPC buffer are those of a thread that does not run. */
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	CHECK_OK(sel4_tcb_configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 0, (word_t)t->ipc_buffer,
	                            image_frame(t->ipc_buffer)));
	CHECK_OK(sel4_tcb_set_sched_params(tcb, INIT_TCB, 0, 100, objects + 2, INIT_NULL));
	CHECK_OK(sel4_tcb_write_registers(
	        tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS,
	        &(struct abi_user_context){ .rip = (word_t)revoke_oneself,
	                                    .rsp = (word_t)stack + sizeof stack - 8,
	                                    .rdi = untyped,
	                                    .fs_base = (word_t)&t->block }));
	/* It goes on until it has no context any more, or no TCB. */
	for (int i = 0; i < 400 && !slot_is_empty(tcb) && !slot_is_empty(objects + 2); i++)
		sleep_us(5000);
	CHECK(slot_is_empty(tcb) || slot_is_empty(objects + 2));
	/* What it left undone is done by the next one. */
	cap_revoke(untyped);
	CHECK(all_empty(node, RADIX));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_UNTYPED, 21, root_node(), objects, 1));
}

/* Memory */

enum { BIG_BITS = 26, LARGE_PAGE_BITS = 21, LARGE_PAGES = 1 << (BIG_BITS - LARGE_PAGE_BITS) };

struct retype {
	cptr_t untyped, dest;
};

static word_t do_retype_large_pages(word_t arg)
{
	const struct retype *r = (const struct retype *)arg;
	return sel4_untyped_retype(r->untyped, OBJ_X86_LARGE_PAGE, 0, root_node(), r->dest,
	                           LARGE_PAGES);
}

/* A boot untyped of exactly BIG_BITS, cut out of the first one that is large enough. */
static cptr_t big_untyped(cptr_t *boot)
{
	cptr_t untyped = slot_new();
	*boot = boot_untyped_find(BIG_BITS, false);
	if (!*boot)
		SKIP("no 64 MiB to spare");
	CHECK_OK(sel4_untyped_retype(*boot, OBJ_UNTYPED, BIG_BITS, root_node(), untyped, 1));
	return untyped;
}

static const word_t page_address = TEST_VADDR + (1ull << 30);

/* Each word of a sample is 0; then it is not any more. */
static bool page_is_clear_then_dirty(cptr_t page)
{
	bool clear = true;
	CHECK_OK(sel4_x86_page_map(page, INIT_VSPACE, page_address, RIGHTS_ALL, 0));
	for (word_t i = 0; i < 1ull << LARGE_PAGE_BITS; i += 1016) {
		volatile word_t *word = (volatile word_t *)(page_address + i);
		clear = clear && *word == 0;
		*word = ~i;
	}
	CHECK_OK(sel4_x86_page_unmap(page));
	return clear;
}

TEST(preempt_retype_of_much_memory)
{
	cptr_t boot, untyped = big_untyped(&boot), pages = slot_new_range(LARGE_PAGES);
	struct retype r = { untyped, pages };
	bool ok = false;
	vspace_map_tables(INIT_VSPACE, page_address + (1ull << LARGE_PAGE_BITS));
	/* The first one finds clear memory; then it is dirty. */
	for (int i = 0; i < 2 || (i < 6 && !ok); i++) {
		ok = is_short("of Retype, 32 pages of 2 MiB", do_retype_large_pages, (word_t)&r);
		for (unsigned int j = 0; j < LARGE_PAGES; j++)
			CHECK(page_is_clear_then_dirty(pages + j));
		cap_revoke(untyped);
	}
	cap_revoke(boot);
	CHECK(ok);
}

static word_t do_retype_cnode(word_t arg)
{
	const struct retype *r = (const struct retype *)arg;
	return sel4_untyped_retype(r->untyped, OBJ_CNODE, 18, root_node(), r->dest, 1);
}

TEST(preempt_retype_and_delete_of_a_big_cnode)
{
	cptr_t boot, untyped = big_untyped(&boot), node = slot_new();
	struct retype r = { untyped, node };
	bool made = false, deleted = false;
	for (int i = 0; i < 6 && !(made && deleted); i++) {
		made |= is_short("of Retype, CNode of 262144 slots", do_retype_cnode, (word_t)&r);
		CHECK_OK(sel4_cnode_copy(at(node, 0x3ffff, 18), slot(node), RIGHTS_ALL));
		CHECK(is_empty(at(node, 0, 18)));
		CHECK_OK(sel4_cnode_delete(at(node, 0x3ffff, 18)));
		deleted |= is_short("of Delete, CNode of 262144 slots", do_delete, node);
	}
	cap_revoke(boot);
	CHECK(made);
	CHECK(deleted);
}

/* An operation is charged to its thread: others of its priority get their turns. */
static volatile word_t turns;

_Noreturn static word_t count_for_ever(word_t arg)
{
	(void)arg;
	for (;;)
		turns++;
}

TEST(preempt_by_threads_of_the_same_priority)
{
	cptr_t node = cnode_new(RADIX), ep = endpoint_new();
	fill_with_copies(node, RADIX, 0, ep);
	struct thread *t = thread_new(&(struct thread_options){ .budget_us = 500 });
	struct thread *other = thread_new(&(struct thread_options){ .budget_us = 500 });
	turns = 0;
	thread_start(other, count_for_ever, 0);
	thread_start(t, do_revoke, ep);
	CHECK_EQ(thread_join(t), ERR_NONE);
	CHECK_LT(0, turns);
	CHECK(all_empty(node, RADIX));
}

/* Suspended in the middle, it has done a part; resumed, it does the rest. */
TEST(preempt_suspended_in_the_middle)
{
	cptr_t node = cnode_new(RADIX), ep = endpoint_new();
	fill_with_copies(node, RADIX, 0, ep);
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, do_revoke, ep);
	for (int i = 0; i < 20 && !t->done; i++) {
		sleep_us(1000);
		CHECK_OK(sel4_tcb_suspend(t->tcb));
		CHECK_OK(sel4_tcb_resume(t->tcb));
	}
	CHECK_EQ(thread_join(t), ERR_NONE);
	CHECK(all_empty(node, RADIX));
}

/* Somebody else wants the same capabilities gone at the same time. */
TEST(preempt_two_that_revoke_and_delete_the_same)
{
	cptr_t node = cnode_new(RADIX), ep = endpoint_new();
	fill_with_copies(node, RADIX, 0, ep);
	struct thread *t[3];
	for (unsigned int i = 0; i < 3; i++) {
		t[i] = thread_new(&(struct thread_options){ .budget_us = 500 });
		thread_start(t[i], i == 1 ? do_delete : do_revoke, i == 1 ? node : ep);
	}
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(thread_join(t[i]), ERR_NONE);
	CHECK(slot_is_empty(node));
}
