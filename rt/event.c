/* SPDX-License-Identifier: BSD-2-Clause */
/* Events of the program: see rt/event.h. */
#include "internal.h"
#include <proto/rm_client.h>
#include <rt/event.h>
#include <rt/sel4_object.h>
#include <rt/slot.h>

struct rt_event_hooks rt_event_hooks;

static struct {
	const struct rm_event_ops *ops;
	void *self;
} user;

static struct {
	uint64_t bits;
	void (*fn)(void *self, uint64_t bits);
	void *self;
} signals[RT_SIGNALS_MAX];
static unsigned int signals_count;

void rt_event_set(const struct rm_event_ops *ops, void *self)
{
	user.ops = ops;
	user.self = self;
}

err_t rt_signal_set(uint64_t bits, void (*fn)(void *self, uint64_t bits), void *self)
{
	if (signals_count == RT_SIGNALS_MAX)
		return E_LIMIT;
	signals[signals_count].bits = bits & ~RT_BADGE_EVENT;
	signals[signals_count].fn = fn;
	signals[signals_count].self = self;
	signals_count++;
	return E_OK;
}

/* -- rt's own ---------------------------------------------------------------------------------- */

#define OWN(hook, event)                                                                           \
	static void own_##hook(const struct rm_##event##_event *it)                                \
	{                                                                                          \
		if (rt_event_hooks.hook)                                                           \
			rt_event_hooks.hook(it);                                                   \
	}
OWN(opened, session_opened)
OWN(shared, shared)
OWN(recalled, share_recalled)
OWN(donated, donated)
OWN(client_page, client_page)

static void own_session_severed(const struct rm_session_severed_event *it)
{
	if (rt_event_hooks.server_severed && rt_event_hooks.server_severed(it))
		return;
	if (rt_event_hooks.client_severed)
		rt_event_hooks.client_severed(it);
}

static void own_name_up(const struct rm_name_up_event *it)
{
	if (rt_event_hooks.name_up && it->cookie & RT_COOKIE)
		rt_event_hooks.name_up(it->cookie);
}

/*
 * Decoded here one by one, and not by proto_event_dispatch(): that would bring all of the
 * interface's decoders into every program.
 */
#define EVENT(number, name, own)                                                                   \
	case number: {                                                                             \
		struct rm_##name##_event it;                                                       \
		if (rm_##name##_event_decode(&it, body, length) != E_OK)                           \
			break;                                                                     \
		own;                                                                               \
		if (user.ops && user.ops->name)                                                    \
			user.ops->name(user.self, &it);                                            \
		break;                                                                             \
	}

static void handle(unsigned int number, const uint64_t *body, unsigned int length)
{
	switch (number) {
		EVENT(RM_EVENT_SESSION_OPENED, session_opened, own_opened(&it))
		EVENT(RM_EVENT_SESSION_SEVERED, session_severed, own_session_severed(&it))
		EVENT(RM_EVENT_SHARED, shared, own_shared(&it))
		EVENT(RM_EVENT_SHARE_RECALLED, share_recalled, own_recalled(&it))
		EVENT(RM_EVENT_DONATED, donated, own_donated(&it))
		EVENT(RM_EVENT_NAME_UP, name_up, own_name_up(&it))
		EVENT(RM_EVENT_CLIENT_PAGE, client_page, own_client_page(&it))
		EVENT(RM_EVENT_TASK_DIED, task_died, (void)0)
		EVENT(RM_EVENT_FAULT_DONE, fault_done, (void)0)
		EVENT(RM_EVENT_PAGER_READ, pager_read, (void)0)
		EVENT(RM_EVENT_PAGER_DIRTY_WANTED, pager_dirty_wanted, (void)0)
		EVENT(RM_EVENT_PAGER_DETACHED, pager_detached, (void)0)
	default:
		break;
	}
}

unsigned int rt_event_poll(void)
{
	unsigned int handled = 0;
	struct rm_event_next_out out;
	do {
		/* rm signals again for the first that comes when it has none left. */
		if (rm_event_next(RT_TASK, &out) != E_OK || out.record_count == 0)
			break;
		unsigned int number = (unsigned int)(uint32_t)out.record[0] - PROTO_LABEL_BASE;
		if (out.record[0] >> 32 == out.record_count - 1u)
			handle(number, out.record + 1, out.record_count - 1u);
		handled++;
	} while (out.left > 0);
	return handled;
}

unsigned int rt_event_dispatch(uint64_t badge)
{
	unsigned int handled = badge & RT_BADGE_EVENT ? rt_event_poll() : 0;
	for (unsigned int i = 0; i < signals_count; i++)
		if (badge & signals[i].bits)
			signals[i].fn(signals[i].self, badge & signals[i].bits);
	return handled;
}

/* -- waiting ----------------------------------------------------------------------------------- */

cptr_t rt_event_notification(void)
{
	static cptr_t notification;
	if (notification)
		return notification;
	cptr_t slot = rt_slot_get();
	if (slot == 0)
		return 0;
	const struct rm_event_notification_in in = { .badge = RT_BADGE_EVENT };
	if (rm_event_notification(RT_TASK, &in, rt_slot(slot)) == E_OK)
		notification = slot;
	else
		rt_slot_put(slot);
	return notification;
}

err_t rt_signal_mint(uint64_t badge, cptr_t *slot)
{
	cptr_t notification = rt_event_notification(), made = rt_slot_get();
	enum abi_error err = ERR_INVALID_ARGUMENT;
	if (notification && made)
		err = sel4_cnode_mint(rt_slot(made), rt_slot(notification), RIGHT_WRITE,
		                      badge & ~RT_BADGE_EVENT);
	if (err != ERR_NONE) {
		rt_slot_put(made);
		return E_LIMIT;
	}
	*slot = made;
	return E_OK;
}

void rt_event_wait(void)
{
	cptr_t notification = rt_event_notification();
	if (rt_event_poll() > 0)
		return;
	if (notification)
		(void)rt_event_dispatch(sel4_wait(notification).badge);
	else
		sel4_yield();
}

_Noreturn void rt_event_loop(void)
{
	for (;;)
		rt_event_wait();
}
