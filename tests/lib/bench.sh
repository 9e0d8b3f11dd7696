# bench.sh - what every benchmark begins with
#
# usage, in a benchmark:
#	. "$(dirname "$0")/../lib/bench.sh"
#	bench_begin "$@"             BUILD-FOLDER, default: build
#
# A benchmark prints ratios that were measured in one run, and says of each bar
# whether it was held; it fails only when something could not be run.

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
