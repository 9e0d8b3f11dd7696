"""fill.py - makes the contents of a store path, the same for the same words

usage: fill.py pool SEED              the pool, to standard output
       fill.py path NAME SIZE POOL OUT
       fill.py noise NAME SIZE OUT      one file that nothing shrinks

The pool is text of made-up words with stretches of noise between, so large
that zstd's window (2 MiB at level 3) rarely sees a piece twice.  A path is a
handful of files of such pieces.
"""
import os
import random
import sys

POOL_SIZE = 32 << 20
PIECE = 16384
NOISE_PERCENT = 12
FILES_MAX = 12
FOLDERS = ("bin", "lib", "share/doc", "share/misc", "include", "etc")


def make_pool(seed):
    rng = random.Random("pool " + seed)
    letters = "etaoinshrdlucmfwypvbgkqjxz_"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 11)))
             for _ in range(6000)]
    made = 0
    while made < POOL_SIZE:
        if rng.randrange(100) < NOISE_PERCENT:
            piece = rng.randbytes(PIECE)
        else:
            piece = " ".join(rng.choices(words, k=PIECE // 6)).encode()
        sys.stdout.buffer.write(piece)
        made += len(piece)


def fill_file(path, size, pool, rng):
    with open(path, "wb") as out:
        while size > 0:
            n = min(size, PIECE)
            at = rng.randrange(POOL_SIZE - n)
            out.write(pool[at:at + n])
            size -= n


def make_path(name, size, pool_path, out):
    rng = random.Random("path " + name)
    with open(pool_path, "rb") as f:
        pool = memoryview(f.read())
    os.makedirs(out + "/share")
    count = rng.randint(1, FILES_MAX)
    cuts = sorted(rng.randrange(size) for _ in range(count - 1))
    for i, (low, high) in enumerate(zip([0, *cuts], [*cuts, size])):
        folder = f"{out}/{rng.choice(FOLDERS)}"
        os.makedirs(folder, exist_ok=True)
        fill_file(f"{folder}/file-{i}", high - low, pool, rng)


def make_noise(name, size, out):
    rng = random.Random("noise " + name)
    os.mkdir(out)
    with open(out + "/layer", "wb") as f:
        for _ in range(0, size, 1 << 20):
            f.write(rng.randbytes(1 << 20))


if sys.argv[1] == "pool":
    make_pool(sys.argv[2])
elif sys.argv[1] == "noise":
    make_noise(sys.argv[2], int(sys.argv[3]), sys.argv[4])
else:
    make_path(sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])
