#include "agent/door/approval_prompt.h"

#include <stdio.h>
#include <string.h>

#define EXE_SHOWN_MAX  160 /* the end of a longer one */
#define WHAT_SHOWN_MAX 400

/* Quotes would end ours, the rest means something to dialogs (markup) and to
 * scripts. */
static bool is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && !strchr("\"'`<>&\\$", c);
}

/* Copies at most size-1 bytes of text, what is not plain as '?'. */
static void put_plain(const char *text, char *out, size_t size)
{
	size_t len = 0;

	for (; text[len] != '\0' && len + 1 < size; len++)
		out[len] = text[len];
	out[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		if (!is_plain(out[i]))
			out[i] = '?';
	}
}

static void put_program(const char *exe, char *out, size_t size)
{
	char shown[EXE_SHOWN_MAX + 1];
	size_t len = strlen(exe);
	bool is_cut = len > EXE_SHOWN_MAX;

	put_plain(is_cut ? exe + len - EXE_SHOWN_MAX : exe, shown,
	          sizeof(shown));
	(void)snprintf(out, size, len > 0 ? "\"%s%s\"" : "%s%s",
	               is_cut ? "..." : "",
	               len > 0 ? shown : "a program that cannot be seen");
}

void approval_prompt(const struct approval_question *question,
                     const struct config *config, uint32_t window,
                     char ret_text[ERRAND_TEXT_MAX])
{
	/* Unlocking is of all caches. */
	bool is_of_cache = question->kind != CONFIRM_UNLOCK;
	char program[EXE_SHOWN_MAX + 8];
	char what[WHAT_SHOWN_MAX + 1];
	int len;

	put_program(question->peer->exe, program, sizeof(program));
	put_plain(question->what, what, sizeof(what));
	len = snprintf(ret_text, ERRAND_TEXT_MAX,
	               "nixcache-agent%s%s: may %s (process %d of user %u) "
	               "%s? ",
	               is_of_cache ? ", cache " : "",
	               is_of_cache ? config->caches[question->cache].name : "",
	               program, (int)question->peer->pid,
	               (unsigned)question->peer->uid, what);
	if (window > 0) {
		(void)snprintf(ret_text + len, ERRAND_TEXT_MAX - (size_t)len,
		               "A yes is good for %u seconds.",
		               (unsigned)window);
	} else {
		(void)snprintf(ret_text + len, ERRAND_TEXT_MAX - (size_t)len,
		               "A yes is good for this once.");
	}
}
