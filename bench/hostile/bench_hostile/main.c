/* SPDX-License-Identifier: BSD-2-Clause */
/* A hostile client of kv: one attack, without a pause, until it is ended. See ../README.md. */
#include <proto/kv_client.h>
#include <proto/rm_client.h>
#include <rt/dataspace.h>
#include <rt/donate.h>
#include <rt/name.h>
#include <rt/program.h>
#include <rt/session.h>
#include <rt/share.h>
#include <rt/thread.h>

enum {
	PAGE = 4096,
	LENT_PAGES = KV_SHARE_PAGES_MAX,
	POOL_PAGES = 48,
	VALUE_PAGES = 16,
	FLOODERS = 48,
	FEW_PAGES = 16,
	MANY_PAGES = 384,
	LARGE_PAGES = 1024, /* beyond the first 2 MiB a large page comes */
	LARGE_AT = 1 << 30,
	GIFT_PAGES = 256,
	RW = RM_RIGHT_READ | RM_RIGHT_WRITE,
	SESSION_LIMIT = 32 * PAGE,
};

struct victim {
	struct rt_session session;
	cptr_t lent, given;
	uint64_t lent_at, given_at;
	rm_share_t share;
};

/* One thread only: what it costs over the time that is its own. */
static bool is_little;
static struct victim striker, flooded, donor;

/* -- sessions ---------------------------------------------------------------------------------- */

static err_t open(struct victim *v)
{
	const struct rt_connect how = {
		.name = "kv", .version = KV_VERSION, .limit = SESSION_LIMIT, .wait = true
	};
	err_t err = v->lent ? E_OK : rt_memory_make(RT_BANK, LENT_PAGES, &v->lent, &v->lent_at);
	return err == E_OK ? rt_session_open(&v->session, &how) : err;
}

static err_t lend(struct victim *v)
{
	return rt_share(&v->session, v->lent, 0, LENT_PAGES, RW, &v->share);
}

static err_t put(const struct victim *v, uint64_t pages)
{
	const struct kv_put_in in = { .value = { v->share.raw, 0, pages * PAGE },
		                      .key_count = 1,
		                      .key = "x" };
	return kv_put(v->session.endpoint, &in);
}

static void must(err_t err, const char *what)
{
	if (err == E_OK)
		return;
	rt_log("hostile: %s: %s", what, err_text(err));
	rt_exit(1);
}

/* -- attacks: one round each ------------------------------------------------------------------- */

/* Lends, has kv touch it, takes it away, has it touched again: kv cuts it off. Comes back. */
static void revoke_begin(void)
{
	must(open(&striker), "open");
}

static void revoke_round(void)
{
	must(lend(&striker), "lend");
	(void)put(&striker, 1);
	must(rt_share_revoke(striker.share), "revoke");
	(void)put(&striker, 1);
	rt_session_close(&striker.session);
	must(open(&striker), "open");
}

static void reconnect_round(void)
{
	rt_session_close(&striker.session);
	must(open(&striker), "open");
}

/* From many threads: a value as large as kv takes in the memory that it has for it. */
static int flooder(void *arg)
{
	(void)arg;
	for (;;)
		(void)put(&flooded, VALUE_PAGES);
	return 0;
}

static void flood_begin(void)
{
	static struct rt_worker flooders[FLOODERS];
	static rm_donation_t donation;
	must(open(&flooded), "open");
	must(lend(&flooded), "lend");
	must(rt_memory_make(RT_BANK, POOL_PAGES, &flooded.given, &flooded.given_at), "memory");
	must(rt_donate(&flooded.session, flooded.given, 0, POOL_PAGES, RM_CONTENTS_WIPED,
	               &donation),
	     "donate");
	must(put(&flooded, VALUE_PAGES), "put");
	for (unsigned int i = 0; i < FLOODERS && !is_little; i++)
		must(rt_worker_start(&flooders[i], flooder, NULL, 2 * PAGE, NULL), "thread");
}

static void flood_round(void)
{
	(void)put(&flooded, VALUE_PAGES);
}

/* Memory that is touched, page by page, and given back. */
static cptr_t fresh;
static uint64_t fresh_at;

static uint64_t fresh_pages;

static void fresh_begin(uint64_t pages)
{
	fresh_pages = pages;
	must(rt_memory_make(RT_BANK, pages, &fresh, &fresh_at), "memory");
}

static void fault_begin(void)
{
	fresh_begin(FEW_PAGES);
}

static void fault_many_begin(void)
{
	fresh_begin(MANY_PAGES);
}

/* Shown where 2 MiB of it are 2 MiB of the address space. */
static void large_begin(void)
{
	const struct rm_region_map_in in = { .start = LARGE_AT,
		                             .size = LARGE_PAGES,
		                             .rights = RW,
		                             .flags = RM_REGION_FLAGS_FIXED,
		                             .inherit = RM_INHERIT_COPY };
	struct rm_region_map_out out;
	fresh_begin(LARGE_PAGES);
	must(rm_region_map(RT_VSPACE, fresh, &in, &out), "map");
	fresh_at = out.at;
}

static void fault_round(void)
{
	for (uint64_t i = 0; i < fresh_pages; i++)
		*(volatile char *)(fresh_at + i * PAGE) = 1;
	must(rm_dataspace_resize(fresh, &(struct rm_dataspace_resize_in){ .size = 0 }), "shrink");
	must(rm_dataspace_resize(fresh, &(struct rm_dataspace_resize_in){ .size = fresh_pages }),
	     "grow");
}

/* Gives pages, has them used, takes them back. */
static uint64_t donated_pages;

static void donate_begin(void)
{
	donated_pages = donated_pages ? donated_pages : FEW_PAGES / 2;
	must(open(&donor), "open");
	must(lend(&donor), "lend");
	must(rt_memory_make(RT_BANK, POOL_PAGES, &donor.given, &donor.given_at), "memory");
}

static void donate_many_begin(void)
{
	donated_pages = POOL_PAGES;
	donate_begin();
}

static void donate_round(void)
{
	const struct kv_take_in in = { .key_count = 1, .key = "x" };
	struct kv_take_out out;
	rm_donation_t donation;
	err_t err;
	do /* BUSY: they are still on their way back */
		err = rt_donate(&donor.session, donor.given, 0, donated_pages, RM_CONTENTS_KEPT,
		                &donation);
	while (err == E_BUSY);
	must(err, "donate");
	must(put(&donor, 1), "put");
	must(kv_take(donor.session.endpoint, &in, &out), "take");
}

/* Gives more than kv takes: it gives it back at once, and that is long work. */
static cptr_t many;
static uint64_t many_at;

static void gift_begin(void)
{
	must(open(&donor), "open");
	must(rt_memory_make(RT_BANK, GIFT_PAGES, &many, &many_at), "memory");
}

static void gift_round(void)
{
	rm_donation_t donation;
	err_t err;
	do
		err = rt_donate(&donor.session, many, 0, GIFT_PAGES, RM_CONTENTS_KEPT, &donation);
	while (err == E_BUSY);
	must(err, "donate");
	(void)kv_query(donor.session.endpoint, &(struct kv_query_out){ 0 });
}

/* -- the menu ---------------------------------------------------------------------------------- */

/* Sessions are the first thread's; calls, faults and donations are anybody's. */
static int faults(void *arg)
{
	(void)arg;
	for (;;)
		fault_round();
	return 0;
}

static int donates(void *arg)
{
	(void)arg;
	for (;;)
		donate_round();
	return 0;
}

static void all_begin(void)
{
	static struct rt_worker workers[2];
	fault_begin();
	donate_begin();
	revoke_begin();
	flood_begin();
	must(rt_worker_start(&workers[0], faults, NULL, 2 * PAGE, NULL), "thread");
	must(rt_worker_start(&workers[1], donates, NULL, 2 * PAGE, NULL), "thread");
}

static const struct {
	const char *name;
	void (*begin)(void);
	void (*round)(void);
} menu[] = {
	{ "revoke", revoke_begin, revoke_round },
	{ "reconnect", revoke_begin, reconnect_round },
	{ "flood", flood_begin, flood_round },
	{ "fault", fault_begin, fault_round },
	{ "donate", donate_begin, donate_round },
	{ "all", all_begin, revoke_round },
	{ "fault-many", fault_many_begin, fault_round },
	{ "gift", gift_begin, gift_round },
	{ "donate-many", donate_many_begin, donate_round },
	{ "large", large_begin, fault_round },
};

static bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

int rt_main(const struct rt_start *start)
{
	for (unsigned int i = 0; i < sizeof(menu) / sizeof(menu[0]); i++) {
		if (start->argc < 2 || !is_same(menu[i].name, rt_arg(1)))
			continue;
		is_little = start->argc > 2;
		menu[i].begin();
		for (;;)
			menu[i].round();
	}
	return 1;
}
