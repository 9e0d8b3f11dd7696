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
	if [[ ! -f $folder/build.ninja ]]; then
		meson setup "$folder" --werror --buildtype=debug \
			-Danalyzer=true || return
	fi
	ninja -C "$folder"
}

check 'gcc -fanalyzer' analyzed
tap_end
