#!/bin/bash
# op_alone.sh - while op runs, nobody but the vault can read what it writes
#
# usage: op_alone.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
[[ $(id -u) == 0 ]] || tap_skip_all 'only root sees the descriptors'
prey_begin "$@"

prey_secrets
prey_op "$W/h/bin"
prey_config
echo 'behave = slow' >"$W/h/bin/op.conf"
agent_start

# Which of these processes hold the pipe, and how: "PID read" or "PID write".
holders() {
	local fd flags
	while read -r fd; do
		flags=$(sed -n 's/^flags:[[:space:]]*//p' "${fd/fd/fdinfo}")
		case $((flags & 3)) in
		0) echo "$(cut -d / -f 3 <<<"$fd") read" ;;
		1) echo "$(cut -d / -f 3 <<<"$fd") write" ;;
		*) echo "$(cut -d / -f 3 <<<"$fd") both" ;;
		esac
	done < <(find "${@/%//fd}" -maxdepth 1 -lname "${pipe/[/\\[}" 2>/dev/null) |
		sort -u
}

is_vault() {
	[[ $(find "/proc/$1/fd" -mindepth 1 | wc -l) == 2 ]]
}

mapfile -t processes < <(agent_processes)
for pid in "${processes[@]:1}"; do
	is_vault "$pid" && vault=$pid || door=$pid
done
launcher=${processes[0]}
check 'the agent is a launcher, a door and a vault' test "${vault:-}" -gt 0 -a \
	"${door:-}" -gt 0 -a "$launcher" -gt 0

"$client" unlock -q &
unlocking=$!
check 'op runs' wait_for 10 grep -q '^run' "$W/h/bin/op.report"
op=$(pgrep -P "$launcher" -f 'op inject')
pipe=$(readlink "/proc/$op/fd/1")
check 'it writes into a pipe' grep -q '^pipe:' <<<"$pipe"
check_same 'which the launcher does not hold' '' "$(holders "/proc/$launcher")"
check_same 'nor the door' '' "$(holders "/proc/$door")"
check_same 'which the vault alone reads' "$vault read" "$(holders "/proc/$vault")"
check_same 'and op alone writes' "$op write" "$(holders "/proc/$op")"
all=$(holders /proc/[1-9]*)
check_same 'no other process of the machine has it' \
	"$(printf '%s\n' "$vault read" "$op write" | sort)" "$all"
check_same 'op has no descriptor of the agent but pipes and a template' '' \
	"$(find "/proc/$op/fd" -printf '%l\n' | sed '/^$/d' |
		grep -vE '^(pipe:|/dev/pts/|/memfd:template|/dev/null$)')"
touch "$W/h/bin/op.go"
wait "$unlocking"
check_same 'then it is unlocked' 0 $?
check_same 'and signs' '1 1' "$(prey_use 1)"
tap_end
