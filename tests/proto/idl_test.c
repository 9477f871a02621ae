/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tools/idl makes: every message of every interface by its tables (fuzz.h), then the stubs and
 * the dispatch of proto/golden/test.idl against each other, with the kernel's Call played here.
 */
#include <proto/fuzz.h>
#include <rt/sel4.h>
#include <unit_test.h>

/* The stubs' way to the kernel leads to this file. */
static struct abi_ipc_buffer *fake_buffer(void);
static struct sel4_msg fake_call(cptr_t dest, struct sel4_msg m);
#define sel4_ipc_buffer fake_buffer
#define sel4_call fake_call
#define sel4_set_cap(i, cap) (fake_buffer()->caps_or_badges[i] = (cap))
#include <proto/test_client.h>
#include <proto/rm_client.h>
#include <proto/log_client.h>

extern const struct proto_fuzz test_fuzz, rm_fuzz, log_fuzz;

/* What an account is to the server; those of the capabilities 77, 101 and 102. */
struct ledger {
	uint64_t badge;
};
static struct ledger ledgers[] = { { 77 }, { 101 }, { 102 } };

/* ---- the server ----------------------------------------------------------------------------- */

static struct test {
	struct abi_ipc_buffer buffer;
	unsigned int calls;
	bool park;
	/* Damage to the reply. */
	uint64_t label, words[PROTO_WORDS_MAX];
	int caps;
	unsigned int length;
	bool lie;
	bool sealed;
	/* What the receive path was during the call. */
	word_t receive_root, receive_index;
} fake;

static err_t on_ping(struct test *server, struct proto_request *)
{
	CHECK(server == &fake);
	return E_OK;
}

static err_t on_add(struct test *, struct proto_request *request, struct ledger *account,
                    const struct test_add_in *in, struct test_add_out *out)
{
	CHECK(request->badge == 77 && account == &ledgers[0]);
	if (in->a > UINT64_MAX - in->b)
		return E_RANGE;
	out->sum = in->a + in->b;
	return in->a == 13 ? E_BUSY : E_OK; /* which add does not declare */
}

static err_t on_say(struct test *, struct proto_request *, const struct test_say_in *in)
{
	CHECK(in->level == TEST_LEVEL_HIGH);
	return in->line_count == 5 && memcmp(in->line, "hello", 5) == 0 ? E_OK : E_TOOBIG;
}

static err_t on_numbers(struct test *, struct proto_request *, const struct test_numbers_in *in,
                        struct test_numbers_out *out)
{
	for (uint32_t i = 0; i < in->from; i++)
		out->numbers[i] = i * i;
	out->numbers_count = (uint16_t)in->from;
	return E_OK;
}

static err_t on_caps(struct test *, struct proto_request *request, struct ledger *account,
                     struct ledger *other, const struct test_caps_in *in, struct test_caps_out *out)
{
	CHECK(account == &ledgers[0] && other->badge == request->cap_badges[0]);
	CHECK(request->cap_badges[0] == 101 && request->cap_badges[2] == 103);
	/* The second one is any: one of the server's own, or not. */
	CHECK(request->caps == 3 && (request->unwrapped & 5) == 5);
	CHECK(!(request->unwrapped & 2) || request->cap_badges[1] == 102);
	out->count = in->which;
	request->cap_out = 500;
	return E_OK;
}

static err_t on_shapes(struct test *, struct proto_request *, const struct test_shapes_in *in,
                       struct test_shapes_out *out)
{
	out->shape = in->second;
	out->shape.corners[0] = in->first;
	return E_OK;
}

static err_t on_wait(struct test *, struct proto_request *request, struct ledger *,
                     const struct test_wait_in *in, struct test_wait_out *out)
{
	out->token = in->milliseconds;
	request->cap_out = 7;
	return fake.park ? E_PENDING : E_OK;
}

static const struct test_ops ops = {
	.ping = on_ping,
	.add = on_add,
	.say = on_say,
	.numbers = on_numbers,
	.caps = on_caps,
	.shapes = on_shapes,
	.wait = on_wait,
};

static struct abi_ipc_buffer *fake_buffer(void)
{
	return &fake.buffer;
}

static struct proto_request receive(struct sel4_msg m, uint64_t *words)
{
	struct proto_request request = {
		.label = abi_msginfo_label(m.info),
		.length = (unsigned int)abi_msginfo_length(m.info),
		.caps = (unsigned int)abi_msginfo_caps(m.info),
		.badge = 77,
		.objects = { &ledgers[0] },
		.privileged = true,
		.sealed = fake.sealed,
		.words = words,
		.reply = words,
	};
	uint64_t number = request.label - PROTO_LABEL_BASE;
	if (number < test_interface.methods_count)
		request.target_kind = test_interface.methods[number].target;
	for (unsigned int i = 0; i < request.caps; i++) {
		/* 101, 102, 103: accounts and doors; others are not this server's. */
		word_t cap = fake.buffer.caps_or_badges[i];
		if (cap < 101 || cap > 103)
			continue;
		request.unwrapped |= 1u << i;
		request.cap_badges[i] = cap;
		request.cap_kinds[i] = cap == 103 ? TEST_OBJECT_DOOR : TEST_OBJECT_ACCOUNT;
		request.objects[1 + i] = cap == 103 ? NULL : &ledgers[cap - 100];
	}
	memcpy(words, fake.buffer.msg, sizeof(fake.buffer.msg));
	memcpy(words, m.mr, sizeof(m.mr));
	return request;
}

static struct sel4_msg fake_call(cptr_t dest, struct sel4_msg m)
{
	uint64_t words[PROTO_WORDS_MAX];
	fake.calls++;
	fake.receive_root = fake.buffer.receive_cnode;
	fake.receive_index = fake.buffer.receive_index;
	CHECK(dest == 9);
	struct proto_request request = receive(m, words);
	if (!proto_dispatch(&test_interface, &ops, &fake, &request)) {
		CHECK(request.state == PROTO_PARKED);
		test_wait_answer(&request, E_OK, &(struct test_wait_out){ .token = 99 });
	}
	CHECK(request.state == PROTO_ANSWERED);
	word_t label = proto_reply_label(&request), caps = request.cap_out != 0;
	word_t length = request.reply_length;
	if (fake.lie) {
		label = fake.label;
		caps = (word_t)fake.caps;
		length = fake.length;
		memcpy(words, fake.words, sizeof(words));
	}
	memcpy(fake.buffer.msg, words, sizeof(words));
	struct sel4_msg reply = { .info = abi_msginfo(label, 0, caps, length) };
	memcpy(reply.mr, words, sizeof(reply.mr));
	return reply;
}

/* ---- the client ----------------------------------------------------------------------------- */

static err_t say(uint8_t level, const char *line, uint16_t count)
{
	struct test_say_in in = { .level = level, .line_count = count };
	memcpy(in.line, line, count < sizeof(in.line) ? count : sizeof(in.line));
	return test_say(9, &in);
}

static err_t add(uint64_t a, uint64_t b, struct test_add_out *out)
{
	return test_add(9, &(struct test_add_in){ a, b }, out);
}

static void check_calls(void)
{
	struct test_add_out add_out;
	CHECK(test_ping(9) == E_OK);
	CHECK(add(2, 3, &add_out) == E_OK && add_out.sum == 5);
	CHECK(add(UINT64_MAX, 3, &add_out) == E_RANGE && add_out.sum == 5);
	CHECK(add(13, 3, &add_out) == E_PROTOCOL); /* an error that was not declared */
	CHECK(say(TEST_LEVEL_HIGH, "hello", 5) == E_OK);
	CHECK(say(TEST_LEVEL_HIGH, "hellO", 5) == E_TOOBIG);
	CHECK(say(6, "hello", 5) == E_INVAL);
	CHECK(say(TEST_LEVEL_HIGH, "", 0) == E_INVAL);
	unsigned int before = fake.calls;
	CHECK(say(TEST_LEVEL_HIGH, "a line of more than the forty characters", 41) == E_INVAL);
	CHECK(fake.calls == before);
	/* No handler. */
	CHECK(test_place(9, &(struct test_place_in){ 4096, 1 }) == E_UNSUPPORTED);
	struct test_numbers_out numbers;
	for (uint32_t n = 0; n <= 8; n++) {
		CHECK(test_numbers(9, &(struct test_numbers_in){ .from = n }, &numbers) == E_OK);
		CHECK(numbers.numbers_count == n);
		CHECK(n == 0 || numbers.numbers[n - 1] == (n - 1) * (n - 1));
	}
	struct test_shapes_in shapes = { .first = { .x = 1, .y = 12, .z = 3 } };
	shapes.second.corners[0].y = shapes.second.corners[1].y = 20;
	shapes.second.owner.raw = 4;
	shapes.second.level = TEST_LEVEL_LOW;
	for (unsigned int i = 0; i < 3; i++)
		shapes.line[i].y = 10;
	struct test_shapes_out out;
	CHECK(test_shapes(9, &shapes, &out) == E_OK);
	CHECK(out.shape.corners[0].y == 12 && out.shape.owner.raw == 4);
	shapes.line[2].y = 21;
	CHECK(test_shapes(9, &shapes, &out) == E_INVAL);
}

static void check_caps(void)
{
	const struct test_caps_in in = { .which = 8 };
	struct test_caps_out out = { 0 };
	struct sel4_slot slot = { 3, 44, 64 };
	CHECK(test_caps(9, 101, 5, 103, &in, slot, &out) == E_OK && out.count == 8);
	CHECK(fake.receive_root == 3 && fake.receive_index == 44);
	CHECK(fake.buffer.receive_cnode == 0);
	CHECK(test_caps(9, 5, 5, 103, &in, slot, &out) == E_INVAL);   /* not an object */
	CHECK(test_caps(9, 103, 5, 103, &in, slot, &out) == E_INVAL); /* another kind */
	CHECK(test_caps(9, 101, 102, 103, &in, slot, &out) == E_OK);
	fake.sealed = true;
	CHECK(test_caps(9, 101, 5, 103, &in, slot, &out) == E_SEALED);
	CHECK(test_caps(9, 103, 5, 103, &in, slot, &out) == E_INVAL);
	CHECK(test_ping(9) == E_OK);
	fake.sealed = false;
	struct test_wait_in time = { .milliseconds = 50 };
	struct test_wait_out token;
	CHECK(test_wait(9, &time, slot, &token) == E_OK && token.token == 50);
	fake.park = true;
	CHECK(test_wait(9, &time, slot, &token) == E_OK && token.token == 99);
	time.milliseconds = 0;
	CHECK(test_wait(9, &time, slot, &token) == E_INVAL);
	fake.park = false;
}

/* A reply that is not what the interface says. */
static err_t lied_add(uint64_t label, int caps, unsigned int length)
{
	struct test_add_out out;
	fake.lie = true;
	fake.label = label;
	fake.caps = caps;
	fake.length = length;
	err_t err = add(1, 1, &out);
	fake.lie = false;
	return err;
}

static void check_bad_replies(void)
{
	CHECK(lied_add(0, 0, 1) == E_OK);
	CHECK(lied_add(2, 0, 0) == E_SEVERED);
	CHECK(lied_add(1, 0, 0) == E_PROTOCOL);
	CHECK(lied_add(63, 0, 1) == E_PROTOCOL);
	CHECK(lied_add(64 + 64, 0, 1) == E_PROTOCOL);
	CHECK(lied_add(UINT64_MAX >> 12, 0, 1) == E_PROTOCOL);
	CHECK(lied_add(E_SERVER_DIED, 0, 0) == E_SERVER_DIED);
	CHECK(lied_add(0, 1, 1) == E_PROTOCOL);
	for (unsigned int length = 0; length <= PROTO_WORDS_MAX; length++)
		CHECK((lied_add(0, 0, length) == E_OK) == (length == 1));
	const struct test_numbers_in in = { .from = 1 };
	struct test_numbers_out numbers;
	fake.lie = true;
	fake.label = 0;
	fake.length = 5;
	fake.words[0] = 9;
	CHECK(test_numbers(9, &in, &numbers) == E_PROTOCOL);
	fake.words[0] = 8;
	CHECK(test_numbers(9, &in, &numbers) == E_OK && numbers.numbers_count == 8);
	memset(fake.words, 0, sizeof(fake.words));
	fake.lie = false;
}

static void check_refusals(void)
{
	uint64_t words[PROTO_WORDS_MAX] = { 0 };
	struct proto_request request = { .words = words, .reply = words };
	request.label = PROTO_LABEL_BASE + TEST_METHOD_SHAPES;
	request.length = test_interface.methods[TEST_METHOD_SHAPES].in.words_min;
	CHECK(proto_dispatch(&test_interface, &ops, &fake, &request) && request.error == E_PERM);
	request = (struct proto_request){ .words = words, .reply = words };
	request.label = PROTO_LABEL_BASE + TEST_METHOD_ADD;
	request.length = 2;
	request.sealed = true; /* it creates nothing */
	CHECK(proto_dispatch(&test_interface, &ops, &fake, &request) && request.error == E_INVAL);
	CHECK(request.state == PROTO_ANSWERED);
	for (uint64_t label = 0; label < 400; label++) {
		request = (struct proto_request){ .label = label, .words = words, .reply = words };
		bool there = label >= PROTO_LABEL_BASE &&
		             label - PROTO_LABEL_BASE < test_interface.methods_count &&
		             test_interface.methods[label - PROTO_LABEL_BASE].name;
		request.length = PROTO_WORDS_MAX;
		CHECK(proto_dispatch(&test_interface, &ops, &fake, &request));
		CHECK(request.error == (there ? E_PROTOCOL : E_UNSUPPORTED));
	}
}

/* ---- events --------------------------------------------------------------------------------- */

static unsigned int told;

static void on_told(void *client, const struct test_told_event *event)
{
	CHECK(client == &told && event->thing.raw == 5 && event->said_count == 2);
	told++;
}

static void check_events(void)
{
	const struct test_event_ops handlers = { .told = on_told };
	struct test_told_event event = {
		.thing = { 5 }, .start = 90, .count = 10, .said_count = 2
	};
	memcpy(event.said, "ok", 2);
	uint64_t record[1 + PROTO_WORDS_MAX] = { 0 };
	unsigned int length = test_told_event_encode(record + 1, &event);
	record[0] = proto_event_header(TEST_EVENT_TOLD, length);
	CHECK(proto_event_dispatch(&test_interface, &handlers, &told, record, length + 1) == E_OK);
	CHECK(told == 1);
	for (unsigned int n = 0; n <= PROTO_WORDS_MAX; n++)
		if (n != length + 1)
			CHECK(proto_event_dispatch(&test_interface, &handlers, &told, record, n) ==
			      E_PROTOCOL);
	record[2] = 91; /* 91 + 10 is beyond 100 */
	CHECK(proto_event_dispatch(&test_interface, &handlers, &told, record, length + 1) ==
	      E_INVAL);
	CHECK(told == 1);
	for (unsigned int number = 0; number < 300; number++) {
		record[0] = proto_event_header(number, 0);
		err_t err = proto_event_dispatch(&test_interface, &handlers, &told, record, 1);
		CHECK(err == (number == TEST_EVENT_STARTED ? E_OK
		              : number == TEST_EVENT_TOLD  ? E_PROTOCOL
		                                           : E_UNSUPPORTED));
	}
}

int main(void)
{
	proto_fuzz_all(&test_fuzz, 500, 5);
	proto_fuzz_all(&rm_fuzz, 100, 7);
	proto_fuzz_all(&log_fuzz, 500, 11);
	check_calls();
	check_caps();
	check_bad_replies();
	check_refusals();
	check_events();
	return 0;
}
