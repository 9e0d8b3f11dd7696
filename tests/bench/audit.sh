#!/bin/bash
# audit.sh - what the audit log costs a signature
#
# usage: audit.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/bench.sh"
bench_begin "$@"

key_make bench-1 || exit
cache=$(agent_file_cache main "$W/cache" 'sign-policy = any')
agent_config "$cache"
agent_start && "$client" unlock -q || exit
with=$agent_socket pid=$NIXCACHE_AGENT_PID
agent_config '[agent]' 'audit = none' "$cache"
agent_start -a "$W/without.sock" && "$client" unlock -q || exit

"$tools/audit_bench" "$W/without.sock" "$with" main
rc=$?
agent_stop
export NIXCACHE_AGENT_PID=$pid NIXCACHE_AGENT_SOCK=$with
exit $rc
