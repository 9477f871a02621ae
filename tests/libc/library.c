/* SPDX-License-Identifier: BSD-2-Clause */
/* stdlib and math: numbers, sorting, memory, the environment. */
#include "check.h"
#include "host.h"
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <search.h>
#include <string.h>
#include <unistd.h>

static bool reads(const char *text, double value, const char *rest)
{
	char *end = NULL;
	double got = strtod(text, &end);
	return got == value && signbit(got) == signbit(value) && strcmp(end, rest) == 0;
}

void test_numbers_read(void)
{
	char *end = NULL;
	CHECK(reads(" 3.25abc", 3.25, "abc") && reads("-0", -0.0, "") && reads("x", 0, "x"));
	CHECK(reads("1e", 1, "e") && reads(".5e-1", 0.05, "") && reads("0x1.8p3", 12, ""));
	CHECK(reads("2.2250738585072011e-308", 0x0.fffffffffffffp-1022, ""));
	CHECK(reads("9007199254740993", 9007199254740992.0, ""));
	CHECK(reads("9007199254740993.0000000000000000000000000000001", 9007199254740994.0, ""));
	CHECK(reads("5e-324", 0x1p-1074, "") && reads("inf", INFINITY, "") &&
	      isnan(strtod("nan", 0)));
	errno = 0;
	CHECK(reads("1e999", HUGE_VAL, "") && errno == ERANGE);
	CHECK(strtof("16777217", NULL) == 16777216.0f && strtold("0.5", NULL) == 0.5L);
	CHECK(strtol("  -0x7f;", &end, 0) == -127 && *end == ';' && strtol("077", 0, 0) == 63);
	CHECK(strtoul("zz", NULL, 36) == 35 * 36 + 35 && strtol("12", &end, 2) == 1 && *end == '2');
	errno = 0;
	CHECK(strtol("9223372036854775808", NULL, 10) == LONG_MAX && errno == ERANGE);
	errno = 0;
	CHECK(strtoull("18446744073709551615", NULL, 10) == ULLONG_MAX && errno == 0);
	CHECK(atoi("-42x") == -42 && atof("2.5") == 2.5);
	CHECK(div(-7, 2).quot == -3 && div(-7, 2).rem == -1 && llabs(-5ll) == 5);
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static int compare_down(const void *a, const void *b, void *factor)
{
	return compare_ints(a, b) * *(int *)factor;
}

void test_sort_and_search(void)
{
	enum { N = 2000 };
	static int v[N];
	unsigned int seed = 1;
	long sum = 0, sum_after = 0;
	bool sorted = true;
	for (int i = 0; i < N; i++)
		sum += v[i] = rand_r(&seed) % 1000;
	qsort(v, N, sizeof(v[0]), compare_ints);
	for (int i = 0; i < N; i++) {
		sum_after += v[i];
		sorted = sorted && (i == 0 || v[i - 1] <= v[i]);
	}
	CHECK(sorted && sum == sum_after);
	int *found = bsearch(&v[700], v, N, sizeof(v[0]), compare_ints);
	CHECK(found && *found == v[700]);
	CHECK(!bsearch(&(int){ 1000 }, v, N, sizeof(v[0]), compare_ints));
	int few[] = { 3, 1, 2 };
	qsort_r(few, 3, sizeof(few[0]), compare_down, &(int){ -1 });
	CHECK(few[0] == 3 && few[1] == 2 && few[2] == 1);

	void *root = NULL;
	for (int i = 0; i < 100; i++)
		CHECK(tsearch(&v[i * 20], &root, compare_ints));
	CHECK(tfind(&v[400], &root, compare_ints) && !tfind(&(int){ -1 }, &root, compare_ints));
	while (root)
		tdelete(*(void **)root, &root, compare_ints);
}

void test_random_numbers(void)
{
	unsigned int many = 0;
	srand(5);
	int first = rand();
	srand(5);
	CHECK(rand() == first);
	for (int i = 0; i < 1000; i++)
		many += random() > RAND_MAX / 2;
	CHECK(many > 400 && many < 600);
	CHECK(drand48() < 1.0);
}

static bool near(double a, double b)
{
	return fabs(a - b) <= fabs(b) * 1e-15;
}

void test_mathematics(void)
{
	volatile double two = 2, zero = 0, third = 1.0 / 3;
	int exponent = 0;
	double whole = 0;
	CHECK(sqrt(two) == 0x1.6a09e667f3bcdp+0 && near(exp(1), 2.718281828459045));
	CHECK(near(log(two), 0.6931471805599453) && near(pow(two, 0.5), sqrt(two)));
	CHECK(near(sin(two), 0.9092974268256817) && near(cos(two), -0.4161468365471424));
	CHECK(near(tan(two), -2.185039863261519) && near(atan2(1, -1), 2.356194490192345));
	CHECK(near(asin(third), 0.3398369094541219) && near(sinh(two), 3.626860407847019));
	CHECK(near(cbrt(27 * two), 3.7797631496846193));
	CHECK(near(tgamma(5), 24) && near(erf(third), 0.3626481117660628) &&
	      near(log1p(1e-10), 1e-10 - 5e-21));
	CHECK(floor(-1.5) == -2 && ceil(-1.5) == -1 && trunc(-1.5) == -1 && round(2.5) == 3);
	CHECK(rint(2.5) == 2 && lrint(3.5) == 4 && nearbyint(-0.5) == 0 && fmod(7.5, 2) == 1.5);
	CHECK(fma(third, 3, -1) == -0x1p-54 && hypot(3, 4) == 5 && copysign(1, -0.0) == -1);
	CHECK(frexp(12, &exponent) == 0.75 && exponent == 4 && ldexp(0.75, 4) == 12);
	CHECK(modf(2.25, &whole) == 0.25 && whole == 2 && fmax(1, NAN) == 1);
	CHECK(isinf(1 / zero) && isnan(sqrt(-two)) && isnan(zero / zero) && nextafter(1, 2) > 1);
	CHECK(sqrtl(2.0L) * sqrtl(2.0L) - 2.0L < 1e-18L && powl(2.0L, 100) == 0x1p100L);
	CHECK(sqrtf(2) == 0x1.6a09e6p+0f && powf(2, 10) == 1024 && sinf(0) == 0);
}

void test_allocation(void)
{
	static const size_t alignments[] = { 16, 64, 4096, 65536 };
	free(NULL);
	char *p = calloc(1000, 7);
	CHECK(p && p[0] == 0 && memcmp(p, p + 1, 6999) == 0 && malloc_usable_size(p) >= 7000);
	strcpy(p, "kept");
	p = realloc(p, 300000); /* from a group of its size to a mapping, and back */
	CHECK(p && strcmp(p, "kept") == 0);
	p = realloc(p, 3000000);
	CHECK(p && strcmp(p, "kept") == 0);
	p = realloc(p, 10);
	CHECK(p && strcmp(p, "kept") == 0);
	free(p);
	for (int i = 0; i < 4; i++) {
		p = aligned_alloc(alignments[i], 3 * alignments[i]);
		CHECK(p && (uintptr_t)p % alignments[i] == 0);
		free(p);
	}
	CHECK(posix_memalign((void **)&p, 3, 8) == EINVAL);
	CHECK(posix_memalign((void **)&p, 256, 8) == 0 && (uintptr_t)p % 256 == 0);
	free(p);
}

/* Blocks of all sizes, each filled with its number, of which none may lose a byte. */
void test_allocation_random(void)
{
	enum { BLOCKS = 500, STEPS = 100000 };
	static struct {
		unsigned char *at;
		size_t bytes;
	} block[BLOCKS];
	unsigned int seed = 4711, broken = 0;
	for (int step = 0; step < STEPS + BLOCKS; step++) {
		int i = step < STEPS ? rand_r(&seed) % BLOCKS : step - STEPS;
		size_t n = block[i].bytes;
		for (size_t at = 0; at < n; at += 1 + n / 16)
			broken += block[i].at[at] != (i & 0xff);
		broken += n > 0 && block[i].at[n - 1] != (i & 0xff);
		size_t wanted = 1 + (size_t)rand_r(&seed) % (1u << rand_r(&seed) % 15);
		if (step % 1000 == 0)
			wanted += 200000;
		if (step >= STEPS || rand_r(&seed) % 3 == 0) {
			free(block[i].at);
			block[i].at = NULL;
			block[i].bytes = 0;
		} else {
			block[i].at = realloc(block[i].at, wanted);
			block[i].bytes = wanted;
			memset(block[i].at, i, wanted);
		}
	}
	CHECK(broken == 0);
	/* Nearly all went back, each mapping as a whole. */
	CHECK(host_bad_unmaps == 0 && host_maps < 50);
}

void test_allocation_fails(void)
{
	volatile size_t huge = SIZE_MAX / 2, half = SIZE_MAX / 2 + 2;
	errno = 0;
	char *p = malloc(huge);
	CHECK(!p && errno == ENOMEM);
	free(p);
	errno = 0;
	p = calloc(half, 2);
	CHECK(!p && errno == ENOMEM);
	free(p);
	p = calloc(10, 1);
	char *grown = realloc(p, (size_t)1 << 46);
	CHECK(!grown && p && p[9] == 0);
	free(grown ? grown : p);
	grown = reallocarray(NULL, half, 2);
	CHECK(!grown);
	free(grown);
}

static bool is_set(const char *name, const char *value)
{
	const char *is = getenv(name);
	return value ? is && strcmp(is, value) == 0 : !is;
}

void test_environment(void)
{
	CHECK(is_set("FREEHOLD_LIBC", "given") && is_set("FREEHOLD", NULL));
	CHECK(setenv("FREEHOLD", "1", 1) == 0 && is_set("FREEHOLD", "1"));
	CHECK(setenv("FREEHOLD", "2", 0) == 0 && is_set("FREEHOLD", "1"));
	CHECK(setenv("FREEHOLD", "3", 1) == 0 && is_set("FREEHOLD", "3"));
	CHECK(unsetenv("FREEHOLD") == 0 && is_set("FREEHOLD", NULL));
	CHECK(sysconf(_SC_PAGESIZE) == 4096 && getpagesize() == 4096);
	char *const argv[] = { "x", "-a", "-b", "value", "rest", NULL };
	int first = getopt(5, argv, "ab:"), second = getopt(5, argv, "ab:");
	CHECK(first == 'a' && second == 'b');
	CHECK(strcmp(optarg, "value") == 0 && getopt(5, argv, "ab:") == -1 && optind == 4);
}
