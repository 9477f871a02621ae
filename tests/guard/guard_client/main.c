/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client that does no harm, and counts how often it was served as it should be: in the first word
 * of the page `count`. While the second one says so it waits for the notification `go`.
 */
#include <proto/lent_client.h>
#include <proto/rm_client.h>
#include <rt/program.h>
#include <rt/session.h>
#include <rt/share.h>
#include <rt/slot.h>

enum { PAGE = 4096, RW = RM_RIGHT_READ | RM_RIGHT_WRITE, WORDS = PAGE / 8 };

static err_t map(cptr_t memory, uint64_t *at)
{
	const struct rm_region_map_in in = { .size = 1, .rights = RW, .inherit = RM_INHERIT_NONE };
	struct rm_region_map_out out = { 0 };
	err_t err = rm_region_map(RT_VSPACE, memory, &in, &out);
	*at = out.at;
	return err;
}

static err_t open(struct rt_session *session, cptr_t memory)
{
	rm_share_t share = { 0 };
	err_t err = rt_session_open(session, &(struct rt_connect){ .name = rt_arg(1),
	                                                           .version = LENT_VERSION,
	                                                           .limit = 32 * PAGE,
	                                                           .wait = true });
	if (err == E_OK)
		err = lent_ignore(session->endpoint);
	if (err == E_OK)
		err = rt_share(session, memory, 0, 1, RW, &share);
	if (err != E_OK)
		return err;
	return lent_map(session->endpoint, &(struct lent_map_in){ .share = share.raw,
	                                                          .pages = 1,
	                                                          .rights = RW,
	                                                          .policy = RM_POLICY_SEVER });
}

/* Fills its page, and has it added up. */
static err_t round(const struct rt_session *session, const volatile uint64_t *word, uint64_t value)
{
	const struct lent_span all = { .bytes = PAGE };
	const struct lent_fill_in fill = { .at = all, .value = value, .stop = LENT_STOP_NOWHERE };
	const struct lent_sum_in sum = { .of = all, .stop = LENT_STOP_NOWHERE };
	struct lent_sum_out out = { 0 };
	err_t err = lent_fill(session->endpoint, &fill);
	if (err == E_OK)
		err = lent_sum(session->endpoint, &sum, &out);
	if (err != E_OK)
		return err;
	return out.sum == WORDS * value && word[WORDS - 1] == value ? E_OK : E_PROTOCOL;
}

int rt_main(const struct rt_start *start)
{
	static struct rt_session session;
	const struct rm_dataspace_create_in in = { .size = 1, .align = 12 };
	cptr_t memory = rt_slot_get();
	uint64_t count_at = 0, at = 0;
	(void)start;
	err_t err = rm_dataspace_create(RT_BANK, &in, rt_slot(memory));
	if (err == E_OK)
		err = map(rt_given("count"), &count_at);
	if (err == E_OK)
		err = map(memory, &at);
	if (err == E_OK)
		err = open(&session, memory);
	volatile uint64_t *count = (volatile uint64_t *)count_at;
	for (uint64_t i = 1; err == E_OK; i++) {
		err = round(&session, (const volatile uint64_t *)at, i);
		count[0] += err == E_OK;
		while (count[1])
			(void)sel4_wait(rt_given("go"));
	}
	return err;
}
