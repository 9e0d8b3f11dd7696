#!/usr/bin/python3
"""needles.py - what to look for: every part of a secret that gives it away.

usage: needles.py REGION < SECRETS > NEEDLES

Standard input has the texts of the secrets, one a line, "signing NAME:BASE64",
"s3 SECRET" or "token TEXT"; standard output has needles as tests/attack/needles.h reads
them.  Neither is ever an argument or a file.
"""
import base64
import datetime
import hashlib
import hmac
import struct
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


def root_bits(power, count):
    """The first 32 bits behind the point of that root of the first primes."""
    primes = [n for n in range(2, 312) if all(n % d for d in range(2, n))]
    found = []
    for prime in primes[:count]:
        low, high = 0, prime << 32
        while high - low > 1:
            middle = (low + high) // 2
            if middle ** power <= prime << 32 * power:
                low = middle
            else:
                high = middle
        found.append(low & 0xffffffff)
    return found


SHA256_START, SHA256_ROUNDS = root_bits(2, 8), root_bits(3, 64)


def turn(word, count):
    return (word >> count | word << (32 - count)) & 0xffffffff


def sha256_state(block):
    """What FIPS 180-4 keeps after one block, as this machine has words."""
    w = list(struct.unpack(">16I", block))
    for i in range(16, 64):
        small0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3
        small1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10
        w.append((w[i - 16] + small0 + w[i - 7] + small1) & 0xffffffff)
    a, b, c, d, e, f, g, h = SHA256_START
    for i in range(64):
        t1 = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
              (e & f ^ ~e & g) + SHA256_ROUNDS[i] + w[i])
        t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) +
              (a & b ^ a & c ^ b & c))
        a, b, c, d, e, f, g, h = ((t1 + t2) & 0xffffffff, a, b, c,
                                  (d + t1) & 0xffffffff, e, f, g)
    state = [(x + y) & 0xffffffff
             for x, y in zip(SHA256_START, (a, b, c, d, e, f, g, h))]
    return struct.pack("=8I", *state)


def hmac_states(name, key):
    """The two halves of an HMAC under key, as good as the key itself."""
    for part, pad in (("inner", 0x36), ("outer", 0x5c)):
        block = bytes(byte ^ pad for byte in key.ljust(64, b"\0"))
        windows(f"{name}-{part}", sha256_state(block), BINARY_WINDOW)


def s3_secret(text, region):
    """The secret, and the keys that SigV4 derives from it today."""
    windows("s3", text.encode(), TEXT_WINDOW)
    key = b"AWS4" + text.encode()
    hmac_states("s3", key)
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d")
    for part in (today, region, "s3", "aws4_request"):
        key = derive(key, part)
        windows("day-" + part, key, BINARY_WINDOW)
        hmac_states("day-" + part, key)


def main():
    for line in sys.stdin:
        kind, text = line.rstrip("\n").split(" ", 1)
        if kind == "signing":
            signing_key(text)
        elif kind == "token":
            windows("token", text.encode(), TEXT_WINDOW)
        else:
            s3_secret(text, sys.argv[1])


main()
