/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See device.h.
 *
 * The interrupt is edge-triggered, and the line is high as long as there is any cause. So after it
 * was acknowledged to the kernel, all causes are dealt with until the device says that there is
 * none: then the line is low, and the next cause is an edge again. An interrupt without a cause
 * does no harm.
 */
#include "device.h"
#include <lib/assert.h>
#include <rt/sel4_object.h>
#include <rt/sel4_x86.h>

enum {
	DATA = 0,
	INTERRUPT_ENABLE = 1,
	INTERRUPT_CAUSE = 2, /* when read */
	FIFO_CONTROL = 2,    /* when written */
	LINE_CONTROL = 3,
	MODEM_CONTROL = 4,
	LINE_STATUS = 5,

	ENABLE_DATA = 0x01,
	ENABLE_ROOM = 0x02,
	CAUSE_NONE = 0x01,
	FIFO_ON = 0x01, /* interrupt at the first byte */
	FIFO_BYTES = 16,
	LINE_8N1 = 0x03,
	MODEM_DTR_RTS_OUT2 = 0x0b, /* OUT2 lets the interrupt through */
	STATUS_DATA = 0x01,
	STATUS_TRANSMIT_EMPTY = 0x20,
	/* More is the work of a device that is broken. */
	ROUNDS_MAX = 256,
};

static enum abi_error write_register(const struct device *device, unsigned int reg, word_t value)
{
	return sel4_x86_io_port_out8(device->ports, (word_t)device->base + reg, value);
}

/* What cannot be read is 0: no data, no room. */
static word_t read_register(const struct device *device, unsigned int reg)
{
	word_t value = 0;
	if (sel4_x86_io_port_in8(device->ports, (word_t)device->base + reg, &value) != ERR_NONE)
		value = 0;
	return value;
}

enum abi_error device_start(struct device *device, cptr_t ports, uint16_t base, cptr_t interrupt)
{
	*device = (struct device){ .ports = ports, .interrupt = interrupt, .base = base };
	const struct {
		unsigned int reg;
		word_t value;
	} setting[] = {
		{ INTERRUPT_ENABLE, 0 },           { LINE_CONTROL, LINE_8N1 },
		{ FIFO_CONTROL, FIFO_ON },         { MODEM_CONTROL, MODEM_DTR_RTS_OUT2 },
		{ INTERRUPT_ENABLE, ENABLE_DATA },
	};
	enum abi_error err = ERR_NONE;
	for (unsigned int i = 0; i < sizeof(setting) / sizeof(setting[0]) && !err; i++)
		err = write_register(device, setting[i].reg, setting[i].value);
	if (!err)
		device_interrupt(device);
	return err;
}

static void receive(struct device *device)
{
	for (unsigned int i = 0; i < ROUNDS_MAX; i++) {
		if (!(read_register(device, LINE_STATUS) & STATUS_DATA))
			return;
		uint8_t byte = (uint8_t)read_register(device, DATA);
		if (device_in_count(device) < DEVICE_IN_BYTES)
			device->in[device->in_in++ % DEVICE_IN_BYTES] = byte;
	}
}

void device_send(struct device *device)
{
	while (device->out_in != device->out_out &&
	       read_register(device, LINE_STATUS) & STATUS_TRANSMIT_EMPTY)
		for (unsigned int i = 0; i < FIFO_BYTES && device->out_in != device->out_out; i++)
			(void)write_register(device, DATA,
			                     device->out[device->out_out++ % DEVICE_OUT_BYTES]);
	bool asks = device->out_in != device->out_out;
	if (asks != device->asks_room) {
		(void)write_register(device, INTERRUPT_ENABLE,
		                     asks ? ENABLE_DATA | ENABLE_ROOM : ENABLE_DATA);
		device->asks_room = asks;
	}
}

void device_interrupt(struct device *device)
{
	(void)sel4_irq_handler_ack(device->interrupt);
	for (unsigned int i = 0; i < ROUNDS_MAX; i++) {
		receive(device);
		device_send(device);
		if (read_register(device, INTERRUPT_CAUSE) & CAUSE_NONE)
			return;
	}
}

void device_put(struct device *device, uint8_t byte)
{
	assert(device_out_room(device) > 0);
	device->out[device->out_in++ % DEVICE_OUT_BYTES] = byte;
}

uint8_t device_get(struct device *device)
{
	assert(device_in_count(device) > 0);
	return device->in[device->in_out++ % DEVICE_IN_BYTES];
}
