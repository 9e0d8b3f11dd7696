#!/bin/bash
# pull_faults.sh - a network that fails, and a pull that is cut short, cost time
#
# usage: pull_faults.sh [BUILD-FOLDER]
# needs: s3
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/pull.sh"
flow_begin "$@"
flow_s3 pull-faults
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"

key_make faults-1
agent_config "$(agent_s3_cache main "$store_uri")"
agent_start
mib=0
! nix_can_build || mib=64
top=$(nix_make_closure 24 $mib) || exit
mapfile -t paths < <(nix_paths "$top")
"$client" push -q --store "$nix_root" "$top" || exit
fresh

# pulled_through FAULT=PERMILLE: into a new store, all the same.
pulled_through() {
	local rc
	fresh
	faults_set "$1"
	timeout 200 "$client" pull --store "${pulled:?}" "$top"
	rc=$?
	faults_set "${1%=*}=0"
	((rc == 0)) && whole "$top"
}

for fault in busy=150 throttled=100 expired=100 reset=100 lost=100 broken=100; do
	check "$fault of 1000: pulled, and whole" pulled_through $fault
done
check 'faults were met' grep -qE ' (503|429|500)$' <(faults_log)

nars_fetched() {
	faults_log | grep -c '^GET .*/nar/'
}

valid_count() {
	local path count=0
	for path in "${paths[@]}"; do
		! valid "$path" 2>/dev/null || count=$((count + 1))
	done
	echo $count
}

# A daemon that hears 32 MiB and then nothing more: the one that is given the
# large path never comes to its end, and there is a midst to stand in.
mkdir "$W/deaf" && cat >"$W/deaf/nix-daemon" <<END && chmod +x "$W/deaf/nix-daemon"
#!/bin/bash
exec $(command -v nix-daemon) "\$@" < <(stdbuf -o0 head -c 32M; cat >/dev/null)
END

in_the_midst() {
	grep -q '^pulled' "$W/said"
}

# A pull that has imported something and cannot import all.
begun() {
	fresh
	PATH=$W/deaf:$PATH env --default-signal=INT "$client" pull --jobs 2 \
		--store "${pulled:?}" "$top" >"$W/said" 2>&1 &
	pid=$!
	wait_for 30 in_the_midst && ! gone "$pid" || {
		echo 'there was no midst'
		cat "$W/said"
		return 1
	}
}

# cut_short SIGNAL: a pull that is on its way gets it; it must end at once.
cut_short() {
	local signal=$1 pid rc
	begun || return
	kill "-$signal" "$pid"
	wait_for 10 gone "$pid" || { echo 'it goes on'; return 1; }
	wait "$pid"
	rc=$?
	cat "$W/said"
	((rc == 128 + $(kill -l "$signal"))) ||
		{ echo "it ended with $rc"; return 1; }
}

# What is valid after a cut is right; the rest comes with the next pull, and
# nothing twice.
completed() {
	local there before
	there=$(valid_count)
	before=$(nars_fetched)
	"$client" pull --store "${pulled:?}" "$top" && whole "$top" || return
	(($(nars_fetched) - before == ${#paths[@]} - there)) ||
		{ echo "$there were there, and more was fetched"; return 1; }
}

if ((mib > 0)); then
	for signal in KILL TERM INT; do
		check "SIG$signal ends a pull at once" cut_short $signal
		check_fails 'the top is not there then' valid "$top"
		check 'the next pull brings what is missing, and only that' \
			completed
	done
fi

# A daemon that dies is a failure like any other.
dying_daemon() {
	local pid rc
	begun || return
	pkill -KILL -P "$pid" -x nix-daemon
	wait "$pid"
	rc=$?
	cat "$W/said"
	((rc == 1))
}

if ((mib > 0)); then
	check 'when its daemons die, a pull fails and says so' dying_daemon
	check_says 'and names what failed' 'failed /nix/store/'
	check 'and the next one brings the rest' completed
else
	skip 'pulls that are cut short' 'no large path here'
fi
tap_end
