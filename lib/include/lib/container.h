/* SPDX-License-Identifier: BSD-2-Clause */
/* From a member that a structure of this room links to the caller's struct around it. */
#pragma once
#include <stddef.h>

/* pointer is not NULL and points to the given member of a struct of the given type. */
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
