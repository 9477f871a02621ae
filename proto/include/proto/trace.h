/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages as lines of text, for traces: by the tables of their interface, whatever it is.
 *
 *   region_map start=0x400000 size=3 rights=READ|WRITE flags=FIXED inherit=COPY
 *   -> OK made at=0x400000          a capability came with it, which the interface calls made
 *   -> NOMEM
 *   name_up cookie=0x7              an event
 *
 * Arrays are [1,2,3], texts are quoted, ids are hexadecimal. The message may be anything: what the
 * interface excludes is shown all the same, as 0x...!, a wrong count as !0x... behind the array;
 * what is cut off as ...; words beyond the end as +[0x1,0x2]; an unknown label as ?0x.... A line
 * has no characters but printable ASCII. Nothing beyond length words is read.
 *
 * Each function writes at most size bytes, the last one 0 (unless size is 0), and returns how long
 * the whole line is, as format_buffer() does.
 */
#pragma once
#include <proto/proto.h>

size_t proto_trace_request(const struct proto_interface *interface, uint64_t label,
                           const uint64_t *words, unsigned int length, char *out, size_t size);

size_t proto_trace_reply(const struct proto_interface *interface, uint64_t request_label,
                         uint64_t reply_label, const uint64_t *words, unsigned int length,
                         char *out, size_t size);

/* An event's record, of length words with its header. */
size_t proto_trace_event(const struct proto_interface *interface, const uint64_t *record,
                         unsigned int length, char *out, size_t size);
