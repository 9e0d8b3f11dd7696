#!/bin/bash
# serve_push_bad.sh - what is not whole and true is not taken
#
# usage: serve_push_bad.sh [BUILD-FOLDER]
# needs: s3
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/serve.sh"
flow_begin "$@"
flow_s3 serve-bad

flow_clean_up() {
	serve_stop
}

key_make serve-bad-1
# What is put here is made by hand and in no store.
agent_config "$(agent_s3_cache main "$store_uri" 'sign-policy = any')"
agent_start
"$client" unlock >/dev/null
serve_start --allow-push || exit

put() {
	/usr/bin/python3 "$flow_root/tests/lib/put.py" "$@"
}

# put_says STATUS URL-PATH FILE [OPTION...]
put_says() {
	local want=$1 path=$2 file=$3
	shift 3
	local said
	said=$(put "$@" "$serve_url/$path" "$file")
	echo "$said"
	[[ $said == "$want"* ]]
}

nothing_open() {
	[[ ! $(s3 list-uploads "$bucket") ]]
}

# refused SENTENCE STATUS URL-PATH FILE [OPTION...]: also the bucket shows
# nothing of it.
refused() {
	local sentence=$1 before
	shift
	before=$(s3_keys)
	check "$sentence is refused" put_says "$@"
	check_same "$sentence leaves nothing in the cache" "$before" "$(s3_keys)"
	check "$sentence leaves no upload open" wait_for 10 nothing_open
	check "$sentence leaves the cache whole" s3_is_whole
}

sum_of() {
	nix hash file --base32 --type sha256 "$1"
}

nar_name() {
	echo "nar/$(sum_of "$1").nar$2"
}

# A NAR of two files: what is in it and 20 MiB that do not compress.
mkdir "$W/small" "$W/large"
echo hello >"$W/small/hello"
head -c $((20 << 20)) /dev/urandom >"$W/large/noise"
nix-store --dump "$W/small" >"$W/small.nar"
nix-store --dump "$W/large" >"$W/large.nar"
xz -k "$W/small.nar" && xz -k -0 "$W/large.nar"
small=$(nar_name "$W/small.nar.xz" .xz)
large=$(nar_name "$W/large.nar.xz" .xz)
wrong=nar/$(sum_of /dev/null).nar.xz

echo log >"$W/log"
check 'a build log is taken' put_says 201 \
	log/00000000000000000000000000000000-a.drv "$W/log"
for key in 'realisations/sha256:%064d!out.doi' \
	'build-trace-v2/%032d-a.drv/out.doi' 'debuginfo/%040d.debug'; do
	# shellcheck disable=SC2059 # the key is the format
	key=$(printf "$key" 0)
	check "${key%%/*} is taken" put_says 201 "$key" "$W/log"
	check 'and stored as it is' cmp "$W/log" \
		<(s3 get "$bucket" "nix/cache/$key")
done
refused 'a NAR under another hash' 400 "$wrong" "$W/small.nar.xz"
refused 'a large NAR under another hash' 400 "$wrong" "$W/large.nar.xz"

head -c 100 "$W/small.nar.xz" >"$W/short"
head -c $((17 << 20)) "$W/large.nar.xz" >"$W/long"
refused 'a connection that is cut' cut "$small" "$W/short" --cut \
	--of "$(stat -c %s "$W/small.nar.xz")"
refused 'a large one that is cut' cut "$large" "$W/long" --cut \
	--of "$(stat -c %s "$W/large.nar.xz")"
# The end may come along with the last bytes or after them.
cut_at_many_lengths() {
	local i
	for i in {1..12}; do
		head -c $(((17 << 20) - i * 7919)) "$W/large.nar.xz" >"$W/shorter"
		put "$serve_url/$large" "$W/shorter" --cut \
			--of "$(stat -c %s "$W/large.nar.xz")" >/dev/null
		wait_for 10 nothing_open || { echo "length $i"; return 1; }
	done
}
check 'wherever it is cut, that is noticed' cut_at_many_lengths
refused 'a part of a NAR under its own hash' 400 \
	"$(nar_name "$W/short" .xz)" "$W/short"
refused 'a part of a large NAR under its own hash' 400 \
	"$(nar_name "$W/long" .xz)" "$W/long"
refused 'what is not xz' 400 "$(nar_name "$W/small.nar" .xz)" "$W/small.nar"
refused 'what is no NAR' 400 "$(nar_name "$W/small/hello" '')" \
	"$W/small/hello"
refused 'noise' 400 "$(nar_name "$W/large/noise" '')" "$W/large/noise"
: >"$W/nothing"
refused 'nothing' 400 "$(nar_name "$W/nothing" .zst)" "$W/nothing"
refused 'a name of no object' 404 nar/x.nar "$W/small.nar.xz"
refused 'a path that climbs' 404 nar/../nix-cache-info "$W/small.nar.xz"
refused 'a nix-cache-info that is none' 400 nix-cache-info "$W/small.nar.xz"
head -c $((5 << 20)) /dev/zero >"$W/zeros"
refused 'a listing that is too large' 413 \
	00000000000000000000000000000000.ls "$W/zeros"

check 'the large NAR itself is taken' \
	put_says 201 "$large" "$W/large.nar.xz"
check 'and the small one' put_says 201 "$small" "$W/small.nar.xz"
check 'the object is what was sent' cmp "$W/large.nar.xz" \
	<(s3 get "$bucket" "nix/cache/$large")

# Narinfos: what the fields of a good one would be.
hash=00000000000000000000000000000000
narinfo() {
	local name=$hash-small url=$small compression=xz references='' \
		nar_hash nar_size file_hash file_size
	nar_hash=$(sum_of "$W/small.nar") nar_size=$(stat -c %s "$W/small.nar")
	file_hash=$(sum_of "$W/small.nar.xz")
	file_size=$(stat -c %s "$W/small.nar.xz")
	[[ ! ${1:-} ]] || local "$@"
	printf '%s\n' "StorePath: /nix/store/$name" "URL: $url" \
		"Compression: $compression" "FileHash: sha256:$file_hash" \
		"FileSize: $file_size" "NarHash: sha256:$nar_hash" \
		"NarSize: $nar_size" "References: $references" >"$W/narinfo"
}

# narinfo_refused SENTENCE FIELD=VALUE...
narinfo_refused() {
	local sentence=$1
	shift
	narinfo "$@"
	refused "a narinfo $sentence" 400 "$hash.narinfo" "$W/narinfo"
}

other=11111111111111111111111111111111
narinfo_refused 'of another path' "name=$other-small"
narinfo_refused 'of another store' 'name=../x'
narinfo_refused 'of a NAR that is not there' "url=$wrong"
narinfo_refused 'of another NAR' "url=$large"
narinfo_refused 'of a NAR elsewhere' 'url=http://127.0.0.1:1/x.nar.xz'
narinfo_refused 'with another NarHash' "nar_hash=$(sum_of "$W/large.nar")"
narinfo_refused 'with another NarSize' nar_size=121
narinfo_refused 'with another FileHash' "file_hash=$(sum_of /dev/null)"
narinfo_refused 'with another FileSize' file_size=121
narinfo_refused 'with another compression' compression=zstd
narinfo_refused 'with an unknown compression' compression=rot13
narinfo_refused 'with a reference that is not there' "references=$other-b"
check 'and the one that is missing is named' \
	grep -q "$other-b" <(put "$serve_url/$hash.narinfo" "$W/narinfo")
narinfo
head -c 100 "$W/narinfo" >"$W/short"
refused 'half a narinfo' 400 "$hash.narinfo" "$W/short"
refused 'a narinfo that is not gzip' 400 "$hash.narinfo" "$W/narinfo" \
	--header 'Content-Encoding: gzip'
check 'the narinfo itself is taken' \
	put_says 201 "$hash.narinfo" "$W/narinfo"
check 'and has our signature' grep -q '^Sig: serve-bad-1:' \
	<(s3 get "$bucket" "nix/cache/$hash.narinfo")
check 'the cache is whole' s3_is_whole

# The agent is locked: nobody is asked, and nothing is stored.
"$client" lock >/dev/null
check 'with a locked agent Nix is told to come again' \
	put_says 503 "$hash.narinfo" "$W/narinfo"
check 'when it is unlocked, it goes on' wait_for 20 \
	put_says 201 "$hash.narinfo" "$W/narinfo"
tap_end
