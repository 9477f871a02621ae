/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads, and the block that FS points at. */
#include "check.h"
#include "host.h"
#include <errno.h>
#include <pthread.h>
#include <rt/sel4.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static _Thread_local int initialised = 99;
static _Thread_local _Alignas(64) char aligned[64];
static _Thread_local char zero[5000];

static bool storage_is_new(void)
{
	bool is_new = initialised == 99 && (uintptr_t)aligned % 64 == 0;
	for (size_t i = 0; i < sizeof(zero); i++)
		is_new = is_new && zero[i] == 0;
	return is_new;
}

/* The word at %fs:32 is ours before libc, during it and after. */
void test_thread_block(void)
{
	CHECK((char *)sel4_ipc_buffer() == host_buffer);
	CHECK(storage_is_new());
	initialised = 1;
	memset(zero, 1, sizeof(zero));
}

void test_mutexes(void)
{
	pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER, special;
	pthread_mutexattr_t kind;
	struct timespec past = { 0, 0 };
	CHECK(pthread_mutex_lock(&plain) == 0 && pthread_mutex_trylock(&plain) == EBUSY);
	CHECK(pthread_mutex_timedlock(&plain, &past) == ETIMEDOUT);
	CHECK(pthread_mutex_unlock(&plain) == 0 && pthread_mutex_trylock(&plain) == 0);
	CHECK(pthread_mutex_unlock(&plain) == 0);
	pthread_mutexattr_init(&kind);
	pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&special, &kind);
	CHECK(pthread_mutex_lock(&special) == 0);
	CHECK(pthread_mutex_lock(&special) == 0);
	CHECK(pthread_mutex_unlock(&special) == 0);
	CHECK(pthread_mutex_unlock(&special) == 0);
	CHECK(pthread_mutex_unlock(&special) == EPERM);
	pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&special, &kind);
	CHECK(pthread_mutex_lock(&special) == 0);
	CHECK(pthread_mutex_lock(&special) == EDEADLK);
	CHECK(pthread_mutex_unlock(&special) == 0);
	CHECK(pthread_mutex_unlock(&special) == EPERM);
	pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
	CHECK(pthread_rwlock_rdlock(&shared) == 0 && pthread_rwlock_tryrdlock(&shared) == 0);
	CHECK(pthread_rwlock_trywrlock(&shared) == EBUSY && pthread_rwlock_unlock(&shared) == 0);
	CHECK(pthread_rwlock_unlock(&shared) == 0 && pthread_rwlock_wrlock(&shared) == 0);
	CHECK(pthread_rwlock_unlock(&shared) == 0);
}

static int once_calls;
static void once(void)
{
	once_calls++;
}

static atomic_int destroyed;
static void destroy(void *value)
{
	destroyed += (int)(intptr_t)value;
}

static pthread_key_t key;

static void *use_storage(void *arg)
{
	bool is_good = storage_is_new() && (void *)sel4_ipc_buffer() == (void *)pthread_self();
	initialised = 5;
	is_good = is_good && pthread_setspecific(key, arg) == 0 && errno == 0;
	errno = 5;
	return (void *)(intptr_t)is_good;
}

void test_thread_storage(void)
{
	static pthread_once_t control = PTHREAD_ONCE_INIT;
	pthread_t thread;
	void *result = NULL;
	CHECK(pthread_once(&control, once) == 0 && pthread_once(&control, once) == 0);
	CHECK(once_calls == 1 && pthread_key_create(&key, destroy) == 0);
	errno = 77;
	for (int i = 0; i < 3; i++) {
		CHECK(pthread_create(&thread, NULL, use_storage, (void *)10) == 0);
		CHECK(pthread_join(thread, &result) == 0 && result == (void *)1);
	}
	CHECK(destroyed == 30 && errno == 77 && initialised == 1 && !pthread_getspecific(key));
	CHECK(pthread_key_delete(key) == 0);
	CHECK((char *)sel4_ipc_buffer() == host_buffer);
}

enum { THREADS = 8, ROUNDS = 20000 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
		if (i % 100 == 0)
			free(malloc((size_t)i + 1));
	}
	return arg;
}

static int count_c11(void *arg)
{
	return *(int *)arg + 1;
}

void test_threads(void)
{
	pthread_t thread[THREADS];
	thrd_t c11;
	int result = 0;
	unsigned int maps = host_maps;
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, count, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	CHECK(counter == (long)THREADS * ROUNDS);
	CHECK(thrd_create(&c11, count_c11, &(int){ 4 }) == thrd_success);
	CHECK(thrd_join(c11, &result) == thrd_success && result == 5);
	/* Stacks go back whole; malloc may keep some. */
	CHECK(host_bad_unmaps == 0 && host_maps < maps + 8);
}

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static sem_t tokens;
static int turn, turns;

static void *take_turns(void *arg)
{
	int mine = (int)(intptr_t)arg;
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != mine)
			pthread_cond_wait(&changed, &mutex);
		turn = (turn + 1) % 3;
		turns++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
	}
	sem_post(&tokens);
	return NULL;
}

void test_conditions(void)
{
	pthread_t thread[3];
	struct timespec soon;
	CHECK(sem_init(&tokens, 0, 0) == 0 && sem_trywait(&tokens) == -1 && errno == EAGAIN);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&thread[i], NULL, take_turns, (void *)(intptr_t)i) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(sem_wait(&tokens) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	CHECK(turns == 600);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec = (soon.tv_nsec + 1000000) % 1000000000;
	soon.tv_sec += soon.tv_nsec < 1000000;
	pthread_mutex_lock(&mutex);
	CHECK(pthread_cond_timedwait(&changed, &mutex, &soon) == ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
}

static void *run_alone(void *arg)
{
	sem_post(arg);
	return NULL;
}

/* Their stacks go back by themselves, after they have ended. */
void test_detached_threads(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	unsigned int maps = host_maps;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 20; i++)
		CHECK(pthread_create(&thread, &attr, run_alone, &tokens) == 0);
	for (int i = 0; i < 20; i++)
		CHECK(sem_wait(&tokens) == 0);
	for (int i = 0; i < 2000 && *(volatile unsigned int *)&host_maps > maps; i++)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	CHECK(host_maps == maps && host_bad_unmaps == 0);
}
