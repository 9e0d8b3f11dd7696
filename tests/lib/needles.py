#!/usr/bin/python3
"""needles.py - what to look for: every part of a secret that gives it away.

usage: needles.py REGION < SECRETS > NEEDLES

Standard input has the texts of the secrets, one a line, "signing NAME:BASE64"
or "s3 SECRET"; standard output has needles as tests/attack/needles.h reads
them.  Neither is ever an argument or a file.
"""
import base64
import datetime
import hashlib
import hmac
import sys

BINARY_WINDOW = 8
TEXT_WINDOW = 16
SEED_LEN = 32


def windows(name, secret, size):
    for i in range(len(secret) - size + 1):
        print(f"{name}+{i} {secret[i:i + size].hex()}")


def signing_key(text):
    """The seed, what ed25519 makes of it, and the text of the seed."""
    encoded = text.split(":", 1)[1]
    seed = base64.b64decode(encoded)[:SEED_LEN]
    expanded = hashlib.sha512(seed).digest()
    scalar = bytearray(expanded[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    windows("seed", seed, BINARY_WINDOW)
    windows("expanded", expanded, BINARY_WINDOW)
    windows("scalar", bytes(scalar), BINARY_WINDOW)
    # The second half of the text is the public key.
    windows("base64", encoded[:SEED_LEN * 4 // 3].encode(), TEXT_WINDOW)


def derive(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def s3_secret(text, region):
    """The secret, and the keys that SigV4 derives from it today."""
    windows("s3", text.encode(), TEXT_WINDOW)
    key = b"AWS4" + text.encode()
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d")
    for part in (today, region, "s3", "aws4_request"):
        key = derive(key, part)
        windows("day-key-" + part, key, BINARY_WINDOW)


def main():
    for line in sys.stdin:
        kind, text = line.rstrip("\n").split(" ", 1)
        if kind == "signing":
            signing_key(text)
        else:
            s3_secret(text, sys.argv[1])


main()
