#include "test.h"
const struct test name_tests[]={{0}}, session_tests[]={{0}}, end_tests[]={{0}}, event_tests[]={{0}}, oom_tests[]={{0}}, wrong_tests[]={{0}}, stress_tests[]={{0}};
void test_seal(void){}
void fuzz(uint64_t calls, uint64_t seed){(void)calls;(void)seed;}
