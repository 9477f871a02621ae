/* SPDX-License-Identifier: BSD-2-Clause */
/* A hostile client of kv and filter, with a menu of attacks. See README.md. */
#include "attacker.h"
#include <lib/format.h>

static const struct {
	const char *name;
	int (*run)(uint32_t count);
	uint32_t count; /* by default */
} menu[] = {
	{ "touch", attack_touch, 1 },   { "revoke", attack_revoke, 200 },
	{ "flood", attack_flood, 48 },  { "lie", attack_lie, 1 },
	{ "die", attack_die, 1 },       { "scribble", attack_scribble, 60 },
	{ "storm", attack_storm, 100 }, { "hoard", attack_hoard, 40 },
};
enum { MENU = sizeof(menu) / sizeof(menu[0]) };

/* -- sessions ---------------------------------------------------------------------------------- */

static err_t victim_open(struct victim *v, const char *name, unsigned int version, uint64_t pages)
{
	const struct rt_connect how = {
		.name = name, .version = version, .limit = SESSION_LIMIT, .wait = true
	};
	*v = (struct victim){ .lent_pages = pages };
	err_t err = rt_session_open(&v->session, &how);
	if (err == E_OK)
		err = rt_memory_make(RT_BANK, pages, &v->lent, &v->lent_at);
	return err == E_OK ? victim_lend(v) : err;
}

err_t victim_lend(struct victim *v)
{
	if (v->share.raw)
		(void)rt_share_revoke(v->share);
	return rt_share(&v->session, v->lent, 0, v->lent_pages, RW, &v->share);
}

err_t kv_open(struct victim *v)
{
	err_t err = victim_open(v, "kv", KV_VERSION, LENT_PAGES);
	if (err == E_OK)
		err = rt_memory_make(RT_BANK, POOL_PAGES, &v->given, &v->given_at);
	if (err == E_OK)
		err = rt_donate(&v->session, v->given, 0, POOL_PAGES, RM_CONTENTS_WIPED,
		                &v->donation);
	if (err != E_OK)
		victim_close(v);
	return err;
}

err_t filter_open(struct victim *v)
{
	err_t err = victim_open(v, "filter", FILTER_VERSION, PICTURE_PAGES);
	if (err != E_OK)
		victim_close(v);
	return err;
}

void victim_close(struct victim *v)
{
	rt_session_close(&v->session);
	if (v->lent)
		rt_memory_end(v->lent, v->lent_pages, v->lent_at);
	if (v->given)
		rt_memory_end(v->given, POOL_PAGES, v->given_at);
	*v = (struct victim){ 0 };
}

err_t put(const struct victim *v, const char *key, struct proto_bulk value)
{
	struct kv_put_in in = { .value = value };
	in.key_count = rt_name(in.key, key, KV_KEY_MAX);
	return kv_put(v->session.endpoint, &in);
}

err_t get(const struct victim *v, const char *key, struct proto_bulk room)
{
	struct kv_get_in in = { .room = room };
	struct kv_get_out out;
	in.key_count = rt_name(in.key, key, KV_KEY_MAX);
	return kv_get(v->session.endpoint, &in, &out);
}

/* -- answers ----------------------------------------------------------------------------------- */

static unsigned int place_of(err_t err)
{
	return err == E_OK ? 0 : (unsigned int)err - PROTO_LABEL_BASE + 1;
}

void tally_add(struct tally *tally, err_t err)
{
	unsigned int place = place_of(err);
	if (place < sizeof(tally->count) / sizeof(tally->count[0]))
		__atomic_add_fetch(&tally->count[place], 1, __ATOMIC_RELAXED);
}

uint32_t tally_of(const struct tally *tally, err_t err)
{
	return tally->count[place_of(err)];
}

void tally_say(const struct tally *tally, const char *what)
{
	char line[RT_LOG_LINE_MAX];
	size_t length = 0;
	for (unsigned int i = 0; i < 64 && length < sizeof(line); i++)
		if (tally->count[i] > 0)
			length += format_buffer(line + length, sizeof(line) - length, "%s%u x %s",
			                        length ? ", " : "", tally->count[i],
			                        err_name(i ? i - 1 + PROTO_LABEL_BASE : E_OK));
	rt_log("  attacker: %s: %s", what, length ? line : "nothing");
}

/* -- the menu ---------------------------------------------------------------------------------- */

static bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static uint32_t number(const char *text)
{
	uint32_t value = 0;
	while (*text >= '0' && *text <= '9' && value < 1000000)
		value = value * 10 + (uint32_t)(*text++ - '0');
	return value;
}

int rt_main(const struct rt_start *start)
{
	const char *name = start->argc > 1 ? rt_arg(1) : "";
	for (unsigned int i = 0; i < MENU; i++)
		if (is_same(menu[i].name, name))
			return menu[i].run(start->argc > 2 ? number(rt_arg(2)) : menu[i].count);
	rt_log("attacker: which attack? There are:");
	for (unsigned int i = 0; i < MENU; i++)
		rt_log("  %s %u", menu[i].name, menu[i].count);
	return 1;
}
