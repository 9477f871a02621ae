/* SPDX-License-Identifier: BSD-2-Clause */
/* string, ctype, wctype, regex, fnmatch. */
#include "check.h"
#include <ctype.h>
#include <fnmatch.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>
#include <wctype.h>

/* Every alignment and length up to 80, against a loop. */
static bool copies_right(void)
{
	unsigned char from[128], to[128];
	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (unsigned char)(i * 7 + 1);
	for (size_t start = 0; start < 16; start++)
		for (size_t n = 0; n <= 80; n++) {
			memset(to, 0xee, sizeof(to));
			if (memcpy(to + start, from + 16 - start, n) != to + start)
				return false;
			for (size_t i = 0; i < sizeof(to); i++) {
				bool inside = i >= start && i < start + n;
				if (to[i] != (inside ? from[16 - 2 * start + i] : 0xee))
					return false;
			}
		}
	return true;
}

static bool moves_right(void)
{
	for (size_t to = 0; to < 20; to++)
		for (size_t n = 0; n <= 100; n++) {
			unsigned char b[128];
			for (size_t i = 0; i < sizeof(b); i++)
				b[i] = (unsigned char)i;
			memmove(b + to, b + 10, n);
			for (size_t i = 0; i < n; i++)
				if (b[to + i] != 10 + i)
					return false;
		}
	return true;
}

void test_memory_functions(void)
{
	CHECK(copies_right());
	CHECK(moves_right());
	char b[300];
	for (size_t n = 0; n < sizeof(b) - 2; n++) {
		memset(b, 'a', sizeof(b));
		memset(b + 1, 0, n);
		CHECK(b[0] == 'a' && b[n + 1] == 'a' && (n == 0 || (b[1] == 0 && b[n] == 0)));
	}
	CHECK(memcmp("abc", "abd", 3) < 0 && memcmp("\xff", "\x01", 1) > 0 &&
	      memcmp("a", "b", 0) == 0);
	const char *text = "the needle in the haystack, the needle";
	CHECK(memchr(text, 'n', 20) == text + 4 && !memchr(text, 'n', 4));
	CHECK(memrchr(text, 'n', strlen(text)) == text + 32);
	CHECK(memmem(text, strlen(text), "needle", 6) == text + 4);
	CHECK(memmem(text + 5, strlen(text) - 5, "needle", 6) == text + 32);
	CHECK(!memmem(text, strlen(text) - 1, "y, the needle", 13) &&
	      memmem(text, 3, "", 0) == text);
	/* Needles beyond those of 4 bytes and with long periods are found otherwise. */
	memset(b, 'a', sizeof(b));
	b[200] = 'b';
	CHECK(memmem(b, sizeof(b), "aaaaaaaaaaaaaaaab", 17) == b + 184);
}

void test_strings(void)
{
	char b[64] = "abc", *rest = NULL;
	CHECK(strlen("") == 0 && strlen("1234567890123456789") == 19 && strnlen("abc", 2) == 2);
	CHECK(strcmp(strcat(b, "def"), "abcdef") == 0 && strncmp("abcx", "abcy", 3) == 0);
	CHECK(strlcpy(b, "0123456789", 4) == 10 && strcmp(b, "012") == 0);
	CHECK(strlcat(b, "xyz", 6) == 6 && strcmp(b, "012xy") == 0);
	CHECK(stpcpy(b, "hello") == b + 5 && strncpy(b, "ab", 6) == b && b[5] == 0);
	CHECK(strchr("hello", 'l')[1] == 'l' && !strchr("hello", 'x') && *strchr("a", 0) == 0);
	CHECK(strrchr("hello", 'l')[1] == 'o' && strspn("aabbc", "ab") == 4);
	CHECK(strcspn("hello, world", " ,") == 5 && strpbrk("a=b", "=")[1] == 'b');
	CHECK(strcmp(strstr("one two three two", "two t"), "two three two") == 0);
	CHECK(!strstr("aaaaab", "aab ") && strcasestr("HeLLo", "ello"));
	CHECK(strcasecmp("ABC", "abc") == 0 && strncasecmp("ABx", "aby", 2) == 0);
	strcpy(b, ",a,,b c");
	CHECK(strcmp(strtok_r(b, ", ", &rest), "a") == 0);
	CHECK(strcmp(strtok_r(NULL, ", ", &rest), "b") == 0);
	CHECK(strcmp(strtok_r(NULL, ", ", &rest), "c") == 0 && !strtok_r(NULL, ", ", &rest));
	CHECK(strverscmp("file9", "file10") < 0 &&
	      strcmp(strerror(2), "No such file or directory") == 0);
	char *copy = strndup("duplicate", 3);
	CHECK(copy && strcmp(copy, "dup") == 0);
	free(copy);
	CHECK(wcslen(L"wide") == 4 && wcscmp(wcsstr(L"a wide b", L"wide"), L"wide b") == 0);
}

void test_characters(void)
{
	int letters = 0, digits = 0, spaces = 0, printable = 0, punctuation = 0;
	for (int c = 0; c < 256; c++) {
		letters += !!isalpha(c);
		digits += !!isdigit(c);
		spaces += !!isspace(c);
		printable += !!isprint(c);
		punctuation += !!ispunct(c);
	}
	CHECK(letters == 52 && digits == 10 && spaces == 6 && printable == 95 && punctuation == 32);
	CHECK(toupper('a') == 'A' && tolower('Z') == 'z' && toupper('1') == '1' && isxdigit('f'));
	CHECK(!isxdigit('g') && towupper(0xe9) == 0xc9 && iswalpha(0x3b1) && !iswalpha(L'1'));
}

/* Where the n-th part of the expression matches, as start * 100 + end, or -1. */
static int match(const char *expression, int flags, const char *text, unsigned int n)
{
	regex_t compiled;
	regmatch_t at[4];
	if (regcomp(&compiled, expression, flags) != 0)
		return -2;
	int err = regexec(&compiled, text, 4, at, 0);
	regfree(&compiled);
	return err ? -1 : (int)(at[n].rm_so * 100 + at[n].rm_eo);
}

void test_regular_expressions(void)
{
	regex_t broken;
	char text[64];
	CHECK(match("b+", REG_EXTENDED, "aabbbcc", 0) == 205);
	CHECK(match("^(a|ab)(c|bcd)(d*)$", REG_EXTENDED, "abcd", 0) == 4);
	CHECK(match("^([a-z]+) *= *([0-9]+)$", REG_EXTENDED, "key = 42", 2) == 608);
	CHECK(match("\\(.\\)\\1", 0, "abccba", 0) == 204);
	CHECK(match("HELLO", REG_ICASE, "say hello", 0) == 409);
	CHECK(match("x{2,3}", REG_EXTENDED, "axb", 0) == -1);
	CHECK(match("[[:digit:]]{3}$", REG_EXTENDED, "ab123", 0) == 205);
	int err = regcomp(&broken, "a(b", REG_EXTENDED);
	CHECK(err == REG_EPAREN && regerror(err, &broken, text, sizeof(text)) > 0 && text[0]);
	CHECK(fnmatch("*.[ch]", "main.c", 0) == 0 && fnmatch("*.[ch]", "main.o", 0) == FNM_NOMATCH);
	CHECK(fnmatch("a?c*", "abcdef", 0) == 0 && fnmatch("*", "a/b", FNM_PATHNAME) != 0);
}
