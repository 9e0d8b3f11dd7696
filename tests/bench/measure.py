#!/usr/bin/python3
"""measure.py - runs a command and writes down what it took

usage: measure.py [OPTION...] FILE WHAT COMMAND [ARGUMENT...]
  --link NAME      what it went over
  --paths N        how many store paths it was about
  --log FILE       the server's log, "METHOD PATH STATUS" a line
  --proxy SOCKET   haproxy's control socket, where that log is the proxy's
  --received URL   asked of the target how many bytes it has received
  --agent PID      an agent that works for it: its processor time counts

Appends one JSON object to FILE:
  wall, cpu    seconds; cpu of the command, what it waited for, and the agent
  peak         bytes: the largest resident set of one of its processes
  written      bytes it made dirty on a file system that has a disk
  sent         bytes of bodies that the target has received meanwhile
  a, b, c      requests by transaction class, as Backblaze counts them: A puts,
               posts and deletes, B gets and heads of objects, C lists
Exit status: the command's.
"""
import argparse
import json
import os
import socket
import sys
import time
import urllib.request

SETTLE_SECONDS = 10
BLOCK = 512  # what the kernel counts a process's output in, page by page


def arguments():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--link", default="")
    parser.add_argument("--paths", type=int)
    parser.add_argument("--log")
    parser.add_argument("--proxy")
    parser.add_argument("--received")
    parser.add_argument("--agent", type=int)
    parser.add_argument("file")
    parser.add_argument("what")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args()


def agent_seconds(pid):
    """Of the launcher and its children, in the kernel's ticks."""
    if not pid:
        return 0
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        pids = [pid, *map(int, f.read().split())]
    ticks = 0
    for each in pids:
        with open(f"/proc/{each}/stat", encoding="latin-1") as f:
            ticks += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def bytes_received(url):
    with urllib.request.urlopen(url) as answer:
        return int(answer.read())


def sessions(control):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(control)
        s.sendall(b"show stat\n")
        text = b""
        while some := s.recv(65536):
            text += some
    names, *rows = text.decode().lstrip("# ").splitlines()
    at = names.split(",").index("scur")
    return sum(int(row.split(",")[at]) for row in rows
               if row.split(",")[1:2] == ["FRONTEND"])


def settle(control):
    """haproxy logs a request after its answer has gone."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while sessions(control) > 0:
        if time.monotonic() > deadline:
            sys.exit("measure.py: the proxy still has connections")
        time.sleep(0.01)


def class_of(line):
    method, path, *_ = line.split(" ")
    if method not in ("GET", "HEAD"):
        return "a"
    # A bucket's own path has no slash inside: a list, of objects or uploads.
    return "b" if "/" in path.strip("/") else "c"


def count_requests(path, begin):
    counts = {"a": 0, "b": 0, "c": 0}
    with open(path, encoding="latin-1") as f:
        f.seek(begin)
        for line in f:
            if line[0].isupper() and "<" not in line:
                counts[class_of(line)] += 1
    return counts


def main():
    asked = arguments()
    log_begin = os.path.getsize(asked.log) if asked.log else 0
    received = bytes_received(asked.received) if asked.received else 0
    agent_began = agent_seconds(asked.agent)
    began = time.monotonic()
    pid = os.posix_spawnp(asked.command[0], asked.command, os.environ)
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    got = {
        "link": asked.link, "what": asked.what, "wall": wall,
        "cpu": used.ru_utime + used.ru_stime
        + agent_seconds(asked.agent) - agent_began,
        "peak": used.ru_maxrss * 1024, "written": used.ru_oublock * BLOCK,
    }
    if asked.paths:
        got["paths"] = asked.paths
    if asked.received:
        got["sent"] = bytes_received(asked.received) - received
    if asked.log:
        if asked.proxy:
            settle(asked.proxy)
        got.update(count_requests(asked.log, log_begin))
    with open(asked.file, "a", encoding="utf-8") as f:
        print(json.dumps(got), file=f)
    return os.waitstatus_to_exitcode(status) & 0xff


sys.exit(main())
