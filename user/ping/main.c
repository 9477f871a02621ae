/* SPDX-License-Identifier: BSD-2-Clause */
/* A client of echo: one text there and back, then many empty requests. See README.md. */
#include <proto/echo_client.h>
#include <rt/program.h>
#include <rt/session.h>
#include <rt/tsc.h>

enum { ROUNDS_DEFAULT = 1000, ROUNDS_WARM = 16 };

static struct rt_session echo;

static err_t say(const char *text)
{
	struct echo_say_in in = { 0 };
	struct echo_say_out out;
	err_t err;
	while (text[in.said_count] && in.said_count < ECHO_TEXT_MAX) {
		in.said[in.said_count] = text[in.said_count];
		in.said_count++;
	}
	do
		err = echo_say(echo.endpoint, &in, &out);
	while (rt_session_again(&echo, err));
	if (err == E_OK) {
		out.said[out.said_count < ECHO_TEXT_MAX ? out.said_count : ECHO_TEXT_MAX - 1] = 0;
		rt_log("ping: echo says %s (%lu)", out.said, out.times);
	}
	return err;
}

static uint32_t number(const char *text)
{
	uint32_t value = 0;
	while (*text >= '0' && *text <= '9' && value < 100000000)
		value = value * 10 + (uint32_t)(*text++ - '0');
	return value;
}

int rt_main(const struct rt_start *start)
{
	uint32_t rounds = start->argc > 1 ? number(rt_arg(1)) : ROUNDS_DEFAULT;
	err_t err = rt_session_open(&echo, &(struct rt_connect){ .name = "echo",
	                                                         .version = ECHO_VERSION,
	                                                         .limit = 16 * 4096,
	                                                         .wait = true });
	if (err == E_OK)
		err = say("hello");
	for (uint32_t i = 0; i < ROUNDS_WARM && err == E_OK; i++)
		err = echo_null(echo.endpoint);
	uint64_t before = rt_tsc();
	for (uint32_t i = 0; i < rounds && err == E_OK; i++)
		err = echo_null(echo.endpoint);
	uint64_t after = rt_tsc();
	rt_session_close(&echo);
	if (err != E_OK) {
		rt_log("ping: %s", err_text(err));
		return 1;
	}
	if (rounds > 0)
		rt_log("ping: %u round trips of %lu ticks", rounds, (after - before) / rounds);
	return 0;
}
