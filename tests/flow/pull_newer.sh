#!/bin/bash
# pull_newer.sh - a pull through the daemon of the newest Nix, and from its cache
#
# usage: pull_newer.sh [BUILD-FOLDER]
# needs: newer-nix
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/pull.sh"
flow_begin "$@"
newer_nix_begin || tap_skip_all "$newer_nix_why"

key_make newer-1
agent_config "$(agent_file_cache ours "$W/ours")" \
	"$(agent_file_cache theirs "$W/theirs")"
agent_start
top=$(nix_make_closure 12) || exit
mapfile -t paths < <(nix_paths "$top")
"$client" push -q --to ours --store "$nix_root" "$top" &&
	newer_nix nix copy --quiet --no-check-sigs --from "$nix_root" --to \
		"file://$W/theirs?compression=zstd&secret-key=$key_file" "$top" ||
	exit

fresh
check_status "a closure is pulled through the daemon of $newer_nix_version" 0 \
	newer_nix pull --from ours "$top"
check 'that Nix finds it whole' newer_nix whole "$top"
check 'with the same bytes' nix_pulled_same "$top"
check_status 'and nothing is to do the next time' 0 \
	newer_nix pull --from ours "$top"
check_says 'which is said' '0 of 1 paths to pull'

fresh
check_status 'what it wrote into a cache is pulled' 0 \
	newer_nix pull --from theirs "$top"
check 'and is whole' newer_nix whole "$top"

fresh
leaf=$(leaf_of "$top")
rm "$W/ours/${leaf:11:32}.narinfo"
nix_configure "substituters = file://$W/theirs
trusted-public-keys = $key_public"
check_status 'a reference that the cache lacks comes through it' 0 \
	newer_nix pull --from ours "$top"
check 'and all is whole' newer_nix whole "$top"
nix_configure

fresh
victim=$(printf '%s\n' "${paths[@]}" | grep -E -- '-package-1(-|$)')
narinfo=$W/theirs/${victim:11:32}.narinfo
archive=$W/theirs/$(sed -n 's/^URL: //p' "$narinfo")
truncate -s -8 "$archive"
check_status 'an archive that ends early is refused' 1 \
	newer_nix pull --from theirs "$top"
check_says 'and named' "failed $victim: "
check_fails 'and not imported' newer_nix valid "$victim"
tap_end
