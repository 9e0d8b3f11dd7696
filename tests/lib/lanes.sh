# lanes.sh - runs two tests beside each other, where both mostly wait
#
#	lanes_run NAME SECONDS COMMAND...   waits only if both lanes are taken
#	lanes_drain                         until none runs
#	lanes_stop                          kills those that run
#
# Tests are counted in the order in which they end.

lanes_max=2
declare -A lane_names=() lane_starts=() # by process

lanes_run() {
	local name=$1 limit=$2
	shift 2
	((${#lane_names[@]} < lanes_max)) || lanes_reap
	suite_environment "$python" "$root/tests/lib/contain.py" "$limit" "$@" \
		</dev/null >"$(suite_out_of "$name")" 2>&1 &
	lane_names[$!]=$name lane_starts[$!]=$EPOCHREALTIME
	test_running=${lane_names[*]}
}

lanes_reap() {
	local pid='' rc name seconds
	wait -n -p pid "${!lane_names[@]}"
	rc=$?
	[[ $pid ]] || return
	name=${lane_names[$pid]} seconds=$(suite_seconds "${lane_starts[$pid]}")
	unset "lane_names[$pid]" "lane_starts[$pid]"
	suite_count "$name" "$(suite_out_of "$name")" "$rc" "$seconds"
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
