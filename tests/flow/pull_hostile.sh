#!/bin/bash
# pull_hostile.sh - what a bad cache says is named, and nothing of it imported
#
# usage: pull_hostile.sh [BUILD-FOLDER]
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/pull.sh"
flow_begin "$@"
nix_can_build || tap_skip_all 'Nix cannot build here: texts are too small to be spoilt'

compressions='none xz bzip2 gzip zstd lz4 br lzip'
key_make other-1
other_file=$key_file
key_make pull-1
configuration=("$(agent_file_cache bad "$W/bad")")
for compression in $compressions; do
	configuration+=("$(agent_file_cache "$compression" "$W/$compression")")
done
agent_config "${configuration[@]}"
agent_start

# package-0 refers to nothing; victim to package-0; top to all.
top=$(nix_make_closure 6) || exit
mapfile -t paths < <(nix_paths "$top")
leaf=$(leaf_of "$top")
victim=$(printf '%s\n' "${paths[@]}" | grep -E -- '-package-1(-|$)')

for compression in $compressions; do
	if ! nix copy --quiet --from "$nix_root" --to \
		"file://$W/$compression?compression=$compression&secret-key=$key_file" \
		"$top" 2>"$W/said"; then
		skip "$compression" "this Nix cannot: $(head -n 1 "$W/said")"
		continue
	fi
	fresh
	check_status "what Nix compressed with $compression is pulled" 0 \
		pull --from "$compression" "$top"
	check "and is whole ($compression)" whole "$top"
	check "with the same bytes ($compression)" nix_pulled_same "$top"
done

# The narinfo of a path in the bad cache, its archive, a field of it.
narinfo() {
	echo "$W/bad/${1:11:32}.narinfo"
}

archive() {
	echo "$W/bad/$(field "$1" URL)"
}

field() {
	sed -n "s/^$2: //p" "$(narinfo "$1")"
}

set_field() {
	sed -i "s|^$2: .*|$2: $3|" "$(narinfo "$1")"
}

# sign_anew PATH [KEY-FILE]: what a cache's own key might be made to sign.
sign_anew() {
	sed -i '/^Sig: /d' "$(narinfo "$1")" &&
		nix store sign --store "file://$W/bad" -k "${2:-$key_file}" "$1"
}

# refused SENTENCE PATTERN COMMAND...: the bad cache is a good one, changed by
# the command.  The victim is named with the pattern, and neither it nor the
# top is there afterwards.
refused() {
	local sentence=$1 pattern=$2
	shift 2
	fresh
	rm -rf "$W/bad" && cp -r "$W/none" "$W/bad" && "$@" >"$W/said" 2>&1 || {
		tap_fail "$sentence" "cannot be staged: $(cat "$W/said")"
		return
	}
	check_status "$sentence: refused" 1 pull --from bad "$top"
	check_says "$sentence: named" "$pattern"
	check_fails "$sentence: not imported" valid "$victim"
	check_fails "$sentence: nor what needs it" valid "$top"
}

nothing_was_imported() {
	local path
	for path in "${paths[@]}"; do
		! valid "$path" 2>/dev/null || { echo "$path"; return 1; }
	done
}

unsigned() { sed -i '/^Sig: /d' "$(narinfo "$victim")"; }
by_another_key() { sign_anew "$victim" "$other_file"; }
with_a_signature_of_another() {
	set_field "$victim" Sig "$(field "$leaf" Sig)"
}
tampered() {
	# In the midst of a word of its text, as long as before.
	sed -i '0,/line 1 of/s//lime 1 of/' "$(archive "$victim")"
}
truncated() { truncate -s -8 "$(archive "$victim")"; }
too_long() { head -c 8 /dev/zero >>"$(archive "$victim")"; }
empty_archive() { : >"$(archive "$victim")"; }
says_less() {
	set_field "$victim" NarSize $(($(field "$victim" NarSize) - 8)) &&
		sign_anew "$victim"
}
says_more() {
	set_field "$victim" NarSize $(($(field "$victim" NarSize) + 8)) &&
		sign_anew "$victim"
}
hash_of_another() {
	set_field "$victim" NarHash "$(field "$leaf" NarHash)" &&
		sign_anew "$victim"
}
of_another_path() { cp "$(narinfo "$leaf")" "$(narinfo "$victim")"; }
garbage() { echo 'no narinfo at all' >"$(narinfo "$victim")"; }
no_archive() { rm "$(archive "$victim")"; }
unknown_compression() { set_field "$victim" Compression rot13; }
other_compression() { set_field "$victim" Compression xz; }
elsewhere() { set_field "$victim" URL "http://127.0.0.1:1/nar/x.nar"; }
outside() { set_field "$victim" URL "../../../../etc/passwd"; }
circle() {
	set_field "$leaf" References "${victim##*/}" && sign_anew "$leaf"
}
no_nar() {
	head -c 64 /dev/zero >"$W/zeros" &&
		cp "$W/zeros" "$(archive "$victim")" &&
		set_field "$victim" NarSize 64 &&
		set_field "$victim" NarHash "sha256:$(nix hash file --base32 \
			--type sha256 "$W/zeros")" &&
		sign_anew "$victim"
}

refused 'a narinfo without a signature' "$victim: it is not signed" unsigned
check 'and nothing else was fetched' nothing_was_imported
refused 'one by a key that nobody knows' "$victim: it is not signed" \
	by_another_key
refused 'one with the signature of another' "$victim: it bears a signature" \
	with_a_signature_of_another
check 'nor was anything then' nothing_was_imported
refused 'an archive that was changed' "$victim: .*NarHash" tampered
check 'what does not need it is there' valid "$leaf"
refused 'an archive that ends early' "$victim: " truncated
refused 'an archive that goes on' "$victim: .*larger than" too_long
refused 'an archive without a byte' "$victim: " empty_archive
refused 'a size that is too small' "$victim: .*larger than" says_less
refused 'a size that is too large' "$victim: .*NarSize" says_more
refused 'the hash of another' "$victim: .*NarHash" hash_of_another
refused 'the narinfo of another path' "$victim: " of_another_path
check 'is seen before anything is fetched' nothing_was_imported
refused 'what is no narinfo' "$victim: " garbage
refused 'a narinfo without its archive' "$victim: .*lacks it" no_archive
refused 'a compression that nobody knows' "$victim: " \
	unknown_compression
refused 'one that it is not' "$victim: " other_compression
refused 'an archive in another place' "$victim: .*URL" elsewhere
refused 'an archive outside of the cache' "$victim: .*URL" outside
refused 'a circle of references' 'refers to itself through others' circle
refused 'what is no archive, signed' "$victim: " no_nar

rm -rf "$W/bad" && cp -r "$W/none" "$W/bad"
check_status 'when the cache is mended, a pull completes it' 0 \
	pull --from bad "$top"
check 'and all is whole' whole "$top"

# A key that Nix itself trusts does as well.
fresh
for path in "${paths[@]}"; do
	sign_anew "$path" "$other_file" 2>/dev/null
done
check_status 'a key that the cache does not have is refused' 1 \
	pull --from bad "$top"
nix_configure "trusted-public-keys = $(nix_public_key "$(cat "$other_file")")"
check_status 'unless nix.conf trusts it' 0 pull --from bad "$top"
nix_configure

# A daemon to which we are nobody in particular.
daemon_of_others() {
	NIX_CONFIG="$NIX_CONFIG
trusted-users = nobody-here
$1" NIX_DAEMON_SOCKET_PATH=$W/socket NIX_REMOTE=$pulled \
		nix-daemon >"$W/daemon" 2>&1 </dev/null &
	daemon_pid=$!
	wait_for 10 test -S "$W/socket"
}

end_daemon() {
	kill "$daemon_pid" && wait "$daemon_pid"
	rm -f "$W/socket"
}

pull_from_daemon() {
	"$client" pull --store "unix://$W/socket" --from none "$top"
}

fresh
if daemon_of_others ''; then
	check_status 'a daemon that knows neither us nor the key refuses' 1 \
		pull_from_daemon
	check_says 'which is said, with what to do' 'trusted-public-keys'
	end_daemon
	fresh
	daemon_of_others "trusted-public-keys = $key_public"
	check_status 'one that knows the key takes it all' 0 pull_from_daemon
	end_daemon
	check 'and all of it is whole' whole "$top"
else
	skip 'a daemon that does not trust us' "it does not start: $(tail -n 1 \
		"$W/daemon")"
fi
tap_end
