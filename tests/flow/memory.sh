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

# Peak resident memory in KiB of a command and what it waited for.
cat >"$W/peak" <<'PY'
import os, resource, sys
pid = os.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY

# What the client itself opened for writing; the Nix daemon that it may start
# keeps its own books.
opened_for_writing() {
	awk '
		/execve\("[^"]*\/nix[^"\/]*"/ && !/execve\("[^"]*\/nixcache"/ {
			other[$1] = 1
		}
		/O_WRONLY|O_RDWR|O_CREAT|creat\(/ && !other[$1] &&
			!/"\/dev\/(null|tty)"/ && !/\/journal\.sqlite/ && !/ENOENT|EACCES/' "$1"
}

read -r status peak < <(
	/usr/bin/python3 "$W/peak" "$client" push -q --store "$nix_root" "$top"
)
check_same 'the push succeeds' 0 "$status"
echo "# peak memory $((peak / 1024)) MiB"
check "its peak memory is below $((limit_kib / 1024)) MiB" \
	test "$peak" -lt $limit_kib
check_same 'it left no file behind' '' \
	"$(find "$W" -name 'nixcache*' -newer "$W/peak" -type f)"
check 'stock Nix takes it' nix_pull "$store_url" "$top" "$key_public"
check 'and has the same bytes' nix_pulled_same "$top"
check 'no upload was left open' test -z "$(s3 list-uploads "$bucket")"

if strace -o /dev/null true 2>/dev/null; then
	small=$(nix_seed=1 nix_make_closure 2 64)
	strace --seccomp-bpf -f -o "$W/trace" -e trace=open,openat,creat,execve \
		"$client" push -q --store "$nix_root" "$small"
	check 'the look at what it opens sees something' \
		grep -q "${small##*/}" "$W/trace"
	check_same 'it opens nothing but its journal for writing' '' \
		"$(opened_for_writing "$W/trace")"
else
	skip 'it opens nothing but its journal for writing' 'nothing can be traced here'
fi
tap_end
