# tap.sh - a shell test says what it found in TAP
#
#	check 'two and two are four' test $((2 + 2)) = 4
#	check_fails 'and not five' test $((2 + 2)) = 5
#	skip 'the moon is up' 'no window here'
#	tap_end
#
# The plan comes last, so that a test which dies on its way has none.  With
# TAP_STOP in the environment it ends at the first check that fails.

tap_number=0
tap_failed=0
tap_out=

# The whole test does not apply here.
tap_skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

tap_line() {
	tap_number=$((tap_number + 1))
	echo "$1 $tap_number - $2"
}

tap_pass() {
	tap_line ok "$1"
}

# Says no, and shows the text (a command's output) as a comment.
tap_fail() {
	tap_failed=$((tap_failed + 1))
	tap_line 'not ok' "$1"
	[[ ! ${2:-} ]] || printf '%s\n' "$2" | tail -n 40 | sed 's/^/# /'
	[[ ! ${TAP_STOP:-} ]] || exit 1
}

# The sentence holds when the command ends with 0.
check() {
	local sentence=$1 rc
	shift
	tap_out=$("$@" 2>&1) && rc=0 || rc=$?
	if ((rc == 0)); then
		tap_pass "$sentence"
	else
		tap_fail "$sentence" "$* ended with $rc
$tap_out"
	fi
}

check_fails() {
	local sentence=$1 rc
	shift
	tap_out=$("$@" 2>&1) && rc=0 || rc=$?
	if ((rc != 0)); then
		tap_pass "$sentence"
	else
		tap_fail "$sentence" "$* succeeded
$tap_out"
	fi
}

# check_status SENTENCE STATUS COMMAND...: it ends with exactly that.
check_status() {
	local sentence=$1 want=$2 rc
	shift 2
	tap_out=$("$@" 2>&1) && rc=0 || rc=$?
	if ((rc == want)); then
		tap_pass "$sentence"
	else
		tap_fail "$sentence" "$* ended with $rc, not $want
$tap_out"
	fi
}

# check_same SENTENCE WANTED FOUND
check_same() {
	if [[ $2 == "$3" ]]; then
		tap_pass "$1"
	else
		tap_fail "$1" "wanted: $2
found:  $3"
	fi
}

# check_says SENTENCE PATTERN: the last check's command said it.  The pattern
# is an extended regular expression, in any case.
check_says() {
	if grep -qiE -- "$2" <<<"$tap_out"; then
		tap_pass "$1"
	else
		tap_fail "$1" "nothing like /$2/ in:
$tap_out"
	fi
}

skip() {
	tap_number=$((tap_number + 1))
	echo "ok $tap_number - $1 # SKIP $2"
}

tap_end() {
	echo "1..$tap_number"
	((tap_failed == 0))
}
