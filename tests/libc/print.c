/* SPDX-License-Identifier: BSD-2-Clause */
/* stdio: what is written and read, and the streams that there are. */
#include "check.h"
#include "host.h"
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

void test_print_integers(void)
{
	CHECK_PRINT("-2147483648 2147483647", "%d %d", INT_MIN, INT_MAX);
	CHECK_PRINT("-9223372036854775808", "%ld", LONG_MIN);
	CHECK_PRINT("18446744073709551615 0", "%llu %llu", ULLONG_MAX, 0ull);
	CHECK_PRINT("-1 255 -128 65535", "%hhd %hhu %hhd %hu", (signed char)-1, (unsigned char)255,
	            (signed char)-128, (unsigned short)65535);
	CHECK_PRINT("deadbeef DEADBEEF 0xdeadbeef 0", "%x %X %#x %#x", 0xdeadbeef, 0xdeadbeef,
	            0xdeadbeef, 0);
	CHECK_PRINT("777 0777 0", "%o %#o %#o", 0777, 0777, 0);
	CHECK_PRINT("[    42][42    ][000042][+42][ 42]", "[%6d][%-6d][%06d][%+d][% d]", 42, 42, 42,
	            42, 42);
	CHECK_PRINT("[   007][][    +7]", "[%6.3d][%.0d][%+6d]", 7, 0, 7);
	CHECK_PRINT("[    42][42    ][  0042]", "[%*d][%*d][%*.*d]", 6, 42, -6, 42, 6, 4, 42);
	CHECK_PRINT("12345678901 -3 9", "%" PRIu64 " %" PRId8 " %zu", UINT64_C(12345678901),
	            (int8_t)-3, (size_t)9);
	CHECK_PRINT("-5 -6 ffffffffffffffff", "%jd %td %" PRIx64, (intmax_t)-5, (ptrdiff_t)-6,
	            UINT64_MAX);
	CHECK_PRINT("2 1 2", "%2$d %1$d %2$d", 1, 2);
}

void test_print_texts(void)
{
	int count = 0, all = 0;
	CHECK_PRINT("a% b", "%c%% %s", 'a', "b");
	CHECK_PRINT("[   abc][abc   ][ab][]", "[%6s][%-6s][%.2s][%.0s]", "abc", "abc", "abc",
	            "abc");
	CHECK_PRINT("0x1234 0", "%p %p", (void *)0x1234, (void *)0);
	CHECK_PRINT("12345 x", "123%n45 %c%n", &count, 'x', &all);
	CHECK(count == 3 && all == 7);
	CHECK_PRINT("\xc3\xa9", "%s", "\xc3\xa9");
	CHECK_PRINT("wide A", "%ls %lc", L"wide", (wint_t)L'A');
	/* A precision is where the text may end without a 0. */
	CHECK_PRINT("xyz", "%.3s", (const char[]){ 'x', 'y', 'z' });
}

void test_print_floats(void)
{
	CHECK_PRINT("3.141593 -0.000000 1e+100", "%f %f %g", 3.14159265358979, -0.0, 1e100);
	CHECK_PRINT("0.1000000000000000055511151231257827021181583404541015625", "%.55f", 0.1);
	CHECK_PRINT("1.79769e+308 2.22507e-308 4.94066e-324", "%g %g %g", DBL_MAX, DBL_MIN, 5e-324);
	CHECK_PRINT("1.7976931348623157e+308", "%.17g", DBL_MAX);
	CHECK_PRINT("1.234568e+04 1.234568E-04 1e+00", "%e %E %.0e", 12345.678, 0.00012345678, 1.0);
	CHECK_PRINT("0.0001 1e-05 100000 1e+06 1.00000", "%g %g %g %g %#g", 1e-4, 1e-5, 1e5, 1e6,
	            1.0);
	/* Halves of what is printed go to the even one. */
	CHECK_PRINT("0 2 2 4 0.1 0.12 0.9", "%.0f %.0f %.0f %.0f %.1f %.2f %.1f", 0.5, 1.5, 2.5,
	            3.5, 0.125, 0.125, 0.95);
	CHECK_PRINT("[     inf][-inf][nan][INF]", "[%8f][%f][%f][%F]", INFINITY, -INFINITY,
	            fabs((double)NAN), INFINITY);
	CHECK_PRINT("[  1.50][1.50  ][001.50][+1.5]", "[%6.2f][%-6.2f][%06.2f][%+.1f]", 1.5, 1.5,
	            1.5, 1.5);
	CHECK_PRINT("0x1.8p+1 0x1p-1074 -0x1.921fb54442d18p+1", "%a %a %a", 3.0, 5e-324,
	            -3.14159265358979311600);
	CHECK_PRINT("18446744073709551616.0 1.18973e+4932", "%.1Lf %Lg", 18446744073709551616.0L,
	            LDBL_MAX);
	CHECK_PRINT("123456789012345680.0", "%.1f", 123456789012345678.0);
}

void test_print_buffers(void)
{
	char buffer[8];
	char *made = NULL, *memory = NULL;
	size_t memory_bytes = 0;
	memset(buffer, 'x', sizeof(buffer));
	CHECK(snprintf(buffer, 4, "%s", "abcdef") == 6 && memcmp(buffer, "abc\0xxxx", 8) == 0);
	CHECK(snprintf(buffer, 0, "%d", 12345) == 5 && buffer[0] == 'a');
	CHECK(snprintf(NULL, 0, "%10d", 1) == 10);
	CHECK(asprintf(&made, "%0100d", 5) == 100 && strlen(made) == 100 && made[99] == '5');
	free(made);
	FILE *stream = open_memstream(&memory, &memory_bytes);
	CHECK(stream);
	for (int i = 0; stream && i < 10000; i++)
		fprintf(stream, "%d,", i % 10);
	CHECK(stream && fclose(stream) == 0 && memory_bytes == 20000);
	CHECK(memory && memory[19998] == '9' && strlen(memory) == 20000);
	free(memory);
}

void test_print_streams(void)
{
	fflush(stdout);
	host_keep_log(true);
	printf("one ");
	bool is_buffered = strcmp(host_log(), "") == 0;
	fprintf(stderr, "two ");
	bool is_direct = strcmp(host_log(), "two ") == 0;
	puts("three");
	fputs("four", stdout);
	putchar('!');
	int flushed = fflush(stdout);
	host_keep_log(false);
	CHECK(is_buffered && is_direct && flushed == 0);
	CHECK(strcmp(host_log(), "two one three\nfour!") == 0);
	CHECK(getchar() == EOF && feof(stdin) && !ferror(stdin));
	clearerr(stdin);
	CHECK(fseek(stdout, 0, SEEK_SET) == -1);

	char text[] = "first\nsecond";
	char line[32];
	FILE *stream = fmemopen(text, sizeof(text) - 1, "r");
	CHECK(stream && fgets(line, sizeof(line), stream) && strcmp(line, "first\n") == 0);
	CHECK(stream && ungetc('S', stream) == 'S' && fgetc(stream) == 'S' && ftell(stream) == 6);
	CHECK(stream && fread(line, 1, sizeof(line), stream) == 6 && feof(stream));
	CHECK(stream && fclose(stream) == 0);
}

void test_scan(void)
{
	int i = 0, j = 0;
	unsigned int x = 0;
	double d = 0;
	char word[16] = "", set[16] = "", c = 0;
	long l = 0;
	CHECK(sscanf(" 42 -17 0xff 2.5e3", "%d%d%x%lf", &i, &j, &x, &d) == 4);
	CHECK(i == 42 && j == -17 && x == 255 && d == 2500.0);
	CHECK(sscanf("key = value;9999999999", "%15s = %15[a-z]%c%ld", word, set, &c, &l) == 4);
	CHECK(strcmp(word, "key") == 0 && strcmp(set, "value") == 0 && c == ';' && l == 9999999999);
	CHECK(sscanf("12ab", "%1d%d%n", &i, &j, (int *)&x) == 2 && i == 1 && j == 2 && x == 2);
	CHECK(sscanf("none", "%d", &i) == 0 && sscanf("", "%d", &i) == EOF);
}
