#!/bin/bash
# serve_faults.sh - trouble behind the server, and clients that are no good
#
# usage: serve_faults.sh [BUILD-FOLDER]
# needs: s3
# timeout: 400
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/serve.sh"
flow_begin "$@"
flow_s3 faults
flow_clean_up() {
	serve_stop
}
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"

key_make faults-1
agent_config "$(agent_s3_cache main "$store_uri")" \
	"$(agent_file_cache disk "$W/disk")"
agent_start
top=$(nix_seed=1 nix_make_closure 12) || exit
second=$(nix_seed=2 nix_make_closure 2) || exit
"$client" push -q --to main --store "$nix_root" "$top" &&
	"$client" push -q --to disk --store "$nix_root" "$second" || exit
missing=00000000000000000000000000000000
big=nar/$(printf '0%.0s' {1..52}).nar
head -c 67108864 /dev/urandom >"$W/disk/$big"
s3 put "$bucket" "nix/cache/$big" "$W/disk/$big"

memory_of() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$serve_pid/status"
}

descriptors_of() {
	local open=(/proc/"$serve_pid"/fd/*)
	echo "${#open[@]}"
}

has_descriptors() {
	(($(descriptors_of) <= $1))
}

# What is not a miss: 502, 503 or 504.
is_trouble() {
	local got
	got=$(curl -s -m 150 -o /dev/null -w '%{http_code}' "$1")
	[[ $got == 50[234] ]] || { echo "$got"; return 1; }
}

# Reads some of a NAR and goes away, or waits with the rest: URL FIRST ACTION
greedy_client() {
	/usr/bin/python3 -c '
import socket, struct, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
with socket.create_connection((url.hostname, url.port)) as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    s.sendall(f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n"
              .encode())
    left = int(sys.argv[2])
    while left > 0:
        got = s.recv(min(left, 65536))
        if not got:
            sys.exit("closed early")
        left -= len(got)
    if sys.argv[3] == "reset":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
    if sys.argv[3] == "wait":
        print("waiting", flush=True)
        sys.stdin.read()' "$@"
}

serve_start --proxy || exit
idle=$(descriptors_of)

# Trouble at S3.
for fault in busy=150 throttled=150 reset=150 lost=150 broken=150; do
	faults_set "$fault"
	check "$fault of 1000: a closure comes all the same" \
		nix_substitute "$serve_url/main" "$top" "$key_public"
	faults_set "${fault%=*}=0"
done
check 'faults were met' grep -qE ' (503|429|500)$' <(faults_log)
serve_stop
serve_start --proxy || exit
faults_set refused=1000
check 'what S3 denies is a miss' http 404 "$serve_url/main/$missing.narinfo"
faults_set refused=0
check 'and soon looked for again' wait_for 10 \
	http 200 "$(narinfo_url "$top" main/)"
faults_set region=1000
check 'a refusal that is no miss is trouble' \
	is_trouble "$(narinfo_url "$second" main/)"
check 'trouble in one cache does not hide the other' \
	http 200 "$(narinfo_url "$second")"
faults_set region=0

# Clients that go away.
for cache in main disk; do
	check "$cache: a client that leaves in the middle" \
		greedy_client "$serve_url/$cache/$big" 1000000 close
	check "$cache: and one that breaks off" \
		greedy_client "$serve_url/$cache/$big" 1000000 reset
	check "$cache: and one before the first byte" \
		greedy_client "$serve_url/$cache/$big" 0 reset
done
check 'leave nothing open' wait_for 20 has_descriptors $((idle + 4))
check_same 'nor a word in the log' '' \
	"$(grep -v -e ' at http' -e region "$serve_log")"

# Clients that do not read.
slow=()
for ((i = 0; i < 8; i++)); do
	for cache in main disk; do
		mkfifo "$W/fifo.$i.$cache"
		greedy_client "$serve_url/$cache/$big" 100000 wait \
			<"$W/fifo.$i.$cache" >"$W/slow.$i.$cache" &
		slow+=($!)
		exec {fd}>"$W/fifo.$i.$cache"
		slow_fds+=("$fd")
	done
done
all_wait() {
	(($(cat "$W"/slow.* | wc -l) == 16))
}
check 'sixteen clients take a little and stop' wait_for 20 all_wait
check 'the others do not notice' \
	nix_substitute "$serve_url" "$top" "$key_public"
check 'NARs of the folder as well' \
	nix_substitute "$serve_url" "$second" "$key_public"
check "memory is bounded ($(memory_of) kB)" test "$(memory_of)" -lt 100000
for fd in "${slow_fds[@]}"; do
	exec {fd}>&-
done
wait "${slow[@]}"
check 'a whole NAR comes whole' cmp "$W/disk/$big" \
	<(curl -s "$serve_url/main/$big")
check 'from the folder, too' cmp "$W/disk/$big" \
	<(curl -s "$serve_url/disk/$big")

# What ends early must not look whole.

curl -s -o "$W/cut" --limit-rate 4M "$serve_url/disk/$big" &
cut=$!
wait_for 20 test -s "$W/cut"
truncate -s 30000000 "$W/disk/$big"
wait $cut
check_same 'a NAR that ends early is cut off' 18 $?
check 'and logged' grep -q "disk: .*$big" "$serve_log"

# Many who say nothing.
hold_connections() {
	/usr/bin/python3 -c '
import socket, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
held = [socket.create_connection((url.hostname, url.port))
        for i in range(int(sys.argv[2]))]
held[0].sendall(b"GET /nix-cache-info HTTP/1.1\r\nHost: ")
for s in held[1:50]:
    s.sendall(b"GET /" + b"x" * 100000)
answers = [s.recv(100) for s in held[1:50]]
assert all(a.startswith(b"HTTP/1.1 4") or not a for a in answers), answers
print("held", flush=True)
sys.stdin.read()' "$@"
}
mkfifo "$W/quiet"
hold_connections "$serve_url" 200 <"$W/quiet" >"$W/held" &
holder=$!
exec {fd}>"$W/quiet"
check 'two hundred connections that say nothing' wait_for 20 test -s "$W/held"
check 'leave room for others' http 200 "$(narinfo_url "$top")"
exec {fd}>&-
wait $holder

# Users who may not.
stranger_connections() {
	setpriv --reuid 65534 --clear-groups /usr/bin/python3 -c '
import socket, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
held = [socket.create_connection((url.hostname, url.port))
        for i in range(300)]
for s in held[16:]:
    try:
        assert s.recv(1) == b""
    except ConnectionResetError:
        pass
print("held", flush=True)
sys.stdin.read()' "$@"
}
if ((UID == 0)); then
	check 'another user is refused' test "$(setpriv --reuid 65534 \
		--clear-groups curl -s -o /dev/null -w '%{http_code}' \
		"$serve_url/nix-cache-info")" = 403
	mkfifo "$W/strange"
	stranger_connections "$serve_url" <"$W/strange" >"$W/strangers" &
	holder=$!
	exec {fd}>"$W/strange"
	check 'and keeps few connections of three hundred' \
		wait_for 20 test -s "$W/strangers"
	check 'so that others go on' http 200 "$(narinfo_url "$top")"
	exec {fd}>&-
	wait $holder
else
	skip 'another user is refused' 'not root'
fi

# An end in the middle.
rm "$W/cut"
curl -s -o "$W/cut" --limit-rate 1M "$serve_url/main/$big" &
cut=$!
wait_for 20 test -s "$W/cut"
serve_stop
check_same 'a signal ends the server within five seconds' 0 $?
wait $cut
check_same 'and what was under way is cut off, not finished' 18 $?
check_fails 'no URL with a signature was logged' \
	grep -rqi 'X-Amz' "$W"/serve.[0-9]*
tap_end
