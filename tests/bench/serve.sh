#!/bin/bash
# serve.sh - the server: what it adds to an answer, fifty clients, a large NAR
#
# usage: serve.sh [BUILD-FOLDER]
# needs: s3
. "$(dirname "$0")/../lib/bench.sh"
. "$(dirname "$0")/../lib/serve.sh"
bench_begin "$@"
flow_s3 bench
flow_clean_up() {
	serve_stop
}

adds_max_us=1000
peak_max_kib=102400
mib=${NIXCACHE_BENCH_MIB:-1024}
paths=100
key_make bench-1 || exit
agent_config "$(agent_s3_cache main "$store_uri")" \
	"$(agent_file_cache disk "$W/disk")"
agent_start && "$client" unlock >/dev/null || exit
top=$(nix_make_closure $paths) || exit
"$client" push -q --to main --store "$nix_root" "$top" || exit
big=nar/$(printf '0%.0s' {1..52}).nar

ask() {
	/usr/bin/python3 "$flow_root/tests/bench/http_ask.py" "$@"
}

# held WHAT VALUE MAXIMUM
held() {
	local word=held
	(($2 <= $3)) || word='NOT held'
	printf '%-52s %8d, at most %d: %s\n' "$1" "$2" "$3" "$word"
}

# The base, what is in memory, and again: three times, the middle counts.
coproc empty { exec "$tools/empty_server"; }
read -r empty_port <&"${empty[0]}"
serve_start --cache main || exit
mapfile -t urls < <(nix_paths "$top" | while read -r path; do
	narinfo_url "$path"
done)
read -r errors _ < <(ask 2000 50 "${urls[@]}")
held 'errors of 2000 narinfo requests over 50 connections' "$errors" 0
for ((i = 0; i < 5; i++)); do
	read -r _ base _ < <(ask 2000 1 "http://127.0.0.1:$empty_port/x.narinfo")
	read -r _ ours _ < <(ask 2000 1 "${urls[@]}")
	echo "$((ours - base)) $base $ours"
done | sort -n >"$W/added"
read -r added base ours < <(sed -n 3p "$W/added")
echo "p50 of an answer: empty server $base us, narinfo in memory $ours us"
held 'microseconds that the server adds at p50' "$added" $adds_max_us
read -r errors p50 p99 < <(ask 2000 50 "${urls[@]}")
echo "50 connections, in memory: p50 $p50 us, p99 $p99 us, $errors errors"
serve_stop

# A large NAR through the server, from S3 and from a folder.
mkdir -p "$W/disk/nar"
truncate -s "${mib}M" "$W/disk/$big"
for ((i = 0; i < mib; i += 64)); do
	printf 'part %d' "$i" |
		dd of="$W/disk/$big" bs=1M seek="$i" conv=notrunc status=none
done
s3_put_big() {
	curl -sf -o /dev/null -T "$W/disk/$big" \
		"$(s3 presign PUT "$bucket" "nix/cache/$big")"
}
peak_of() {
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$serve_pid/status"
}
whole=$(sha256sum <"$W/disk/$big")
[[ ${NIXCACHE_BENCH_FOLDER_ONLY:-} ]] || s3_put_big || exit
for cache in disk main; do
	serve_start --proxy --cache $cache || exit
	began=$EPOCHREALTIME
	got=$(curl -s "$serve_url/$big" | sha256sum)
	echo "$mib MiB from $cache: $(awk -v m="$mib" -v a="$began" \
		-v b="$EPOCHREALTIME" 'BEGIN { printf "%.0f MiB/s", m / (b - a) }')"
	[[ $got == "$whole" ]] || { echo "$cache: not the same bytes"; exit 1; }
	held "peak KiB while it is proxied from $cache" "$(peak_of)" \
		$peak_max_kib
	serve_stop
done
