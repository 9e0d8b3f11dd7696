# confine.sh - what a confined command can and cannot do, for tests/attack
#
#	confine_walk         after prey_begin: all checks, as whoever runs it
#	CONFINE_SETUID       a setuid-root copy of id(1), or empty

# Neither reads memory: how many descriptors a process has, and its limits.
confine_harmless='^(fd|map_files|prlimit core)$'

routes_that_work() {
	sed -n 's/^route \(.*\): works$/\1/p' <<<"$tap_out"
}

confined() {
	"$agent" --confine -- "$@"
}

# confine_routes SENTENCE COMMAND...: the victim's number is put behind.
confine_routes() {
	local sentence=$1
	shift
	tap_out=$(confined "$@" "$prey_pid" 2>&1)
	check_says "$sentence: all routes were tried" '^[0-9]+ routes work$'
	check_same "$sentence: none leads into memory" '' \
		"$(routes_that_work | grep -vE "$confine_harmless")"
}

confine_memory() {
	check_status 'a plain process is read by whoever may' 1 \
		"$attacks/attack_routes" "$prey_pid"
	for route in mem environ maps process_vm_readv process_vm_writev \
		pidfd_getfd kcmp 'mem for writing' 'fd/0' cwd exe; do
		check_says "by $route" "^route $route: works"
	done
	check_status 'and its secrets are found' 1 prey_attack memory "$prey_pid"
	check 'it takes a signal' kill -0 "$prey_pid"

	confine_routes confined "$attacks/attack_routes"
	confine_routes 'in a session of its own' setsid "$attacks/attack_routes"
	if unshare -Ur true 2>/dev/null; then
		confine_routes 'as root of a namespace' unshare -Ur \
			"$attacks/attack_routes"
	else
		skip 'as root of a namespace' 'none can be made here'
	fi
	tap_out=$(printf '%s\n' "$prey_needles" |
		confined "$attacks/attack_memory" "$prey_pid" 2>&1)
	check_same 'no secret is found' 0 $?
	check_says 'since each route is refused' '^route mem: refused'
	check_fails 'it takes no signal from there' \
		confined /bin/kill -0 "$prey_pid"
	check_fails 'nor is a shell behind it let in' \
		confined sh -c "cat /proc/$prey_pid/environ; exit \$?"
	tap_out=$(confined sh -c \
		"'$attacks/attack_routes' \$NIXCACHE_AGENT_PID" 2>&1)
	check_same 'its agent is closed to it as well' '' \
		"$(routes_that_work | grep -vE "$confine_harmless")"
}

confine_privileges() {
	if [[ $CONFINE_SETUID && $("$CONFINE_SETUID" -u) == 0 ]]; then
		check_same 'a setuid program gains nothing' "$(id -u)" \
			"$(confined "$CONFINE_SETUID" -u)"
	else
		skip 'a setuid program gains nothing' 'there is none here'
	fi
	check_same 'no exec will give privileges' 1 "$(confined \
		sed -n 's/^NoNewPrivs:[[:space:]]*//p' /proc/self/status)"
	if [[ $(id -u) != 0 ]] && command -v sudo >/dev/null; then
		check_fails 'sudo is dead' confined sudo -n true
		check_says 'and says why' 'no new privileges'
	else
		skip 'sudo is dead' 'it gives nothing here'
	fi
}

# What the command did before, it does in there.
confine_work() {
	check 'the socket works' confined "$client" unlock -q
	check_same 'and signs' '3 3' "$(confined sh -c "/usr/bin/python3 \
		'$flow_root/tests/lib/varlink.py' \"\$NIXCACHE_AGENT_SOCK\" main 3")"
	check_status 'its socket allows what --scope says' 4 "$agent" --confine \
		--scope push -- "$client" lock
	check_says 'and no more' 'not allowed on this socket'
	check 'the report says so' confined sh -c \
		"'$client' status --hardening | grep 'held .*confined command'"
	mkdir -p "$W/one" "$W/two"
	check 'files are made, and renamed across folders' confined sh -c "
		echo x >'$W/one/file' && mv '$W/one/file' '$W/two/' &&
		mkdir '$W/one/dir' && mv '$W/one/dir' '$W/two/' &&
		ln '$W/two/file' '$W/one/link' && mkfifo '$W/one/fifo' &&
		rm -r '$W/one' '$W/two'"
	check 'a child is debugged by its parent' confined sh -c "
		sleep 100 & '$attacks/attack_routes' \$! >'$W/said'; kill \$!
		grep -qE 'route (ptrace|environ): works' '$W/said'"
	check 'the network is there' confined /usr/bin/python3 -c '
import socket
tcp = socket.create_server(("127.0.0.1", 0))
socket.create_connection(tcp.getsockname()).close()
tcp.accept()'
	check 'and its exit status' test "$(
		confined sh -c 'exit 7'
		echo $?
	)" = 7
}

# A kernel without Landlock, as far as this process can see.
confine_without_landlock() {
	local blind=(strace -qq -o /dev/null -e trace=landlock_create_ruleset
		-e inject=landlock_create_ruleset:error=ENOSYS)
	if ! "${blind[@]}" true 2>/dev/null; then
		skip 'without Landlock it is refused' 'nothing can be traced here'
		return
	fi
	check_status 'without Landlock it is refused' 71 "${blind[@]}" "$agent" \
		--allow-weak trace --confine -- touch "$W/ran"
	check_says 'by the name of what allows it' '--allow-weak confinement'
	check_fails 'and the command does not run' test -e "$W/ran"
	check_status 'by that name it runs' 0 "${blind[@]}" "$agent" \
		--allow-weak trace --allow-weak confinement --confine -- \
		"$client" status --hardening
	check_says 'and the report says what is absent' 'absent .*confined command'
	check_status 'another name does not allow it' 71 "${blind[@]}" "$agent" \
		--allow-weak trace --allow-weak memory --confine -- true
}

confine_walk() {
	prey_secrets
	prey_op "$W/h/bin"
	prey_config
	prey_hold
	confine_memory
	confine_privileges
	confine_work
	confine_without_landlock
}
