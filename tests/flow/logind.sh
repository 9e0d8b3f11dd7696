#!/bin/bash
# logind.sh - the secrets are wiped before the machine sleeps, and when the
# session is locked
#
# usage: logind.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
fake_logind=${1:-$flow_root/build}/tests/fake_logind
[[ -x $fake_logind ]] || tap_skip_all 'built without libsystemd'
command -v dbus-daemon >/dev/null || tap_skip_all 'no dbus-daemon is here'

key_make logind-1
agent_config "$(agent_file_cache one "$W/cache")"
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$W/bus

started=()

bus_start() {
	cat >"$W/bus.conf" <<-E2
		<busconfig>
		<listen>unix:path=$W/bus</listen>
		<auth>EXTERNAL</auth>
		<policy context="default">
		<allow user="*"/><allow own="*"/>
		<allow send_destination="*"/><allow receive_sender="*"/>
		</policy>
		</busconfig>
	E2
	dbus-daemon --config-file="$W/bus.conf" --nofork 2>"$W/bus.log" &
	bus=$!
	started+=($!)
	disown $bus
	wait_for 10 test -S "$W/bus"
}

# Its words go in by descriptor 7, what happened to it is in $W/logind.
logind_start() {
	rm -f "$W/words" && mkfifo "$W/words"
	"$fake_logind" <"$W/words" >"$W/logind" &
	logind=$!
	started+=($!)
	disown $logind
	exec 7>"$W/words"
	wait_for 10 grep -q ready "$W/logind"
}

flow_clean_up() {
	exec 7>&-
	kill -KILL "${started[@]}" 2>/dev/null
}

tell() {
	echo "$*" >&7
}

has_happened() {
	(($(grep -c "^$1" "$W/logind") >= $2))
}

# The row of the report: its state.
row() {
	"$client" status --hardening | sed -n 's/^\([a-z]*\) .* locks at sleep .*/\1/p'
}

has_row() {
	[[ $(row) == "$1" ]]
}

bus_start && logind_start || exit
agent_start
check 'the agent holds up a sleep' \
	wait_for 10 grep -q '^inhibited sleep delay' "$W/logind"
check 'and says so' wait_for 10 has_row held
check_fails 'it does not let go by itself' grep -q released "$W/logind"

# Sleep.
"$client" unlock -q
check_same 'it is unlocked' unlocked "$(agent_state)"
tell sleep "$(agent_vault)"
check 'before a sleep it lets go' wait_for 10 has_happened released 1
check 'and it is locked' wait_for 10 is_state locked
tell wake
check 'awake, it holds up the next sleep' wait_for 10 has_happened inhibited 2
check_same 'and has fetched nothing by itself' 1 "$(status_field sourceRuns)"

# Letting go too early is a matter of microseconds: seen often enough.
sleeps=20
for ((i = 2; i < sleeps; i++)); do
	"$client" unlock -q
	tell sleep "$(agent_vault)"
	wait_for 10 has_happened released $i || break
	tell wake
	wait_for 10 has_happened inhibited $((i + 1)) || break
done
check_same "so it does $sleeps times" $sleeps \
	"$(grep -c ^inhibited "$W/logind")"
check_fails 'and never while the secrets are there still' \
	grep -q too-early "$W/logind"

# Lock.
"$client" unlock -q
tell lock "$(($(id -u) + 1))"
wait_for 10 has_happened asked 1
tell lock "$(($(id -u) + 2))"
wait_for 10 has_happened asked 2
check_same 'the lock of somebody else'"'"'s session does nothing' unlocked \
	"$(agent_state)"
tell lock "$(id -u)"
check 'the lock of our session locks' wait_for 10 is_state locked
"$client" unlock -q
tell lock-unknown
check 'so does one that nobody can say the user of' \
	wait_for 10 is_state locked
check_fails 'no lock lets go of the sleep' has_happened released $sleeps

# The bus dies.
"$client" unlock -q
kill -KILL "$bus"
check 'without its bus it lets go' wait_for 10 has_row absent
check_same 'and lives, unlocked' unlocked "$(agent_state)"
check 'with another configuration too' kill -HUP "$NIXCACHE_AGENT_PID"
check 'and says so then' wait_for 10 has_row absent
agent_stop
exec 7>&-

# No bus, and one that never answers.
rm -f "$W/bus"
agent_start
check 'without a bus the agent works' "$client" unlock -q
check_same 'and says what is absent' absent "$(row)"
agent_stop
/usr/bin/python3 - "$W/bus" <<'PY' &
import signal, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(8)
signal.pause()
PY
mute=$!
started+=($!)
disown $mute
wait_for 10 test -S "$W/bus"
agent_start
check 'with a bus that never answers it works' "$client" unlock -q
check_same 'and promises nothing' weaker "$(row)"
check 'and locks' "$client" lock
tap_end
