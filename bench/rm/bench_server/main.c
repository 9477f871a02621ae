/* SPDX-License-Identifier: BSD-2-Clause */
/* A server that does nothing, under the name of its argument: `active` or `passive`. */
#include "bench.h"
#include <proto/echo.h>
#include <rt/server.h>

static err_t on_null(void *self, struct proto_request *request)
{
	(void)self;
	(void)request;
	return E_OK;
}

int rt_main(const struct rt_start *start)
{
	static const struct echo_ops ops = { .null = on_null };
	static struct rt_server server;
	static struct rt_service service = { .interface = &echo_interface, .ops = &ops };
	(void)start;
	service.name = rt_arg(1);
	service.passive = service.name[0] == 'p';
	must(rt_server_start(&server, &service));
	rt_server_run(&server);
}
