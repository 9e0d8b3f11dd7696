#!/bin/bash
# audit_verify.sh - the audit log as its reader sees it, and what is found when
# somebody has touched it
#
# usage: audit_verify.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

flow_clean_up() {
	[[ ! ${follower:-} ]] || kill "$follower" 2>/dev/null
}

key_make audit-1
public=$key_public
log=$W/log/audit.jsonl copy=$W/copy/audit.jsonl
mkdir -p "$W/log" "$W/copy"
configure() {
	agent_config '[agent]' "audit = $log" "$@" \
		"$(agent_file_cache main "$W/cache" 'sign-policy = any')"
}

# sign COUNT [CALLS]: signatures for paths that nobody has.
sign() {
	/usr/bin/python3 - "$agent_socket" "$1" "${2:-1}" <<-'PY'
		import json, socket, sys
		path, count, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
		with socket.socket(socket.AF_UNIX) as s:
		    s.settimeout(20)
		    s.connect(path)
		    for _ in range(calls):
		        s.sendall(json.dumps({
		            "method": "io.nixcache.Agent.Sign",
		            "parameters": {"cache": "main", "paths": [{
		                "storePath": "/nix/store/%032d-hello-2.%d" % (i, i),
		                "narHash": "sha256:" + "0" * 52,
		                "narSize": 4096,
		                "references": []} for i in range(count)]},
		        }).encode() + b"\0")
		        reply = b""
		        while not reply.endswith(b"\0"):
		            reply += s.recv(65536)
		        reply = json.loads(reply[:-1])
		        if "error" in reply:
		            sys.exit(reply["error"])
	PY
}

verify() {
	"$client" audit verify --public-key "$public" "$@"
}

# The kinds of what is found in the copy, each once.
found() {
	verify --json "${@:-$copy}" |
		sed -n 's/^{"event":"finding","kind":"\([^"]*\)".*/\1/p' |
		sort -u | xargs
}

# found_in SENTENCE KINDS COMMAND...: the command, given the whole log, writes
# the copy, and verify finds in it just that.
found_in() {
	local sentence=$1 kinds=$2
	shift 2
	"$@" <"$log" >"$copy"
	check_same "$sentence" "$kinds" "$(found)"
}

lines() {
	wc -l <"$1"
}

all_sealed() {
	local last
	last=$(tail -n 1 "$log")
	[[ $last == *'"event":"seal"'* ]]
}

# Whole, beside a running agent.
configure
agent_start
sign 3 && "$client" lock -q && sign 1
check 'a seal comes by itself' wait_for 10 all_sealed
check 'the log of a running agent is whole' "$client" audit verify
check_says 'as its last line says' 'records, [0-9]+ of them sealed, last seal [0-9]+ s ago, 0 findings'
check 'nixcache audit prints it' "$client" audit
check_says 'with who asked for what' \
	"uid $(id -u) pid [0-9]+ [^ ]*python[^ ]* sign main 3 paths \(hello-2.0, hello-2.1, hello-2.2\): allowed"
check_says '... and what the agent did' 'Z locked: asked'
check_same '-n takes the last lines' 2 "$("$client" audit -n 2 | wc -l)"
check_same '--json prints the lines as they are' "$(sha256sum <"$log")" \
	"$("$client" audit --json | sha256sum)"
check_same '--since takes those that are young' "$(lines "$log")" \
	"$("$client" audit --json --since 1h | wc -l)"

# Somebody cuts it while the agent runs, which remembers.
cp "$log" "$W/whole"
truncate -s "$(head -n -1 "$W/whole" | wc -c)" "$log"
check_status 'a tail that is cut off a running log is found' 1 "$client" audit verify
check_says 'by what the agent says' 'ends here, and the agent has written up to line'
cat "$W/whole" >"$log"
check 'and is not missed any more once it is back' "$client" audit verify

# Ended: nobody but the log itself remembers.
agent_stop
check 'without an agent it is found by its path' verify "$log"
usual=$HOME/.local/state/nixcache
mkdir -p "$usual" && cp "$log" "$usual"
check 'or in its usual place' verify
check_says 'which is named' "$usual/audit.jsonl: [0-9]+ records"
rm "$usual/audit.jsonl"
check_same 'nothing is found in it' '' "$(found "$log")"
count=$(lines "$log") sealed=0
check_status 'no agent and no log is no success' 2 "$client" audit verify
found_in 'a copy is as good' '' cat
# By one more, or it may be the same.
# shellcheck disable=SC2016 # the variables are Perl's
found_in 'a flipped letter is found' prev perl -pe \
	's/[0-9]/++$n == 16 ? ($& + 1) % 10 : $&/ge if $. == 5'
found_in 'one that leaves no JSON too' 'prev record' sed '5s/"/x/4'
found_in 'a dropped line' number sed 4d
# shellcheck disable=SC2016 # the dollar is awk's
found_in 'two that were swapped' number awk \
	'NR == 4 { held = $0; next } { print } NR == 5 { print held }'
found_in 'one that is there twice' number sed 4p
found_in 'a line that was put in between' 'number record' sed '4i{}'
found_in 'a beginning that is cut off' beginning tail -n +3
found_in 'a seal that is cut off the end' end-unsealed head -n -1
found_in 'the end with it' no-end head -n -2
found_in 'half a line at the end' record head -c -20
found_in 'all of it' no-end head -c 0
found_in 'a certificate that its key has not made' 'certificate prev' sed \
	's/"signature":"audit-1:..../"signature":"audit-1:AAAA/'
check_same 'a log whose owner is not known' no-certificate \
	"$(public=$(nix_public_key "$(nix_key other-1)") found "$log")"

# Somebody changes a line and counts all hashes again.
recount() {
	/usr/bin/python3 -c '
import hashlib, re, sys
prev = "0" * 64
for line in sys.stdin.buffer.read().splitlines():
    line = re.sub(rb"\"prev\":\"[0-9a-f]{64}\"}$",
                  b"\"prev\":\"" + prev.encode() + b"\"}", line)
    prev = hashlib.sha256(line).hexdigest()
    sys.stdout.buffer.write(line + b"\n")'
}
found_in 'recounting alone changes nothing' '' recount
change_and_recount() {
	sed 's/"uid":[0-9]*/"uid":4321/' | recount
}
found_in 'a change with all hashes counted again is found by the seals' \
	'end-unsealed seal' \
	change_and_recount

# Restarted, told to begin anew, its vault replaced; and killed.
count_of() {
	grep -c "\"event\":\"$1\"" "$log"
}
has_more() {
	(($(count_of "$1") > $2))
}
agent_start
sign 2
check 'a restarted agent goes on with it' "$client" audit verify
starts=$(count_of start)
kill -HUP "$NIXCACHE_AGENT_PID"
check 'after SIGHUP it begins anew' wait_for 10 has_more start "$starts"
sign 2
check 'which is no finding' "$client" audit verify
vaults=$(count_of vault)
kill -KILL "$(agent_vault)"
check 'a vault that dies is replaced' wait_for 10 has_more vault "$vaults"
check 'by one that is certified again' sign 2
agent_stop
check_same 'and all that leaves it whole' '' "$(found "$log")"
agent_start
sign 2
mapfile -t processes < <(agent_processes)
kill -KILL "${processes[@]}"
for pid in "${processes[@]}"; do
	wait_for 5 gone "$pid"
done
unset NIXCACHE_AGENT_PID NIXCACHE_AGENT_SOCK
check_same 'an agent that was killed has no end' no-end "$(found "$log")"
agent_start
sign 2
check_status 'nor has it when another one has gone on' 1 "$client" audit verify
check_says 'which is the only finding' ', 1 finding'
agent_stop

# Through several files.
rm -f "$log"*
configure 'audit-max-size = 64K'
agent_start
"$client" audit --follow --json >"$W/followed" &
follower=$!
sign 200 5
check 'the log goes on in other files' wait_for 10 test -e "$log".000*
sign 200 5
agent_stop
oldest=$(printf '%s\n' "$log".* | head -n 1)
files=$(printf '%s\n' "$log".* | wc -l)
check 'more than one' test "$files" -gt 1
check_same 'all of them are one whole log' '' "$(found "$log")"
cat "$log".* "$log" >"$W/whole"
check_same 'and are printed as one' "$(sha256sum <"$W/whole")" \
	"$("$client" audit --json "$log" | sha256sum)"
is_followed() {
	cmp -s "$W/whole" "$W/followed"
}
check 'which --follow has seen come' wait_for 10 is_followed
kill -INT "$follower"
wait "$follower"
check_same 'until it is interrupted' 0 $?
follower=
mv "$oldest" "$W/oldest"
check 'the oldest file may be deleted' verify "$log"
check_says 'which is noted' 'note: .*begins with line'
mv "$W/oldest" "$oldest"
middle=$(printf '%s\n' "$log".* | sed -n 2p)
mv "$middle" "$W/middle"
check_same 'one in the middle may not' number "$(found "$log")"
mv "$W/middle" "$middle"
mv "$log" "$W/newest"
check_status 'nor the newest' 1 verify "$log"
mv "$W/newest" "$log"
check_same 'and back it is whole again' '' "$(found "$log")"
truncate -s -30 "$oldest"
check_same 'half a line at the end of an old file' 'prev record' "$(found "$log")"

# Somebody else's.
if [[ $(id -u) == 0 ]]; then
	chmod 711 "$W"
	exec 9<"$client"
	chmod 711 "$W/log"
	check_status "another user's log cannot be read" 1 setpriv --reuid 65534 \
		--regid 65534 --clear-groups /proc/self/fd/9 audit verify "$log"
	check_says 'and it is said whose it is' 'belongs to root \(uid 0\)|folder is for another user'
	exec 9<&-
else
	skip "another user's log cannot be read" 'needs root'
	skip 'and it is said whose it is' 'needs root'
fi
check_status 'a folder is no log' 1 verify "$W/log"
check_status 'nor is what is not there' 1 verify "$W/nothing"
check_status 'a key that is none is refused' 1 \
	"$client" audit verify -k nonsense "$log"
check_status 'two logs are one too many' 64 "$client" audit verify "$log" "$log"

# A person at a terminal sees a refusal in red.
deny() {
	sed -n 's/"decision":"allowed"/"decision":"denied"/p' "$log" |
		head -n 1 >"$copy"
	script -qec "$client audit $copy" /dev/null </dev/null
}
check 'a refusal is red on a terminal' deny
check_says 'and only there' $'\033\\[31mdenied\033\\[0m'
tap_end
