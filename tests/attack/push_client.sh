#!/bin/bash
# push_client.sh - the client pushes, and never has a secret in its memory
#
# usage: push_client.sh [BUILD-FOLDER]
# needs: s3
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
[[ $(id -u) == 0 ]] || tap_skip_all "only root can try root's readers"
prey_begin "$@"
flow_s3 prey
# This shell has them from the server's own file; what it starts has not.
export -n S3_KEY S3_SECRET

# Each request takes a while, so that there is a push to look at.
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"
prey_region=$S3_REGION
prey_secrets prey-1 "$S3_SECRET"
prey_op "$W/h/bin" "$S3_KEY"
prey_config "$store_uri"
agent_start
top=$(nix_make_closure 16) || exit
faults_set delay=100
touch "$W/since"

uploads() {
	faults_log | grep -c "^PUT .*/nar/"
}
has_begun() {
	(($(uploads) >= 3))
}

"$client" push -q --store "$nix_root" "$top" &
pushing=$!
check 'a push is under way' wait_for 20 has_begun
kill -STOP "$pushing"
check_fails 'and not over' gone "$pushing"
# By the two routes that are quick: it has a lot of memory.
for route in mem vm_readv; do
	check_status "$route finds nothing in it" 0 \
		prey_attack memory "$pushing" $route
	check_says 'though it reads a lot' "$route: [1-9][0-9]{6,} bytes"
done
# That these readers see what is there: it has presigned URLs in hand.
url="url $(printf X-Amz-Signature= | od -An -v -tx1 | tr -d ' \n')"
check_status 'though it finds a URL' 1 \
	"$attacks/attack_memory" "$pushing" mem <<<"$url"
kill -CONT "$pushing"
wait "$pushing"
check_same 'the push succeeds' 0 $?
check 'and was watched early' test "$(uploads)" -gt 3
check 'nothing that it wrote has them' prey_attack traces "$W/since" \
	"$prey_op_items" "$W/h" "$W/n" "$W/proxy"
tap_end
