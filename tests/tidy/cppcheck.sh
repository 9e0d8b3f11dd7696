#!/bin/bash
# cppcheck.sh - cppcheck finds nothing
#
# timeout: 900
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh

# memleak and resourceLeak: cppcheck 2.10 does not know the cleanup attribute.
cppcheck_all() {
	cppcheck --quiet -j 2 --template=gcc --std=c11 --library=posix --library=gnu -I . \
		--enable=warning,style,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=memleak \
		--suppress=resourceLeak --error-exitcode=1 \
		protocol agent client tests
}

check 'cppcheck' cppcheck_all
tap_end
