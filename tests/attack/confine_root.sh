#!/bin/bash
# confine_root.sh - from a confined command of root no route leads out either
#
# usage: confine_root.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
. "$(dirname "$0")/../lib/confine.sh"
[[ $(id -u) == 0 ]] || tap_skip_all 'this is for root'
prey_begin "$@"
CONFINE_SETUID=
confine_walk

# What would reach the memory of all, kernel and disk drivers included.
check_same 'none of these capabilities is left' 0 "$(confined /usr/bin/python3 -c '
names = {"SYS_MODULE": 16, "SYS_RAWIO": 17, "SYS_PTRACE": 19, "SYS_ADMIN": 21,
         "SYS_BOOT": 22, "PERFMON": 38, "BPF": 39, "CHECKPOINT_RESTORE": 40}
held = 0
for line in open("/proc/self/status"):
    if line.startswith("Cap"):
        held |= int(line.split()[1], 16)
print(sum(held >> bit & 1 for bit in names.values()))')"
tap_end
