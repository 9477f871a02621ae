#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# linux.sh [tcg|icount] [KEY=VALUE...]: runs lbench as init of Debian's cloud Linux kernel in QEMU and prints its table.
# The static binary it leaves in build-linux/ (init) is the one to run on Freehold too: same program, same emulator.
# icount: one guest instruction is one tick, deterministic. Needs: qemu-system-x86 gcc libc6-dev cpio apt-get.
set -eu
here=$(cd "$(dirname "$0")" && pwd); out=${BENCH_OUT:-$PWD/build-linux}; how=${1:-icount}; shift || true
mkdir -p "$out/root/lib/x86_64-linux-gnu" "$out/root/lib64"; cd "$out"
if [ ! -e vmlinuz ]; then
  pkg=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/{print $2; exit}')
  apt-get download "$pkg" >/dev/null 2>&1; dpkg -x linux-image-*.deb deb; cp deb/boot/vmlinuz-* vmlinuz
fi
gcc -O2 -static -pthread -o root/init "$here/lbench.c"; strip root/init
gcc -nostdlib -static -Wl,-z,norelro,-z,noseparate-code,--build-id=none -s -o root/tiny "$here/tiny.S"
gcc -O2 -static -s -o root/hello_s "$here/hello.c"; gcc -O2 -s -o root/hello_d "$here/hello.c"
cp /lib64/ld-linux-x86-64.so.2 root/lib64/; cp /lib/x86_64-linux-gnu/libc.so.6 root/lib/x86_64-linux-gnu/
(cd root && find . -mindepth 1 | sed 's,^\./,,' | cpio -o -H newc --quiet -R 0:0 >../micro.cpio)
case $how in
icount) acc="-accel tcg -icount shift=0,sleep=off -rtc base=2024-01-01T00:00:00,clock=vm" ;;
*) acc="-accel tcg" ;;
esac
exec timeout "${TMO:-580}" qemu-system-x86_64 -M pc -cpu qemu64,+pdpe1gb,+ssse3,+aes,+pclmulqdq,+rdrand -m 1G -smp 1 $acc -seed 1 -nographic -no-reboot -nodefaults \
  -serial stdio -vga none -net none -kernel vmlinuz -initrd micro.cpio \
  -append "console=ttyS0 nokaslr norandmaps transparent_hugepage=madvise quiet panic=-1 mitigations=off bench=micro $*" </dev/null
