/* SPDX-License-Identifier: BSD-2-Clause */
/* See actors.h. */
#include <test/mem.h>
#include <test/print.h>
#include "actors.h"
#include "world.h"

struct world_thread world_threads[THREADS];
struct world_server world_servers[SERVERS];
struct fuzz_memory fuzz_memory[THREADS];
static struct abi_ipc_buffer server_buffers[SERVERS] __attribute__((aligned(4096)));

static const word_t group_threads[GROUPS] = { 4, 3, 1, 1 };
_Static_assert(4 + 3 + 1 + 1 == THREADS, "all threads are in a group");

enum { GROUP_MORTAL = 2 }; /* and those after it */

void actors_init(void)
{
	for (unsigned int i = 0; i < THREADS; i++)
		world_threads[i].faults = cap_mint(world_faults, RIGHTS_ALL, i + 1);
	for (unsigned int i = 0; i < SERVERS; i++)
		world_servers[i].faults = cap_mint(world_faults, RIGHTS_ALL, THREADS + i + 1);
}

void actors_make(void)
{
	unsigned int i = 0;
	for (unsigned int g = 0; g < GROUPS; g++)
		for (word_t n = 0; n < group_threads[g]; n++, i++) {
			struct world_thread *t = &world_threads[i];
			t->fuzz = &fuzz_memory[i].fuzz;
			t->group = g;
			t->buffer = image_frame(&fuzz_memory[i].buffer);
			t->mortal = g >= GROUP_MORTAL;
			t->tcb = t->mortal ? world_slot() : world_object(OBJ_TCB, 0);
			t->context = t->mortal ? world_slot() : world_object(OBJ_SCHED_CONTEXT, 8);
		}
	for (i = 0; i < SERVERS; i++) {
		world_servers[i].tcb = world_object(OBJ_TCB, 0);
		world_servers[i].context = world_object(OBJ_SCHED_CONTEXT, 8);
		world_servers[i].buffer = image_frame(&server_buffers[i]);
	}
}

void actors_enter(unsigned int group, struct space space)
{
	for (unsigned int i = 0; i < THREADS; i++)
		if (world_threads[i].group == group)
			world_threads[i].space = space;
	for (unsigned int i = 0; i < SERVERS && group == SERVERS_GROUP; i++)
		world_servers[i].space = space;
}

void actors_start(void)
{
	for (unsigned int i = 0; i < THREADS; i++) {
		memset(&fuzz_memory[i], 0, sizeof fuzz_memory[i]);
		if (!world_revive(i))
			panic("a round needs more memory");
	}
	for (unsigned int i = 0; i < SERVERS; i++)
		world_start_server(i);
}

/* -- fuzz threads -- */

/* The counts are kept. */
static void reset_memory(unsigned int thread)
{
	struct fuzz_memory *m = &fuzz_memory[thread];
	struct fuzz *f = &m->fuzz;
	f->block = (struct rt_thread){ .self = f, .ipc_buffer = &m->buffer };
	f->stack = (word_t)m->stack + sizeof m->stack - 64;
	f->tag = 0x1111111111111111ull * (thread + 1);
	f->magic = FUZZ_MAGIC;
	f->random = random_word(&controller_random);
	f->group = world_group((unsigned int)world_threads[thread].group);
	f->freehold = kernel_freehold;
}

static enum abi_error write_registers(const struct world_thread *t)
{
	struct abi_user_context context = { .rip = (word_t)fuzz_entry, .fs_base = (word_t)t->fuzz };
	return sel4_tcb_write_registers(t->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS, &context);
}

/* Where the group has the capabilities of its mortal thread. */
static struct sel4_slot mortal_slot(const struct world_thread *t, word_t index)
{
	return (struct sel4_slot){ t->space.play, index, PLAY_RADIX };
}

bool world_restart(unsigned int thread)
{
	const struct world_thread *t = &world_threads[thread];
	if (!t->mortal)
		return write_registers(t) == ERR_NONE;
	if (sel4_cnode_copy(slot(t->tcb), mortal_slot(t, PLAY_TCBS), RIGHTS_ALL))
		return false;
	enum abi_error err = write_registers(t);
	cap_delete(t->tcb);
	return err == ERR_NONE;
}

/* Budgets of all kinds, mostly ample: a thread that waits for budget tries nothing. */
static void configure_context(cptr_t context)
{
	word_t *r = &controller_random, budget = 10000, period = 10000;
	if (random_one_in(r, 3)) {
		budget = 1000 + random_below(r, 5000);
		period = budget + random_below(r, 5000);
	}
	must(sel4_sched_control_configure_flags(env_sched_control, context, budget, period,
	                                        random_below(r, 8), 0, random_below(r, 2)));
}

/* New objects in place of whatever there is. */
static bool renew(const struct world_thread *t)
{
	must(sel4_cnode_delete(mortal_slot(t, PLAY_TCBS)));
	must(sel4_cnode_delete(mortal_slot(t, PLAY_CONTEXTS)));
	if (sel4_untyped_retype(round_untyped, OBJ_TCB, 0, root_node(), t->tcb, 1))
		return false;
	if (sel4_untyped_retype(round_untyped, OBJ_SCHED_CONTEXT, 8, root_node(), t->context, 1)) {
		cap_delete(t->tcb);
		return false;
	}
	return true;
}

static void hand_over(const struct world_thread *t)
{
	struct group *group = world_group((unsigned int)t->group);
	must(sel4_cnode_move(mortal_slot(t, PLAY_TCBS), slot(t->tcb)));
	must(sel4_cnode_move(mortal_slot(t, PLAY_CONTEXTS), slot(t->context)));
	group->kind[PLAY_TCBS] = OBJ_TCB;
	group->kind[PLAY_CONTEXTS] = OBJ_SCHED_CONTEXT;
}

bool world_revive(unsigned int thread)
{
	const struct world_thread *t = &world_threads[thread];
	word_t flags, *r = &controller_random;
	if (t->mortal && !renew(t))
		return false;
	must(sel4_tcb_suspend(t->tcb));
	/* Whatever it was bound to, and whoever had its context. */
	(void)sel4_tcb_unbind_notification(t->tcb);
	(void)sel4_sched_context_unbind(t->context);
	must(sel4_tcb_set_sched_params(t->tcb, INIT_TCB, PRIORITY_MAX, 2, 0, t->faults));
	configure_context(t->context);
	must(sel4_tcb_configure(t->tcb, t->space.cspace, 0, t->space.vspace, 0,
	                        (word_t)&fuzz_memory[thread].buffer, t->buffer));
	must(sel4_tcb_set_sched_params(t->tcb, INIT_TCB, PRIORITY_MAX,
	                               2 + random_below(r, PRIORITY_MAX - 1), t->context,
	                               t->faults));
	must(sel4_tcb_set_timeout_endpoint(t->tcb, random_one_in(r, 2) ? t->faults : 0));
	must(sel4_tcb_set_flags(t->tcb, ~(word_t)0, 0, &flags));
	reset_memory(thread);
	must(write_registers(t));
	if (t->mortal)
		hand_over(t);
	return true;
}

/* -- servers -- */

void world_start_server(unsigned int server)
{
	struct world_server *s = &world_servers[server];
	word_t *r = &controller_random, last = server + 1 == SERVERS;
	must(sel4_tcb_suspend(s->tcb));
	(void)sel4_tcb_unbind_notification(s->tcb);
	(void)sel4_sched_context_unbind(s->context);
	must(sel4_tcb_set_sched_params(s->tcb, INIT_TCB, PRIORITY_MAX, 2, 0, s->faults));
	configure_context(s->context);
	must(sel4_tcb_configure(s->tcb, s->space.cspace, 0, s->space.vspace, 0,
	                        (word_t)&server_buffers[server], s->buffer));
	/* Above the fuzz threads: it runs to its Recv as soon as the controller sleeps. */
	must(sel4_tcb_set_sched_params(s->tcb, INIT_TCB, PRIORITY_MAX, PRIORITY_MAX + 1, s->context,
	                               s->faults));
	must(sel4_tcb_set_timeout_endpoint(s->tcb, random_one_in(r, 3) ? s->faults : 0));
	struct abi_user_context context = {
		.rip = (word_t)fuzz_server,
		.rdi = PLAY_SERVER_ENDPOINTS + server,
		.r12 = PLAY_SERVER_REPLIES + server,
		.r14 = last ? PLAY_ENDPOINT : PLAY_SERVER_ENDPOINTS + server + 1,
	};
	must(sel4_tcb_write_registers(s->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS, &context));
	s->to_be_passive = !random_one_in(r, 4);
}

void world_settle_servers(void)
{
	for (unsigned int i = 0; i < SERVERS; i++) {
		if (world_servers[i].to_be_passive)
			(void)sel4_sched_context_unbind(world_servers[i].context);
		world_servers[i].to_be_passive = false;
	}
}
