#include "protocol/nix/store_path.h"

#include "protocol/base/alnum.h"
#include "protocol/nix/nix32.h"

#include <errno.h>
#include <string.h>

bool store_path_is_name_char(char c)
{
	static const bool is_name[UINT8_MAX + 1] = {
		ALNUM_ROWS,   ['+'] = true, ['-'] = true, ['.'] = true,
		['_'] = true, ['?'] = true, ['='] = true,
	};

	return is_name[(uint8_t)c];
}

/* Nix 2.22 and later refuse a name whose part before the first dash is "." or
 * ".." (src/libstore/path.cc, checkName). */
static bool begins_with_dots(const char *name, size_t len)
{
	const char *dash = memchr(name, '-', len);
	size_t part = dash ? (size_t)(dash - name) : len;

	return (part == 1 && name[0] == '.') ||
	       (part == 2 && name[0] == '.' && name[1] == '.');
}

static bool name_is_valid(const char *name, size_t len)
{
	if (len == 0 || len > STORE_PATH_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!store_path_is_name_char(name[i]))
			return false;
	}
	return !begins_with_dots(name, len);
}

bool store_path_base_is_valid(const char *base, size_t len)
{
	if (len <= STORE_PATH_HASH_LEN || base[STORE_PATH_HASH_LEN] != '-')
		return false;
	for (size_t i = 0; i < STORE_PATH_HASH_LEN; i++) {
		if (!nix32_is_digit(base[i]))
			return false;
	}
	return name_is_valid(base + STORE_PATH_HASH_LEN + 1,
	                     len - STORE_PATH_HASH_LEN - 1);
}

/* One part of a directory.  The separators of a fingerprint are refused, so
 * that no store directory can make one read as another. */
static bool dir_part_is_valid(const char *part, size_t len)
{
	if (len == 0 ||
	    (part[0] == '.' && (len == 1 || (len == 2 && part[1] == '.'))))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (part[i] <= ' ' || part[i] > '~' || part[i] == ';' ||
		    part[i] == ',')
			return false;
	}
	return true;
}

bool store_dir_is_valid(const char *dir, size_t len)
{
	size_t at = 0;

	if (len < 2 || len > STORE_DIR_MAX)
		return false;
	while (at < len) {
		const char *part = dir + at + 1;
		const char *slash = memchr(part, '/', len - at - 1);
		size_t part_len = slash ? (size_t)(slash - part) : len - at - 1;

		if (dir[at] != '/' || !dir_part_is_valid(part, part_len))
			return false;
		at += 1 + part_len;
	}
	return true;
}

/* What follows "<store_dir>/", or NULL; *ret_len is what is left of len. */
static const char *inside(const char *store_dir, const char *path, size_t len,
                          size_t *ret_len)
{
	size_t dir_len = strlen(store_dir);

	if (len <= dir_len || memcmp(path, store_dir, dir_len) != 0 ||
	    path[dir_len] != '/')
		return NULL;
	*ret_len = len - dir_len - 1;
	return path + dir_len + 1;
}

static int take_base(const char *base, size_t len,
                     char ret_base[STORE_PATH_BASE_SIZE])
{
	if (!store_path_base_is_valid(base, len))
		return -EINVAL;
	memcpy(ret_base, base, len);
	ret_base[len] = '\0';
	return 0;
}

int store_path_parse(const char *store_dir, const char *path, size_t len,
                     char ret_base[STORE_PATH_BASE_SIZE])
{
	size_t base_len;
	const char *base = inside(store_dir, path, len, &base_len);

	return base ? take_base(base, base_len, ret_base) : -EINVAL;
}

/* "<base>/../x" is not inside <base>. */
static bool has_parent_part(const char *path)
{
	const char *at = path;

	while ((at = strstr(at, "/..")) != NULL) {
		at += 3;
		if (*at == '\0' || *at == '/')
			return true;
	}
	return false;
}

int store_path_of(const char *store_dir, const char *path,
                  char ret_base[STORE_PATH_BASE_SIZE])
{
	size_t left;
	const char *base = inside(store_dir, path, strlen(path), &left);

	if (!base || has_parent_part(base))
		return -EINVAL;
	return take_base(base, strcspn(base, "/"), ret_base);
}
