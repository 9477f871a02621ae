/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See manifest.h. The parser goes line by line: splits it into words, looks the first one up in a
 * table, and calls what reads the rest. What can be judged only when a program, or all of them, is
 * complete comes at the end.
 */
#include "manifest.h"
#include "text.h"

struct parser {
	struct manifest *manifest;
	struct manifest_program *program; /* NULL before the first one */
	struct manifest_error *error;
	uint32_t line, count;
	char *words[MANIFEST_WORDS_MAX]; /* of the line; count of them */
};

static bool fail(struct parser *p, const char *word, const char *what)
{
	*p->error = (struct manifest_error){ p->line, word, what };
	return false;
}

/* -- words ------------------------------------------------------------------------------------- */

static bool is_name(const char *word)
{
	size_t length = 0;
	for (; word[length]; length++) {
		char c = word[length];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
		    c != '.')
			return false;
	}
	return length > 0 && length <= MANIFEST_NAME_MAX;
}

static bool take_name(struct parser *p, const char *word, const char **name)
{
	*name = word;
	return is_name(word) || fail(p, word, "is no name: 1 to 31 of a to z, 0 to 9, - _ .");
}

struct unit {
	const char *suffix;
	uint64_t factor;
};
static const struct unit plain[] = { { "", 1 }, { NULL, 0 } };
static const struct unit bytes[] = {
	{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 }
};
static const struct unit microseconds[] = {
	{ "us", 1 }, { "ms", 1000 }, { "s", 1000000 }, { NULL, 0 }
};

/* A number with one of the units, in low..high. */
static bool take_number(struct parser *p, const char *word, const struct unit *unit, uint64_t low,
                        uint64_t high, uint64_t *value)
{
	const char *rest = text_number(word, value);
	if (!rest)
		return fail(p, word, "is no number");
	while (unit->suffix && !text_equal(rest, unit->suffix))
		unit++;
	if (!unit->suffix)
		return fail(p, word, "has another unit than may stand here");
	if (*value > high / unit->factor)
		return fail(p, word, "is too large");
	*value *= unit->factor;
	return *value >= low || fail(p, word, "is too small");
}

static bool take_pages(struct parser *p, const char *word, uint64_t *value)
{
	return take_number(p, word, bytes, 0, 1ull << 46, value) &&
	       (*value % 4096 == 0 || fail(p, word, "is no multiple of 4K"));
}

/* The line has words behind its first one. */
static bool has_some(struct parser *p)
{
	return p->count > 1 || fail(p, p->words[0], "has too few words behind it");
}

/* As many; high + 1 is less than MANIFEST_WORDS_MAX. */
static bool has_words(struct parser *p, uint32_t low, uint32_t high)
{
	if (p->count - 1 < low)
		return fail(p, p->words[0], "has too few words behind it");
	return p->count - 1 <= high || fail(p, p->words[high + 1], "is one word too many");
}

/* -- lines ------------------------------------------------------------------------------------- */

static bool on_program(struct parser *p)
{
	struct manifest *m = p->manifest;
	const char *name;
	if (!has_words(p, 1, 1) || !take_name(p, p->words[1], &name))
		return false;
	if (text_equal(name, "init"))
		return fail(p, name, "is init's own name");
	if (manifest_find(m, name) >= 0)
		return fail(p, name, "is the name of a program above");
	if (m->count == MANIFEST_PROGRAMS_MAX)
		return fail(p, name, "is one program too many");
	p->program = &m->programs[m->count++];
	*p->program = (struct manifest_program){
		.name = name,
		.file = name,
		.line = p->line,
		.args = { name },
		.args_count = 1,
		.limit = 1 << 20,
		.pinned = 1 << 16,
		.budget_us = 10000,
		.period_us = 10000,
		.priority = 100,
		.restart = MANIFEST_FAILURE,
		.backoff_ms = 50,
		.restarts = 5,
		.within_ms = 10000,
	};
	return true;
}

static bool on_system(struct parser *p)
{
	if (p->program)
		return fail(p, p->words[0], "must stand before the first program");
	if (!has_words(p, 1, 1))
		return false;
	p->manifest->sealed = text_equal(p->words[1], "static");
	return p->manifest->sealed || text_equal(p->words[1], "dynamic") ||
	       fail(p, p->words[1], "is neither static nor dynamic");
}

static bool on_trace(struct parser *p)
{
	if (p->program)
		return fail(p, p->words[0], "must stand before the first program");
	p->manifest->traced = true;
	return has_words(p, 0, 0);
}

static bool on_file(struct parser *p)
{
	p->program->file = p->words[1];
	return has_words(p, 1, 1);
}

static bool on_arguments(struct parser *p)
{
	struct manifest_program *program = p->program;
	for (uint32_t i = 1; i < p->count; i++) {
		if (program->args_count == MANIFEST_ARGS_MAX)
			return fail(p, p->words[i], "is one argument too many");
		program->args[program->args_count++] = p->words[i];
	}
	return has_some(p);
}

static bool on_environment(struct parser *p)
{
	struct manifest_program *program = p->program;
	for (uint32_t i = 1; i < p->count; i++) {
		const char *at = p->words[i];
		while (*at && *at != '=')
			at++;
		if (*at != '=' || at == p->words[i])
			return fail(p, p->words[i], "is not of the form NAME=VALUE");
		if (program->env_count == MANIFEST_ENV_MAX)
			return fail(p, p->words[i], "is one variable too many");
		program->env[program->env_count++] = p->words[i];
	}
	return has_some(p);
}

static bool add_names(struct parser *p, bool serve)
{
	struct manifest_program *program = p->program;
	for (uint32_t i = 1; i < p->count; i++) {
		const char *name;
		if (!take_name(p, p->words[i], &name))
			return false;
		for (uint32_t j = 0; j < program->names_count; j++)
			if (text_equal(program->names[j].name, name))
				return fail(p, name, "stands in this program already");
		if (program->names_count == MANIFEST_NAMES_MAX)
			return fail(p, name, "is one name too many");
		program->names[program->names_count++] = (struct manifest_name){ name, serve };
	}
	return has_some(p);
}

static bool on_serve(struct parser *p)
{
	return add_names(p, true);
}

static bool on_connect(struct parser *p)
{
	return add_names(p, false);
}

static bool add_device(struct parser *p, const struct manifest_device *device)
{
	struct manifest_program *program = p->program;
	for (uint32_t i = 0; i < program->devices_count; i++)
		if (text_equal(program->devices[i].name, device->name))
			return fail(p, device->name, "is the name of a capability above");
	if (program->devices_count == MANIFEST_DEVICES_MAX)
		return fail(p, device->name, "is one capability too many");
	program->devices[program->devices_count++] = *device;
	return true;
}

static bool on_ports(struct parser *p)
{
	struct manifest_device device = { 0 };
	uint64_t first, last;
	if (!has_words(p, 3, 3) || !take_name(p, p->words[1], &device.name) ||
	    !take_number(p, p->words[2], plain, 0, 0xffff, &first) ||
	    !take_number(p, p->words[3], plain, first, 0xffff, &last))
		return false;
	device.first = (uint16_t)first;
	device.last = (uint16_t)last;
	return add_device(p, &device);
}

static bool on_interrupt(struct parser *p)
{
	struct manifest_device device = { .is_interrupt = true };
	uint64_t controller, pin;
	if (!has_words(p, 3, 5) || !take_name(p, p->words[1], &device.name) ||
	    !take_number(p, p->words[2], plain, 0, 255, &controller) ||
	    !take_number(p, p->words[3], plain, 0, 255, &pin))
		return false;
	for (uint32_t i = 4; i < p->count; i++) {
		if (text_equal(p->words[i], "level"))
			device.level = true;
		else if (text_equal(p->words[i], "low"))
			device.low = true;
		else
			return fail(p, p->words[i], "is neither level nor low");
	}
	device.controller = (uint8_t)controller;
	device.pin = (uint8_t)pin;
	return add_device(p, &device);
}

static bool on_limit(struct parser *p)
{
	return has_words(p, 1, 1) && take_pages(p, p->words[1], &p->program->limit);
}

static bool on_guarantee(struct parser *p)
{
	return has_words(p, 1, 1) && take_pages(p, p->words[1], &p->program->guarantee);
}

static bool on_pinned(struct parser *p)
{
	return has_words(p, 1, 1) && take_pages(p, p->words[1], &p->program->pinned);
}

static bool on_stack(struct parser *p)
{
	uint64_t value;
	if (!has_words(p, 1, 1) || !take_pages(p, p->words[1], &value))
		return false;
	p->program->stack_bytes = (uint32_t)value;
	return (value > 0 && value <= 1 << 30) || fail(p, p->words[1], "is not in 4K to 1G");
}

static bool take_priority(struct parser *p, uint8_t *priority)
{
	uint64_t value = 0;
	if (!has_words(p, 1, 1) || !take_number(p, p->words[1], plain, 1, 253, &value))
		return false;
	*priority = (uint8_t)value;
	return true;
}

static bool on_priority(struct parser *p)
{
	return take_priority(p, &p->program->priority);
}

static bool on_ceiling(struct parser *p)
{
	return take_priority(p, &p->program->ceiling);
}

/* budget TIME of TIME */
static bool on_budget(struct parser *p)
{
	uint64_t budget, period;
	if (!has_words(p, 3, 3))
		return false;
	if (!text_equal(p->words[2], "of"))
		return fail(p, p->words[2], "should be: of");
	if (!take_number(p, p->words[3], microseconds, 100, 3600000000, &period) ||
	    !take_number(p, p->words[1], microseconds, 100, period, &budget))
		return false;
	p->program->budget_us = (uint32_t)budget;
	p->program->period_us = (uint32_t)period;
	return true;
}

static bool on_restart(struct parser *p)
{
	static const char *const names[] = { [MANIFEST_NEVER] = "never",
		                             [MANIFEST_FAILURE] = "failure",
		                             [MANIFEST_ALWAYS] = "always" };
	if (!has_words(p, 1, 1))
		return false;
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (text_equal(p->words[1], names[i])) {
			p->program->restart = (enum manifest_restart)i;
			return true;
		}
	}
	return fail(p, p->words[1], "is neither always, failure nor never");
}

static bool on_backoff(struct parser *p)
{
	uint64_t value;
	if (!has_words(p, 1, 1) ||
	    !take_number(p, p->words[1], microseconds, 1000, 3600000000, &value))
		return false;
	p->program->backoff_ms = (uint32_t)(value / 1000);
	return true;
}

static bool on_watchdog(struct parser *p)
{
	uint64_t value;
	if (!has_words(p, 1, 1) ||
	    !take_number(p, p->words[1], microseconds, 10000, 3600000000, &value))
		return false;
	p->program->watchdog_ms = (uint32_t)(value / 1000);
	return true;
}

/* restarts N in TIME */
static bool on_restarts(struct parser *p)
{
	uint64_t count, within;
	if (!has_words(p, 3, 3))
		return false;
	if (!text_equal(p->words[2], "in"))
		return fail(p, p->words[2], "should be: in");
	if (!take_number(p, p->words[1], plain, 1, 1000000, &count) ||
	    !take_number(p, p->words[3], microseconds, 1000, 3600000000, &within))
		return false;
	p->program->restarts = (uint32_t)count;
	p->program->within_ms = (uint32_t)(within / 1000);
	return true;
}

static bool on_ready(struct parser *p)
{
	p->program->ready = true;
	return has_words(p, 0, 0);
}

static bool on_later(struct parser *p)
{
	p->program->later = true;
	return has_words(p, 0, 0);
}

static bool on_own_code(struct parser *p)
{
	p->program->own_code = true;
	return has_words(p, 0, 0);
}

static bool on_once(struct parser *p)
{
	p->program->once = true;
	p->program->restart = MANIFEST_NEVER;
	return has_words(p, 0, 0);
}

static bool on_vital(struct parser *p)
{
	p->program->vital = true;
	return has_words(p, 0, 0);
}

static const struct {
	const char *word;
	bool (*read)(struct parser *p);
	bool of_program;
} lines[] = {
	{ "system", on_system, false },
	{ "program", on_program, false },
	{ "file", on_file, true },
	{ "arguments", on_arguments, true },
	{ "environment", on_environment, true },
	{ "serve", on_serve, true },
	{ "connect", on_connect, true },
	{ "ports", on_ports, true },
	{ "interrupt", on_interrupt, true },
	{ "limit", on_limit, true },
	{ "guarantee", on_guarantee, true },
	{ "pinned", on_pinned, true },
	{ "stack", on_stack, true },
	{ "own-code", on_own_code, true },
	{ "priority", on_priority, true },
	{ "ceiling", on_ceiling, true },
	{ "budget", on_budget, true },
	{ "restart", on_restart, true },
	{ "backoff", on_backoff, true },
	{ "restarts", on_restarts, true },
	{ "watchdog", on_watchdog, true },
	{ "ready", on_ready, true },
	{ "later", on_later, true },
	{ "once", on_once, true },
	{ "trace", on_trace, false },
	{ "vital", on_vital, true },
};

static bool read_line(struct parser *p)
{
	for (unsigned int i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!text_equal(p->words[0], lines[i].word))
			continue;
		if (lines[i].of_program && !p->program)
			return fail(p, p->words[0], "must stand behind a line `program NAME`");
		return lines[i].read(p);
	}
	return fail(p, p->words[0], "is nothing that a line can begin with");
}

/* -- what only the whole shows ----------------------------------------------------------------- */

static const struct manifest_program *server_of(const struct manifest *m, const char *name)
{
	for (uint32_t i = 0; i < m->count; i++)
		for (uint32_t j = 0; j < m->programs[i].names_count; j++)
			if (m->programs[i].names[j].serve &&
			    text_equal(m->programs[i].names[j].name, name))
				return &m->programs[i];
	return NULL;
}

static bool check_names(struct parser *p, const struct manifest_program *program)
{
	bool knows_init = false;
	for (uint32_t i = 0; i < program->names_count; i++) {
		const struct manifest_name *name = &program->names[i];
		bool of_init = text_equal(name->name, "init");
		const struct manifest_program *server = server_of(p->manifest, name->name);
		if (name->serve && of_init)
			return fail(p, name->name, "is served by init itself");
		if (name->serve && server != program)
			return fail(p, name->name, "is served by a program above");
		if (!name->serve && !of_init && !server)
			return fail(p, name->name, "is served by no program");
		knows_init = knows_init || of_init;
	}
	return !program->ready || knows_init ||
	       fail(p, program->name, "says that it is ready, but may not connect to init");
}

static bool check_program(struct parser *p, struct manifest_program *program)
{
	p->line = program->line;
	if (program->ceiling == 0)
		program->ceiling = program->priority;
	if (program->ceiling < program->priority)
		return fail(p, program->name, "has a priority above its ceiling");
	if (program->guarantee > program->limit)
		return fail(p, program->name, "has a guarantee above its limit");
	if (program->pinned > program->limit)
		return fail(p, program->name, "may pin more than its limit");
	if (program->later && p->manifest->sealed)
		return fail(p, program->name, "cannot be started later: the system is static");
	if (program->once && program->restart != MANIFEST_NEVER)
		return fail(p, program->name, "is to run once, and to be started again");
	return check_names(p, program);
}

static bool check_all(struct parser *p)
{
	struct manifest *m = p->manifest;
	const struct manifest_program *once = NULL;
	if (m->count == 0)
		return fail(p, "", "there is no program");
	for (uint32_t i = 0; i < m->count; i++) {
		if (!check_program(p, &m->programs[i]))
			return false;
		if (once && m->programs[i].once)
			return fail(p, m->programs[i].name, "is a second one to run once");
		if (m->programs[i].once)
			once = &m->programs[i];
	}
	return true;
}

/* -- text -------------------------------------------------------------------------------------- */

/* Splits a line, which ends with 0, into words. */
static bool split(struct parser *p, char *at)
{
	p->count = 0;
	for (;;) {
		while (*at == ' ' || *at == '\t')
			at++;
		if (*at == 0 || *at == '#')
			return true;
		if (p->count == MANIFEST_WORDS_MAX)
			return fail(p, at, "is one word too many for a line");
		p->words[p->count++] = at;
		while (*at && *at != ' ' && *at != '\t') {
			if (*at < '!' || *at > '~')
				return fail(p, p->words[p->count - 1],
				            "has a character that is none of ASCII");
			at++;
		}
		if (*at)
			*at++ = 0;
	}
}

int manifest_find(const struct manifest *manifest, const char *name)
{
	for (uint32_t i = 0; i < manifest->count; i++)
		if (text_equal(manifest->programs[i].name, name))
			return (int)i;
	return -1;
}

bool manifest_parse(struct manifest *manifest, char *text, size_t size,
                    struct manifest_error *error)
{
	struct parser p = { .manifest = manifest, .error = error };
	*manifest = (struct manifest){ 0 };
	text[size] = 0;
	for (size_t at = 0; at < size;) {
		size_t end = at;
		p.line++;
		while (end < size && text[end] != '\n') {
			if (text[end] == 0)
				return fail(&p, "", "has a character 0");
			end++;
		}
		text[end] = 0;
		if (!split(&p, text + at) || (p.count > 0 && !read_line(&p)))
			return false;
		at = end + 1;
	}
	return check_all(&p);
}
