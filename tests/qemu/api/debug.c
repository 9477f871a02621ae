/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug calls, where the kernel has them: they must neither fault nor disturb. What they
 * print is for a reader. DebugHalt stops the machine, so it is not tried.
 */
#include "api.h"

TEST(debug_put_char)
{
	if (!kernel_has_printing())
		SKIP("the kernel prints nothing");
	for (const char *p = "# printed by the kernel\n"; *p; p++)
		sel4_debug_put_char(*p);
}

TEST(debug_dump_scheduler)
{
	if (!kernel_has_printing())
		SKIP("the kernel prints nothing");
	sel4_debug_dump_scheduler();
}

TEST(debug_snapshot)
{
	if (!kernel_has_debug_calls())
		SKIP("no debug kernel");
	if (!kernel_is_freehold())
		SKIP("seL4 may print for ever");
	sel4_debug_snapshot();
}

TEST(debug_name_thread)
{
	if (!kernel_has_debug_calls())
		SKIP("no debug kernel");
	sel4_debug_name_thread(tcb_new(), "a name");
	sel4_debug_name_thread(tcb_new(), "");
	sel4_debug_name_thread(
	        tcb_new(), "a name that is longer than any kernel would keep of a thread's name, "
	                   "and longer again than that, so that it must be cut somewhere");
}

/* A number for each type; 0 for an empty slot and for no slot. */
TEST(debug_cap_identify)
{
	if (!kernel_has_debug_calls())
		SKIP("no debug kernel");
	cptr_t caps[] = {
		tcb_new(),      endpoint_new(),       notification_new(),  cnode_new(1),
		reply_new(),    untyped_new(4),       sched_context_new(), frame_new(),
		INIT_VSPACE,    INIT_DOMAIN,          INIT_IRQ_CONTROL,    INIT_ASID_CONTROL,
		INIT_ASID_POOL, INIT_IO_PORT_CONTROL, env_sched_control,
	};
	enum { CAPS = sizeof caps / sizeof caps[0] };
	word_t types[CAPS];
	for (int i = 0; i < CAPS; i++) {
		types[i] = sel4_debug_cap_identify(caps[i]);
		CHECK_NE(types[i], 0);
		for (int k = 0; k < i; k++)
			CHECK_NE(types[i], types[k]);
	}
	CHECK_EQ(sel4_debug_cap_identify(tcb_new()), types[0]);
	CHECK_EQ(sel4_debug_cap_identify(slot_new()), 0);
	CHECK_EQ(sel4_debug_cap_identify(1 << 13), 0);
}
