# bench.sh - what every benchmark begins with
#
# usage, in a benchmark:
#	. "$(dirname "$0")/../lib/bench.sh"
#	bench_begin "$@"             BUILD-FOLDER, default: build
#
# A benchmark prints ratios that were measured in one run, and says of each bar
# whether it was held; it fails only when something could not be run.

# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/flow.sh"

bench_begin() {
	flow_begin "$@"
	tools=${1:-$flow_root/build}/tests/bench
	if [[ ! -x $tools/sign_bench ]]; then
		echo "bench: its programs are not in $tools" >&2
		exit 1
	fi
	sed -n '2s/^# /== /p' "$0"
	echo "on $(nproc) processors, load $(cut -d ' ' -f 1 /proc/loadavg)"
}

# Credentials that no server knows.
bench_credentials() {
	S3_KEY=K$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
	S3_SECRET=$(head -c 30 /dev/urandom | base64)
}

# bench_closure NAME VALUE...: arguments of realistic.nix; prints the top path.
bench_closure() {
	local arguments=()
	while (($# > 0)); do
		arguments+=(--arg "$1" "$2")
		shift 2
	done
	nix-build "$flow_root/tests/bench/realistic.nix" --store "$nix_root" \
		--no-out-link "${arguments[@]}" 2>"$nix_work/build.log" ||
		{ cat "$nix_work/build.log" >&2; return 1; }
}

# The target that takes everything: target_port, with files in target_folder.
bench_target() {
	target_folder=$W/target
	mkdir -p "$target_folder" || return
	# Its input is a pipe that nobody writes to: it ends with this shell.
	coproc target { exec "$tools/put_server" "$target_folder"; }
	read -r target_port <&"${target[0]}"
}

# bench_measure WHAT COMMAND...: into the table of this benchmark.
bench_measure() {
	/usr/bin/python3 "$flow_root/tests/bench/measure.py" "$W/table" "$@"
}

bench_table() {
	/usr/bin/python3 "$flow_root/tests/bench/table.py" "$W/table" "$@"
}
