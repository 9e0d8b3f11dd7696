#!/bin/bash
# narinfo_judge.sh - what stock Nix refuses to read from a cache, we refuse
#
# usage: narinfo_judge.sh [BUILD-FOLDER]
#
# Each case is a narinfo in a cache that is a folder, with real NARs.  Nix's
# judgement is whether it can substitute the path, without asking for
# signatures; ours is that of tests/unit/narinfo_judge.c.
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
judge=$(dirname "$client")/../tests/unit/narinfo_judge

# What Nix 2.8 takes and we refuse, and why: "pattern of titles = reason".
stricter='
* no space* = Nix skips the byte behind the colon unseen; here it is a space
* tab = likewise
* without colon = Nix takes the next line for its value
* NUL* = no text has a NUL, and C strings would end there
* CR = Nix of other versions calls the line corrupt, and so do we everywhere
Compression* = 2.8 decodes whatever the bytes look like; newer Nix and we what is named, and lrzip, lzop and grzip would start other programs
too large = a narinfo has at most 1 MiB
* is signed = a size is digits
* is with very many zeros = a size has at most 20 digits
* is SRI with an option = no writer does
FileHash is md5 = every writer names SHA-256
FileHash is sha1 = likewise
FileHash is sha512 = likewise
StorePath is with * = Nix tidies it up; every writer writes it tidily
URL is absolute = a NAR is an object of the same cache
URL is with .* = no key that a server might normalise
URL is with two slashes = likewise
'

# What we take and Nix 2.8 refuses, since newer Nix writes it.
newer='
CA git = experimental since 2.20
CA git sha256 = likewise
CA blake3 = experimental since 2.27
'

top=$(nix_make_closure 5) || exit
text=$(nix-instantiate --store "$nix_root" --eval --read-write-mode --json \
	-E 'builtins.toFile "text" "addressed by its content"' | tr -d '"')
below=$(nix_paths "$top" | grep -v "$top" | head -n 1)
cache=$W/cache
nix copy --store "$nix_root" --to "file://$cache?compression=zstd" \
	"$top" "$text" 2>"$W/log" || { cat "$W/log"; exit 1; }

narinfo_of() {
	local base=${1##*/}
	echo "$cache/${base:0:32}.narinfo"
}

nix_configure "substituters = file://$cache
require-sigs = false"
store=$W/store
fetch() {
	timeout 60 nix-store --store "$store" -r "$1" >"$W/log" 2>&1
}
forget() {
	nix-store --store "$store" --delete --ignore-liveness "$1" \
		>/dev/null 2>&1
}
check 'the cache is good for Nix' fetch "$top"
check 'and for us' "$judge" "$cache" "${top##*/}"
check 'its text too' fetch "$text"
check 'and for us' "$judge" "$cache" "${text##*/}"
forget "$top" && forget "$text" || exit

mkdir "$W/cases" "$W/whole" && cp "$cache"/*.narinfo "$W/whole" || exit
/usr/bin/python3 "$flow_root/tests/lib/narinfo_cases.py" "$W/cases" \
	"$(narinfo_of "$top")" "$(narinfo_of "$text")" "${below##*/}" \
	>"$W/count" || exit

# Judges one case; "Nix's judgement, ours", each "takes" or "refuses".
judge_case() {
	local path=$top theirs=refuses ours=refuses
	[[ $1 != */???.text.* ]] || path=$text
	cp "$1" "$(narinfo_of "$path")" || return
	"$judge" "$cache" "${path##*/}" >"$W/why" 2>&1 && ours=takes
	if fetch "$path"; then
		theirs=takes
		forget "$path" || return
	fi
	cp "$W/whole/${path:11:32}.narinfo" "$cache" || return
	echo "$theirs $ours"
}

reason_for() {
	local pattern reason
	while IFS='=' read -r pattern reason; do
		pattern=${pattern% }
		# shellcheck disable=SC2053 # it is a pattern
		[[ $pattern && $1 == $pattern ]] || continue
		echo "$pattern" >>"$W/used"
		echo "${reason# }"
		return
	done <<<"$2"
	return 1
}

: >"$W/used"
agree() {
	local file title verdict status=0
	for file in "$W"/cases/*; do
		title=${file##*/} title=${title#*.*.}
		verdict=$(judge_case "$file") || return
		case $verdict in
		'refuses takes')
			reason_for "$title" "$newer" >/dev/null && continue
			echo "Nix refuses, we take: $title: $(tail -n 1 "$W/log")"
			status=1
			;;
		'takes refuses')
			reason_for "$title" "$stricter" >/dev/null && continue
			echo "Nix takes, we refuse: $title: $(<"$W/why")"
			status=1
			;;
		esac
	done
	return $status
}

every_reason_is_needed() {
	diff <(sed -n 's/ =.*//p' <<<"$stricter$newer" | sort -u) \
		<(sort -u "$W/used")
}

echo "# $(<"$W/count") cases"
check 'what Nix refuses, we refuse; what else we refuse has a reason' agree
check 'and every reason is still needed' every_reason_is_needed
tap_end
