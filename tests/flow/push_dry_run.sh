#!/bin/bash
# push_dry_run.sh - what --dry-run says a push will take is what it takes
#
# usage: push_dry_run.sh [BUILD-FOLDER]
# needs: s3
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 dry-run

# A proxy writes down what is asked.
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"
key_make dry-1
export XDG_STATE_HOME=$W/state
agent_config "$(agent_s3_cache main "$store_uri")" '' \
	"$(agent_file_cache folder "$W/folder")"
agent_start

# counted OPTION...: pushes, and sets class_a, class_b and class_c to the
# requests that it took.
counted() {
	faults_mark
	check "push $*" "$client" push --store "$nix_root" "$@"
	faults_classes "$bucket"
}

# said MEMBER: of the plan, from what a dry run with --json has printed.
said() {
	/usr/bin/python3 -c '
import json, sys
for line in sys.stdin:
    event = json.loads(line) if line[0] == "{" else {"event": None}
    if event["event"] == "plan":
        print(event.get(sys.argv[1], "-"))' "$1" <<<"$tap_out"
}

# compared SENTENCE OPTION...: the dry run's requests find out what is there,
# and so do the push's first ones; the others are what was said.
compared() {
	local a b c said
	counted "${@:2}" --dry-run --json
	a=$class_a b=$class_b c=$class_c
	said="$(said classA) $(said classB) $(said classC)"
	bytes=$(said fileBytes) at_most=$(said atMost) ms=$(said milliseconds)
	check_same "$1: a dry run changes nothing" 0 "$a"
	counted "${@:2}" --json
	check_same "$1: class A, B and C are as it said" "$said" \
		"$class_a $((class_b - b)) $((class_c - c))"
}

stored_bytes() {
	s3 list "$bucket" nix/cache/nar/ | awk '{ sum += $1 } END { print sum }'
}

compared 'nothing is there yet' "--to" main "$(nix_make_texts 40)"
check_same '... it does not know how well it compresses' True "$at_most"
check_same '... nor how long it takes' - "$ms"
check '... and was not below what came' test "$bytes" -ge "$(stored_bytes)"

compared 'once more' --to main "$(nix_seed=s nix_make_texts 30)"
check_same '... it knows how well it compresses' False "$at_most"
check '... and how long it takes' test "$ms" -ge 0

if nix_can_build; then
	top=$(nix_seed=l nix_make_closure 3 40)
	compared 'a large path' --to main --compression none "$top"
	check_same '... in parts' 2 "$(faults_since | grep -c '^POST ')"
else
	skip 'a large path' 'no large path here'
fi

check 'to a person' "$client" push --store "$nix_root" --to main --dry-run \
	"$(nix_seed=p nix_make_texts 10)"
check_says '... in words: bytes' 'to upload: [0-9.]+ [KM]?i?B'
check_says '... requests' \
	'requests: [0-9]+ of class A, [0-9]+ of class B, 0 of class C'
check_says '... and time' 'time: (about|at least) '

check 'to a folder' "$client" push --store "$nix_root" --to folder --dry-run \
	"$(nix_seed=f nix_make_texts 10)"
check_says '... nothing is known of the time' 'time: not known'
check_fails '... and there are no requests' grep -q requests <<<"$tap_out"
tap_end
