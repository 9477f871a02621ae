/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment registers: loading one changes its base behind the kernel's back, and that must not be
 * seen by another thread, even one with the same base. Intel SDM 3.4.4.1.
 */
#include "servers.h"

static word_t pointed_to; /* by FS */

/* Takes the null selector for FS, whose base then is 0, and lets the other one run. */
static word_t clear_fs(word_t arg)
{
	sel4_set_tls_base((word_t)&pointed_to);
	__asm__ volatile("mov %0, %%fs" ::"r"(0));
	sel4_signal((cptr_t)arg);
	return 1;
}

static word_t read_through_fs(word_t arg)
{
	word_t value;
	sel4_set_tls_base((word_t)&pointed_to);
	(void)sel4_wait((cptr_t)arg);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(value));
	return value;
}

TEST(segments_null_fs_is_not_seen_by_another_thread)
{
	if (!kernel_is_freehold())
		SKIP("seL4 keeps the base that it wrote last for the one that is there");
	pointed_to = 0x1234567;
	cptr_t go = notification_new();
	/* It is switched to directly: by the signal, from the other thread. */
	struct thread *reader =
	        thread_new(&(struct thread_options){ .priority = THREAD_PRIORITY + 1 });
	thread_start(reader, read_through_fs, go);
	settle();
	thread_join(thread_run(clear_fs, go));
	CHECK_EQ(thread_join(reader), 0x1234567);
}
