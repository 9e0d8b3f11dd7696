#!/bin/bash
# ci_job.sh - an agent of continuous integration ends with its job
#
# usage: ci_job.sh [BUILD-FOLDER]
#
# A stand-in for a runner starts steps one after the other, as children with CI
# in their environment, and ends when it is told.
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

key_make job-1
agent_config "$(agent_file_cache one "$W/cache")"
unset CI
export agent client W

# runner STEP...: each a shell text; its environment does not say CI.
cat >"$W/runner" <<'E2'
#!/bin/bash
for step; do
	CI=true bash -c "$step"
	echo "$?" >>"$W/steps"
done
touch "$W/steps-done"
read -r _ <"$W/end"
E2
chmod 755 "$W/runner"

run_job() {
	rm -f "$W"/{steps,steps-done,end,env,said}
	mkfifo "$W/end"
	"$W/runner" "$@" 2>/dev/null &
	runner=$!
	disown $runner
	exec 8>"$W/end"
	wait_for 20 test -e "$W/steps-done"
}

end_job() {
	exec 8>&-
	wait_for 10 gone "$runner"
}

flow_clean_up() {
	kill -KILL ${runner:-} ${other:-} 2>/dev/null
}

agent_of_job() {
	sed -n 's/^NIXCACHE_AGENT_PID=//p' "$W/env"
}

# shellcheck disable=SC2016 # the steps' own
start_step='said=$("$agent" -s 2>"$W/said") || exit
eval "$said" >/dev/null
env | grep ^NIXCACHE_AGENT >"$W/env"'
# As a runner passes variables on to later steps.
# shellcheck disable=SC2016
use_step='set -a; . "$W/env"; "$client" unlock -q && "$client" status'

# From step to step.
run_job "$start_step" "$use_step" >"$W/out"
pid=$(agent_of_job)
check_same 'an agent of the first step serves the next' $'0\n0' \
	"$(cat "$W/steps")"
check 'it says what it ends with' \
	grep -q "ends when process $runner (runner) ends" "$W/said"
check_fails 'it is there while the job is' gone "$pid"
check_same 'unlocked' unlocked "$(agent_state)"
check 'and the report says so' \
	grep -q "held .*ends with the job .*process $runner " "$W/out"
check 'its lifetime is an hour' test "$(status_field lifetimeLeft)" -le 3600
end_job
check 'it ends with the job' wait_for 10 gone "$pid"
check 'and takes its socket along' wait_for 5 test ! -S "$agent_socket"

# Killed, not ended.
run_job "$start_step"
pid=$(agent_of_job)
kill -KILL "$runner"
check 'a runner that is killed takes it along' wait_for 10 gone "$pid"

# Lifetime.
run_job "${start_step/-s/-s -t 1}" "$use_step" >/dev/null
check 'the lifetime ends it, not only its secrets' \
	wait_for 10 gone "$(agent_of_job)"
check_fails 'while the job goes on' gone "$runner"
end_job
agent_config '[agent]' 'lifetime = 2h' "$(agent_file_cache one "$W/cache")"
run_job "$start_step" "$use_step" >/dev/null
check 'what is configured goes before the hour' \
	test "$(status_field lifetimeLeft)" -gt 3600
end_job
wait_for 10 gone "$(agent_of_job)"
agent_config "$(agent_file_cache one "$W/cache")"

# What is not said.
run_job "${start_step/-s/-s -q}"
check_same '-q says nothing' '' "$(cat "$W/said")"
end_job
wait_for 10 gone "$(agent_of_job)"
for ci in '' 0 false; do
	CI=$ci "$agent" -s >"$W/env" 2>"$W/said"
	check_same "CI=$ci is no continuous integration" '' "$(cat "$W/said")"
	eval "$(cat "$W/env")" >/dev/null
	agent_stop
done

# By its number.
sleep 1000 &
other=$!
disown $other
CI=1 "$agent" -s --watch $other >"$W/env" 2>"$W/said"
eval "$(cat "$W/env")" >/dev/null
check '--watch names another process' grep -q "ends when process $other " \
	"$W/said"
"$agent" -s --watch $$ >/dev/null 2>"$W/said"
check 'a later --watch changes nothing and says so' \
	grep -q "does not end with process $$" "$W/said"
kill -KILL $other
check 'and the agent ends with it' wait_for 10 gone "$NIXCACHE_AGENT_PID"
unset NIXCACHE_AGENT_PID NIXCACHE_AGENT_SOCK
check_status 'a process that has ended is refused' 1 "$agent" -s --watch $other
check_says 'by its number' "--watch $other: No such process"
check_fails 'and nothing is left' test -S "$agent_socket"
sleep 1000 &
other=$!
disown $other
"$agent" --watch $other -- sh -c "printenv NIXCACHE_AGENT_PID >'$W/pid'
	kill -KILL $other
	for i in 1 2 3 4 5 6 7 8 9 10; do
		'$client' status >/dev/null 2>&1 || exit 9
		sleep 0.2
	done"
check_same 'beside a command, either ends it' 9 $?
if [[ $(id -u) == 0 ]]; then
	setpriv --reuid 65534 --clear-groups sleep 1000 &
	other=$!
	disown $other
	agent_start -q --watch $other
	check 'the process of another user is as good' "$client" status
	kill -KILL $other
	check 'and ends it' wait_for 10 gone "$NIXCACHE_AGENT_PID"
	unset NIXCACHE_AGENT_PID NIXCACHE_AGENT_SOCK
else
	agent_start -q --watch 1
	check 'the process of another user is as good' "$client" status
	agent_stop
	skip 'and ends it' 'that needs root'
fi
tap_end
