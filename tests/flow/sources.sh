#!/bin/bash
# sources.sh - each source of secrets, and what is left of the secret after it
#
# usage: sources.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

key_make sources-1
top=$(nix_make_closure 2) || exit
seed=${key_secret#*:}

config_with() {
	agent_config "[cache folder]" "store = file://$W/cache" \
		"public-key = $key_public" "signing-key = $1"
}

pushes() {
	rm -rf "$W/cache"
	"$client" push --store "$nix_root" "$top" &&
		nix_pull "file://$W/cache" "$top" "$key_public"
}

# Root may look; as an ordinary user the kernel refuses, which is better still.
in_some_environ() {
	local pid
	for pid in $(agent_processes); do
		grep -qaF "$1" "/proc/$pid/environ" 2>/dev/null && return
	done
	return 1
}

in_some_argv() {
	local pid
	for pid in $(agent_processes); do
		grep -qaF "$1" "/proc/$pid/cmdline" && return
	done
	return 1
}

# env:
config_with env:MY_KEY
export MY_KEY=$key_secret CONTROL_VALUE=control-of-the-look
"$agent" -s >"$W/words"
unset MY_KEY
eval "$(cat "$W/words")" >/dev/null
check 'env: pushes' pushes
check_fails 'env: its value is in no environ of the agent' \
	in_some_environ "$seed"
if [[ -r /proc/$NIXCACHE_AGENT_PID/environ ]]; then
	check 'env: the look sees what else is there' \
		in_some_environ "$CONTROL_VALUE"
else
	skip 'env: the look sees what else is there' 'environ is unreadable'
fi
check_fails 'env: nor in any argument' in_some_argv "$seed"
"$client" lock -q
check_status 'env: once spent it cannot be had again' 5 "$client" unlock
check_says 'env: and that is said' 'spent|once|again'
agent_stop
MY_KEY=$key_secret "$agent" -- sh -c 'printenv MY_KEY' >"$W/seen"
check_fails 'env: a command does not inherit it' grep -q . "$W/seen"
check_status 'env: a variable that is not there' 1 "$agent" -- true
check_says 'env: is named' MY_KEY

# fd:
config_with fd:7
agent_start 7< <(printf '%s\n' "$key_secret")
check 'fd: pushes' pushes
check_status 'fd: cannot be had twice' 5 sh -c \
	"'$client' lock && '$client' unlock"
agent_stop
# Also where the agent has descriptors of its own by the time it looks.
all_unopened_are_refused() {
	local fd
	for fd in 3 4 5 6 7 8 9 10 11 12 300; do
		config_with fd:$fd
		timeout 10 "$agent" -- true 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- \
			9<&- 10<&- 11<&- 12<&-
		(($? == 1)) || { echo "fd:$fd: $?"; return 1; }
	done
}
check 'fd: a descriptor that is not open' all_unopened_are_refused

# credential:
mkdir -m 700 "$W/credentials"
secret_file "$W/credentials/nix-key" "$key_secret"
export CREDENTIALS_DIRECTORY=$W/credentials
config_with credential:nix-key
agent_start
check 'credential: pushes' pushes
check 'credential: can be had again' sh -c "'$client' lock && '$client' unlock"
agent_stop
unset CREDENTIALS_DIRECTORY

# command:
config_with "command:cat '$key_file'"
agent_start
check 'command: pushes' pushes
check 'command: can be had again' sh -c "'$client' lock && '$client' unlock"
agent_stop
for case in 'exit 3' 'true' 'head -c 9000000 /dev/zero' 'echo not-a-key'; do
	config_with "command:$case"
	agent_start
	check_status "command: $case: the source failed" 5 "$client" unlock
	check_same 'and the agent is still locked' locked "$(agent_state)"
	agent_stop
done
agent_config '[agent]' 'op-timeout = 1s' '' '[cache folder]' \
	"store = file://$W/cache" "public-key = $key_public" \
	'signing-key = command:sleep 600'
agent_start
check_status 'command: one that hangs has a deadline' 5 \
	timeout 60 "$client" unlock
check_says 'command: which is said' 'time'
check_fails 'command: and it does not live on' pgrep -f 'sleep 600'
agent_stop

# file:
config_with "file:$key_file"
agent_start
check 'file: pushes' pushes
agent_stop
chmod 640 "$key_file"
agent_start
check_status 'file: one that others can read is refused' 5 "$client" unlock
check_says 'file: with what to do' '0?600|mode|chmod'
agent_stop
chmod 600 "$key_file"
ln -s "$key_file" "$W/link"
config_with "file:$W/nothing"
agent_start
check_status 'file: one that is not there' 5 "$client" unlock
agent_stop

# Without a configuration: continuous integration.
rm "$agent_conf"
NIXCACHE_STORE=file://$W/cache NIX_SIGNING_KEY=$key_secret \
	NIXCACHE_NIX_STORE=$nix_root agent_start
check 'with no file, the environment makes a cache' pushes
check_same 'called default' default "$("$client" status --json |
	/usr/bin/python3 -c 'import json, sys
print(json.load(sys.stdin)["caches"][0]["name"])')"
check_fails 'whose key is in no environ either' in_some_environ "$seed"
tap_end
