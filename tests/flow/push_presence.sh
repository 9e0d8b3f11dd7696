#!/bin/bash
# push_presence.sh - what a cache has already is found with few requests
#
# usage: push_presence.sh [BUILD-FOLDER]
# needs: s3
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 presence

# A proxy writes down what is asked.
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"
key_make presence-1
sockets=$W/s
mkdir -m 700 "$sockets"
agent_config "$(agent_s3_cache main "$store_uri")" "[socket narrow]
path = $sockets/narrow
scope = push
key = *.narinfo
key = nix-cache-info
key = nar/*"
agent_start

# Both are texts, that is all that it takes: of the large one, each narinfo is
# there, among others, and all have NARs.
large=$(nix_make_texts 450) small=$(nix_seed=s nix_make_texts 40)
[[ $large && $small ]] || exit
nix_paths "$large" | sed 's|.*/||; s|-.*|.narinfo|' >"$W/narinfos"
/usr/bin/python3 -c '
import random, sys
digits = "0123456789abcdfghijklmnpqrsvwxyz"
for i in range(1500):
    name = "".join(random.choices(digits, k=51))
    print(f"nar/0{name}.nar.zst")
    if i < 1050:
        print(f"{name[:32]}.narinfo")
for i in range(20):
    print(f"log/{i:032}-x.drv")' >"$W/others"
echo 'StoreDir: /nix/store' >"$W/info"
s3 put-names "$bucket" nix/cache/ < <(cat "$W/narinfos" "$W/others") &&
	s3 put "$bucket" nix/cache/nix-cache-info "$W/info" || exit

# asked SENTENCE OPTION... PATH: it succeeds; then these are the requests by
# transaction class: class A, B and C.
asked() {
	faults_mark
	check "$1" "$client" push --store "$nix_root" "${@:2}"
	faults_classes "$bucket"
}
count=$(wc -l <"$W/narinfos")

# The narinfos of what it said it would push.
named() {
	grep -o '/nix/store/[0-9a-z]*' <<<"$tap_out" |
		sed 's|.*/||; s|$|.narinfo|' | sort
}

asked 'a closure that is all there is pushed' "$large"
check "... after lists ($class_c), not more than 32" \
	test "$class_c" -gt 0 -a "$class_c" -le 32
check_same '... and a look at nix-cache-info' '1 0' "$class_b $class_a"

asked 'pushed again' "$large"
check_same '... nothing is asked at all' '0 0 0' "$class_c $class_b $class_a"

asked 'and with --recheck' --recheck "$large"
check_same '... as the first time' '32 1 0' "$class_c $class_b $class_a"

# Of three paths the narinfo is gone, whatever else there is of them.
gone=$(sed -n '1p;200p;$p' "$W/narinfos" | sort)
for name in $gone; do
	s3 delete "$bucket" "nix/cache/$name"
	echo "${name%.narinfo}.ls"
done | s3 put-names "$bucket" nix/cache/
asked 'what is not there any more' --recheck --dry-run "$large"
check_same '... is named' "$gone" "$(named)"
check_same '... by lists' '32 1 0' "$class_c $class_b $class_a"

asked 'a small closure' --dry-run "$small"
check_same '... is looked up one by one' \
	"0 $(($(nix_paths "$small" | wc -l) + 1)) 0" \
	"$class_c $class_b $class_a"

# Refused by the agent.
NIXCACHE_AGENT_SOCK=$sockets/narrow asked 'through a socket that gives no lists' \
	--recheck --dry-run "$large"
check_same '... each is looked up' "0 $((count + 1)) 0" \
	"$class_c $class_b $class_a"
check_same '... with the same result' "$gone" "$(named)"

# Refused by the server, which then also says 403 of what is not there.
s3 deny "$bucket" s3:ListBucket
asked 'with a key that may not list' --recheck --dry-run "$large"
check_same '... each is looked up' "32 $((count + 1)) 0" \
	"$class_c $class_b $class_a"
check_same '... with the same result' "$gone" "$(named)"
check_fails '... and without a word of it' grep -qi 'list\|403' <<<"$tap_out"
tap_end
