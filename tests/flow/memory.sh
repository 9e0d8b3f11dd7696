#!/bin/bash
# memory.sh - a path of 1 GiB goes through little memory and no disk
#
# usage: memory.sh [BUILD-FOLDER]
# needs: s3
# timeout: 400
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
nix_can_build || tap_skip_all 'Nix cannot build a large path here'
flow_s3 memory

limit_kib=$((300 * 1024))
mib=${NIXCACHE_TEST_MIB:-1024}
key_make memory-1
agent_config "$(agent_s3_cache main "$store_uri")"
agent_start
top=$(nix_make_closure 2 "$mib") || exit

# Peak resident memory in KiB, and what was written to disks in bytes, of a
# command and what it waited for.  A process's own /proc/PID/io is the measure
# of the latter: pipes and sockets do not count there.
cat >"$W/measure" <<'PY'
import os, resource, sys
pid = os.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
with open(f"/proc/{pid}/io") as f:
    written = dict(line.split(": ") for line in f)["write_bytes"].strip()
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(status, peak, written)
PY

# Files that changed outside of where the tests themselves write.
read -r status peak written < <(
	/usr/bin/python3 "$W/measure" "$client" push -q --store "$nix_root" "$top"
)
check_same 'the push succeeds' 0 "$status"
echo "# peak memory $((peak / 1024)) MiB, written $written bytes"
check "its peak memory is below $((limit_kib / 1024)) MiB" \
	test "$peak" -lt $limit_kib
check_same 'it wrote nothing to a disk' 0 "$written"
check_same 'it left no file behind' '' \
	"$(find "$W" -name 'nixcache*' -newer "$W/measure" -type f)"
check 'stock Nix takes it' nix_pull "$store_url" "$top" "$key_public"
check 'and has the same bytes' nix_pulled_same "$top"
check 'no upload was left open' test -z "$(s3 list-uploads "$bucket")"
tap_end
