#!/bin/bash
# hardening.sh - the report has a row for each measure of each process
#
# usage: hardening.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

key_make report-1
agent_config "$(agent_file_cache one "$W/cache")"
agent_start
"$client" unlock -q
check 'the report is no failure, whatever it says' \
	"$client" status --hardening
report=$tap_out
check_same 'each row begins with a state and a process' '' "$(
	grep -vE '^(held|weaker|absent) +(launcher|door|vault) ' <<<"$report"
)"

# Fails for what has no row, or no reason.
has_row() {
	grep -qE "^[a-z]+ +$1 +$2 +[^ ]" <<<"$report"
}

while read -r process name; do
	check "the $process has: $name" has_row "$process" "$name"
done <<'E2'
launcher start
launcher surroundings
launcher not dumpable
launcher no core files
launcher no foreign descriptors
launcher root is far
launcher socket
launcher locks at sleep
door not dumpable
door not traced
door dies with the agent
door no core files
door no foreign descriptors
door peers
door no new code
door no capabilities
door no new privileges
door Landlock
door system call filter
vault not dumpable
vault not traced
vault dies with the agent
vault no core files
vault no foreign descriptors
vault secret memory
vault secret stack
vault no new code
vault own namespaces
vault no capabilities
vault no new privileges
vault Landlock
vault system call filter
E2
check_same 'the protocol says the same' "$(wc -l <<<"$report")" "$(
	"$client" status --json | /usr/bin/python3 -c '
import json, sys
print(len(json.load(sys.stdin)["hardening"]))'
)"
tap_end
