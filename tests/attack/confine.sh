#!/bin/bash
# confine.sh - from a confined command no route of the same user leads out
#
# usage: confine.sh [BUILD-FOLDER]
# beside: anything
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
. "$(dirname "$0")/../lib/confine.sh"

# Made by root, for the user who runs the rest.
if [[ $(id -u) == 0 ]]; then
	setuid_place=$(mktemp -d /tmp/s.XXXX) || exit
	trap 'rm -rf "$setuid_place"' EXIT
	chmod 755 "$setuid_place"
	install -m 4755 /usr/bin/id "$setuid_place/id" || exit
	export CONFINE_SETUID=$setuid_place/id
fi
prey_user "$@"
prey_begin "$@"
CONFINE_SETUID=${CONFINE_SETUID:-}
confine_walk
tap_end
