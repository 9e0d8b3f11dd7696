# link.sh - what lies between a client and its servers: latency and bandwidth
#
#	link_enter "$@"              first of all in a script: runs it again in a
#	                             network namespace, where a link can be slow;
#	                             link_why says why not, where that cannot be
#	link_begin NAME HOST:PORT    a link to this server
#	link_direct NAME HOST:PORT LOG   none: the server itself, with its log
#	link_use NAME                sets link_name, link_endpoint, link_log and,
#	                             unless it is direct, link_control
#	link_set 50ms[/100mbit]      all links; sets link_now.  Latency is haproxy's
#	                             (faults.sh), of every request; bandwidth is of
#	                             both directions, each by itself
#	link_can 50ms/100mbit        true if that can be had here
#
# Only what goes to a link's own port is slow: a class of htb on the loopback
# of the namespace.  Its packets are 64 KiB large, so a burst must hold several.

# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/faults.sh"

link_burst=256k
link_unlimited=100gbit # htb has no word for it; loopback is far below
link_inside=${link_inside:-} link_why='' link_now=''
declare -A link_folders=() link_endpoints=() link_logs=()

link_enter() {
	if [[ $link_inside ]]; then
		link_prepare
		return
	fi
	if ((EUID != 0)); then
		link_why='only root can limit bandwidth'
	elif ! command -v tc ip >/dev/null; then
		link_why='no tc here (iproute2)'
	elif ! unshare --net true 2>/dev/null; then
		link_why='no network namespaces here'
	else
		# The S3 server of the run is outside of it.
		NIXCACHE_TEST_S3='' link_inside=1 exec unshare --net -- \
			bash "$0" "$@"
	fi
}

# Nix looks for an address that is not 127.0.0.1, and tries less hard where
# there is none (haveInternet() in its globals.cc): it gets one for examples
# (RFC 5737).
link_prepare() {
	ip link set lo up && ip address add 192.0.2.1/32 dev lo &&
		tc qdisc add dev lo root handle 1: htb &&
		link_limit add "$link_unlimited"
}

# Class 10 is to the servers, 11 from them.
link_limit() {
	local class
	for class in 10 11; do
		tc class "$1" dev lo parent 1: classid 1:$class htb rate "$2" \
			burst $link_burst cburst $link_burst quantum 200000 ||
			return
	done
}

link_begin() {
	local port
	faults_start "$W/link-$1" "http://$2" || return
	link_folders[$1]=$faults_work link_endpoints[$1]=$faults_endpoint
	link_logs[$1]=$faults_work/log
	port=${faults_endpoint##*:}
	[[ ! $link_inside ]] || {
		tc filter add dev lo parent 1: protocol ip u32 \
			match ip dport "$port" 0xffff flowid 1:10 &&
			tc filter add dev lo parent 1: protocol ip u32 \
				match ip sport "$port" 0xffff flowid 1:11
	}
}

link_direct() {
	link_endpoints[$1]=http://$2 link_logs[$1]=$3
}

link_use() {
	link_name=$1 link_endpoint=${link_endpoints[$1]} link_log=${link_logs[$1]}
	link_control=${link_folders[$1]:+${link_folders[$1]}/control}
	[[ $link_control ]] || link_now=loopback
}

link_can() {
	[[ $link_inside || $1 != */* ]]
}

link_set() {
	local latency=${1%%/*} rate=$link_unlimited
	[[ $1 != */* ]] || rate=${1#*/}
	link_now=$1
	for faults_work in "${link_folders[@]}"; do
		faults_set "delay=${latency%ms}" || return
	done
	[[ ! $link_inside ]] || link_limit change "$rate"
}
