/* SPDX-License-Identifier: BSD-2-Clause */
/* Donating memory: see rt/donate.h. */
#include "internal.h"
#include <proto/rm_client.h>
#include <rt/donate.h>
#include <rt/slot.h>

err_t rt_donate(const struct rt_session *session, cptr_t memory, uint64_t first, uint64_t pages,
                enum rm_contents contents, rm_donation_t *donation)
{
	const struct rm_donate_in in = {
		.session = session->id, .first = first, .size = pages, .contents = (uint8_t)contents
	};
	struct rm_donate_out out;
	err_t err = rm_donate(RT_TASK, memory, &in, &out);
	if (err == E_OK)
		*donation = out.donation;
	return err;
}

err_t rt_donation_map(const struct rm_donated_event *event, struct rt_donated *it)
{
	const struct rm_donation_open_in in = { .donation = event->donation };
	cptr_t memory = rt_slot_get();
	uint64_t at = 0;
	if (!memory)
		return E_LIMIT;
	err_t err = rm_donation_open(RT_TASK, &in, rt_slot(memory));
	if (err == E_OK) {
		err = rt_memory_show(RT_VSPACE, memory, 0, event->size,
		                     RM_RIGHT_READ | RM_RIGHT_WRITE, &at);
		rt_slot_clear(memory);
	}
	rt_slot_put(memory);
	if (err == E_OK)
		*it = (struct rt_donated){ event->donation, (char *)at, event->size };
	return err;
}

void rt_donation_refuse(const struct rm_donated_event *event)
{
	enum { FEW = 8 }; /* that go back at once: the server does not wait for more */
	struct rm_donation_return_in in = { .donation = event->donation,
		                            .contents = event->size > FEW ? RM_CONTENTS_WIPED
		                                                          : RM_CONTENTS_KEPT };
	err_t err = rm_donation_return(RT_TASK, &in);
	in.contents = RM_CONTENTS_WIPED;
	if (err != E_OK && err != E_GONE)
		(void)rm_donation_return(RT_TASK, &in);
}

err_t rt_donation_return(struct rt_donated *it, enum rm_contents contents)
{
	const struct rm_donation_return_in in = { .donation = it->id,
		                                  .contents = (uint8_t)contents };
	if (!it->at)
		return E_OK;
	err_t err = rm_donation_return(RT_TASK, &in);
	if (err != E_OK && err != E_GONE)
		return err;
	rt_memory_hide((uint64_t)it->at, it->pages);
	*it = (struct rt_donated){ 0 };
	return E_OK;
}
