# faults.sh - a proxy before the S3 server that does what networks do
#
#	faults_start FOLDER http://HOST:PORT     sets faults_endpoint
#	faults_set busy=200 delay=50             changes it while it runs
#	faults_log                               "METHOD PATH STATUS", in order
#	faults_mark; ...; faults_since           the lines since then
#	faults_classes BUCKET                    class_a, class_b, class_c of them
#	faults_stop
#
# In thousandths of requests, unless said otherwise:
#	busy      503 SlowDown with Retry-After: 1; not forwarded
#	throttled 429 without Retry-After; not forwarded
#	region    400 with the region that the server has; not forwarded
#	refused   403 AccessDenied; not forwarded
#	expired   403 "Request has expired"; not forwarded
#	reset     connection closed without an answer; not forwarded
#	lost      forwarded and done, connection closed without an answer
#	broken    forwarded and done, answered with 500
#	delay     milliseconds before each request is forwarded
#	rate      requests forwarded a second; beyond that 503 SlowDown without
#	          Retry-After.  0: no limit
# Host goes through unchanged, so that signatures stay good.  One thread: of two
# that log at once haproxy drops a line sooner than it waits
# (fd_write_frag_line() in its fd.c), and tests count lines.

faults_names='busy throttled region refused expired reset lost broken delay rate'

faults_configuration() {
	local name
	cat <<-LUA >"$1/faults.lua"
	core.register_action("delay", { "http-req" }, function(txn)
		core.msleep(txn:get_var("proc.delay"))
	end, 0)
	core.register_action("hang_up", { "http-res" }, function(txn)
		txn:done()
	end, 0)
	LUA
	cat <<-CONF
	global
	    nbthread 1
	    stats socket $1/control mode 600 level admin
	    log stdout format raw local0
	    lua-load $1/faults.lua
	CONF
	for name in $faults_names; do
		echo "    set-var proc.$name int(0)"
	done
	cat <<-CONF
	defaults
	    mode http
	    log global
	    log-format "%HM %HPO %ST"
	    option http-no-delay
	    option http-ignore-probes
	    retries 0
	    timeout connect 5s
	    timeout client 60s
	    timeout server 60s
	frontend here
	    bind 127.0.0.1:$2
	    stick-table type integer size 1 expire 1m store gpc0_rate(1s)
	    http-request track-sc0 int(1)
	    http-request return status 503 content-type application/xml string "<Error><Code>SlowDown</Code></Error>" if { var(proc.rate) -m int gt 0 } { sc_gpc0_rate(0),sub(proc.rate) -m int ge 0 }
	    http-request sc-inc-gpc0(0)
	    http-request lua.delay if { var(proc.delay) -m int gt 0 }
	    http-request reject if { rand(1000),sub(proc.reset) -m int lt 0 }
	    http-request return status 503 hdr Retry-After 1 content-type application/xml string "<Error><Code>SlowDown</Code></Error>" if { rand(1000),sub(proc.busy) -m int lt 0 }
	    http-request return status 429 content-type application/xml string "<Error><Code>TooManyRequests</Code></Error>" if { rand(1000),sub(proc.throttled) -m int lt 0 }
	    http-request return status 400 content-type application/xml string "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-9</Region></Error>" if { rand(1000),sub(proc.region) -m int lt 0 }
	    http-request return status 403 content-type application/xml string "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>" if { rand(1000),sub(proc.refused) -m int lt 0 }
	    http-request return status 403 content-type application/xml string "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>" if { rand(1000),sub(proc.expired) -m int lt 0 }
	    default_backend there
	backend there
	    http-response lua.hang_up if { rand(1000),sub(proc.lost) -m int lt 0 }
	    http-response return status 500 content-type application/xml string "<Error><Code>InternalError</Code></Error>" if { rand(1000),sub(proc.broken) -m int lt 0 }
	    server s3 $3
	CONF
}

faults_start() {
	local port end=$((SECONDS + 10))
	mkdir -p "$1" || return
	faults_work=$(cd "$1" && pwd)
	port=$(radosgw_free_ports) || return
	faults_configuration "$faults_work" "$port" "${2#http://}" \
		>"$faults_work/conf"
	setpriv --pdeathsig KILL -- haproxy -db -f "$faults_work/conf" \
		>"$faults_work/log" 2>"$faults_work/errors" </dev/null &
	faults_pid=$!
	disown $faults_pid
	until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		if ((SECONDS > end)) || ! kill -0 $faults_pid 2>/dev/null; then
			cat "$faults_work/errors" >&2
			return 1
		fi
		sleep 0.02
	done
	faults_endpoint=http://127.0.0.1:$port
}

faults_set() {
	/usr/bin/python3 -c '
import socket, sys
for pair in sys.argv[2:]:
    name, value = pair.split("=")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(sys.argv[1])
        s.sendall(f"experimental-mode on; set var proc.{name} int({value})\n"
                  .encode())
        answer = s.recv(4096).decode().strip()
        if answer:
            sys.exit(f"faults: {pair}: {answer}")
' "$faults_work/control" "$@"
}

faults_log() {
	cat "$faults_work/log"
}

# From now on, for faults_classes.
faults_mark() {
	faults_from=$(faults_log | wc -l)
}

faults_since() {
	faults_log | tail -n +$((${faults_from:-0} + 1))
}

# Sets class_a, class_b and class_c to the requests of a bucket since the mark,
# by S3's transaction classes.  What is listed has no key.
faults_classes() {
	local asked
	asked=$(faults_since)
	class_a=$(grep -cE '^(PUT|POST|DELETE) ' <<<"$asked")
	class_b=$(grep -cE "^(HEAD|GET) /$1/[^ ]" <<<"$asked")
	class_c=$(grep -cE "^GET /$1/? " <<<"$asked")
}

faults_stop() {
	[[ ${faults_pid:-} ]] && kill -KILL "$faults_pid" 2>/dev/null
	faults_pid=
	return 0
}
