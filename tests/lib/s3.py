#!/usr/bin/python3
"""A small S3 client for the tests, so that they need not trust ours.

usage: s3.py make-bucket BUCKET [--public]
       s3.py deny BUCKET ACTION...          to everybody, such as s3:PutObject
       s3.py put BUCKET KEY FILE
       s3.py put-many BUCKET PREFIX FILE... each under its own name
       s3.py put-names BUCKET PREFIX        empty ones, names on standard input
       s3.py get|head|delete BUCKET KEY
       s3.py list BUCKET [PREFIX]           size, a tab, key
       s3.py list-uploads BUCKET            upload id, a tab, key
       s3.py is-whole BUCKET PREFIX         what a reader may meet; see below
       s3.py presign METHOD BUCKET KEY [SECONDS]

S3_ENDPOINT, S3_REGION, S3_KEY and S3_SECRET say where and as whom.  Exit
status: 0, 1 when the server says no (its code on standard error), 2 usage.
"""
import hashlib
import hmac
import http.client
import json
import os
import sys
import time
import urllib.parse
import xml.etree.ElementTree as xml

ENDPOINT = urllib.parse.urlsplit(os.environ["S3_ENDPOINT"])
CONNECTION = http.client.HTTPConnection(ENDPOINT.netloc, timeout=60)
REGION = os.environ.get("S3_REGION", "us-east-1")


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-._~")


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(date, to_sign):
    key = ("AWS4" + os.environ["S3_SECRET"]).encode()
    for part in (date[:8], REGION, "s3", "aws4_request"):
        key = mac(key, part)
    return mac(key, to_sign).hex()


def sign(method, path, query, headers, payload_hash, date):
    """The scope, the names of the signed headers, and the signature."""
    names = ";".join(sorted(headers))
    lines = [method, path, query]
    lines += [f"{name}:{headers[name]}" for name in sorted(headers)]
    lines += ["", names, payload_hash]
    scope = f"{date[:8]}/{REGION}/s3/aws4_request"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, digest])
    return scope, names, signature(date, to_sign)


def canonical(query):
    return "&".join(f"{quote(k)}={quote(v)}" for k, v in sorted(query.items()))


def now():
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def object_path(bucket, key=""):
    return quote(f"/{bucket}/{key}" if key else f"/{bucket}", "/")


def request(method, path, query=None, body=b"", extra=None):
    date, query = now(), canonical(query or {})
    payload_hash = hashlib.sha256(body).hexdigest()
    headers = {"host": ENDPOINT.netloc, "x-amz-date": date,
               "x-amz-content-sha256": payload_hash, **(extra or {})}
    scope, names, signed = sign(method, path, query, headers, payload_hash,
                                date)
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={os.environ['S3_KEY']}/{scope},"
        f"SignedHeaders={names},Signature={signed}")
    CONNECTION.request(method, path + ("?" + query if query else ""),
                       body, headers)
    answer = CONNECTION.getresponse()
    content = answer.read()
    if answer.status >= 300:
        code = "?"
        if b"<Code>" in content:
            code = content.split(b"<Code>")[1].split(b"<")[0].decode()
        sys.exit(f"s3.py: {method} {path}: {answer.status} {code}")
    return answer, content


def presign(method, bucket, key, seconds="300"):
    date = now()
    path = object_path(bucket, key)
    scope = f"{date[:8]}/{REGION}/s3/aws4_request"
    query = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256",
             "X-Amz-Credential": f"{os.environ['S3_KEY']}/{scope}",
             "X-Amz-Date": date, "X-Amz-Expires": seconds,
             "X-Amz-SignedHeaders": "host"}
    _, _, signed = sign(method, path, canonical(query),
                        {"host": ENDPOINT.netloc}, "UNSIGNED-PAYLOAD", date)
    query["X-Amz-Signature"] = signed
    print(f"{ENDPOINT.scheme}://{ENDPOINT.netloc}{path}?{canonical(query)}")


def make_bucket(bucket, public=None):
    request("PUT", object_path(bucket))
    if public:
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": ["*"]},
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{bucket}",
                         f"arn:aws:s3:::{bucket}/*"]}]}
        request("PUT", object_path(bucket), {"policy": ""},
                json.dumps(policy).encode())


def deny(bucket, *actions):
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": {"AWS": ["*"]}, "Action": actions,
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]}
    request("PUT", object_path(bucket), {"policy": ""},
            json.dumps(policy).encode())


def put(bucket, key, path):
    with open(path, "rb") as f:
        request("PUT", object_path(bucket, key), body=f.read())


def put_many(bucket, prefix, *paths):
    for path in paths:
        put(bucket, prefix + os.path.basename(path), path)


def put_names(bucket, prefix, workers=8):
    """Each worker has a connection of its own: none is open yet."""
    names = sys.stdin.read().split()
    children = []
    for i in range(workers):
        children.append(os.fork())
        if children[-1] == 0:
            for name in names[i::workers]:
                request("PUT", object_path(bucket, prefix + name))
            sys.exit(0)
    if any([os.waitpid(child, 0)[1] for child in children]):
        sys.exit(1)


def get(bucket, key):
    sys.stdout.buffer.write(request("GET", object_path(bucket, key))[1])


def head(bucket, key):
    answer, _ = request("HEAD", object_path(bucket, key))
    for name, value in answer.getheaders():
        print(f"{name.lower()}: {value}")


def delete(bucket, key):
    request("DELETE", object_path(bucket, key))


def pages(bucket, query, element, next_names):
    """The elements of all pages of a listing."""
    while True:
        root = xml.fromstring(request("GET", object_path(bucket), query)[1])
        space = root.tag[:root.tag.index("}") + 1] if "}" in root.tag else ""
        yield from (lambda name, e=e: e.findtext(space + name)
                    for e in root.findall(space + element))
        if root.findtext(space + "IsTruncated") != "true":
            return
        for ours, theirs in next_names.items():
            query[ours] = root.findtext(space + theirs) or ""


def list_objects(bucket, prefix=""):
    query = {"list-type": "2", "prefix": prefix}
    for text in pages(bucket, query, "Contents",
                      {"continuation-token": "NextContinuationToken"}):
        print(text("Size"), text("Key"), sep="\t")


def is_whole(bucket, prefix):
    """Each narinfo's NAR is there, and the narinfos that it refers to."""
    query = {"list-type": "2", "prefix": prefix}
    keys = {text("Key")[len(prefix):] for text in pages(
        bucket, query, "Contents",
        {"continuation-token": "NextContinuationToken"})}
    broken = 0
    for key in sorted(k for k in keys if k.endswith(".narinfo")):
        _, content = request("GET", object_path(bucket, prefix + key))
        fields = dict(line.split(": ", 1)
                      for line in content.decode().splitlines())
        needs = [name[:32] + ".narinfo"
                 for name in fields["References"].split()]
        for need in [fields["URL"], *needs]:
            if need not in keys:
                print(f"{key}: needs {need}")
                broken += 1
    if broken:
        sys.exit(1)


def list_uploads(bucket):
    query = {"uploads": ""}
    for text in pages(bucket, query, "Upload",
                      {"key-marker": "NextKeyMarker",
                       "upload-id-marker": "NextUploadIdMarker"}):
        print(text("UploadId"), text("Key"), sep="\t")


COMMANDS = {"make-bucket": make_bucket, "deny": deny, "put": put,
            "put-many": put_many, "put-names": put_names, "get": get,
            "head": head, "delete": delete, "list": list_objects,
            "list-uploads": list_uploads, "is-whole": is_whole,
            "presign": presign}

if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
    print(__doc__, file=sys.stderr)
    sys.exit(2)
COMMANDS[sys.argv[1]](*sys.argv[2:])
