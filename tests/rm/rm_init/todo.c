#include "test.h"
const struct test oom_tests[]={{0}}, wrong_tests[]={{0}}, stress_tests[]={{0}};
void fuzz(uint64_t calls, uint64_t seed){(void)calls;(void)seed;}
