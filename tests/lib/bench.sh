# bench.sh - what every benchmark begins with
#
# usage, in a benchmark:
#	. "$(dirname "$0")/../lib/bench.sh"
#	bench_begin "$@"             BUILD-FOLDER, default: build
#
# A benchmark prints ratios that were measured in one run, and says of each bar
# whether it was held; it fails only when something could not be run.  What
# those of pushing and pulling print, they write as JSON too: one file each in
# NIXCACHE_BENCH_OUT, or in the folder bench of the build.
#
# In the environment:
#	NIXCACHE_BENCH_RUNS=5        how often everything is run
#	NIXCACHE_BENCH_LINKS='0ms 50ms/100mbit'  over these links
#	NIXCACHE_BENCH_MATRIX=all    over all links that the issue is about
#	NIXCACHE_BENCH_XZ=no         without what takes minutes to compress
#	NIXCACHE_BENCH_MIB=2048      the size of what is large
#	NIXCACHE_BENCH_PATHS=20000   the number of what is many

# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/flow.sh"
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/link.sh"

bench_runs=${NIXCACHE_BENCH_RUNS:-5}
bench_mib=${NIXCACHE_BENCH_MIB:-2048}
bench_matrix='0ms 0ms/1gbit 0ms/100mbit 10ms 10ms/1gbit 10ms/100mbit
50ms 50ms/1gbit 50ms/100mbit'
bench_bars=()

bench_begin() {
	local build=${1:-$flow_root/build}
	bench_out=${NIXCACHE_BENCH_OUT:-$build/bench}
	mkdir -p "$bench_out" && bench_out=$(cd "$bench_out" && pwd) || exit
	flow_begin "$@"
	tools=$build/tests/bench
	if [[ ! -x $tools/sign_bench ]]; then
		echo "bench: its programs are not in $tools" >&2
		exit 1
	fi
	sed -n '2s/^# /== /p' "$0"
	echo "on $(nproc) processors, load $(cut -d ' ' -f 1 /proc/loadavg)"
}

bench_fail() {
	echo "bench: $1" >&2
	exit 1
}

# Credentials that no server knows.
bench_credentials() {
	S3_REGION=us-east-1
	S3_KEY=K$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
	S3_SECRET=$(head -c 30 /dev/urandom | base64)
}

# Reads a closure once, so that neither the disk nor its access times are in the
# first measurement only.
bench_warm() {
	nix-store --store "$nix_root" -qR "$1" |
		xargs nix-store --store "$nix_root" --export >/dev/null
}

# bench_closure NAME VALUE...: arguments of realistic.nix; prints the top path.
bench_closure() {
	local arguments=() top
	nix_can_build || bench_fail 'Nix cannot build here'
	while (($# > 0)); do
		arguments+=(--arg "$1" "$2")
		shift 2
	done
	top=$(nix-build "$flow_root/tests/bench/realistic.nix" \
		--store "$nix_root" --no-out-link "${arguments[@]}" \
		2>"$nix_work/build.log") ||
		{ cat "$nix_work/build.log" >&2; return 1; }
	bench_warm "$top" && echo "$top"
}

# bench_paths COUNT SEED: small paths that refer to each other, without a build;
# prints the first one, whose closure is all of them.
bench_paths() {
	local said=$nix_work/registration top
	mkdir -p "$nix_root/nix/store" &&
		/usr/bin/python3 "$flow_root/tests/bench/paths.py" \
			"$nix_root" "$@" >"$said" &&
		nix-store --store "$nix_root" --load-db <"$said" &&
		read -r top <"$said" && bench_warm "$top" && echo "$top"
}

# Says what is pushed: TOP.  Sets count.
bench_describe() {
	local sizes
	sizes=$(nix path-info --store "$nix_root" -rs "$1") || return
	count=$(wc -l <<<"$sizes")
	awk '{ sum += $2 } END {
		printf "%d paths, NARs of %.0f MB\n", NR, sum / 1e6 }' <<<"$sizes"
}

# The target that takes everything, as two links: direct, and quick by a proxy.
# bench_target [KEEP]: bodies up to so many bytes can be fetched again.  Needs
# credentials and a key for the caches.
bench_target() {
	local port
	target_log=$W/target.log target_url=
	: >"$target_log" || return
	# Its input is a pipe that nobody writes to: it ends with this shell.
	coproc target { exec "$tools/put_server" "$target_log" "$@"; }
	read -r port <&"${target[0]}" && target_url=http://127.0.0.1:$port &&
		link_direct direct "127.0.0.1:$port" "$target_log" &&
		link_begin quick "127.0.0.1:$port"
}

# A cache at the target by each of its links, which has the link's name.
bench_caches() {
	local link
	for link in direct quick; do
		agent_s3_cache $link "s3://$link?endpoint=$(
		)${link_endpoints[$link]#*//}&scheme=http&region=$S3_REGION"
	done
}

# The cache of the link in use has nothing in it, and this machine remembers
# nothing of it.
bench_empty() {
	bench_forget && curl -sf -X DELETE "$target_url/$link_name/" &&
		target_log_begin=$(($(wc -l <"$target_log") + 1))
}

# So many narinfos have come to the target since then, into the cache of the
# link in use or another bucket: COUNT [BUCKET]
bench_arrived() {
	local found bucket=${2:-$link_name}
	found=$(tail -n "+$target_log_begin" "$target_log" |
		grep -c "^PUT /$bucket/[a-z0-9]*\.narinfo 200")
	((found == $1)) || bench_fail "$bucket has $found narinfos of $1"
}

# What this machine remembers of caches: nothing.
bench_forget() {
	rm -rf "$W/state" && mkdir "$W/state" && export XDG_STATE_HOME=$W/state
}

# The links that were asked for, or these; loopback is none at all.
bench_links() {
	local wanted="${NIXCACHE_BENCH_LINKS:-$*}" link
	if [[ ${NIXCACHE_BENCH_MATRIX:-} == all ]]; then
		wanted=$bench_matrix
		[[ " $* " != *' loopback '* ]] || wanted="loopback $wanted"
	fi
	links=()
	for link in $wanted; do
		if link_can "$link"; then
			links+=("$link")
		else
			bench_note "$link was skipped: $link_why"
		fi
	done
}

# bench_rounds FUNCTION LINK...: so many rounds of it over each link, to the
# target; the round is in round.
bench_rounds() {
	local measure=$1 link
	shift
	bench_links "$@"
	for link in "${links[@]}"; do
		for ((round = 1; round <= bench_runs; round++)); do
			if [[ $link == loopback ]]; then
				link_use direct
			else
				link_use quick && link_set "$link" || exit
			fi
			"$measure"
		done
	done
}

# bench_measure WHAT COMMAND...: into the table of this benchmark.  Requests are
# counted in link_log; paths says how many paths it is about.
bench_measure() {
	local options=()
	[[ ! $link_now ]] || options+=(--link "$link_now")
	[[ ! ${link_log:-} ]] || options+=(--log "$link_log")
	[[ ! ${link_control:-} ]] || options+=(--proxy "$link_control")
	# The real S3 server does not tell.
	[[ ${link_name:-real} == real ]] || options+=(--received "$target_url")
	[[ ! ${count:-} ]] || options+=(--paths "$count")
	/usr/bin/python3 "$flow_root/tests/bench/measure.py" \
		"${options[@]}" "${bench_also[@]}" "$W/runs" "$@" ||
		bench_fail "$1: exit status $?"
}

# The same for our client, whose agent works for it.
bench_client() {
	local what=$1 bench_also=(--agent "$NIXCACHE_AGENT_PID")
	shift
	bench_measure "$what" "$client" "$@"
}

# bench_push WHAT TOP [CACHE]: into the cache of the link in use.
bench_push() {
	bench_client "$1" push -q --store "$nix_root" --to "${3:-$link_name}" \
		"$2"
}

# A bar for the table, see table.py.
bench_bar() {
	bench_bars+=("$@")
}

bench_note() {
	bench_bars+=(--note "$*")
}

bench_table() {
	local name
	name=$(basename "$0" .sh)
	/usr/bin/python3 "$flow_root/tests/bench/table.py" "$name" "$W/runs" \
		"$bench_out/$name.json" "${bench_bars[@]}" &&
		echo "written: $bench_out/$name.json"
}
