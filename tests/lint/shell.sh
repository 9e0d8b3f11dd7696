#!/bin/bash
# shell.sh - every script of ours is clean under shellcheck and names a shell
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh

mapfile -d '' scripts < <(find .ci contrib tests -type f -print0 |
	xargs -0 grep -lZE '^#!(/usr/bin/env |/bin/|/usr/bin/)(ba|da)?sh( |$)')

tap_plan ${#scripts[@]}
for script in "${scripts[@]}"; do
	# 1091: sourced files are checked with the script that sources them
	# (-x), or are not ours; 2034 and 2154: libraries and tests share
	# variables; 1090: a path known at run time.
	check "$script" shellcheck -x -P SCRIPTDIR -P . \
		-e SC1090,SC1091,SC2034,SC2154 "$script"
done
tap_end
