/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads cpio archives of the "newc" kind, as `cpio -H newc` writes them: a header of 110
 * characters, the name, the data, each filled up to a multiple of 4; the entry TRAILER!!! ends it.
 *
 * The archive is any bytes, made by an enemy if need be, but nobody may write it while it is read:
 * names and data are returned where they stand. What is returned lies inside the archive. Names are
 * as they are: "..", "/" and repetitions are the caller's to judge. Nothing is allocated.
 */
#pragma once
#include <lib/err.h>
#include <stdint.h>

enum { CPIO_NAME_MAX = 4096 }; /* bytes of a name, its closing 0 included */

struct cpio {
	const unsigned char *bytes; /* No ownership. */
	uint64_t size, at;          /* at: offset of the next header */
};

struct cpio_entry {
	const char *name; /* No ownership; closed by a 0, which is its only one; not empty */
	const void *data; /* No ownership */
	uint32_t size;    /* of the data, bytes */
	uint32_t mode;    /* type and permissions, as Linux has them */
	uint32_t ino, uid, gid, nlink, mtime;
	uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
};

/* At the first entry of an archive. */
void cpio_open(struct cpio *cpio, const void *bytes, uint64_t size);

/*
 * The next entry. NOENT: that was the last one. CORRUPT: not an archive, or it breaks off.
 * UNSUPPORTED: another kind of cpio. After an error the same error again.
 */
err_t cpio_next(struct cpio *cpio, struct cpio_entry *entry);

/* The first entry of that name. NOENT: there is none. CORRUPT, UNSUPPORTED as above. */
err_t cpio_find(const void *bytes, uint64_t size, const char *name, struct cpio_entry *entry);
