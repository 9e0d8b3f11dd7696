/* landlock_domain.h - the kernel's calls for Landlock: a domain around this
 * process and all that it starts, for good
 *
 * Whatever a domain handles is refused outside its rules; every domain, of any
 * version, keeps what is in it from tracing or reading processes outside.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stdint.h>

/* include/uapi/linux/landlock.h, because Debian 12's headers end at ABI 2. */
#define LANDLOCK_FS_ABI1        0x1fffULL /* execute ... make_sym */
#define LANDLOCK_FS_MAKE_BLOCK  (1ULL << 11)
#define LANDLOCK_FS_REFER       (1ULL << 13)
#define LANDLOCK_FS_TRUNCATE    (1ULL << 14)
#define LANDLOCK_FS_IOCTL_DEV   (1ULL << 15)
#define LANDLOCK_NET_TCP        0x3ULL /* bind, connect */
#define LANDLOCK_SCOPE_ABSTRACT (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL   (1ULL << 1)

/* The version that brought each. */
#define LANDLOCK_ABI_REFER     2
#define LANDLOCK_ABI_TRUNCATE  3
#define LANDLOCK_ABI_NET       4
#define LANDLOCK_ABI_IOCTL_DEV 5
#define LANDLOCK_ABI_SCOPE     6

/* The kernel's struct landlock_ruleset_attr: it may be longer than the one that
 * the kernel knows when the rest is zero. */
struct landlock_handled {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

/* The version, from 1 up; -errno where there is none. */
must_check int landlock_abi(void);

/* Enters a domain that allows, of what it handles, fs_below_root on every file
 * below "/", and nothing else.  Needs no_new_privs.  0 or -errno. */
must_check int landlock_enter(const struct landlock_handled *handled,
                              uint64_t fs_below_root);
