#!/bin/bash
# serve_access.sh - who may talk to the server, and who may write
#
# usage: serve_access.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/serve.sh"
flow_begin "$@"

flow_clean_up() {
	serve_stop
}

# A cache in a folder: nothing here is about S3.
key_make serve-access-1
agent_config "$(agent_file_cache main "$W/cache")"
agent_start
top=$(nix_make_closure 2) || exit
"$client" push -q --store "$nix_root" "$top" || exit
name=${top##*/}
narinfo=${name:0:32}.narinfo
log=log/00000000000000000000000000000000-a.drv
echo 'a log' >"$W/log"

# status_is WANTED [CURL-OPTION...] PATH
status_is() {
	local want=$1 path=${*: -1} got
	shift
	got=$(curl -s --max-time 20 -o /dev/null -w '%{http_code}' \
		"${@:1:$#-1}" "$serve_url/$path")
	echo "$got"
	[[ $got == "$want" ]]
}

put_is() {
	status_is "$1" -T "$W/log" "${@:2}" "$log"
}

log_is_there() {
	[[ -e $W/cache/$log ]]
}

# As another user of this machine, with nothing of ours but the socket.
as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$BASH" -c "$(declare -f status_is); serve_url=$serve_url; \"\$@\"" \
		nobody "$@"
}

# nix_fetch URL [SETTING]: with signatures required, as a new machine.
nix_fetch() {
	rm -rf "$W/fetched"
	mkdir "$W/fetched"
	(
		XDG_CACHE_HOME=$W/fetched/cache
		nix_configure "trusted-public-keys = $key_public
require-sigs = true
${2:-}"
		nix copy --from "$1" --to "$W/fetched/root" "$top"
	)
}

# nix_send URL [SETTING]
nix_send() {
	(
		XDG_CACHE_HOME=$W/sent.$RANDOM
		nix_configure "${2:-}"
		nix copy --store "$nix_root" --to "$1" "$3"
	)
}

serve_start --allow-push || exit
host=${serve_url#http://}
check 'our own user may read' status_is 200 "$narinfo"
check 'and write' put_is 201
rm -f "$W/cache/$log"
if ((UID == 0)); then
	check 'another user can run this test' as_nobody true
	check 'another user may not read' as_nobody status_is 403 "$narinfo"
	check 'nor ask whether this is a cache' \
		as_nobody status_is 403 nix-cache-info
	check 'nor write' as_nobody status_is 403 -X PUT -d x "$log"
	check_fails 'and nothing was written' log_is_there

	# The kernel says uid 0 of a socket whose owner has closed it.
	as_nobody /usr/bin/python3 -c '
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
for _ in range(200):
    s = socket.create_connection((host, int(port)))
    s.sendall(f"PUT /{sys.argv[2]} HTTP/1.1\r\nHost: {sys.argv[1]}\r\n"
              "Content-Length: 1\r\n\r\nx".encode())
    s.close()
' "$host" "$log"
	check 'our own user is still answered' status_is 200 "$narinfo"
	check_fails 'who writes and is gone at once does not pass for root' \
		log_is_there
	check 'the log says who was refused' grep -q 'uid 65534' "$serve_log"
else
	skip 'another user may not read or write' 'only root can be another user'
fi

check 'the other name of this machine is ours, too' \
	status_is 200 -H "Host: localhost:${host##*:}" "$narinfo"
check 'a name that was made to point here is not' \
	status_is 403 -H "Host: evil.example:${host##*:}" "$narinfo"
check 'nor is another port' status_is 403 -H 'Host: 127.0.0.1:1' "$narinfo"
check 'a web page may not read' \
	status_is 403 -H 'Origin: http://evil.example' "$narinfo"
check 'nor one without a name' status_is 403 -H 'Origin: null' "$narinfo"
check 'nor one that only says that it is another site' \
	status_is 403 -H 'Sec-Fetch-Site: cross-site' "$narinfo"
check 'nor write' put_is 403 -H 'Origin: http://evil.example'
check_fails 'and nothing was written' log_is_there
check 'a form of a web page cannot write either' \
	status_is 405 -X POST -d x "$log"
check 'Nix fetches' nix_fetch "$serve_url"
serve_stop

serve_start || exit
check 'who may not push may read' status_is 200 "$narinfo"
check 'but not write' put_is 405
check_fails 'and nothing was written' log_is_there
serve_stop

if ((UID == 0)); then
	serve_start --allow-push --allow-user nobody || exit
	check 'a user who is named may read' as_nobody status_is 200 "$narinfo"
	check 'and write' as_nobody status_is 201 -X PUT -d x "$log"
	check 'and is the only one' status_is 403 "$narinfo"
	check 'who may write, too' put_is 403
	rm -f "$W/cache/$log"
	serve_stop
else
	skip 'a user who is named may read and write' \
		'only root can be another user'
fi

# A password, on top of that.
secret_file "$W/password" 'open sesame:1'
serve_start --allow-push --password-file "$W/password" || exit
host=${serve_url#http://}
secret_file "$W/netrc.right" 'machine 127.0.0.1
login any
password "open sesame:1"'
secret_file "$W/netrc.wrong" 'machine 127.0.0.1
login any
password "open sesame:2"'
check 'without the password nobody reads' status_is 401 "$narinfo"
check 'nor with a wrong one' status_is 401 -u 'x:open sesame' "$narinfo"
check 'nor writes' put_is 401
check_fails 'and nothing was written' log_is_there
check 'with it both can be done' status_is 200 -u 'x:open sesame:1' "$narinfo"
check 'by any user name' put_is 201 -u ':open sesame:1'
check_fails 'Nix without a password fetches nothing' nix_fetch "$serve_url"
check_fails 'nor with a wrong one in its netrc file' \
	nix_fetch "$serve_url" "netrc-file = $W/netrc.wrong"
check 'with the right one there it does' \
	nix_fetch "$serve_url" "netrc-file = $W/netrc.right"
check 'and with the one in the URL' \
	nix_fetch "http://x:open%20sesame%3A1@$host"
check_fails 'but not with a wrong one' nix_fetch "http://x:open@$host"
more=$(nix_seed=1 nix_make_closure 2)
check_fails 'Nix without a password pushes nothing' \
	nix_send "$serve_url" '' "$more"
check 'with it, it does' \
	nix_send "$serve_url" "netrc-file = $W/netrc.right" "$more"
check_fails 'the password is in no log' grep -q sesame "$serve_log"
if ((UID == 0)); then
	check 'the password alone lets no other user in' \
		as_nobody status_is 403 -u 'x:open sesame:1' "$narinfo"
fi
check_fails 'the password is in no argument' \
	grep -qa sesame "/proc/$serve_pid/cmdline"
serve_stop

chmod 0644 "$W/password"
check_status 'a password file that others may read is refused' 1 \
	"$client" serve --listen 127.0.0.1:0 --password-file "$W/password"
check_says 'and what to do is said' 'chmod'
check_status 'a user that is none is refused' 1 \
	"$client" serve --listen 127.0.0.1:0 --allow-user no-such-user-here
check_says 'and named' 'no-such-user-here'
tap_end
