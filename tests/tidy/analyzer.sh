#!/bin/bash
# analyzer.sh - gcc's analyzer, which understands cleanup, finds nothing
#
# timeout: 1800
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
folder=build-tests/analyzer

# Without optimisation: with it, the analyzer misses uninitialised values.
analyzed() {
	local said
	if [[ ! -f $folder/build.ninja ]]; then
		said=$(meson setup "$folder" --werror --buildtype=debug \
			-Danalyzer=true) || { echo "$said"; return 1; }
	fi
	said=$(ninja -k 0 -C "$folder") && return
	grep -E '(error|warning): ' <<<"$said" | sort -u
	return 1
}

check 'gcc -fanalyzer' analyzed
tap_end
