#!/bin/bash
# round_trip.sh - built and pushed here, not built again on a second machine
#
# usage: round_trip.sh [BUILD-FOLDER]
# needs: s3
# needs: newer-nix
# timeout: 240
#
# What a new user does, with no more than the manual: start an agent, build,
# push; on the second machine start an agent and serve, tell Nix with use, and
# build the same.  The bucket is private, and serve wants a password.  Machines
# are folders: each has its own home, agent, configuration and Nix store.
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 round-trip
bucket=private-$$-$RANDOM
s3 make-bucket "$bucket" || exit
s3_store "$S3_ENDPOINT"
newer_nix_begin

servers=()
flow_clean_up() {
	local pid
	for pid in "${servers[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid"
	done
}

# machine NAME: from now on we sit at it.  Nix sees the files that a user has;
# what the tests need beside is the machine's nix.conf.
machine() {
	W_machine=$W/$1
	agent_home "$W_machine"
	export NIX_CONF_DIR=$W_machine/etc XDG_CACHE_HOME=$W_machine/.cache
	unset NIX_CONFIG NIX_USER_CONF_FILES NIX_REMOTE
	nix_root=$W_machine/root
	mkdir -p "$NIX_CONF_DIR"
	printf '%s\n' 'experimental-features = nix-command' 'substituters =' \
		'sandbox = true' 'sandbox-fallback = false' \
		'sandbox-paths = /bin? /usr /lib? /lib64?' \
		'build-users-group =' "$2" >"$NIX_CONF_DIR/nix.conf"
}

# Sets serve_url, when it listens.
serve_start() {
	secret_file "$W_machine/password" "word-$RANDOM"
	"$client" serve --listen 127.0.0.1:0 \
		--password-file "$W_machine/password" >"$W_machine/serve.log" 2>&1 &
	servers+=($!)
	wait_for 10 grep -qE '127\.0\.0\.1:[0-9]+' "$W_machine/serve.log" ||
		{ cat "$W_machine/serve.log"; return 1; }
	# By another name than the S3 server's, or Nix would send the password
	# of this machine there as well: a netrc knows no ports.
	serve_url=http://localhost:$(grep -oE '127\.0\.0\.1:[0-9]+' \
		"$W_machine/serve.log" | head -n 1 | sed 's/.*://')
}

servers_stop() {
	flow_clean_up
	servers=()
}

# build SEED [OPTION...]: prints the path, and to build.log what Nix did.
build() {
	local seed=$1
	shift
	nix-build "$flow_root/tests/lib/closure.nix" --no-out-link \
		--arg n 12 --argstr seed "$seed" "$@" 2>"$W_machine/build.log" ||
		{ cat "$W_machine/build.log" >&2; return 1; }
}

status_of() {
	/usr/bin/python3 -c '
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1]).status)
except urllib.error.HTTPError as error:
    print(error.code)' "$1"
}

nothing_was_built() {
	! grep "^building " "$W_machine/build.log" &&
		grep -q "^copying path" "$W_machine/build.log"
}

is_signed_by_us() {
	nix store verify --store "$nix_root" -r --sigs-needed 1 \
		--trusted-public-keys "$key_public" "$1"
}

# The caller's nix.conf: NIX_CONF_DIR's for root.
use_serve() {
	"$client" use --write --url "$serve_url" \
		--password-file "$W_machine/password"
}

# The whole way with the Nix that is in PATH: LABEL.
walk() {
	local label=$1 top again
	machine "$label-1" ''
	agent_config "$(agent_s3_cache main "$store_uri")"
	agent_start
	top=$(build "$label" --store "$nix_root")
	check "$label: the first machine builds" test "$top"
	check "$label: and pushes" "$client" push --store "$nix_root" "$top"
	agent_stop

	machine "$label-2" ''
	agent_config "$(agent_s3_cache main "$store_uri")"
	agent_start
	serve_start && tap_pass "$label: the second machine serves" ||
		tap_fail "$label: the second machine serves"
	check_same "$label: who has no password gets nothing" 401 \
		"$(status_of "$serve_url/nix-cache-info")"
	check "$label: Nix is told" use_serve
	again=$(build "$label" --store "$nix_root")
	check_same "$label: it builds the same" "$top" "$again"
	check "$label: without building anything" nothing_was_built
	check "$label: what came is signed" is_signed_by_us "$top"
	check "$label: and whole" diff -r "$W/$label-1/root$top" "$nix_root$top"
	nix_root=$W_machine/pulled
	mkdir "$nix_root"
	check "$label: pull fetches it too" \
		"$client" pull --store "$nix_root" "$top"
	check "$label: with signatures" is_signed_by_us "$top"
	walk_daemon "$label" "$top"
	servers_stop
	agent_stop
}

# The daemon of a third store, asked by one who may not write to it.
walk_daemon() {
	local label=$1 top=$2 folder=$W_machine/daemon again pid
	mkdir -p "$folder"
	export NIX_DAEMON_SOCKET_PATH=$folder/socket
	nix-daemon --store "$folder/root" >"$folder/log" 2>&1 &
	pid=$!
	if ! wait_for 10 test -S "$folder/socket"; then
		tap_fail "$label: a daemon starts" "$(cat "$folder/log")"
	fi
	again=$(build_by_daemon "$label")
	check_same "$label: a daemon substitutes through it" "$top" "$again"
	check "$label: and builds nothing" nothing_was_built
	check "$label: into its own store" test -e "$folder/root$top"
	unset NIX_DAEMON_SOCKET_PATH
	kill "$pid"
	wait "$pid" 2>/dev/null
}

# As root we can be somebody else, whom the daemon does not trust.
build_by_daemon() {
	local as=() file=$flow_root/tests/lib/closure.nix folder=$W_machine/stranger
	if ((EUID == 0)); then
		mkdir -p "$folder" && cp "$file" "$folder" && chown 65534 "$folder"
		file=$folder/closure.nix
		# The run's own folder, too, if there is one.
		chmod a+x "$W" "$W_machine" "$W_machine/daemon"
		[[ ${W%/*} == /tmp ]] || chmod a+x "${W%/*}"
		chmod a+rX "$NIX_CONF_DIR" "$NIX_CONF_DIR/nix.conf" "$file"
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups
			env HOME="$folder" XDG_CACHE_HOME="$folder"
			TMPDIR="$folder" XDG_CONFIG_HOME="$folder")
	fi
	# It is told where the daemon's files are, since they are not in /nix.
	NIX_REMOTE="unix://$NIX_DAEMON_SOCKET_PATH?root=$W_machine/daemon/root" \
		"${as[@]}" nix-build "$file" --no-out-link \
		--arg n 12 --argstr seed "$1" 2>"$W_machine/build.log" ||
		cat "$W_machine/build.log" >&2
}

key_make round-1
if ! nix_can_build; then
	tap_skip_all 'no namespaces, so Nix cannot build in a store of its own'
fi
walk "$(nix --version | sed 's/.* //')"
if [[ $newer_nix_bin ]]; then
	newer_nix_copy "$W/nix" && PATH=$newer_nix_bin:$PATH
	walk "$newer_nix_version"
else
	skip 'the same with the newer Nix' "$newer_nix_why"
fi
tap_end
