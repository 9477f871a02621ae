/* SPDX-License-Identifier: BSD-2-Clause */
/* Protocols B (client-supplied frames) + C (transparent paging of the server): 1 server thread, NC=2 clients,
 * client 0 hostile (revokes its frame at any moment), client 1 honest.  Kernel operations are atomic; everything
 * between two of them interleaves.  -DBUG_x puts one design mistake in. */
#define NC 2
#define NONE 0
#define FRAME 1
#define POISON 2
#define RESTART 1
#define ABORT 2
#define DEAD 3
mtype = { RES, WRITING, OUT };
/* kernel */
byte smap[NC] = FRAME;    /* server mapping of client c's shared page */
bit  framecap[NC] = 1;    /* 0: client revoked it */
bit  epcap[NC] = 1;       /* client holds a badged endpoint cap */
byte q[NC];               /* 0 none, else generation of the request queued in the endpoint */
bit  ahead[NC];           /* FIFO: the other client's message is ahead of mine */
bit  grace[3];            /* paged in for a faulter that has not used it yet: not a victim */
bit  wake[NC];            /* client was woken (reply or error) */
chan fault = [1] of { byte };
byte resume = 0;
/* RM book-keeping */
bit  alive[NC] = 1; byte gen[NC] = 1; bit acked[NC] = 1; bit rm_evicted[NC]; bit closing[NC];
mtype ppage = RES; byte swapslot = 0; bit swapbad = 0;
/* private page of the server: real content, ghost content */
byte pcontent = 0; byte pghost = 0; bit pmapped = 1;
/* server */
byte win = 255; byte st[NC]; bit sdead = 0;
/* ghosts */
bit broke[NC]; bit pend[NC];

#ifndef BUG_NOGRACE
#define GR(i) grace[i] = 1
#else
#define GR(i) skip
#endif
inline touch_private() {
  do
  :: atomic { pmapped -> assert(pcontent == pghost); grace[2] = 0; pcontent = (pcontent+1)%3; pghost = pcontent; break }   /* I7 */
  :: atomic { !pmapped -> fault!NC };
     if :: atomic { resume == DEAD -> resume = 0; sdead = 1 }; goto srv_end
        :: atomic { resume == RESTART -> resume = 0 }
     fi
  od
}
inline touch_shared(x) {
  do
  :: aborted -> break
  :: atomic { !aborted && smap[x] != NONE -> grace[x] = 0; break }
  :: atomic { !aborted && smap[x] == NONE -> assert(win == x); fault!x };                                     /* I5 */
     if :: atomic { resume == RESTART -> resume = 0 }
        :: atomic { resume == ABORT -> resume = 0; aborted = 1 }
     fi
  od
}
inline cleanup(x) {       /* server-internal handler: nothing of the session can come in any more (I8, I9) */
  assert(!epcap[x] && q[x] == 0);
  st[x] = 0;
  assert(!epcap[x] && q[x] == 0);
  atomic { acked[x] = 1; closing[x] = 0 }
}
#ifndef BUG_NOFIFO
#define MAYTAKE(x) (q[x] != 0 && !(ahead[x] && q[1-x] != 0))
#else
#define MAYTAKE(x) (q[x] != 0)
#endif
#define TAKE(x) atomic { MAYTAKE(x) -> ahead[1-x] = 0; c = x; g = q[x]; q[x] = 0; aborted = 0 }
active proctype Server() {
  byte c; byte g; bit aborted;
endloop:
  do
  :: if :: TAKE(0) :: TAKE(1) fi;
     assert(g == gen[c]);                               /* I21 */
     assert(st[c] == 0);                                /* I11 */
     touch_private();
     st[c] = 1;                                         /* multi-step update of session state begins */
     win = c; touch_shared(c); touch_shared(c); win = 255;
#ifdef BUG_WINDOW
     touch_shared(c);
#endif
     if :: atomic { aborted || !alive[c] -> skip };
           do :: !closing[c] && acked[c] -> break       /* already closed */
              :: closing[c] -> cleanup(c); break od
        :: atomic { !aborted && alive[c] -> st[c] = 0; wake[c] = 1 }   /* commit + reply */
     fi;
     c = 0; g = 0; aborted = 0
  :: atomic { closing[0] -> c = 0 }; cleanup(c)         /* idle upcall */
  :: atomic { closing[1] -> c = 1 }; cleanup(c)
  od;
srv_end: skip
}
inline cutoff(x) {
  assert(broke[x]);                                     /* I10: only a client that broke the contract is cut off */
  atomic { alive[x] = 0; acked[x] = 0 };
#ifdef BUG_ORDER
  closing[x] = 1; resume = ABORT;                       /* server resumed before the client is shut out */
#endif
  epcap[x] = 0;                                         /* CNode_Revoke of the badged endpoint cap */
#ifndef BUG_NOPURGE
  atomic { q[x] = 0; ahead[1-x] = 0; wake[x] = 1 };                     /* CancelBadgedSends */
#endif
  atomic { smap[x] = POISON; grace[x] = 0 };
#ifndef BUG_ORDER
  closing[x] = 1;
#endif
}
#define EVICT(x) atomic { smap[x] == FRAME && framecap[x] && alive[x] && !grace[x] -> smap[x] = NONE; rm_evicted[x] = 1 }
#ifdef BUG_REUSE
#define OKREUSE(x) (!alive[x] && !epcap[x])
#else
#define OKREUSE(x) (!alive[x] && acked[x])
#endif
#define CONNECT(x) atomic { OKREUSE(x) && gen[x] < 3 -> gen[x]++; framecap[x] = 1; broke[x] = 0; rm_evicted[x] = 0; smap[x] = FRAME; grace[x] = 0; acked[x] = 1; closing[x] = 0; alive[x] = 1; epcap[x] = 1; wake[x] = 0 }
active proctype RM() {
  byte s;
endrm:
  do
  :: fault?s ->
     if
     :: s == NC ->
        if
        :: atomic { ppage == RES -> pmapped = 1; GR(2); resume = RESTART }
        :: atomic { ppage == WRITING -> ppage = RES;
#ifdef BUG_FREE_EARLY
             pcontent = 99;                              /* frame was already given away */
#endif
             pmapped = 1; GR(2); resume = RESTART }
#ifndef BUG_NOVERIFY
        :: atomic { ppage == OUT && swapbad -> resume = DEAD }
        :: atomic { ppage == OUT && !swapbad -> pcontent = swapslot; pmapped = 1; GR(2); ppage = RES; resume = RESTART }
#else
        :: atomic { ppage == OUT -> pcontent = (swapbad -> 77 : swapslot); pmapped = 1; GR(2); ppage = RES; resume = RESTART }
#endif
        fi
     :: s < NC ->
        if
        :: atomic { smap[s] != NONE -> resume = RESTART }
#ifndef BUG_CLASSIFY
        :: atomic { smap[s] == NONE && rm_evicted[s] && framecap[s] -> smap[s] = FRAME; GR(s); rm_evicted[s] = 0; resume = RESTART }
        :: atomic { smap[s] == NONE && !(rm_evicted[s] && framecap[s]) -> skip };
#else
        :: atomic { smap[s] == NONE -> skip };
#endif
           cutoff(s);
#ifndef BUG_ORDER
           if :: resume = ABORT :: resume = RESTART fi   /* both modes: abort, or substitute the poison frame */
#endif
        fi
     fi;
     s = 0
  :: atomic { ppage == RES && pmapped && !grace[2] -> pmapped = 0; ppage = WRITING }
  :: atomic { ppage == WRITING && !pmapped -> swapslot = pcontent; ppage = OUT; pcontent = 99 }
#ifdef CORRUPT
  :: atomic { ppage == OUT && !swapbad -> swapbad = 1 }
#endif
  :: EVICT(0) :: EVICT(1)
  :: CONNECT(0)
  od
}
proctype Client(byte me) {
endcl:
  do
  :: atomic { epcap[me] && q[me] == 0 -> ahead[me] = (q[1-me] != 0); q[me] = gen[me]; pend[me] = 1; wake[me] = 0 };
endw: atomic { (wake[me] || !epcap[me]) -> pend[me] = 0 }
  od
}
proctype Spammer(byte me) { /* another thread of the hostile client */
ends: do :: atomic { epcap[me] && q[me] == 0 -> ahead[me] = (q[1-me] != 0); q[me] = gen[me] } od }
proctype Hostile(byte me) {
endh: do
  :: atomic { framecap[me] && alive[me] -> framecap[me] = 0; broke[me] = 1;
       if :: smap[me] == FRAME -> smap[me] = NONE :: else fi }
  :: break                                             /* it may stop misbehaving at any time */
  od
}
init { atomic { run Client(0); run Client(1); run Hostile(0); run Spammer(0) } }
ltl honest_never_cut { [] (alive[1] && epcap[1]) }
ltl honest_served { [] ((pend[1] == 1 && !sdead) -> <> (pend[1] == 0 || sdead)) }
