/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a cpio archive: what is returned lies inside. Canary: a second entry with data. */
#include "fuzz.h"
#include <lib/cpio.h>
#include <string.h>

void assert_failed(const char *file, int line, const char *what)
{
	(void)file, (void)line, (void)what;
	__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpio cpio;
	struct cpio_entry e;
	int seen = 0;
	err_t err;
	cpio_open(&cpio, data, size);
	while ((err = cpio_next(&cpio, &e)) == E_OK) {
		size_t name = (size_t)((const uint8_t *)e.name - data);
		size_t content = (size_t)((const uint8_t *)e.data - data);
		CHECK(name < size && strlen(e.name) > 0 && strlen(e.name) < size - name);
		CHECK(content <= size && e.size <= size - content);
		REACHED(++seen == 2 && e.size > 0);
	}
	CHECK(cpio_next(&cpio, &e) == err);
	return 0;
}
