#!/usr/bin/python3
"""PUTs as no honest client sends them.

usage: put.py URL FILE [--of SIZE] [--cut] [--header 'NAME: VALUE']
       put.py --many COUNT URL-FOLDER FOLDER

The first sends FILE with a Content-Length of SIZE (default: its own), and
prints the status; with --cut it closes the connection after FILE instead of
waiting for an answer, and prints what there was by then.  The second sends all
files of FOLDER, COUNT at a time, and prints how many were answered with 201.
"""
import argparse
import concurrent.futures
import http.client
import os
import urllib.parse

parser = argparse.ArgumentParser()
parser.add_argument("--of", type=int)
parser.add_argument("--cut", action="store_true")
parser.add_argument("--header", action="append", default=[])
parser.add_argument("--many", type=int, default=0)
parser.add_argument("url")
parser.add_argument("file")
args = parser.parse_args()
url = urllib.parse.urlsplit(args.url)


def send(connection, path, name, size):
    connection.putrequest("PUT", path)
    connection.putheader("Content-Length", str(size))
    for header in args.header:
        connection.putheader(*header.split(": ", 1))
    connection.endheaders()
    with open(name, "rb") as f:
        while piece := f.read(1 << 20):
            connection.send(piece)


def put(path, name):
    connection = http.client.HTTPConnection(url.netloc, timeout=300)
    try:
        send(connection, path, name, args.of or os.path.getsize(name))
        if args.cut:
            return "cut"
        answer = connection.getresponse()
        return f"{answer.status} {answer.read().decode().strip()}"
    except OSError as error:
        return f"000 {error}"
    finally:
        connection.close()


def many():
    with concurrent.futures.ThreadPoolExecutor(args.many) as pool:
        names = sorted(os.listdir(args.file))
        answers = pool.map(lambda n: put(f"{url.path}/{n}",
                                         f"{args.file}/{n}"), names)
        return sum(a.startswith("201") for a in answers)


print(many() if args.many else put(url.path, args.file))
