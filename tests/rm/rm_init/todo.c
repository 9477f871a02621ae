#include "test.h"

void fuzz(uint64_t calls, uint64_t seed){(void)calls;(void)seed;}
