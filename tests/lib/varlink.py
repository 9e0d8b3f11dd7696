#!/usr/bin/python3
"""varlink.py - an agent's client that is not ours: a socket and JSON.

usage: varlink.py SOCKET CACHE COUNT   that many signatures and URLs

Prints how many of each came.
"""
import json
import socket
import sys

INTERFACE = "io.nixcache.Agent."
BATCH = 250
HASH = "sha256:" + "0" * 52
NIX32 = "0123456789abcdfghijklmnpqrsvwxyz"


def message(method, **parameters):
    call = {"method": INTERFACE + method, "parameters": parameters}
    return json.dumps(call).encode() + b"\0"


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.received = b""

    def send(self, text):
        self.socket.sendall(text)

    def hear(self):
        """The next reply; None when the agent has closed."""
        while b"\0" not in self.received:
            try:
                more = self.socket.recv(1 << 20)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.received += more
        reply, self.received = self.received.split(b"\0", 1)
        return json.loads(reply)

    def call(self, method, **parameters):
        self.send(message(method, **parameters))
        return self.hear()

    def is_closed(self):
        """Waits until the agent has closed."""
        while self.hear() is not None:
            pass
        return True


def base_hash(number):
    digits = ""
    for _ in range(32):
        digits = NIX32[number % 32] + digits
        number //= 32
    return digits


def paths(first, count):
    return [{"storePath": f"/nix/store/{base_hash(i)}-prey", "narHash": HASH,
             "narSize": 1000 + i, "references": []}
            for i in range(first, first + count)]


def requests(first, count):
    return [{"operation": "GetObject", "key": base_hash(i) + ".narinfo"}
            for i in range(first, first + count)]


def use(path, cache, count):
    client, signed, urls = Client(path), 0, 0
    for first in range(0, count, BATCH):
        some = min(BATCH, count - first)
        reply = client.call("Sign", cache=cache, paths=paths(first, some))
        signed += len(reply["parameters"]["signatures"])
        reply = client.call("Presign", cache=cache,
                            requests=requests(first, some))
        urls += len(reply["parameters"]["responses"])
    return signed, urls


if __name__ == "__main__":
    print(*use(sys.argv[1], sys.argv[2], int(sys.argv[3])))
