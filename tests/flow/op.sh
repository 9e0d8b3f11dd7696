#!/bin/bash
# op.sh - the secrets come from op: one approval for all, failures told apart
#
# usage: op.sh [BUILD-FOLDER]
# needs: s3
# timeout: 120
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 op
key_make op-1
top=$(nix_make_closure 3) || exit

# The stand-in beside its settings, as an op that a person has installed.
op=$W/bin/op
mkdir -p "$W/bin"
cp "$(dirname "$0")/../lib/op" "$op"
chmod 755 "$W/bin" "$op"
printf '%s\t%s\n' \
	op://Dev/backblaze/nix-signing-key "$key_secret" \
	op://Dev/backblaze/access-key-id "$S3_KEY" \
	op://Dev/backblaze/access-secret-key "$S3_SECRET" >"$op.items"
chmod 600 "$op.items"
agent_config "[agent]
op = $op
op-timeout = 5s
[cache main]
store             = $store_uri
public-key        = $key_public
signing-key       = op://Dev/backblaze/nix-signing-key
access-key-id     = op://Dev/backblaze/access-key-id
secret-access-key = op://Dev/backblaze/access-secret-key"

behave() {
	printf 'behave = %s\nseconds = 600\n' "$1" >"$op.conf"
	rm -f "$op.report"
}
approvals() { grep -c '^approval' "$op.report" 2>/dev/null; }

behave ok
agent_start
check 'nothing is fetched at the start' test ! -e "$op.report"
check 'a push asks op by itself' "$client" push -q --store "$nix_root" "$top"
check_same 'with one approval for all three secrets' 1 "$(approvals)"
check 'stock Nix takes it' nix_pull "$store_url" "$top" "$key_public"
check_fails 'op is given no secret' grep -qF -e "$S3_SECRET" \
	-e "${key_secret#*:}" "$op.report"

# A hundred at once, of which the first may ask.
"$client" lock -q
behave ok
for _ in $(seq 100); do
	"$client" unlock -q &
	jobs+=($!)
done
failed=0
for job in "${jobs[@]}"; do
	wait "$job" || failed=$((failed + 1))
done
check_same 'a hundred that ask at once are all served' 0 "$failed"
check_same 'by one run of op' 1 "$(approvals)"

# Its failures, in words that say what to do.
failure() {
	"$client" lock -q
	behave "$1"
	check_status "$1 fails with the status of a source" 5 \
		timeout 60 "$client" unlock
	check_says "... and says so" "$2"
}
failure not-signed-in 'sign'
failure dismissed 'dismissed|approve'
failure app-unreachable 'app'
failure no-item 'item'
failure no-field 'field'
failure rate-limited '58|minutes'
failure hang 'time'
failure empty 'missing'
failure garbage 'not what a key'
behave daemon
check 'a daemon left behind that holds its output does no harm' \
	timeout 20 "$client" unlock -q
kill "$(sed -n 's/^daemon //p' "$op.report")"
agent_stop
check 'an op that others may write is refused' chmod 777 "$op"
behave ok
agent_start
check_status '... with the status of a source' 5 "$client" unlock
check_says '... and says why' 'writ'
agent_stop
tap_end
