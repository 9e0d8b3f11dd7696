#!/bin/bash
# serve_push_large.sh - large pushes, and many at once, go through little memory
#
# usage: serve_push_large.sh [BUILD-FOLDER]
# needs: s3 newer-nix
# timeout: 600
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/serve.sh"
flow_begin "$@"
flow_s3 serve-large

flow_clean_up() {
	serve_stop
}

limit_kib=$((100 * 1024))
mib=${NIXCACHE_TEST_MIB:-1024}
key_make serve-large-1
agent_config "$(agent_s3_cache main "$store_uri")"
agent_start
"$client" unlock >/dev/null
serve_start --allow-push || exit

# Of the server, in KiB, since it began.
peak_kib() {
	sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' \
		"/proc/$serve_pid/status"
}

put() {
	/usr/bin/python3 "$flow_root/tests/lib/put.py" "$@"
}

no_uploads() {
	[[ ! $(s3 list-uploads "$bucket") ]]
}

nix_push() {
	nix copy --store "$nix_root" --to "$serve_url?compression=$2" "$1"
}

if ! nix_can_build; then
	skip "a path of $mib MiB is pushed" 'Nix cannot build a large path here'
elif newer_nix_begin; then
	top=$(nix_make_closure 2 "$mib") || exit
	check "a path of $mib MiB is pushed" newer_nix nix_push "$top" none
	peak=$(peak_kib)
	echo "# peak memory $((peak / 1024)) MiB"
	check "with less than $((limit_kib / 1024)) MiB of memory" \
		test "$peak" -lt "$limit_kib"
	check 'stock Nix takes it' nix_pull "$store_url" "$top" "$key_public"
	check 'and has the same bytes' nix_pulled_same "$top"
	check 'no upload was left open' no_uploads
else
	skip "a path of $mib MiB is pushed" "$newer_nix_why"
fi

# Four large and twenty small at once.
mkdir "$W/nars"
for i in $(seq 24); do
	size=$((i <= 4 ? 40 << 20 : 100000 + i))
	head -c "$size" /dev/urandom >"$W/noise"
	nix-store --dump "$W/noise" >"$W/nar"
	mv "$W/nar" "$W/nars/$(nix hash file --base32 --type sha256 "$W/nar").nar"
done
serve_stop
serve_start --allow-push || exit
check_same 'four large and twenty small ones at once are all taken' 24 \
	"$(put --many 24 "$serve_url/nar" "$W/nars")"
echo "# peak memory $(($(peak_kib) / 1024)) MiB"
check "with less than $((limit_kib / 1024)) MiB of memory" \
	test "$(peak_kib)" -lt "$limit_kib"
check 'no upload was left open' no_uploads

same_objects() {
	local nar
	for nar in "$W/nars"/*; do
		cmp "$nar" <(s3 get "$bucket" "nix/cache/nar/${nar##*/}") || return
	done
}
check 'and each object is what was sent' same_objects

# Sixteen large ones, of which four go at a time.
rm -r "$W/nars" && mkdir "$W/nars"
for i in $(seq 16); do
	head -c $((12 << 20)) /dev/urandom >"$W/noise"
	nix-store --dump "$W/noise" >"$W/nar"
	mv "$W/nar" "$W/nars/$(nix hash file --base32 --type sha256 "$W/nar").nar"
done
check_same 'sixteen large ones wait their turn' 16 \
	"$(put --many 16 "$serve_url/nar" "$W/nars")"
check "with less than $((limit_kib / 1024)) MiB of memory" \
	test "$(peak_kib)" -lt "$limit_kib"
tap_end
