#!/bin/bash
# scopes.sh - each socket gives what its scope says, and no more
#
# usage: scopes.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

flow_clean_up() {
	kill -KILL ${activated:-} 2>/dev/null
	[[ ! ${open:-} ]] || rm -rf "$open"
}

key_make scope-1
secret_file "$W/keys-id" AKIDEXAMPLE
secret_file "$W/keys-secret" wJalrXUtnFEMI
file_cache=$(agent_file_cache main "$W/cache" 'sign-policy = any')
s3_cache="[cache bucket]
store = s3://prey/nix?endpoint=s3.example.org&region=eu-central-1
signing-key = file:$key_file
access-key-id = file:$W/keys-id
secret-access-key = file:$W/keys-secret
sign-policy = any"
sockets=$W/s
mkdir -m 755 "$sockets"

# config SECTIONS: two caches, no log, and the sections.
config() {
	agent_config '[agent]' 'audit = none' "$file_cache" "$s3_cache" "$@"
}

# ask SOCKET PYTHON: with client, narinfo, sign(n), get(...), say(reply) there.
ask() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$flow_root/tests/lib \
		/usr/bin/python3 -c '
import sys, varlink
client = varlink.Client(sys.argv[1])
narinfo = varlink.base_hash(1) + ".narinfo"
nar = "nar/" + "0" * 52 + ".nar"

def sign(count=1, cache="main"):
    return client.call("Sign", cache=cache, paths=varlink.paths(0, count))

def ask(operation, cache="bucket", **fields):
    return client.call("Presign", cache=cache,
                       requests=[{"operation": operation, **fields}])

def say(reply):
    if reply is None:
        print("closed")
    elif "error" in reply:
        rule = (reply.get("parameters") or {}).get("rule", "")
        print(reply["error"].rsplit(".", 1)[1] + (": " + rule if rule else ""))
    else:
        print("given")
'"$2" "$1" 2>&1
}

give() {
	printf 'given\n%.0s' $(seq "$1")
}

config
agent_start --socket "push:$sockets/push" --socket "pull:$sockets/pull"
"$client" unlock -q
check_same 'another socket is for its owner alone' 600 \
	"$(stat -c %a "$sockets/push")"
check_same 'the usual socket gives everything' "$(give 3)" "$(
	ask "$agent_socket" 'say(sign()); say(ask("DeleteObject", key=narinfo))
say(client.call("Lock"))')"
"$client" unlock -q
check_same 'a push socket gives what a push needs' "$(give 5)" "$(
	ask "$sockets/push" 'say(sign()); say(ask("GetObject", key=narinfo))
say(ask("PutObject", key=narinfo, contentLength=9))
say(ask("CreateMultipartUpload", key=nar)); say(client.call("Unlock"))')"
check_same 'but deletes, locks and ends nothing' \
	'PolicyDenied: scope push: no DeleteObject of narinfos
PermissionDenied
PermissionDenied' "$(
	ask "$sockets/push" 'say(ask("DeleteObject", key=narinfo))
say(client.call("Lock")); say(client.call("Quit"))')"
check_same 'a pull socket reads' "$(give 3)" "$(
	ask "$sockets/pull" 'say(ask("GetObject", key=nar))
say(ask("ListObjectsV2")); say(client.call("Unlock"))')"
check_same 'and signs, writes, locks and ends nothing' \
	'PermissionDenied
PolicyDenied: scope pull: no PutObject of narinfos
PermissionDenied
PermissionDenied' "$(
	ask "$sockets/pull" 'say(sign())
say(ask("PutObject", key=narinfo, contentLength=9))
say(client.call("Lock")); say(client.call("Quit"))')"
check_same 'after all that the agent is unlocked' unlocked "$(agent_state)"

# With the client.
top=$(nix_make_closure 3) || exit
on_push() {
	NIXCACHE_AGENT_SOCK=$sockets/push "$@"
}
check_status 'a closure is pushed over the push socket' 0 \
	on_push "$client" push -q -t main --store "$nix_root" "$top"
check 'and stock Nix takes it' nix copy --from "file://$W/cache" \
	--to "$W/copy" --option trusted-public-keys "$key_public" "$top"
check_status 'the client says what a pull socket does not give, with 4' 4 \
	env NIXCACHE_AGENT_SOCK="$sockets/pull" "$client" lock

# Narrowing.
check_same 'a connection narrows itself, and never widens' \
	'given
PermissionDenied
given
PermissionDenied
given' "$(ask "$agent_socket" 'say(client.call("Narrow", scope="pull"))
say(sign()); say(client.call("Narrow", scope="owner")); say(sign())
say(ask("GetObject", key=nar))')"
check_same 'a narrowing that fails ends the connection' \
	'InvalidParameter
closed' "$(ask "$agent_socket" 'say(client.call("Narrow", scope="mine"))
say(client.hear())')"

# Another agent cannot be given the sockets; a dead one's are replaced.
check_status 'a live agent takes no further socket' 1 \
	"$agent" -s --socket "pull:$sockets/more"
check_says 'and says so' 'cannot be given another socket'
check 'nor is one left behind' test ! -e "$sockets/more"
mapfile -t processes < <(agent_processes)
kill -KILL "${processes[@]}"
wait_for 5 gone "$NIXCACHE_AGENT_PID"
check 'a dead socket is there' test -S "$sockets/push"
agent_start --socket "push:$sockets/push"
check_same 'and is replaced by a new agent' given \
	"$(ask "$sockets/push" 'say(client.call("Unlock"))')"
agent_stop
check_fails 'at its end it is removed' test -e "$sockets/push"
rm "$sockets/pull"
check_status 'a scope that nobody knows ends the start' 1 \
	"$agent" -s --socket "psh:$sockets/push"
check_says 'and is named' 'there is no scope "psh"'
check_fails 'no agent is left' test -e "$agent_socket"
chmod 777 "$sockets"
check_status 'a folder where others may replace it is refused' 1 \
	"$agent" -s --socket "push:$sockets/push"
check_says 'with what to do' 'chmod go-w'
chmod 755 "$sockets"

# For one command.
check_same 'the socket of a command has its scope' \
	'given
PermissionDenied' "$("$agent" --scope push -- bash -c "$(declare -f ask)
flow_root=$flow_root
ask \"\$NIXCACHE_AGENT_SOCK\" 'say(sign()); say(client.call(\"Lock\"))'")"
check_status 'a scope of a command that nobody knows is refused' 1 \
	"$agent" --scope ci -- true

# Sections.
later=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)
ci="[socket ci]
path = $sockets/ci
mode = 0660
scope = push
allow = Unlock Sign GetObject PutObject ListObjectsV2
cache = main
cache = bucket
key = nar/*
store-path = *-prey
max-count = 6
max-bytes = 3500
max-expires = 1m
until = $later"
past="[socket past]
path = $sockets/past
scope = owner
until = 2020-01-01T00:00:00Z"
slow="[socket slow]
path = $sockets/slow
scope = owner
cache = main
rate = 1"
config "$ci" "$past" "$slow"
agent_start
"$client" unlock -q
check_same 'a section has its mode' 660 "$(stat -c %a "$sockets/ci")"
check_same 'its keys, operations and expiry' \
	'given
PolicyDenied: scope ci: no GetObject of 00000000000000000000000000000001.narinfo
PolicyDenied: scope ci: no CreateMultipartUpload of NARs
PolicyDenied: scope ci: no ListObjectsV2 of *
PolicyDenied: scope ci: no URL that is good for more than 60 s' "$(
	ask "$sockets/ci" 'say(ask("GetObject", key=nar))
say(ask("GetObject", key=narinfo)); say(ask("CreateMultipartUpload", key=nar))
say(ask("ListObjectsV2")); say(ask("GetObject", key=nar, expires=61))')"
check_same 'who says no time gets what the section gives' True \
	"$(ask "$sockets/ci" 'import time
end = ask("GetObject", key=nar)["parameters"]["responses"][0]["expiresAt"]
print(end - time.time() <= 60)')"
check_same 'its bytes and its count, over all connections' \
	'PolicyDenied: scope ci: no more than 3500 bytes
given
given
PolicyDenied: scope ci: no more than 6 signatures and URLs' "$(
	ask "$sockets/ci" 'say(sign(4)); say(sign(3))
say(ask("GetObject", key=nar)); say(ask("GetObject", key=nar))')"
check_same 'what has ended gives nothing' \
	'PolicyDenied: scope past: it ended 2020-01-01T00:00:00Z' \
	"$(ask "$sockets/past" 'say(sign())')"
check_same 'a cache that is not named is refused' \
	'PolicyDenied: scope slow: no cache bucket' \
	"$(ask "$sockets/slow" 'say(ask("GetObject", key=nar))')"
check_same 'a rate bursts a batch, and no more' 'given
RateLimited' "$(ask "$sockets/slow" 'say(sign(256)); say(sign(200))')"
config "$ci" "$slow"
kill -HUP "$NIXCACHE_AGENT_PID"
gone_section() {
	[[ $(ask "$sockets/past" 'say(client.call("Unlock"))') == \
		PermissionDenied ]]
}
check 'a section that is gone leaves its socket with nothing' \
	wait_for 5 gone_section
"$client" unlock -q
check_same 'the others have what they had' given \
	"$(ask "$sockets/slow" 'say(sign())')"
agent_stop
check_same 'all are removed at the end' '' \
	"$(find "$sockets" -type s)"

# From the service manager: activate NAMES PATH...
activate() {
	/usr/bin/python3 - "$agent" "$@" <<-'PY' 2>"$W/activated" &
		import os, socket, sys
		for at, path in enumerate(sys.argv[3:], 3):
		    s = socket.socket(socket.AF_UNIX)
		    s.bind(path)
		    s.listen(8)
		    os.dup2(s.fileno(), at)
		    s.detach()
		    os.set_inheritable(at, True)
		os.environ.update(LISTEN_FDS=str(len(sys.argv) - 3),
		                  LISTEN_PID=str(os.getpid()))
		if sys.argv[2] != "-":
		    os.environ["LISTEN_FDNAMES"] = sys.argv[2]
		os.execv(sys.argv[1], [sys.argv[1]])
	PY
	activated=$!
	disown $activated
}
answers() {
	[[ $(ask "$1" 'say(client.call("Status"))') == given ]]
}
scopes_of() {
	local socket
	for socket; do
		ask "$socket" \
			'print(client.call("Status")["parameters"]["scope"])'
	done
}
deactivate() {
	kill "$activated"
	wait_for 5 gone "$activated"
	rm -f "$sockets"/?
}
activate agent:pull:ci "$sockets"/{a,b,c}
check 'named sockets are taken' wait_for 10 answers "$sockets/a"
check_same 'with the scopes of their names' "owner
pull
ci" "$(scopes_of "$sockets"/{a,b,c})"
check 'a section that has none is opened beside them' test -S "$sockets/slow"
check_fails 'one that has is not opened twice' test -e "$sockets/ci"
deactivate
activate - "$sockets/a"
check 'a socket without a name is taken' wait_for 10 answers "$sockets/a"
check_same 'as the usual one' owner "$(scopes_of "$sockets/a")"
deactivate
for names in nixcache-pull.socket agent:pull psh; do
	activate "$names" "$sockets/a"
	check "names that are no scopes end the start: $names" \
		wait_for 10 gone "$activated"
	check_same 'and it says why' 1 "$(grep -c 'no scope\|names are wanted' \
		"$W/activated")"
	rm -f "$sockets/a"
done

# Other users.  A stranger may not read our folders: its program is no file.
other_asks() {
	local socket=$1
	shift
	setpriv "$@" /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
except OSError as error:
    sys.exit("connect: " + error.strerror)
try:
    s.sendall(b"{\"method\":\"io.nixcache.Agent.Unlock\"}\0")
    print("answered" if s.recv(1 << 20) else "closed unheard")
except OSError:
    print("closed unheard")' "$socket" 2>&1
}
# other_holds SOCKET ID... [-- COMMAND...]: asks from three processes over 16
# connections each; how many were answered, or what the command says while they
# are held.
other_holds() {
	local socket=$1 ids=() hold keep holder
	shift
	while (($# > 0)) && [[ $1 != -- ]]; do
		ids+=("$1")
		shift
	done
	hold=$(mktemp -u "$W/hold.XXXX")
	mkfifo "$hold"
	exec {keep}<>"$hold"
	setpriv "${ids[@]}" /usr/bin/python3 -c '
import os, socket, sys
def hold():
    held = []
    for _ in range(16):
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(sys.argv[1])
            s.sendall(b"{\"method\":\"io.nixcache.Agent.Status\"}\0")
            if s.recv(1 << 20):
                held.append(s)
        except OSError:
            pass
    return held
ends = []
held = hold()
count = len(held)
for _ in range(2):
    said, say = os.pipe()
    if os.fork() == 0:
        mine = hold()
        os.write(say, bytes([len(mine)]))
        sys.stdin.read()
        os._exit(0)
    count += os.read(said, 1)[0]
print(count, flush=True)
sys.stdin.read()' "$socket" <"$hold" >"$hold.said" {keep}>&- &
	holder=$!
	wait_for 10 test -s "$hold.said"
	if (($# > 0)); then
		shift
		"$@"
	else
		cat "$hold.said"
	fi
	exec {keep}>&-
	wait "$holder"
}
if [[ $(id -u) == 0 ]]; then
	open=$(mktemp -d /tmp/o.XXXX)
	chmod 755 "$open"
	named=(--reuid 65533 --regid 65533 --clear-groups)
	grouped=(--reuid 65532 --regid 65532 --groups 64123)
	stranger=(--reuid 65531 --regid 65531 --clear-groups)
	config "[socket team]
path = $open/team
mode = 0666
scope = push
peer-uid = 65533
peer-gid = 64123" "[socket group]
path = $open/group
mode = 0660
group = 64123
scope = pull
peer-gid = 64123"
	agent_start
	check_same 'a user that is named is answered' answered \
		"$(other_asks "$open/team" "${named[@]}")"
	check_same 'and one in a group that is named' answered \
		"$(other_asks "$open/team" "${grouped[@]}")"
	check_same 'another is not' 'closed unheard' \
		"$(other_asks "$open/team" "${stranger[@]}")"
	check_same 'nor are we: they alone may' 'closed unheard' \
		"$(other_asks "$open/team")"
	check_same 'the file has its group' '660 64123' \
		"$(stat -c '%a %g' "$open/group")"
	check_same 'whose members come in' answered \
		"$(other_asks "$open/group" "${grouped[@]}")"
	check_same 'and nobody else' 'connect: Permission denied' \
		"$(other_asks "$open/group" "${named[@]}")"
	check_same 'a stranger holds half of the places, with all its processes' \
		32 "$(other_holds "$open/team" "${named[@]}")"
	check_same 'strangers hold no more than three quarters' 16 \
		"$(other_holds "$open/team" "${named[@]}" \
			-- other_holds "$open/team" "${grouped[@]}")"
	check_same 'and the owner is answered meanwhile' unlocked \
		"$(other_holds "$open/team" "${named[@]}" \
			-- other_holds "$open/team" "${grouped[@]}" -- agent_state)"
	agent_stop
else
	skip 'other users' 'only root can be somebody else'
fi
tap_end
