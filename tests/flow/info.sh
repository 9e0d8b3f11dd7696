#!/bin/bash
# info.sh - what a cache is said to be and to allow is what it is and allows
#
# usage: info.sh [BUILD-FOLDER]
# needs: s3
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 info

# Everything goes past a proxy that does nothing but write down the requests.
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"

key_make info-1
agent_config "$(agent_s3_cache main "$store_uri")" '' \
	"$(agent_file_cache folder "$W/folder")"
agent_start
top=$(nix_make_closure 4) || exit
count=$(nix_paths "$top" | wc -l)

info() {
	timeout 60 "$client" info "$@"
}

# usage: fact CACHE PYTHON-EXPRESSION: of --json, which is i
fact() {
	info --cache "$1" --json | /usr/bin/python3 -c '
import json, sys
i = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$2"
}

# usage: facts_of CACHE [OPTION...]: "item=answer", one a line
facts_of() {
	local cache=$1
	shift
	info --cache "$cache" --json "$@" | /usr/bin/python3 -c '
import json, sys
i = json.load(sys.stdin)
for group in "access", "features":
    for name, finding in i[group].items():
        print(name + "=" + finding["answer"])'
}

keys_now() {
	if [[ $1 == main ]]; then
		s3 list "$bucket"
	else
		(cd "$W/folder" && find . -printf '%y %s %P\n' | sort)
	fi
}

# An empty bucket, and a folder that nobody has made.
check 'an empty bucket is reachable' info --cache main
check_says '... and has nothing' 'contents +0 paths'
check_says '... not even its own description' 'cache info +none'
check_same '... nor anything after this' '' "$(s3 list "$bucket")"
check_status 'a folder that is not there is not reachable' 1 \
	info --cache folder
check_says '... and it is said what makes it' "$W/folder.*first push makes it"
check_same '... which this does not' no "$([[ -e $W/folder ]] || echo no)"

for cache in main folder; do
	check "a closure is pushed to $cache" \
		"$client" push --to "$cache" --store "$nix_root" "$top"
	before=$(keys_now "$cache")
	check "$cache is reachable" info --cache "$cache"
	check_says "$cache: it says so" 'reachable +yes'
	check_says "$cache: and how many paths there are" "contents +$count paths"
	check_says "$cache: and what nix-cache-info says" \
		'cache info +StoreDir /nix/store'
	check_same "$cache: everything is allowed, and offered" \
		'get=yes head=yes put=yes list=yes delete=yes conditionalPut=yes checksumHeaders=notProbed multipart=yes' \
		"$(facts_of "$cache" | paste -sd ' ')"
	check_same "$cache: the probes left nothing" "$before" \
		"$(keys_now "$cache")"
	check_same "$cache: --json counts the paths" "$count" \
		"$(fact "$cache" 'i["paths"]')"
	check_same "$cache: and has the store directory" /nix/store \
		"$(fact "$cache" 'i["cacheInfo"]["storeDir"]')"
	check_same "$cache: --no-probe-write probes nothing that writes" \
		'get=yes head=yes put=notProbed list=yes delete=notProbed conditionalPut=notProbed checksumHeaders=notProbed multipart=notProbed' \
		"$(facts_of "$cache" --no-probe-write | paste -sd ' ')"
done
check_same 'the bytes are those of the bucket' \
	"$(s3 list "$bucket" nix/cache/ | awk '{ n += $1 } END { print n }')" \
	"$(fact main 'i["bytes"]')"
check_same 'the clock of this machine is in step with itself' True \
	"$(fact main 'abs(i["clockSkewSeconds"]) <= 5')"
check_same 'no upload was left open' '' "$(s3 list-uploads "$bucket")"
writes=$(faults_log | grep -cE '^(PUT|POST|DELETE) ')
check 'with --no-probe-write' info --cache main --no-probe-write
check_same '... nothing is written' "$writes" \
	"$(faults_log | grep -cE '^(PUT|POST|DELETE) ')"
only_its_own() {
	! faults_log | grep -E '^(PUT|DELETE) ' | grep -v \
		-e '/log/0*-nixcache-probe-[0-9a-f]*\.drv' -e 'nix-cache-info' \
		-e '\.narinfo ' -e '/nar/'
}
check 'what the probes write has a name that tells' only_its_own

# What a bucket may forbid: each is found out, and named.
before=$(keys_now main)
check 'the bucket forbids deleting' s3 deny "$bucket" s3:DeleteObject
check_same 'that is found out, the rest is allowed' \
	'get=yes head=yes put=yes list=yes delete=no conditionalPut=notProbed checksumHeaders=notProbed multipart=yes' \
	"$(facts_of main | paste -sd ' ')"
check_same '... and nothing was left behind' "$before" "$(keys_now main)"
check_same '... no upload either' '' "$(s3 list-uploads "$bucket")"
check 'it is reachable all the same' info --cache main
check_says '... and says who is to be asked' 'delete +no: .*access key of cache'
check 'the bucket forbids writing' s3 deny "$bucket" s3:PutObject
check_same 'that is found out' \
	'get=yes head=yes put=no list=yes delete=yes conditionalPut=notProbed checksumHeaders=notProbed multipart=no' \
	"$(facts_of main | paste -sd ' ')"
check 'the bucket forbids listing' s3 deny "$bucket" s3:ListBucket
check_same 'that is found out' no "$(facts_of main | sed -n 's/^list=//p')"
check 'the contents are then' info --cache main
check_says '... not known' 'contents +not known'
check 'the bucket forbids reading' s3 deny "$bucket" s3:GetObject
check_same 'that is found out' 'get=no head=no' \
	"$(facts_of main | grep -E 'get|head' | paste -sd ' ')"
check 'the bucket forbids nothing' s3 deny "$bucket" s3:DeleteBucket

# What may be wrong with nix-cache-info.
echo 'StoreDir: nonsense' >"$W/wrong"
cp "$W/wrong" "$W/folder/nix-cache-info"
check 'a malformed nix-cache-info' info --cache folder
check_says '... is said to be so' 'cache info +malformed'
printf 'StoreDir: /nix/store\nPriority: 7\nWantMassQuery: 1\n' \
	>"$W/folder/nix-cache-info"
check_same 'all its fields are shown' '7 True' \
	"$(fact folder '"{priority} {wantMassQuery}".format(**i["cacheInfo"])')"

# Not reachable: in time, with a reason, and no success.
chmod_test() {
	chmod 0 "$W/folder"
	info --cache folder
}
if ((EUID != 0)); then
	check_status 'a folder that may not be read' 1 chmod_test
	chmod 755 "$W/folder"
fi
faults_set refused=1000
check_status 'a user whom the bucket refuses everything' 0 info --cache main
check_says '... is told so' 'list +no'
faults_set refused=0 region=1000
check_status 'a wrong region' 1 info --cache main
check_says '... is named' 'eu-central-9'
faults_set region=0
faults_stop
check_status 'a server that is gone' 1 info --cache main
check_says '... is not reachable' 'reachable +no'
check_says '... and where it should be is said' "${faults_endpoint#http://}"
check_same 'a program is told, too' False \
	"$(fact main 'i["reachable"] or not i["why"]')"
check_status 'too many words' 64 info main
check_status 'an unknown cache' 1 info --cache nowhere
check_status 'no cache where there are two' 64 info
agent_stop
check_status 'no agent' 2 info
check_fails 'no URL with a signature was said' \
	grep -rqi 'X-Amz-Signature' "$W/h" "$W/proxy"
tap_end
