#!/bin/bash
# clang_tidy.sh - clang compiles every C file, and clang-tidy finds nothing
#
# timeout: 1800
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
build='build-tests/clang'

# A build of its own: clang does not know all of gcc's options.
compiled() {
	local said
	if [[ ! -f $build/build.ninja ]]; then
		said=$(CC=clang meson setup "$build" --werror) ||
			{ echo "$said"; return 1; }
	fi
	said=$(ninja -k 0 -C "$build") && return
	grep -E '(error|warning): ' <<<"$said" | sort -u
	return 1
}
check 'clang has no warning' compiled

# Only what is compiled has flags; what was generated is nobody's to tidy.
mapfile -t files < <(/usr/bin/python3 - "$build" <<'PY'
import json, os, sys
with open(os.path.join(sys.argv[1], "compile_commands.json")) as f:
    files = {os.path.relpath(os.path.join(c["directory"], c["file"]))
             for c in json.load(f)}
print(*sorted(f for f in files if not f.startswith("build")), sep="\n")
PY
)

tidied() {
	local said
	said=$(printf '%s\0' "$@" |
		xargs -0 -P 2 -n 1 clang-tidy --quiet -p "$build" 2>/dev/null) &&
		return
	grep -E '(error|warning): ' <<<"$said" | sort -u
	return 1
}

for folder in $(dirname "${files[@]}" | sort -u); do
	mapfile -t here < <(printf '%s\n' "${files[@]}" |
		grep -E "^$folder/[^/]+\$")
	check "clang-tidy: $folder" tidied "${here[@]}"
done
tap_end
