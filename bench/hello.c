/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest C program: what exec and the dynamic linker cost. */
int main(void)
{
	return 0;
}
