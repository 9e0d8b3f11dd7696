#!/bin/bash
# confirm.sh - a person is asked first, and nobody else waits meanwhile
#
# usage: confirm.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

# The person: ask/answer is a script that says what they do; each question is
# written down, a line each.  "wait" holds a question open until ask/go exists.
mkdir -m 700 "$W/ask"
cat >"$W/ask/program" <<-SH
	#!/bin/sh
	cd '$W/ask' || exit 9
	printf '%s\\n' "\$1" >>questions
	exec /bin/sh '$W/ask/answer'
SH
chmod 700 "$W/ask/program"
export NIXCACHE_ASKPASS=$W/ask/program
unset SSH_ASKPASS

person() {
	printf '%s\n' "$1" >"$W/ask/answer"
	: >"$W/ask/questions"
	rm -f "$W/ask/go"
}
waits='until [ -e go ]; do sleep 0.02; done'

questions() {
	wc -l <"$W/ask/questions"
}
has_questions() {
	(($(questions) >= $1))
}

flow_clean_up() {
	touch "$W/ask/go" 2>/dev/null
	kill "${pids[@]}" 2>/dev/null
}
pids=()

# talk CALL...: a connection of a process of its own; each CALL is SIGN, PUT,
# GET or a method's name; prints an error's name or "ok" for each.
talk() {
	PYTHONPATH=$flow_root/tests/lib PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 - "$NIXCACHE_AGENT_SOCK" "$@" <<-'PY'
		import sys
		import varlink
		KEY = varlink.base_hash(7) + ".narinfo"
		client = varlink.Client(sys.argv[1])
		for word in sys.argv[2:]:
		    if word == "again":
		        client = varlink.Client(sys.argv[1])
		        continue
		    name, _, cache = word.partition(":")
		    if name == "SIGN":
		        r = client.call("Sign", cache=cache, paths=varlink.paths(1, 3))
		    elif name in ("PUT", "GET"):
		        q = {"operation": name.title() + "Object", "key": KEY}
		        if name == "PUT":
		            q["contentLength"] = 1
		        r = client.call("Presign", cache=cache, requests=[q])
		    else:
		        r = client.call(name)
		    if r is None:
		        print("closed")
		    elif "error" in r:
		        p = r["parameters"]
		        print(r["error"].split(".")[-1], p.get("reason", ""))
		    else:
		        print("ok", flush=True)
	PY
}

key_make confirm-1
secret_file "$agent_work/keys/id" AKIDEXAMPLE
secret_file "$agent_work/keys/secret" not-a-secret
store='s3://a-bucket/nix?endpoint=s3.example.org&region=eu'
s3_cache=$(printf '%s\n' "store = $store" "signing-key = file:$key_file" \
	"access-key-id = file:$agent_work/keys/id" \
	"secret-access-key = file:$agent_work/keys/secret" 'sign-policy = any')
settings='audit = none'

# configure 'CONFIRM-TIMEOUT and more': caches signs, puts, unlocks, free.
configure() {
	agent_config '[agent]' "$settings" "$@" \
		'[cache signs]' "$s3_cache" 'confirm = sign' \
		'[cache puts]' "$s3_cache" 'confirm = presign-put' \
		'[cache free]' "$s3_cache"
}

configure 'confirm-timeout = 60'
agent_start

# Yes, for the window.
person 'exit 0'
check_same 'a yes lets a signature pass' ok "$(talk SIGN:signs)"
check_same 'one question was asked' 1 "$(questions)"
check 'it says which cache' grep -q 'cache signs:' "$W/ask/questions"
check 'and what for' grep -q \
	'sign 3 store paths, the first /nix/store/[0-9a-z]*-prey?' \
	"$W/ask/questions"
check 'and which program' grep -q '"/usr/bin/python3' "$W/ask/questions"
person 'echo yes'
check_same 'within the window a process is asked about once' \
	'ok ok ok' "$(talk SIGN:signs SIGN:signs again SIGN:signs | xargs)"
check_same 'and no more often' 1 "$(questions)"
talk SIGN:signs >/dev/null
check_same 'another process is asked about again' 2 "$(questions)"
person 'exit 1'
check_same 'what is not confirmed asks nobody' 'ok ok ok' \
	"$(talk SIGN:free GET:puts GET:signs | xargs)"
check_same 'nobody at all' 0 "$(questions)"

# No.
check_same 'a no refuses' 'UserDenied the person said no' "$(talk SIGN:signs)"
check_same 'a URL for an upload too' 'UserDenied the person said no' \
	"$(talk PUT:puts)"
check 'whose question names the object' grep -q \
	'upload or delete 1 object, [0-9a-z]*.narinfo?' "$W/ask/questions"
: >"$W/ask/questions"
talk SIGN:signs again SIGN:signs PUT:puts >"$W/said"
check_same 'who heard a no is not asked about again for a while' 1 \
	"$(questions)"
check_same 'but refused' 3 "$(grep -c '^UserDenied' "$W/said")"
check 'and told for how long' grep -q 'may ask again in' "$W/said"
person 'echo no'
check_same 'a program that prints no has said no' \
	'UserDenied the person said no' "$(talk SIGN:signs)"
person 'echo typed-by-hand'
check_same 'as has one that prints anything else' \
	'UserDenied the person said no' "$(talk SIGN:signs)"

# Nobody else waits.
person "$waits"
talk SIGN:signs >"$W/slow" &
pids+=($!)
slow=$!
check 'a question is open' wait_for 10 has_questions 1
check_same 'others sign, presign and look meanwhile' 'ok ok ok' \
	"$(talk SIGN:free PUT:free Status | xargs)"
check 'status works' "$client" status
check 'while it is open' test ! -s "$W/slow"
talk SIGN:signs >"$W/second" &
pids+=($!)
second=$!
touch "$W/ask/go"
wait "$slow" "$second"
check_same 'the answer comes when it is given' ok "$(cat "$W/slow")"
check_same 'and the next question after it' 'ok 2' \
	"$(cat "$W/second") $(questions)"
person "$waits"
talk SIGN:signs >"$W/slow" &
pids+=($!)
slow=$!
wait_for 10 has_questions 1
check 'lock works while a question is open' "$client" lock
wait "$slow"
check 'and answers who waits' grep -q '^Locked' "$W/slow"
# An answer, or two questions in a row had none.
person 'exit 0'
talk SIGN:signs >/dev/null
person "$waits"
talk SIGN:signs >"$W/slow" &
pids+=($!)
wait_for 10 has_questions 1
check 'quit works while a question is open' "$agent" -k
agent_stop

# Nobody answers.
configure 'confirm-timeout = 1s'
agent_start
person "$waits"
check_same 'no answer refuses' 'UserDenied nobody answered within 1 seconds' \
	"$(talk SIGN:signs)"
person 'exit 0'
check_same 'an answer counts again from the start' ok "$(talk SIGN:signs)"
person "$waits"
talk SIGN:signs >/dev/null
talk PUT:puts >/dev/null
check_same 'two questions were not answered' 2 "$(questions)"
person 'exit 0'
talk SIGN:signs >"$W/said"
check 'then nobody is asked for minutes' grep -qE \
	'^UserDenied .*nobody is asked for another (300|2[0-9][0-9]) seconds' \
	"$W/said"
check_same 'nobody at all' 0 "$(questions)"
check_same 'what needs no person still works' ok "$(talk SIGN:free)"
top=$(nix_make_closure 1)
check_status 'the client ends with the status of a refusal' 4 \
	"$client" sign --store "$nix_root" --cache signs "$top"
check_says 'and says why' 'not approved: '
agent_stop

# Unlocking.
agent_config '[agent]' "$settings" 'confirm-window = 0' '[cache asks]' \
	"$s3_cache" 'confirm = unlock' '[cache free]' "$s3_cache"
agent_start
person 'exit 1'
check_same 'a no keeps it locked' 'UserDenied the person said no' \
	"$(talk SIGN:free)"
check_same 'nothing is fetched' locked "$(agent_state)"
check 'the question says for whom' grep -q 'fetch the secrets of all caches?' \
	"$W/ask/questions"
person 'exit 0'
check_same 'a yes unlocks' 'ok ok' "$(talk Unlock SIGN:asks | xargs)"
check_same 'by one question' 1 "$(questions)"
check 'status shows what is confirmed' "$client" status
check_says 'for each cache' 'policy   sign-policy any, confirm unlock'
check_says 'also where nothing is' 'sign-policy any, confirm nothing'
agent_stop

# Nobody to ask.
configure
(unset NIXCACHE_ASKPASS; agent_start; declare -p NIXCACHE_AGENT_SOCK \
	>"$W/where")
# shellcheck source=/dev/null
. "$W/where"
talk SIGN:signs >"$W/said"
check 'an agent that can ask nobody says what to do' grep -q \
	'^UserDenied nobody can be asked: set NIXCACHE_ASKPASS' "$W/said"
agent_stop

# On the terminal.
export NIXCACHE_AGENT_SOCK=$agent_socket
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$agent" "$W" <<'PY' &
import os, pty, sys, time
pid, master = pty.fork()
if pid == 0:
    os.environ.pop("NIXCACHE_ASKPASS", None)
    os.execv(sys.argv[1], [sys.argv[1], "-D"])
seen = b""
answers = [b"no\n", b"yes\n"]
with open(sys.argv[2] + "/screen", "wb", buffering=0) as screen:
    while True:
        try:
            more = os.read(master, 4096)
        except OSError:
            break
        if not more:
            break
        screen.write(more)
        seen += more
        if b"Type yes to allow it: " in seen and answers:
            seen = b""
            os.write(master, answers.pop(0))
os.waitpid(pid, 0)
PY
pids+=($!)
terminal=$!
wait_for 10 "$client" status
check_same 'on the terminal anything but yes is a no' \
	'UserDenied the person said no' "$(talk SIGN:signs)"
check_same 'and yes is a yes' ok "$(talk SIGN:signs)"
check 'the question was shown there' grep -q 'cache signs: may "' "$W/screen"
"$agent" -k >/dev/null
wait "$terminal"
tap_end
