/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manifest's parser: what a program gets, every mistake by line and word, that no text whatever
 * breaks it, and the systems' own manifests.
 */
#include "manifest.h"
#include "text.h"
#include <unit_test.h>

static struct manifest manifest;
static struct manifest_error error;

/* In memory of the text's very size, so that the sanitizer sees a step beyond. Not freed: the
 * manifest's strings lie in it. */
static bool parse(const char *text, size_t bytes)
{
	static char *copy;
	free(copy);
	copy = malloc(bytes + 1);
	CHECK(copy);
	memcpy(copy, text, bytes);
	return manifest_parse(&manifest, copy, bytes, &error);
}

static void check_good(void)
{
	const char *text = "system static # sealed\n"
	                   "\n"
	                   "program one\n"
	                   "\tfile other\r"
	                   "program";
	CHECK(!parse(text, strlen(text)) && error.line == 4);
	text = "program one\ntrace";
	CHECK(!parse(text, strlen(text)) && error.line == 2);
	text = "system static # sealed\ntrace\n"
	       "program one\n"
	       "  file other.elf\n"
	       "  arguments a -b #c d\n"
	       "  environment A=1 B=\n"
	       "  serve disk\n"
	       "  connect\ttwo init\n"
	       "  ports com1 0x3f8 0x3ff\n"
	       "  interrupt line 0 4 level low\n"
	       "  limit 2M\n  guarantee 64K\n  pinned 8192\n  stack 16K\n  own-code\n"
	       "  priority 7\n  ceiling 9\n  budget 500us of 2ms\n"
	       "  restart always\n  backoff 1s\n  restarts 3 in 60s\n  watchdog 2s\n  ready\n  "
	       "vital\n"
	       "program two\n  serve two\n  once";
	bool good = parse(text, strlen(text));
	if (!good)
		fprintf(stderr, "line %u: %s %s\n", error.line, error.word, error.what);
	CHECK(good && manifest.sealed && manifest.traced && manifest.count == 2);
	const struct manifest_program *p = &manifest.programs[0];
	CHECK(strcmp(p->name, "one") == 0 && strcmp(p->file, "other.elf") == 0 && p->line == 3);
	CHECK(p->args_count == 3 && strcmp(p->args[0], "one") == 0 &&
	      strcmp(p->args[2], "-b") == 0);
	CHECK(p->env_count == 2 && strcmp(p->env[1], "B=") == 0);
	CHECK(p->names_count == 3 && p->names[0].serve && !p->names[1].serve);
	CHECK(p->devices_count == 2 && p->devices[0].first == 0x3f8 && p->devices[0].last == 0x3ff);
	CHECK(p->devices[1].is_interrupt && p->devices[1].pin == 4 && p->devices[1].level &&
	      p->devices[1].low);
	CHECK(p->limit == 2 << 20 && p->guarantee == 65536 && p->pinned == 8192);
	CHECK(p->stack_bytes == 16384 && p->own_code && !manifest.programs[1].own_code);
	CHECK(p->priority == 7 && p->ceiling == 9);
	CHECK(p->budget_us == 500 && p->period_us == 2000 && p->restart == MANIFEST_ALWAYS);
	CHECK(p->backoff_ms == 1000 && p->restarts == 3 && p->within_ms == 60000 &&
	      p->watchdog_ms == 2000 && p->ready && p->vital);
	p = &manifest.programs[1];
	CHECK(p->once && p->restart == MANIFEST_NEVER && p->ceiling == 100 && p->args_count == 1);
	CHECK(manifest_find(&manifest, "two") == 1 && manifest_find(&manifest, "three") == -1);
}

/* Texts, the line and word that are wrong. */
static const struct {
	const char *text;
	uint32_t line;
	const char *word;
} wrong[] = {
	{ "", 0, "" },
	{ "# nothing\n", 1, "" },
	{ "limit 1M\n", 1, "limit" },
	{ "program\n", 1, "program" },
	{ "program a b\n", 1, "b" },
	{ "program A\n", 1, "A" },
	{ "program init\n", 1, "init" },
	{ "program a\nprogram a\n", 2, "a" },
	{ "program a2345678901234567890123456789012\n", 1, "a2345678901234567890123456789012" },
	{ "program a\nnonsense 1\n", 2, "nonsense" },
	{ "program a\nsystem static\n", 2, "system" },
	{ "system odd\n", 1, "odd" },
	{ "program a\nfile\n", 2, "file" },
	{ "program a\nfile b c\n", 2, "c" },
	{ "program a\nlimit x\n", 2, "x" },
	{ "program a\nlimit 5\n", 2, "5" },
	{ "program a\nlimit 1Q\n", 2, "1Q" },
	{ "program a\nlimit 99999999999999999999\n", 2, "99999999999999999999" },
	{ "program a\nlimit 99999999G\n", 2, "99999999G" },
	{ "program a\nlimit 64K\npinned 128K\n", 1, "a" },
	{ "program a\nlimit 64K\npinned 0\nguarantee 68K\n", 1, "a" },
	{ "program a\nstack 0\n", 2, "0" },
	{ "program a\npriority 0\n", 2, "0" },
	{ "program a\npriority 254\n", 2, "254" },
	{ "program a\npriority 5\nceiling 4\n", 1, "a" },
	{ "program a\nbudget 1ms for 2ms\n", 2, "for" },
	{ "program a\nbudget 3ms of 2ms\n", 2, "3ms" },
	{ "program a\nbudget 3 of 2ms\n", 2, "3" },
	{ "program a\nrestart sometimes\n", 2, "sometimes" },
	{ "program a\nrestarts 0 in 1s\n", 2, "0" },
	{ "program a\nrestarts 3 of 1s\n", 2, "of" },
	{ "program a\nbackoff 1us\n", 2, "1us" },
	{ "program a\nwatchdog 1ms\n", 2, "1ms" },
	{ "program a\nenvironment =x\n", 2, "=x" },
	{ "program a\nenvironment x\n", 2, "x" },
	{ "program a\nserve x x\n", 2, "x" },
	{ "program a\nconnect x\n", 1, "x" },
	{ "program a\nserve init\n", 1, "init" },
	{ "program a\nserve x\nprogram b\nserve x\n", 3, "x" },
	{ "program a\nready\n", 1, "a" },
	{ "program a\nonce\nrestart always\n", 1, "a" },
	{ "program a\nonce\nprogram b\nonce\n", 3, "b" },
	{ "program a\nonce 2\n", 2, "2" },
	{ "program a\nlater 2\n", 2, "2" },
	{ "system static\nprogram a\nlater\n", 2, "a" },
	{ "program a\nvital 2\n", 2, "2" },
	{ "program a\nports com1 9 8\n", 2, "8" },
	{ "program a\nports com1 0x10000 8\n", 2, "0x10000" },
	{ "program a\nports c 1 2\nports c 3 4\n", 3, "c" },
	{ "program a\ninterrupt c 0 4 high\n", 2, "high" },
	{ "program a\narguments \x80\n", 2, "\x80" },
	{ "program a\narguments 1 2 3 4 5 6 7 8 9 a b c d e f g\n", 2, "g" },
};

static void check_wrong(void)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		error.line = 99;
		bool good = parse(wrong[i].text, strlen(wrong[i].text));
		if (!good && error.line == wrong[i].line && strcmp(error.word, wrong[i].word) == 0)
			continue;
		fprintf(stderr, "%s: good %d, line %u, \"%s\" %s\n", wrong[i].text, good,
		        error.line, error.word, error.what);
		exit(1);
	}
	CHECK(!parse("program a\0b\n", 12) && error.line == 1);
}

/* Lines of words that mean something, in any order, and any bytes in between. */
static void check_noise(void)
{
	static const char *const words[] = {
		"program", "system",  "static", "file",      "arguments", "environment", "serve",
		"connect", "ports",   "limit",  "interrupt", "guarantee", "pinned",      "stack",
		"budget",  "restart", "ready",  "restarts",  "once",      "priority",    "in",
		"of",      "1M",      "0x10",   "8K",        "10ms",      "always",      "a",
		"b",       "A=1",     "\n",     "\n",        "\n",        "init",        "\n"
	};
	test_start(1);
	for (int run = 0; run < 30000; run++) {
		char text[2000];
		size_t bytes = 0;
		for (int i = 0; i < 100 && bytes < 1900; i++) {
			uint32_t r = (uint32_t)(test_random() >> 32);
			if (r % 64 == 0)
				text[bytes++] = (char)(r >> 8);
			const char *word = words[r / 64 % (sizeof(words) / sizeof(words[0]))];
			memcpy(text + bytes, word, strlen(word));
			bytes += strlen(word);
			text[bytes++] = ' ';
		}
		if (!parse(text, bytes))
			CHECK(error.word && error.what && strlen(error.word) < 2000);
	}
}

static void check_file(const char *path)
{
	static char text[MANIFEST_BYTES_MAX];
	FILE *file = fopen(path, "rb");
	CHECK(file);
	size_t bytes = fread(text, 1, sizeof(text), file);
	CHECK(fclose(file) == 0 && bytes < sizeof(text));
	if (!parse(text, bytes)) {
		fprintf(stderr, "%s:%u: %s %s\n", path, error.line, error.word, error.what);
		exit(1);
	}
}

int main(void)
{
	check_good();
	check_wrong();
	check_noise();
	check_file("system/dynamic.manifest");
	check_file("system/static.manifest");
	return 0;
}
