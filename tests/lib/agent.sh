# agent.sh - agents with a home of their own, and waiting for what they do
#
#	agent_home FOLDER            HOME, runtime folder, configuration below it
#	agent_config 'line' ...      writes the configuration
#	agent_start [OPTION...]      evals what nixcache-agent prints
#	agent_processes              its three processes, one pid a line
#	agent_door, agent_vault      one of them
#	agent_stop
#
# Sources of secrets for the tests: key_make NAME; see also tests/lib/op.

agent_home() {
	mkdir -p "$1"/{run,config/nixcache,keys,bin} || return
	chmod 700 "$1/run" "$1/keys"
	agent_work=$1
	export HOME=$1 XDG_RUNTIME_DIR=$1/run XDG_CONFIG_HOME=$1/config
	unset NIXCACHE_AGENT_SOCK NIXCACHE_AGENT_PID NIXCACHE_CONFIG \
		NIXCACHE_STORE XDG_STATE_HOME
	agent_conf=$XDG_CONFIG_HOME/nixcache/nixcache.conf
	agent_socket=$XDG_RUNTIME_DIR/nixcache/agent.sock
}

# The agent asks the store of nix.sh what it may sign, unless a test says
# otherwise: with nix-store, or with sign-policy = any in a cache.
agent_config() {
	printf '%s\n' "$@" >"$agent_conf" || return
	[[ ${nix_root:-} ]] || return 0
	grep -q '^nix-store' "$agent_conf" ||
		agent_config_add "nix-store = $nix_root"
}

# A line for the section [agent], which is there or made.
agent_config_add() {
	if grep -q '^\[agent\]' "$agent_conf"; then
		sed -i "s|^\[agent\].*|&\n$1|" "$agent_conf"
	else
		sed -i "1s|^|[agent]\n$1\n\n|" "$agent_conf"
	fi
}

# key_make NAME: key_secret and key_public, and the secret in key_file.
key_make() {
	key_secret=$(nix_key "$1") || return
	key_public=$(nix_public_key "$key_secret")
	key_file=$agent_work/keys/$1
	secret_file "$key_file" "$key_secret"
}

# The one way here to put a secret into a file: never readable by others.
secret_file() {
	(umask 077 && printf '%s' "$2" >"$1")
}

# The bucket as a configured cache: agent_s3_cache NAME URI [LINE...].  Needs
# radosgw_use and key_make before it.
agent_s3_cache() {
	local name=$1 uri=$2
	shift 2
	secret_file "$agent_work/keys/id" "$S3_KEY"
	secret_file "$agent_work/keys/secret" "$S3_SECRET"
	printf '%s\n' "[cache $name]" "store = $uri" \
		"public-key = $key_public" "signing-key = file:$key_file" \
		"access-key-id = file:$agent_work/keys/id" \
		"secret-access-key = file:$agent_work/keys/secret" "$@"
}

# A folder as a configured cache: agent_file_cache NAME FOLDER [LINE...].
agent_file_cache() {
	local name=$1 folder=$2
	shift 2
	printf '%s\n' "[cache $name]" "store = file://$folder" \
		"public-key = $key_public" "signing-key = file:$key_file" "$@"
}

# The agent must not hold our output open, or reading it would never end.
agent_start() {
	local said
	said=$("$agent" -s "$@") || return
	eval "$said" >/dev/null
}

agent_processes() {
	local pid=${1:-$NIXCACHE_AGENT_PID}
	echo "$pid"
	agent_children "$pid"
}

# The oldest first, as the kernel lists them (proc(5)): pids begin anew at the
# highest one, and start times are too coarse to tell.
agent_children() {
	tr ' ' '\n' <"/proc/$1/task/$1/children"
}

# The launcher makes the door before all else, and it stays.
agent_door() {
	agent_children "${1:-$NIXCACHE_AGENT_PID}" | head -n 1
}

# Beside these two the launcher has programs that it runs for them.
agent_vault() {
	local child vault=''
	for child in $(agent_children "${1:-$NIXCACHE_AGENT_PID}" | tail -n +2); do
		[[ $(cat "/proc/$child/comm" 2>/dev/null) != nixcache-agent ]] ||
			vault=$child
	done
	echo "$vault"
}

# Also when it was started in a sub-shell, whose variables are not ours.
agent_stop() {
	local pid=${NIXCACHE_AGENT_PID:-}
	[[ $pid || -S $agent_socket ]] || return 0
	"$agent" -k >/dev/null 2>&1 || { [[ $pid ]] && kill "$pid" 2>/dev/null; }
	[[ ! $pid ]] || wait_for 5 gone "$pid" || kill -KILL "$pid" 2>/dev/null
	wait_for 5 test ! -S "$agent_socket" || rm -f "$agent_socket"
	unset NIXCACHE_AGENT_SOCK NIXCACHE_AGENT_PID
}

# wait_for SECONDS COMMAND...: until it succeeds; 1 when the time is up.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		((${EPOCHREALTIME/./} < end)) || return 1
		sleep 0.02
	done
}

# True when a process has ended; a zombie has.
gone() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' \
		"/proc/$1/status" 2>/dev/null) || return 0
	[[ ! $state || $state == [ZX] ]]
}

is_state() {
	[[ $(agent_state) == "$1" ]]
}

# "locked", "unlocking" or "unlocked".
agent_state() {
	status_field state
}

# status_field NAME: of nixcache status --json, by python expression.
status_field() {
	"$client" status --json | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}
