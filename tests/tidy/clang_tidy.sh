#!/bin/bash
# clang_tidy.sh - clang builds it all, and clang-tidy finds nothing in any file
#
# timeout: 1800
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
build=build-tests/clang

# clang-tidy takes the flags of a gcc build for mistakes.
built() {
	if [[ ! -f $build/build.ninja ]]; then
		CC=clang meson setup "$build" --werror || return
	fi
	ninja -C "$build"
}

check 'clang' built

# Only what is compiled: a file that meson does not know has no flags.
mapfile -t files < <(/usr/bin/python3 - "$build" <<'PY'
import json, os, sys
with open(os.path.join(sys.argv[1], "compile_commands.json")) as f:
    print(*sorted({os.path.relpath(os.path.join(c["directory"], c["file"]))
                   for c in json.load(f)}), sep="\n")
PY
)

tidied() {
	printf '%s\0' "$@" | xargs -0 -P 2 -n 4 clang-tidy --quiet -p "$build" \
		2>/dev/null
}

for folder in $(dirname "${files[@]}" | sort -u); do
	mapfile -t here < <(printf '%s\n' "${files[@]}" |
		grep -E "^$folder/[^/]+\$")
	check "clang-tidy: $folder" tidied "${here[@]}"
done
tap_end
