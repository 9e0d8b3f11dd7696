#!/bin/bash
# push_faults.sh - a network that fails now and then costs time, not truth
#
# usage: push_faults.sh [BUILD-FOLDER]
# needs: s3
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 faults
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"

key_make faults-1
agent_config "$(agent_s3_cache main "$store_uri")"
agent_start

# pushed_through FAULT=PERMILLE: a new closure, all the same.
pushed_through() {
	local top rc
	top=$(nix_seed=$1 nix_make_closure 12 "${2:-0}") || return
	faults_set "$1"
	timeout 200 "$client" push --store "$nix_root" "$top"
	rc=$?
	faults_set "${1%=*}=0"
	((rc == 0)) && nix_pull "$store_url" "$top" "$key_public"
}

for fault in busy=150 throttled=100 expired=100 reset=100 lost=100 broken=100; do
	check "$fault of 1000: pushed, and whole" pushed_through $fault
done
if nix_can_build; then
	check 'resets in the midst of a large upload' pushed_through reset=99 40
	check 'lost answers of a large upload' pushed_through lost=99 40
else
	skip 'resets in the midst of a large upload' 'no large path here'
	skip 'lost answers of a large upload' 'no large path here'
fi
check 'the cache is whole' s3_is_whole
check 'no upload was left open' test -z "$(s3 list-uploads "$bucket")"
check 'faults were met' grep -qE ' (503|429|500)$' <(faults_log)
tap_end
