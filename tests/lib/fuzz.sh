# fuzz.sh - runs a fuzzer: over its corpus only, or on from there for a while
#
# What a run learns stays beside the build, and so does what made a fuzzer
# fail: the next run begins where this one has ended.  Seeds are
# tests/fuzz/corpus/NAME.
#
# Needs: root, work, and suite.sh for the counting.

fuzz_seconds=20
fuzz_input_seconds=10 # the longest that one input may take

# Where fuzzer NAME's seeds are, and what serves it as seeds too.
fuzz_seeds() {
	echo "$root/tests/fuzz/corpus/$1"
	[[ $1 != varlink && $1 != reply ]] || echo "$root/tests/data/json"
}

# SUITE NAME
fuzz_run() {
	local suite=$1 name=$2 out=$work/out/$1.$2 start rc seeds
	local folder found learnt
	folder=$(build_folder fuzz)
	found=$folder/found learnt=$folder/learnt/$name

	mapfile -t seeds < <(fuzz_seeds "$name")
	mkdir -p "$found" "$learnt"
	set -- -timeout=$fuzz_input_seconds -print_final_stats=1 \
		-artifact_prefix="$found/$name-"
	if [[ $suite == corpus ]]; then
		set -- "$@" -runs=0
	else
		set -- "$@" -max_total_time="$fuzz_seconds" "$learnt"
	fi

	test_running=$suite/$name
	start=$EPOCHREALTIME
	# LLVM 14 finds fault with strndup() of text that ends without a NUL
	# where its length says when strings are checked strictly.
	suite_contain $((fuzz_seconds + 120)) \
		env ASAN_OPTIONS=detect_leaks=1 \
		"$folder/tests/fuzz/fuzz_$name" "$@" "${seeds[@]}" >"$out" 2>&1
	rc=$?
	fuzz_count "$suite/$name" "$out" "$rc" "$(suite_seconds "$start")"
}

# One number of libFuzzer's final statistics: OUTPUT NAME
fuzz_stat() {
	sed -n "s/^stat::$2: *//p" "$1"
}

fuzz_count() {
	local name=$1 out=$2 rc=$3 seconds=$4 runs new

	runs=$(fuzz_stat "$out" number_of_executed_units)
	new=$(fuzz_stat "$out" new_units_added)
	# A fuzzer that ran nothing has shown nothing.
	if ((rc == 0 && ${runs:-0} > 0)); then
		passed=$((passed + 1))
		printf 'ok    %-32s %8s %6s s  %s\n' "$name" "$runs runs" \
			"$seconds" "${new:-0} new paths"
		return
	fi
	failed=$((failed + 1))
	printf 'FAIL  %-32s exit %3s %6s s  %s runs\n' "$name" "$rc" \
		"$seconds" "${runs:-0}"
	# Without libFuzzer's account of its progress.
	grep -av '^#[0-9]' "$out" | tail -n 40 | sed 's/^/    /'
	sed -n 's/.*Test unit written to /    kept: /p' "$out"
}
