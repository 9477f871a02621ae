/* SPDX-License-Identifier: BSD-2-Clause */
/* Protocol A: irrevocable donation of NPG pages client -> RM -> server, with an accomplice (other copy of the cap),
 * a client-controlled DMA engine with an IOTLB, client death and server refusal/death at any point. */
#define NPG 2
mtype = { CLIENT, MOVING, SERVER, FREE };
mtype own[NPG] = CLIENT;
bit ccap[NPG] = 1;  bit acap[NPG];          /* client's cap; copy given to an accomplice */
bit smap[NPG];                              /* mapped in the server */
bit iopte[NPG]; bit iotlb[NPG];             /* IOMMU page-table entry and cached translation of the client's device */
bit secret[NPG];                            /* 1: frame holds server data */
bit dirtyfrom_client[NPG] = 1;              /* 1: content is the client's */
byte quotaC = NPG; byte quotaS = 0;
bit calive = 1; bit salive = 1; bit req = 0; byte result = 0; bit released = 0;

#define CANUSE(i) (calive && ccap[i])
proctype Client() {
  do
  :: atomic { calive && ccap[0] && !acap[0] -> acap[0] = 1 }                      /* copy to accomplice */
  :: atomic { CANUSE(0) && !iopte[0] -> iopte[0] = 1 }                            /* give it to my device */
  :: atomic { CANUSE(1) && !iopte[1] -> iopte[1] = 1 }
  :: atomic { calive && !req && result == 0 -> req = 1 }
  :: atomic { calive -> calive = 0 }                                              /* dies at any moment */
  :: break
  od
}
proctype Accomplice() {
  do :: atomic { acap[0] -> assert(!smap[0]); skip }                              /* I2: any use of the old cap */
     :: break od
}
proctype Device() {
  do
  :: atomic { iopte[0] -> iotlb[0] = 1 } :: atomic { iopte[1] -> iotlb[1] = 1 }
  :: atomic { iopte[0] || iotlb[0] -> assert(!smap[0]); assert(own[0] != FREE) }  /* I19: DMA hits the frame */
  :: atomic { iopte[1] || iotlb[1] -> assert(!smap[1]); assert(own[1] != FREE) }
  :: break
  od
}
inline revoke(i) {  /* CNode_Revoke of the RM's original cap: deletes every derived cap and mapping */
  atomic { ccap[i] = 0; acap[i] = 0; iopte[i] = 0 }
#ifndef BUG_NODRAIN
  ; atomic { iotlb[i] = 0 }                                                      /* IOTLB invalidate with drain, before revoke returns */
#endif
}
inline give_back(i) { /* to the client if it lives, else to the pool */
#ifndef BUG_NOSCRUB
  secret[i] = 0;
#endif
  if :: atomic { calive -> own[i] = CLIENT; ccap[i] = 1; quotaC++ } ; assert(!secret[i])   /* I18 */
     :: atomic { !calive -> own[i] = FREE; quotaC++ }
  fi
}
active proctype RM() {
  byte i; bit ok; byte moved;
endrm: do
  :: atomic { req && result == 0 ->
       /* validate and lock in ONE step: exclusively the client's */
       ok = 1; i = 0; do :: i < NPG -> if :: own[i] != CLIENT -> ok = 0 :: else fi; i++ :: else -> break od;
#ifndef BUG_NOLOCK
       i = 0; do :: ok && i < NPG -> own[i] = MOVING; i++ :: else -> break od
#endif
     };
#ifdef BUG_NOLOCK
     i = 0; do :: ok && i < NPG -> own[i] = MOVING; i++ :: else -> break od;
#endif
     if
     :: !ok -> result = 2
     :: ok ->
        i = 0;
        do :: i < NPG ->
#ifndef BUG_NOREVOKE
             revoke(i);
#else
             ccap[i] = 0;
#endif
             i++
           :: else -> break od;
        atomic { quotaC = quotaC - NPG };
        /* map all; the server may refuse or die between any two */
        i = 0; moved = 0;
        do :: i < NPG && salive -> atomic { smap[i] = 1; own[i] = SERVER; quotaS++ }; moved++; i++
           :: i == NPG -> break
           :: i < NPG && !salive -> break od;
        if
        :: moved == NPG -> result = 1
        :: moved < NPG ->                                    /* roll back: all or nothing */
#ifndef BUG_PARTIAL
           i = 0; do :: i < NPG -> if :: own[i] == SERVER -> atomic { smap[i] = 0; quotaS-- } :: else fi; give_back(i); i++ :: else -> break od;
#endif
           result = 2
        fi
     fi
  :: atomic { result == 1 && (released || !salive) && own[0] == SERVER -> i = 0 };  /* session ended */
     do :: i < NPG -> atomic { smap[i] = 0; quotaS-- }; give_back(i); i++ :: else -> break od
  :: atomic { !calive && own[0] == CLIENT && !(req && result == 0) -> i = 0 };      /* reap a dead client */
     do :: i < NPG -> revoke(i); own[i] = FREE; i++ :: else -> break od
  :: atomic { result == 2 || (result == 1 && own[0] != SERVER) -> assert(quotaC + quotaS == NPG); assert(own[0] != MOVING && own[1] != MOVING);   /* I1, I3 */
       assert((own[0]==SERVER) == (own[1]==SERVER)) }; break
  od
}
proctype Server() {
  do :: atomic { smap[0] && smap[1] && result == 1 -> secret[0] = 1; secret[1] = 1; assert(own[0] == SERVER) }
     :: atomic { result == 1 -> released = 1 }; break
     :: atomic { salive = 0 }; break
     :: break od
}
init { atomic { run Client(); run Accomplice(); run Device(); run Server() } }
