#!/bin/bash
# attack_index.sh - the index of attacks names every attack, and no other
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh

index=tests/attack/INDEX.md

named() {
	tr -s '\140' '\n' <"$index" | grep -xE '[a-z]+/[a-z0-9_]+' | sort -u
}

# SUITE/NAME is a script, or a C program that meson runs.
exists() {
	local suite=${1%%/*} name=${1#*/} file
	for file in "$name.sh" "test_$name.c" "$suite""_$name.c" "$name.c"; do
		[[ ! -f tests/$suite/$file ]] || return 0
	done
	return 1
}

all_named_exist() {
	local name status=0
	for name in $(named); do
		exists "$name" || { echo "$index: no test $name" && status=1; }
	done
	return $status
}

# The promise says of each line which test shows it.
all_of_the_promise_exist() {
	local name status=0
	while read -r name; do
		exists "$name" || { echo "the promise: no test $name" && status=1; }
	done < <(grep -ohE '\b(unit|flow|attack|bench)/[a-z0-9_]+' \
		SECURITY.md README.md | sort -u)
	return $status
}

attacks() {
	find tests/attack -name '*.sh' -printf 'attack/%f\n' | sed 's/\.sh$//'
	find tests/attack -name 'test_*.c' -printf 'attack/%f\n' |
		sed 's,/test_,/,; s/\.c$//'
}

all_attacks_are_named() {
	local missing
	missing=$(comm -23 <(attacks | sort -u) <(named))
	[[ ! $missing ]] || { echo "not in $index: $missing" && return 1; }
}

# Each measure that weaken.c can take away is taken away.
all_measures_are_taken_away() {
	local measure status=0
	while read -r measure; do
		grep -qE "^([a-z,-]+,)?$measure(,[a-z,-]+)?\|" \
			tests/attack/mutations.sh ||
			{ echo "mutations.sh: never $measure" && status=1; }
		grep -qE "\`([a-z,-]+,)?$measure(,[a-z,-]+)?\`" "$index" ||
			{ echo "$index: nothing of $measure" && status=1; }
	done < <(grep -oE 'is_off\("[a-z-]+"\)' tests/attack/weaken.c |
		cut -d '"' -f 2 | sort -u)
	return $status
}

check 'every test that it names is there' all_named_exist
check 'and so is every one of SECURITY.md and README.md' all_of_the_promise_exist
check 'every attack is named' all_attacks_are_named
check 'every measure is taken away once' all_measures_are_taken_away
tap_end
