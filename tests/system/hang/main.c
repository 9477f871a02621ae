/* SPDX-License-Identifier: BSD-2-Clause */
/* user/echo, but for this: who is told "hang" never comes back from its next handler. */
#include <proto/echo.h>
#include <rt/program.h>
#include <rt/server.h>

static bool hangs;

static void hang(void)
{
	for (volatile bool always = hangs; always;)
		continue;
}

static err_t on_null(void *, struct proto_request *)
{
	hang();
	return E_OK;
}

static err_t on_say(void *, struct proto_request *, const struct echo_say_in *in,
                    struct echo_say_out *out)
{
	hang();
	hangs = in->said_count == 4 && __builtin_memcmp(in->said, "hang", 4) == 0;
	*out = (struct echo_say_out){ .times = 1, .said_count = in->said_count };
	__builtin_memcpy(out->said, in->said, in->said_count);
	return E_OK;
}

static err_t on_wait(void *, struct proto_request *, const struct echo_wait_in *)
{
	return E_OK;
}

int rt_main(const struct rt_start *start)
{
	static struct rt_server server;
	static const struct echo_ops ops = { .null = on_null, .say = on_say, .wait = on_wait };
	static const struct rt_service service = { .name = "echo",
		                                   .interface = &echo_interface,
		                                   .ops = &ops };
	(void)start;
	err_t err = rt_server_start(&server, &service);
	if (err != E_OK)
		return 1;
	rt_server_run(&server);
}
