#!/bin/bash
# agent_strangers.sh - another user reaches the agent by no door
#
# usage: agent_strangers.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
[[ $(id -u) == 0 ]] || tap_skip_all 'only root can be somebody else'
prey_begin "$@"

# Where everybody may go but for the folder of the socket itself.
open=$(mktemp -d /tmp/o.XXXX)
flow_clean_up() {
	rm -rf "$open"
}
chmod 755 "$open"
mkdir -m 755 "$open/run"
export XDG_RUNTIME_DIR=$open/run
agent_socket=$open/run/nixcache/agent.sock
prey_secrets
prey_op "$W/h/bin"
prey_config
agent_start

# Connects and asks, and says how that ends.  Not a program in a file: a
# stranger may not read our folders.
ask() {
	"$@" /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
except OSError as error:
    sys.exit("connect: " + error.strerror)
try:
    s.sendall(b"{\"method\":\"io.nixcache.Agent.Status\"}\0")
    print("answered" if s.recv(1 << 20) else "closed unheard")
except OSError:
    print("closed unheard")' "$agent_socket" 2>&1
}
stranger=(setpriv --reuid 65533 --regid 65533 --clear-groups)
same_group=(setpriv --reuid 65533 --regid 0 --clear-groups)

check_same 'the folder is closed to others' 700 \
	"$(stat -c %a "$(dirname "$agent_socket")")"
check_same 'its user is answered' answered "$(ask env)"
check_same 'another does not even come in' 'connect: Permission denied' \
	"$(ask "${stranger[@]}")"
chmod 777 "$(dirname "$agent_socket")"
check_same 'nor where the folder is open' 'connect: Permission denied' \
	"$(ask "${stranger[@]}")"
chmod 777 "$agent_socket"
check_same 'where the socket is open too, another is not heard' \
	'closed unheard' "$(ask "${stranger[@]}")"
check_same 'whatever his group' 'closed unheard' "$(ask "${same_group[@]}")"
check_same 'its user still is' answered "$(ask env)"
check_same 'and nothing was fetched for anybody' locked "$(agent_state)"
tap_end
