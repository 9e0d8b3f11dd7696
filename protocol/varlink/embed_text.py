#!/usr/bin/env python3
"""Writes a C file that holds texts: embed_text.py OUT NAME=FILE...

Numbers, not a string literal: C promises only 4095 characters in one.
"""

import sys


def main():
    out, *texts = sys.argv[1:]
    with open(out, "w", encoding="ascii") as c:
        c.write('#include "protocol/varlink/interface.h"\n')
        for text in texts:
            name, path = text.split("=", 1)
            with open(path, "rb") as f:
                content = f.read()
            if b"\0" in content:
                sys.exit(f"{path}: contains a NUL byte")
            c.write(f"\nconst char {name}[] = {{\n")
            for at in range(0, len(content), 12):
                c.write("\t" + "".join(f"{b}, " for b in content[at:at + 12]) + "\n")
            c.write("\t0,\n};\n")


main()
