#!/usr/bin/python3
"""http_ask.py - asks an HTTP server many times, over connections that stay

usage: http_ask.py COUNT CONNECTIONS URL...

Takes the URLs in turn.  Prints "errors p50 p99", times in microseconds.  With
one connection the time is that of an answer; with more, that of the crowd.
"""
import selectors
import socket
import sys
import time
import urllib.parse


class Connection:
    def __init__(self, address):
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0
        self.got = b""

    def ask(self, url):
        self.got = b""
        self.began = time.perf_counter_ns()
        self.socket.sendall(f"GET {url.path} HTTP/1.1\r\n"
                            f"Host: {url.netloc}\r\n\r\n".encode())

    def take(self):
        """None: not whole yet; else whether it is a good answer."""
        some = self.socket.recv(65536)
        self.got += some
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not some:
            return False
        if not end:
            return None
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length" and len(body) < int(value):
                return None
        return head.startswith(b"HTTP/1.1 200 ")


def main(count, width, urls):
    urls = [urllib.parse.urlsplit(u) for u in urls]
    selector = selectors.DefaultSelector()
    asked = 0
    times, errors = [], 0
    for _ in range(width):
        c = Connection((urls[0].hostname, urls[0].port))
        selector.register(c.socket, selectors.EVENT_READ, c)
        c.ask(urls[asked % len(urls)])
        asked += 1
    while len(times) < count:
        for key, _ in selector.select():
            c = key.data
            good = c.take()
            if good is None:
                continue
            times.append(time.perf_counter_ns() - c.began)
            errors += not good
            if asked < count:
                c.ask(urls[asked % len(urls)])
                asked += 1
    times.sort()
    print(errors, times[len(times) // 2] // 1000,
          times[len(times) * 99 // 100] // 1000)


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
