#!/bin/bash
# audit.sh - what the agent writes down, and that it uses no secret unwritten
#
# usage: audit.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

flow_clean_up() {
	[[ ! ${mounted:-} ]] || umount -l "$mounted"
}

key_make audit-1
log=$W/log/audit.jsonl
access_id=AKIAAUDITTEST access_secret=not-a-secret-but-looked-for

# configure [LINE of [agent]...]
configure() {
	secret_file "$agent_work/keys/id" "$access_id"
	secret_file "$agent_work/keys/secret" "$access_secret"
	agent_config '[agent]' "audit = $log" "$@" \
		"$(agent_file_cache main "$W/cache" 'sign-policy = any')" \
		'[cache bucket]' \
		'store = s3://bucket/nix?endpoint=s3.example.org&region=r' \
		"access-key-id = file:$agent_work/keys/id" \
		"secret-access-key = file:$agent_work/keys/secret"
}

# ask NAME...: calls over one connection; prints the error, or "done", of each.
ask() {
	/usr/bin/python3 - "$flow_root/tests/lib" "$agent_socket" "$@" <<-'PY'
		import sys
		sys.path.insert(0, sys.argv[1])
		from varlink import Client
		def path(i):
		    return {"storePath": "/nix/store/%032d-hello" % i,
		            "narHash": "sha256:" + "0" * 52, "narSize": 5,
		            "references": []}
		key = "0c0000000000000000000000000000zz.narinfo"
		calls = {
		    "sign": ("Sign", {"cache": "main", "paths": [path(0), path(1)]}),
		    "batch": ("Sign", {"cache": "main",
		              "paths": [path(i) for i in range(256)]}),
		    "get": ("Presign", {"cache": "bucket", "requests": [
		            {"operation": "GetObject", "key": key}]}),
		    "part": ("Presign", {"cache": "bucket", "requests": [
		            {"operation": "UploadPart", "key": key, "partNumber": 1,
		             "contentLength": 7, "uploadId": "hidden-upload-id"}]}),
		    "list": ("Presign", {"cache": "bucket", "requests": [
		            {"operation": "ListObjectsV2", "prefix": "nar/",
		             "continuationToken": "hidden-token"}]}),
		    "narrow": ("Narrow", {"scope": "pull"}),
		    "lock": ("Lock", {}), "unlock": ("Unlock", {}),
		    "status": ("Status", {}), "quit": ("Quit", {}),
		    "elsewhere": ("Status", {"audit": "/tmp/x"}),
		}
		client = Client(sys.argv[2])
		said = []
		for name in sys.argv[3:]:
		    method, parameters = calls[name]
		    reply = client.call(method, **parameters)
		    if reply is None:
		        said.append("closed")
		        break
		    said.append(reply.get("error", "done").rsplit(".")[-1])
		print(*said)
	PY
}

# Events of the lines, in order, without seals.
events() {
	/usr/bin/python3 - "$log" <<-'PY'
		import json, sys
		print(*(e for line in open(sys.argv[1])
		        if (e := json.loads(line)["event"]) != "seal"))
	PY
}

# field EVENT EXPRESSION: of the last line of that event, as python.
field() {
	/usr/bin/python3 - "$1" "$2" "$log" <<-'PY'
		import json, sys
		lines = [json.loads(line) for line in open(sys.argv[3])]
		e = [l for l in lines if l["event"] == sys.argv[1]][-1]
		print(eval(sys.argv[2]))
	PY
}

is_whole() {
	"$client" audit verify --public-key "$key_public" "$log"
}

has_event() {
	grep -q "\"event\":\"$1\"" "$log"
}


# The door writes it.
limit_log() {
	prlimit --pid "$(agent_door)" --fsize="$1:unlimited"
}

# What is written.
configure
agent_start
check_same 'who asks gets answers' 'done done done done done' \
	"$(ask sign get part list unlock)"
check_same 'a narrowed connection is refused what it gave up' \
	'done PermissionDenied' "$(ask narrow sign)"
check_same 'the log has every call, and what the agent did' \
	'start vault unlocked sign presign presign presign unlock narrow sign' \
	"$(events)"
check 'which is sealed before long' wait_for 5 has_event seal
check_same 'it belongs to us alone' 600 "$(stat -c %a "$log")"
check_same 'and so does its folder' 700 "$(stat -c %a "$W/log")"
check_same 'a signature is told by its paths' \
	"$(id -u) main 2 /nix/store/00000000000000000000000000000000-hello 5" \
	"$(/usr/bin/python3 - "$log" <<-'PY'
		import json, sys
		e = [json.loads(l) for l in open(sys.argv[1])][3]
		print(e["uid"], e["cache"], len(e["paths"]), e["paths"][0]["path"],
		      e["paths"][0]["narSize"])
	PY
	)"
check_same 'and a refusal by its rule' denied "$(field sign 'e["decision"]')"
check_same 'who asked is named by program and start' True \
	"$(field sign '"python3" in e["exe"] and e["start"] > 0')"
check_same 'the certificate is of the signing key' "$key_public" \
	"$(field unlocked 'e["certificates"][0]["key"]')"
check_same 'no client chooses where it is' InvalidParameter "$(ask elsewhere)"
check_same 'lock is written with its reason' 'done asked' \
	"$(ask lock) $(field locked 'e["why"]')"
"$client" unlock -q
kill -USR1 "$NIXCACHE_AGENT_PID"
wait_for 5 is_state locked
check_same 'a signal too' signal "$(field locked 'e["why"]')"
"$client" unlock -q
kill -KILL "$(agent_vault)"
wait_for 5 is_state locked
check_same 'and a vault that died' died "$(field locked 'e["why"]')"
"$client" unlock -q
pid=$NIXCACHE_AGENT_PID
kill -TERM "$pid"
wait_for 5 gone "$pid"
check_same 'SIGTERM writes the end' end "$(events | sed 's/.* //')"
check_same 'and a seal behind it' '"event":"seal"' \
	"$(tail -n 1 "$log" | grep -o '"event":"seal"')"
check 'the chain and its seals are whole' is_whole
agent_start
ask unlock sign quit >/dev/null
wait_for 5 gone "$NIXCACHE_AGENT_PID"
check_same 'another agent goes on with it, and quit writes the end' \
	'start vault unlock unlocked sign quit end' \
	"$(events | grep -o 'start[^.]*' | sed 's/.*\(start .*\)/\1/')"
check 'one chain through both' is_whole

# What is not.
check_fails 'no secret is in it' grep -qE \
	"X-Amz|Signature=|hidden-|$access_id|$access_secret" "$log"
check_fails 'nor the signing key' grep -qF "${key_secret#*:}" "$log"

# Killed.
agent_start
ask unlock sign >/dev/null
pids=$(agent_processes)
# shellcheck disable=SC2086 # one a line
kill -KILL $pids
for pid in $pids; do wait_for 5 gone "$pid"; done
check_same 'a killed agent writes no end' sign "$(events | sed 's/.* //')"
printf '{"seq":99,"time' >>"$log"
agent_start
check 'the next one goes on, over a line that was cut' wait_for 5 \
	grep -q "^{\"seq\":99,\"time$" "$log"
check_same 'and signs' 'done' "$(ask sign)"
agent_stop
sed -i '/^{"seq":99,"time$/d' "$log" # the rest of this test wants it whole
rm "$log"

# No room.
configure
agent_start
"$client" unlock -q
limit_log "$(stat -c %s "$log")"
check_same 'nothing is signed that cannot be written' \
	'AuditFailed AuditFailed AuditFailed' "$(ask sign get unlock)"
check 'Status says why' sh -c \
	"'$client' status --json | grep -q '\"failure\": *\"$log: File too large\"'"
check 'and so does the report' sh -c \
	"'$client' status --hardening | grep -q 'absent.*audit log.*too large'"
check_same 'lock works without a log' 'done' "$(ask lock)"
check_same 'and so it is locked' locked "$(agent_state)"
limit_log unlimited
check_same 'with room it is as it was' 'done done' "$(ask sign get)"
check_same 'and says how many records were lost' True \
	"$(field lost 'e["records"] > 3')"
check 'the chain is whole all the same' is_whole
limit_log "$(($(stat -c %s "$log") + 10))"
check_same 'of a record that fits in part nothing stays' AuditFailed \
	"$(ask sign)"
check_same 'so that the log ends with a whole line' '' \
	"$(tail -c 1 "$log" | tr -d '\n')"
pid=$NIXCACHE_AGENT_PID
check_same 'quit works without a log' 'done' "$(ask quit)"
check 'and ends it' wait_for 5 gone "$pid"
rm "$log"

# A disk that is full, where we may mount one.
if mkdir "$W/disk" && mount -t tmpfs -o size=64k none "$W/disk" 2>/dev/null; then
	mounted=$W/disk
	log=$W/disk/audit.jsonl
	configure
	agent_start
	"$client" unlock -q
	dd if=/dev/zero of="$W/disk/filler" bs=1k 2>/dev/null
	check_same 'a full disk refuses' AuditFailed "$(ask batch)"
	rm "$W/disk/filler"
	check_same 'until there is room' 'done' "$(ask sign)"
	check 'and the chain is whole' is_whole
	agent_stop
	umount "$W/disk"
	mounted=
	log=$W/log/audit.jsonl
else
	skip 'a full disk refuses' 'nothing can be mounted here'
fi

# Other files.
configure 'audit-max-size = 64K'
agent_start
ask sign >/dev/null
load=()
for calls in 'batch batch batch batch' 'get sign get sign' 'batch sign batch'; do
	# shellcheck disable=SC2086 # several calls
	ask $calls $calls >/dev/null &
	load+=($!)
done
wait "${load[@]}"
check 'a log that is full is put aside' compgen -G "$log.????????????"
check_same 'the next begins with its name' True \
	"$(/usr/bin/python3 - "$log" <<-'PY'
		import glob, json, os, sys
		names = sorted(glob.glob(sys.argv[1] + ".*"))
		first = json.loads(open(sys.argv[1]).readline())
		print(first["event"] == "continued" and
		      first["file"] == os.path.basename(names[-1]))
	PY
	)"
check 'one chain through all of them, under load' is_whole
mv "$log" "$W/log/moved"
kill -HUP "$NIXCACHE_AGENT_PID"
check 'SIGHUP begins a file where the old one was moved away' \
	wait_for 5 has_event vault
check_same 'and names it' moved "$(field continued 'e["file"]')"
check_same 'the hash of its last line is the first prev' \
	"$(tail -n 1 "$W/log/moved" | tr -d '\n' | sha256sum | cut -d ' ' -f 1)" \
	"$(field continued 'e["prev"]')"

# Two agents, and files that are none.
check_status 'a log has one agent' 1 "$agent" -s -a "$W/second.sock"
check_says 'and the second says which log' "$log.*another agent writes it"
agent_stop
rm -f "$log"* && ln -s "$W/elsewhere" "$log"
check_status 'a link is not followed' 1 "$agent" -s
check_says 'but named' "$log: is a symbolic link"
check_fails 'nor is what it points to made' test -e "$W/elsewhere"
rm "$log" && mkfifo "$log"
check_status 'a FIFO is no log' 1 "$agent" -s
rm "$log" && echo 'my diary' >"$log"
check_status 'nor is any other file of mine' 1 "$agent" -s
check_says 'and the sentence says what to do' 'audit = none'
check_same 'which stays as it was' 'my diary' "$(cat "$log")"
agent_config '[agent]' 'audit = none' \
	"$(agent_file_cache main "$W/cache" 'sign-policy = any')"
agent_start
check_same 'without a log it signs, and says so' 'done weaker' \
	"$(ask sign) $("$client" status --hardening |
		sed -n 's/^\([a-z]*\).*audit log.*/\1/p')"
agent_stop

# Where nobody has said where.
agent_config "$(agent_file_cache main "$W/cache" 'sign-policy = any')"
agent_start
usual=$HOME/.local/state/nixcache
check 'the usual place is in the state folder' test -s "$usual/audit.jsonl"
check 'an agent for a command has a log of its own' "$agent" -q -- sh -c \
	"'$client' unlock -q && test -s '$usual/audit-2.jsonl'"
tap_end
