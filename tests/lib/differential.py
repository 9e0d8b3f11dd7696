#!/usr/bin/python3
"""Random values, and what other implementations make of them.

usage: differential.py sigv4 SEED COUNT           a file of vectors, to stdout
       differential.py uri SEED COUNT PROGRAM KEY-FILE
       differential.py paths SEED COUNT FOLDER    db (nix-store --load-db) and
                                                  questions, into the folder
       differential.py sigs FOLDER                path-info --json on stdin:
                                                  the signatures, in the
                                                  questions' order
       differential.py hashes SEED COUNT          64 hex digits, one a line

PROGRAM is tests/unit/say_values.
"""
import hashlib
import hmac
import json
import os
import random
import subprocess
import sys
import urllib.parse

SAFE = "-_.~"
NIX32 = "0123456789abcdfghijklmnpqrsvwxyz"
STORE = "/nix/store/"


# AWS Signature Version 4 with the signature in the query, as "Authenticating
# Requests: Using Query Parameters" and "Create a signed AWS API request" of
# AWS's documentation have it.
def canonical_query(pairs):
    coded = [(urllib.parse.quote(n, safe=SAFE), urllib.parse.quote(v, safe=SAFE))
             for n, v in pairs]
    return "&".join(f"{n}={v}" for n, v in sorted(coded))


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def presign(i, host, path):
    scope = "/".join([i["amz_date"][:8], i["region"], i["service"],
                      "aws4_request"])
    headers = sorted([(n.lower(), " ".join(v.split()))
                      for n, v in i["signed_headers"]] + [("host", host)])
    names = ";".join(n for n, _ in headers)
    own = [("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
           ("X-Amz-Credential", f"{i['access_key']}/{scope}"),
           ("X-Amz-Date", i["amz_date"]),
           ("X-Amz-Expires", str(i["expires"])),
           ("X-Amz-SignedHeaders", names)]
    if i["session_token"]:
        own.append(("X-Amz-Security-Token", i["session_token"]))
    canonical = "\n".join(
        [i["method"], urllib.parse.quote(path, safe=SAFE + "/"),
         canonical_query([tuple(p) for p in i["query"]] + own),
         "".join(f"{n}:{v}\n" for n, v in headers), names, i["payload_hash"]])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", i["amz_date"], scope,
                         sha256(canonical)])
    key = ("AWS4" + i["secret_key"]).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return {"canonical_request": canonical, "string_to_sign": to_sign,
            "signature": hmac.new(key, to_sign.encode(),
                                  hashlib.sha256).hexdigest()}


def text(rng, most, alphabet):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, most)))


ODD = "".join(chr(c) for c in range(0x20, 0x7f)) + "äß€𝄞\u00a0"
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def vector(rng, number):
    virtual = rng.random() < 0.5
    bucket = text(rng, 20, "abcdefghijklmnopqrstuvwxyz0123456789") + "x"
    endpoint = text(rng, 12, "abcdefghij") + ".example.org"
    if rng.random() < 0.3:
        endpoint += f":{rng.randint(1024, 65535)}"
    key = text(rng, 60, ODD + "////").lstrip("/") or "k"
    i = {
        "method": rng.choice(["GET", "PUT", "HEAD", "POST", "DELETE"]),
        "scheme": rng.choice(["https", "http"]),
        "endpoint": endpoint, "style": "virtual" if virtual else "path",
        "bucket": bucket, "key": key,
        "query": [[n, text(rng, 30, ODD)] for n in
                  {text(rng, 12, PLAIN + "-") for _ in range(rng.randint(0, 5))}],
        "signed_headers": [[n, text(rng, 20, PLAIN + "\"*=-/")] for n in
                           rng.sample(["If-None-Match", "content-type",
                                       "X-Amz-Meta-A", "range"],
                                      rng.randint(0, 3))],
        "access_key": text(rng, 40, PLAIN), "secret_key": text(rng, 60, PLAIN + "/+= "),
        "session_token": text(rng, 300, PLAIN + "/+=") if rng.random() < 0.4 else None,
        "region": text(rng, 14, "abcdefghij-0123"), "service": "s3",
        "amz_date": f"{rng.randint(2013, 2099)}{rng.randint(1, 12):02}"
                    f"{rng.randint(1, 28):02}T{rng.randint(0, 23):02}"
                    f"{rng.randint(0, 59):02}{rng.randint(0, 59):02}Z",
        "expires": rng.randint(1, 604800), "payload_hash": "UNSIGNED-PAYLOAD",
    }
    host = f"{bucket}.{endpoint}" if virtual else endpoint
    path = f"/{key}" if virtual else f"/{bucket}/{key}"
    return {"id": f"random-{number}", "inputs": i,
            "outputs": presign(i, host, path)}


def sigv4(rng, count):
    json.dump({"vectors": [vector(rng, n) for n in range(count)]}, sys.stdout)


def ask(program, key, questions):
    with open(key, encoding="ascii") as f:
        lines = [f.read().strip()] + questions
    said = subprocess.run([program], input="\n".join(lines) + "\n",
                          text=True, capture_output=True, check=True)
    answers = said.stdout.splitlines()
    assert len(answers) == len(questions), (len(answers), len(questions))
    return answers


def uri(rng, count, program, key):
    """Bytes of every kind encoded; texts of every kind decoded."""
    questions, wanted = [], []
    for _ in range(count):
        raw = rng.randbytes(rng.randint(1, 40))
        questions += [f"encode {raw.hex()}", f"encode-path {raw.hex()}"]
        wanted += [urllib.parse.quote(raw, safe=SAFE),
                   urllib.parse.quote(raw, safe=SAFE + "/")]
        coded = "".join(rng.choice(["%41", "%c3%A4", "%20", "+", "a", "/", "~",
                                    "%7E", "=", "&", "%2b"])
                        for _ in range(rng.randint(1, 20)))
        questions.append(f"decode {coded}")
        wanted.append(urllib.parse.unquote_to_bytes(
            coded.replace("+", "%20")).hex())
    wrong = [(q, a, w) for q, a, w in zip(questions, ask(program, key, questions),
                                          wanted) if a != w]
    for case in wrong[:10]:
        print("%s: we say %s, urllib %s" % case)
    print(f"{len(questions)} compared")
    return bool(wrong)


def paths(rng, count, folder):
    """Paths that nobody ever built, as a store's database has them."""
    bases = sorted({"".join(rng.choice(NIX32) for _ in range(32)) + "-"
                    + rng.choice("abcXYZ019_?=+") + text(rng, 60, PLAIN + "+-._?=")
                    for _ in range(count)})
    with open(os.path.join(folder, "db"), "w", encoding="ascii") as db, \
            open(os.path.join(folder, "questions"), "w", encoding="ascii") as q:
        for n, base in enumerate(bases):
            digest = rng.randbytes(32).hex()
            size = rng.choice([1, 112, rng.randint(1, 1 << 20),
                               rng.randint(1, (1 << 63) - 1)])
            # Nix takes no cycle but that of a path to itself.
            known = bases[:n + 1]
            refs = sorted(rng.sample(known, min(len(known), rng.choice(
                [0, 1, 2, 9, 40]))))
            deriver = rng.choice(["", STORE + bases[0] + ".drv"])
            db.write("\n".join([STORE + base, digest, str(size), deriver,
                                str(len(refs))] + [STORE + r for r in refs])
                     + "\n")
            q.write(" ".join([base, "sha256:" + digest, str(size)] + refs)
                    + "\n")


def sigs(folder):
    said = json.load(sys.stdin)
    said = said.get("info", said) if isinstance(said, dict) else said
    items = said.items() if isinstance(said, dict) else \
        [(x["path"], x) for x in said]
    found = {path.rsplit("/", 1)[-1]: x.get("signatures", []) for path, x in items}
    with open(os.path.join(folder, "questions"), encoding="ascii") as f:
        for line in f:
            print(" ".join(sorted(found.get(line.split()[0], []))))


def main():
    what = sys.argv[1]
    if what == "sigs":
        return sigs(sys.argv[2])
    rng, count = random.Random(int(sys.argv[2])), int(sys.argv[3])
    if what == "hashes":
        for _ in range(count):
            print(rng.randbytes(32).hex())
        return 0
    return {"sigv4": sigv4, "uri": uri, "paths": paths}[what](
        rng, count, *sys.argv[4:])


sys.exit(main())
