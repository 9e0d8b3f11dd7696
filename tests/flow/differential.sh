#!/bin/bash
# differential.sh - random values, and what other implementations make of them
#
# usage: differential.sh [BUILD-FOLDER]
# timeout: 300
# needs: newer-nix
#
# Hashes, fingerprints and signatures against stock Nix, old and new; presigned
# requests against AWS's documentation, written down once more in
# tests/lib/differential.py; URIs against Python's urllib.  The same values
# again: NIXCACHE_TEST_SEED=N.
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
units=$(dirname "$client")/../tests/unit
other=$flow_root/tests/lib/differential.py
seed=${NIXCACHE_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
echo "# seed $seed"

(umask 077 && nix_key diff.example.org-1 >"$W/key") || exit
ours() {
	{ echo "$(<"$W/key")" && cat; } | "$units/say_values"
}
python() {
	/usr/bin/python3 "$other" "$@"
}

# Presigned requests and URIs.
sigv4_agrees() {
	python sigv4 "$seed" 10000 >"$W/sigv4.json" &&
		"$units/sigv4_vectors" "$W/sigv4.json" >"$W/said" &&
		grep -qx '10000 passed, 0 failed, 0 skipped' "$W/said" && return
	tail -n 5 "$W/said"
	return 1
}
sigv4_notices() {
	python sigv4 "$seed" 10 | sed 's/"expires": [0-9]*/"expires": 77/g' \
		>"$W/wrong.json"
	! "$units/sigv4_vectors" "$W/wrong.json" >"$W/said" &&
		grep -qx '0 passed, 10 failed, 0 skipped' "$W/said"
}
check '10,000 presigned requests are those of another implementation' \
	sigv4_agrees
check 'which notices a lifetime that was changed' sigv4_notices
check 'URIs are encoded and decoded as Python does' \
	python uri "$seed" 5000 "$units/say_values" "$W/key"

# Hashes: Nix from base 16 to 32 and 64, we from each of them to 16 and 32.
python hashes "$seed" 500 >"$W/hex" || exit
mapfile -t hashes <"$W/hex"
hashes_agree() {
	local questions
	nix-hash --type sha256 --to-base32 "${hashes[@]}" >"$W/nix32" || return
	# Only newer ones have the first, only older ones the second.
	nix-hash --type sha256 --to-sri "${hashes[@]}" >"$W/sri" 2>"$W/log" ||
		nix hash to-sri --type sha256 "${hashes[@]}" >"$W/sri" || return
	sed 's/^sha256-//' "$W/sri" >"$W/base64"
	paste -d ' ' "$W/hex" "$W/nix32" >"$W/want"
	for questions in hex:sha256: nix32:sha256: base64:sha256: sri:; do
		sed "s/^/hash ${questions#*:}/" "$W/${questions%%:*}" |
			ours >"$W/got" && diff "$W/got" "$W/want" >"$W/diff" &&
			continue
		echo "$questions"
		head -n 4 "$W/diff"
		return 1
	done
}

# Paths that exist nowhere but in a store's database, signed by Nix.
mkdir "$W/paths" && python paths "$seed" 300 "$W/paths" || exit
sed 's/^/sign /' "$W/paths/questions" | ours >"$W/ours" || exit
nix_signs() {
	local root=$W/signed.$1
	rm -rf "$root"
	nix-store --store "$root" --load-db <"$W/paths/db" &&
		nix store sign --store "$root" --key-file "$W/key" --all &&
		nix path-info --store "$root" --json --all |
		python sigs "$W/paths" >"$W/theirs.$1"
}
signatures_agree() {
	nix_signs "$1" >"$W/log" 2>&1 || { cat "$W/log"; return 1; }
	[[ $(wc -l <"$W/ours") == 300 && $(sort -u "$W/ours" | wc -l) == 300 ]] &&
		diff "$W/theirs.$1" "$W/ours" >"$W/diff" && return
	head -n 6 "$W/diff"
	return 1
}

# With what Nix makes of a size that is one too large.
signatures_differ() {
	sed 's/^/sign /; s/ \(sha256:[0-9a-f]*\) [0-9]*/ \1 7/' \
		"$W/paths/questions" | ours >"$W/wrong"
	! cmp -s "$W/theirs.old" "$W/wrong"
}
check "hashes are written as Nix $(nix --version | sed 's/.* //') does" \
	hashes_agree
check 'it signs what we sign: 300 made-up paths' signatures_agree old
check 'and other sizes have other signatures' signatures_differ

if newer_nix_begin; then
	check "hashes are written as Nix $newer_nix_version does" \
		newer_nix hashes_agree
	check 'and signatures are those of it' \
		newer_nix signatures_agree new
else
	skip 'hashes are written as a newer Nix does' "$newer_nix_why"
	skip 'and signatures are those of it' "$newer_nix_why"
fi
tap_end
