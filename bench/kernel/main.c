/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the parts and prints the rows; see bench.h and README.md. */
#include "bench.h"

static const struct {
	const char *name;
	word_t sel4, bar;
} rows[ROW_COUNT] = {
#define ROW(id, name, sel4, bar) { name, sel4, bar },
#include "rows.def"
#undef ROW
};

int main(const struct abi_boot_info *info);

void sample_add(struct samples *s, word_t value)
{
	if (s->count < RUNS)
		s->value[s->count++] = value;
}

static word_t median(struct samples *s)
{
	word_t *v = s->value;
	for (word_t i = 1; i < s->count; i++) {
		word_t x = v[i], j = i;
		for (; j > 0 && v[j - 1] > x; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
	return v[s->count / 2];
}

void report_figure(enum row row, word_t figure)
{
	print("B|%s|instructions|%lu|", rows[row].name, figure);
	if (rows[row].bar)
		print("%lu\n", rows[row].bar);
	else
		print("-\n");
	if (rows[row].sel4)
		print("# seL4|%s|%lu\n", rows[row].name, rows[row].sel4);
}

void report(enum row row, struct samples *s)
{
	if (s->count == 0)
		panic("no figures for %s", rows[row].name);
	report_figure(row, median(s));
	s->count = 0;
}

word_t invoke_timed(cptr_t object, enum abi_invocation label, word_t caps, word_t words,
                    const word_t mr[ABI_MSG_REGS])
{
	struct call c = { SYS_CALL, object, abi_msginfo(label, 0, caps, words), { 0 }, 0, 0 };
	memcpy(c.mr, mr, sizeof c.mr);
	struct timed t = call_timed(&c);
	if (abi_msginfo_label(t.info) != ERR_NONE)
		panic("measured invocation %d: error %lu", label, abi_msginfo_label(t.info));
	return t.instructions;
}

static void run_part(void (*measure)(void))
{
	env_mark();
	measure();
	env_release();
	thread_reset();
	vspace_reset();
}

int main(const struct abi_boot_info *info)
{
	(void)info;
	report_figure(ROW_BOOT, root_entry_time);
	if (sel4_tcb_set_priority(INIT_TCB, INIT_TCB, MAIN_PRIORITY))
		panic("no priority");
	run_part(calls_measure);
	run_part(objects_measure);
	run_part(latency_measure);
	return 0;
}
