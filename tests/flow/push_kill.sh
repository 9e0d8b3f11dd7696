#!/bin/bash
# push_kill.sh - a push that is killed leaves nothing to trip over
#
# usage: push_kill.sh [BUILD-FOLDER]
# needs: s3
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 kill
# Slow enough that there is a midst.
faults_start "$W/proxy" "$S3_ENDPOINT" && faults_set delay=40 || exit
s3_store "$faults_endpoint"

key_make kill-1
agent_config "$(agent_s3_cache main "$store_uri")"
agent_start
mib=0
! nix_can_build || mib=64
top=$(nix_make_closure 24 $mib) || exit
first=$top

narinfo_count() {
	faults_log | grep -c '^PUT .*\.narinfo 200'
}

# True as soon as that many narinfos were written since the last time.
more_narinfos() {
	(($(narinfo_count) >= narinfos_before + $1))
}

uploads() {
	s3 list-uploads "$bucket" | cut -f 1 | sort
}

# True as soon as there is an upload that was not there before.
new_upload() {
	[[ $(comm -13 <(printf '%s\n' "$uploads_before") <(uploads)) ]]
}

# killed_when SIGNAL COMMAND...: pushes, and sends the signal when it is true.
# A script's background jobs ignore SIGINT unless they are told not to.
killed_when() {
	local signal=$1 pid rc
	shift
	narinfos_before=$(narinfo_count)
	uploads_before=$(uploads)
	env --default-signal=INT "$client" push --store "$nix_root" "$top" >"$W/said" 2>&1 &
	pid=$!
	if ! wait_for 30 "$@"; then
		echo "the push never came so far"
		cat "$W/said"
		return 1
	fi
	kill "-$signal" "$pid"
	wait "$pid"
	rc=$?
	((rc != 0)) || echo "the push had ended already"
	return $((rc == 0))
}

no_upload_is_open() {
	[[ ! $(uploads) ]]
}

if ((mib > 0)); then
	check 'killed while a large path is under way' \
		killed_when KILL new_upload
	check 'what is in the cache is whole' s3_is_whole
	# Another one: what the first has left would be gone on with.
	top=$(nix_seed=other nix_make_closure 1 $mib)
	check 'interrupted while a large path is under way' \
		killed_when INT new_upload
	check 'what is in the cache is still whole' s3_is_whole
else
	skip 'killed while a large path is under way' 'no large path here'
	skip 'interrupted while a large path is under way' 'no large path here'
fi

# Each narinfo waits for those that it refers to, so a chain takes its time. A
# closure of its own for each kill: what one left is no midst for the next.
faults_set delay=80
for signal in KILL INT TERM; do
	for count in 1 4; do
		top=$(nix_seed=$signal$count nix_make_closure 24)
		check "$signal after $count narinfos" \
			killed_when $signal more_narinfos $count
		check 'what is there is whole' s3_is_whole
	done
done

faults_set delay=0
check 'the same push again goes through' \
	"$client" push --store "$nix_root" "$first" "$top"
check 'and ends what the dead ones left open' no_upload_is_open
check 'stock Nix takes it' nix_pull "$store_url" "$first" "$key_public"
check 'and has the same bytes' nix_pulled_same "$first"

# The agent goes away in the midst.
faults_set delay=150
top=$(nix_seed=2 nix_make_closure 24)
narinfos_before=$(narinfo_count)
"$client" push --store "$nix_root" "$top" >"$W/said" 2>&1 &
pushing=$!
wait_for 60 more_narinfos 1
kill -KILL "$NIXCACHE_AGENT_PID"
wait_for 60 gone "$pushing" || kill -KILL "$pushing"
wait "$pushing"
check_same 'an agent that dies under a push ends it with: no agent' 2 $?
check 'what is there is whole even so' s3_is_whole
tap_end
