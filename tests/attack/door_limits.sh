#!/bin/bash
# door_limits.sh - no client keeps another from being answered
#
# usage: door_limits.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
prey_begin "$@"

prey_secrets
prey_op "$W/h/bin"
prey_config
agent_start
"$client" unlock -q
/usr/bin/python3 "$flow_root/tests/lib/door_limits.py" "$agent_socket"
status=$?
exit $status
