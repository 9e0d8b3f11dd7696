#!/bin/bash
# statuses.sh - wrong usage and unsafe places end with the promised status
#
# usage: statuses.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

key_make status-1
agent_config "$(agent_file_cache one "$W/cache")"

# Inside a user namespace that an ordinary user owns.  Root becomes one first;
# the program is named by a descriptor, as nobody may not enter our folders.
in_user_namespace() {
	local drop=()
	if [[ $(id -u) == 0 ]]; then
		drop=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	fi
	"${drop[@]}" unshare --user --map-root-user "$@"
}

one_line() {
	(($(wc -l <<<"$tap_out") <= 2))
}

check_status 'the agent: an unknown option is wrong usage' 64 "$agent" --nonsense
check_says 'which is named' nonsense
check 'in two lines at most' one_line
check_status 'the agent: an option without its argument' 64 "$agent" -t
check_status 'the agent: a time that is none' 64 "$agent" -t soon
check_status 'the agent: -k and a command' 64 "$agent" -k true
check_status 'the agent: -- and no command' 64 "$agent" --
check_status 'the client: no command' 64 "$client"
check_status 'the client: an unknown command' 64 "$client" nonsense
check_status 'push: no path' 64 "$client" push
check_status 'push: an unknown option' 64 "$client" push --nonsense x
check_status 'push: a number that is none' 64 "$client" push --jobs many x
check_status 'status: a word too many' 64 "$client" status now

check 'the agent has a version' "$agent" --version
version=$tap_out
check 'the client has one' "$client" --version
check_same 'it is the same' "${version##* }" "${tap_out##* }"

check_status 'a configuration that is not there' 1 \
	"$agent" --config "$W/nothing" -- true
check_says 'is named' "$W/nothing"
check_status '--allow-weak of something unknown is wrong usage' 64 \
	"$agent" --allow-weak everything -- true

if in_user_namespace true 2>/dev/null; then
	exec 9<"$agent"
	check_status 'inside a foreign user namespace it refuses' 71 \
		in_user_namespace /proc/self/fd/9 -- true
	check_says 'and says why' 'user namespace'
	exec 9<&-
else
	skip 'inside a foreign user namespace it refuses' 'none can be made here'
	skip 'and says why' 'none can be made here'
fi
if strace -o /dev/null true 2>/dev/null; then
	check_status 'under a tracer it refuses' 71 \
		strace -o /dev/null "$agent" -- true
else
	skip 'under a tracer it refuses' 'nothing can be traced here'
fi
tap_end
