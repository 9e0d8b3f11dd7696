#!/bin/bash
# push_resume.sh - a large path goes on where a push that was killed has stopped
#
# usage: push_resume.sh [BUILD-FOLDER]
# needs: s3
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 resume
# Slow enough that there is a midst.
faults_start "$W/proxy" "$S3_ENDPOINT" && faults_set delay=60 || exit
s3_store "$faults_endpoint"
if ! nix_can_build; then
	skip 'a large path goes on' 'Nix cannot build here'
	tap_end
	exit
fi

key_make resume-1
agent_config "$(agent_s3_cache main "$store_uri")" \
	"$(agent_s3_cache whole "${store_uri/cache?/whole?}")"
agent_start
top=$(nix_make_closure 1 160) || exit
journal=$HOME/.local/state/nixcache/journal.sqlite

# How many such lines the log has, since the mark.
count_log() {
	faults_since | grep -c "$1"
}

has_taken() {
	(($(count_log '^PUT .*/nar/.* 200$') >= $1))
}

written() {
	/usr/bin/python3 - "$journal" "$1" <<-'PY'
		import sqlite3, sys
		base = sqlite3.connect(sys.argv[1])
		print(base.execute("SELECT count(*) FROM " + sys.argv[2]).fetchone()[0])
	PY
}

# killed_at COUNT: a push that is killed when the server has so many parts.
killed_at() {
	local pid rc
	"$client" push --store "$nix_root" --to main "$top" >"$W/said" 2>&1 &
	pid=$!
	wait_for 30 has_taken "$1"
	kill -KILL "$pid"
	wait "$pid"
	rc=$?
	((rc == 137)) || cat "$W/said"
	return $((rc != 137))
}

push() {
	"$client" push --store "$nix_root" --to "$1" "$top" 2>"$W/said" || {
		cat "$W/said"
		return 1
	}
}

open_uploads() {
	s3 list-uploads "$bucket" | wc -l
}

faults_mark
check 'a push that nobody disturbs' push whole
parts=$(count_log '^PUT .*/nar/.* 200$')
check 'takes several parts' test "$parts" -ge 8
faults_mark
check 'another is killed in the midst' killed_at 4
check_same 'its upload is open' 1 "$(open_uploads)"
check_same 'and written down' 1 "$(written upload)"
stored=$(written part)
check 'with parts' test "$stored" -ge 1

faults_mark
check 'the same push again goes through' push main
# The others may be cut in another way, but not into more.
check 'parts that are stored are not sent again' \
	test "$(count_log '^PUT .*/nar/.* 200$')" -le $((parts - stored))
check_same 'no upload is left' 0 "$(open_uploads)"
check_same 'nor written down' 0 "$(written upload)"
check 'stock Nix takes it' nix_pull "$store_url" "$top" "$key_public"
check 'and has the same bytes' nix_pulled_same "$top"
faults_mark
check 'once more there is nothing to do' push main
check_same 'and nobody is asked' 0 "$(count_log .)"

# What was stored is not what we read now: the push that stored it was never told.
top=$(nix_seed=other nix_make_closure 1 160) || exit
faults_mark
check 'a push of another path is killed' killed_at 4
/usr/bin/python3 - "$journal" <<-'PY'
	import sqlite3, sys
	base = sqlite3.connect(sys.argv[1])
	base.execute("UPDATE part SET so_far = zeroblob(32)")
	base.commit()
PY
check_fails 'what it has stored of other bytes is not gone on with' push main
check 'which is said' grep -q 'read from other bytes' "$W/said"
check_same 'it is ended' '0 0' "$(open_uploads) $(written upload)"
check 'and the next push begins anew' push main
check 'so that all is right' nix_pull "$store_url" "$top" "$key_public"
tap_end
