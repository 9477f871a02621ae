/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guarded access to client memory: see rt/client_memory.h. Here is what checks ranges; what stands
 * under an ABORT guard is client_copy.S, for it is left and landed in with all registers known.
 *
 * The guard is the thread's own, so nothing is locked. rm reads it only while the thread faults.
 * mode is written last when a guard begins and first when it ends. result is 0 whenever a guard
 * begins, for rm writes the first reason only: who reads one clears it.
 *
 * tests/guard/guarded takes the place of all this in a test build, and calls it: there windows can
 * be accessed inside guards only.
 */
#include <abi/abi.h>
#include <lib/assert.h>
#include <proto/guard.h>
#include <rt/client_memory.h>
#include <rt/sel4.h>
#include <rt/share.h>

/* client_copy.S knows them by number. */
_Static_assert(offsetof(struct guard, mode) == 0 && offsetof(struct guard, low) == 8 &&
                       offsetof(struct guard, high) == 16 && offsetof(struct guard, landing) == 24,
               "client_copy.S");
_Static_assert(offsetof(struct guard, stack) == 32 && offsetof(struct guard, result) == 40 &&
                       offsetof(struct guard, address) == 48 && offsetof(struct guard, flags) == 56,
               "client_copy.S");
_Static_assert(GUARD_OFFSET == 2048 && GUARD_NONE == 0 && GUARD_ABORT == 1, "client_copy.S");
_Static_assert(E_OK == 0, "client_copy.S");

/* client_copy.S. [low, high): the client memory. The rest is as in rt/client_memory.h. */
err_t rt_client_copy(void *to, const void *from, size_t bytes, size_t *done, uint64_t low,
                     uint64_t high);
err_t rt_client_load32(uint64_t from, uint32_t *value);
err_t rt_client_load64(uint64_t from, uint64_t *value);
err_t rt_client_store32(uint64_t to, uint32_t value);
err_t rt_client_store64(uint64_t to, uint64_t value);
err_t rt_client_cas32(uint64_t at, uint32_t expected, uint32_t desired, uint32_t *found);
err_t rt_client_strnlen(uint64_t string, size_t max, size_t *length, uint64_t high);
err_t rt_window_run(err_t (*fn)(void *at, void *arg), void *at, void *arg, uint64_t high);

static struct guard *guard_of(void)
{
	return (struct guard *)((char *)sel4_ipc_buffer() + GUARD_OFFSET);
}

void client_nowait(bool on)
{
	volatile struct guard *guard = guard_of();
	guard->flags = on ? GUARD_NOWAIT : 0;
}

uint64_t client_missed(void)
{
	const volatile struct guard *guard = guard_of();
	return guard->address;
}

/* The number of a client's address: what a sparse cast may lose, and nothing else. */
static inline uint64_t number(const void __client *at)
{
	return (uint64_t)at;
}

/* -- copies ------------------------------------------------------------------------------------ */

static inline bool is_user(uint64_t at, uint64_t bytes)
{
	return range_ok(at, bytes, ABI_USER_TOP);
}

err_t client_read(void *to, const void __client *from, size_t bytes, size_t *done)
{
	uint64_t at = number(from);
	if (!is_user(at, bytes)) {
		*done = 0;
		return E_RANGE;
	}
	return rt_client_copy(to, (const void *)at, bytes, done, at, at + bytes);
}

err_t client_write(void __client *to, const void *from, size_t bytes, size_t *done)
{
	uint64_t at = number(to);
	if (!is_user(at, bytes)) {
		*done = 0;
		return E_RANGE;
	}
	return rt_client_copy((void *)at, from, bytes, done, at, at + bytes);
}

/*
 * The guard spans both, and what lies between, which the copy does not touch. Where the higher one
 * is in user addresses, both are. Where they do not overlap, bytes is at most the higher address,
 * so that the sum wraps only if that is no user address either.
 */
static inline err_t copy_between(uint64_t to, uint64_t from, size_t bytes, size_t *done,
                                 uint64_t low, uint64_t above)
{
	enum { USER_BITS = 47 };
	uint64_t end = above + bytes;
	_Static_assert(ABI_USER_TOP == (1ull << USER_BITS) - 1);
	if (above - low < bytes || (above | end) >> USER_BITS != 0) {
		*done = 0;
		return is_user(above, bytes) ? E_INVAL : E_RANGE;
	}
	return rt_client_copy((void *)to, (const void *)from, bytes, done, low, end);
}

/* Two branches, or the compiler looks for the lower one twice. */
err_t client_copy(void __client *to, const void __client *from, size_t bytes, size_t *done)
{
	uint64_t a = number(to), b = number(from);
	return a < b ? copy_between(a, b, bytes, done, a, b)
	             : copy_between(a, b, bytes, done, b, a);
}

/* -- words ------------------------------------------------------------------------------------- */

static inline err_t word_check(uint64_t at, uint64_t bytes)
{
	if (!range_is_aligned(at, bytes))
		return E_INVAL;
	return is_user(at, bytes) ? E_OK : E_RANGE;
}

err_t client_load32(const uint32_t __client *from, uint32_t *value)
{
	err_t err = word_check(number(from), sizeof(*value));
	return err != E_OK ? err : rt_client_load32(number(from), value);
}

err_t client_load64(const uint64_t __client *from, uint64_t *value)
{
	err_t err = word_check(number(from), sizeof(*value));
	return err != E_OK ? err : rt_client_load64(number(from), value);
}

err_t client_store32(uint32_t __client *to, uint32_t value)
{
	err_t err = word_check(number(to), sizeof(value));
	return err != E_OK ? err : rt_client_store32(number(to), value);
}

err_t client_store64(uint64_t __client *to, uint64_t value)
{
	err_t err = word_check(number(to), sizeof(value));
	return err != E_OK ? err : rt_client_store64(number(to), value);
}

err_t client_cas32(uint32_t __client *at, uint32_t expected, uint32_t desired, uint32_t *found)
{
	err_t err = word_check(number(at), sizeof(expected));
	return err != E_OK ? err : rt_client_cas32(number(at), expected, desired, found);
}

err_t client_strnlen(const char __client *string, size_t max, size_t *length)
{
	uint64_t at = number(string);
	if (!is_user(at, max)) {
		*length = 0;
		return E_RANGE;
	}
	return rt_client_strnlen(at, max, length, at + max);
}

void client_reread(const void __client *at, size_t bytes)
{
	(void)at;
	(void)bytes;
}

/* -- windows ----------------------------------------------------------------------------------- */

/* Whether a window of that range can begin, and where. */
static inline err_t window_check(const struct guard *guard, const struct client_window *window,
                                 uint64_t offset, uint64_t bytes, uint64_t *at)
{
	*at = number(window->at) + offset;
	if (bytes == 0)
		return E_INVAL;
	if (!range_ok(offset, bytes, window->bytes) || !is_user(*at, bytes))
		return E_RANGE;
	return guard->mode == GUARD_NONE ? E_OK : E_BUSY;
}

err_t window_begin(const struct client_window *window, uint64_t offset, uint64_t bytes, void **at)
{
	volatile struct guard *guard = guard_of();
	uint64_t low;
	err_t err = window_check(guard_of(), window, offset, bytes, &low);
	if (err != E_OK)
		return err;
	guard->low = low;
	guard->high = low + bytes;
	guard->mode = GUARD_SUBSTITUTE;
	*at = (void *)low;
	return E_OK;
}

/* Zeros stand in the window, and would look like the client's memory to whoever is next. */
__attribute__((noinline, cold)) static err_t window_clean(void)
{
	volatile struct guard *guard = guard_of();
	err_t err = (err_t)guard->result;
	guard->result = E_OK;
	rt_window_clean(guard->low);
	return err;
}

err_t window_end(void)
{
	volatile struct guard *guard = guard_of();
	assert(guard->mode == GUARD_SUBSTITUTE);
	guard->mode = GUARD_NONE;
	return __builtin_expect(guard->result != E_OK, 0) ? window_clean() : E_OK;
}

err_t window_run(const struct client_window *window, uint64_t offset, uint64_t bytes,
                 err_t (*fn)(void *at, void *arg), void *arg)
{
	uint64_t low;
	err_t err = window_check(guard_of(), window, offset, bytes, &low);
	return err != E_OK ? err : rt_window_run(fn, (void *)low, arg, low + bytes);
}

void window_drop(void)
{
	volatile struct guard *guard = guard_of();
	bool is_in_place = guard->mode == GUARD_SUBSTITUTE;
	guard->mode = GUARD_NONE;
	if (is_in_place && guard->result != E_OK)
		(void)window_clean();
	guard->result = E_OK;
}
