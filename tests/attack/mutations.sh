#!/bin/bash
# mutations.sh - with a measure taken away, the attack on it succeeds
#
# usage: mutations.sh [BUILD-FOLDER [MEASURE...]]
#
# weaken.c has taken the measure out of the program; a named check of an
# existing attack, the first that fails, must be the one that notices.  What
# another measure covers is tried with both taken away, and the line says so.
# timeout: 300
# beside: anything
. "$(dirname "$0")/../lib/tap.sh"

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build}
attacks=$build/tests/attack
wanted=("${@:2}")
[[ -x $attacks/weak_agent ]] ||
	tap_skip_all 'built without sealing: there is nothing to take away'
W=$(mktemp -d "${TMPDIR:-/tmp}/m.XXXX") || exit
trap 'rm -rf "$W"' EXIT
# The attacks of an ordinary user copy it from there.
chmod 755 "$W"
mkdir -p "$W"/b/{agent,client,tests}
cp "$attacks/weak_agent" "$W/b/agent/nixcache-agent"
cp "$build/client/nixcache" "$W/b/client/"
ln -s "$attacks" "$W/b/tests/attack"

# What is taken away | the attack | its check | what there is to say of it.
# The first word of the last may be what it needs: root, namespaces, cores.
cat >"$W/mutations" <<'END'
none|walls|-|nothing taken away: the attack finds nothing
none|unsafe_starts|-|nothing taken away: the attack finds nothing
none|agent_seen|-|nothing taken away: the attack finds nothing
none|vault_against_user|-|nothing taken away: the attack finds nothing
dumpable|agent_routes|no route leads into process 0
dumpable|vault_against_user|no route into the vault works
core|agent_routes|no route leads into process 0|(prlimit from outside)
core,dumpable|vault_against_user|a crash leaves no core|cores (not dumpable covers it)
start|agent_start|the agent is not, in
tracer|unsafe_starts|a traced start is refused
surroundings|unsafe_starts|in a user namespace it is refused|namespaces
memory|agent_memory|mem reads it and finds nothing|root
memory|vault_against_root|find no secret in the vault|root
stack|vault_against_root|on a stack in secret memory|root
spill|agent_memory|-|root: what is in a register before a wait is wiped
spill,registers|agent_memory|: registers reads it|root
vault-filter|syscalls|calls are bound to their arguments
vault-filter|agent_seen|has a system call filter
door-filter|syscalls|the door is killed by what it must not
door-filter|agent_seen|has a system call filter
landlock|walls|no file can be opened|(behind the filter)
namespaces|walls|no network is there|namespaces (behind the filter)
namespaces|vault_against_root|is seen from outside|root
capabilities|agent_seen|has no capability in|namespaces
privileges,vault-filter,door-filter|agent_seen|gains no privileges|(each filter sets it too)
parent|vault_against_user|the vault dies with its parent
descriptors|agent_seen|no process holds what its caller had open|root
code|walls|no memory becomes code|(behind the filter)
token|agent_memory|mem reads it and finds nothing|root
peer|agent_strangers|another is not heard|root
mode|agent_strangers|nor where the folder is open|root
END

# run TEST WEAKEN: what it says, up to the first check that fails.
run() {
	export NIXCACHE_WEAKEN=$2 TAP_STOP=1 NIXCACHE_TEST_TRIES=50
	if [[ -f $root/tests/attack/$1.sh ]]; then
		TMPDIR=$W timeout 100 bash "$root/tests/attack/$1.sh" "$W/b"
	else
		[[ $1 != vault_* ]] || set -- "$1" "$2" "$attacks"
		[[ $2 != core,* ]] || unset TAP_STOP # others notice before
		timeout 100 "$attacks/weak_$1" "${@:3}"
	fi
} </dev/null 2>&1

ulimit -c "$(ulimit -Hc)"
lacks() {
	[[ $1 == root* && $(id -u) != 0 ]] && echo 'only root can try it'
	[[ $1 == namespaces* ]] && ! unshare -Ur true 2>/dev/null &&
		echo 'no user namespaces can be made here'
	[[ $1 == cores* ]] && [[ $(ulimit -Hc) == 0 ]] &&
		echo 'no core is allowed here'
}

is_wanted() {
	((${#wanted[@]} == 0)) || [[ " ${wanted[*]} " == *" $1 "* ]]
}

# Of an attack that took place.
found_nothing() {
	grep -aq '^ok' "$1" && ! grep -a '^not ok' "$1"
}

# Two at a time: most of the time they wait.
number=0
while IFS='|' read -r weaken test sentence note; do
	number=$((number + 1))
	is_wanted "$weaken" && [[ ! $(lacks "$note") ]] || continue
	(($(jobs -pr | wc -l) < 2)) || wait -n
	run "$test" "$weaken" >"$W/said.$number" &
done <"$W/mutations"
wait

number=0
while IFS='|' read -r weaken test sentence note; do
	number=$((number + 1))
	is_wanted "$weaken" || continue
	said=$W/said.$number
	line="$weaken taken away: $test notices: $sentence"
	[[ $note != *\(* ]] || line+=" (${note#*\(}"
	if [[ $(lacks "$note") ]]; then
		skip "$line" "$(lacks "$note")"
	elif [[ $sentence == - ]]; then
		check "$test: ${note#root: }" found_nothing "$said"
	elif grep -aq '^not ok.*'"$sentence" "$said"; then
		tap_pass "$line"
	else
		tap_fail "$line" "$(tail -n 20 "$said" | tr -d '\0')"
	fi
done <"$W/mutations"
tap_end
