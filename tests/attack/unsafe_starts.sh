#!/bin/bash
# unsafe_starts.sh - where the keys could be read, the agent refuses or says so
#
# usage: unsafe_starts.sh [BUILD-FOLDER]
# beside: anything
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
prey_user "$@"
prey_begin "$@"

prey_secrets
prey_op "$W/h/bin"
prey_config

# The row of the report: "STATE PROCESS NAME...".
row='status --hardening'

# Traced.
if strace -o /dev/null true 2>/dev/null; then
	check_status 'a traced start is refused' 71 \
		strace -o /dev/null "$agent" -s
	check_says 'and says by whom' 'process [0-9]+ traces this one'
	check_says 'and what to do' 'start the agent without a debugger'
	check_status 'so is one whose children are traced too' 71 \
		strace -f -o /dev/null "$agent" -s
	check_status 'by its name it is allowed' 0 strace -o /dev/null "$agent" \
		--allow-weak trace -- sh -c "'$client' $row"
	check_says 'and the report says what is weaker' \
		'weaker.*surroundings.*traces this one'
	check_status 'another name does not allow it' 71 strace -o /dev/null \
		"$agent" --allow-weak namespace --allow-weak memory -s
else
	skip 'a traced start is refused' 'nothing can be traced here'
fi
if command -v gdb >/dev/null; then
	gdb -q -batch -nx -ex run --args "$agent" -s </dev/null >"$W/said" 2>&1
	check_status 'under a debugger there is no agent either' 2 \
		"$client" status
else
	skip 'under a debugger there is no agent either' 'no debugger is here'
fi

# In a user namespace of the user.
if unshare -Ur true 2>/dev/null; then
	check_status 'in a user namespace it is refused' 71 \
		unshare -Ur "$agent" -s
	check_says 'and says why' 'user namespace that an ordinary user owns'
	check_status 'by its name it is allowed' 0 unshare -Ur "$agent" \
		--allow-weak namespace -- sh -c "'$client' $row"
	check_says 'and the report says what is weaker' \
		'weaker.*surroundings.*user namespace'
	check_status 'another name does not allow it' 71 unshare -Ur "$agent" \
		--allow-weak trace --allow-weak memory -s
else
	skip 'in a user namespace it is refused' 'none can be made here'
fi

# Without lockable memory.
with_locked() {
	(ulimit -l "$1" && shift && "$@")
}
for how in -s -D; do
	check_status "without lockable memory it is refused ($how)" 71 \
		with_locked 0 "$agent" $how
	check_says 'and says what to raise' 'ulimit -l'
	check_says 'and what else can be done' '--allow-weak memory'
done
check 'no agent is left' test ! -S "$agent_socket"
check_status 'a service account token alone is as loud' 1 \
	env OP_SERVICE_ACCOUNT_TOKEN=ops_prey \
	"${BASH:-bash}" -c "ulimit -l 0 && '$agent' -s"
check_says 'and says what to raise' 'ulimit -l'
check_status 'another name does not allow it' 71 with_locked 0 \
	"$agent" --allow-weak trace --allow-weak namespace -s
check_status 'by its name it is allowed' 0 with_locked 0 "$agent" \
	--allow-weak memory -- sh -c "'$client' unlock -q && '$client' $row"
check_says 'and the report says what is not there' 'absent +vault +secret memory'
check_says 'and what is weaker for it' 'weaker +vault +secret stack'
check_says 'and why' 'ulimit -l'
check_status 'with a token too' 0 env OP_SERVICE_ACCOUNT_TOKEN=ops_prey \
	"${BASH:-bash}" -c "ulimit -l 0 && '$agent' --allow-weak memory -- \
		'$client' unlock -q"
with_locked 0 "$agent" -s --allow-weak memory >"$W/said"
eval "$(cat "$W/said")" >/dev/null
"$client" unlock -q
for pid in $(agent_processes); do
	check_status 'it is still closed to the same user' 0 \
		"$attacks/attack_routes" "$pid"
done
check_same 'and signs' '1 1' "$(prey_use 1)"
agent_stop
check_status 'where memory can be locked the name changes nothing' 0 \
	with_locked 64 "$agent" --allow-weak memory -- sh -c "'$client' $row"
check_says 'and the report says so' 'held +vault +secret memory +memfd_secret'
tap_end
