#!/bin/bash
# attested.sh - signatures for what the store does not hold exactly so
#
# usage: attested.sh [BUILD-FOLDER]
# timeout: 300
#
# Right Sign requests for paths of a real store, each with one thing altered:
# the path, its hash part or name, the NAR's hash or size, the references, the
# folder; alone, among right ones, and on connections that have had the right
# one signed before.
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

count=${NIXCACHE_TEST_MUTATIONS:-1000}
seed=${NIXCACHE_TEST_SEED:-$RANDOM}

ask() {
	/usr/bin/python3 "$flow_root/tests/lib/attested.py" "$agent_socket" main \
		"$@" <"$W/facts"
}

# note WHAT LINES
note() {
	local line
	while read -r line; do
		echo "# $1: $line"
	done <<<"$2"
}

key_make attested-1
top=$(nix_make_closure 70) || exit
mapfile -t paths < <(nix_paths "$top")
nix_facts "${paths[@]}" >"$W/facts"

# With the question left out, the same requests are signed: they are good ones.
agent_config "$(agent_file_cache main "$W/cache" 'sign-policy = any')"
agent_start && "$client" unlock -q || exit
said=$(ask "$count" "$seed" 2>/dev/null)
note any "$said"
signed=$(sed -n 's/ signed$//p' <<<"$said")
check "with sign-policy = any most of $count altered requests are signed" \
	test "$signed" -gt $((count * 3 / 4))
agent_stop

for policy in in-store built-here; do
	[[ $policy == in-store ]] || nix_can_build || continue
	agent_config "$(agent_file_cache main "$W/cache" "sign-policy = $policy")"
	agent_start && "$client" unlock -q || exit
	check_same "$policy: all that the store holds is signed" \
		"${#paths[@]}" "$(ask)"
	said=$(ask "$count" "$seed")
	note "$policy, seed $seed" "$said"
	check_same "$policy: of $count altered requests none is signed" \
		'0 signed' "$(head -n 1 <<<"$said")"
	check_fails "$policy: and what is right still is" \
		grep -q 'right ones' <<<"$said"
	check_same "$policy: each was refused" "$count" \
		"$(awk '/ (NotInStore|InvalidParameter|closed)$/ { n += $1 }
			END { print n }' <<<"$said")"
	agent_stop
done
tap_end
