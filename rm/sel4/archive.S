/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot archive, ARCHIVE, as whole pages of rm's image. */
	.section .archive, "a"
	.balign 4096
	.globl archive_start, archive_end
archive_start:
	.incbin ARCHIVE
	.balign 4096
archive_end:

	.section .note.GNU-stack, "", @progbits
