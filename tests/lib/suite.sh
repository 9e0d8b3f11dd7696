# suite.sh - finds the tests of a suite, runs one, counts what it said
#
# A test is tests/SUITE/NAME.sh, or a C test that meson knows by SUITE (the
# suite unit-asan holds the unit tests of the sanitizer build), or a fuzzer.
# Each speaks TAP, unless meson says otherwise; benchmarks speak by exit status
# and may be watched.
#
# A shell test may say in its head "# timeout: SECONDS", "# needs: s3",
# "# needs: newer-nix", and, in the suites that look at sources only,
# "# needs: build".

# An interpreter manager's wrapper is slow and may be of any version.
python=/usr/bin/python3
test_timeout=120
fuzz_seconds=5 # of CPU time, each fuzzer
passed=0 failed=0 skipped=0

# Prints SUITE/NAME, one a line.
suite_tests() {
	local suite=$1 file

	for file in "$root/tests/$suite"/*.sh; do
		[[ -f $file ]] && echo "$suite/$(basename "$file" .sh)"
	done
	case $suite in
	unit | attack) suite_c_names "$suite" "$suite" plain ;;
	unit-asan) suite_c_names unit unit-asan asan ;;
	fuzz)
		for file in "$root/tests/fuzz/fuzz_"*.c; do
			file=$(basename "$file" .c)
			[[ $file == *'*' ]] || echo "fuzz/${file#fuzz_}"
		done
		;;
	esac
	return 0
}

# The tests that meson knows by one suite, named by another: SUITE AS BUILD
suite_c_names() {
	build_configure "$3" >&2 || return
	build_c_tests "$3" | awk -F '\t' -v suite="$1" -v as="$2" \
		'$1 == suite { print as "/" $2 }'
}

# True if a suite has a test of that whole name.
suite_has() {
	[[ $'\n'$(suite_tests "$1")$'\n' == *$'\n'"$2"$'\n'* ]]
}

suite_begin() {
	mkdir -p "$work/out" "$work/home"
	# Where an interrupt in the midst of a redirection can still speak.
	exec {said}>&1
}

suite_build_of() {
	case $1 in
	unit-asan) echo asan ;;
	fuzz) echo fuzz ;;
	*) echo plain ;;
	esac
}

# Runs SUITE/NAME.
suite_run() {
	local suite=${1%%/*} name=${1#*/} build script command protocol=tap

	suite_is_shy "$suite/$name" && lanes_drain
	build=$(suite_build_of "$suite")
	script=$root/tests/$suite/$name.sh
	if [[ $suite != lint && $suite != tidy ]] || suite_says "$script" build; then
		build_ensure "$build" || return 1
	fi

	if [[ -f $script ]]; then
		suite_run_script "$1" "$script" "$(build_folder "$build")"
	elif [[ $suite == fuzz ]]; then
		suite_run_fuzzer "$name"
	else
		IFS=$'\t' read -r _ _ protocol command < <(build_c_tests "$build" |
			awk -F '\t' -v suite="${suite%-asan}" -v name="$name" \
				'$1 == suite && $2 == name')
		suite_run_contained "$1" "$test_timeout" bash -c "exec $command"
	fi
}

# Its tests want the machine for themselves.
# What measures against a load of its own runs alone; an attack does, unless
# its head says that it runs beside anything.
suite_is_shy() {
	[[ $1 == attack/* || $1 == bench/* ]] &&
		! grep -qsx '# beside: anything' <(sed -n 1,12p "$root/tests/$1.sh")
}

# What it finds worth keeping stays for the next run.  So long a run may take
# forty times as long on a machine that is busy with other things: the limit is
# there for one that hangs itself.
suite_run_fuzzer() {
	suite_run_contained "fuzz/$1" $((40 * (fuzz_seconds + 90))) \
		"$python" "$root/tests/lib/fuzz.py" "$fuzz_seconds" \
		"$(build_folder fuzz)/tests/fuzz/fuzz_$1" "$root/tests/fuzz" \
		"$root/build-tests/fuzz-grown/$1" "$root/build-tests/fuzz-findings"
}

# True if the head of a script says that it needs this.
suite_says() {
	[[ -f $1 ]] && sed -n 1,12p "$1" | grep -qx "# needs: $2"
}

suite_run_script() {
	local limit
	limit=$(sed -n '1,12s/^# timeout: //p' "$2")
	if suite_says "$2" s3; then
		suite_need_s3 || return 1
	fi
	if suite_says "$2" newer-nix; then
		suite_need_newer_nix
	fi
	if [[ $1 == bench/* ]]; then
		suite_run_status "$1" bash "$2" "$3"
	else
		suite_run_contained "$1" "${limit:-$test_timeout}" bash "$2" "$3"
	fi
}

# One cluster for the whole run; it is stopped by the trap in tests/run.
suite_need_s3() {
	if [[ ! ${s3_state:-} ]]; then
		suite_run_command build/s3 radosgw_start "$work/s3"
		s3_state=$?
	fi
	return "$s3_state"
}

# Begins what takes long and what one of the tests will need: TEST...
suite_prepare() {
	local test
	for test; do
		suite_says "$root/tests/$test.sh" newer-nix || continue
		(
			newer_nix_begin && echo "${newer_nix_bin%/bin}" ||
				echo "$newer_nix_why"
		) >"$work/newer-nix" 2>/dev/null </dev/null &
		newer_nix_maker=$!
		return 0
	done
}

# The folder that it is in, or why there is none: a test that lacks it skips
# what it has to say, and nothing failed.
suite_need_newer_nix() {
	[[ ${newer_nix_maker:-} ]] || return 0
	wait "$newer_nix_maker"
	newer_nix_maker=''
	newer_nix_said=$(<"$work/newer-nix")
}

# What a test may see of the caller's environment: nothing but this.  Runs in
# the background, whose process then is the command itself.
suite_environment() {
	local name settings=()
	for name in "${!NIXCACHE_BENCH_@}"; do
		settings+=("$name=${!name}")
	done
	exec env -i HOME="$work/home" LC_ALL=C.UTF-8 TERM=dumb USER="$(id -un)" \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		TMPDIR="$work" NIXCACHE_TEST_S3="${s3_work:-}" \
		NIXCACHE_TEST_NEWER_NIX="${newer_nix_said:-}" \
		NIXCACHE_TEST_KEEP="$keep" "${settings[@]}" \
		ASAN_OPTIONS=detect_leaks=1 \
		UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$@"
}

# In the background, since bash runs a trap only between its own commands: an
# interrupt must not wait for the test.
suite_contain() {
	suite_environment "$python" "$root/tests/lib/contain.py" "$@" \
		</dev/null &
	contained=$!
	wait "$contained"
}

# Stops the test that is running, and all that it started.
suite_stop() {
	lanes_stop
	[[ ${contained:-} ]] && kill "$contained" 2>/dev/null && wait "$contained"
	return 0
}

# Runs a command and keeps what it says, which is TAP unless the caller's
# protocol is exitcode: NAME SECONDS COMMAND...
suite_run_contained() {
	local name=$1 limit=$2 start rc
	if ! suite_is_shy "$name"; then
		lanes_run "$@"
		return
	fi
	shift 2
	test_running=$name
	start=$EPOCHREALTIME
	suite_contain "$limit" "$@" >"$(suite_out_of "$name")" 2>&1
	rc=$?
	suite_count_ended "$name" "$rc" "$(suite_seconds "$start")"
}

# By the protocol it speaks: NAME EXIT-STATUS SECONDS
suite_count_ended() {
	local out
	out=$(suite_out_of "$1")
	if [[ ${protocol:-tap} == exitcode ]]; then
		(($2 == 0)) || sed 's/^/    /' "$out"
		suite_count_status "$@"
	else
		suite_count "$1" "$out" "$2" "$3"
	fi
	# A fuzzer's figures.
	[[ $1 != fuzz/* ]] || sed -n 's/^ok 1 - /    /p' "$out"
}

# Runs a command that speaks by exit status, and lets it be seen.
suite_run_status() {
	local name=$1 start rc
	shift
	test_running=$name
	start=$EPOCHREALTIME
	# All links of the matrix take hours; the limit is for one that hangs.
	suite_contain 36000 "$@"
	rc=$?
	suite_count_status "$name" "$rc" "$(suite_seconds "$start")"
}

# Runs a step of the run itself as a test: NAME FUNCTION...  Its output is
# shown when it fails.
suite_run_command() {
	local name=$1 out start rc
	shift
	out=$(suite_out_of "$name")
	test_running=$name
	start=$EPOCHREALTIME
	"$@" >"$out" 2>&1 </dev/null
	rc=$?
	((rc == 0)) || sed 's/^/    /' "$out"
	suite_count_status "$name" "$rc" "$(suite_seconds "$start")"
	return "$rc"
}

# Where a test's output is kept.
suite_out_of() {
	echo "$work/out/${1//\//.}"
}

suite_seconds() {
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'
}

suite_count_status() {
	if (($2 == 0)); then
		passed=$((passed + 1))
		printf 'ok    %-32s %8s %6s s\n' "$1" '' "$3"
	else
		failed=$((failed + 1))
		printf 'FAIL  %-32s exit %3s %6s s\n' "$1" "$2" "$3"
	fi
}

suite_fail() {
	failed=$((failed + 1))
	printf 'FAIL  %-32s %s\n' "$1" "$2"
}

# Counts the TAP of one test: NAME OUTPUT EXIT-STATUS SECONDS.  What TAP cannot
# say itself (too few lines, a bad end, silence) is one failure more.
suite_count() {
	local name=$1 out=$2 rc=$3 seconds=$4 p f s plan all trouble=''

	read -r p f s plan all < <(awk '
		/^ok/ && /# [Ss][Kk][Ii][Pp]/ { s++; n++; next }
		/^ok/ { p++; n++; next }
		/^not ok/ { f++; n++; next }
		/^1\.\.0/ { s++; plan = 0; next }
		/^1\.\.[0-9]+/ { plan = substr($1, 4) }
		END { print p + 0, f + 0, s + 0, plan == "" ? "-" : plan, n + 0 }
	' "$out")

	if ((rc == 124)); then
		trouble='did not end in time'
	elif ((rc == 125)); then
		trouble='left a nixcache process running'
	elif [[ $plan == - ]]; then
		trouble="never said how many checks it has (exit status $rc)"
	elif ((plan != all)); then
		trouble="planned $plan checks and made $all (exit status $rc)"
	elif ((rc != 0 && f == 0)); then
		trouble="exit status $rc"
	fi
	[[ ! $trouble ]] || f=$((f + 1))

	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if ((f > 0)); then
		printf 'FAIL  %-32s %d of %d %6s s  %s\n' "$name" "$f" \
			$((p + f + s)) "$seconds" "$trouble"
		sed 's/^/    /' "$out"
	else
		printf 'ok    %-32s %8s %6s s\n' "$name" "$p" "$seconds"
		sed -n 's/^\(ok.*# [Ss][Kk][Ii][Pp].*\)/    \1/p
			s/^\(1\.\.0.*\)/    \1/p' "$out"
	fi
}

suite_totals() {
	local tail=''
	((skipped == 0)) || tail=", $skipped skipped"
	echo "$passed passed, $failed failed$tail"
	((failed == 0 && passed > 0)) || exit 1
}
