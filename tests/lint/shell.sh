#!/bin/bash
# shell.sh - every script of ours is clean under shellcheck and names a shell
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh

mapfile -d '' scripts < <(find .ci contrib tests -type f -print0 |
	xargs -0 grep -lZE '^#!(/usr/bin/env |/bin/|/usr/bin/)(ba|da)?sh( |$)')
libraries=(tests/lib/*.sh)

# 2015: "a && b || c" where c may run after b fails; 1090, 1091: files found at run time; 2034, 2153, 2154: a library and what
# sources it share variables; 2119: an argument that may be left out.
for script in "${scripts[@]}"; do
	check "$script" shellcheck -x -e SC1090,SC1091,SC2015,SC2034,SC2119,SC2153,SC2154 \
		"$script"
done
check 'the libraries of the tests' shellcheck -s bash \
	-e SC2015,SC2034,SC2119,SC2120,SC2153,SC2154 "${libraries[@]}"
tap_end
