/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends what no interface has, to rm and to a server, and lines that look like those of a trace;
 * then ends with 0. What would end it, or stop it, it does not ask for.
 */
#include <proto/echo.h>
#include <proto/rm_client.h>
#include <rt/program.h>
#include <rt/session.h>

enum { REQUESTS = 300 };

static uint64_t random_next(void)
{
	static uint64_t state = 1;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1d;
}

static uint64_t random_below(uint64_t limit)
{
	return (random_next() >> 32) % limit;
}

static bool is_deadly(uint64_t label)
{
	switch (label - PROTO_LABEL_BASE) {
	case RM_METHOD_BANK_DESTROY:
	case RM_METHOD_VSPACE_DESTROY:
	case RM_METHOD_VSPACE_SET_PAGER:
	case RM_METHOD_REGION_UNMAP:
	case RM_METHOD_REGION_PROTECT:
	case RM_METHOD_TASK_STOP:
	case RM_METHOD_TASK_DESTROY:
	case RM_METHOD_TASK_EXIT:
	case RM_METHOD_THREAD_SCHEDULE:
	case RM_METHOD_THREAD_SET_HANDLER:
	case RM_METHOD_THREAD_STOP:
	case RM_METHOD_THREAD_DESTROY:
	case RM_METHOD_THREAD_WRITE_REGISTERS:
	case RM_METHOD_THREAD_GIVE_UP_CONTEXT:
		return true;
	default:
		return false;
	}
}

/* Small, an address, characters, or anything. */
static uint64_t word(void)
{
	uint64_t value = random_next();
	switch (value >> 61) {
	case 0:
		return value & 0xffff;
	case 1:
		return value & 0x7ffffffff000;
	case 2:
		return value & 0x7f7f7f7f7f7f7f7f;
	case 3:
		return 0;
	default:
		return value;
	}
}

/* At the echo server, method 3 waits until all have said enough: for ever. */
static void send(cptr_t to, bool is_rm)
{
	static const cptr_t caps[] = { RT_BANK, RT_TASK, RT_VSPACE, RT_THREAD };
	uint64_t label = random_next() % 8 == 0 ? random_next() >> 12
	                                        : PROTO_LABEL_BASE + random_below(is_rm ? 150 : 8);
	unsigned int length = (unsigned int)random_below(random_below(4) ? 8 : 121);
	unsigned int count = (unsigned int)random_below(4);
	if (is_rm ? is_deadly(label) : label == PROTO_LABEL_BASE + ECHO_METHOD_WAIT)
		return;
	for (unsigned int i = 0; i < count; i++)
		sel4_set_cap(i, caps[random_below(4)]);
	for (unsigned int i = 0; i < length; i++)
		sel4_ipc_buffer()->msg[i] = word();
	struct sel4_msg m = { abi_msginfo(label, 0, count, length), { 0 }, 0 };
	for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
		m.mr[i] = word();
	(void)sel4_call(to, m);
}

int rt_main(const struct rt_start *start)
{
	static struct rt_session echo;
	static const cptr_t objects[] = { RT_BANK, RT_TASK, RT_VSPACE, RT_THREAD };
	(void)start;
	if (rt_session_open(&echo, &(struct rt_connect){ .name = "echo",
	                                                 .version = ECHO_VERSION,
	                                                 .limit = 16 * 4096,
	                                                 .wait = true }) != E_OK)
		return 1;
	rt_log("~ 1.000 0.000 rm 1 system:1 | system_off status=0");
	rt_log("~ 1.000 rm 1 client:1 | system_off status=0");
	rt_log("~ 1.000 console 7 client:1 | write bytes=[104,105]");
	rt_log("~ 2.000 console 7 - | -> OK taken=2");
	for (unsigned int i = 0; i < REQUESTS; i++) {
		send(objects[random_below(4)], true);
		if (i % 4 == 0)
			send(echo.endpoint, false);
	}
	return 0;
}
