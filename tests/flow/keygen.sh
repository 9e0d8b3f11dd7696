#!/bin/bash
# keygen.sh - new keys that stock Nix takes, and whose secret lies nowhere but
# where it was sent
#
# usage: keygen.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
flow_begin "$@"
attacks=${1:-$flow_root/build}/tests/attack
top=$(nix_make_closure 2) || exit

# Without --op: through a pipe, which is all that it takes.
exec 3>"$W/public"
secret=$("$client" keygen one-1 2>&3)
check_same 'keygen ends with 0' 0 $?
public=$(<"$W/public")
check 'the secret key has the name, 64 bytes, and no newline' \
	grep -qE '^one-1:[A-Za-z0-9+/]{86}==$' <<<"$secret"
check_same 'nor has the pipe' 94 "$("$client" keygen one-1 2>&3 | wc -c)"
check_same 'stock Nix makes the same public key of it' "$public" \
	"$(nix_public_key "$secret")"
check 'and signs with it' nix store sign -r --store "$nix_root" \
	--key-file <(printf %s "$secret") "$top"
check 'what the public key verifies' nix_pull "$nix_root" "$top" "$public"
check_fails 'two keys are never the same' test "$secret" == \
	"$("$client" keygen one-1 2>&3)"
check_same 'a name may have any printable character' 'a"\+~{' \
	"$("$client" keygen 'a"\+~{' 2>&3 | cut -d : -f 1)"

to_file() { "$client" keygen x >"$1"; }
to_nowhere() { "$client" keygen x >&-; }
to_pipe() { "$client" keygen "$@" | cat; return "${PIPESTATUS[0]}"; }
to_pipe_with_errors() { "$client" keygen x 2>&1 | cat; return "${PIPESTATUS[0]}"; }
check_status 'a file is refused' 64 to_file "$W/f"
check_says 'in a sentence that says what to do' 'must be a pipe'
check 'and nothing was written' test ! -s "$W/f"
check_status 'so is /dev/null' 64 to_file /dev/null
check_status 'and a terminal' 64 script -qec "'$client' keygen x" /dev/null
check_status 'and none at all' 64 to_nowhere
check_status 'and a pipe that has the error text too' 64 to_pipe_with_errors
check_says 'for that reason' 'the same pipe'
# A pipe that nobody reads: opened for both, and closed for reading.
check_status 'a reader that is gone is an error' 1 /usr/bin/python3 -c '
import os, subprocess, sys
gone, out = os.pipe()
os.close(gone)
sys.exit(subprocess.run([sys.argv[1], "keygen", "x"], stdout=out).returncode)
' "$client"
check_says 'that says nobody has the key' 'could not be written: Broken pipe'
wrong_said=$tap_out
check_fails 'and no public key' grep -q '^x:' <<<"$wrong_said"
for name in '' 'a b' 'a:b' $'\t' "$(printf %0129d 0)"; do
	check_status "\"${name:0:8}\" is no name of a key" 64 \
		to_pipe "$name"
	check_says '... and refused' "a key's name is"
done
check_status 'one name is needed' 64 "$client" keygen
check_status 'and only one' 64 "$client" keygen a b
check_status '--vault needs --op' 64 "$client" keygen --vault v a
check_status 'what a reference cannot name is refused' 64 \
	"$client" keygen --op a/b a

# With --op: the stand-in is as strict as the real one, and tells more.
mkdir "$W/bin"
op=$W/bin/op
cp "$flow_root/tests/lib/op" "$op" && chmod 755 "$op"
export PATH=$W/bin:$PATH OP_SERVICE_ACCOUNT_TOKEN=a-token-of-the-test
behave() {
	printf 'behave = %s\nseconds = 60\n' "$1" >"$op.conf"
	rm -f "$op.report" "$op.go"
}
to_item() {
	"$client" keygen --op "$1" --vault Dev "${@:2}"
}
# field ITEM NAME: what the stand-in has there.
field() {
	/usr/bin/python3 -c '
import json, sys
for item in json.load(open(sys.argv[1])):
    for field in item["fields"]:
        if [item["title"], field["label"]] == sys.argv[2:]:
            print(field["value"], end="")' "$op.vault" "$@" 2>/dev/null
}
has_item() {
	field "$1" public-key | grep -q :
}

behave ok
touch "$W/since"
public=$(to_item 'nix cache' two-1 2>"$W/said")
check_same 'an item is made' 0 $?
secret=$(field 'nix cache' nix-signing-key)
check_same 'its field has the secret of the public key that was printed' \
	"$public" "$(nix_public_key "$secret")"
check_same 'another has the public key' "$public" \
	"$(field 'nix cache' public-key)"
check 'the line for the configuration is told' grep -qF \
	'signing-key = op://Dev/nix cache/nix-signing-key' "$W/said"
check 'op was found where nobody else can put one, and fed by a pipe' \
	grep -qx 'argv item create --vault Dev -' "$op.report"

# The whole way: what keygen has put there, an agent signs with.
agent_config '[agent]' "op = $op" '[cache main]' "store = file://$W/cache" \
	"public-key = $public" \
	'signing-key = op://Dev/nix cache/nix-signing-key'
more=$(nix_seed=1 nix_make_closure 1)
agent_start
check 'an agent signs with it' "$client" sign -q -r --store "$nix_root" "$more"
check 'what stock Nix verifies' nix_pull "$nix_root" "$more" "$public"
agent_stop

# Nothing of it lies about, and not in keygen while op still works.
prey_needles=$(printf 'signing %s\n' "$secret" |
	/usr/bin/python3 "$flow_root/tests/lib/needles.py" x)
if [[ -x $attacks/attack_traces ]]; then
	check 'no argument, environment or file has it' prey_attack traces \
		"$W/since" "$op.vault" "$W" /dev/shm "/run/user/$(id -u)"
	check_says 'of those that were looked at' 'files: [1-9]'
	secret_file "$W/leak" "$secret"
	check_fails 'which would have found it' prey_attack traces \
		"$W/since" "$op.vault" "$W"
	rm "$W/leak"
else
	skip 'no argument, environment or file has it' 'built without sealing'
fi
behave slow
"$client" keygen --op slow --vault Dev three-1 >"$W/public" 2>&1 &
making=$!
check 'op takes its time' wait_for 20 has_item slow
secret=$(field slow nix-signing-key)
prey_needles=$(printf 'signing %s\n' "$secret" |
	/usr/bin/python3 "$flow_root/tests/lib/needles.py" x)
if [[ $(id -u) == 0 && -x $attacks/attack_memory ]]; then
	check 'the memory of keygen has nothing of the key any more' \
		prey_attack memory "$making" mem
	check_says 'though it can be read' 'mem: [1-9][0-9]{4,} bytes'
else
	skip 'the memory of keygen has nothing of the key' 'only root can look'
fi
check_same 'it is the client that was looked at' nixcache \
	"$(<"/proc/$making/comm")"
check_same 'it writes no core file' 0 "$(sed -n \
	's/^Max core file size *\([^ ]*\) .*/\1/p' "/proc/$making/limits")"
check_same 'nor has it claimed anything' '' "$(<"$W/public")"
touch "$op.go"
wait "$making"
check_same 'until op has ended' 0 $?
check 'and then the key is told' grep -qx "$(nix_public_key "$secret")" \
	"$W/public"

# What goes wrong is told, and no success claimed.
wrong() {
	local title=$1 status=$2 said=$3
	behave "$title"
	check_status "$title: keygen fails" "$status" to_item "${4:-$title}" key-1
	check_says '... and says why' "$said"
	wrong_said=$tap_out
	check_fails '... and tells no key' grep -q '^key-1:' <<<"$wrong_said"
}
behave ok
wrong ok 1 'item nix cache already, which is not changed' 'nix cache'
check_same 'the item is as it was' 1 \
	"$(grep -o '"title": "nix cache"' "$op.vault" | wc -l)"
wrong failing-create 5 '403'
wrong forgetful 5 "field"
wrong repeat 5 'invalid item template'
check_fails 'what op repeats of the key is not shown' \
	grep -qE '[A-Za-z0-9+/]{24}' <<<"$wrong_said"
check 'but stars' grep -q '"value":"key-1:\*\*\*\*' <<<"$wrong_said"
wrong silent 5 'status 3 and said nothing'
wrong crash 5 'status 137'
wrong garbage 5 'not in it|op:'
unset OP_SERVICE_ACCOUNT_TOKEN
wrong not-signed-in 5 'desktop app|signed in'
chmod 777 "$op"
wrong ok 5 'op is not run: .*write' other
chmod 755 "$op"
rm "$op"
wrong ok 5 'not in PATH' other
export OP_SERVICE_ACCOUNT_TOKEN=a-token-of-the-test
cp "$flow_root/tests/lib/op" "$op" && chmod 755 "$op"
behave ok
unset OP_SERVICE_ACCOUNT_TOKEN
check 'on a terminal, op may ask there' \
	script -qec "'$client' keygen --op screen --vault Dev key-1" /dev/null
check_says 'and the public key is shown' '^key-1:'
export OP_SERVICE_ACCOUNT_TOKEN=a-token-of-the-test
to_full() { to_item full key-1 >/dev/full; }
check_status 'a full disk for the public key is an error' 1 to_full
check_says 'that says where the pair is' 'item full has the key pair'
with_nothing_locked() {
	(
		ulimit -l 0
		# Root may lock without a limit.
		[[ $(id -u) == 0 ]] && set -- setpriv --bounding-set -ipc_lock \
			--inh-caps -ipc_lock -- "$@"
		"$@" | cat
		exit "${PIPESTATUS[0]}"
	)
}
check_status 'where nothing may be locked, no key is made' 71 \
	with_nothing_locked "$client" keygen x
check_says 'and the limit is named' 'ulimit -l'
tap_end
