/* SPDX-License-Identifier: BSD-2-Clause */
/* lbench.c - OS microbenchmark, static, runs as init (pid 1) or as a plain program.
 *   bench=micro|calib|boot|swap|disk|net|sh  (environment, or argv[1]); only=substr
 *   rep=N repeats (default 7).  Every figure is rdtsc ticks per operation,
 *   median and minimum over the repeats.  Under qemu -icount shift=0 one tick is
 *   one guest instruction.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>

#define NOINL __attribute__((noinline))
static inline uint64_t tsc(void)
{
	uint32_t a, d;
	__asm__ volatile("lfence; rdtsc" : "=a"(a), "=d"(d)::"memory");
	return (uint64_t)d << 32 | a;
}
#define MARK(id) __asm__ volatile(".byte 0x0f,0x1f,0x80," #id ",0x52,0x45,0x50" ::: "memory")

static long sc(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long r;
	__asm__ volatile("syscall"
	                 : "=a"(r)
	                 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return r;
}
#define SC0(n) sc(n, 0, 0, 0, 0, 0, 0)

static void die(const char *s)
{
	printf("DIE %s: %s\n", s, strerror(errno));
	fflush(stdout);
	if (getpid() == 1) {
		sync();
		reboot(RB_POWER_OFF);
		reboot(RB_AUTOBOOT);
	}
	_exit(1);
}
#define CK(x)                                                                                      \
	({                                                                                         \
		long _r = (long)(x);                                                               \
		if (_r == -1)                                                                      \
			die(#x);                                                                   \
		_r;                                                                                \
	})

static double ns_per_tick = 1;
static int repeats = 7, divn = 1;
static char T[64] = "/tmp"; /* scratch directory */
static char tiny[64] = "/tiny", hello_s[64] = "/hello_s", hello_d[64] = "/hello_d";
extern char **environ;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* ---------------------------------------------------------------- state -- */
static int fd0 = -1, fd1 = -1, pa[2], pb[2], ep = -1;
static pid_t kid;
static char buf[1 << 20] __attribute__((aligned(4096)));
static char *area;
static size_t area_sz;

static void killkid(void)
{
	if (kid > 0) {
		kill(kid, SIGKILL);
		waitpid(kid, 0, 0);
		kid = 0;
	}
}
static void closefds(void)
{
	if (fd0 >= 0)
		close(fd0);
	if (fd1 >= 0)
		close(fd1);
	if (ep >= 0)
		close(ep);
	fd0 = fd1 = ep = -1;
}
static void unarea(void)
{
	if (area)
		munmap(area, area_sz);
	area = 0;
}
static void getarea(size_t n, int prot, int flags)
{
	area_sz = n;
	area = mmap(0, n, prot, flags | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		die("mmap");
	madvise(area, n, MADV_NOHUGEPAGE);
}

/* ------------------------------------------------------------ benchmarks -- */
static void b_loop(long n)
{
	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(n)::"cc");
}
static void b_rdtsc(long n)
{
	while (n--)
		tsc();
}
static void b_getppid(long n)
{
	while (n--)
		SC0(SYS_getppid);
}
static void b_cgt_vdso(long n)
{
	struct timespec t;
	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &t);
}
static void b_cgt_sys(long n)
{
	struct timespec t;
	while (n--)
		sc(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&t, 0, 0, 0, 0);
}
static void b_yield(long n)
{
	while (n--)
		SC0(SYS_sched_yield);
}

static void s_zero(void)
{
	fd0 = CK(open("/dev/zero", O_RDONLY));
	fd1 = CK(open("/dev/null", O_WRONLY));
}
static void b_rdzero(long n)
{
	while (n--)
		sc(SYS_read, fd0, (long)buf, 1, 0, 0, 0);
}
static void b_wrnull(long n)
{
	while (n--)
		sc(SYS_write, fd1, (long)buf, 1, 0, 0, 0);
}

static char fname[128];
static void s_file(void)
{
	snprintf(fname, sizeof fname, "%s/f", T);
	fd0 = CK(open(fname, O_RDWR | O_CREAT | O_TRUNC, 0644));
	memset(buf, 'x', sizeof buf);
	if (write(fd0, buf, sizeof buf) != sizeof buf)
		die("write f");
}
static void t_file(void)
{
	closefds();
	unlink(fname);
}
static void b_pread(long n, size_t sz)
{
	while (n--)
		if (sc(SYS_pread64, fd0, (long)buf, sz, 0, 0, 0) != (long)sz)
			die("pread");
}
static void b_pread1(long n)
{
	b_pread(n, 1);
}
static void b_pread4k(long n)
{
	b_pread(n, 4096);
}
static void b_pread64k(long n)
{
	b_pread(n, 65536);
}
static void b_pwrite4k(long n)
{
	while (n--)
		if (sc(SYS_pwrite64, fd0, (long)buf, 4096, 0, 0, 0) != 4096)
			die("pwrite");
}
static void b_memcpy4k(long n)
{
	while (n--) {
		void *d = buf, *s = buf + 8192;
		long c = 512;
		__asm__ volatile(
		        "1: mov (%1),%%rax; mov %%rax,(%0); add $8,%0; add $8,%1; dec %2; jnz 1b"
		        : "+r"(d), "+r"(s), "+r"(c)::"rax", "memory");
	}
}
static void b_stosq(long n)
{
	while (n--) {
		void *d = buf;
		long c = 512;
		__asm__ volatile("rep stosq" : "+D"(d), "+c"(c) : "a"(0) : "memory");
	}
}
static void b_movsb(long n)
{
	while (n--) {
		void *d = buf, *s = buf + 8192;
		long c = 4096;
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(c)::"memory");
	}
}
static void b_openclose(long n)
{
	while (n--)
		close(CK(open(fname, O_RDONLY)));
}
static void b_stat(long n)
{
	struct stat st;
	while (n--)
		CK(stat(fname, &st));
}
static void b_fstat(long n)
{
	struct stat st;
	while (n--)
		CK(fstat(fd0, &st));
}
static char deep[128];
static void s_deep(void)
{
	s_file();
	snprintf(deep, sizeof deep, "%s/a", T);
	mkdir(deep, 0755);
	strcat(deep, "/b");
	mkdir(deep, 0755);
	strcat(deep, "/c");
	mkdir(deep, 0755);
	strcat(deep, "/d");
	mkdir(deep, 0755);
	strcat(deep, "/f");
	close(CK(open(deep, O_RDWR | O_CREAT, 0644)));
}
static void b_statdeep(long n)
{
	struct stat st;
	while (n--)
		CK(stat(deep, &st));
}
static void b_statenoent(long n)
{
	struct stat st;
	while (n--)
		if (stat("/nosuch", &st) == 0)
			die("stat");
}
static void b_creat(long n)
{
	char p[128];
	snprintf(p, sizeof p, "%s/c1", T);
	while (n--) {
		int f = CK(open(p, O_RDWR | O_CREAT | O_EXCL, 0644));
		if (write(f, "x", 1) != 1)
			die("w");
		close(f);
		CK(unlink(p));
	}
}

/* --- pipes, sockets: a peer process echoes one byte -------------------- */
static void echo(int in, int out)
{
	char c;
	while (read(in, &c, 1) == 1)
		if (write(out, &c, 1) != 1)
			break;
	_exit(0);
}
static void s_pipe(void)
{
	CK(pipe(pa));
	CK(pipe(pb));
	if (!(kid = CK(fork()))) {
		close(pa[1]);
		close(pb[0]);
		echo(pa[0], pb[1]);
	}
	close(pa[0]);
	close(pb[1]);
	fd1 = pa[1];
	fd0 = pb[0];
}
static void t_kid(void)
{
	killkid();
	closefds();
}
static void b_pp(long n)
{
	char c = 0;
	while (n--) {
		if (write(fd1, &c, 1) != 1 || read(fd0, &c, 1) != 1)
			die("pp");
	}
}
static void b_pipe_self(long n)
{
	char c = 0;
	while (n--) {
		if (write(pa[1], &c, 1) != 1 || read(pa[0], &c, 1) != 1)
			die("ps");
	}
}
static void s_pipe_self(void)
{
	CK(pipe(pa));
}
static void t_pipe_self(void)
{
	close(pa[0]);
	close(pa[1]);
}

/* bulk: peer sinks; n is units of 64 KB; the peer answers one byte at the end of every 1 MB */
static void sink(int in, int out)
{
	size_t got = 0;
	for (;;) {
		ssize_t r = read(in, buf, 65536);
		if (r <= 0)
			_exit(0);
		got += r;
		while (got >= 1 << 20) {
			got -= 1 << 20;
			if (write(out, "k", 1) != 1)
				_exit(0);
		}
	}
}
static void b_bulk(long n) /* n MB */
{
	char c;
	while (n--) {
		for (int i = 0; i < 16; i++)
			for (size_t o = 0; o < 65536;) {
				ssize_t r = write(fd1, buf + o, 65536 - o);
				if (r <= 0)
					die("bulk");
				o += r;
			}
		if (read(fd0, &c, 1) != 1)
			die("bulkr");
	}
}
static void s_pipe_bulk(void)
{
	memset(buf, 1, 65536);
	CK(pipe(pa));
	CK(pipe(pb));
	if (!(kid = CK(fork()))) {
		close(pa[1]);
		close(pb[0]);
		sink(pa[0], pb[1]);
	}
	close(pa[0]);
	close(pb[1]);
	fd1 = pa[1];
	fd0 = pb[0];
}
static void s_unix(int bulk)
{
	int sv[2];
	memset(buf, 1, 65536);
	CK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	if (!(kid = CK(fork()))) {
		close(sv[0]);
		if (bulk)
			sink(sv[1], sv[1]);
		echo(sv[1], sv[1]);
	}
	close(sv[1]);
	fd0 = sv[0];
	fd1 = dup(sv[0]);
}
static void s_unix1(void)
{
	s_unix(0);
}
static void s_unixb(void)
{
	s_unix(1);
}
static int lsock;
static struct sockaddr_in la;
static void tcp_listen(void)
{
	socklen_t l = sizeof la;
	int one = 1;
	lsock = CK(socket(AF_INET, SOCK_STREAM, 0));
	setsockopt(lsock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	memset(&la, 0, sizeof la);
	la.sin_family = AF_INET;
	la.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CK(bind(lsock, (void *)&la, sizeof la));
	CK(listen(lsock, 128));
	CK(getsockname(lsock, (void *)&la, &l));
}
static void s_tcp(int bulk)
{
	int one = 1;
	memset(buf, 1, 65536);
	tcp_listen();
	if (!(kid = CK(fork()))) {
		int c = accept(lsock, 0, 0);
		setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (bulk)
			sink(c, c);
		echo(c, c);
	}
	fd0 = CK(socket(AF_INET, SOCK_STREAM, 0));
	setsockopt(fd0, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	CK(connect(fd0, (void *)&la, sizeof la));
	fd1 = dup(fd0);
	close(lsock);
}
static void s_tcp1(void)
{
	s_tcp(0);
}
static void s_tcpb(void)
{
	s_tcp(1);
}
static void s_udp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
	                   b = a;
	socklen_t l = sizeof a;
	int x = CK(socket(AF_INET, SOCK_DGRAM, 0)), y = CK(socket(AF_INET, SOCK_DGRAM, 0));
	CK(bind(x, (void *)&a, sizeof a));
	CK(getsockname(x, (void *)&a, &l));
	CK(bind(y, (void *)&b, sizeof b));
	CK(getsockname(y, (void *)&b, &l));
	CK(connect(x, (void *)&b, sizeof b));
	CK(connect(y, (void *)&a, sizeof a));
	if (!(kid = CK(fork()))) {
		close(x);
		echo(y, y);
	}
	close(y);
	fd0 = x;
	fd1 = dup(x);
}
static void s_conn(void)
{
	tcp_listen();
	if (!(kid = CK(fork())))
		for (;;) {
			char c;
			int s = accept(lsock, 0, 0);
			if (read(s, &c, 1) == 1)
				if (write(s, &c, 1) < 0)
					break;
			close(s);
		}
	close(lsock);
}
static void b_conn(long n)
{
	char c = 0;
	while (n--) {
		int s = CK(socket(AF_INET, SOCK_STREAM, 0));
		CK(connect(s, (void *)&la, sizeof la));
		if (write(s, &c, 1) != 1 || read(s, &c, 1) != 1)
			die("conn");
		if (read(s, &c, 1) != 0)
			die("eof");
		close(s);
	}
}

/* --- eventfd, epoll, poll --------------------------------------------- */
static void s_ev(void)
{
	fd0 = CK(eventfd(0, 0));
}
static void b_ev(long n)
{
	uint64_t v = 1;
	while (n--) {
		if (write(fd0, &v, 8) != 8 || read(fd0, &v, 8) != 8)
			die("ev");
		v = 1;
	}
}
static void s_epoll(void)
{
	fd0 = CK(eventfd(0, EFD_NONBLOCK));
	ep = CK(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };
	CK(epoll_ctl(ep, EPOLL_CTL_ADD, fd0, &e));
}
static void b_epoll(long n)
{
	uint64_t v;
	struct epoll_event e;
	while (n--) {
		v = 1;
		if (write(fd0, &v, 8) != 8 || epoll_wait(ep, &e, 1, -1) != 1 ||
		    read(fd0, &v, 8) != 8)
			die("epoll");
	}
}
static void s_epoll2(void)
{
	int a = CK(eventfd(0, EFD_NONBLOCK)), b = CK(eventfd(0, EFD_NONBLOCK));
	if (!(kid = CK(fork()))) {
		int p = epoll_create1(0);
		struct epoll_event e = { .events = EPOLLIN };
		uint64_t v;
		epoll_ctl(p, EPOLL_CTL_ADD, a, &e);
		for (;;) {
			if (epoll_wait(p, &e, 1, -1) != 1)
				continue;
			if (read(a, &v, 8) != 8)
				continue;
			v = 1;
			if (write(b, &v, 8) != 8)
				_exit(1);
		}
	}
	fd0 = b;
	fd1 = a;
	ep = CK(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };
	CK(epoll_ctl(ep, EPOLL_CTL_ADD, b, &e));
}
static void b_epoll2(long n)
{
	uint64_t v;
	struct epoll_event e;
	while (n--) {
		v = 1;
		if (write(fd1, &v, 8) != 8 || epoll_wait(ep, &e, 1, -1) != 1 ||
		    read(fd0, &v, 8) != 8)
			die("epoll2");
	}
}
static void b_poll(long n)
{
	struct pollfd p[10];
	for (int i = 0; i < 10; i++)
		p[i] = (struct pollfd){ fd0, POLLOUT, 0 };
	while (n--)
		poll(p, 10, 0);
}

/* --- futex, threads --------------------------------------------------- */
static int fx[64] __attribute__((aligned(256)));
static int fxstop;
static pthread_t th;
static void fwait(int *p, int v)
{
	sc(SYS_futex, (long)p, FUTEX_WAIT_PRIVATE, v, 0, 0, 0);
}
static void fwake(int *p)
{
	sc(SYS_futex, (long)p, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}
static void *fxthr(void *u)
{
	for (;;) {
		while (!__atomic_load_n(&fx[0], __ATOMIC_ACQUIRE))
			fwait(&fx[0], 0);
		if (fxstop)
			return 0;
		__atomic_store_n(&fx[0], 0, __ATOMIC_RELEASE);
		__atomic_store_n(&fx[32], 1, __ATOMIC_RELEASE);
		fwake(&fx[32]);
	}
}
static void s_fx(void)
{
	fxstop = 0;
	fx[0] = fx[32] = 0;
	if (pthread_create(&th, 0, fxthr, 0))
		die("pthread");
	usleep(1000);
}
static void t_fx(void)
{
	fxstop = 1;
	fx[0] = 1;
	fwake(&fx[0]);
	pthread_join(th, 0);
}
static void b_fx(long n)
{
	while (n--) {
		__atomic_store_n(&fx[0], 1, __ATOMIC_RELEASE);
		fwake(&fx[0]);
		while (!__atomic_load_n(&fx[32], __ATOMIC_ACQUIRE))
			fwait(&fx[32], 0);
		__atomic_store_n(&fx[32], 0, __ATOMIC_RELEASE);
	}
}
static void b_fwake0(long n)
{
	while (n--)
		fwake(&fx[16]);
}
static void *nop(void *u)
{
	return u;
}
static void b_pth(long n)
{
	pthread_t t;
	while (n--) {
		if (pthread_create(&t, 0, nop, 0))
			die("pthread");
		pthread_join(t, 0);
	}
}

/* --- processes --------------------------------------------------------- */
static void b_fork(long n)
{
	while (n--) {
		pid_t p = fork();
		if (!p)
			_exit(0);
		if (p < 0)
			die("fork");
		waitpid(p, 0, 0);
	}
}
static void s_fork16(void)
{
	getarea(16 << 20, PROT_READ | PROT_WRITE, MAP_POPULATE);
}
static void b_vforkx(long n, const char *path)
{
	char *av[] = { (char *)path, 0 };
	while (n--) {
		int st;
		pid_t p = vfork();
		if (!p) {
			execve(path, av, environ);
			_exit(127);
		}
		if (p < 0)
			die("vfork");
		waitpid(p, &st, 0);
		if (st)
			die("exec");
	}
}
static void b_vforkexit(long n)
{
	while (n--) {
		pid_t p = vfork();
		if (!p)
			_exit(0);
		waitpid(p, 0, 0);
	}
}
static void b_vtiny(long n)
{
	b_vforkx(n, tiny);
}
static void b_vhs(long n)
{
	b_vforkx(n, hello_s);
}
static void b_vhd(long n)
{
	b_vforkx(n, hello_d);
}
static void b_spawn(long n)
{
	char *av[] = { tiny, 0 };
	while (n--) {
		int st;
		pid_t p;
		if (posix_spawn(&p, tiny, 0, 0, av, environ))
			die("spawn");
		waitpid(p, &st, 0);
		if (st)
			die("spawnx");
	}
}
static void b_forkx(long n)
{
	char *av[] = { tiny, 0 };
	while (n--) {
		int st;
		pid_t p = fork();
		if (!p) {
			execve(tiny, av, environ);
			_exit(127);
		}
		waitpid(p, &st, 0);
		if (st)
			die("forkx");
	}
}

/* --- memory ------------------------------------------------------------ */
/* n pages; the mapping is made before the clock starts (see struct) */
static void s_anon(void)
{
	getarea(2048 * 4096, PROT_READ | PROT_WRITE, 0);
}
static void p_anon(long n)
{
	madvise(area, area_sz, MADV_DONTNEED);
}
static void b_touchw(long n)
{
	for (long i = 0; i < n; i++)
		((volatile char *)area)[i * 4096] = 1;
}
static void b_touchr(long n)
{
	char x = 0;
	for (long i = 0; i < n; i++)
		x += ((volatile char *)area)[i * 4096];
}
static void p_cow(long n)
{
	killkid();
	for (long i = 0; i < n; i++)
		((volatile char *)area)[i * 4096] = 1;
	if (!(kid = CK(fork())))
		for (;;)
			pause();
}
static void t_cow(void)
{
	killkid();
	unarea();
}
static void s_fmap(void)
{
	snprintf(fname, sizeof fname, "%s/m", T);
	fd0 = CK(open(fname, O_RDWR | O_CREAT | O_TRUNC, 0644));
	area_sz = 2048 * 4096;
	memset(buf, 'm', sizeof buf);
	for (int i = 0; i < 8; i++)
		if (write(fd0, buf, sizeof buf) != sizeof buf)
			die("write m");
	area = 0;
}
static void p_fmap(long n)
{
	if (area)
		munmap(area, area_sz);
	area = mmap(0, area_sz, PROT_READ, MAP_SHARED, fd0, 0);
	if (area == MAP_FAILED)
		die("mmapf");
}
static void p_fmapp(long n)
{
	if (area)
		munmap(area, area_sz);
	area = mmap(0, area_sz, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd0, 0);
	if (area == MAP_FAILED)
		die("mmapf");
}
static void t_fmap(void)
{
	unarea();
	t_file();
}
static void b_touch16(long n)
{
	char x = 0;
	for (long i = 0; i < n; i++)
		x += ((volatile char *)area)[i * 65536];
}
static void fault_around(int bytes)
{
	mkdir("/dbg", 0755);
	mount("debugfs", "/dbg", "debugfs", 0, 0);
	int f = open("/dbg/fault_around_bytes", O_WRONLY);
	if (f < 0) {
		f = open("/sys/kernel/debug/fault_around_bytes", O_WRONLY);
	}
	if (f >= 0) {
		dprintf(f, "%d", bytes);
		close(f);
	}
}
static void s_fmap1(void)
{
	s_fmap();
	fault_around(4096);
}
static void t_fmap1(void)
{
	fault_around(65536);
	t_fmap();
}
static void b_mmap(long n)
{
	while (n--) {
		void *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			die("mmap");
		munmap(p, 4096);
	}
}
static void b_mmap64k(long n)
{
	while (n--) {
		char *p =
		        mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			die("mmap");
		for (int i = 0; i < 16; i++)
			((volatile char *)p)[i * 4096] = 1;
		munmap(p, 65536);
	}
}
static void s_prot(void)
{
	getarea(5 * 4096, PROT_NONE, 0);
	CK(mprotect(area + 2 * 4096, 4096, PROT_READ | PROT_WRITE));
	area[2 * 4096] = 1;
}
static void b_prot(long n)
{
	char *p = area + 8192;
	while (n--) {
		mprotect(p, 4096, PROT_READ);
		mprotect(p, 4096, PROT_READ | PROT_WRITE);
	}
}
static void s_thp(void)
{
	area_sz = 34 << 20;
	area = mmap(0, area_sz, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		die("mmap");
	madvise(area, area_sz, MADV_HUGEPAGE);
}
static void b_thp(long n)
{
	char *a = (char *)(((uintptr_t)area + (2 << 20) - 1) & -(2L << 20));
	for (long i = 0; i < n; i++)
		((volatile char *)a)[i << 21] = 1;
}

/* --- signals ------------------------------------------------------------ */
static volatile long sigs;
static char *fltp;
static void onsig(int s)
{
	sigs++;
}
static void onsegv(int s, siginfo_t *i, void *u)
{
	mprotect(fltp, 4096, PROT_READ | PROT_WRITE);
}
static void s_sig(void)
{
	struct sigaction a = { .sa_handler = onsig };
	CK(sigaction(SIGUSR1, &a, 0));
}
static void b_sig(long n)
{
	long p = getpid(), t = SC0(SYS_gettid);
	while (n--)
		sc(SYS_tgkill, p, t, SIGUSR1, 0, 0, 0);
}
static void b_siginst(long n)
{
	struct sigaction a = { .sa_handler = onsig };
	while (n--)
		sigaction(SIGUSR1, &a, 0);
}
static void s_segv(void)
{
	struct sigaction a = { .sa_sigaction = onsegv, .sa_flags = SA_SIGINFO };
	CK(sigaction(SIGSEGV, &a, 0));
	getarea(5 * 4096, PROT_NONE, 0);
	fltp = area + 8192;
	CK(mprotect(fltp, 4096, PROT_READ | PROT_WRITE));
	*fltp = 1;
}
static void b_segv(long n)
{
	while (n--) {
		mprotect(fltp, 4096, PROT_READ);
		*(volatile char *)fltp = 1;
	}
}
static void t_segv(void)
{
	signal(SIGSEGV, SIG_DFL);
	unarea();
}

/* --- userfaultfd: user-level pager in a second thread -------------------- */
static int uffd;
static volatile int uffstop;
static void *uffthr(void *u)
{
	static char pg[4096] __attribute__((aligned(4096)));
	struct uffd_msg m;
	memset(pg, 7, sizeof pg);
	while (read(uffd, &m, sizeof m) == sizeof m) {
		struct uffdio_copy c = { .dst = m.arg.pagefault.address & ~4095UL,
			                 .src = (uintptr_t)pg,
			                 .len = 4096 };
		if (ioctl(uffd, UFFDIO_COPY, &c) && errno != EEXIST)
			die("uffdio_copy");
		if (uffstop)
			return 0;
	}
	return 0;
}
static void s_uffd(void)
{
	getarea(1025 * 4096, PROT_READ | PROT_WRITE, 0);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0) {
		printf("no userfaultfd: the next line is a plain fault\n");
		return;
	}
	struct uffdio_api a = { .api = UFFD_API };
	CK(ioctl(uffd, UFFDIO_API, &a));
	struct uffdio_register r = { .range = { (uintptr_t)area, area_sz },
		                     .mode = UFFDIO_REGISTER_MODE_MISSING };
	CK(ioctl(uffd, UFFDIO_REGISTER, &r));
	uffstop = 0;
	if (pthread_create(&th, 0, uffthr, 0))
		die("pthread");
}
static void t_uffd(void)
{
	if (uffd < 0) {
		unarea();
		return;
	}
	uffstop = 1;
	madvise(area, area_sz, MADV_DONTNEED);
	*(volatile char *)area = 1;
	pthread_join(th, 0);
	close(uffd);
	unarea();
}

/* ---------------------------------------------------------------- table -- */
struct bench {
	const char *name;
	void (*fn)(long);
	long n;
	void (*setup)(void), (*down)(void), (*pre)(long);
	const char *unit;
};
static struct bench B[] = {
	{ "loop_dec_jnz (2 insns)", b_loop, 2000000, 0, 0, 0, "iter" },
	{ "lfence+rdtsc", b_rdtsc, 100000, 0, 0, 0, "op" },
	{ "user copy 4K (8B loop)", b_memcpy4k, 1000, 0, 0, 0, "op" },
	{ "rep stosq 4K (512 iterations)", b_stosq, 1000, 0, 0, 0, "op" },
	{ "rep movsb 4K (4096 iterations)", b_movsb, 500, 0, 0, 0, "op" },
	{ "null syscall getppid", b_getppid, 20000, 0, 0, 0, "op" },
	{ "clock_gettime vdso", b_cgt_vdso, 20000, 0, 0, 0, "op" },
	{ "clock_gettime syscall", b_cgt_sys, 20000, 0, 0, 0, "op" },
	{ "sched_yield (alone)", b_yield, 10000, 0, 0, 0, "op" },
	{ "read 1B /dev/zero", b_rdzero, 20000, s_zero, closefds, 0, "op" },
	{ "write 1B /dev/null", b_wrnull, 20000, s_zero, closefds, 0, "op" },
	{ "pread 1B tmpfs", b_pread1, 10000, s_file, t_file, 0, "op" },
	{ "pread 4K tmpfs", b_pread4k, 5000, s_file, t_file, 0, "op" },
	{ "pread 64K tmpfs", b_pread64k, 400, s_file, t_file, 0, "op" },
	{ "pwrite 4K tmpfs", b_pwrite4k, 5000, s_file, t_file, 0, "op" },
	{ "open+close tmpfs", b_openclose, 2000, s_file, t_file, 0, "op" },
	{ "stat /tmp/f", b_stat, 5000, s_file, t_file, 0, "op" },
	{ "stat 6-component path", b_statdeep, 5000, s_deep, t_file, 0, "op" },
	{ "stat ENOENT", b_statenoent, 5000, 0, 0, 0, "op" },
	{ "fstat", b_fstat, 10000, s_file, t_file, 0, "op" },
	{ "creat+write1+close+unlink", b_creat, 500, 0, 0, 0, "op" },
	{ "pipe write+read 1B, same proc", b_pipe_self, 5000, s_pipe_self, t_pipe_self, 0, "op" },
	{ "pipe ping-pong RT, 2 procs", b_pp, 1000, s_pipe, t_kid, 0, "RT" },
	{ "pipe bulk", b_bulk, 4, s_pipe_bulk, t_kid, 0, "MB" },
	{ "eventfd write+read", b_ev, 5000, s_ev, closefds, 0, "op" },
	{ "eventfd+epoll_wait+read", b_epoll, 5000, s_epoll, closefds, 0, "op" },
	{ "eventfd+epoll RT, 2 procs", b_epoll2, 1000, s_epoll2, t_kid, 0, "RT" },
	{ "poll 10 fds", b_poll, 5000, s_ev, closefds, 0, "op" },
	{ "futex wake, no waiter", b_fwake0, 10000, 0, 0, 0, "op" },
	{ "futex ping-pong RT, 2 threads", b_fx, 1000, s_fx, t_fx, 0, "RT" },
	{ "pthread_create+join", b_pth, 200, 0, 0, 0, "op" },
	{ "fork+exit+wait", b_fork, 100, 0, 0, 0, "op" },
	{ "fork+exit+wait, +16MB touched", b_fork, 10, s_fork16, unarea, 0, "op" },
	{ "vfork+exit+wait", b_vforkexit, 200, 0, 0, 0, "op" },
	{ "vfork+exec tiny static", b_vtiny, 50, 0, 0, 0, "op" },
	{ "posix_spawn tiny static", b_spawn, 50, 0, 0, 0, "op" },
	{ "fork+exec tiny static", b_forkx, 50, 0, 0, 0, "op" },
	{ "vfork+exec glibc static", b_vhs, 50, 0, 0, 0, "op" },
	{ "vfork+exec glibc dynamic", b_vhd, 20, 0, 0, 0, "op" },
	{ "anon fault, write first touch", b_touchw, 2048, s_anon, unarea, p_anon, "page" },
	{ "anon fault, read (zero page)", b_touchr, 2048, s_anon, unarea, p_anon, "page" },
	{ "COW fault after fork", b_touchw, 1024, s_anon, t_cow, p_cow, "page" },
	{ "THP fault 2MB", b_thp, 8, s_thp, unarea, p_anon, "2MB" },
	{ "file fault hit, fault-around 16", b_touchr, 2048, s_fmap, t_fmap, p_fmap, "page" },
	{ "file fault hit, per 64K fault", b_touch16, 128, s_fmap, t_fmap, p_fmap, "fault" },
	{ "file fault hit, no fault-around", b_touchr, 2048, s_fmap1, t_fmap1, p_fmap, "page" },
	{ "file private write fault (COW)", b_touchw, 2048, s_fmap, t_fmap, p_fmapp, "page" },
	{ "mmap+munmap 4K untouched", b_mmap, 2000, 0, 0, 0, "op" },
	{ "mmap+touch 16 pages+munmap", b_mmap64k, 200, 0, 0, 0, "op" },
	{ "mprotect RO+RW 1 page (2 calls)", b_prot, 1000, s_prot, unarea, 0, "pair" },
	{ "sigaction", b_siginst, 10000, 0, 0, 0, "op" },
	{ "signal to self, handler, return", b_sig, 2000, s_sig, 0, 0, "op" },
	{ "prot fault->SIGSEGV->mprotect", b_segv, 1000, s_segv, t_segv, 0, "op" },
	{ "userfaultfd missing fault RT", b_touchw, 1024, s_uffd, t_uffd, p_anon, "fault" },
	{ "AF_UNIX stream RT 1B", b_pp, 1000, s_unix1, t_kid, 0, "RT" },
	{ "AF_UNIX bulk", b_bulk, 4, s_unixb, t_kid, 0, "MB" },
	{ "UDP loopback RT 1B", b_pp, 500, s_udp, t_kid, 0, "RT" },
	{ "TCP loopback RT 1B", b_pp, 500, s_tcp1, t_kid, 0, "RT" },
	{ "TCP loopback bulk", b_bulk, 4, s_tcpb, t_kid, 0, "MB" },
	{ "TCP connect+1B echo+close", b_conn, 100, s_conn, t_kid, 0, "op" },
};

static int cmpu(const void *a, const void *b)
{
	double x = *(double *)a, y = *(double *)b;
	return x < y ? -1 : x > y;
}

static void calibrate(void)
{
	double t0 = now();
	uint64_t c0 = tsc();
	double t1;
	while ((t1 = now()) - t0 < 0.05)
		;
	ns_per_tick = (t1 - t0) * 1e9 / (tsc() - c0);
}

static void micro(const char *only)
{
	calibrate();
	printf("CAL ns_per_tick %.6f repeats %d\n", ns_per_tick, repeats);
	for (size_t i = 0; i < sizeof B / sizeof *B; i++) {
		struct bench *b = &B[i];
		double v[64];
		struct rusage ra, rb;
		long bn = b->n / divn ? b->n / divn : 1;
		if (only && !strstr(b->name, only))
			continue;
		if (b->setup)
			b->setup();
		for (int r = -1; r < repeats; r++) {
			if (r == 0)
				getrusage(RUSAGE_SELF, &ra);
			if (b->pre)
				b->pre(bn);
			long n = r < 0 && !b->pre && bn > 10 ? bn / 4 : bn;
			MARK(0x10);
			uint64_t t0 = tsc();
			b->fn(n);
			uint64_t t1 = tsc();
			MARK(0x11);
			if (r >= 0)
				v[r] = (double)(t1 - t0) / n;
		}
		getrusage(RUSAGE_SELF, &rb);
		double cs = (double)(rb.ru_nvcsw + rb.ru_nivcsw - ra.ru_nvcsw - ra.ru_nivcsw) /
		            repeats / bn;
		if (b->down)
			b->down();
		double first = v[0];
		qsort(v, repeats, sizeof *v, cmpu);
		printf("B|%s|%s|%.1f|%.1f|%.1f|%.1f|%.1f|%.2f\n", b->name, b->unit, v[repeats / 2],
		       v[0], v[repeats - 1], v[repeats / 2] * ns_per_tick, first, cs);
		fflush(stdout);
	}
}

/* ---------------------------------------------------------------- modules -- */
static void insmod(const char *p)
{
	int f = open(p, O_RDONLY | O_CLOEXEC);
	if (f < 0) {
		printf("no %s\n", p);
		return;
	}
	if (syscall(SYS_finit_module, f, "", 0) && errno != EEXIST && errno != ENOENT)
		printf("insmod %s: %s\n", p, strerror(errno));
	close(f);
}
static void mods(void)
{
	static const char *m[] = { "virtio",
		                   "virtio_ring",
		                   "virtio_pci_modern_dev",
		                   "virtio_pci_legacy_dev",
		                   "virtio_pci",
		                   "virtio_blk",
		                   "failover",
		                   "net_failover",
		                   "virtio_net",
		                   "zsmalloc",
		                   "lzo_compress",
		                   "lzo-rle",
		                   0 };
	char p[128];
	for (int k = 0; k < 4; k++) /* several passes instead of an order of dependence */
		for (int i = 0; m[i]; i++) {
			snprintf(p, sizeof p, "/m/%s.ko", m[i]);
			if (!access(p, R_OK))
				insmod(p);
		}
	for (int i = 0; i < 200 && access("/dev/vda", F_OK) && !access("/m/virtio_blk.ko", F_OK);
	     i++)
		usleep(10000);
}

/* ------------------------------------------------------------------- swap -- */
static void swapt(void)
{
	size_t mb = getenv("mb") ? atoi(getenv("mb")) : 128, n = mb * 256;
	struct rusage a, b;
	char *p;
	mods();
	if (getenv("cluster")) {
		int f = open("/proc/sys/vm/page-cluster", O_WRONLY);
		dprintf(f, "%s", getenv("cluster"));
		close(f);
	}
	if (swapon("/dev/vda", 0))
		die("swapon");
	p = mmap(0, mb << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	madvise(p, mb << 20, MADV_NOHUGEPAGE);
	for (int pass = 0; pass < 4; pass++) {
		/* 0: first touch (write). 1: read every page. 2: write every page. 3: random reads, n/4 */
		getrusage(RUSAGE_SELF, &a);
		double t0 = now();
		uint64_t c0 = tsc();
		MARK(0x20);
		if (pass == 0)
			for (size_t i = 0; i < n; i++) {
				uint64_t *q = (void *)(p + i * 4096);
				for (int k = 0; k < 512; k += 8)
					q[k] = i * 0x9e3779b97f4a7c15UL + k;
			}
		else if (pass == 1) {
			for (size_t i = 0; i < n; i++)
				if (((volatile uint64_t *)(p + i * 4096))[0] !=
				    i * 0x9e3779b97f4a7c15UL)
					die("swap data");
		} else if (pass == 2)
			for (size_t i = 0; i < n; i++)
				((volatile uint64_t *)(p + i * 4096))[1] = i;
		else {
			uint64_t s = 1;
			for (size_t i = 0; i < n / 4; i++) {
				s = s * 6364136223846793005UL + 1442695040888963407UL;
				(void)((volatile uint64_t *)(p + ((s >> 33) % n) * 4096))[0];
			}
		}
		MARK(0x21);
		uint64_t c1 = tsc();
		double t1 = now();
		getrusage(RUSAGE_SELF, &b);
		printf("SWAP pass %d pages %zu majflt %ld minflt %ld ticks %lu seconds %.3f "
		       "majflt/s %.0f\n",
		       pass, pass == 3 ? n / 4 : n, b.ru_majflt - a.ru_majflt,
		       b.ru_minflt - a.ru_minflt, c1 - c0, t1 - t0,
		       (b.ru_majflt - a.ru_majflt) / (t1 - t0));
		fflush(stdout);
	}
	int f = open("/proc/vmstat", O_RDONLY);
	static char vb[16384];
	int r = read(f, vb, sizeof vb - 1);
	vb[r > 0 ? r : 0] = 0;
	for (char *s = strtok(vb, "\n"); s; s = strtok(0, "\n"))
		if (!strncmp(s, "pswp", 4) || !strncmp(s, "pgmajf", 6) || !strncmp(s, "swap_ra", 7))
			printf("%s\n", s);
}

/* ------------------------------------------------------------------- disk -- */
static void disk(void)
{
	struct {
		const char *name;
		size_t bs;
		int flags;
		int rnd;
		size_t total;
	} t[] = { { "seq buffered 64K", 65536, 0, 0, 64 << 20 },
		  { "seq O_DIRECT 4K", 4096, O_DIRECT, 0, 16 << 20 },
		  { "seq O_DIRECT 64K", 65536, O_DIRECT, 0, 64 << 20 },
		  { "seq O_DIRECT 1M", 1 << 20, O_DIRECT, 0, 64 << 20 },
		  { "rand O_DIRECT 4K", 4096, O_DIRECT, 1, 8 << 20 } };
	mods();
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		int f = open("/dev/vda", O_RDONLY | t[i].flags);
		if (f < 0)
			die("vda");
		uint64_t s = 1;
		double t0 = now();
		uint64_t c0 = tsc();
		MARK(0x30);
		for (size_t o = 0; o < t[i].total; o += t[i].bs) {
			size_t at = o;
			if (t[i].rnd) {
				s = s * 6364136223846793005UL + 1442695040888963407UL;
				at = ((s >> 33) % 16384) * 4096;
			}
			if (pread(f, buf, t[i].bs, at) != (ssize_t)t[i].bs)
				die("pread vda");
		}
		MARK(0x31);
		uint64_t c1 = tsc();
		double t1 = now();
		printf("DISK %s bytes %zu ticks %lu seconds %.4f MB/s %.1f\n", t[i].name,
		       t[i].total, c1 - c0, t1 - t0, t[i].total / 1048576.0 / (t1 - t0));
		fflush(stdout);
		close(f);
	}
	/* O_DIRECT/fsync write */
	int f = open("/dev/vda", O_WRONLY | O_DIRECT);
	if (f < 0)
		die("vda w");
	double t0 = now();
	uint64_t c0 = tsc();
	MARK(0x30);
	for (size_t o = 0; o < 32 << 20; o += 65536)
		if (pwrite(f, buf, 65536, o) != 65536)
			die("pwrite vda");
	MARK(0x31);
	uint64_t c1 = tsc();
	double t1 = now();
	printf("DISK seq O_DIRECT write 64K bytes %d ticks %lu seconds %.4f MB/s %.1f\n", 32 << 20,
	       c1 - c0, t1 - t0, 32 / (t1 - t0));
}

/* -------------------------------------------------------------------- net -- */
static void ifup(const char *name, const char *ip, const char *mask)
{
	struct ifreq r;
	struct sockaddr_in *a = (void *)&r.ifr_addr;
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	memset(&r, 0, sizeof r);
	strcpy(r.ifr_name, name);
	if (ip) {
		a->sin_family = AF_INET;
		a->sin_addr.s_addr = inet_addr(ip);
		if (ioctl(s, SIOCSIFADDR, &r))
			printf("%s addr: %s\n", name, strerror(errno));
		a->sin_addr.s_addr = inet_addr(mask);
		ioctl(s, SIOCSIFNETMASK, &r);
	}
	if (ioctl(s, SIOCGIFFLAGS, &r))
		printf("%s: %s\n", name, strerror(errno));
	r.ifr_flags |= IFF_UP | IFF_RUNNING;
	ioctl(s, SIOCSIFFLAGS, &r);
	close(s);
}
static int lst(int port)
{
	int one = 1, s = CK(socket(AF_INET, SOCK_STREAM, 0));
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	CK(bind(s, (void *)&a, sizeof a));
	CK(listen(s, 512));
	return s;
}
/* minimal epoll keep-alive HTTP server: 200 OK with a 612-byte body */
static void httpd(int port)
{
	int l = lst(port), p = epoll_create1(0), one = 1;
	static char q[65536];
	char resp[1024];
	char body[613];
	memset(body, 'a', 612);
	body[612] = 0;
	int rl = snprintf(resp, sizeof resp,
	                  "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "
	                  "612\r\nConnection: keep-alive\r\n\r\n%s",
	                  body);
	struct epoll_event e = { .events = EPOLLIN, .data.fd = l }, ev[64];
	epoll_ctl(p, EPOLL_CTL_ADD, l, &e);
	for (;;) {
		int n = epoll_wait(p, ev, 64, -1);
		for (int i = 0; i < n; i++) {
			int f = ev[i].data.fd;
			if (f == l) {
				int c = accept4(l, 0, 0, SOCK_CLOEXEC);
				setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
				e.data.fd = c;
				epoll_ctl(p, EPOLL_CTL_ADD, c, &e);
				continue;
			}
			ssize_t r = read(f, q, sizeof q - 1);
			if (r <= 0) {
				close(f);
				continue;
			}
			q[r] = 0;
			for (char *s = q; (s = strstr(s, "\r\n\r\n")); s += 4) {
				/* count requests for the plugin: marker per request is too dense; one per 1000 */
				static long req;
				if (++req % 1000 == 0)
					MARK(0x40);
				if (write(f, resp, rl) < 0)
					break;
			}
		}
	}
}
static void rx_server(void)
{
	int l = lst(9001);
	for (;;) {
		int c = accept(l, 0, 0);
		size_t t = 0;
		ssize_t r;
		double t0 = now();
		MARK(0x50);
		while ((r = read(c, buf, 65536)) > 0)
			t += r;
		MARK(0x51);
		printf("NET rx %zu bytes %.3f s %.2f MB/s\n", t, now() - t0,
		       t / 1048576.0 / (now() - t0));
		fflush(stdout);
		close(c);
	}
}

static void tx_server(void)
{
	int l = lst(9002);
	for (;;) {
		int c = accept(l, 0, 0);
		size_t t = 0;
		double t0 = now();
		MARK(0x52);
		while (t < 64 << 20) {
			ssize_t r = write(c, buf, 65536);
			if (r <= 0)
				break;
			t += r;
		}
		MARK(0x53);
		printf("NET tx %zu bytes %.3f s %.2f MB/s\n", t, now() - t0,
		       t / 1048576.0 / (now() - t0));
		fflush(stdout);
		shutdown(c, SHUT_WR);
		while (read(c, buf, 10) > 0)
			;
		close(c);
	}
}

static void echo_server(void)
{
	int l = lst(9003), one = 1;
	for (;;) {
		int c = accept(l, 0, 0);
		char x;
		setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		MARK(0x54);
		while (read(c, &x, 1) == 1)
			if (write(c, &x, 1) != 1)
				break;
		MARK(0x55);
		close(c);
	}
}

static void netsrv(void)
{
	mods();
	ifup("eth0", "10.0.2.15", "255.255.255.0");
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	if (!fork())
		httpd(8080);
	if (!fork())
		rx_server();
	if (!fork())
		tx_server();
	if (!fork())
		echo_server();
	if (!access("/bin/busybox", X_OK) && !fork()) {
		execl("/bin/busybox", "busybox", "httpd", "-f", "-p", "80", "-h", "/www",
		      (char *)0);
		_exit(1);
	}
	if (!access("/usr/bin/redis-server", X_OK) && !fork()) {
		execl("/usr/bin/redis-server", "redis-server", "--save", "", "--bind", "0.0.0.0",
		      "--protected-mode", "no", "--dir", "/tmp", "--logfile", "/tmp/redis.log",
		      (char *)0);
		_exit(1);
	}
	if (!access("/usr/sbin/nginx", X_OK) && !fork()) {
		execl("/usr/sbin/nginx", "nginx", "-c", "/etc/nginx.conf", "-g", "daemon off;",
		      (char *)0);
		_exit(1);
	}
	printf("NETREADY\n");
	fflush(stdout);
	for (;;)
		pause();
}

static void become_init(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mkdir("/tmp", 01777);
	mkdir("/run", 0755);
	mount("proc", "/proc", "proc", 0, 0);
	mount("sysfs", "/sys", "sysfs", 0, 0);
	mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
	mount("tmpfs", "/tmp", "tmpfs", 0, 0);
	if (fcntl(0, F_GETFD) < 0 || 1) {
		int c = open("/dev/console", O_RDWR | O_NOCTTY);
		if (c >= 0) {
			dup2(c, 0);
			dup2(c, 1);
			dup2(c, 2);
			if (c > 2)
				close(c);
		}
	}
	ifup("lo", "127.0.0.1", "255.0.0.0");
	int x = open("/proc/sys/debug/exception-trace", O_WRONLY);
	if (x >= 0) {
		if (write(x, "0", 1) != 1) {
		}
		close(x);
	}
	setenv("PATH", "/bin:/usr/bin:/sbin:/usr/sbin", 1);
}

static void use_paths(void)
{
	snprintf(T, sizeof T, "%s", getenv("BT") ? getenv("BT") : "/dev/shm/lb");
	mkdir(T, 0755);
	const char *d = getenv("BD") ? getenv("BD") : ".";
	snprintf(tiny, 64, "%s/tiny", d);
	snprintf(hello_s, 64, "%s/hello_s", d);
	snprintf(hello_d, 64, "%s/hello_d", d);
}

int main(int ac, char **av)
{
	uint64_t t_init = tsc();
	MARK(0x01);
	int pid1 = getpid() == 1;
	const char *mode = ac > 1 && !pid1 ? av[1] : getenv("bench"), *only = getenv("only");
	if (!mode)
		mode = "micro";
	setvbuf(stdout, 0, _IOLBF, 4096);
	if (getenv("rep"))
		repeats = atoi(getenv("rep"));
	if (repeats > 64)
		repeats = 64;
	if (getenv("div"))
		divn = atoi(getenv("div"));
	if (pid1)
		become_init();
	else
		use_paths();
	struct utsname u;
	uname(&u);
	printf("\nLBENCH mode=%s kernel=%s tsc_at_init=%lu uptime=%.6f\n", mode, u.release, t_init,
	       now());
	if (!strcmp(mode, "micro"))
		micro(only);
	else if (!strcmp(mode, "swap"))
		swapt();
	else if (!strcmp(mode, "disk"))
		disk();
	else if (!strcmp(mode, "net"))
		netsrv();
	else if (!strcmp(mode, "sh")) {
		pid_t p = fork();
		if (!p) {
			execl("/bin/busybox", "sh", "/run.sh", (char *)0);
			_exit(1);
		}
		waitpid(p, 0, 0);
	}
	printf("LBENCH end tsc=%lu uptime=%.6f\n", tsc(), now());
	fflush(stdout);
	MARK(0x02);
	if (pid1) {
		sync();
		reboot(RB_POWER_OFF);
		reboot(RB_AUTOBOOT);
	}
	return 0;
}
