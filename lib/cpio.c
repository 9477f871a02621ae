/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/cpio.h. */
#include <lib/cpio.h>
#include <lib/range.h>
#include <stdbool.h>
#include <stddef.h>

/* A header: six characters that say so, then thirteen numbers of eight hexadecimal digits. */
enum { MAGIC = 6, DIGITS = 8, NUMBERS = 13, HEADER = MAGIC + NUMBERS * DIGITS };
enum {
	INO,
	MODE,
	UID,
	GID,
	NLINK,
	MTIME,
	SIZE,
	DEV_MAJOR,
	DEV_MINOR,
	RDEV_MAJOR,
	RDEV_MINOR,
	NAME
};

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool parse_number(const unsigned char *digits, uint32_t *number)
{
	*number = 0;
	for (int i = 0; i < DIGITS; i++) {
		unsigned char c = digits[i], letter = c | 0x20;
		if (c >= '0' && c <= '9')
			*number = *number << 4 | (uint32_t)(c - '0');
		else if (letter >= 'a' && letter <= 'f')
			*number = *number << 4 | (uint32_t)(letter - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* The name at offset, which is followed by the data: how long it is says the header. */
static const char *name_at(const struct cpio *cpio, uint64_t offset, uint32_t bytes)
{
	if (bytes < 2 || bytes > CPIO_NAME_MAX || !range_ok(offset, bytes, cpio->size))
		return NULL;
	const char *name = (const char *)cpio->bytes + offset;
	for (uint32_t i = 0; i < bytes; i++)
		if ((name[i] == 0) != (i == bytes - 1))
			return NULL;
	return name;
}

/* offset <= size < 2^63 or so: no sum of these wraps. */
static uint64_t fill_up(uint64_t offset)
{
	return range_align_down(offset + 3, 4);
}

void cpio_open(struct cpio *cpio, const void *bytes, uint64_t size)
{
	*cpio = (struct cpio){ .bytes = bytes, .size = size };
}

err_t cpio_next(struct cpio *cpio, struct cpio_entry *entry)
{
	uint32_t numbers[NUMBERS];
	if (!range_ok(cpio->at, HEADER, cpio->size))
		return E_CORRUPT;
	const unsigned char *header = cpio->bytes + cpio->at;
	if (__builtin_memcmp(header, "0707", 4) != 0)
		return E_CORRUPT;
	if (__builtin_memcmp(header, "070701", MAGIC) != 0)
		return E_UNSUPPORTED;
	for (int i = 0; i < NUMBERS; i++)
		if (!parse_number(header + MAGIC + i * DIGITS, &numbers[i]))
			return E_CORRUPT;
	uint64_t name_offset = cpio->at + HEADER;
	uint64_t data_offset = fill_up(name_offset + numbers[NAME]);
	const char *name = name_at(cpio, name_offset, numbers[NAME]);
	if (!name)
		return E_CORRUPT;
	if (same(name, "TRAILER!!!"))
		return E_NOENT;
	if (!range_ok(data_offset, numbers[SIZE], cpio->size))
		return E_CORRUPT;
	*entry = (struct cpio_entry){
		.name = name,
		.data = cpio->bytes + data_offset,
		.size = numbers[SIZE],
		.mode = numbers[MODE],
		.ino = numbers[INO],
		.uid = numbers[UID],
		.gid = numbers[GID],
		.nlink = numbers[NLINK],
		.mtime = numbers[MTIME],
		.dev_major = numbers[DEV_MAJOR],
		.dev_minor = numbers[DEV_MINOR],
		.rdev_major = numbers[RDEV_MAJOR],
		.rdev_minor = numbers[RDEV_MINOR],
	};
	cpio->at = fill_up(data_offset + numbers[SIZE]);
	return E_OK;
}

err_t cpio_find(const void *bytes, uint64_t size, const char *name, struct cpio_entry *entry)
{
	struct cpio cpio;
	err_t err;
	cpio_open(&cpio, bytes, size);
	while ((err = cpio_next(&cpio, entry)) == E_OK)
		if (same(entry->name, name))
			return E_OK;
	return err;
}
