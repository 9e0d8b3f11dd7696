#!/bin/bash
# push.sh - what was pushed, stock Nix takes, with signatures required
#
# usage: push.sh [BUILD-FOLDER]
# needs: s3
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 push

# Everything goes past a proxy that does nothing but write down the order.
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"

key_make push-1
agent_config "$(agent_s3_cache main "$store_uri")"
agent_start
top=$(nix_make_closure 16) || exit
count=$(nix_paths "$top" | wc -l)

writes() {
	faults_log | grep -cE '^(PUT|POST|DELETE) '
}

# Each narinfo was finished after its NAR and after the narinfos it refers to.
order_is_right() {
	local line key text need status=0
	declare -A finished=()
	while read -r line; do
		key=${line##*/nix/cache/}
		if [[ $key == *.narinfo ]]; then
			text=$(s3 get "$bucket" "nix/cache/$key")
			need=$(sed -n 's/^URL: //p' <<<"$text")
			# shellcheck disable=SC2013 # names, all on one line
			for name in $(sed -n 's/^References: //p' <<<"$text"); do
				[[ ${name:0:32}.narinfo == "$key" ]] ||
					need+=" ${name:0:32}.narinfo"
			done
			for name in $need; do
				[[ ${finished[$name]:-} ]] ||
					{ echo "$key before $name"; status=1; }
			done
		fi
		finished[$key]=1
	done < <(faults_log | awk '$1 == "PUT" && $3 == 200 { print $2 }')
	return $status
}

named_by_nar_hash() {
	local key text
	while read -r key; do
		text=$(s3 get "$bucket" "$key")
		[[ $(sed -n 's/^URL: //p' <<<"$text") == \
			"nar/$(sed -n 's/^NarHash: sha256://p' <<<"$text").nar.zst" ]] ||
			{ echo "$text"; return 1; }
	done < <(s3_keys | grep '\.narinfo$')
}

file_hashes_are_true() {
	local key text url
	while read -r key; do
		text=$(s3 get "$bucket" "$key")
		url=$(sed -n 's/^URL: //p' <<<"$text")
		[[ $(sed -n 's/^FileSize: //p' <<<"$text") == \
			$(s3 get "$bucket" "nix/cache/$url" | wc -c) ]] || return
		[[ $(sed -n 's/^FileHash: //p' <<<"$text") == \
			"sha256:$(nix hash file --base32 --type sha256 \
				<(s3 get "$bucket" "nix/cache/$url"))" ]] || return
	done < <(s3_keys | grep '\.narinfo$' | head -n 3)
}

check_status "a closure of $count paths is pushed" 0 \
	"$client" push --store "$nix_root" "$top"
check_same 'each path has a narinfo' "$count" \
	"$(s3_keys | grep -c '\.narinfo$')"
check_same 'each path has a NAR' "$count" "$(s3_keys | grep -c '/nar/')"
check 'nix-cache-info was made' \
	grep -qx 'StoreDir: /nix/store' <(s3 get "$bucket" nix/cache/nix-cache-info)
check 'every narinfo came after what it needs' order_is_right
check 'a NAR is named by its hash' named_by_nar_hash
check 'stock Nix fetches and verifies it all' \
	nix_pull "$store_url" "$top" "$key_public"
check 'and has the same bytes' nix_pulled_same "$top"
other_public=$(nix_public_key "$(nix_key push-1)")
check_fails 'a reader who trusts another key gets nothing' \
	nix_pull "$store_url" "$top" "$other_public"

before=$(writes)
check 'a second push succeeds' "$client" push --store "$nix_root" "$top"
check_same 'and writes nothing' "$before" "$(writes)"
check_same 'the secrets were fetched once' 1 "$(status_field sourceRuns)"

# A path that is new, on top of a closure that is there.
nix_seed=1 next=$(nix_seed=1 nix_make_closure 3)
check 'a further closure is pushed' "$client" push --store "$nix_root" "$next"
check 'and can be fetched' nix_pull "$store_url" "$next" "$key_public"

# What was changed on disk after Nix registered it.
bad=$(nix_seed=2 nix_make_closure 2)
victim=$(nix_paths "$bad" | grep package-0)
file=$(find "$(nix_file "$victim")" -type f | sort | tail -n 1)
chmod u+w "$file" && echo changed >>"$file"
keys_before=$(s3_keys)
check_status 'a path that was changed on disk is refused' 1 \
	"$client" push --store "$nix_root" "$bad"
check_says 'and named' "${victim##*/}"
check_same 'nothing of it was published' \
	"$(grep '\.narinfo$' <<<"$keys_before")" "$(s3_keys | grep '\.narinfo$')"
check 'the cache is whole' s3_is_whole
check 'no upload was left open' test -z "$(s3 list-uploads "$bucket")"
check 'FileHash and FileSize are those of the object' file_hashes_are_true
check_fails 'no URL with a signature was logged' \
	grep -rqi 'X-Amz-Signature' "$W/proxy" "$W/h"
check 'the cache asks readers for signatures that hold' \
	grep -q '^Sig: push-1:' <(s3 get "$bucket" "$(s3_keys |
		grep -m 1 '\.narinfo$')")
tap_end
