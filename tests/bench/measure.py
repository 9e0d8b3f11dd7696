#!/usr/bin/python3
"""measure.py - runs a command and writes down what it took

usage: measure.py FILE WHAT COMMAND [ARGUMENT...]

Appends "WHAT<tab>wall seconds<tab>processor seconds<tab>peak KiB" to FILE.
Exit status: the command's.
"""
import os
import sys
import time

began = time.monotonic()
pid = os.posix_spawnp(sys.argv[3], sys.argv[3:], os.environ)
_, status, used = os.wait4(pid, 0)
wall = time.monotonic() - began
with open(sys.argv[1], "a", encoding="ascii") as f:
    print(sys.argv[2], f"{wall:.4f}", f"{used.ru_utime + used.ru_stime:.4f}",
          used.ru_maxrss, sep="\t", file=f)
sys.exit(os.waitstatus_to_exitcode(status) & 0xff)
