/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot archive (RT_ARCHIVE, a cpio archive: lib/cpio.h), mapped as a whole. Of init. */
#pragma once
#include <lib/err.h>
#include <rt/load.h>
#include <rt/program.h>
#include <stdint.h>

/* A file of it: where it is mapped, for good, and where in RT_ARCHIVE it begins. */
struct rt_archive_file {
	const void *data;
	uint64_t bytes, offset;
};

/* Once, before rt_archive_find(). Errors are those of rm_dataspace_query and rm_region_map. */
err_t rt_archive_open(void);

/* NOENT: there is no file of that name. CORRUPT: the archive is broken before it. */
err_t rt_archive_find(const char *name, struct rt_archive_file *file);

/* The file is what *how starts. */
static inline void rt_archive_image(const struct rt_archive_file *file, struct rt_spawn *how)
{
	how->image = RT_ARCHIVE;
	how->offset = file->offset;
	how->bytes = file->bytes;
	how->mapped = file->data;
}
