# flow.sh - what every flow test begins with
#
# usage, in a test:
#	. "$(dirname "$0")/../lib/flow.sh"
#	flow_begin "$@"              BUILD-FOLDER, default: build
#	flow_s3 NAME                 only with "# needs: s3"
#
# Below tests/run a test shares the run's S3 server; by hand it starts its own.

flow_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
for flow_part in tap nix newer_nix agent radosgw faults; do
	# shellcheck source=/dev/null
	. "$flow_root/tests/lib/$flow_part.sh"
done

flow_end() {
	agent_stop
	faults_stop
	radosgw_stop
	flow_clean_up
	if [[ ${NIXCACHE_TEST_KEEP:-} ]]; then
		echo "# kept: $W"
	else
		chmod -R u+w "$W" 2>/dev/null
		rm -rf "$W"
	fi
}

# For a test to replace.
flow_clean_up() {
	:
}

flow_begin() {
	local build=${1:-$flow_root/build}
	agent=$build/agent/nixcache-agent client=$build/client/nixcache
	if [[ ! -x $agent || ! -x $client ]]; then
		printf '1..1\nnot ok 1 - both programs are in %s\n' "$build"
		exit 1
	fi
	# Short, since socket paths end at 107 bytes.
	W=$(mktemp -d "${TMPDIR:-/tmp}/f.XXXX") || exit
	trap flow_end EXIT
	trap 'exit 130' INT TERM HUP
	export TMPDIR=$W
	agent_home "$W/h" && nix_begin "$W/n" || exit
}

# A bucket of this test's own, readable by everybody, as caches are.
flow_s3() {
	if [[ ${NIXCACHE_TEST_S3:-} ]]; then
		radosgw_use "$NIXCACHE_TEST_S3"
		s3_pids=()
	else
		radosgw_start "$W/s3" && radosgw_use "$W/s3" || exit
	fi
	bucket=$1-$$-$RANDOM
	s3 make-bucket "$bucket" --public || exit
	s3_store "$S3_ENDPOINT"
}

# s3_store ENDPOINT: store_uri for us, store_url for stock Nix.
s3_store() {
	store_uri="s3://$bucket/nix/cache?endpoint=${1#http://}&scheme=http&region=$S3_REGION"
	store_url=$1/$bucket/nix/cache
}

s3() {
	/usr/bin/python3 "$flow_root/tests/lib/s3.py" "$@"
}

s3_keys() {
	s3 list "$bucket" nix/cache/ | cut -f 2
}

# The narinfos of the bucket name NARs that are there, and references that
# have narinfos: what a reader may meet at any time.
s3_is_whole() {
	s3 is-whole "$bucket" nix/cache/
}
