/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two 8259 interrupt controllers, which nobody uses: all masked, and what they may still send
 * by mistake moved away from the exceptions, to vectors that the kernel ignores.
 */
#include "arch.h"
#include "boot.h"

enum { PIC1 = 0x20, PIC2 = 0xa0 };
enum { ICW1_INIT = 0x11, ICW4_8086 = 0x01, CASCADE = 2, VECTOR_BASE = 0x20 };

void pic_init(void)
{
	outb(PIC1, ICW1_INIT);
	outb(PIC2, ICW1_INIT);
	outb(PIC1 + 1, VECTOR_BASE);
	outb(PIC2 + 1, VECTOR_BASE + 8);
	outb(PIC1 + 1, 1 << CASCADE);
	outb(PIC2 + 1, CASCADE);
	outb(PIC1 + 1, ICW4_8086);
	outb(PIC2 + 1, ICW4_8086);
	outb(PIC1 + 1, 0xff);
	outb(PIC2 + 1, 0xff);
}
