/* SPDX-License-Identifier: BSD-2-Clause */
/* See rt/archive.h. */
#include <lib/cpio.h>
#include <proto/rm_client.h>
#include <rt/archive.h>
#include <rt/program.h>

static const char *archive;
static uint64_t archive_bytes;

err_t rt_archive_open(void)
{
	struct rm_dataspace_query_out query;
	struct rm_region_map_out out;
	err_t err = rm_dataspace_query(RT_ARCHIVE, &query);
	if (err != E_OK)
		return err;
	const struct rm_region_map_in in = { .size = query.status.size,
		                             .rights = RM_RIGHT_READ,
		                             .flags = RM_REGION_FLAGS_POPULATE,
		                             .inherit = RM_INHERIT_NONE };
	err = rm_region_map(RT_VSPACE, RT_ARCHIVE, &in, &out);
	if (err != E_OK)
		return err;
	archive = (const char *)out.at;
	archive_bytes = query.status.size * RM_PAGE;
	return E_OK;
}

err_t rt_archive_find(const char *name, struct rt_archive_file *file)
{
	struct cpio_entry entry;
	err_t err = cpio_find(archive, archive_bytes, name, &entry);
	if (err == E_OK)
		*file = (struct rt_archive_file){ .data = entry.data,
			                          .bytes = entry.size,
			                          .offset = (uint64_t)((const char *)entry.data -
			                                               archive) };
	return err;
}
