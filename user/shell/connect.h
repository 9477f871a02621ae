/* SPDX-License-Identifier: BSD-2-Clause */
/* Connecting to a server that may be about to come up, but that may also never come. */
#pragma once
#include <rt/session.h>

enum { CONNECT_WAIT_MS = 3000 };

/*
 * Opens the session, or opens it anew from whatever state. Waits for a server of that name, but not
 * longer than CONNECT_WAIT_MS: AGAIN.
 */
err_t connect_again(struct rt_session *session, const struct rt_connect *how);
