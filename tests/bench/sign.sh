#!/bin/bash
# sign.sh - what a signature costs, beside libsodium alone and ssh-agent
#
# usage: sign.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/bench.sh"
bench_begin "$@"

# ssh-agent in the foreground: it ends with this shell.
start_ssh_agent() {
	ssh_socket=$W/ssh.sock
	ssh-keygen -q -t ed25519 -N '' -C '' -f "$W/ssh-key" || return
	setpriv --pdeathsig KILL -- ssh-agent -D -a "$ssh_socket" >/dev/null &
	ssh_pid=$!
	wait_for 10 test -S "$ssh_socket" &&
		SSH_AUTH_SOCK=$ssh_socket ssh-add -q "$W/ssh-key"
}

flow_clean_up() {
	[[ ! ${ssh_pid:-} ]] || kill "$ssh_pid" 2>/dev/null
}

key_make bench-1 || exit
# The paths are made up: what a store has to say is in attested.sh.
agent_config '[agent]' 'audit = none' \
	"$(agent_file_cache main "$W/cache" 'sign-policy = any')"
agent_start && "$client" unlock >/dev/null || exit
start_ssh_agent || exit

BENCH_JSON=$bench_out/sign.json \
	"$tools/sign_bench" "$agent_socket" main "$key_public" "$ssh_socket"
