/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550 UART by its I/O ports and its interrupt (PC16550D data sheet, section 8).
 *
 * Bytes for it wait in a buffer and go out as its FIFO takes them, those that came wait in another
 * one until they are read; what comes while that is full is lost, as on any line. Nothing waits.
 */
#pragma once
#include <rt/sel4.h>
#include <stdbool.h>
#include <stdint.h>

enum { DEVICE_OUT_BYTES = 8192, DEVICE_IN_BYTES = 1024 };

struct device {
	cptr_t ports, interrupt;
	uint16_t base;  /* the first of its 8 ports */
	bool asks_room; /* the interrupt for an empty FIFO is on */
	/* Rings: counts of all bytes that went in and out. */
	uint32_t out_in, out_out, in_in, in_out;
	uint8_t out[DEVICE_OUT_BYTES], in[DEVICE_IN_BYTES];
};

/* The interrupt signals already. ERR_...: the ports or the interrupt cannot be used. */
enum abi_error device_start(struct device *device, cptr_t ports, uint16_t base, cptr_t interrupt);

/* The interrupt came. */
void device_interrupt(struct device *device);

/* Sends what waits, as far as the device takes it. */
void device_send(struct device *device);

static inline uint32_t device_out_room(const struct device *device)
{
	return DEVICE_OUT_BYTES - (device->out_in - device->out_out);
}

static inline uint32_t device_in_count(const struct device *device)
{
	return device->in_in - device->in_out;
}

/* There is room. */
void device_put(struct device *device, uint8_t byte);

/* There is something. */
uint8_t device_get(struct device *device);
