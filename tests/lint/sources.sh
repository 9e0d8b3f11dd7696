#!/bin/bash
# sources.sh - the shape of every C file: format, size, words, lonely headers
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh

lines_max=500
mapfile -t files < <(find protocol agent client tests -name '*.[ch]' | sort)
mapfile -t headers < <(printf '%s\n' "${files[@]}" | grep '\.h$')

all_are_formatted() {
	local found
	found=$(clang-format --dry-run -Werror "${files[@]}" 2>&1 |
		sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: error.*/\1/p' | sort | uniq -c)
	[[ ! $found ]] || { echo "$found"; return 1; }
}

none_is_too_long() {
	wc -l "${files[@]}" | awk -v max=$lines_max \
		'$2 != "total" && $1 > max { print $2 ": " $1 " lines"; bad = 1 }
		END { exit bad }'
}

headers_start_with_their_sentence() {
	local header name status=0
	for header in "${headers[@]}"; do
		name=$(basename "$header")
		if ! head -n 1 "$header" | grep -qF "/* $name - "; then
			echo "$header: the first line is not /* $name - ..."
			status=1
		fi
		if ! grep -qx '#pragma once' "$header"; then
			echo "$header: no #pragma once"
			status=1
		fi
	done
	return $status
}

headers_stand_alone() {
	local flags
	read -ra flags < <(pkg-config --cflags libsodium openssl libcurl \
		libseccomp json-c libzstd liblzma)
	printf '%s\0' "${headers[@]}" | xargs -0 -P 2 -n 1 \
		cc -std=gnu17 -D_GNU_SOURCE -I. "${flags[@]}" -fsyntax-only -Wall \
		-Wno-pragma-once-outside-header -x c -include stddef.h
}

# Code without its comments, one file after another: "name:line".
bare=$(mktemp) || exit
trap 'rm -f "$bare"' EXIT
for file in "${files[@]}"; do
	cc -fpreprocessed -dD -E -P -x c "$file" 2>/dev/null |
		sed "s,^,$file:,"
done >"$bare"

# none_uses PATTERN PLACE: nowhere in files whose path begins so.
none_uses() {
	! grep -E "^$2.*:" "$bare" | grep -E ":(|.*[^a-zA-Z0-9_])($1)"
}

no_source_is_included() {
	! grep -nE '^# *include .*\.c[">]' "${files[@]}"
}

nothing_is_left_open() {
	! grep -rnEw 'TO[D]O|FIX[M]E|X[X]X|HA[C]K' --include='*' .ci agent \
		client contrib protocol tests meson.build README.md
}

check 'every file is as clang-format would have it' all_are_formatted
check "no file is longer than $lines_max lines" none_is_too_long
check 'every header begins with its sentence' headers_start_with_their_sentence
check 'every header can be included alone' headers_stand_alone
check 'nobody calls an unbounded or process-wide function' none_uses \
	'(v?sprintf|strcpy|strcat|stpcpy|strtok|ato[ifl]|atoll|system|popen|alloca|gets|tmpnam|tempnam|mktemp) *\(' ''
check 'nobody sleeps to wait' none_uses '(u?sleep|nanosleep) *\(' \
	'(agent|client|protocol)/'
check 'nobody jumps' none_uses 'goto ' ''
check 'types have no second name' none_uses 'typedef ' \
	'(agent|client|protocol)/'
check 'nobody includes a source file' no_source_is_included
check 'nothing is left open' nothing_is_left_open
tap_end
