#!/bin/bash
# push_options.sh - what each option of push changes
#
# usage: push_options.sh [BUILD-FOLDER]
# needs: s3
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 options

key_make second-1
second_public=$key_public second_file=$key_file
key_make first-1
upstream=$(nix_key upstream-1)
agent_config "$(agent_s3_cache main "$store_uri" \
	"signing-key = file:$second_file" "public-key = $second_public" \
	"upstream-key = $(nix_public_key "$upstream")")" \
	'' "$(agent_file_cache folder "$W/folder")"
agent_start

push() {
	"$client" push --store "$nix_root" "$@"
}

# A closure of its own for each question.
closure() {
	nix_seed=$1 nix_make_closure "${2:-2}"
}

has_narinfo() {
	s3_keys | grep -qF "/$(hash_part "$1").narinfo"
}

hash_part() {
	local name=${1##*/}
	echo "${name:0:32}"
}

nar_of() {
	s3 get "$bucket" "nix/cache/$(hash_part "$1").narinfo" |
		sed -n 's/^URL: //p'
}

sorted_files() {
	(cd "$1" && find . -type f | sort)
}

every_line_is_json() {
	/usr/bin/python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert lines and all(isinstance(line, dict) for line in lines)' <<<"$1"
}

# Which cache.
a=$(closure a)
check_status 'with two caches, none named: wrong usage' 64 push "$a"
check_says 'which says the names there are' 'main.*folder|folder.*main'
check '--to NAME' push --to main "$a"
check 'has it in that cache' nix_pull "$store_url" "$a" "$key_public"
check 'which the second key signed as well' \
	nix_pull "$store_url" "$a" "$second_public"
b=$(closure b)
check '--to URI of a configured cache' push --to "$store_uri" "$b"
check 'has it there' nix_pull "$store_url" "$b" "$key_public"
check 'a folder is a cache' push --to folder "$b"
check 'that Nix takes from' nix_pull "file://$W/folder" "$b" "$key_public"
check_same 'with nothing half-written in it' '' \
	"$(sorted_files "$W/folder" | grep -vE '\.narinfo$|/nar/[0-9a-z]{52}\.nar\.zst$|nix-cache-info$')"

# Which paths.
c=$(closure c 4)
ln -s "$c" "$W/result"
check 'a symbolic link to a store path' push --to main "$W/result"
check 'means that path' nix_pull "$store_url" "$c" "$key_public"
d=$(closure d)
check 'a path inside of a store path' push --to main "$d/all"
check 'means the store path' nix_pull "$store_url" "$d" "$key_public"
e=$(closure e)
check '--stdin reads paths' sh -c \
	"echo '$e' | '$client' push --store '$nix_root' --to main --stdin"
check 'and pushes them' nix_pull "$store_url" "$e" "$key_public"
f=$(closure f 3)
leaf=$(nix_paths "$f" | grep package-0)
check '--no-closure pushes a path that refers to nothing' \
	push --to main --no-closure "$leaf"
check 'it is there' has_narinfo "$leaf"
check_fails 'and nothing that it did not name' has_narinfo "$f"
check_status 'without its references, a path is not published' 1 \
	push --to main --no-closure "$f"
check_fails 'not at all' has_narinfo "$f"
check 'the cache is whole' s3_is_whole

# What an upstream signed.
g=$(closure g 3)
leaf=$(nix_paths "$g" | grep package-0)
secret_file "$W/upstream" "$upstream"
nix store sign --quiet --store "$nix_root" -k "$W/upstream" "$leaf"
check 'a closure with a path that an upstream signed' push --to main "$g"
check 'is there' has_narinfo "$g"
check_fails 'that path is not' has_narinfo "$leaf"
check '--full pushes it, too' push --to main --full "$g"
check 'now it is there' has_narinfo "$leaf"

# How.
h=$(closure h)
check '--dry-run succeeds' push --to main --dry-run "$h"
check_says 'names what it would push' "${h##*/}"
check_fails 'and pushes nothing' has_narinfo "$h"
said=$(push --to main --json "$h" 2>/dev/null)
check '--json says one object a line' every_line_is_json "$said"
i=$(closure i)
check_same '-q says nothing' '' "$(push --to main -q "$i" 2>&1)"
check 'but pushes' has_narinfo "$i"
for name in xz none zstd; do
	j=$(closure "j-$name")
	check "--compression $name" push --to main --compression $name "$j"
	check 'can be read' nix_pull "$store_url" "$j" "$key_public"
done
check 'none has no ending' grep -q '\.nar$' <(nar_of "$(closure j-none)")
check 'xz has one' grep -q '\.nar\.xz$' <(nar_of "$(closure j-xz)")
check '--level' push --to main --level 19 "$(closure k)"
check_status '--level 99 is wrong usage' 64 \
	push --to main --level 99 "$(closure k)"
m=$(closure m)
check '--level auto' push --to main --level auto "$m"
check 'can be read too' nix_pull "$store_url" "$m" "$key_public"
check_status '--level auto is for zstd' 1 \
	push --to main --level auto --compression xz "$m"
check_status '--level high is wrong usage' 64 \
	push --to main --level high "$m"
check '--jobs 1 --max-memory 64M' push --to main --jobs 1 --max-memory 64M \
	"$(closure l 8)"
check 'no upload was left open' test -z "$(s3 list-uploads "$bucket")"
tap_end
