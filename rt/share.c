/* SPDX-License-Identifier: BSD-2-Clause */
/* Lending memory: see rt/share.h. */
#include "internal.h"
#include <proto/rm_client.h>
#include <rt/share.h>

static err_t share_create(const struct rt_session *session, cptr_t memory, uint64_t first,
                          uint64_t pages, uint8_t rights, enum rm_share_class class,
                          rm_share_t *share)
{
	const struct rm_share_create_in in = { .session = session->id,
		                               .first = first,
		                               .size = pages,
		                               .rights = rights,
		                               .class = (uint8_t) class };
	struct rm_share_create_out out;
	err_t err = rm_share_create(RT_TASK, memory, &in, &out);
	if (err == E_OK)
		*share = out.share;
	return err;
}

err_t rt_share(const struct rt_session *session, cptr_t memory, uint64_t first, uint64_t pages,
               uint8_t rights, rm_share_t *share)
{
	return share_create(session, memory, first, pages, rights, RM_SHARE_CLASS_FAULTABLE, share);
}

err_t rt_share_sealed(const struct rt_session *session, cptr_t memory, uint64_t first,
                      uint64_t pages, uint8_t rights, rm_share_t *share)
{
	return share_create(session, memory, first, pages, rights, RM_SHARE_CLASS_SEALED, share);
}

err_t rt_share_revoke(rm_share_t share)
{
	const struct rm_share_revoke_in in = { .share = share, .when = RM_WHEN_NOW };
	return rm_share_revoke(RT_TASK, &in);
}

err_t rt_share_recall(rm_share_t share)
{
	const struct rm_share_revoke_in in = { .share = share, .when = RM_WHEN_RELEASED };
	return rm_share_revoke(RT_TASK, &in);
}

err_t rt_share_release(rm_share_t share)
{
	return rm_share_release(RT_TASK, &(struct rm_share_release_in){ .share = share });
}

err_t rt_window_map(rm_share_t share, uint64_t first, uint64_t pages, uint8_t rights,
                    enum rm_policy policy, struct client_window *window)
{
	const struct rm_window_map_in in = { .share = share,
		                             .size = pages,
		                             .first = first,
		                             .rights = rights,
		                             .policy = (uint8_t)policy };
	struct rm_window_map_out out;
	err_t err = rm_window_map(RT_VSPACE, RT_TASK, &in, &out);
	if (err == E_OK)
		*window = (struct client_window){ (char __client *)out.at, pages * RT_PAGE };
	return err;
}

void rt_window_unmap(struct client_window *window)
{
	if (window->at)
		rt_memory_hide((uint64_t)window->at, window->bytes / RT_PAGE);
	*window = (struct client_window){ 0 };
}
