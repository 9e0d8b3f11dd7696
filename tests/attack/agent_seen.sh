#!/bin/bash
# agent_seen.sh - what the processes gave up, as the kernel tells it to others
#
# usage: agent_seen.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
prey_begin "$@"

prey_secrets
prey_op "$W/h/bin"
prey_config
# Two descriptors of the caller's that the agent must not keep.
echo foreign >"$W/foreign"
exec 57<"$W/foreign" 58>"$W/pipe.out"
agent_start
exec 57<&- 58>&-
"$client" unlock -q
check_same 'the agent signs' '1 1' "$(prey_use 1)"

status_of() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

mapfile -t processes < <(agent_processes)
check_same 'with three processes' 3 ${#processes[@]}
for pid in "${processes[@]}"; do
	who="process $((pid - processes[0])) after the first"
	check_same "$who can leave no core" '0 0' "$(awk \
		'/^Max core file size/ { print $5, $6 }' "/proc/$pid/limits")"
	check_same "$who is traced by nobody" 0 "$(status_of "$pid" TracerPid)"
done
for pid in "${processes[@]:1}"; do
	who="process $((pid - processes[0])) after the first"
	check_same "$who gains no privileges" 1 \
		"$(status_of "$pid" NoNewPrivs)"
	check_same "$who has a system call filter" 2 \
		"$(status_of "$pid" Seccomp)"
	for set in CapInh CapPrm CapEff CapAmb; do
		check_same "$who has no capability in $set" 0000000000000000 \
			"$(status_of "$pid" $set)"
	done
done
sleep 60 &
plain=$!
if [[ $(status_of $$ NoNewPrivs) == 1 ]]; then
	skip 'a plain process is seen to gain some' 'nothing gains any here'
else
	check_same 'a plain process is seen to gain some' 0 \
		"$(status_of $plain NoNewPrivs)"
fi
if [[ $(ulimit -Hc) == 0 ]]; then
	skip 'and to be free to leave cores' 'nothing leaves any here'
else
	check_fails 'and to be free to leave cores' grep -qE \
		'^Max core file size +[0-9]+ +0 ' "/proc/$plain/limits"
fi
kill $plain

# Only root sees descriptors and namespaces.
if [[ $(id -u) != 0 ]]; then
	skip 'no process holds what its caller had open' 'only root sees it'
	tap_end
	exit
fi
check_same 'no process holds what its caller had open' '' "$(find \
	"${processes[@]/#//proc/}" -path '*/fd/*' \
	\( -lname "$W/foreign" -o -lname "$W/pipe.out" \) 2>/dev/null)"
exec 57<"$W/foreign"
check_fails 'which is seen where it is open' test -z \
	"$(find /proc/$$/fd -lname "$W/foreign")"
exec 57<&-
check_same 'the vault has two descriptors, the door more' 1 "$(
	for pid in "${processes[@]:1}"; do
		find "/proc/$pid/fd" -mindepth 1 | wc -l
	done | grep -cx 2
)"
tap_end
