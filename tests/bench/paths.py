#!/usr/bin/python3
"""paths.py - puts many small paths into a store without building them

usage: paths.py ROOT COUNT SEED

ROOT is a chroot store's.  Prints what "nix-store --load-db" wants to know of
the paths, the first one first; its closure is all of them: path i refers to
2i+1, 2i+2, 3i+5 and itself.  The same arguments make the same bytes, of 1 to
17 KiB a path, which zstd shrinks to a half.
"""
import hashlib
import os
import random
import struct
import sys

NIX32 = "0123456789abcdfghijklmnpqrsvwxyz"
POOL_SIZE = 1 << 20


def token(text):
    return struct.pack("<Q", len(text)) + text + bytes(-len(text) % 8)


def tokens(*texts):
    return b"".join(map(token, texts))


def nar_file(content, is_executable=False):
    marks = (b"executable", b"") if is_executable else ()
    return tokens(b"(", b"type", b"regular", *marks, b"contents", content,
                  b")")


def nar_folder(entries):
    return (tokens(b"(", b"type", b"directory")
            + b"".join(tokens(b"entry", b"(", b"name", name, b"node") + node
                       + token(b")") for name, node in sorted(entries))
            + token(b")"))


def make_pool(rng):
    letters = "etaoinshrdlucmfwypvbgkqjxz_"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 11)))
             for _ in range(4000)]
    return " ".join(rng.choices(words, k=POOL_SIZE // 5)).encode()[:POOL_SIZE]


def write(path, content, mode):
    with open(path, "wb") as f:
        f.write(content)
    os.chmod(path, mode)
    os.utime(path, (1, 1))


def make_path(folder, text, references):
    """Returns its NAR."""
    run = b"exec cat share/text\n"
    os.makedirs(folder + "/bin")
    os.mkdir(folder + "/share")
    write(folder + "/bin/run", run, 0o555)
    write(folder + "/share/references", references, 0o444)
    write(folder + "/share/text", text, 0o444)
    for each in (folder + "/bin", folder + "/share", folder):
        os.utime(each, (1, 1))
        os.chmod(each, 0o555)
    return token(b"nix-archive-1") + nar_folder([
        (b"bin", nar_folder([(b"run", nar_file(run, True))])),
        (b"share", nar_folder([(b"references", nar_file(references)),
                               (b"text", nar_file(text))]))])


def main():
    root, count, seed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    rng = random.Random(f"paths {seed}")
    pool = make_pool(rng)
    names = ["/nix/store/" + "".join(rng.choices(NIX32, k=32))
             + f"-package-{seed}-{i}" for i in range(count)]
    for i, name in enumerate(names):
        size = 1024 * (1 + rng.randrange(100) ** 2 // 600)
        at = rng.randrange(POOL_SIZE - size)
        found = [i] + [k for k in (2 * i + 1, 2 * i + 2, 3 * i + 5)
                       if k < count]
        references = sorted({names[k] for k in found})
        nar = make_path(root + name, pool[at:at + size],
                        "\n".join(references).encode())
        print(name, hashlib.sha256(nar).hexdigest(), len(nar), "",
              len(references), *references, sep="\n")


main()
