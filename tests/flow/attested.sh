#!/bin/bash
# attested.sh - the agent signs what the Nix store holds, whichever store that
# is and whatever becomes of its daemon
#
# usage: attested.sh [BUILD-FOLDER]
# needs: newer-nix
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/serve.sh"
flow_begin "$@"

flow_clean_up() {
	serve_stop
	daemon_stop
}

# Nix's own, on a socket.
daemon_start() {
	daemon_socket=$W/d.sock
	NIX_DAEMON_SOCKET_PATH=$daemon_socket nix-daemon \
		--store "$nix_root" 2>>"$W/daemon.log" &
	daemon=$!
	wait_for 10 test -S "$daemon_socket"
}

daemon_stop() {
	[[ ${daemon:-} ]] || return 0
	# Who serves a connection lives on, and is deaf to SIGTERM.
	# shellcheck disable=SC2046 # none, or more than one
	kill -KILL $(daemon_children) "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
	rm -f "$daemon_socket"
	daemon=
}

# The processes that serve one connection each.
daemon_children() {
	pgrep -P "$daemon"
}

# The one that the launcher runs for its store.
child_daemon() {
	pgrep -x nix-daemon -P "$NIXCACHE_AGENT_PID"
}

# agent_asks STORE [POLICY [LINE...]]: an agent that asks that store.
agent_asks() {
	local store=$1 policy=${2:-in-store}
	shift; shift || :
	agent_stop
	agent_config '[agent]' "nix-store = $store" "$@" \
		"$(agent_file_cache main "$W/cache" "sign-policy = $policy")"
	agent_start
}

# attest ...: how many of the paths with these facts are signed, or why none is.
attest() {
	/usr/bin/python3 "$flow_root/tests/lib/attested.py" "$agent_socket" main
}

sign() {
	"$client" sign --store "$nix_root" "$@"
}

row() {
	"$client" status --hardening | grep 'attested signing'
}

# A store that no agent here is told about, with a path of its own in it.
make_foreign() {
	local nix_root=$W/foreign
	nix_seed=foreign nix_make_closure 1
}

key_make attested-1
top=$(nix_make_closure 5) || exit
foreign=$(make_foreign) || exit
mapfile -t paths < <(nix_paths "$top")
facts=$(nix_facts "${paths[@]}")
count=${#paths[@]}

# A chroot store, whose daemon is a child of the agent.
SOME_SECRET=1 NIX_REMOTE=daemon agent_asks "$nix_root"
check 'nothing is claimed before a store has answered' \
	grep -q 'weaker.*not asked\|weaker.*no store was asked yet' <(row)
check_same 'what a chroot store holds is signed' "$count" "$(attest <<<"$facts")"
check 'and the report says that a store is asked' grep -q held <(row)
child=$(child_daemon)
check 'its daemon is a child of the launcher' test "$child"
links=$(readlink "/proc/$child/fd"/*)
check_same 'with nothing of the agent open but its stream' '' \
	"$(grep 'audit\|pidfd\|signalfd\|agent' <<<"$links")"
check_same 'and of our environment only what it needs' '' \
	"$(tr '\0' '\n' <"/proc/$child/environ" | grep 'SECRET\|NIX_REMOTE')"
check_status 'a path of another store is not signed' 4 \
	"$client" sign --store "$W/foreign" "$foreign"
check_says 'and the sentence says which and why' \
	"$foreign is not signed: the store does not hold it.*nix-store"
check_status 'nor pushed' 4 "$client" push --store "$W/foreign" "$foreign"
agent_stop
check 'the daemon ends with the agent' wait_for 5 gone "$child"

# A key that was handed over as a descriptor is not handed on.
exec 7< <(cat "$key_file")
key_pipe=$(readlink /proc/self/fd/7)
agent_config "[cache main]" "store = file://$W/cache" 'signing-key = fd:7' \
	"public-key = $key_public"
agent_start
exec 7<&-
check_same 'with a key from a descriptor all is signed' "$count" \
	"$(attest <<<"$facts")"
child=$(child_daemon)
check_same 'which the daemon has not' '' \
	"$(readlink "/proc/$child/fd"/* | grep -F "$key_pipe")"

# What the daemon is killed over is asked of another one.
agent_asks "$nix_root"
check_same 'it is signed again' "$count" "$(attest <<<"$facts")"
child=$(child_daemon)
kill -KILL "$child"
check 'a daemon that is killed is gone, and no zombie' \
	wait_for 5 test ! -e "/proc/$child"
check_same 'another takes its place' "$count" "$(attest <<<"$facts")"

# Each client's first question is as new as its answer.
lone=$(nix_seed=lone nix_make_closure 1) || exit
lone_facts=$(nix_facts "$lone")
check_same 'a path is signed while it is there' 1 "$(attest <<<"$lone_facts")"
nix-store --store "$nix_root" --delete "$lone" >/dev/null 2>&1
check 'and refused when it is not any more' \
	grep -q "NotInStore.*does not hold" <(attest <<<"$lone_facts")
lone=$(nix_seed=lone nix_make_closure 1) || exit
check_same 'and signed when it is there again' 1 "$(attest <<<"$lone_facts")"

# Serving is no way around it.
nix_push() {
	rm -rf "$nix_work/cache/nix"
	nix copy --store "$1" --to "$serve_url" "$2"
}

serve_start --allow-push || exit
check 'nix copy to the server works from the store that is asked' \
	nix_push "$nix_root" "$top"
check_status 'and fails from another one' 1 nix_push "$W/foreign" "$foreign"
check_says 'with a status that says so' 'HTTP error 403'
check_says '... and the sentence' 'the store does not hold it'
check_fails 'and nothing of it is in the cache' \
	test -e "$W/cache/$(basename "$foreign" | head -c 32).narinfo"
serve_stop

# What was built here, and what only came here.
came=$(nix-store --store "$nix_root" --add "$flow_root/meson.build")
NIX_CONFIG="$NIX_CONFIG
require-sigs = false" nix copy --no-check-sigs --from "$W/foreign" \
	--to "$nix_root" "$foreign" 2>/dev/null || exit
agent_asks "$nix_root" built-here
if nix_can_build; then
	check_same 'built-here signs what was built here' "$count" \
		"$(attest <<<"$facts")"
else
	skip 'built-here signs what was built here' 'Nix cannot build here'
fi
for path in "$came" "$foreign"; do
	check "not what came here: $(basename "$path" | cut -c 34-)" \
		grep -q 'NotInStore.*not built here' <(nix_facts "$path" | attest)
done
agent_asks "$nix_root"
check_same 'which in-store signs' 2 \
	"$(nix_facts "$came" "$foreign" | attest)"

# A daemon on a socket; that it is gone is no reason to sign.
daemon_start || exit
agent_asks "unix://$W/d.sock"
check_same 'a daemon on a socket is asked' "$count" "$(attest <<<"$facts")"
check_same 'over one connection' 1 "$(daemon_children | wc -l)"
kill -KILL "$(daemon_children)"
check_same 'one that is killed meanwhile is asked anew' "$count" \
	"$(attest <<<"$facts")"
daemon_stop
check 'without a daemon nothing is signed' \
	grep -q 'PolicyDenied.*d.sock' <(attest <<<"$facts")
check 'and the report says so' grep -q 'absent' <(row)
check_status 'a person is told' 4 sign "$lone"
check_says 'which store, why, and what to do' \
	"unix://$W/d.sock.*No such file.*nix-store.*sign-policy"
daemon_start || exit
check_same 'with a daemon it goes on' "$count" "$(attest <<<"$facts")"

# The same by itself: NIX_REMOTE, the usual socket, and a store without daemon.
NIX_REMOTE=unix://$W/d.sock agent_asks auto
check_same 'auto asks what NIX_REMOTE names' "$count" "$(attest <<<"$facts")"
NIX_REMOTE=ssh://elsewhere agent_asks auto
check 'but nothing far away' grep -q 'PolicyDenied.*ssh://elsewhere' \
	<(attest <<<"$facts")
NIX_DAEMON_SOCKET_PATH=$W/d.sock agent_asks auto
check_same 'auto asks the usual socket' "$count" "$(attest <<<"$facts")"
daemon_stop

own_store() {
	NIX_STORE_DIR=$W/own/store NIX_STATE_DIR=$W/own/var \
		NIX_LOG_DIR=$W/own/log NIX_DAEMON_SOCKET_PATH=$W/own/none "$@"
}
own=$(own_store nix-store --add "$flow_root/meson.build") || exit
own_facts=$(nix_root=local own_store nix_facts "$own")
agent_stop
agent_config '[agent]' 'nix-store = auto' \
	"$(agent_file_cache main "$W/cache" "store-dir = $W/own/store")"
own_store agent_start
check_same 'without a socket auto asks the store itself' 1 \
	"$(attest <<<"$own_facts")"
check 'which the launcher runs nix-daemon for' child_daemon

# The program is found at the start, and must be nobody else's to write.
mkdir -m 777 "$W/open" && ln -s "$(command -v nix-daemon)" "$W/open/nix-daemon"
agent_stop
agent_config '[agent]' "nix-store = $nix_root" \
	"$(agent_file_cache main "$W/cache")"
PATH=$W/open:$PATH agent_start
check 'a nix-daemon that others could have put there is not run' \
	grep -q 'PolicyDenied.*not run.*others can write' \
	<(attest <<<"$facts")

# Whoever wants no question says so, and the report repeats it.
agent_asks unix:///nowhere any
check_same 'with sign-policy = any no store is needed' "$count" \
	"$(attest <<<"$facts")"
check 'which the report calls weaker' grep -q 'weaker.*sign-policy = any' <(row)

agent_stop
agent_env() {
	NIXCACHE_STORE=file://$W/cache NIX_SIGNING_KEY=$key_secret \
		NIXCACHE_NIX_STORE=$1 NIXCACHE_SIGN_POLICY=$2 agent_start
}
attest_default() {
	/usr/bin/python3 "$flow_root/tests/lib/attested.py" "$agent_socket" \
		default
}
rm "$agent_conf"
agent_env "$nix_root" in-store
check_same 'an agent without a configuration asks, too' "$count" \
	"$(attest_default <<<"$facts")"
agent_stop
agent_env unix:///nowhere in-store
check 'and refuses, too' grep -q PolicyDenied <(attest_default <<<"$facts")
agent_stop
agent_env unix:///nowhere any
check_same 'unless it is told not to ask' "$count" \
	"$(attest_default <<<"$facts")"

# The newer Nix, as a child and on a socket.
newer() {
	agent_stop
	agent_config "$(agent_file_cache main "$W/cache")"
	agent_start
	check_same "Nix $newer_nix_version: its store is asked" "$count" \
		"$(attest <<<"$facts")"
	check "Nix $newer_nix_version: and not believed to hold more" \
		grep -q 'NotInStore.*does not hold' \
		<(attest <<<"${facts//-top$'\t'/-pot$'\t'}")
	daemon_start || return
	agent_asks "unix://$W/d.sock"
	check_same "Nix $newer_nix_version: its daemon is asked" "$count" \
		"$(attest <<<"$facts")"
	daemon_stop
	agent_stop
}

if newer_nix_begin; then
	PATH=$newer_nix_bin:$PATH
	newer
else
	skip 'the same with the newer Nix' "$newer_nix_why"
fi
tap_end
