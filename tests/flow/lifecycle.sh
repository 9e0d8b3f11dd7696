#!/bin/bash
# lifecycle.sh - how an agent starts, is found, is told, and ends
#
# usage: lifecycle.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

key_make life-1
one_cache=$(agent_file_cache one "$W/cache")
agent_config "$one_cache"

pid_of_start() {
	"$agent" -s | sed -n "s/^NIXCACHE_AGENT_PID='*\([0-9]*\).*/\1/p"
}

mode_of() {
	stat -c %a "$1"
}

killed_at_once() {
	kill -KILL "$@"
	local pid
	for pid; do
		wait_for 5 gone "$pid" || return
	done
}

cache_names() {
	"$client" status --json | /usr/bin/python3 -c '
import json, sys
print(*[c["name"] for c in json.load(sys.stdin)["caches"]])'
}

has_caches() {
	[[ $(cache_names) == "$1" ]]
}

# A listener whose queue is full: connecting to it says EAGAIN, not refused.
busy_listener() {
	/usr/bin/python3 - "$1" <<-'PY' &
		import os, socket, sys, time
		path = sys.argv[1]
		if os.path.exists(path):
		    os.unlink(path)
		s = socket.socket(socket.AF_UNIX)
		s.bind(path)
		os.chmod(path, 0o600)
		s.listen(0)
		held = []
		while True:
		    c = socket.socket(socket.AF_UNIX)
		    c.setblocking(False)
		    try:
		        c.connect(path)
		    except BlockingIOError:
		        break
		    held.append(c)
		open(path + ".ready", "w").close()
		time.sleep(100)
	PY
	listener=$!
	disown $listener
	wait_for 5 test -e "$1.ready"
}

# As systemd does: the socket is descriptor 3, LISTEN_PID is the agent's.
activated_agent() {
	/usr/bin/python3 - "$1" "$agent" <<-'PY' &
		import os, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(8)
		os.dup2(s.fileno(), 3)
		os.set_inheritable(3, True)
		os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
		os.execv(sys.argv[2], [sys.argv[2]])
	PY
	activated=$!
	disown $activated
}

flow_clean_up() {
	kill -KILL ${listener:-} ${activated:-} 2>/dev/null
}


# Found again.
first=$(pid_of_start)
check 'a start says which process the agent is' test "$first" -gt 1
check_same 'a second start finds the same agent' "$first" "$(pid_of_start)"
agent_start
check_same 'and there is one agent, of three processes' 3 \
	"$(agent_processes | wc -l)"
check_same 'the socket is for its owner alone' 600 "$(mode_of "$agent_socket")"
check_same 'and so is its folder' 700 "$(mode_of "$(dirname "$agent_socket")")"
check_same 'it starts locked: nothing is fetched yet' locked "$(agent_state)"
check 'it works from another folder' sh -c \
	"cd / && '$client' status >/dev/null"

# Told.
check 'unlock fetches' "$client" unlock -q
check_same 'and it is unlocked' unlocked "$(agent_state)"
check 'lock wipes' "$client" lock
check_same 'and it is locked' locked "$(agent_state)"
"$client" unlock -q
kill -USR1 "$NIXCACHE_AGENT_PID"
check 'SIGUSR1 wipes' wait_for 5 is_state locked
"$client" unlock -q
agent_config "$one_cache" '' "$(agent_file_cache two "$W/cache2")"
kill -HUP "$NIXCACHE_AGENT_PID"
check 'SIGHUP reads the configuration again' wait_for 5 has_caches 'one two'
check 'and wipes' is_state locked
agent_config '[cache one' 'nonsense'
kill -HUP "$NIXCACHE_AGENT_PID"
check 'a bad configuration does not end a running agent' "$client" status
agent_config "$one_cache"

# Ended.
check '-k ends it' "$agent" -k
check 'and prints what unsets the variables' \
	grep -q 'unset NIXCACHE_AGENT_PID' <<<"$tap_out"
check 'its process is gone' wait_for 5 gone "$first"
check_fails 'and so is its socket' test -e "$agent_socket"
check_status 'another -k says: no agent' 2 "$agent" -k
check_status 'status says: no agent' 2 "$client" status
check_says 'and what to do' 'nixcache-agent'
unset NIXCACHE_AGENT_PID NIXCACHE_AGENT_SOCK

# Killed, and what it leaves.
agent_start
old=$NIXCACHE_AGENT_PID
mapfile -t processes < <(agent_processes)
check 'no process outlives a kill -9 of the first' \
	killed_at_once "${processes[@]}"
check 'the socket of a killed agent stays' test -S "$agent_socket"
agent_start
check_fails 'a new agent replaces it' test "$old" = "$NIXCACHE_AGENT_PID"
check 'and answers' "$client" status
agent_stop

# A socket that somebody else listens on.
mkdir -p "$(dirname "$agent_socket")" && chmod 700 "$(dirname "$agent_socket")"
busy_listener "$agent_socket"
before=$(stat -c %i "$agent_socket")
check_fails 'an agent too busy to answer is not replaced' \
	timeout 30 "$agent" -s
check_same 'its socket is still there' "$before" \
	"$(stat -c %i "$agent_socket")"
kill -KILL "$listener"
rm -f "$agent_socket" "$agent_socket.ready"
chmod 755 "$(dirname "$agent_socket")"
check_status 'a folder that others may enter is refused' 1 "$agent" -s
chmod 700 "$(dirname "$agent_socket")"

# For one command.
check_status 'a command gives its exit status' 7 "$agent" -- sh -c 'exit 7'
check_status 'a command that is not there: 127' 127 "$agent" -- "$W/nothing"
check_status 'one that is no program: 126' 126 "$agent" -- "$agent_conf"
"$agent" -- sh -c "printenv NIXCACHE_AGENT_PID >'$W/pid'; '$client' unlock"
check 'the agent is gone within a second of its command' \
	wait_for 1 gone "$(cat "$W/pid")"
check_fails 'and has left no socket' test -S "$agent_socket"
"$agent" -a "$W/h/run/nixcache/other.sock" -- sh -c \
	'printenv NIXCACHE_AGENT_SOCK' >"$W/said"
check_same '-a says where' "$W/h/run/nixcache/other.sock" "$(cat "$W/said")"

# By a service manager.
activated_agent "$W/h/run/activated.sock"
export NIXCACHE_AGENT_SOCK=$W/h/run/activated.sock
check 'a socket that was handed over is served' wait_for 5 "$client" status
check_same 'by the process that was started' "$activated" \
	"$(status_field pid)"
kill -TERM "$activated"
wait_for 5 gone "$activated"
check 'and not removed at the end' test -S "$W/h/run/activated.sock"
unset NIXCACHE_AGENT_SOCK

# By itself.
agent_start -t 1
"$client" unlock -q
check 'the lifetime ends by itself' wait_for 10 is_state locked
agent_stop
agent_start --idle 1
"$client" unlock -q
check 'idleness locks' wait_for 10 is_state locked
agent_stop
agent_config "$one_cache" 'signing-key = command:exit 3'
check_status '--prefetch fails loudly when a source fails' 5 \
	"$agent" -s --prefetch
check 'and leaves no agent' wait_for 5 test ! -S "$agent_socket"
tap_end
