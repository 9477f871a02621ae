/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the core have of each other; each function is explained where it stands. */
#pragma once
#include <lib/assert.h>
#include <rm/core.h>

/* An op of the kernel's that may fail: an error of the core. */
err_t kernel_refused(struct rm *rm);
static inline err_t kernel_err(struct rm *rm, enum abi_error err)
{
	return __builtin_expect(err == ERR_NONE, 1) ? E_OK : kernel_refused(rm);
}
#define KERNEL(rm, op, ...) kernel_err(rm, (rm)->ops->op((rm)->kernel, __VA_ARGS__))

/* A deadline begins now, and not when the clock last told the time. */
static inline uint64_t rm_time_ns(const struct rm *rm)
{
	return rm->ops->time_ns(rm->kernel);
}

static inline uint64_t rm_in_ms(const struct rm *rm, uint32_t ms)
{
	return rm_time_ns(rm) + ms * 1000000ull;
}

/* -- memory.c: pages, slots, records -------------------------------------------------------- */
static inline struct chunk *chunk_of(const struct rm *rm, frame_t f)
{
	return &rm->chunks[f >> CHUNK_BITS];
}

static inline struct frame *frame_at(const struct rm *rm, frame_t f)
{
	return &chunk_of(rm, f)->frames[f % CHUNK_PAGES];
}

/* The capability with which a page was made: a frame, or a kernel page's untyped. */
static inline slot_t page_slot(const struct rm *rm, frame_t f)
{
	return (slot_t)chunk_of(rm, f)->slot_page << SLOT_PAGE_BITS | f % CHUNK_PAGES;
}

/* What was made of a kernel page, if it is one object. */
static inline slot_t kernel_slot(const struct rm *rm, frame_t f)
{
	return (slot_t)chunk_of(rm, f)->object_page << SLOT_PAGE_BITS | f % CHUNK_PAGES;
}

/* A frame's original capability. */
static inline slot_t frame_slot(const struct rm *rm, frame_t f)
{
	return chunk_of(rm, f)->kind == CHUNK_KERNEL ? kernel_slot(rm, f) : page_slot(rm, f);
}

err_t memory_init(struct rm *rm, const struct rm_boot *boot);
void frames_push(struct rm *rm, struct frame_list *list, frame_t f);
void frames_remove(struct rm *rm, struct frame_list *list, frame_t f);
uint64_t frame_physical(const struct rm *rm, frame_t f);
void *frame_window(struct rm *rm, frame_t f);
frame_t frame_get(struct rm *rm, struct bank *bank, bool cleared);
frame_t frame_get_run(struct rm *rm, struct bank *bank, uint64_t count, unsigned int align,
                      uint64_t below);
frame_t meta_get(struct rm *rm, struct bank *bank);
void frame_put(struct rm *rm, struct bank *bank, frame_t f);
frame_t large_get(struct rm *rm, struct bank *bank);
err_t memory_adopt(struct rm *rm, uint32_t first, uint32_t pages, frame_t *f);
err_t memory_device_begin(struct rm *rm, uint64_t physical, uint32_t *c);
void memory_device_end(struct rm *rm, uint32_t c);
bool memory_refill(struct rm *rm);
bool memory_has_work(const struct rm *rm);
frame_t kernel_get(struct rm *rm, struct bank *bank);
void kernel_put(struct rm *rm, struct bank *bank, frame_t f);
frame_t object_get(struct rm *rm, struct bank *bank, enum abi_object type, unsigned int bits);
err_t slots_make(struct rm *rm, struct bank *bank, frame_t *f, uint32_t *slot_page);
void slots_unmake(struct rm *rm, struct bank *bank, frame_t f, uint32_t slot_page);
slot_t slot_get(struct rm *rm, struct bank *bank);
void slot_put(struct rm *rm, struct bank *bank, slot_t slot);
slot_t small_get(struct rm *rm, struct bank *bank, enum abi_object type);
void small_put(struct rm *rm, struct bank *bank, slot_t slot);
slot_t reply_get(struct rm *rm);
void reply_put(struct rm *rm, slot_t reply);

/* -- bank.c: who pays ------------------------------------------------------------------------ */
void bank_init_root(struct rm *rm, uint64_t limit);
static inline bool bank_charge(struct bank *bank, uint64_t pages)
{
	if (pages > bank->limit - bank->used)
		return false;
	bank->used += pages;
	return true;
}

static inline void bank_release(struct bank *bank, uint64_t pages)
{
	assert(pages <= bank->used);
	bank->used -= pages;
}

err_t bank_new(struct rm *rm, struct bank *parent, uint64_t guarantee, uint64_t limit,
               uint64_t pin_limit, struct bank **made);
err_t object_new(struct rm *rm, struct bank *bank, uint8_t kind, void *made);
void object_free(struct rm *rm, struct object *object);
void *record_get(struct bank *bank, unsigned int slab);
void record_put(struct bank *bank, unsigned int slab, void *record);
struct lib_pages bank_nodes(struct bank *bank);
bool bank_reap(struct rm *rm, struct bank *bank);
void bank_wake(struct rm *rm, struct bank *bank);
void bank_kill(struct rm *rm, struct bank *bank);

/* -- object.c: capabilities, long work, callers who wait ------------------------------------- */
struct object *object_find(const struct rm *rm, uint64_t badge);
void *object_of_kind(const struct rm *rm, uint64_t id, enum kind kind);
/* What a capability to a dataspace lets its holder do. */
static inline uint8_t rights_of(uint64_t badge)
{
	return badge >> FACET_SHIFT & FACET_RIGHTS;
}

uint64_t object_badge(const struct rm *rm, const struct object *object, unsigned int facet);
err_t object_cap(struct rm *rm, struct proto_request *request, const struct object *object,
                 unsigned int facet);
err_t object_made(struct rm *rm, struct proto_request *request, struct object *object,
                  unsigned int facet);
err_t scratch_mint(struct rm *rm, slot_t from, unsigned int rights, uint64_t badge);
err_t reply_copy(struct rm *rm, struct proto_request *request, slot_t from, unsigned int rights);
void scratch_clear(struct rm *rm);
void object_kill(struct rm *rm, struct object *object);
err_t object_destroy(struct rm *rm, struct bank *bank, struct object *object, uint8_t method);
void job_add(struct rm *rm, struct object *object);
void job_end(struct rm *rm, struct object *object);
err_t wait_for(struct rm *rm, struct bank *bank, struct list *list, uint8_t method);
void answer_err(struct rm *rm, struct waiter *waiter, err_t err);
void answer_request(struct rm *rm, struct waiter *waiter, struct proto_request *request);
void answer_all(struct rm *rm, struct list *waiters, err_t err);

/* -- dataspace.c ------------------------------------------------------------------------------ */
err_t dataspace_new(struct rm *rm, struct bank *bank, uint8_t kind, uint64_t size, bool internal,
                    struct dataspace **made);
void dataspace_hold(struct dataspace *ds);
void dataspace_drop(struct rm *rm, struct dataspace *ds);
struct page *dataspace_page(const struct dataspace *ds, uint64_t index, bool *shared);
static inline bool page_is_large(const struct rm *rm, const struct page *page)
{
	return chunk_of(rm, page->frame)->kind == CHUNK_LARGE;
}
/* Its pages are being copied, donated or taken away: nothing else of that kind may begin. */
static inline bool dataspace_is_busy(const struct dataspace *ds)
{
	return ds->copy || ds->giving || ds->work != WORK_NONE;
}
bool dataspace_is_whole(const struct dataspace *ds, uint64_t index);
err_t dataspace_fill_large(struct rm *rm, struct dataspace *ds, uint64_t index);
err_t dataspace_split(struct rm *rm, struct dataspace *ds, uint64_t index);
char *page_content(struct rm *rm, const struct page *page, uint64_t index);
err_t dataspace_fill(struct rm *rm, struct dataspace *ds, uint64_t index, struct page **page);
err_t dataspace_own(struct rm *rm, struct dataspace *ds, uint64_t index, struct page **page);
err_t dataspace_shadow(struct rm *rm, struct bank *bank, struct dataspace *source,
                       struct dataspace **made);
err_t dataspace_copy_begin(struct rm *rm, struct dataspace *source, struct bank *bank,
                           uint64_t first, uint64_t size, struct dataspace **made);
err_t dataspace_copy_step(struct rm *rm, struct dataspace *to);
void dataspace_copy_end(struct rm *rm, struct dataspace *to);
bool dataspace_work(struct rm *rm, struct dataspace *ds);
void dataspace_wake(struct rm *rm, struct dataspace *ds);
bool dataspace_reap(struct rm *rm, struct dataspace *ds);
void dataspace_detach(struct rm *rm, struct dataspace *ds);
void dataspace_timeout(struct rm *rm, struct dataspace *ds);
err_t dataspace_move(struct rm *rm, struct dataspace *from, uint64_t from_index,
                     struct dataspace *to, uint64_t to_index, uint64_t count);
bool dataspace_has(const struct dataspace *ds, uint64_t index);
err_t dataspace_take(struct rm *rm, struct dataspace *ds, uint64_t index, struct page **page);
frame_t dataspace_leave(struct rm *rm, struct dataspace *ds, uint64_t index);
err_t dataspace_place(struct dataspace *ds, uint64_t index);
struct page *dataspace_placed(const struct dataspace *ds, uint64_t index);
void dataspace_unplace(struct dataspace *ds, uint64_t index);
void page_drop(struct rm *rm, struct bank *bank, struct page *page);
void page_unpin(struct rm *rm, struct bank *bank, struct page *page);
bool page_pin(struct bank *bank, struct page *page);

/* -- device.c -------------------------------------------------------------------------------- */
err_t device_init(struct rm *rm, const struct rm_boot *boot);
void device_put(struct rm *rm, frame_t f);
err_t dataspace_put_page(struct rm *rm, struct dataspace *ds, uint64_t index, struct page *page);

/* -- vspace.c: regions, tables, mappings; fault.c -------------------------------------------- */
enum { USER_LOW = 1 << 16 };
err_t map_page(struct rm *rm, struct vspace *vspace, uint64_t address, frame_t f, bool writable,
               unsigned int attributes);
void unmap_frame(struct rm *rm, frame_t f);
void unmap_page(struct rm *rm, struct vspace *vspace, uint64_t address);
bool may_map_large(const struct vspace *vspace, uint64_t address);
bool unmap_step(struct rm *rm, struct vspace *vspace, uint64_t start, uint64_t end);
bool hide_step(struct rm *rm, struct vspace *vspace, uint64_t *at, uint64_t end);
bool vspace_work(struct rm *rm, struct vspace *vspace);
struct mapping *mapping_at(const struct vspace *vspace, uint64_t address);
err_t region_new(struct rm *rm, struct vspace *vspace, const struct region *like,
                 struct dataspace *ds, uint64_t start, uint64_t pages, uint64_t first);
err_t vspace_new(struct rm *rm, struct bank *bank, struct vspace **made);
bool vspace_reap(struct rm *rm, struct vspace *vspace);
struct region *region_find(const struct vspace *vspace, uint64_t address);
void region_hide(struct rm *rm, struct region *region);
/* The page of its dataspace that a region shows at an address. */
static inline uint64_t region_index(const struct region *r, uint64_t address)
{
	return r->first + (address - r->interval.start) / PAGE;
}
err_t region_place(const struct vspace *vspace, uint64_t pages, uint64_t *start);
unsigned int region_attributes(const struct region *region);
enum rm_fault_result fault_resolve(struct rm *rm, struct vspace *vspace, uint64_t address,
                                   enum rm_access access, struct fault *fault);
void fault_populate(struct rm *rm, struct vspace *vspace, uint64_t start, uint64_t pages);
bool fault_is_laid_out(const struct rm *rm, const struct region *r, uint64_t address,
                       uint64_t *next);
err_t fault_lay_out(struct rm *rm, struct region *r, uint64_t address);
void fault_retry(struct rm *rm, struct fault *fault);
enum rm_fault_result fault_of_thread(struct rm *rm, struct thread *thread,
                                     enum rm_fault_result result);
void fault_end(struct rm *rm, struct fault *fault, enum rm_fault_result result);
struct fault *fault_ask(const struct fault *like, struct task *asker, struct list *asked,
                        uint8_t event);
void fault_forget(struct rm *rm, struct fault *fault);
void fault_forget_asked(struct rm *rm, struct list *asked);

/* -- populate.c ------------------------------------------------------------------------------ */
bool populate_work(struct rm *rm, struct vspace *vspace);

/* -- task.c ------------------------------------------------------------------------------------ */
err_t task_new(struct rm *rm, struct bank *bank, struct vspace *vspace, unsigned int slot_bits,
               const char *name, unsigned int length, struct task **made);
err_t thread_new(struct rm *rm, struct task *task, const struct rm_thread_create_in *in,
                 struct thread **made);
err_t thread_begin(struct rm *rm, struct thread *thread, uint64_t entry, uint64_t stack,
                   uint64_t argument);
bool task_reap(struct rm *rm, struct task *task);
bool task_work(struct rm *rm, struct task *task);
void task_probe(struct rm *rm, struct task *task, uint32_t deadline_ms);
void task_died(struct rm *rm, struct task *task, enum rm_reason reason, uint32_t status);
bool thread_reap(struct rm *rm, struct thread *thread);
void thread_fault_end(struct rm *rm, struct thread *thread);
void thread_crash(struct rm *rm, struct thread *thread, uint64_t fault, uint64_t what);
void context_take_home(struct rm *rm, const struct thread *thread);
void passive_timeout(struct rm *rm, struct thread *server, uint64_t badge);
void passive_tell(struct rm *rm, struct task *task);
void passive_watch(struct rm *rm, struct task *task);
void passive_look(struct rm *rm, struct task *task);
void passive_leave(struct rm *rm, struct thread *thread);
err_t thread_schedule(struct rm *rm, struct thread *thread, const struct rm_schedule *schedule);
enum rm_fault_answer thread_fault_message(struct rm *rm, struct thread *thread, uint64_t label,
                                          const uint64_t *words, unsigned int length);
err_t notification_new(struct rm *rm, struct bank *bank, enum abi_object type, struct list *list,
                       struct notification **made);
void notification_kill(struct rm *rm, struct notification *notification);

/* -- handler.c --------------------------------------------------------------------------------- */
err_t page_pin_at(struct rm *rm, struct thread *thread, uint64_t address, uint8_t rights,
                  struct page **pinned);
bool thread_unpin(struct rm *rm, struct thread *thread);
bool thread_has_pinned(const struct thread *thread, uint64_t address);
slot_t handler_of(const struct rm *rm, const struct thread *thread);
void handler_leave(struct rm *rm, struct thread *thread);

/* -- event.c ----------------------------------------------------------------------------------- */
enum { EVENT_SEVERED_CLIENT = 255 }; /* session_severed, to the client */
void event_init(struct event *event, uint8_t number);
void event_send(struct rm *rm, struct task *task, struct event *event);
void event_cancel(struct rm *rm, struct task *task, struct event *event);
void event_end(struct rm *rm, struct task *task);
void watch_tell(struct rm *rm, struct watch *watch, const struct task *dead);
void watch_drop(struct rm *rm, struct watch *watch);
struct watch *watch_new(struct task *watcher, struct list *watched, uint64_t cookie,
                        struct name *of_name);

/* -- session.c --------------------------------------------------------------------------------- */
void name_settle(struct rm *rm, struct name *name);
void name_drop_server(struct rm *rm, struct name *name);
void grant_drop(struct rm *rm, struct grant *grant);
void session_sever(struct rm *rm, struct session *session, enum rm_reason reason);
bool session_step(struct rm *rm, struct session *session);
bool session_is_small(const struct session *s);
void session_leave(struct rm *rm, struct session *session, const struct task *task);
void session_settle(struct rm *rm, struct session *session);
void session_timeout(struct rm *rm, struct session *session);
void root_kill(struct rm *rm, struct root *root);

bool session_is_cut(const struct session *session);
struct session *session_of(const struct rm *rm, const struct task *task, uint64_t id);
struct session *session_of_server(const struct rm *rm, const struct task *task, uint64_t id);
struct session *session_of_client(const struct rm *rm, const struct task *task, uint64_t id);

/* Of a client that may lend or give something in it: it is open, and has a server. */
static inline struct session *session_to_give(const struct rm *rm, const struct task *task,
                                              uint64_t id)
{
	struct session *s = session_of_client(rm, task, id);
	return s && s->state == RM_SESSION_STATE_OPEN && s->server ? s : NULL;
}

/* -- share.c --------------------------------------------------------------------------------- */
bool share_reap(struct rm *rm, struct share *share);
bool share_work(struct rm *rm, struct share *share);
struct share *share_find(const struct rm *rm, uint64_t id);
void share_close(struct rm *rm, struct share *share);
void share_settle(struct rm *rm, struct share *share);
bool share_holds(struct rm *rm, struct dataspace *ds);
void window_restore(struct rm *rm, struct region *window);
bool share_hurries(struct rm *rm, const struct thread *thread);
enum rm_fault_result share_again(struct rm *rm, struct thread *thread);
enum rm_fault_result share_gone(struct rm *rm, struct thread *thread, uint64_t address,
                                uint64_t *blamed);
enum rm_fault_result share_fault(struct rm *rm, struct thread *thread, uint64_t address);

/* -- donation.c ------------------------------------------------------------------------------ */
bool donation_took(const struct dataspace *ds, uint64_t index);
bool donation_spares(const struct dataspace *ds, uint64_t first, uint64_t end);
bool donation_work(struct rm *rm, struct donation *donation);
bool donation_inherit(struct bank *bank);
bool donation_orphan(struct dataspace *home);
bool donation_detach(struct rm *rm, struct session *session);
void donation_pay(struct donation *donation);
void donation_lose(struct rm *rm, struct donation *donation);

/* -- trace.c -------------------------------------------------------------------------------- */
bool trace_request(struct rm *rm, struct proto_request *request);
void trace_answer(struct rm *rm, const struct waiter *waiter, uint64_t result,
                  const uint64_t *words, unsigned int length, slot_t cap);
enum rm_fault_answer trace_fault(struct rm *rm, uint64_t badge, uint64_t label,
                                 const uint64_t *words, unsigned int length);
void trace_fault_end(struct rm *rm, const struct thread *thread, uint64_t result);
bool request_handle(struct rm *rm, struct proto_request *request);
enum rm_fault_answer fault_handle(struct rm *rm, uint64_t badge, uint64_t label,
                                  const uint64_t *words, unsigned int length);

/* -- the handlers of requests, each beside what it is about; struct rm_ops has their types ----- */
#define HANDLER(name) __typeof__(*((struct rm_ops *)NULL)->name) on_##name;
#define PLANNED(name)
RM_METHODS(HANDLER, PLANNED)
#undef HANDLER
#undef PLANNED
