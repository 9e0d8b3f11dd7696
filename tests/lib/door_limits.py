#!/usr/bin/python3
"""door_limits.py - clients as bad as they can be, and one good one.

usage: door_limits.py SOCKET     an unlocked agent's, with a cache called main
"""
import os
import signal
import socket
import sys

import varlink

PER_PEER = 16
CONNECTIONS = 64
FRAME_MAX = 1 << 20
STATUS = varlink.message("Status")

path = sys.argv[1]
number = 0
failed = False


def check(sentence, is_true):
    global number, failed
    number += 1
    failed = failed or not is_true
    print(f"{'ok' if is_true else 'not ok'} {number} - {sentence}", flush=True)


def connect():
    client = varlink.Client(path)
    client.socket.settimeout(60)
    return client


def is_answered(client=None):
    client = client or connect()
    try:
        client.send(STATUS)
        return "parameters" in (client.hear() or {})
    except (BrokenPipeError, ConnectionResetError):
        return False


def hold(count):
    """That many connections, each answered; the ends of earlier ones may
    reach the agent after new ones."""
    clients = []
    while len(clients) < count:
        client = connect()
        if is_answered(client):
            clients.append(client)
    return clients


def close(clients):
    for client in clients:
        client.socket.close()


def closes_on(text):
    """True when the agent hangs up on it, and goes on answering others."""
    client = connect()
    try:
        client.send(text)
    except (BrokenPipeError, ConnectionResetError):
        pass
    is_good = client.is_closed() and is_answered()
    client.socket.close()
    return is_good


def in_child(work):
    """Runs work in another process, a peer of its own, until it is killed."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(100)
        keep = work()
        os.write(told, b"1" if keep else b"0")
        signal.pause()
    os.close(told)
    is_good = os.read(ready, 1) == b"1"
    os.close(ready)
    return pid, is_good


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def one_peer():
    clients = hold(PER_PEER)
    check(f"a process has {PER_PEER} connections", len(clients) == PER_PEER)
    check("its next is closed without an answer", not is_answered())
    pid, is_good = in_child(is_answered)
    check("another process is answered meanwhile", is_good)
    end(pid)
    clients.pop().socket.close()
    clients += hold(1)
    check("who closes one has one again", is_answered(clients[0]))
    close(clients)


def fill(count):
    """So many of one peer, each spoken to."""
    global held
    held = hold(count)
    return True


def all_peers():
    """A full house: who has a single connection keeps it, who has most makes
    room, whoever comes is answered."""
    lone = connect()
    lone_is_answered = is_answered(lone)
    counts = [PER_PEER] * (CONNECTIONS // PER_PEER - 1) + [PER_PEER - 1]
    peers = [in_child(lambda count=count: fill(count)) for count in counts]
    check(f"{CONNECTIONS} connections are held at once",
          lone_is_answered and all(is_good for _, is_good in peers))
    comers = [in_child(is_answered) for _ in range(PER_PEER)]
    check("whoever comes by himself is answered all the same",
          all(is_good for _, is_good in comers))
    check("and who had one connection all the time keeps it",
          is_answered(lone))
    for pid, _ in peers + comers:
        end(pid)
    lone.socket.close()


def bad_messages():
    deep = b'{"method":' + b"[" * 100000 + b"]" * 100000 + b"}\0"
    nine = b'{"a":' * 9 + b"1" + b"}" * 9 + b"\0"
    for name, text in (
            ("two MiB without an end", b"x" * (2 * FRAME_MAX)),
            ("two MiB of a JSON text", b'{"method":"' + b"x" * (2 * FRAME_MAX)),
            ("what is no JSON", b"GET / HTTP/1.1\r\n\r\n\0"),
            ("random bytes", os.urandom(4096) + b"\0"),
            ("an empty message", b"\0"),
            ("JSON that is no object", b"[]\0"),
            ("JSON of any depth", deep),
            ("JSON one too deep", nine),
            ("a name twice", b'{"method":"a","method":"b"}\0')):
        check(f"{name} ends the connection, and no other", closes_on(text))


def never_reads():
    """Asks until nothing more goes out; the answers stay where they are."""
    deaf = connect()
    deaf.socket.setblocking(False)
    text = varlink.message("Presign", cache="main",
                           requests=varlink.requests(0, varlink.BATCH))
    sent = 0
    try:
        while sent < 1 << 28:
            sent += deaf.socket.send(text[sent % len(text):])
    except BlockingIOError:
        pass
    return deaf


def deaf_ones():
    deaf = [never_reads() for _ in range(PER_PEER // 2)]
    check("clients that never read keep nobody from Status",
          all(is_answered() for _ in range(20)))
    signing = connect()
    reply = signing.call("Sign", cache="main", paths=varlink.paths(0, 100))
    check("nor from signatures",
          len((reply or {}).get("parameters", {}).get("signatures", [])) == 100)
    signing.socket.close()
    close(deaf)


def is_open(client):
    client.socket.setblocking(False)
    try:
        return client.socket.recv(1) != b""
    except BlockingIOError:
        return True


def main():
    silent = connect()
    slow = []
    for text in (STATUS[:-1], b"{", STATUS + b'{"me'):
        client = connect()
        client.send(text)
        slow.append(client)
    check("a whole message before a half one is answered",
          "parameters" in slow[2].hear())

    bad_messages()
    deaf_ones()
    check("half messages keep nobody waiting", is_answered())
    # What is half for 10 seconds is closed: that is waited for, not measured.
    check("in the end half messages are closed",
          all(client.is_closed() for client in slow))
    check("before one that has not begun, and has more time", is_open(silent))
    close(slow + [silent])
    one_peer()
    all_peers()
    check("after all that the agent answers", is_answered())
    print(f"1..{number}")
    sys.exit(failed)


main()
