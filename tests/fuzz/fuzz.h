/* fuzz.h - what every fuzzer needs: its entry, and a word for "always" */
#pragma once

#include "protocol/base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

_Noreturn static inline void fuzz_failed(const char *file, int line,
                                         const char *what)
{
	(void)fprintf(stderr, "%s:%d: must: %s\n", file, line, what);
	abort();
}

/* What is not so is a finding: libFuzzer keeps the input that led here. */
#define MUST(cond) ((cond) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #cond))

/* An exact copy with a NUL behind it, so that a sanitizer sees what is read
 * beyond.  The caller frees. */
static inline char *fuzz_text(const uint8_t *bytes, size_t len)
{
	char *text = malloc(len + 1);

	MUST(text);
	if (len > 0)
		memcpy(text, bytes, len);
	text[len] = '\0';
	return text;
}

/* Fit to be shown: no control character (C1 has two forms), ended within
 * size. */
static inline void fuzz_check_printable(const char *text, size_t size)
{
	size_t len = strnlen(text, size);
	unsigned char last = 0;

	MUST(len < size);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		MUST(c >= 0x20 && c != 0x7f);
		MUST(c < 0x80 || c >= 0xa0 || (last >= 0x80 && last != 0xc2));
		last = c;
	}
}
