#!/usr/bin/python3
"""kill_at.py - runs a command and kills it, with all its processes, when a
server has received so many bytes from it

usage: kill_at.py URL BYTES COMMAND [ARGUMENT...]

URL answers how many bytes the server has ever received.  Prints how many it
had when the command was dead.  Exit status: 0; 1 if it ended by itself.
"""
import os
import signal
import sys
import time
import urllib.request


def received(url):
    with urllib.request.urlopen(url) as answer:
        return int(answer.read())


def main():
    url, limit, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    began = received(url)
    pid = os.posix_spawnp(command[0], command, os.environ, setpgroup=0)
    while received(url) - began < limit:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            return 1
        time.sleep(0.005)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print(received(url) - began)
    return 0


sys.exit(main())
