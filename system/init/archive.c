/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot archive, mapped as a whole and for good. */
#include "init.h"
#include <lib/cpio.h>
#include <proto/rm_client.h>

static const char *archive;
static uint64_t archive_bytes;

err_t archive_open(void)
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

err_t archive_find(const char *name, const void **data, uint64_t *bytes)
{
	struct cpio_entry entry;
	err_t err = cpio_find(archive, archive_bytes, name, &entry);
	if (err == E_OK) {
		*data = entry.data;
		*bytes = entry.size;
	}
	return err;
}

uint64_t archive_offset(const void *data)
{
	return (uint64_t)((const char *)data - archive);
}
