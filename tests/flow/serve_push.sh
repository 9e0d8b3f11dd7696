#!/bin/bash
# serve_push.sh - plain nix copy --to http://... becomes a push that is signed
#
# usage: serve_push.sh [BUILD-FOLDER]
# needs: s3 newer-nix
# timeout: 600
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/serve.sh"
flow_begin "$@"
flow_s3 serve-push

flow_clean_up() {
	serve_stop
}

key_make serve-push-1
agent_config "$(agent_s3_cache main "$store_uri")"
agent_start
serve_start --allow-push || exit

# nix_push TOP [PARAMETERS]
nix_push() {
	rm -rf "$nix_work/cache/nix"
	nix copy --store "$nix_root" --to "$serve_url${2:+?$2}" "$1"
}

# One closure through, and out of the bucket into an empty store that wants
# signatures.
push_and_pull() {
	nix_push "$1" "${2:-}" && nix_pull "$store_url" "$1" "$key_public" &&
		nix_pulled_same "$1"
}

no_uploads() {
	local open
	open=$(s3 list-uploads "$bucket")
	[[ ! $open ]] || { echo "$open"; return 1; }
}

narinfo_text() {
	local name=${1##*/}
	s3 get "$bucket" "nix/cache/${name:0:32}.narinfo"
}

has_kind() {
	s3_keys | grep -q "$1"
}

top=$(nix_make_closure 8) || exit
check_fails 'the paths have no signature where they were built' \
	nix store verify --store "$nix_root" --sigs-needed 1 --no-contents "$top"
check 'nix copy pushes a closure, and an empty store takes it' \
	push_and_pull "$top"
check 'each narinfo has our signature' \
	grep -q '^Sig: serve-push-1:' <(narinfo_text "$top")
check 'the cache got a nix-cache-info' \
	grep -qx 'StoreDir: /nix/store' \
	<(s3 get "$bucket" nix/cache/nix-cache-info)
check 'the cache is whole' s3_is_whole
check 'no upload was left open' no_uploads
before=$(s3_keys)
check 'a second push succeeds' nix_push "$top"
check_same 'and adds nothing' "$before" "$(s3_keys)"

# Each compression that a Nix can write, once for each Nix.
push_compressions() {
	local nix=$1 run=$2 seed=$3 compression path
	shift 3
	for compression in "$@"; do
		seed=$((seed + 1))
		path=$(nix_seed=$seed nix_make_closure 2) || return
		check "$nix: compression=$compression" \
			"$run" push_and_pull "$path" \
			"compression=$compression"
		check "$nix: and the narinfo says so" \
			grep -qx "Compression: $compression" \
			<(narinfo_text "$path")
	done
}

# run_with: the Nix of this machine.
as_is() {
	"$@"
}

push_compressions 'this Nix' as_is 100 xz zstd bzip2 gzip br none lz4
listed=$(nix_seed=150 nix_make_closure 3)
check 'with listings' push_and_pull "$listed" 'write-nar-listing=1'
check 'which are stored' has_kind '\.ls$'
parallel=$(nix_seed=151 nix_make_closure 3)
check 'with parallel compression' \
	push_and_pull "$parallel" 'compression=xz&parallel-compression=true'

if newer_nix_begin; then
	push_compressions "Nix $newer_nix_version" newer_nix 200 \
		xz zstd bzip2 gzip br none lz4
	listed=$(nix_seed=250 nix_make_closure 3)
	check "Nix $newer_nix_version: compressed narinfos and listings" \
		newer_nix push_and_pull "$listed" \
		'narinfo-compression=gzip&write-nar-listing=1&ls-compression=br'
	wide=$(nix_seed=251 nix_make_closure 40)
	check "Nix $newer_nix_version: a wide closure" \
		newer_nix push_and_pull "$wide"
else
	skip 'the newest Nix pushes' "$newer_nix_why"
fi
check 'the cache is whole after all of them' s3_is_whole
check 'no upload was left open' no_uploads

# A server that was started anew has seen none of the NARs.
again=$(nix_seed=300 nix_make_closure 3)
check 'a closure is pushed' nix_push "$again"
name=${again##*/}
narinfo=$W/narinfo
narinfo_text "$again" >"$narinfo"
s3 delete "$bucket" "nix/cache/${name:0:32}.narinfo"
serve_stop
serve_start --allow-push || exit
check 'its narinfo is taken again by a server that was started anew' \
	push_and_pull "$again"

serve_stop
check_same 'the server ends well' 0 $?
check_fails 'no URL with a signature, no key was logged' \
	grep -rqiE "X-Amz-Signature|$(printf '%s' "$key_secret" | cut -d: -f2 |
		cut -c 1-20 | sed 's/[+/]/./g')" "$W"/serve.*
tap_end
