#!/bin/bash
# urls.sh - no URL leads outside the bucket, the prefix or the names of objects
#
# usage: urls.sh [BUILD-FOLDER]
# beside: anything
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
prey_begin "$@"

prey_secrets
prey_op "$W/h/bin"
prey_config
agent_start
"$client" unlock -q
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 \
	"$flow_root/tests/lib/hostile_urls.py" "$agent_socket"
exit $?
