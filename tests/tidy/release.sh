#!/bin/bash
# release.sh - what packagers build: optimised, and over the whole program
#
# timeout: 900
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
folder=build-tests/release

# Without the tests, whose linking takes minutes.  What is found while linking
# is a warning whatever --werror says.
built() {
	if [[ ! -f $folder/build.ninja ]]; then
		meson setup "$folder" --werror --buildtype=release \
			-Db_lto=true -Dtests=false || return
	fi
	ninja -C "$folder" | tee /dev/stderr | awk '/ warning: / { bad = 1 }
		END { exit bad }'
}

check 'gcc, release, link-time optimisation' built
tap_end
