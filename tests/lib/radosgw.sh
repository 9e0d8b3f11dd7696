# radosgw.sh - a real S3 server of the tests' own: Ceph's gateway, in memory
#
# One monitor, one in-memory store and one gateway on free loopback ports, all
# files in one folder, no service manager.  Ready in about a second.
#
#	radosgw_start FOLDER     s3_work is then FOLDER
#	radosgw_use FOLDER       sets S3_ENDPOINT, S3_REGION, S3_KEY, S3_SECRET
#	radosgw_admin user suspend --uid=test
#	radosgw_stop [FOLDER]    with FOLDER: one that another shell started
#
# radosgw_outlives=1 before the start lets it live on after this shell.

# The first of a row of 24 ports that nobody uses.  Below 32768 the kernel
# hands out none by itself.
radosgw_free_ports() {
	/usr/bin/python3 -c '
import random, socket
def is_free(port):
    with socket.socket() as s:
        try: s.bind(("127.0.0.1", port))
        except OSError: return False
        return True
bases = list(range(20000, 32000, 24))
random.shuffle(bases)
print(next(b for b in bases if all(map(is_free, range(b, b + 24)))))'
}

# Ports: +0 gateway, +1 monitor, +4 and on the store's four.  In-memory data
# must survive nothing, so everything that syncs, elects slowly or collects
# statistics is turned down.
radosgw_configuration() {
	cat <<-CONF
	[global]
	fsid = $1
	mon host = v2:127.0.0.1:$(($2 + 1))
	mon initial members = a
	public addr = 127.0.0.1
	cluster addr = 127.0.0.1
	ms bind msgr1 = false
	ms bind port min = $(($2 + 4))
	ms bind port max = $(($2 + 23))
	auth allow insecure global id reclaim = false
	keyring = $3/keyring
	run dir = $3/run
	admin socket = $3/run/\$name.asok
	log file = $3/log/\$name.log
	mon cluster log file = $3/log/cluster.log
	pid file =
	log to stderr = false
	err to stderr = false
	osd pool default size = 1
	osd pool default min size = 1
	osd pool default pg num = 4
	osd pool default pgp num = 4
	osd pool default pg autoscale mode = off
	osd crush chooseleaf type = 0
	mon allow pool size one = true
	mon max pg per osd = 1000
	mon data avail crit = 0
	mon osd full ratio = .99
	mon osd nearfull ratio = .97
	[mon]
	mon data = $3/mon
	mon election timeout = 1
	paxos propose interval = .05
	paxos min wait = .01
	[osd]
	osd data = $3/osd
	osd objectstore = memstore
	memstore device bytes = ${RADOSGW_RAM:-6442450944}
	osd fast shutdown = true
	osd class load list = *
	osd class default list = *
	[client]
	rgw frontends = beast endpoint=127.0.0.1:$2
	rgw thread pool size = 64
	rgw dns name =
	rgw enable usage log = false
	rgw enable ops log = false
	rgw enable quota threads = false
	rgw run sync thread = false
	rgw gc max objs = 3
	rgw gc obj min wait = 5
	rgw gc processor period = 5
	rgw lc max objs = 1
	rgw override bucket index max shards = 1
	CONF
}

# Dies with this shell, also when that is killed.
radosgw_daemon() {
	local name=$1 with=(setpriv --pdeathsig KILL --)
	shift
	[[ ! ${radosgw_outlives:-} ]] || with=(setsid)
	"${with[@]}" "$@" >>"$s3_work/log/$name.out" 2>&1 </dev/null &
	s3_pids+=($!)
	echo $! >>"$s3_work/pids"
	disown $!
}

radosgw_keyring() {
	local ring=$s3_work/keyring
	ceph-authtool --create-keyring "$ring" --gen-key -n mon. --cap mon 'allow *'
	ceph-authtool "$ring" --gen-key -n client.admin --cap mon 'allow *' \
		--cap osd 'allow *'
	ceph-authtool "$ring" --gen-key -n osd.0 --cap mon 'allow profile osd' \
		--cap osd 'allow *'
	ceph-authtool "$ring" --gen-key -n client.rgw --cap mon 'allow rw' \
		--cap osd 'allow rwx'
}

# Waits until a port answers, for at most 30 seconds, while a process lives.
radosgw_wait_port() {
	local end=$((SECONDS + 30))
	until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
		if ((SECONDS > end)) || ! kill -0 "$2" 2>/dev/null; then
			echo "the S3 server did not come up: see $s3_work/log" >&2
			return 1
		fi
		sleep 0.02
	done
}

radosgw_start() {
	local port fsid osd key secret
	mkdir -p "$1"/{mon,osd,run,log} || return
	s3_work=$(cd "$1" && pwd) s3_pids=()
	port=$(radosgw_free_ports) || return
	fsid=$(</proc/sys/kernel/random/uuid) osd=$(</proc/sys/kernel/random/uuid)
	key=K$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
	secret=$(head -c 30 /dev/urandom | base64)
	export CEPH_CONF=$s3_work/ceph.conf
	radosgw_configuration "$fsid" "$port" "$s3_work" >"$CEPH_CONF"

	{
		radosgw_keyring
		monmaptool --create --fsid "$fsid" --set-min-mon-release 16 \
			--addv a "[v2:127.0.0.1:$((port + 1))]" "$s3_work/monmap"
		ceph-mon --mkfs -i a --monmap "$s3_work/monmap" \
			--keyring "$s3_work/keyring"
		ceph-osd --mkfs -i 0 --osd-uuid "$osd" --no-mon-config
	} >"$s3_work/log/make.out" 2>&1 || return
	radosgw_daemon mon ceph-mon -f -i a \
		--public-addr "v2:127.0.0.1:$((port + 1))"
	ceph --connect-timeout 20 osd new "$osd" 0 \
		>>"$s3_work/log/make.out" 2>&1 || return
	radosgw_daemon osd ceph-osd -f -i 0
	# This tool takes a secret as an argument only; it opens this cluster and
	# nothing else, for as long as the test runs.
	radosgw_admin user create --uid=test --display-name=test \
		--access-key="$key" --secret-key="$secret" \
		>>"$s3_work/log/make.out" 2>&1 || return
	radosgw_daemon rgw radosgw -f -n client.rgw
	(
		umask 077
		printf '%s=%q\n' S3_ENDPOINT "http://127.0.0.1:$port" \
			S3_REGION us-east-1 S3_KEY "$key" S3_SECRET "$secret" \
			>"$s3_work/env"
	)
	radosgw_wait_port "$port" "${s3_pids[-1]}"
}

radosgw_use() {
	set -a
	s3_work=$1
	CEPH_CONF=$1/ceph.conf
	# shellcheck source=/dev/null
	. "$1/env"
	set +a
}

radosgw_admin() {
	radosgw-admin "$@"
}

# There is nothing to save, so nobody is asked.
radosgw_stop() {
	[[ ! ${1:-} ]] || mapfile -t s3_pids <"$1/pids"
	[[ ${s3_pids[*]:-} ]] && kill -KILL "${s3_pids[@]}" 2>/dev/null
	s3_pids=()
	return 0
}
