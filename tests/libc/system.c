/* SPDX-License-Identifier: BSD-2-Clause */
/* What needs the surroundings: time, errors, files that are not there, the end of the program. */
#include "check.h"
#include "host.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void test_calendar(void)
{
	/* 2000-02-29 is a Tuesday; 951782400 its beginning. */
	time_t leap = 951782400 + 3661;
	struct tm tm;
	char text[64];
	CHECK(gmtime_r(&leap, &tm) == &tm && tm.tm_year == 100 && tm.tm_mon == 1);
	CHECK(tm.tm_mday == 29 && tm.tm_hour == 1 && tm.tm_min == 1 && tm.tm_sec == 1);
	CHECK(tm.tm_wday == 2 && tm.tm_yday == 59 && timegm(&tm) == leap);
	CHECK(strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %a %B %j %%", &tm) == 38);
	CHECK(strcmp(text, "2000-02-29 01:01:01 Tue February 060 %") == 0);
	CHECK(strcmp(asctime(&tm), "Tue Feb 29 01:01:01 2000\n") == 0);
	CHECK(strftime(text, 4, "%Y", &tm) == 0);
	struct tm early = *gmtime(&(time_t){ -1 });
	CHECK(early.tm_year == 69 && early.tm_mon == 11 && early.tm_mday == 31 &&
	      early.tm_sec == 59);
	struct tm read = { 0 };
	const char *end = strptime("1999-12-31T23:59:59Z", "%Y-%m-%dT%H:%M:%S", &read);
	CHECK(end && *end == 'Z' && timegm(&read) == 946684799);
	CHECK(mktime(&(struct tm){ .tm_year = 70, .tm_mday = 32 }) == 31 * 86400);
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	struct tm *summer = localtime(&(time_t){ 962409600 }); /* 2000-07-01 */
	CHECK(summer->tm_hour == 2 && summer->tm_isdst == 1);
	unsetenv("TZ");
	tzset();
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t = { 0 };
	CHECK(clock_gettime(clock, &t) == 0);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void test_clocks(void)
{
	struct timespec t;
	int64_t before = now_ns(CLOCK_MONOTONIC);
	CHECK(nanosleep(&(struct timespec){ 0, 2000000 }, NULL) == 0);
	int64_t slept = now_ns(CLOCK_MONOTONIC) - before;
	CHECK(slept >= 2000000);
	int64_t until = now_ns(CLOCK_MONOTONIC) + 2000000;
	t = (struct timespec){ until / 1000000000, until % 1000000000 };
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0);
	CHECK(now_ns(CLOCK_MONOTONIC) >= until);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){ 0, 1 }, NULL) ==
	      0);
	errno = 0;
	CHECK(nanosleep(&(struct timespec){ 0, 1000000000 }, NULL) == -1 && errno == EINVAL);
	CHECK(clock_getres(CLOCK_REALTIME, &t) == 0 && t.tv_sec == 0 && t.tv_nsec == 1);
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == -1 && errno == EINVAL);
	CHECK(time(NULL) == (time_t)(now_ns(CLOCK_REALTIME) / 1000000000));
	CHECK(usleep(1) == 0);
}

static jmp_buf back;

/* Out of the middle of libc. */
static int jump(const void *a, const void *b)
{
	longjmp(back, a != b ? 42 : 43);
}

void test_jumps(void)
{
	volatile int passes = 0;
	int value = setjmp(back);
	passes++;
	if (value == 0)
		qsort((int[]){ 3, 2, 1 }, 3, sizeof(int), jump);
	CHECK(value == 42 && passes == 2);
	sigjmp_buf signal_back;
	passes = 0;
	value = sigsetjmp(signal_back, 1);
	if (++passes == 1)
		siglongjmp(signal_back, 0);
	CHECK(value == 1 && passes == 2);
}

void test_error_numbers(void)
{
	errno = 0;
	CHECK(close(-1) == 0 && errno == 0);
	CHECK(write(5, "x", 1) == -1 && errno == EBADF);
	CHECK(strcmp(strerror(ENOENT), "No such file or directory") == 0);
	CHECK(strcmp(strerror(ENOSYS), "Function not implemented") == 0);
	CHECK(strcmp(strerror(99999), "No error information") == 0);
	fflush(stdout);
	host_keep_log(true);
	errno = ENOMEM;
	perror("allocating");
	host_keep_log(false);
	CHECK(strcmp(host_log(), "allocating: Out of memory\n") == 0);
}

void test_files(void)
{
	struct stat st;
	char byte;
	errno = 0;
	CHECK(!fopen("/etc/passwd", "r") && errno == ENOENT);
	CHECK(open("/etc/passwd", O_RDONLY) == -1 && stat("/", &st) == -1 && errno == ENOENT);
	CHECK(access("/", R_OK) == -1 && errno == ENOENT);
	CHECK(read(0, &byte, 1) == 0 && read(1, &byte, 1) == -1 && errno == EBADF);
	CHECK(lseek(1, 0, SEEK_CUR) == -1 && errno == ESPIPE);
	CHECK(isatty(1) == 0 && errno == ENOTTY && getpid() == 1);
	CHECK(signal(SIGINT, SIG_IGN) == SIG_DFL);
}

/* Told once each. */
void test_unknown_calls(void)
{
	fflush(stdout);
	host_keep_log(true);
	int first = mkdir("/tmp/x", 0777), err = errno;
	int second = mkdir("/tmp/x", 0777), third = chdir("/");
	host_keep_log(false);
	CHECK(first == -1 && err == ENOSYS && second == -1 && third == -1);
	CHECK(strcmp(host_log(), "libc: no system call 83\nlibc: no system call 80\n") == 0);
}

void test_memory_calls(void)
{
	unsigned int maps = host_maps;
	const int rights = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
	char *p = mmap(NULL, 10000, rights, anonymous, -1, 0);
	CHECK(p != MAP_FAILED && (uintptr_t)p % 4096 == 0 && host_maps == maps + 1);
	CHECK(p[0] == 0 && p[12287] == 0);
	CHECK(mprotect(p, 4096, PROT_READ) == 0 && madvise(p, 4096, MADV_FREE) == 0);
	CHECK(mremap(p, 10000, 20000, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
	CHECK(munmap(p, 10000) == 0 && host_maps == maps);
	CHECK(mmap(NULL, 0, rights, anonymous, -1, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(p, 4096, rights, anonymous | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 4096, rights, MAP_PRIVATE, 0, 0) == MAP_FAILED && errno == ENODEV);
	CHECK(mmap(NULL, 4096, PROT_EXEC, anonymous, -1, 0) == MAP_FAILED && errno == EACCES);
	CHECK(mmap(NULL, (size_t)1 << 60, rights, anonymous, -1, 0) == MAP_FAILED &&
	      errno == ENOMEM);
}

static int exit_status;
static _Noreturn void no_exit(int status)
{
	exit_status = status;
	longjmp(back, 1);
}

void test_abort_ends(void)
{
	host_on_exit = no_exit;
	if (setjmp(back) == 0)
		abort();
	CHECK(exit_status == 128 + SIGABRT);
	if (setjmp(back) == 0)
		_Exit(3);
	CHECK(exit_status == 3);
	host_on_exit = NULL;
}
