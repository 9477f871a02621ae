/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts init out of the boot archive in rm's own image. */
#pragma once
#include "setup.h"

/* Fails with a message. */
void init_start(struct rm *rm, struct setup *s);
