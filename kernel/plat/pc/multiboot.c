/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader left, by the Multiboot specification 0.6.96 or Multiboot 2, in one form:
 * memory map, first module, and where it says so the ACPI root pointer, the framebuffer, the VBE
 * mode. All is copied into `loader`: the memory that it lay in is free afterwards.
 *
 * Nothing here is believed to be well-formed: every size is bounded, every address is checked
 * against the window. What is missing and needed is a panic.
 */
#include "arch.h"
#include "boot.h"

enum { MB1_MAGIC = 0x2badb002, MB2_MAGIC = 0x36d76289 };
enum { HIGH_MEMORY = 0x100000 };
enum { LIST_BYTES_MAX = 1 << 16 }; /* of a memory map or a list of tags */

/* ---- Multiboot 1 ---- */
enum {
	MB1_MEMORY = 1 << 0,
	MB1_MODULES = 1 << 3,
	MB1_MEMORY_MAP = 1 << 6,
	MB1_VBE = 1 << 11,
};

struct mb1_info {
	uint32_t flags, memory_lower, memory_upper, boot_device, command_line;
	uint32_t module_count, modules;
	uint32_t symbols[4];
	uint32_t map_length, map;
	uint32_t drives_length, drives, config_table, loader_name, apm_table;
	uint32_t vbe_info, vbe_mode_info;
	uint16_t vbe_mode, vbe_segment, vbe_offset, vbe_length;
};

struct mb1_module {
	uint32_t start, end, name, reserved;
};

struct mb1_memory {
	uint32_t size; /* of what follows */
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

/* ---- Multiboot 2 ---- */
enum {
	TAG_END = 0,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_VBE = 7,
	TAG_FRAMEBUFFER = 8,
	TAG_ACPI_1 = 14,
	TAG_ACPI_2 = 15,
};

struct mb2_tag {
	uint32_t type, size; /* this header included */
};

struct mb2_map {
	struct mb2_tag tag;
	uint32_t entry_size, entry_version;
};

struct mb2_memory {
	uint64_t base, length;
	uint32_t type, reserved;
};

struct mb2_module {
	struct mb2_tag tag;
	uint32_t start, end;
};

struct mb2_vbe {
	struct mb2_tag tag;
	uint16_t mode, segment, offset, length;
	uint8_t info[512], mode_info[256];
};

struct loader loader;

static void add_memory(uint64_t base, uint64_t length, uint32_t type)
{
	if (loader.memory_count == LOADER_MEMORY_MAX) {
		kprintf("boot loader: more than %u memory regions\n", LOADER_MEMORY_MAX);
		return;
	}
	loader.memory[loader.memory_count++] = (struct loader_memory){ base, length, type };
}

static void add_module(uint64_t start, uint64_t end)
{
	if (loader.module.end)
		return; /* only the first counts */
	if (start >= end || !window_ptr(start, end - start))
		panic("boot loader: module from 0x%lx to 0x%lx", start, end);
	loader.module = (struct region){ start, end };
}

static void copy_vbe(const void *info, const void *mode_info, unsigned mode, unsigned segment,
                     unsigned offset, unsigned length)
{
	struct loader_vbe *vbe = &loader.vbe;
	if (!info || !mode_info)
		return;
	memcpy(vbe->info, info, sizeof(vbe->info));
	memcpy(vbe->mode_info, mode_info, sizeof(vbe->mode_info));
	vbe->mode = mode;
	vbe->interface_segment = segment;
	vbe->interface_offset = offset;
	vbe->interface_length = length;
	loader.has_vbe = true;
}

static void mb1_read_map(paddr_t start, uint32_t length)
{
	uint32_t at = 0;
	if (length > LIST_BYTES_MAX)
		length = LIST_BYTES_MAX;
	while (length - at >= sizeof(struct mb1_memory)) {
		const void *from = window_ptr(start + at, sizeof(struct mb1_memory));
		struct mb1_memory entry;
		if (!from)
			return;
		memcpy(&entry, from, sizeof(entry));
		add_memory(entry.base, entry.length, entry.type);
		if (entry.size < sizeof(entry) - sizeof(entry.size) || entry.size >= length - at)
			return;
		at += entry.size + (uint32_t)sizeof(entry.size);
		if (at > length)
			return;
	}
}

static void mb1_read(paddr_t address)
{
	struct mb1_info info;
	struct mb1_module module;
	const void *from = window_ptr(address, sizeof(info));
	if (!from)
		panic("boot loader: information at 0x%lx", address);
	memcpy(&info, from, sizeof(info));
	if (info.flags & MB1_MEMORY_MAP)
		mb1_read_map(info.map, info.map_length);
	else if (info.flags & MB1_MEMORY)
		add_memory(HIGH_MEMORY, (uint64_t)info.memory_upper << 10, LOADER_RAM);
	if ((info.flags & MB1_MODULES) && info.module_count > 0) {
		from = window_ptr(info.modules, sizeof(module));
		if (!from)
			panic("boot loader: list of modules at 0x%x", info.modules);
		memcpy(&module, from, sizeof(module));
		add_module(module.start, module.end);
	}
	if (info.flags & MB1_VBE)
		copy_vbe(window_ptr(info.vbe_info, sizeof(loader.vbe.info)),
		         window_ptr(info.vbe_mode_info, sizeof(loader.vbe.mode_info)),
		         info.vbe_mode, info.vbe_segment, info.vbe_offset, info.vbe_length);
}

static void mb2_read_map(const uint8_t *tag, uint32_t size)
{
	struct mb2_map map;
	struct mb2_memory entry;
	if (size < sizeof(map))
		return;
	memcpy(&map, tag, sizeof(map));
	if (map.entry_size < sizeof(entry))
		return;
	for (uint32_t at = sizeof(map); at < size && size - at >= map.entry_size;
	     at += map.entry_size) {
		memcpy(&entry, tag + at, sizeof(entry));
		add_memory(entry.base, entry.length, entry.type);
	}
}

static void copy_rsdp(const uint8_t *rsdp, uint32_t size)
{
	if (size < RSDP_V1_SIZE)
		return;
	memset(loader.rsdp, 0, sizeof(loader.rsdp));
	memcpy(loader.rsdp, rsdp, size < RSDP_SIZE ? RSDP_V1_SIZE : RSDP_SIZE);
	loader.has_rsdp = true;
}

/* `size` bytes are there, the tag's header at least. */
static void mb2_read_tag(const uint8_t *bytes, uint32_t type, uint32_t size)
{
	const struct mb2_vbe *vbe = (const struct mb2_vbe *)bytes;
	struct mb2_module module;
	switch (type) {
	case TAG_MODULE:
		if (size < sizeof(module))
			return;
		memcpy(&module, bytes, sizeof(module));
		add_module(module.start, module.end);
		return;
	case TAG_MEMORY_MAP:
		mb2_read_map(bytes, size);
		return;
	case TAG_VBE:
		if (size >= sizeof(*vbe))
			copy_vbe(vbe->info, vbe->mode_info, vbe->mode, vbe->segment, vbe->offset,
			         vbe->length);
		return;
	case TAG_FRAMEBUFFER:
		if (size < sizeof(struct mb2_tag) + sizeof(loader.framebuffer))
			return;
		memcpy(&loader.framebuffer, bytes + sizeof(struct mb2_tag),
		       sizeof(loader.framebuffer));
		loader.has_framebuffer = loader.framebuffer.address != 0;
		return;
	case TAG_ACPI_1:
		if (!loader.has_rsdp)
			copy_rsdp(bytes + sizeof(struct mb2_tag), size - sizeof(struct mb2_tag));
		return;
	case TAG_ACPI_2:
		copy_rsdp(bytes + sizeof(struct mb2_tag), size - sizeof(struct mb2_tag));
		return;
	default:
		return;
	}
}

static void mb2_read(paddr_t address)
{
	struct mb2_tag tag;
	const uint8_t *info = window_ptr(address, sizeof(tag));
	uint32_t total;
	if (!info)
		panic("boot loader: information at 0x%lx", address);
	memcpy(&total, info, sizeof(total));
	if (total > LIST_BYTES_MAX)
		total = LIST_BYTES_MAX;
	info = window_ptr(address, total);
	if (!info)
		panic("boot loader: information at 0x%lx", address);
	for (uint32_t at = sizeof(tag); at < total && total - at >= sizeof(tag);) {
		memcpy(&tag, info + at, sizeof(tag));
		if (tag.type == TAG_END || tag.size < sizeof(tag) || tag.size > total - at)
			return;
		mb2_read_tag(info + at, tag.type, tag.size);
		at += (uint32_t)ALIGN_UP((uint64_t)tag.size, 3);
	}
}

void multiboot_read(uint32_t magic, paddr_t info)
{
	switch (magic) {
	case MB1_MAGIC:
		mb1_read(info);
		break;
	case MB2_MAGIC:
		mb2_read(info);
		break;
	default:
		panic("boot loader: neither Multiboot nor Multiboot 2 (0x%x)", magic);
	}
	if (loader.memory_count == 0)
		panic("boot loader: no memory map");
	if (loader.module.end == 0)
		panic("boot loader: no module; the first one is to be the root task's image");
}
