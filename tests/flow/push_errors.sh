#!/bin/bash
# push_errors.sh - bad input: a sentence that says what, and what to do
#
# usage: push_errors.sh [BUILD-FOLDER]
# needs: s3
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 errors

key_make errors-1
top=$(nix_make_closure 2) || exit
everything_said=$W/said

# Starts an agent with that configuration and pushes, within a minute.
push_with() {
	agent_stop
	agent_config "$1"
	shift
	agent_start && timeout 60 "$client" push --store "$nix_root" "$@" "$top"
}

# refused SENTENCE STATUS PATTERN CONFIGURATION [OPTION...]
refused() {
	local sentence=$1 status=$2 pattern=$3
	shift 3
	check_status "$sentence" "$status" push_with "$@"
	printf '%s\n' "$tap_out" >>"$everything_said"
	check_says "... and it says so" "$pattern"
}

good=$(agent_s3_cache main "$store_uri")

# In the configuration.
refused 'a line that is none' 1 'nixcache\.conf:[0-9]*: ' $'[cache main]\nnonsense'
refused 'an unknown key' 1 'nixcache\.conf:[0-9]+: .*colour' \
	"$good"$'\ncolour = red'
refused 'an unknown parameter of the store' 1 \
	'nixcache\.conf:[0-9]+: .*colour' \
	"$(agent_s3_cache main "$store_uri&colour=red")"
refused 'a cache without a store' 1 'store' \
	"[cache main]"$'\n'"signing-key = file:$key_file"
refused 'a secret that stands in the file itself' 1 'nixcache\.conf:[0-9]+: ' \
	"${good/file:$W\/h\/keys\/secret/$S3_SECRET}"
other=$(nix_public_key "$(nix_key errors-1)")
refused 'a key that is not the one of public-key' 5 'public-key|match' \
	"${good/$key_public/$other}"
refused 'a signing key that is none' 5 'signing-key' \
	"${good/file:$key_file/file:$W/h/keys/id}"
refused 'a cache without a signing key' 1 'signing-key|sign' \
	"$(grep -v -e '^signing-key' -e '^public-key' <<<"$good")"

# On the command line.
refused 'an unknown cache' 1 'nowhere.*main|main.*nowhere' "$good" --to nowhere
refused 'a store that is not configured' 1 's3://elsewhere' "$good" \
	--to 's3://elsewhere?endpoint=127.0.0.1:1'

# In the bucket.
missing=${store_uri/$bucket/missing-$bucket}
refused 'a bucket that is not there' 1 "missing-$bucket" \
	"$(agent_s3_cache main "$missing")"
secret_file "$W/h/keys/other" 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
refused 'a wrong secret' 1 'secret-access-key|SignatureDoesNotMatch' \
	"${good/keys\/secret/keys/other}"
refused 'an access key that nobody knows' 1 'access-key-id|InvalidAccessKeyId' \
	"${good/keys\/id/keys/other}"
refused 'an endpoint that nobody listens on' 1 '127\.0\.0\.1:1' \
	"$(agent_s3_cache main "${store_uri/${S3_ENDPOINT#http://}/127.0.0.1:1}")"
refused 'a host that does not exist' 1 'nixcache-test\.invalid' \
	"$(agent_s3_cache main "${store_uri/${S3_ENDPOINT#http://}/nixcache-test.invalid}")"
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"
through_proxy=$(agent_s3_cache main "$store_uri")
faults_set region=1000
refused 'a wrong region' 1 'region.*eu-central-9|eu-central-9.*region' \
	"$through_proxy"
faults_set region=0 refused=1000
refused 'a user whom the bucket refuses' 1 '403|AccessDenied|denied' \
	"$through_proxy"
faults_set refused=0 busy=1000
refused 'a server that is busy for good' 1 '503|SlowDown' "$through_proxy"
faults_set busy=0

# In the store.
agent_stop
agent_config "$good"
agent_start
for path in /nix/store/00000000000000000000000000000000-nothing \
	"$W/nothing" /etc/passwd; do
	check_status "${path/$W/...} is not in the store" 1 \
		timeout 60 "$client" push --store "$nix_root" "$path"
	check_says '... and it is named' "${path##*/}"
done
check_status 'a store that is not there' 1 \
	timeout 60 "$client" push --store "$W/no-store" "$top"
full_disk() {
	timeout 60 "$client" push --store "$nix_root" --dry-run --json "$top" \
		>/dev/full
}
check_status 'a standard output that is full' 1 full_disk

# The agent is not there, or goes away.
socket=$NIXCACHE_AGENT_SOCK
agent_stop
check_status 'no agent' 2 \
	timeout 60 "$client" push --store "$nix_root" "$top"
check_says '... and how to start one' 'nixcache-agent'
check_status 'a socket that is not there' 2 \
	env NIXCACHE_AGENT_SOCK="$socket.nowhere" \
	timeout 60 "$client" push --store "$nix_root" "$top"

check_same 'nothing of all this was published' '' \
	"$(s3_keys | grep '\.narinfo$')"
check_fails 'no secret and no signed URL was said' grep -qF \
	-e 'X-Amz-Signature' -e "$S3_SECRET" -e "${key_secret#*:}" \
	"$everything_said"
check 'after all this, the right way works' push_with "$good"
tap_end
