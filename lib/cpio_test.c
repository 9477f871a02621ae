/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Archives made at random are read back; cut off or changed anywhere they may be refused, but never
 * read beyond: each lies in memory of its very size, under the sanitizer.
 */
#include <lib/cpio.h>
#include "unit_test.h"

enum { SEEDS = 2000, ENTRIES_MAX = 6, BYTES_MAX = 8192 };

struct made {
	uint32_t numbers[13];
	char name[24];
	unsigned char data[64];
};

static struct made made[ENTRIES_MAX];
static size_t count, length;
static unsigned char archive[BYTES_MAX];

static void put(const void *bytes, size_t n)
{
	CHECK(length + n + 4 < sizeof(archive));
	memcpy(archive + length, bytes, n);
	for (length += n; length % 4 != 0; length++)
		archive[length] = 0;
}

static void put_entry(const struct made *m)
{
	char head[200];
	int n = sprintf(head, "070701");
	for (int i = 0; i < 13; i++)
		n += sprintf(head + n, test_below(2) ? "%08x" : "%08X", m->numbers[i]);
	n += sprintf(head + n, "%s", m->name) + 1;
	put(head, (size_t)n);
	put(m->data, m->numbers[6]);
}

static void make(void)
{
	length = 0;
	count = test_below(ENTRIES_MAX + 1);
	for (size_t i = 0; i <= count; i++) {
		struct made trailer = { .name = "TRAILER!!!" };
		struct made *m = i < count ? &made[i] : &trailer;
		for (int j = 0; j < 13; j++)
			m->numbers[j] = (uint32_t)test_random();
		m->numbers[6] = i < count ? (uint32_t)test_below(sizeof(m->data) + 1) : 0;
		if (i < count)
			sprintf(m->name, "%.*s%c", (int)test_below(10), "directory/",
			        (char)('0' + i));
		m->numbers[11] = (uint32_t)strlen(m->name) + 1;
		for (size_t j = 0; j < sizeof(m->data); j++)
			m->data[j] = (unsigned char)test_random();
		put_entry(m);
	}
}

static bool inside(const void *at, size_t n, const unsigned char *bytes, size_t size)
{
	size_t offset = (size_t)((const unsigned char *)at - bytes);
	return offset <= size && n <= size - offset;
}

static void check_entry(const struct cpio_entry *e, const struct made *m)
{
	const uint32_t numbers[] = { e->ino,       e->mode,       e->uid,       e->gid,
		                     e->nlink,     e->mtime,      e->size,      e->dev_major,
		                     e->dev_minor, e->rdev_major, e->rdev_minor };
	CHECK(memcmp(numbers, m->numbers, sizeof(numbers)) == 0);
	CHECK(strcmp(e->name, m->name) == 0 && memcmp(e->data, m->data, e->size) == 0);
}

/* Reads it all; how many entries there were. Whatever is returned lies inside. */
static size_t walk(const unsigned char *bytes, size_t size, err_t *end)
{
	struct cpio cpio;
	struct cpio_entry e;
	size_t seen = 0;
	cpio_open(&cpio, bytes, size);
	while ((*end = cpio_next(&cpio, &e)) == E_OK) {
		size_t n = strlen(e.name);
		CHECK(n > 0 && n < CPIO_NAME_MAX && inside(e.name, n + 1, bytes, size));
		CHECK(inside(e.data, e.size, bytes, size));
		seen++;
	}
	CHECK(*end == E_NOENT || *end == E_CORRUPT || *end == E_UNSUPPORTED);
	CHECK(cpio_next(&cpio, &e) == *end);
	return seen;
}

static void check_whole(void)
{
	struct cpio cpio;
	struct cpio_entry e;
	cpio_open(&cpio, archive, length);
	for (size_t i = 0; i < count; i++) {
		CHECK(cpio_next(&cpio, &e) == E_OK);
		check_entry(&e, &made[i]);
		CHECK(cpio_find(archive, length, made[i].name, &e) == E_OK);
		check_entry(&e, &made[i]);
	}
	CHECK(cpio_next(&cpio, &e) == E_NOENT);
	CHECK(cpio_find(archive, length, "directory", &e) == E_NOENT);
	CHECK(cpio_find(archive, length, "", &e) == E_NOENT);
}

static unsigned char *copy(size_t size)
{
	unsigned char *exact = malloc(size ? size : 1);
	CHECK(exact);
	memcpy(exact, archive, size);
	return exact;
}

static void check_cut(void)
{
	size_t size = test_below(length - 11); /* not as far as the end of "TRAILER!!!" */
	err_t end;
	unsigned char *exact = copy(size);
	CHECK(walk(exact, size, &end) <= count && end == E_CORRUPT);
	free(exact);
}

static void check_changed(void)
{
	static const unsigned char likely[] = "0123456789abcdefFG\0\377";
	err_t end;
	unsigned char *exact = copy(length);
	for (uint64_t i = 1 + test_below(3); i > 0; i--)
		exact[test_below(length)] = likely[test_below(sizeof(likely))];
	walk(exact, length, &end);
	free(exact);
}

static err_t first(const char *head, size_t size)
{
	struct cpio cpio;
	struct cpio_entry e;
	cpio_open(&cpio, head, size);
	return cpio_next(&cpio, &e);
}

static void check_refused(void)
{
	char head[128] = { 0 };
	for (int i = 0; i < 13; i++)
		memcpy(head + 6 + 8 * i, "00000000", 8);
	memcpy(head, "070701", 6);
	memcpy(head + 6 + 8 * 11, "00000002", 8);
	head[110] = 'x';
	CHECK(first(head, 112) == E_OK && first(head, 111) == E_CORRUPT);
	memcpy(head, "070702", 6);
	CHECK(first(head, 112) == E_UNSUPPORTED);
	memcpy(head, "170701", 6);
	CHECK(first(head, 112) == E_CORRUPT);
	memcpy(head, "070701", 6);
	head[109] = 'g';
	CHECK(first(head, 112) == E_CORRUPT);
	head[109] = '0';
	memcpy(head + 6 + 8 * 11, "00000003", 8); /* a 0 within the name */
	CHECK(first(head, 128) == E_CORRUPT);
	head[110] = 0;
	memcpy(head + 6 + 8 * 11, "00000001", 8); /* an empty name */
	CHECK(first(head, 128) == E_CORRUPT);
	memcpy(head + 6 + 8 * 11, "00000000", 8);
	CHECK(first(head, 128) == E_CORRUPT);
	head[110] = 'x';
	memcpy(head + 6 + 8 * 11, "ffffffff", 8);
	CHECK(first(head, 128) == E_CORRUPT);
	memcpy(head + 6 + 8 * 11, "00000002", 8);
	memcpy(head + 6 + 8 * 6, "00000010", 8);
	CHECK(first(head, 128) == E_OK && first(head, 127) == E_CORRUPT);
	memcpy(head + 6 + 8 * 6, "ffffffff", 8);
	CHECK(first(head, 128) == E_CORRUPT);
}

/* The longest name, and one longer. */
static void check_long_name(void)
{
	static char bytes[110 + CPIO_NAME_MAX + 8];
	memset(bytes, '0', 110);
	memset(bytes + 110, 'x', CPIO_NAME_MAX - 1);
	memcpy(bytes, "070701", 6);
	memcpy(bytes + 6 + 8 * 11, "00001000", 8);
	CHECK(first(bytes, sizeof(bytes)) == E_OK);
	bytes[110 + CPIO_NAME_MAX - 1] = 'x';
	memcpy(bytes + 6 + 8 * 11, "00001001", 8);
	CHECK(first(bytes, sizeof(bytes)) == E_CORRUPT);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		test_start(seed);
		make();
		check_whole();
		for (test_step = 0; test_step < 8; test_step++) {
			check_cut();
			check_changed();
		}
	}
	check_refused();
	check_long_name();
	return 0;
}
