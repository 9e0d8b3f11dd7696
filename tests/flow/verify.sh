#!/bin/bash
# verify.sh - a pushed cache verifies, and every kind of damage is named
#
# usage: verify.sh [BUILD-FOLDER]
# needs: s3
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 verify

key_make verify-1
upstream=$(nix_key upstream-1)
agent_config "$(agent_s3_cache bucket "$store_uri" \
	"upstream-key = $(nix_public_key "$upstream")")" \
	"$(agent_file_cache folder "$W/folder" \
		"upstream-key = $(nix_public_key "$upstream")")"
agent_start
top=$(nix_make_closure 12) || exit
mapfile -t paths < <(nix_paths "$top")
leaf=$(printf '%s\n' "${paths[@]}" | grep package-0)
middle=${paths[6]}
nowhere=/nix/store/00000000000000000000000000000000-nowhere
mkdir "$W/kept" "$W/empty" || exit

# The objects of a cache, past all of our code: KEY, or KEY FILE.
object_get() {
	case $where in
	bucket) s3 get "$bucket" "nix/cache/$1" ;;
	folder) cat "$W/folder/$1" ;;
	esac
}

object_put() {
	case $where in
	bucket) s3 put "$bucket" "nix/cache/$1" "$2" ;;
	folder) cp -f "$2" "$W/folder/$1" ;;
	esac >/dev/null
}

object_delete() {
	case $where in
	bucket) s3 delete "$bucket" "nix/cache/$1" ;;
	folder) rm "$W/folder/$1" ;;
	esac >/dev/null
}

narinfo_key() {
	local base=${1##*/}
	echo "${base:0:32}.narinfo"
}

nar_key() {
	object_get "$(narinfo_key "$1")" | sed -n 's/^URL: //p'
}

# damage KEY COMMAND...: puts what the command makes of it, read from its
# standard input; without a command the object goes.
damage() {
	local key=$1
	shift
	damaged=$key
	object_get "$key" >"$W/kept/object" || return
	if (($#)); then
		"$@" <"$W/kept/object" >"$W/kept/damaged" &&
			object_put "$key" "$W/kept/damaged"
	else
		object_delete "$key"
	fi
}

repair() {
	object_put "$damaged" "$W/kept/object"
}

verify() {
	"$client" verify --cache "$where" --store "$nix_root" "$@"
}

# The kinds of what was found: "nar-size missing".
kinds() {
	verify --json "$@" 2>&1 | /usr/bin/python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert lines[-1]["event"] == "end"
print(*sorted({x["kind"] for x in lines if x["event"] == "finding"}))'
}

flip_a_byte() {
	/usr/bin/python3 -c '
import sys
b = bytearray(sys.stdin.buffer.read())
b[len(b) // 2] ^= 1
sys.stdout.buffer.write(b)'
}

a_pushed_cache_verifies() {
	check_status "$where: a closure that was pushed verifies" 0 \
		verify "$top"
	check_says 'with all its paths' "^$where: ${#paths[@]} paths, 0 findings"
	check_status 'also deeply' 0 verify --deep "$top"
	check_status 'and all that the cache has' 0 verify --all
	check_says 'which is the same' "^$where: ${#paths[@]} paths, 0 findings"
	check_status 'deeply, too' 0 verify --all --deep
	check_same 'as JSON nothing is found' '' "$(kinds --all)"
	ln -sfn "$top" "$W/result"
	check_status 'a link to a path will do' 0 verify "$W/result"
	check_status 'so will a list' 0 verify --stdin <<<"$leaf"
	check_status 'a path that is not there is found' 1 \
		verify "$nowhere"
	check_says 'and named' "^$nowhere: the cache does not have it"
	tap_out=$(verify -q "$top")
	check_same '-q says nothing of what is good' '' "$tap_out"
}

# found SENTENCE PATTERN KIND PATH [OPTION...]: now, and nothing of the kind
# any more when it has been repaired.
found() {
	local sentence=$1 pattern=$2 kind=$3 path=$4
	shift 4
	check_status "$where: $sentence" 1 verify "$@" "$top"
	check_says 'and named' "^$path: $pattern"
	check_same 'as what it is' "$kind" "$(kinds "$@" "$top")"
	repair
}

damage_is_found() {
	local key
	damage "$(narinfo_key "$middle")" || return
	tap_out=$(verify --all)
	check_says "$where: an archive that nothing names is noted" \
		'^note: nar/.*: no narinfo names it'
	check_same 'a narinfo that is gone is found with --all' 'missing' \
		"$(kinds --all)"
	found 'a narinfo that is gone is found' \
		"/nix/store/.* refers to it, and the cache does not have it" \
		missing "$middle"

	key=$(nar_key "$middle")
	damage "$key" head -c 60
	check_same "$where: a short archive is found with --all" nar-size \
		"$(kinds --all)"
	check_same 'and, deeply, to be damaged' nar "$(kinds --deep "$top")"
	found 'a short archive is found' \
		".*$key has 60 bytes.*FileSize" nar-size "$middle"
	damage "$key" flip_a_byte
	check_status "$where: a changed byte is not looked for" 0 verify "$top"
	found 'a changed byte is found deeply' ".*$key is damaged" nar \
		"$middle" --deep
	damage "$key" object_get "$(nar_key "$top")"
	found 'the archive of another path is found' ".*$key is damaged" nar \
		"$middle" --deep
	damage "$key"
	check_same "$where: an archive that is gone is found deeply" \
		nar-missing "$(kinds --deep "$top")"
	check_same 'and with --all' nar-missing "$(kinds --all)"
	check_same 'and with both' nar-missing "$(kinds --all --deep)"
	found 'an archive that is gone is found' ".*$key is missing" \
		nar-missing "$middle"
}

narinfos_are_judged() {
	local key
	key=$(narinfo_key "$middle")
	damage "$key" sed 's/^\(Sig: [^:]*:..\)./\1_/'
	found 'a signature that is none is found' 'it is not signed' \
		unsigned "$middle"
	damage "$key" sed 's/^\(Sig: [^:]*:\)\(.\)\(.\)/\1\3\2/'
	found 'a false signature is found' 'its signature is false' \
		signature "$middle"
	damage "$key" sed 's/^NarSize: /&1/'
	found 'a size that was not signed is found' 'its signature is false' \
		signature "$middle"
	damage "$key" sed 's/^\(References:\) [^ ]*/\1/'
	found 'a reference that was taken out is found' \
		'its signature is false' signature "$middle"
	damage "$key" sed '/^Sig: /d'
	found 'a missing signature is found' 'it is not signed' unsigned \
		"$middle"
	damage "$key" object_get "$(narinfo_key "$leaf")"
	found 'the narinfo of another path is found' \
		"$key: it is of another path, ${leaf##*/}" narinfo "$middle"
	damage "$key" head -c 100
	found 'a short narinfo is found' "$key: malformed" narinfo "$middle"
	damage "$key" sed 's|^URL: |&../|'
	found 'an URL out of the cache is found' 'its URL is not one inside' \
		nar-url "$middle"
	damage nix-cache-info
	check_status "$where: a missing nix-cache-info is found" 1 verify "$top"
	check_says 'and named' '^nix-cache-info: it is missing'
	repair
	damage nix-cache-info sed 's|/nix|/gnu|'
	check_same "$where: one for another store is found" cache-info \
		"$(kinds "$top")"
	repair
	check_status "$where: all has been repaired" 0 verify --all --deep
}

# Only what an upstream signed may be missing.
upstream_is_left_out() {
	local other
	other=$(nix_seed=other nix_make_closure 4)
	local from_upstream
	from_upstream=$(nix_paths "$other" | grep package-0)
	nix store sign --quiet --store "$nix_root" -k "$W/upstream" \
		"$from_upstream"
	"$client" push -q --to "$where" --store "$nix_root" "$other" || return
	check_status "$where: what an upstream signed may be missing" 0 \
		verify "$other"
	check_says 'and is counted' '4 paths, 0 findings, 1 more from upstream'
	check_status 'also of all' 0 verify --all
	check_status 'and when it is asked for itself' 0 \
		verify "$from_upstream"
	check_says 'which is said' 'an upstream signed it'
	check_status 'a store that lacks it does not know' 1 \
		verify --store "$W/empty" "$other"
	check_says 'and names it' \
		"^$from_upstream: .*refers to it, and the cache does not have it"
	check_status 'which can be ignored' 0 \
		verify --store "$W/empty" --ignore-missing "$other"
	check_says 'and is counted' '1 more are elsewhere or lost'
	check_status 'but not for what is asked for' 1 \
		verify --store "$W/empty" --ignore-missing "$from_upstream"
	check_status 'a substituter of Nix that has it is enough' 0 \
		env NIX_CONFIG="$NIX_CONFIG
substituters = file://$W/upstream-cache" \
		"$client" verify --cache "$where" --store "$W/empty" "$other"
	check_says 'and is counted' "1 more from Nix's substituters"
}

secret_file "$W/upstream" "$upstream"
theirs=$(nix_paths "$(nix_seed=other nix_make_closure 4)" | grep package-0)
nix copy --quiet --store "$nix_root" --to "file://$W/upstream-cache" "$theirs" &&
	echo 'WantMassQuery: 1' >>"$W/upstream-cache/nix-cache-info" || exit

for where in bucket folder; do
	"$client" push -q --to "$where" --store "$nix_root" "$top" || exit
	a_pushed_cache_verifies
	damage_is_found
	narinfos_are_judged
	upstream_is_left_out
done

check_status 'an unknown cache is named' 1 "$client" verify --cache none "$top"
check_status 'nothing to verify is wrong usage' 64 "$client" verify
check_status 'all, and a path, too' 64 "$client" verify --all "$top"
check_status 'what is no store path is named' 1 \
	"$client" verify --cache folder /etc/passwd
check_status 'without an agent it ends with 2' 2 \
	env NIXCACHE_AGENT_SOCK="$W/none" "$client" verify "$top"
check_fails 'no URL with a signature was shown' \
	grep -rqi 'X-Amz-Signature' "$W/h"
tap_end
