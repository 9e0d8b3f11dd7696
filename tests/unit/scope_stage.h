/* scope_stage.h - a scope to ask, and what it should answer, written out */
#pragma once

#include "agent/door/scope/scope.h"
#include "agent/pattern.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH32 "0123456789abcdfghijklmnpqrsvwxyz"
#define HASH40 "0123456789abcdef0123456789abcdef01234567"
#define HASH52 "0123456789abcdfghijklmnpqrsvwxyz01234567890123456789"
#define HASH64 \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW 1000000

/* What is wanted, written out once more and in another way than the table: for
 * each permission a letter for each kind: '.' nobody, 'o' the owner, 'w' owner
 * and push, 'a' all three. */
static const char kinds[] = "-INLnbdRT";
static const struct {
	const char *permission;
	const char *cells; /* in the order of kinds */
} wanted[] = {
	{ "Unlock", "a........" },
	{ "Lock", "o........" },
	{ "Quit", "o........" },
	{ "Sign", "w........" },
	{ "GetObject", ".aaaaaaaa" },
	{ "HeadObject", ".aaaaaaaa" },
	{ "PutObject", ".wwwwwwww" },
	{ "ListObjectsV2", "a........" },
	{ "CreateMultipartUpload", ".oowwwwoo" },
	{ "UploadPart", ".oowwwwoo" },
	{ "CompleteMultipartUpload", ".oowwwwoo" },
	{ "AbortMultipartUpload", ".oowwwwoo" },
	{ "ListParts", ".oowwwwoo" },
	{ "ListMultipartUploads", "w........" },
	{ "DeleteObject", ".oooooooo" },
};

/* A key of each kind. */
static const char *const samples[] = {
	"",
	"nix-cache-info",
	HASH32 ".narinfo",
	HASH32 ".ls",
	"nar/" HASH52 ".nar.zst",
	"log/" HASH32 "-a.drv",
	"debuginfo/" HASH40 ".debug",
	"realisations/sha256:" HASH64 "!out.doi",
	"build-trace-v2/" HASH32 "-a.drv/out.doi",
};

struct stage {
	struct grant grant;
	struct scope_use use;
	struct scope scope;
	struct config_cache caches[2];
	struct config config;
	struct error_reply error;
};

static inline void set_up(struct stage *s, enum scope_base base)
{
	static char first[] = "one", second[] = "two";

	*s = (struct stage){ .use = { 0 } };
	grant_init(&s->grant, base);
	s->scope = (struct scope){
		.socket = &s->grant,
		.socket_use = &s->use,
		.name = scope_base_name(base),
	};
	s->caches[0].name = first;
	s->caches[1].name = second;
	s->config = (struct config){ .caches = s->caches, .cache_count = 2 };
}

static inline void tear_down(struct stage *s)
{
	scope_clear(&s->scope);
	grant_clear(&s->grant);
}

static inline struct scope_item item_for(int permission, const char *key)
{
	return (struct scope_item){
		.permission = (enum permission)permission,
		.cache = permission < PERMIT_SIGN ? SCOPE_NO_CACHE : 0,
		.cache_name = "one",
		.key = bytes_of_text(key),
		.store_path = "abc-hello",
	};
}

static inline bool is_given(struct stage *s, const struct scope_item *item)
{
	return scope_decide(&s->scope, item, NOW, &s->error) == GATE_PASSED;
}

static inline bool is_wanted(char cell, enum scope_base base)
{
	switch (cell) {
	case 'a':
		return true;
	case 'w':
		return base != SCOPE_PULL;
	case 'o':
		return base == SCOPE_OWNER;
	default:
		return false;
	}
}

static inline size_t row_of(int permission)
{
	const char *name = permission_name((enum permission)permission);

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (strcmp(wanted[i].permission, name) == 0)
			return i;
	}
	(void)printf("# %s is in no row of this test\n", name);
	CHECK(false);
	return 0;
}

static inline void add(struct strings *list, const char *text)
{
	if (strings_add(list, text, strlen(text)) < 0)
		abort();
}
