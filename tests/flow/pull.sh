#!/bin/bash
# pull.sh - a pushed closure comes back whole, and nothing comes twice
#
# usage: pull.sh [BUILD-FOLDER]
# needs: s3
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/pull.sh"
flow_begin "$@"
flow_s3 pull

# Everything goes past a proxy that does nothing but write down the order.
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"

key_make pull-1
agent_config "$(agent_s3_cache main "$store_uri")" \
	"$(agent_file_cache folder "$W/folder")"
agent_start
top=$(nix_make_closure 16) || exit
mapfile -t paths < <(nix_paths "$top")
"$client" push -q --to main --store "$nix_root" "$top" &&
	"$client" push -q --to folder --store "$nix_root" "$top" || exit

nars_fetched() {
	faults_log | grep -c '^GET .*/nar/'
}

asked() {
	faults_log | grep -c '^[A-Z]'
}

# The JSON lines that a pull wrote, counted by event: "plan 1".
events() {
	/usr/bin/python3 -c '
import collections, json, sys
c = collections.Counter(json.loads(line)["event"] for line in sys.stdin)
print(*(f"{k} {v}" for k, v in sorted(c.items())), sep="\n")'
}

fresh
check_status "a closure of ${#paths[@]} paths is pulled" 0 \
	pull --from main "$top"
check 'stock Nix finds contents and signatures right' whole "$top"
check 'and the same bytes as before' nix_pulled_same "$top"
check_same 'each NAR was fetched once' "${#paths[@]}" "$(nars_fetched)"

before=$(asked)
check_status 'a second pull succeeds' 0 pull --from main "$top"
check_says 'and says that nothing is to do' '0 of 1 paths to pull'
check_same 'and asks nobody' "$before" "$(asked)"
check_status 'not even an agent' 0 \
	env NIXCACHE_AGENT_SOCK="$W/none" "$client" pull --store "$pulled" "$top"

fresh
check_status 'a folder is a cache, too' 0 pull --from folder "$top"
check 'and what it holds comes whole' whole "$top"
check 'with the same bytes' nix_pulled_same "$top"

fresh
some=${paths[$((${#paths[@]} / 2))]}
nix copy --quiet --no-check-sigs --from "$nix_root" --to "$pulled" "$some" || exit
there=$(nix-store --store "$pulled" -qR "$some" | wc -l)
before=$(nars_fetched)
check_status 'a store that has a part of it is completed' 0 \
	pull --from main "$top"
check_same 'with what it lacked, and no more' \
	$((${#paths[@]} - there)) $(($(nars_fetched) - before))
check 'the whole is right' whole "$top" --no-trust

fresh
before=$(nars_fetched)
check_same 'a dry run lists what would come' "${#paths[@]}" \
	"$(pull -q -n --from main "$top" | grep -c '^/nix/store/')"
check_same 'and fetches no NAR' "$before" "$(nars_fetched)"
check_fails 'and imports nothing' valid "$top"

check_status 'without its closure a path cannot come' 1 \
	pull --from main --no-closure "$top"
check_says 'which is said' 'pull without --no-closure'
leaf=$(leaf_of "$top")
check_status 'one that needs nothing can' 0 \
	pull --from main --no-closure "$leaf"
check 'it is valid' valid "$leaf"
check_status 'a list may come from standard input, in any order' 0 \
	pull_list "$(printf '%s\n' "${paths[@]}" | sort -r)"
check 'all of it is valid' whole "$top"

fresh
json=$(pull --from main --json "$top" 2>/dev/null)
check_same 'every event is told as JSON' "end 1
plan 1
pulled ${#paths[@]}
started ${#paths[@]}" "$(events <<<"$json")"

fresh
ln -s "$leaf/share" "$W/link"
check_status 'a path inside of a path, through a link' 0 \
	pull --from "$store_uri" "$W/link/text"
check 'brings the path' valid "$leaf"

none=/nix/store/00000000000000000000000000000000-none
check_status 'a path that the cache lacks is an error' 1 \
	pull --from main "$none" "$top"
check_says 'that names it' "$none: cache main does not have it"
check_fails 'and nothing else is imported' valid "$top"
check_status 'a path outside of the store is an error' 1 pull --from main "$W"
check_status 'several caches need a choice' 64 pull "$top"
check_status 'so do no paths' 64 "$client" pull --store "$pulled"
check_status 'and an empty name of a store' 64 \
	"$client" pull --store '' --from main "$top"
check_status 'an empty list is done at once' 0 \
	"$client" pull --stdin --store "$pulled" </dev/null

# What upstream has is not pushed, and comes through Nix itself.
rm "$W/folder/${leaf:11:32}.narinfo"
fresh
check_status 'a reference that nobody has is an error' 1 \
	pull --from folder "$top"
check_says 'that names the reference' "failed $leaf: "
check_says 'and who refers to it' 'package-.* refers to it, the cache lacks it'
check_fails 'and the path is not there' valid "$top"
cp -r "$W/folder" "$W/upstream" &&
	nix copy --quiet --from "$nix_root" --to "file://$W/upstream?secret-key=$key_file" \
		"$leaf" || exit
fresh
nix_configure "substituters = file://$W/upstream
trusted-public-keys = $key_public"
check_status 'Nix gets it where it can' 0 pull --from folder "$top"
check 'and the whole is right' whole "$top"
nix_configure

check_fails 'no URL with a signature was logged' \
	grep -rqi 'X-Amz-Signature' "$W/proxy" "$W/h"
tap_end
