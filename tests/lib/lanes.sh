# lanes.sh - runs two tests beside each other
#
#	lanes_run NAME SECONDS COMMAND...   waits only if both lanes are taken;
#	                                    speaks TAP unless the caller's protocol
#	                                    is exitcode
#	lanes_drain                         until none runs
#	lanes_stop                          kills those that run
#
# Tests are counted in the order in which they end.  Those that measure against
# a load of their own (attack, bench) run alone, after lanes_drain.

lanes_max=2
declare -A lane_names=() lane_starts=() lane_protocols=() # by process

lanes_run() {
	local name=$1 limit=$2
	shift 2
	((${#lane_names[@]} < lanes_max)) || lanes_reap
	suite_environment "$python" "$root/tests/lib/contain.py" "$limit" "$@" \
		</dev/null >"$(suite_out_of "$name")" 2>&1 &
	lane_names[$!]=$name lane_starts[$!]=$EPOCHREALTIME
	lane_protocols[$!]=${protocol:-tap}
	test_running=${lane_names[*]}
}

lanes_reap() {
	local pid='' rc name seconds protocol
	wait -n -p pid "${!lane_names[@]}"
	rc=$?
	[[ $pid ]] || return
	name=${lane_names[$pid]} seconds=$(suite_seconds "${lane_starts[$pid]}")
	protocol=${lane_protocols[$pid]}
	unset "lane_names[$pid]" "lane_starts[$pid]" "lane_protocols[$pid]"
	suite_count_ended "$name" "$rc" "$seconds"
}

lanes_drain() {
	while ((${#lane_names[@]} > 0)); do
		lanes_reap
	done
}

lanes_stop() {
	((${#lane_names[@]} > 0)) || return 0
	kill "${!lane_names[@]}" 2>/dev/null
	wait "${!lane_names[@]}"
}
