/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's memory, as a server touches it: memory that can be gone, changed or made slow at any
 * moment, also in the middle of an access. It is touched through guards alone, of three kinds:
 *
 *   copies    client_read() and so on, the default: into memory of the server's own and back
 *   in place  window_begin() ... window_end(), for large buffers: what goes meanwhile turns into
 *             zeros, and the end says so
 *   left      window_run(), for what may run long: the function is left where it stands
 *
 * How. A thread says in its guard (struct guard, in the page of its IPC buffer: proto/guard.h) what
 * it is about to touch. An access that works costs nothing; for one that does not, rm looks there
 * and makes the thread go on as it says. Without a guard, or outside its range, the access is the
 * server's own bug and ends it.
 *
 * Pointers. Client memory is `__client`: sparse and clang refuse to follow such a pointer (`make
 * check`), gcc takes it for any other. client_at() makes one out of an offset that the client
 * named, checked; the only way to a plain pointer is a window in place or one that is left.
 *
 * What is read is checked after it was read, in the server's own memory, and not read again: the
 * client can write at any time. No copy here reads a byte into the server twice.
 *
 * Nesting. A copy may be made inside a window of either kind: its own guard stands meanwhile, and
 * the window's comes back. A window inside a window is refused (E_BUSY): which of the two an error
 * means could not be told.
 *
 * Inside a window: no lock that other sessions need, no call, no wait, no memory but the arena's.
 *
 * Errors by which an access ends (why): GONE: the client took the page away, or its right to be
 * written to; or its pager did not bring it. After client_nowait() also AGAIN and NOMEM.
 *
 * Nothing here owns or allocates anything; any thread may call it that has an IPC buffer.
 */
#pragma once
#include <lib/err.h>
#include <lib/range.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __CHECKER__
#define __client __attribute__((noderef, address_space(__client)))
#elif defined(__clang__)
#define __client __attribute__((noderef, address_space(1)))
#else
#define __client
#endif

/* Memory of a client's, mapped at `at` for as long as the window's owner says. No ownership. */
struct client_window {
	char __client *at;
	uint64_t bytes;
};

/*
 * Whether this thread waits for a page that a pager of the client's is to bring: it does, at first,
 * and so lets all its clients wait for that pager. With on, such an access ends at once with AGAIN,
 * by its guard as if the page was gone, but nobody is cut off: copies say how far they came, a
 * function in a window is left, zeros stand in for a page in place. The pager is told; the event
 * client_page (rt/event.h) says when the page is there, or what became of it, and rt_retry()
 * (rt/server.h) has a request wait for that. NOMEM: as AGAIN, but the program's bank cannot pay for
 * being told. It holds for all accesses of the thread, until it is called again; it takes 3
 * instructions.
 */
void client_nowait(bool on);

/* Where the last access of this thread's was that ended early. */
uint64_t client_missed(void);

/* Bytes [offset, offset + bytes) of it, whatever numbers they are. NULL: they are not in it. */
static inline void __client *client_at(const struct client_window *window, uint64_t offset,
                                       uint64_t bytes)
{
	return range_ok(offset, bytes, window->bytes) ? window->at + offset : (char __client *)NULL;
}

/* -- copies ------------------------------------------------------------------------------------ */

/*
 * bytes from client memory, to it, or from one place of it to another. *done: how many were copied,
 * the first ones, exactly: all if E_OK; up to the first byte that could not be accessed if it ended
 * early; beyond them nothing was written. 0 bytes are E_OK and touch nothing.
 *
 * RANGE: [from, from + bytes) is no range of user addresses; nothing was touched. INVAL, of
 * client_copy(): the two overlap; nothing was touched. (Where two windows show the same page that
 * cannot be seen: then the destination holds bytes of the client's, in some mixture.) Else why.
 *
 * 4 KiB take less than 5 % more than by memcpy() (`make bench-protocols`).
 */
err_t client_read(void *to, const void __client *from, size_t bytes, size_t *done);
err_t client_write(void __client *to, const void *from, size_t bytes, size_t *done);
err_t client_copy(void __client *to, const void __client *from, size_t bytes, size_t *done);

/*
 * One word, in one access, at a multiple of its size. *value is written if E_OK. INVAL: it is not
 * at such an address; nothing was touched. RANGE: as above. Else why: nothing was read or written.
 */
err_t client_load32(const uint32_t __client *from, uint32_t *value);
err_t client_load64(const uint64_t __client *from, uint64_t *value);
err_t client_store32(uint32_t __client *to, uint32_t value);
err_t client_store64(uint64_t __client *to, uint64_t value);

/*
 * Puts desired where expected stands, atomically. *found, written if E_OK, is what stood there: it
 * was done if that is expected. Errors as above.
 */
err_t client_cas32(uint32_t __client *at, uint32_t expected, uint32_t desired, uint32_t *found);

/*
 * *length: how many bytes there are before the first 0, at most max; if it ended early, how many
 * were looked at. Only a hint: after copying, look again. RANGE: as above. Else why.
 */
err_t client_strnlen(const char __client *string, size_t max, size_t *length);

/*
 * Does nothing, and says that this request may read these bytes once more: nothing was decided by
 * what it read of them that the next reading could contradict. In tests/guard/guarded whoever reads
 * a byte twice in a request, by copies, words or windows, without having said so, is ended.
 */
void client_reread(const void __client *at, size_t bytes);

/* -- windows ----------------------------------------------------------------------------------- */

/*
 * From now until window_end(), this thread may touch [offset, offset + bytes) of the window at *at,
 * as it would its own memory. A page that goes meanwhile is replaced by zeros to read and a sink to
 * write: the code between must be right whatever the client writes there, and then it is right with
 * zeros. What bounds it comes from private copies.
 *
 * INVAL: bytes is 0. RANGE: that is not in the window. BUSY: this thread is in a window. Nothing
 * happened then, and window_end() is not due. Both together take fewer than 60 instructions.
 */
err_t window_begin(const struct client_window *window, uint64_t offset, uint64_t bytes, void **at);

/*
 * E_OK: all of it was the client's memory all the time. Else why the first page that was not went:
 * what was read is worthless, what was written may be lost. *at is no more to be used. After an
 * error it takes out the zeros, by a call to rm, for they would look like the client's memory to
 * whatever comes next.
 */
err_t window_end(void);

/*
 * fn(at, arg), which may touch [offset, offset + bytes) of the window at `at`: its result; or, if
 * an access fails, fn is left there, whatever it had called, and this returns why.
 *
 * A function rather than a second return of a call like setjmp(): so the guard cannot outlive the
 * frame that it leads back to, is taken down however fn ends, and no variable of the caller's is
 * undefined afterwards. What fn wrote before it was left, it wrote: it writes to its arg and to the
 * arena, and holds nothing (no lock, slot or memory) that has to be given back.
 *
 * Errors before fn is called: as of window_begin().
 */
err_t window_run(const struct client_window *window, uint64_t offset, uint64_t bytes,
                 err_t (*fn)(void *at, void *arg), void *arg);

/*
 * This thread is in no window any more, whichever it was in, and no zeros are left there: for
 * leaving a handler (rt_abort()).
 */
void window_drop(void);
