#!/bin/bash
# ls.sh - what is in the cache is listed, and what is broken in it named
#
# usage: ls.sh [BUILD-FOLDER]
# needs: s3
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 ls

key_make ls-1
agent_config "$(agent_s3_cache main "$store_uri")" '' \
	"$(agent_file_cache folder "$W/folder")" '' \
	"$(agent_file_cache many "$W/many")" '' \
	"$(agent_s3_cache nowhere "${store_uri/$bucket/missing-$bucket}")"
agent_start
top=$(nix_make_closure 12) || exit
count=$(nix_paths "$top" | wc -l)

ls_() {
	"$client" ls "$@"
}

for cache in main folder; do
	check "a closure is pushed to $cache" \
		"$client" push --to "$cache" --store "$nix_root" "$top"
done

# The judge of order and sizes is the store, not our own listing.
wanted=$(nix_paths "$top" | LC_ALL=C sort)

long_is_right() {
	local line nar file time path
	while IFS=$'\t' read -r nar file time path; do
		[[ $nar == $(nix-store --store "$nix_root" -q --size "$path") &&
			$file =~ ^[1-9][0-9]*$ &&
			$time =~ ^20[0-9-]+T[0-9:]+Z$ ]] ||
			{ echo "$nar $file $time $path"; return 1; }
	done < <(ls_ --cache "$1" -l)
}

# usage: json_is_right CACHE WANTED-PATHS
json_is_right() {
	ls_ --cache "$1" --json | /usr/bin/python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
assert [r["path"] for r in rows] == sys.argv[1].split(), rows
for r in rows:
    assert r["narSize"] > 0 and r["fileSize"] > 0 and r["modified"] > 1e9, r
    assert r["narinfo"] == r["path"][11:43] + ".narinfo", r
    assert r["nar"].startswith("nar/") and r["compression"] == "zstd", r
' "$2"
}

raw_json_is_right() {
	ls_ --cache "$1" --raw --json | /usr/bin/python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
assert [r["key"] for r in rows] == sys.argv[1].split(), rows
assert all(r["size"] > 0 and r["modified"] > 1e9 for r in rows), rows
' "$(keys_of "$1")"
}

keys_of() {
	if [[ $1 == main ]]; then
		s3_keys | sed 's,^nix/cache/,,'
	else
		(cd "$W/$1" && find . -type f -printf '%P\n')
	fi | LC_ALL=C sort
}

sizes_of() {
	if [[ $1 == main ]]; then
		s3 list "$bucket" nix/cache/ | sed 's,\tnix/cache/,\t,'
	else
		(cd "$W/$1" && find . -type f -printf '%s\t%P\n')
	fi | LC_ALL=C sort -k 2
}

no_compressed_size() {
	local key
	key=$(keys_of folder | grep -m 1 'narinfo$')
	sed -i '/^File/d' "$W/folder/$key"
	sed -n 's/^URL: //p' "$W/folder/$key" | {
		read -r url
		[[ $(ls_ --cache folder -l "${key%.narinfo}" | cut -f 2) == \
			$(stat -c %s "$W/folder/$url") ]]
	}
}

for cache in main folder; do
	check_same "$cache: the $count paths of the closure, in their order" \
		"$wanted" "$(ls_ --cache "$cache")"
	check "$cache: -l has the sizes of the store" long_is_right "$cache"
	check "$cache: --json says the same" json_is_right "$cache" "$wanted"
	check_same "$cache: --raw lists the objects" "$(keys_of "$cache")" \
		"$(ls_ --cache "$cache" --raw)"
	check_same "$cache: --raw -l has their sizes" "$(sizes_of "$cache")" \
		"$(ls_ --cache "$cache" --raw -l | cut -f 1,3)"
	check "$cache: --raw --json says the same" raw_json_is_right "$cache"
	check_same "$cache: --raw nar/ lists NARs" "$(keys_of "$cache" |
		grep '^nar/')" "$(ls_ --cache "$cache" --raw nar/)"

	base=${top#/nix/store/}
	for prefix in "$top" "${top:0:30}" "$base" "${base:0:32}" \
		"${base:0:12}" "${base:0:34}" "$top/bin/x"; do
		check_same "$cache: PREFIX $prefix" "$top" \
			"$(ls_ --cache "$cache" "$prefix")"
	done
	check_same "$cache: a pattern for names" \
		"$(grep -- '-package-1[^/]*$' <<<"$wanted")" \
		"$(ls_ --cache "$cache" 'package-1*')"
	check_same "$cache: the store directory stands for all" "$wanted" \
		"$(ls_ --cache "$cache" /nix/store)"
	check_same "$cache: a path that is not there is not listed" '' \
		"$(ls_ --cache "$cache" "${base:0:32}-other")"
	check_status "$cache: what begins no hash part is no error" 0 \
		ls_ --cache "$cache" 0000000
	check_says '... but how to look for names is said' "pattern.*'\*0000000\*'"
	check_status "$cache: a word that no hash part can begin with" 64 \
		ls_ --cache "$cache" hello
	check_says '... is answered with the pattern' "hello.*'\*hello\*'"
	check_status "$cache: a path of another store" 64 \
		ls_ --cache "$cache" /gnu/store/x
	check_status "$cache: a raw prefix that no key has" 64 \
		ls_ --cache "$cache" --raw ../x
	check_same "$cache: a raw prefix that nothing has" '' \
		"$(ls_ --cache "$cache" --raw log/)"
done
check 'where a narinfo has no FileSize, the NAR is looked at' \
	no_compressed_size

# Broken narinfos, each in its way: named, and the others are listed.
a=00000000000000000000000000000000 b=11111111111111111111111111111111
c=22222222222222222222222222222222
first=$(keys_of main | grep -m 1 'narinfo$')
echo 'no narinfo' >"$W/$a"
s3 get "$bucket" "nix/cache/$first" >"$W/$b"
: >"$W/$c"
mkdir -p "$W/many"
for name in $a $b $c; do
	s3 put "$bucket" "nix/cache/$name.narinfo" "$W/$name"
	cp "$W/$name" "$W/folder/$name.narinfo"
done
echo junk >"$W/junk"
s3 put "$bucket" nix/cache/junk.narinfo "$W/junk"
cp "$W/junk" "$W/folder/junk.narinfo"
for cache in main folder; do
	check_status "$cache: broken narinfos make it fail" 1 \
		ls_ --cache "$cache"
	for name in $a $b $c; do
		check_says "... and are named: $name" "ls: $name\.narinfo: "
	done
	check_same "$cache: the others are listed" "$wanted" \
		"$(ls_ --cache "$cache" 2>/dev/null)"
	check_status "$cache: where they are not meant they do not count" 0 \
		ls_ --cache "$cache" "$top"
done
ln -sf /etc/passwd "$W/folder/$b.narinfo"
check_same 'folder: a symbolic link is not listed' 0 \
	"$(ls_ --cache folder --raw | grep -c "^$b")"

# Many: 20,000 objects.
/usr/bin/python3 - "$W/many" <<-'PY'
	import os, sys
	DIGITS = "0123456789abcdfghijklmnpqrsvwxyz"
	root = sys.argv[1]
	os.makedirs(root + "/nar", exist_ok=True)
	for i in range(10000):
	    # 7919 has no factor in common with the count: no order at all.
	    n, part = i * 7919 % 10000, ""
	    for _ in range(32):
	        part = DIGITS[n % 32] + part
	        n //= 32
	    nar = part.rjust(52, "0")
	    with open(f"{root}/{part}.narinfo", "w") as f:
	        f.write(f"StorePath: /nix/store/{part}-many-{i}\n"
	                f"URL: nar/{nar}.nar.zst\nCompression: zstd\n"
	                f"NarHash: sha256:{nar}\nNarSize: 120\n"
	                "References: \n")
	    with open(f"{root}/nar/{nar}.nar.zst", "w") as f:
	        f.write("x")
PY
many=$(ls_ --cache many | wc -l)
check_same 'ten thousand paths are listed' 10000 "$many"
check 'each once, and in order' bash -c "'$client' ls --cache many |
	LC_ALL=C sort -uC"
check_same 'twenty thousand objects' 20000 \
	"$(ls_ --cache many --raw | wc -l)"

memory_is_bounded() {
	local kib
	kib=$(/usr/bin/python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' \
		"$client" ls --cache many -l) || return
	echo "$kib KiB"
	((kib < 64 * 1024))
}
check 'in less than 64 MiB' memory_is_bounded

# On a bucket more than one page: the narinfos of many, from the same names.
fill_bucket() {
	find "$W/many" -name '*.narinfo' | LC_ALL=C sort | head -n 2100 |
		xargs /usr/bin/python3 "$flow_root/tests/lib/s3.py" put-many \
			"$bucket" many/
}
check 'a bucket gets more than two pages of narinfos' fill_bucket
agent_stop
agent_config "$(agent_s3_cache main "${store_uri/nix\/cache/many}")"
agent_start
put=$(s3 list "$bucket" many/ | wc -l)
check "which is so: $put" test "$put" = 2100
check_same 'all are listed' "$put" "$(ls_ | wc -l)"
check 'each once, and in order' bash -c "'$client' ls | LC_ALL=C sort -uC"

# What else may go wrong.
check_status 'two prefixes' 64 ls_ a b
check_status 'an unknown cache' 1 ls_ --cache nowhere-at-all
full_disk() {
	ls_ >/dev/full
}
check_status 'a standard output that is full' 1 full_disk
cut_short() {
	ls_ | head -n 1 >/dev/null
	((PIPESTATUS[0] == 141 || PIPESTATUS[0] == 1))
}
check 'a reader that has read enough ends it' cut_short
agent_stop
agent_config "$(agent_s3_cache main "${store_uri/$bucket/missing-$bucket}")"
agent_start
check_status 'a bucket that is not there' 1 ls_
check_says '... and it is named' "missing-$bucket"
agent_stop
check_status 'no agent' 2 ls_
check_fails 'no URL with a signature was said' \
	grep -rqi 'X-Amz-Signature' "$W/h"
tap_end
