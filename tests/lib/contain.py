#!/usr/bin/python3
"""Runs one test so that nothing of it can outlive it.

usage: contain.py SECONDS COMMAND [ARGUMENT...]

The command gets a session of its own.  This process adopts whatever the
command orphans, agents that made themselves daemons included, so that a
deadline, an end or an interrupt reaches every one of them.

Exit status: the command's; 124 when the time was up; 125 when it left a
nixcache process running, which is a failure of the program under test.
"""
import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 3.0
WATCHED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def running():
    """pid -> (parent, name) of every process that is not a zombie."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="latin-1") as f:
                stat = f.read()
        except OSError:
            continue
        name, rest = stat[stat.index("(") + 1:].rsplit(")", 1)
        state, parent = rest.split()[:2]
        if state not in "ZX":
            found[int(entry)] = (int(parent), name)
    return found


def descendants():
    table = running()
    mine, grew = {os.getpid()}, True
    while grew:
        more = {p for p, (parent, _) in table.items()
                if parent in mine and p not in mine}
        mine |= more
        grew = bool(more)
    return {p: table[p][1] for p in mine if p != os.getpid()}


def reap(ended):
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        ended[pid] = status


def wait_for(done, ended, deadline):
    """The signal that cut the wait short, or None."""
    while True:
        reap(ended)
        if done():
            return None
        left = deadline - time.monotonic()
        if left <= 0:
            return signal.SIGALRM
        # Not every end is a SIGCHLD here: look again now and then.
        got = signal.sigtimedwait(WATCHED, min(left, 0.1))
        if got and got.si_signo != signal.SIGCHLD:
            return signal.Signals(got.si_signo)


def kill_all(ended):
    for _ in range(100):
        left = descendants()
        if not left:
            break
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        wait_for(lambda: not descendants(), ended, time.monotonic() + 0.2)
    reap(ended)


def start(command):
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
    # Python ignores SIGPIPE, and what it ignores its children would too.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"# {command[0]}: {error.strerror}", flush=True)
        os._exit(127)


def main():
    limit, command = float(sys.argv[1]), sys.argv[2:]
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)

    ended = {}
    child = start(command)
    cut = wait_for(lambda: child in ended, ended, time.monotonic() + limit)
    if cut is None:
        wait_for(lambda: not descendants(), ended,
                 time.monotonic() + GRACE_SECONDS)
    left = descendants()
    kill_all(ended)
    if cut == signal.SIGALRM:
        print(f"# stopped after {limit:g} s", flush=True)
        return 124
    if cut is not None:
        return 128 + cut
    for pid, name in sorted(left.items()):
        print(f"# left running: {name} (pid {pid})", flush=True)
    if any(name.startswith("nixcache") for name in left.values()):
        return 125
    return os.waitstatus_to_exitcode(ended[child]) & 0xff


sys.exit(main())
