/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCB_Configure, SetSpace, SetIPCBuffer, SetSchedParams, SetPriority, SetMCPriority and
 * SetTimeoutEndpoint: what they accept, and what each refuses with which words.
 */
#include "api.h"

static struct abi_ipc_buffer buffer __attribute__((aligned(4096)));

static cptr_t buffer_frame(void)
{
	return image_frame(&buffer);
}

static enum abi_error configure(cptr_t tcb, cptr_t cspace, word_t guard, cptr_t vspace,
                                word_t vaddr, cptr_t frame)
{
	return sel4_tcb_configure(tcb, cspace, guard, vspace, 0, vaddr, frame);
}

static cptr_t device_frame(void)
{
	cptr_t frame = slot_new();
	CHECK_OK(sel4_untyped_retype(boot_untyped_find(12, true), OBJ_X86_4K_PAGE, 0, root_node(),
	                             frame, 1));
	return frame;
}

static cptr_t untyped_with_children(void)
{
	cptr_t untyped = untyped_new(12);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slot_new(), 1));
	return untyped;
}

/* Configure */

TEST(tcb_configure)
{
	cptr_t tcb = tcb_new();
	CHECK_OK(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, (word_t)&buffer, buffer_frame()));
	CHECK_OK(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 0, slot_new()));
}

TEST(tcb_configure_truncated)
{
	cptr_t tcb = tcb_new();
	for (word_t words = 0; words <= 3; words++)
		for (word_t caps = 0; caps <= 3; caps++) {
			if (words == 3 && caps == 3)
				continue;
			sel4_set_cap(0, INIT_CNODE);
			sel4_set_cap(1, INIT_VSPACE);
			sel4_set_cap(2, buffer_frame());
			CHECK_ERR(invoke(tcb, INV_TCB_CONFIGURE, caps, words, 0, 0, 0, 0),
			          ERR_TRUNCATED_MESSAGE);
		}
}

TEST(tcb_configure_cspace_is_no_cnode)
{
	cptr_t tcb = tcb_new();
	CHECK_ERR(configure(tcb, slot_new(), 0, INIT_VSPACE, 0, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, endpoint_new(), 0, INIT_VSPACE, 0, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, INIT_VSPACE, 0, INIT_VSPACE, 0, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, untyped_with_children(), 0, INIT_VSPACE, 0, 0), ERR_REVOKE_FIRST);
	CHECK_ERR(configure(tcb, INIT_IRQ_CONTROL, 0, INIT_VSPACE, 0, 0), ERR_ILLEGAL_OPERATION);
}

TEST(tcb_configure_cspace_guard)
{
	cptr_t tcb = tcb_new(), node = cnode_new(4);
	CHECK_OK(configure(tcb, node, abi_cnode_guard(0, 60), INIT_VSPACE, 0, 0));
	CHECK_ERR(configure(tcb, node, abi_cnode_guard(0, 61), INIT_VSPACE, 0, 0),
	          ERR_ILLEGAL_OPERATION);
}

TEST(tcb_configure_vspace_is_no_vspace)
{
	cptr_t tcb = tcb_new();
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, slot_new(), 0, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, INIT_CNODE, 0, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, object_new(OBJ_X86_PML4, 0), 0, 0),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, object_new(OBJ_X86_PDPT, 0), 0, 0),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, untyped_with_children(), 0, 0), ERR_REVOKE_FIRST);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, boot_info->user_image_paging.start, 0, 0),
	          ERR_ILLEGAL_OPERATION);
}

TEST(tcb_configure_vspace_data_is_ignored)
{
	CHECK_OK(sel4_tcb_configure(tcb_new(), INIT_CNODE, 0, INIT_VSPACE, ~0ull, 0, 0));
}

TEST(tcb_configure_buffer_is_no_frame)
{
	cptr_t tcb = tcb_new();
	word_t vaddr = (word_t)&buffer;
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, vaddr, slot_new()),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, vaddr, endpoint_new()),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, vaddr, untyped_with_children()),
	          ERR_REVOKE_FIRST);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, vaddr,
	                    object_new(OBJ_X86_PAGE_TABLE, 0)),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, vaddr, device_frame()),
	          ERR_ILLEGAL_OPERATION);
}

TEST(tcb_configure_buffer_alignment)
{
	cptr_t tcb = tcb_new();
	word_t vaddr = (word_t)&buffer;
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, vaddr + 8, buffer_frame()),
	          ERR_ALIGNMENT);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, vaddr + 512, buffer_frame()),
	          ERR_ALIGNMENT);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 1, buffer_frame()), ERR_ALIGNMENT);
	CHECK_OK(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, vaddr + 1024, buffer_frame()));
}

/* No address is refused but for its alignment: the kernel reaches the buffer by its frame. */
TEST(tcb_configure_buffer_at_any_address)
{
	cptr_t tcb = tcb_new();
	CHECK_OK(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 0x800000000000, buffer_frame()));
	CHECK_OK(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, ~0x3ffull, buffer_frame()));
}

TEST(tcb_configure_order_of_checks)
{
	cptr_t tcb = tcb_new(), ep = endpoint_new();
	CHECK_ERR(configure(tcb, untyped_with_children(), 0, ep, 1, buffer_frame()), ERR_ALIGNMENT);
	CHECK_ERR(configure(tcb, ep, 0, untyped_with_children(), 0, ep), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, untyped_with_children(), 0, ep), ERR_REVOKE_FIRST);
}

/* What is left of a space that dies with the TCB's own capability is not replaced. */
TEST(tcb_configure_while_holding_the_last_cnode_capability)
{
	cptr_t tcb = tcb_new(), node = cnode_new(4);
	CHECK_OK(configure(tcb, node, 0, INIT_VSPACE, 0, 0));
	CHECK_OK(configure(tcb, node, 0, INIT_VSPACE, 0, 0));
	CHECK_OK(sel4_cnode_delete(slot(node)));
	CHECK_ERR(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 0, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_set_space(tcb, slot_new(), INIT_CNODE, 0, INIT_VSPACE, 0),
	          ERR_ILLEGAL_OPERATION);
	/* The buffer is checked before, the spaces after. */
	CHECK_ERR(configure(tcb, slot_new(), 0, INIT_VSPACE, 1, buffer_frame()), ERR_ALIGNMENT);
	CHECK_OK(sel4_tcb_set_ipc_buffer(tcb, (word_t)&buffer, buffer_frame()));
}

TEST(tcb_configure_while_holding_the_last_vspace_capability)
{
	cptr_t tcb = tcb_new(), vspace = vspace_new();
	CHECK_OK(configure(tcb, INIT_CNODE, 0, vspace, 0, 0));
	CHECK_OK(sel4_cnode_delete(slot(vspace)));
	CHECK_OK(configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 0, 0));
}

/* A thread's own CSpace and VSpace take effect. */

static word_t identify(word_t cap)
{
	struct sel4_msg m = sel4_call(cap, (struct sel4_msg){ 0 });
	return abi_msginfo_label(m.info);
}

TEST(tcb_configure_cspace_takes_effect)
{
	cptr_t node = cnode_new(4);
	CHECK_OK(sel4_cnode_copy(at(node, 3, 4), slot(notification_new()), RIGHTS_ALL));
	struct thread *t = thread_new(&(struct thread_options){
	        .cspace = node, .cspace_guard = abi_cnode_guard(0, 60), .no_fault_ep = true });
	thread_start(t, identify, 3);
	thread_settle();
	CHECK_EQ(t->result, ERR_NONE);
	CHECK(t->done);
	struct thread *u = thread_new(&(struct thread_options){
	        .cspace = node, .cspace_guard = abi_cnode_guard(0, 60), .no_fault_ep = true });
	thread_start(u, identify, 4);
	thread_settle();
	CHECK_EQ(u->result, ERR_INVALID_CAPABILITY);
}

/* With guard data 0, the guard of the capability given stays. */
TEST(tcb_configure_keeps_the_guard)
{
	cptr_t node = cnode_new(4);
	cptr_t guarded = cap_mint(node, RIGHTS_ALL, abi_cnode_guard(0x5, 60));
	CHECK_OK(sel4_cnode_copy(at(node, 3, 4), slot(notification_new()), RIGHTS_ALL));
	struct thread *t =
	        thread_new(&(struct thread_options){ .cspace = guarded, .no_fault_ep = true });
	thread_start(t, identify, 0x53);
	thread_settle();
	CHECK(t->done);
	CHECK_EQ(t->result, ERR_NONE);
}

TEST(tcb_configure_with_guard_replaces_the_guard)
{
	cptr_t node = cnode_new(4);
	cptr_t guarded = cap_mint(node, RIGHTS_ALL, abi_cnode_guard(0x5, 60));
	CHECK_OK(sel4_cnode_copy(at(node, 3, 4), slot(notification_new()), RIGHTS_ALL));
	struct thread *t = thread_new(&(struct thread_options){
	        .cspace = guarded, .cspace_guard = abi_cnode_guard(9, 60), .no_fault_ep = true });
	thread_start(t, identify, 0x93);
	thread_settle();
	CHECK(t->done);
	CHECK_EQ(t->result, ERR_NONE);
}

static volatile word_t seen;

static word_t write_seen(word_t value)
{
	seen = value;
	return value;
}

TEST(tcb_configure_vspace_takes_effect)
{
	cptr_t vspace = vspace_new();
	vspace_map_image(vspace);
	struct thread *t = thread_new(&(struct thread_options){ .vspace = vspace });
	thread_start(t, write_seen, 0x4321);
	CHECK_EQ(thread_join(t), 0x4321);
	CHECK_EQ(seen, 0x4321);
}

TEST(tcb_configure_an_empty_vspace)
{
	cptr_t faults = endpoint_new(), reply = reply_new();
	struct thread *t =
	        thread_new(&(struct thread_options){ .vspace = vspace_new(), .fault_ep = faults });
	thread_start(t, write_seen, 0);
	struct sel4_msg m = sel4_recv(faults, reply);
	CHECK_EQ(abi_msginfo_label(m.info), FAULT_VM);
	CHECK_EQ(m.mr[0], m.mr[1]); /* the instruction itself cannot be fetched */
	/* The processor says that it was a fetch only where no-execute or SMEP is on. */
	CHECK_EQ(m.mr[2], m.mr[3] >> 4 & 1);
}

/* SetSpace */

TEST(tcb_set_space)
{
	cptr_t tcb = tcb_new();
	CHECK_OK(sel4_tcb_set_space(tcb, endpoint_new(), INIT_CNODE, 0, INIT_VSPACE, 0));
	CHECK_OK(sel4_tcb_set_space(tcb, slot_new(), INIT_CNODE, 0, INIT_VSPACE, ~0ull));
}

TEST(tcb_set_space_truncated)
{
	cptr_t tcb = tcb_new();
	for (word_t words = 0; words <= 2; words++)
		for (word_t caps = 0; caps <= 3; caps++) {
			if (words == 2 && caps == 3)
				continue;
			sel4_set_cap(0, slot_new());
			sel4_set_cap(1, INIT_CNODE);
			sel4_set_cap(2, INIT_VSPACE);
			CHECK_ERR(invoke(tcb, INV_TCB_SET_SPACE, caps, words, 0, 0, 0, 0),
			          ERR_TRUNCATED_MESSAGE);
		}
}

TEST(tcb_set_space_spaces)
{
	cptr_t tcb = tcb_new(), none = slot_new(), node = cnode_new(4);
	CHECK_ERR(sel4_tcb_set_space(tcb, none, none, 0, INIT_VSPACE, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_set_space(tcb, none, untyped_with_children(), 0, INIT_VSPACE, 0),
	          ERR_REVOKE_FIRST);
	CHECK_ERR(sel4_tcb_set_space(tcb, none, node, abi_cnode_guard(0, 61), INIT_VSPACE, 0),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_set_space(tcb, none, node, 0, none, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_set_space(tcb, none, node, 0, object_new(OBJ_X86_PML4, 0), 0),
	          ERR_ILLEGAL_OPERATION);
	CHECK_OK(sel4_tcb_set_space(tcb, none, node, abi_cnode_guard(0, 60), INIT_VSPACE, 0));
}

TEST(tcb_set_space_fault_handler_rights)
{
	cptr_t tcb = tcb_new(), ep = endpoint_new();
	for (word_t rights = 0; rights <= RIGHTS_ALL; rights++) {
		cptr_t copy = cap_copy(ep, rights);
		bool fit = (rights & RIGHT_WRITE) && (rights & (RIGHT_GRANT | RIGHT_GRANT_REPLY));
		if (fit)
			CHECK_OK(sel4_tcb_set_space(tcb, copy, INIT_CNODE, 0, INIT_VSPACE, 0));
		else
			CHECK_ERR(sel4_tcb_set_space(tcb, copy, INIT_CNODE, 0, INIT_VSPACE, 0),
			          ERR_INVALID_CAPABILITY, 1);
	}
}

TEST(tcb_set_space_fault_handler_type)
{
	cptr_t tcb = tcb_new();
	CHECK_ERR(sel4_tcb_set_space(tcb, notification_new(), INIT_CNODE, 0, INIT_VSPACE, 0),
	          ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_tcb_set_space(tcb, reply_new(), INIT_CNODE, 0, INIT_VSPACE, 0),
	          ERR_INVALID_CAPABILITY, 1);
	/* The spaces are looked at first. */
	CHECK_ERR(sel4_tcb_set_space(tcb, tcb, INIT_CNODE, 0, INIT_CNODE, 0),
	          ERR_ILLEGAL_OPERATION);
}

/* The capability itself is kept, not its address: its slot may be emptied and used again. */
TEST(tcb_set_space_fault_handler_is_copied)
{
	cptr_t ep = endpoint_new(), badged = cap_mint(ep, RIGHTS_ALL, 0x99), reply = reply_new();
	struct thread *t = thread_new(&(struct thread_options){ .no_fault_ep = true });
	CHECK_OK(sel4_tcb_set_space(t->tcb, badged, INIT_CNODE, 0, INIT_VSPACE, 0));
	CHECK_OK(sel4_cnode_delete(slot(badged)));
	thread_start_at(t, &(struct abi_user_context){ .rip = 8 });
	struct sel4_msg m = sel4_recv(ep, reply);
	CHECK_EQ(m.badge, 0x99);
	CHECK_EQ(abi_msginfo_label(m.info), FAULT_VM);
	CHECK_EQ(m.mr[0], 8);
}

TEST(tcb_fault_handler_goes_with_a_revoke)
{
	cptr_t ep = endpoint_new(), badged = cap_mint(ep, RIGHTS_ALL, 0x99), reply = reply_new();
	struct thread *t = thread_new(&(struct thread_options){ .no_fault_ep = true });
	CHECK_OK(sel4_tcb_set_space(t->tcb, badged, INIT_CNODE, 0, INIT_VSPACE, 0));
	CHECK_OK(sel4_cnode_revoke(slot(ep)));
	thread_start_at(t, &(struct abi_user_context){ .rip = 8 });
	thread_settle();
	CHECK_EQ(sel4_nb_recv(ep, reply).badge, 0);
	CHECK_EQ(thread_registers(t).rip, 8);
}

/* SetIPCBuffer */

TEST(tcb_set_ipc_buffer)
{
	cptr_t tcb = tcb_new();
	CHECK_OK(sel4_tcb_set_ipc_buffer(tcb, (word_t)&buffer, buffer_frame()));
	CHECK_OK(sel4_tcb_set_ipc_buffer(tcb, 0, slot_new()));
	CHECK_OK(sel4_tcb_set_ipc_buffer(tcb, 0, endpoint_new()));
}

TEST(tcb_set_ipc_buffer_truncated)
{
	cptr_t tcb = tcb_new();
	sel4_set_cap(0, buffer_frame());
	CHECK_ERR(invoke(tcb, INV_TCB_SET_IPC_BUFFER, 1, 0, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_SET_IPC_BUFFER, 0, 1, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
}

TEST(tcb_set_ipc_buffer_errors)
{
	cptr_t tcb = tcb_new();
	word_t vaddr = (word_t)&buffer;
	CHECK_ERR(sel4_tcb_set_ipc_buffer(tcb, vaddr, slot_new()), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_set_ipc_buffer(tcb, vaddr, endpoint_new()), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_set_ipc_buffer(tcb, vaddr, untyped_with_children()), ERR_REVOKE_FIRST);
	CHECK_ERR(sel4_tcb_set_ipc_buffer(tcb, vaddr, device_frame()), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_set_ipc_buffer(tcb, vaddr + 1, device_frame()), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_set_ipc_buffer(tcb, vaddr + 256, buffer_frame()), ERR_ALIGNMENT);
}

/* The buffer is part of the frame given, at the address's offset; no mapping is needed. */

static word_t read_20_registers(word_t tcb)
{
	struct sel4_msg m = sel4_invoke(tcb, INV_TCB_READ_REGISTERS, 0, 2, 0, 20, 0, 0);
	return m.info;
}

static word_t info_with_buffer(cptr_t frame, word_t vaddr, cptr_t target)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	CHECK_OK(sel4_tcb_set_ipc_buffer(t->tcb, vaddr, frame));
	thread_start(t, read_20_registers, target);
	return thread_join(t);
}

TEST(tcb_ipc_buffer_lies_in_the_frame)
{
	cptr_t frame, target = tcb_new();
	volatile word_t *page = page_new(&frame);
	struct abi_user_context c = { .r15 = 0xf15 };
	CHECK_OK(sel4_tcb_write_registers(target, 0, 18, &c));
	CHECK_EQ(info_with_buffer(frame, 0x5555000800, target), 20);
	CHECK_EQ(page[0x800 / 8 + 1 + 17], 0xf15);
	CHECK_EQ(page[1 + 17], 0);
}

TEST(tcb_ipc_buffer_in_a_large_page)
{
	cptr_t page = object_new(OBJ_X86_LARGE_PAGE, 0), target = tcb_new();
	vspace_map_tables(INIT_VSPACE, TEST_VADDR + (1 << 21));
	CHECK_OK(sel4_x86_page_map(page, INIT_VSPACE, TEST_VADDR, RIGHTS_ALL, 0));
	struct abi_user_context c = { .r15 = 0xf15 };
	CHECK_OK(sel4_tcb_write_registers(target, 0, 18, &c));
	CHECK_EQ(info_with_buffer(page, 0x1f3c00, target), 20);
	CHECK_EQ(*(volatile word_t *)(TEST_VADDR + 0x1f3c00 + 8 * (1 + 17)), 0xf15);
}

/* Without a writable buffer only the register words arrive. */
TEST(tcb_ipc_buffer_read_only)
{
	cptr_t frame = frame_new(), target = tcb_new();
	CHECK_EQ(info_with_buffer(cap_copy(frame, RIGHT_READ), 0x400, target), 4);
	CHECK_EQ(info_with_buffer(cap_copy(frame, 0), 0x400, target), 4);
	CHECK_EQ(info_with_buffer(cap_copy(frame, RIGHT_READ | RIGHT_WRITE), 0x400, target), 20);
	CHECK_EQ(info_with_buffer(slot_new(), 0, target), 4);
}

/* Without any buffer a message is cut to four words, and its capabilities are lost. */

static cptr_t other_tcb;

static word_t write_20_registers(word_t words)
{
	return abi_msginfo_label(sel4_invoke(other_tcb, INV_TCB_WRITE_REGISTERS, 0, words + 2, 0,
	                                     words, 0x1111, 0x2222)
	                                 .info);
}

static word_t set_priority(word_t tcb)
{
	sel4_set_cap(0, INIT_TCB);
	return abi_msginfo_label(sel4_invoke(tcb, INV_TCB_SET_PRIORITY, 1, 1, 10, 0, 0, 0).info);
}

static word_t result_without_buffer(thread_fn fn, word_t arg, cptr_t frame, word_t vaddr)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	CHECK_OK(sel4_tcb_set_ipc_buffer(t->tcb, vaddr, frame));
	thread_start(t, fn, arg);
	return thread_join(t);
}

TEST(tcb_without_ipc_buffer_messages_are_cut)
{
	other_tcb = tcb_new();
	cptr_t none = slot_new();
	CHECK_EQ(result_without_buffer(write_20_registers, 2, none, 0), ERR_NONE);
	CHECK_EQ(result_without_buffer(write_20_registers, 3, none, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_EQ(result_without_buffer(write_20_registers, 20, none, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_EQ(result_without_buffer(set_priority, other_tcb, none, 0), ERR_TRUNCATED_MESSAGE);
}

/* A buffer that the kernel may read is enough to send. */
TEST(tcb_with_read_only_ipc_buffer_messages_are_whole)
{
	other_tcb = tcb_new();
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	cptr_t read_only = cap_copy(image_frame(t->ipc_buffer), RIGHT_READ);
	CHECK_OK(sel4_tcb_set_ipc_buffer(t->tcb, (word_t)t->ipc_buffer, read_only));
	thread_start(t, set_priority, other_tcb);
	CHECK_EQ(thread_join(t), ERR_NONE);
	cptr_t kernel_only = cap_copy(frame_new(), 0);
	CHECK_EQ(result_without_buffer(set_priority, other_tcb, kernel_only, 0x400),
	         ERR_TRUNCATED_MESSAGE);
}

TEST(tcb_ipc_buffer_goes_with_its_frame)
{
	cptr_t frame = frame_new(), target = tcb_new();
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	CHECK_OK(sel4_tcb_set_ipc_buffer(t->tcb, 0x400, frame));
	CHECK_OK(sel4_cnode_revoke(slot(frame)));
	thread_start(t, read_20_registers, target);
	CHECK_EQ(thread_join(t), 4);
}

TEST(tcb_ipc_buffer_of_the_caller)
{
	cptr_t frame;
	struct abi_ipc_buffer *page = page_new(&frame);
	struct abi_user_context c = { .r15 = 0xf15 };
	cptr_t target = tcb_new();
	CHECK_OK(sel4_tcb_write_registers(target, 0, 18, &c));
	CHECK_OK(sel4_tcb_set_ipc_buffer(INIT_TCB, (word_t)page, frame));
	(void)sel4_invoke(target, INV_TCB_READ_REGISTERS, 0, 2, 0, 20, 0, 0);
	/* Extra capabilities are read from the new buffer, too. */
	page->caps_or_badges[0] = INIT_IPC_BUFFER_FRAME;
	struct sel4_msg m =
	        sel4_invoke(INIT_TCB, INV_TCB_SET_IPC_BUFFER, 1, 1, boot_info->ipc_buffer, 0, 0, 0);
	CHECK_EQ(m.info, 0);
	CHECK_EQ(page->msg[17], 0xf15);
}

/* Priorities */

TEST(tcb_set_priority_up_to_the_authority)
{
	cptr_t tcb = tcb_new(), authority = tcb_new();
	CHECK_OK(sel4_tcb_set_mc_priority(authority, INIT_TCB, 100));
	CHECK_OK(sel4_tcb_set_priority(tcb, authority, 0));
	CHECK_OK(sel4_tcb_set_priority(tcb, authority, 100));
	CHECK_ERR(sel4_tcb_set_priority(tcb, authority, 101), ERR_RANGE, 0, 100);
	CHECK_ERR(sel4_tcb_set_priority(tcb, authority, 255), ERR_RANGE, 0, 100);
	CHECK_OK(sel4_tcb_set_priority(tcb, INIT_TCB, 255));
}

TEST(tcb_set_priority_is_a_whole_word)
{
	cptr_t tcb = tcb_new();
	CHECK_ERR(sel4_tcb_set_priority(tcb, INIT_TCB, 256), ERR_RANGE, 0, 255);
	CHECK_ERR(sel4_tcb_set_priority(tcb, INIT_TCB, 1ull << 32), ERR_RANGE, 0, 255);
	CHECK_ERR(sel4_tcb_set_priority(tcb, INIT_TCB, ~0ull), ERR_RANGE, 0, 255);
}

TEST(tcb_set_priority_of_a_new_tcb_has_no_authority)
{
	cptr_t tcb = tcb_new();
	CHECK_OK(sel4_tcb_set_priority(tcb, tcb, 0));
	CHECK_ERR(sel4_tcb_set_priority(tcb, tcb, 1), ERR_RANGE, 0, 0);
}

/* It is the authority's maximum that counts, not its priority, nor the target's maximum. */
TEST(tcb_set_priority_above_its_own_maximum)
{
	cptr_t tcb = tcb_new();
	CHECK_OK(sel4_tcb_set_mc_priority(tcb, INIT_TCB, 10));
	CHECK_OK(sel4_tcb_set_priority(tcb, INIT_TCB, 200));
	CHECK_ERR(sel4_tcb_set_priority(tcb, tcb, 11), ERR_RANGE, 0, 10);
	CHECK_OK(sel4_tcb_set_priority(tcb, tcb, 10));
}

TEST(tcb_set_mc_priority)
{
	cptr_t tcb = tcb_new(), authority = tcb_new();
	CHECK_OK(sel4_tcb_set_mc_priority(authority, INIT_TCB, 100));
	CHECK_OK(sel4_tcb_set_mc_priority(tcb, authority, 100));
	CHECK_ERR(sel4_tcb_set_mc_priority(tcb, authority, 101), ERR_RANGE, 0, 100);
	CHECK_ERR(sel4_tcb_set_mc_priority(tcb, INIT_TCB, 256), ERR_RANGE, 0, 255);
	CHECK_ERR(sel4_tcb_set_mc_priority(tcb, INIT_TCB, ~0ull), ERR_RANGE, 0, 255);
	/* Given away for good. */
	CHECK_OK(sel4_tcb_set_mc_priority(authority, authority, 50));
	CHECK_ERR(sel4_tcb_set_mc_priority(authority, authority, 51), ERR_RANGE, 0, 50);
}

TEST(tcb_set_priority_authority_is_no_tcb)
{
	cptr_t tcb = tcb_new();
	CHECK_ERR(sel4_tcb_set_priority(tcb, endpoint_new(), 1), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_tcb_set_priority(tcb, slot_new(), 256), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_tcb_set_mc_priority(tcb, INIT_CNODE, 1), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_tcb_set_mc_priority(tcb, slot_new(), 256), ERR_INVALID_CAPABILITY, 1);
}

TEST(tcb_set_priority_truncated)
{
	cptr_t tcb = tcb_new();
	sel4_set_cap(0, INIT_TCB);
	CHECK_ERR(invoke(tcb, INV_TCB_SET_PRIORITY, 1, 0, 1, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_SET_PRIORITY, 0, 1, 1, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_SET_MC_PRIORITY, 1, 0, 1, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_SET_MC_PRIORITY, 0, 1, 1, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
}

/* SetSchedParams */

static enum abi_error params(cptr_t tcb, word_t mcp, word_t priority, cptr_t sc, cptr_t fault_ep)
{
	return sel4_tcb_set_sched_params(tcb, INIT_TCB, mcp, priority, sc, fault_ep);
}

TEST(tcb_set_sched_params_priorities)
{
	cptr_t tcb = tcb_new(), authority = tcb_new(), none = slot_new();
	CHECK_OK(sel4_tcb_set_mc_priority(authority, INIT_TCB, 100));
	CHECK_OK(sel4_tcb_set_sched_params(tcb, authority, 100, 100, none, none));
	CHECK_ERR(sel4_tcb_set_sched_params(tcb, authority, 101, 1, none, none), ERR_RANGE, 0, 100);
	CHECK_ERR(sel4_tcb_set_sched_params(tcb, authority, 1, 101, none, none), ERR_RANGE, 0, 100);
	CHECK_ERR(params(tcb, 256, 1, none, none), ERR_RANGE, 0, 255);
	CHECK_ERR(params(tcb, 1, ~0ull, none, none), ERR_RANGE, 0, 255);
	/* mcp was set along. */
	CHECK_OK(params(tcb, 7, 200, none, none));
	CHECK_ERR(sel4_tcb_set_priority(tcb, tcb, 8), ERR_RANGE, 0, 7);
}

TEST(tcb_set_sched_params_truncated)
{
	cptr_t tcb = tcb_new(), none = slot_new();
	for (word_t words = 0; words <= 2; words++)
		for (word_t caps = 0; caps <= 3; caps++) {
			if (words == 2 && caps == 3)
				continue;
			sel4_set_cap(0, INIT_TCB);
			sel4_set_cap(1, none);
			sel4_set_cap(2, none);
			CHECK_ERR(invoke(tcb, INV_TCB_SET_SCHED_PARAMS, caps, words, 1, 1, 0, 0),
			          ERR_TRUNCATED_MESSAGE);
		}
}

TEST(tcb_set_sched_params_capabilities)
{
	cptr_t tcb = tcb_new(), none = slot_new(), ep = endpoint_new();
	CHECK_ERR(sel4_tcb_set_sched_params(tcb, ep, 1, 1, none, none), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(params(tcb, 1, 1, ep, none), ERR_INVALID_CAPABILITY, 2);
	CHECK_ERR(params(tcb, 1, 1, tcb, none), ERR_INVALID_CAPABILITY, 2);
	CHECK_ERR(params(tcb, 1, 1, none, tcb), ERR_INVALID_CAPABILITY, 3);
	CHECK_ERR(params(tcb, 1, 1, none, cap_copy(ep, RIGHT_WRITE)), ERR_INVALID_CAPABILITY, 3);
	CHECK_ERR(params(tcb, 1, 1, none, cap_copy(ep, RIGHT_GRANT)), ERR_INVALID_CAPABILITY, 3);
	CHECK_OK(params(tcb, 1, 1, none, cap_copy(ep, RIGHT_WRITE | RIGHT_GRANT_REPLY)));
	/* Authority, priorities, scheduling context, fault handler. */
	CHECK_ERR(sel4_tcb_set_sched_params(tcb, ep, 256, 256, ep, tcb), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(params(tcb, 256, 1, ep, tcb), ERR_RANGE, 0, 255);
	CHECK_ERR(params(tcb, 1, 1, ep, tcb), ERR_INVALID_CAPABILITY, 2);
}

TEST(tcb_set_sched_params_binds_and_unbinds)
{
	cptr_t tcb = tcb_new(), other = tcb_new(), none = slot_new();
	cptr_t sc = sched_context_new(), sc2 = sched_context_new();
	CHECK_OK(params(tcb, 1, 1, sc, none));
	CHECK_OK(params(tcb, 1, 1, sc, none));
	CHECK_ERR(params(tcb, 1, 1, sc2, none), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(params(other, 1, 1, sc, none), ERR_ILLEGAL_OPERATION);
	CHECK_OK(params(tcb, 1, 1, none, none));
	CHECK_OK(params(other, 1, 1, sc, none));
	CHECK_OK(params(tcb, 1, 1, sc2, none));
}

TEST(tcb_set_sched_params_of_the_caller)
{
	cptr_t none = slot_new();
	CHECK_ERR(params(INIT_TCB, 255, 255, none, none), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(params(INIT_TCB, 255, 255, sched_context_new(), none), ERR_ILLEGAL_OPERATION);
	CHECK_OK(params(INIT_TCB, 255, 255, INIT_SCHED_CONTEXT, thread_fault_ep));
}

TEST(tcb_set_sched_params_an_unconfigured_context)
{
	cptr_t tcb = tcb_new(), sc = object_new(OBJ_SCHED_CONTEXT, 8), none = slot_new();
	CHECK_OK(params(tcb, 1, 1, sc, none));
	CHECK_OK(sel4_tcb_resume(tcb));
	thread_settle();
}

static word_t wait_for(word_t ntfn)
{
	return sel4_wait(ntfn).badge;
}

/* A thread that waits takes only a context that could run it at once. */
TEST(tcb_set_sched_params_of_a_waiting_thread)
{
	cptr_t ntfn = notification_new(), none = slot_new();
	cptr_t sc = object_new(OBJ_SCHED_CONTEXT, 8);
	struct thread *t = thread_run(wait_for, ntfn);
	thread_settle();
	CHECK_OK(params(t->tcb, 255, 100, none, none));
	CHECK_ERR(params(t->tcb, 255, 100, sc, none), ERR_ILLEGAL_OPERATION);
	/* That comes before the fault handler. */
	CHECK_ERR(params(t->tcb, 255, 100, sc, ntfn), ERR_ILLEGAL_OPERATION);
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, sc, 10000, 10000, 0, 0, 0));
	CHECK_OK(params(t->tcb, 255, 100, sc, none));
	sel4_signal(cap_mint(ntfn, RIGHTS_ALL, 3));
	CHECK_EQ(thread_join(t), 3);
}

/* SetTimeoutEndpoint */

TEST(tcb_set_timeout_endpoint)
{
	cptr_t tcb = tcb_new(), ep = endpoint_new();
	for (word_t rights = 0; rights <= RIGHTS_ALL; rights++) {
		cptr_t copy = cap_copy(ep, rights);
		bool fit = (rights & RIGHT_WRITE) && (rights & (RIGHT_GRANT | RIGHT_GRANT_REPLY));
		if (fit)
			CHECK_OK(sel4_tcb_set_timeout_endpoint(tcb, copy));
		else
			CHECK_ERR(sel4_tcb_set_timeout_endpoint(tcb, copy), ERR_INVALID_CAPABILITY,
			          1);
	}
	CHECK_OK(sel4_tcb_set_timeout_endpoint(tcb, slot_new()));
	CHECK_ERR(sel4_tcb_set_timeout_endpoint(tcb, notification_new()), ERR_INVALID_CAPABILITY,
	          1);
}

TEST(tcb_set_timeout_endpoint_truncated)
{
	cptr_t tcb = tcb_new();
	CHECK_ERR(invoke(tcb, INV_TCB_SET_TIMEOUT_ENDPOINT, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
}
