#!/bin/bash
# single_flight.sh - a hundred first requests, one fetch
#
# usage: single_flight.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

requests=100
key_make single-1

# Counts its runs, and takes until it is told to go on.
cat >"$W/h/bin/slow-key" <<E2
#!/bin/sh
echo run >>'$W/runs'
while [ ! -e '$W/go-on' ]; do sleep 0.05; done
cat '$key_file'
E2
chmod 700 "$W/h/bin/slow-key"
agent_config "[cache folder]" "store = file://$W/cache" \
	"public-key = $key_public" "signing-key = command:$W/h/bin/slow-key"
agent_start

has_run() {
	(($(wc -l <"$W/runs") == $1))
}

# One peer may have 16 connections; these are all peers of their own.
waiting=()
for ((i = 0; i < requests; i++)); do
	("$client" unlock -q 2>"$W/error.$i" || echo "$i: $?" >>"$W/failed") &
	waiting+=($!)
	# The agent takes 64 connections at once; the rest come after these.
	((i != 59)) || { wait_for 20 test -s "$W/runs" && touch "$W/go-on"; }
done
for pid in "${waiting[@]}"; do
	wait "$pid"
done

check_same "none of $requests requests failed" '' \
	"$(cat "$W/failed" "$W"/error.* 2>/dev/null | head -n 5)"
check_same 'the source ran once' 1 "$(wc -l <"$W/runs")"
check_same 'and the agent says so' 1 "$(status_field sourceRuns)"

# After a lock it is one again.
rm "$W/go-on"
"$client" lock -q
waiting=()
for ((i = 0; i < 20; i++)); do
	"$client" unlock -q &
	waiting+=($!)
done
wait_for 20 has_run 2
check_same 'meanwhile the agent answers' unlocking "$(
	wait_for 20 is_state unlocking
	agent_state
)"
touch "$W/go-on"
for pid in "${waiting[@]}"; do
	wait "$pid" || echo "$pid" >>"$W/failed"
done
check_same 'after a lock it runs once more, not more often' 2 \
	"$(wc -l <"$W/runs")"
check_fails 'and nobody failed' test -s "$W/failed"
tap_end
