/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root task: says what the kernel gave it, then answers commands on COM1 until `quit` or
 * Ctrl-D, and ends the machine through QEMU's debug-exit port. It asks the boot info for
 * everything, so that the same image runs on every kernel of this API.
 *
 * Capabilities go into the boot info's empty slots, one after the other, and stay there.
 */
#include "boot.h"
#include "console.h"
#include "line.h"
#include "pci.h"
#include <rt/root.h>
#include <rt/sel4_object.h>
#include <rt/sel4_x86.h>

enum {
	EXIT_PORT = 0xf4,
	EXIT_SUCCESS = 0x10,
	EXIT_FAILURE = 0x11,
};

static const struct abi_boot_info *boot_info;
static struct boot_summary summary;
static cptr_t exit_ports, pci_ports;
static word_t slots_used;
static word_t greeted_at; /* ticks */

/* The address of a slot that nothing has been put into. */
static struct sel4_slot slot_new(void)
{
	word_t index = boot_info->empty.start + slots_used++;
	return (struct sel4_slot){ INIT_CNODE, index, ABI_WORD_BITS };
}

_Noreturn static void machine_exit(word_t value)
{
	(void)sel4_x86_io_port_out8(exit_ports, EXIT_PORT, value);
	for (;;)
		(void)sel4_tcb_suspend(INIT_TCB);
}

static void check(enum abi_error err, const char *what)
{
	if (err == ERR_NONE)
		return;
	console_print("rm: %s: error %d\n", what, (int)err);
	machine_exit(EXIT_FAILURE);
}

static cptr_t ports_new(word_t first, word_t last)
{
	struct sel4_slot slot = slot_new();
	check(sel4_x86_io_port_control_issue(INIT_IO_PORT_CONTROL, first, last, slot), "I/O ports");
	return slot.index;
}

static cptr_t notification_new(void)
{
	struct sel4_slot slot = slot_new();
	struct sel4_slot node = { INIT_CNODE, 0, 0 };
	word_t untyped = boot_find_untyped(boot_info, OBJ_BITS_NOTIFICATION);
	check(sel4_untyped_retype(untyped, OBJ_NOTIFICATION, 0, node, slot.index, 1),
	      "notification");
	return slot.index;
}

static void console_start(void)
{
	struct sel4_slot irq = slot_new();
	cptr_t notification = notification_new();
	check(sel4_x86_irq_get_ioapic(INIT_IRQ_CONTROL, irq, 0, CONSOLE_IOAPIC_PIN, 0, 0,
	                              CONSOLE_IOAPIC_PIN),
	      "interrupt of COM1");
	check(sel4_irq_handler_set_notification(irq.index, notification), "interrupt of COM1");
	console_init_input(irq.index, notification);
}

static word_t read_ticks(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (word_t)high << 32 | low;
}

static void print_function(void *unused, const struct pci_function *f)
{
	(void)unused;
	console_print("%02x:%02x.%u  %04x:%04x  %s\n", f->bus, f->device, f->function, f->vendor_id,
	              f->device_id, pci_class_name(f->class, f->subclass));
}

static void print_devices(void)
{
	if (pci_enumerate(pci_ports, print_function, NULL) == 0)
		console_print("no PCI devices\n");
}

static void greet(void)
{
	console_print("\nFreehold: the root task runs.\n");
	console_print("%lu KiB of memory in %lu untypeds; %lu device untypeds; %lu slots free\n",
	              summary.ram_bytes / 1024, summary.ram_untypeds, summary.device_untypeds,
	              summary.slots_free);
	if (summary.tsc_mhz)
		console_print("TSC at %u MHz; ", summary.tsc_mhz);
	if (summary.acpi_revision >= 0)
		console_print("ACPI revision %d\n", summary.acpi_revision);
	else
		console_print("no ACPI\n");
	print_devices();
	console_print("Type help for the commands. Ctrl-D ends.\n");
	greeted_at = read_ticks();
}

static void command_memory(void)
{
	for (word_t i = 0; i < boot_untypeds(boot_info); i++) {
		const struct abi_untyped_desc *u = &boot_info->untyped_list[i];
		console_print("%016lx  2^%-2u bytes  %s\n", u->paddr, u->size_bits,
		              u->is_device ? "device" : "memory");
	}
}

static void print_region(const char *name, struct abi_slot_region region)
{
	console_print("%5lu to %5lu  %s\n", region.start, region.end, name);
}

static void command_slots(void)
{
	print_region("sched control", boot_info->sched_control);
	print_region("page tables of this image", boot_info->user_image_paging);
	print_region("pages of this image", boot_info->user_image_frames);
	print_region("extra boot info", boot_info->extra_bi_pages);
	print_region("untypeds", boot_info->untyped);
	print_region("empty at the start", boot_info->empty);
	console_print("%lu of %lu slots are free now\n", summary.slots_free - slots_used,
	              summary.slots);
}

static void command_time(void)
{
	console_print("the TSC stood at %lu after the greeting, and now at %lu\n", greeted_at,
	              read_ticks());
}

_Noreturn static void command_quit(void)
{
	console_print("Bye.\n");
	machine_exit(EXIT_SUCCESS);
}

static void command_help(void);

static const struct {
	const char *name;
	void (*run)(void);
	const char *help;
} commands[] = {
	{ "help", command_help, "this list" },
	{ "memory", command_memory, "every untyped: where, how big, what kind" },
	{ "devices", print_devices, "the PCI devices" },
	{ "slots", command_slots, "what the capability slots hold" },
	{ "time", command_time, "the time stamp counter, at the greeting and now" },
	{ "quit", command_quit, "end; so does Ctrl-D" },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void command_help(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		console_print("%-8s %s\n", commands[i].name, commands[i].help);
}

/* Whether the first word of text, spaces around it not counted, is all of it and is word. */
static bool text_is(const char *text, const char *word)
{
	while (*text == ' ')
		text++;
	while (*word && *text == *word) {
		text++;
		word++;
	}
	while (*text == ' ')
		text++;
	return *word == 0 && *text == 0;
}

static void run_line(const struct line *line)
{
	if (line->too_long) {
		console_print("too long: a line has at most %d characters\n", LINE_MAX);
		return;
	}
	if (text_is(line->text, ""))
		return;
	for (size_t i = 0; i < COMMANDS; i++) {
		if (text_is(line->text, commands[i].name)) {
			commands[i].run();
			return;
		}
	}
	console_print("no command \"%s\"; help lists them\n", line->text);
}

/* Reads a line into *line; false when the input is over. */
static bool read_line(struct line *line)
{
	size_t rubout = 0;
	for (;;) {
		uint8_t byte = console_read();
		switch (line_take(line, byte, &rubout)) {
		case LINE_NOTHING:
			break;
		case LINE_ECHO:
			console_print("%c", byte);
			break;
		case LINE_RUBOUT:
			while (rubout-- > 0)
				console_print("\b \b");
			break;
		case LINE_DONE:
			console_print("\n");
			return true;
		case LINE_END:
			console_print("\n");
			return false;
		}
	}
}

_Noreturn static void monitor(void)
{
	static struct line line;
	bool more = true;
	while (more) {
		console_print("> ");
		line_clear(&line);
		more = read_line(&line);
		run_line(&line);
	}
	command_quit();
}

_Noreturn void root_main(const struct abi_boot_info *info)
{
	boot_info = info;
	boot_summarize(info, &summary);
	console_init(ports_new(CONSOLE_PORT_FIRST, CONSOLE_PORT_LAST));
	exit_ports = ports_new(EXIT_PORT, EXIT_PORT);
	pci_ports = ports_new(PCI_PORT_FIRST, PCI_PORT_LAST);
	greet();
	console_start();
	monitor();
}
