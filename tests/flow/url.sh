#!/bin/bash
# url.sh - a URL that is printed fetches what it says, for as long as it says
#
# usage: url.sh [BUILD-FOLDER]
# needs: s3
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 url

# Nobody but the owner may read here: what is fetched is fetched by the URL.
bucket=private-$bucket
s3 make-bucket "$bucket" || exit
s3_store "$S3_ENDPOINT"

key_make url-1
agent_config "$(agent_s3_cache main "$store_uri")" '' \
	"$(agent_file_cache folder "$W/a folder")"
agent_start
top=$(nix_make_closure 3) || exit
leaf=$(nix_paths "$top" | head -n 1)
for cache in main folder; do
	check "a closure is pushed to $cache" \
		"$client" push --to "$cache" --store "$nix_root" "$top"
done

url() {
	"$client" url "$@"
}

narinfo_of() {
	s3 get "$bucket" "nix/cache/$(basename "$1" | cut -c -32).narinfo"
}

nar_key_of() {
	narinfo_of "$1" | sed -n 's/^URL: //p'
}

# usage: fetches URL KEY: it gives the object of that key
fetches() {
	cmp <(curl -sSf "$1") <(s3 get "$bucket" "nix/cache/$2")
}

check_fails 'the bucket is not for everybody' \
	curl -sSf "$store_url/nix-cache-info"
check 'the URL of a path fetches its NAR' \
	fetches "$(url --cache main "$top")" "$(nar_key_of "$top")"
check 'that is the very NAR' cmp \
	<(curl -sSf "$(url --cache main "$leaf")" | zstd -dc) \
	<(nix-store --store "$nix_root" --dump "$(nix_file "$leaf")")
check 'with --narinfo its narinfo' \
	fetches "$(url --cache main --narinfo "$top")" \
	"$(basename "$top" | cut -c -32).narinfo"
check 'of a key the object' \
	fetches "$(url --cache main nix-cache-info)" nix-cache-info
check 'of a NAR by its key, too' \
	fetches "$(url --cache main "$(nar_key_of "$top")")" "$(nar_key_of "$top")"
ln -s "$top" "$W/result"
check 'a symbolic link to a store path will do' \
	fetches "$(url --cache main "$W/result")" "$(nar_key_of "$top")"
check 'so will a path inside of one' \
	fetches "$(url --cache main "$top/bin")" "$(nar_key_of "$top")"

in_order() {
	local urls line
	mapfile -t urls < <(url --cache main nix-cache-info "$top" "$leaf")
	((${#urls[@]} == 3)) && fetches "${urls[0]}" nix-cache-info &&
		fetches "${urls[1]}" "$(nar_key_of "$top")" &&
		fetches "${urls[2]}" "$(nar_key_of "$leaf")"
}
check 'several come one a line, in their order' in_order
from_stdin() {
	[[ $(nix_paths "$top" | url --cache main --stdin | wc -l) == \
		$(nix_paths "$top" | wc -l) ]]
}
check 'also from standard input' from_stdin

json_is_right() {
	url --cache main --json --expires 77 "$top" nix-cache-info |
		/usr/bin/python3 -c '
import json, sys, time
path, info = [json.loads(line) for line in sys.stdin]
assert path["path"] == sys.argv[1] and path["key"].startswith("nar/"), path
assert info["key"] == "nix-cache-info" and "path" not in info, info
for row in path, info:
    assert 0 <= row["expiresAt"] - time.time() <= 78, row
' "$top"
}
check '--json says when it expires' json_is_right

# The agent dates a URL back by so much, for servers whose clock is behind.
early=30
check_same 'without --expires it is good for 300 seconds' $((300 + early)) \
	"$(url --cache main "$top" | sed 's/.*X-Amz-Expires=\([0-9]*\).*/\1/')"
for seconds in 1 3600; do
	check "--expires $seconds" url --cache main --expires $seconds "$top"
	check_says '... is what the URL has' \
		"X-Amz-Expires=$((seconds + early))(&|\$)"
done
for seconds in 0 3601 -1 5m '' 99999999999999999999; do
	check_status "--expires '$seconds' is wrong usage" 64 \
		url --cache main --expires "$seconds" "$top"
done
check_fails 'a URL does not let anybody write' curl -sSf -X PUT -d x \
	"$(url --cache main nix-cache-info)"
other=$(url --cache main nix-cache-info)
check_fails 'nor read another object' \
	curl -sSf "${other/nix-cache-info/$(nar_key_of "$top")}"

# A folder has no secret to share.
file_url_is_right() {
	local found
	found=$(url --cache folder "$top")
	[[ $found == "file://$W/a%20folder/nar/"* ]] || { echo "$found"; return 1; }
	cmp <(curl -sSf "$found") "$W/a folder/$(nar_key_of "$top")"
}
check 'of a folder the URL of the file' file_url_is_right
check_same '... which does not expire' \
	'{"path", "key", "url"}' "{$(url --cache folder --json "$top" |
		/usr/bin/python3 -c 'import json, sys
print(*(f"\"{k}\"" for k in json.load(sys.stdin)), sep=", ")')}"

# What is not there.
absent=/nix/store/00000000000000000000000000000000-absent
for cache in main folder; do
	check_status "$cache: a path that is not in the cache" 1 \
		url --cache "$cache" "$absent"
	check_says '... is named' "url: $absent: not in the cache"
	check_status "$cache: another path with the same hash part" 1 \
		url --cache "$cache" "${top}x"
	check_says '... is found out' "another path"
	check_status "$cache: a key that is not there" 1 \
		url --cache "$cache" "nar/$(printf '0%.0s' {1..52}).nar"
	for word in /etc/passwd "$W/nothing" hello ../x nar/x ''; do
		check_status "$cache: '${word/$W/...}' is no path" 1 \
			url --cache "$cache" "$word"
	done
	check_same "$cache: the others are printed all the same" 1 \
		"$(url --cache "$cache" "$absent" "$top" 2>/dev/null | wc -l)"
	check_status "$cache: but the status tells" 1 \
		url --cache "$cache" "$absent" "$top"
done
nar=$(nar_key_of "$leaf")
s3 delete "$bucket" "nix/cache/$nar" && rm "$W/a folder/$nar"
for cache in main folder; do
	check_status "$cache: a NAR that is gone" 1 url --cache "$cache" "$leaf"
	check_says '... is told from a path that never was there' \
		'narinfo is in the cache.*NAR is not'
	check "$cache: its narinfo is there" \
		url --cache "$cache" --narinfo "$leaf"
done

check_status 'no path' 64 url --cache main
check_status 'no cache where there are two' 64 url "$top"
check_status 'a cache that nobody knows' 1 url --cache nowhere "$top"
full_disk() {
	url --cache main "$top" >/dev/full
}
check_status 'a standard output that is full' 1 full_disk

# Only a person is warned.
check_same 'a program is not warned' '' \
	"$(url --cache main "$top" 2>&1 >/dev/null)"
check 'a person is' script -qec "$client url --cache main $top" /dev/null
check_says '... that anybody may use it' 'whoever has such a URL'

check_fails 'no URL with a signature was logged' \
	grep -rqi 'X-Amz-Signature' "$W/h"
check 'with an agent that is locked it is unlocked' "$client" lock
check '... by the next URL' url --cache main "$top"
agent_stop
check_status 'no agent' 2 url --cache main "$top"
tap_end
