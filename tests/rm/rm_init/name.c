/* SPDX-License-Identifier: BSD-2-Clause */
/* Names: rm.idl's methods 90 to 94. */
#include "test.h"

static err_t query(cptr_t task, const char *name, struct rm_name_query_out *out)
{
	struct rm_name_query_in in = { 0 };
	in.name_count = rt_name(in.name, name, RM_NAME_MAX);
	return rm_name_query(task, &in, out);
}

static err_t watch(cptr_t task, const char *name, uint64_t cookie)
{
	struct rm_name_watch_in in = { .cookie = cookie };
	in.name_count = rt_name(in.name, name, RM_NAME_MAX);
	return rm_name_watch(task, &in);
}

static err_t unregister(cptr_t task, const char *name)
{
	struct rm_name_unregister_in in = { 0 };
	in.name_count = rt_name(in.name, name, RM_NAME_MAX);
	return rm_name_unregister(task, &in);
}

static void test_names(cptr_t bank)
{
	cptr_t space = slot_new(), server, client, endpoint, second;
	struct rm_name_query_out out = { 0 };
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	CHECK_OK(task_make(bank, space, "server", &server));
	CHECK_OK(task_make(bank, space, "client", &client));
	/* Without a right it is as if there were no such name. */
	CHECK_ERR(query(server, "n", &out), E_NOENT);
	CHECK_ERR(name_register(server, "n", 100, &endpoint), E_NOENT);
	CHECK_ERR(watch(client, "n", 1), E_NOENT);
	CHECK_ERR(unregister(server, "n"), E_NOENT);
	CHECK_OK(rt_name_grant(server, "n", RM_NAME_RIGHT_SERVE));
	CHECK_OK(query(server, "n", &out));
	CHECK(out.state == RM_NAME_STATE_ABSENT);
	CHECK_ERR(query(client, "n", &out), E_NOENT);
	CHECK_ERR(query(server, "m", &out), E_NOENT);
	CHECK_OK(rt_name_grant(client, "n", RM_NAME_RIGHT_CONNECT));
	CHECK_ERR(name_register(client, "n", 100, &endpoint), E_NOENT);
	CHECK_OK(watch(client, "n", 7));
	CHECK(!event_next(client).number);
	CHECK_ERR(unregister(server, "n"), E_NOENT);
	CHECK_ERR(name_register(server, "n", 0, &endpoint), E_INVAL);
	CHECK_ERR(name_register(server, "n", 600001, &endpoint), E_INVAL);
	CHECK_OK(name_register(server, "n", 100, &endpoint));
	CHECK_ERR(name_register(server, "n", 100, &second), E_EXIST);
	struct event event = event_next(client);
	CHECK(event.number == RM_EVENT_NAME_UP && event.name_up.cookie == 7);
	CHECK_OK(query(client, "n", &out));
	CHECK(out.state == RM_NAME_STATE_UP && out.version == 1);
	/* Who watches when it is there is told at once, and each time it comes up. */
	CHECK_OK(watch(client, "n", 8));
	CHECK(event_next(client).name_up.cookie == 8);
	CHECK_OK(unregister(server, "n"));
	CHECK_OK(query(client, "n", &out));
	CHECK(out.state == RM_NAME_STATE_ABSENT);
	rt_slot_put(endpoint);
	CHECK_OK(name_register(server, "n", 100, &endpoint));
	CHECK(event_next(client).number == RM_EVENT_NAME_UP);
	CHECK(event_next(client).number == RM_EVENT_NAME_UP);
	CHECK(!event_next(client).number);
	/* Rights can be taken: then it is gone for that task; its server dies: it is free. */
	CHECK_OK(rt_name_grant(client, "n", 0));
	CHECK_ERR(query(client, "n", &out), E_NOENT);
	CHECK_OK(rt_name_grant(client, "n", RM_NAME_RIGHT_CONNECT | RM_NAME_RIGHT_SERVE));
	CHECK_ERR(name_register(client, "n", 100, &second), E_EXIST);
	CHECK_OK(rm_task_destroy(server));
	CHECK_OK(query(client, "n", &out));
	CHECK(out.state == RM_NAME_STATE_ABSENT);
	CHECK_OK(name_register(client, "n", 100, &second));
	CHECK(event_next(client).number == RM_EVENT_NAME_UP);
	slots_put((cptr_t[]){ space, server, client, endpoint, second }, 5);
}

/* Many names, some of them beginnings of others, and the longest. */
static void test_many(cptr_t bank)
{
	cptr_t space = slot_new(), task, endpoint[24];
	char name[RM_NAME_MAX + 1];
	struct rm_name_query_out out = { 0 };
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	CHECK_OK(task_make(bank, space, "many", &task));
	for (unsigned int i = 0; i < 24; i++) {
		for (unsigned int j = 0; j < 2 * i + 1; j++)
			name[j] = 'a';
		name[2 * i + 1] = 0;
		CHECK_OK(rt_name_grant(task, name, RM_NAME_RIGHT_SERVE));
		CHECK_OK(name_register(task, name, 100, &endpoint[i]));
		name[2 * i] = 'b';
		CHECK_ERR(query(task, name, &out), E_NOENT);
	}
	slots_put((cptr_t[]){ space, task }, 2);
	slots_put(endpoint, 24);
}

static void register_it(struct box *box)
{
	cptr_t endpoint;
	box->word[0] = (uint64_t)name_register(RT_TASK, "n", 100, &endpoint);
}

static void call_grant(struct box *box)
{
	box->word[0] = (uint64_t)rt_name_grant(RT_TASK, "n", 3);
}

/* An actor has no system object: it cannot grant itself anything. */
static void test_actor(cptr_t bank)
{
	struct actor *a = actor_new(0, bank);
	actor_do(a, register_it);
	CHECK(a->box->word[0] == E_NOENT);
	CHECK_OK(rt_name_grant(a->program.task, "n", RM_NAME_RIGHT_SERVE));
	actor_do(a, register_it);
	CHECK(a->box->word[0] == E_OK);
	actor_do(a, call_grant);
	CHECK(a->box->word[0] != E_OK);
	actor_end(a);
}

const struct test name_tests[] = {
	{ "names", test_names },
	{ "names: many", test_many },
	{ "names: an actor's", test_actor },
	{ 0 },
};
