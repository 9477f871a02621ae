/* SPDX-License-Identifier: BSD-2-Clause */
/* A native program with libc, started by rt_init: its exit status is 7 if all is well. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static unsigned int count;
static _Thread_local unsigned int mine;

static void *count_up(void *arg)
{
	for (unsigned int i = 0; i < 100; i++) {
		pthread_mutex_lock(&lock);
		count++;
		mine++;
		pthread_cond_signal(&cond);
		pthread_mutex_unlock(&lock);
		free(malloc(100 + i * 700));
	}
	return mine == 100 ? arg : NULL;
}

static int fail(int status, const char *what)
{
	printf("# rt_libc: %s\n", what);
	return status;
}

int main(int argc, char **argv)
{
	enum { THREADS = 4 };
	pthread_t thread[THREADS];
	int mark[THREADS];
	struct timespec before, after;
	const char *colour = getenv("COLOUR");
	if (argc != 2 || strcmp(argv[1], "seven") != 0 || !colour || strcmp(colour, "blue") != 0)
		return fail(1, "arguments");
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, count_up, &mark[i]) != 0)
			return fail(2, "pthread_create");
	pthread_mutex_lock(&lock);
	while (count < 250)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < THREADS; i++) {
		void *result = NULL;
		if (pthread_join(thread[i], &result) != 0 || result != &mark[i])
			return fail(3, "pthread_join");
	}
	if (count != THREADS * 100)
		return fail(4, "count");
	char *large = calloc(3, 1 << 20);
	if (!large || large[3 << 19])
		return fail(5, "calloc");
	free(large);
	nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	clock_gettime(CLOCK_MONOTONIC, &after);
	if (after.tv_sec == before.tv_sec && after.tv_nsec < before.tv_nsec + 1000000)
		return fail(6, "time");
	printf("# rt_libc: %s, %.2f\n", argv[1], 7.25);
	return 7;
}
