/* SPDX-License-Identifier: BSD-2-Clause */
/* insncount.c - QEMU TCG plugin: exact executed-instruction counts, split
 * user/kernel by address, snapshotted whenever the guest executes the marker
 *     nopl 0x504552NN(%rax)      (0f 1f 80 NN 52 45 50)
 * Works with or without -icount; idle (hlt) time is not counted.
 * Own minimal declarations of the QEMU plugin API v1 (7.2).
 */
#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <time.h>
#include <signal.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info_t qemu_info_t;
enum { CB_NO_REGS };
enum { INLINE_ADD_U64 };
typedef void (*udata_cb)(qemu_plugin_id_t, void *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
                                                  void (*)(qemu_plugin_id_t,
                                                           struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *,
                                                   void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *,
                                                       uint64_t);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *,
                                                     uint64_t);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, udata_cb, void *);
extern void qemu_plugin_outs(const char *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static struct {
	uint64_t user, kern, low, syscall, iret, cr3, io, hlt, invlpg, msr;
} c;
static FILE *out;

static void snap(int id)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	fprintf(out,
	        "%d user=%lu kern=%lu syscall=%lu iret=%lu cr3=%lu io=%lu hlt=%lu invlpg=%lu "
	        "wrmsr=%lu host_ns=%lu\n",
	        id, c.user, c.kern, c.syscall, c.iret, c.cr3, c.io, c.hlt, c.invlpg, c.msr,
	        ts.tv_sec * 1000000000UL + ts.tv_nsec);
	fflush(out);
}

/* host side: kill -USR2 <qemu pid> writes a snapshot with id 200 */
static void onusr2(int s)
{
	snap(200);
}
static void marker(unsigned cpu, void *u)
{
	snap((int)(intptr_t)u);
}

static void inc(struct qemu_plugin_insn *i, uint64_t *p)
{
	qemu_plugin_register_vcpu_insn_exec_inline(i, INLINE_ADD_U64, p, 1);
}

static void trans(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	for (size_t k = 0; k < n; k++) {
		struct qemu_plugin_insn *i = qemu_plugin_tb_get_insn(tb, k);
		uint64_t va = qemu_plugin_insn_vaddr(i);
		const uint8_t *b = qemu_plugin_insn_data(i);
		size_t sz = qemu_plugin_insn_size(i);
		bool kern = va >> 63;
		inc(i, kern ? &c.kern : &c.user);
		if (sz == 7 && b[0] == 0x0f && b[1] == 0x1f && b[2] == 0x80 && b[4] == 0x52 &&
		    b[5] == 0x45 && b[6] == 0x50)
			qemu_plugin_register_vcpu_insn_exec_cb(i, marker, CB_NO_REGS,
			                                       (void *)(intptr_t)b[3]);
		if (sz >= 2 && b[0] == 0x0f && b[1] == 0x05)
			inc(i, &c.syscall);
		if (kern) {
			if (b[0] == 0xcf || (sz == 2 && b[0] == 0x48 && b[1] == 0xcf))
				inc(i, &c.iret);
			if (sz == 3 && b[0] == 0x0f && b[1] == 0x22 && ((b[2] >> 3) & 7) == 3)
				inc(i, &c.cr3);
			if (sz == 3 && b[0] == 0x0f && b[1] == 0x01 && ((b[2] >> 3) & 7) == 7 &&
			    b[2] < 0xc0)
				inc(i, &c.invlpg);
			if (sz == 2 && b[0] == 0x0f && b[1] == 0x30)
				inc(i, &c.msr);
			if (sz == 1 && b[0] == 0xf4)
				inc(i, &c.hlt);
			if ((b[0] >= 0xec && b[0] <= 0xef) || (b[0] >= 0xe4 && b[0] <= 0xe7) ||
			    (b[0] == 0x66 && sz == 2 && b[1] >= 0xec && b[1] <= 0xef))
				inc(i, &c.io);
		}
	}
}

static void done(qemu_plugin_id_t id, void *u)
{
	snap(255);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const qemu_info_t *info, int argc,
                                                               char **argv)
{
	const char *f = "/dev/stderr";
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			f = argv[i] + 4;
	out = fopen(f, "w");
	if (!out)
		return -1;
	signal(SIGUSR2, onusr2);
	qemu_plugin_register_vcpu_tb_trans_cb(id, trans);
	qemu_plugin_register_atexit_cb(id, done, NULL);
	return 0;
}
