# prey.sh - real agents to attack, and what to look for in them
#
#	prey_user "$@"           root runs the rest of the test as uid 65534
#	prey_begin "$@"          flow_begin, and attacks= where the attacks are
#	prey_secrets [NAME [S3]] key_secret, key_public, prey_s3_secret, and
#	                         prey_needles to look for; of prey_token too if set
#	prey_op FOLDER [ID]      op and its items there; config lines in prey_lines
#	prey_config [STORE]      an S3 cache called main with these secrets
#	prey_attack memory PID   an attack with the needles
#	prey_hold                prey_pid: a plain process that holds the secrets
#
# Secrets are in this shell's variables, which nobody exports.

prey_region=eu-central-1

# An unprivileged user may not enter the folders of root's work: everything the
# test runs is copied to where it may.  Its processes begin with an exec there,
# as any user's do.
prey_user() {
	local place root status script
	[[ $(id -u) == 0 ]] || return 0
	root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
	script=tests/attack/$(basename "$0")
	place=$(mktemp -d /tmp/p.XXXX) || exit
	mkdir -p "$place"/{b/agent,b/client,b/tests/attack,tests/attack,home}
	cp -r "$root/tests/lib" "$place/tests/"
	cp "$root/$script" "$place/$script"
	cp "$1/agent/nixcache-agent" "$place/b/agent/"
	cp "$1/client/nixcache" "$place/b/client/"
	find -H "$1/tests/attack" -maxdepth 1 -type f -perm -100 \
		-exec cp {} "$place/b/tests/attack/" \;
	chmod -R go+rX "$place"
	chown -R 65534:65534 "$place"
	(cd / && HOME=$place/home TMPDIR=$place setpriv --reuid 65534 \
		--regid 65534 --clear-groups bash "$place/$script" "$place/b")
	status=$?
	chmod -R u+w "$place"
	rm -rf "$place"
	exit $status
}

prey_begin() {
	flow_begin "$@"
	attacks=${1:-$flow_root/build}/tests/attack
	[[ -x $attacks/attack_memory ]] ||
		tap_skip_all 'built without sealing: there is nothing to attack'
	cd "$W" || exit
}

prey_secrets() {
	key_secret=$(nix_key "${1:-prey-1}") || exit
	key_public=$(nix_public_key "$key_secret")
	prey_s3_secret=${2:-$(head -c 30 /dev/urandom | base64)}
	prey_needles=$(prey_texts | /usr/bin/python3 \
		"$flow_root/tests/lib/needles.py" "$prey_region") || exit
}

# What is in op's own store is the one place on disk where the secrets are.
prey_op() {
	local name
	mkdir -p "$1" && cp "$flow_root/tests/lib/op" "$1/op" || exit
	chmod 755 "$1/op"
	prey_op_items=$1/op.items
	secret_file "$prey_op_items" "$(printf 'op://Dev/prey/%s\t%s\n' \
		signing-key "$key_secret" id "${2:-PREYKEYID}" secret "$prey_s3_secret")"
	prey_lines="signing-key = op://Dev/prey/signing-key
access-key-id = op://Dev/prey/id
secret-access-key = op://Dev/prey/secret"
}

# An S3 cache called main, of a server that nobody asks, which signs the made-up
# paths of prey_use.
prey_config() {
	agent_config '[agent]' "op = $(dirname "$prey_op_items")/op" \
		"${PREY_AUDIT:+audit = $PREY_AUDIT}" '[cache main]' \
		"store = ${1:-s3://prey/nix?endpoint=s3.example.org&region=$prey_region}" \
		"public-key = $key_public" 'sign-policy = any' "$prey_lines"
}

prey_texts() {
	printf 'signing %s\ns3 %s\n' "$key_secret" "$prey_s3_secret"
	[[ ! ${prey_token:-} ]] || printf 'token %s\n' "$prey_token"
}

# The needles come by standard input.
prey_attack() {
	local attack=$1
	shift
	printf '%s\n' "$prey_needles" | "$attacks/attack_$attack" "$@"
}

# Holds the texts and the seed in ordinary memory.
prey_hold() {
	prey_texts | setpriv --pdeathsig KILL -- /usr/bin/python3 -c '
import base64, signal, sys
texts = sys.stdin.read().split()
seed = base64.b64decode(texts[1].split(":")[1])
open(sys.argv[1], "w").close()
while True:
    signal.pause()' "$W/holds" &
	prey_pid=$!
	disown $prey_pid
	wait_for 10 test -e "$W/holds" && rm "$W/holds"
}

prey_use() {
	/usr/bin/python3 "$flow_root/tests/lib/varlink.py" "$agent_socket" \
		main "$1"
}
