"""narinfo_cases.py FOLDER NARINFO NARINFO-OF-A-TEXT OTHER-BASE

Writes hostile and odd variants of two narinfos that Nix wrote, each into a file
of FOLDER named NUMBER.KIND.TITLE; KIND is "path" or "text", the path it is of.
OTHER-BASE is another path of the same cache.
"""
import base64
import os
import re
import sys

folder, path_file, text_file, other = sys.argv[1:]
with open(path_file, "rb") as f:
    path_text = f.read()
with open(text_file, "rb") as f:
    text_text = f.read()
SIGNATURE = b"k-1:" + base64.b64encode(bytes(64))
count = 0


def write(title, data, kind="path"):
    global count
    count += 1
    name = "%03d.%s.%s" % (count, kind, title.replace("/", "|"))
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def split(text):
    return [tuple(l.split(b": ", 1)) for l in text.splitlines()]


def join(lines):
    return b"".join(k + b": " + v + b"\n" for k, v in lines)


base = dict(split(path_text))
base.setdefault(b"Sig", SIGNATURE)
base.setdefault(b"Deriver", base[b"StorePath"][11:44] + b"top.drv")
KEYS = [b"StorePath", b"URL", b"Compression", b"FileHash", b"FileSize",
        b"NarHash", b"NarSize", b"References", b"Deriver", b"Sig"]


def line(key, value):
    return key + b": " + value + b"\n"


def whole(**changed):
    """The narinfo with some lines replaced; None leaves one out."""
    out = b""
    for key in KEYS:
        name = key.decode()
        if name in changed:
            if changed[name] is not None:
                out += changed[name]
        else:
            out += line(key, base[key])
    return out + changed.get("end", b"")


def value(key, text, title=None):
    name = key if isinstance(key, str) else key.decode()
    write("%s is %s" % (name, title or text.decode()),
          whole(**{name: line(name.encode(), text)}))


def each_key():
    for key in KEYS:
        n, v = key.decode(), base[key]
        write(n + " missing", whole(**{n: b""}))
        write(n + " empty", whole(**{n: key + b": \n"}))
        write(n + " empty, no space", whole(**{n: key + b":\n"}))
        write(n + " without colon", whole(**{n: key + b"\n"}))
        write(n + " no space", whole(**{n: key + b":" + v + b"\n"}))
        write(n + " no space, spare digit", whole(**{n: key + b":x" + v + b"\n"}))
        write(n + " tab", whole(**{n: key + b":\t" + v + b"\n"}))
        write(n + " two spaces", whole(**{n: key + b":  " + v + b"\n"}))
        write(n + " space before colon", whole(**{n: key + b" : " + v + b"\n"}))
        write(n + " space before key", whole(**{n: b" " + key + b": " + v + b"\n"}))
        write(n + " space at end", whole(**{n: key + b": " + v + b" \n"}))
        write(n + " CR", whole(**{n: key + b": " + v + b"\r\n"}))
        write(n + " NUL at end", whole(**{n: key + b": " + v + b"\0\n"}))
        write(n + " NUL alone", whole(**{n: key + b": \0\n"}))
        write(n + " lower case", whole(**{n: key.lower() + b": " + v + b"\n"}))
        write(n + " twice", whole(end=line(key, v)))
        write(n + " twice, junk last", whole(end=line(key, b"junk")))
        write(n + " twice, empty last", whole(end=line(key, b"")))
        write(n + " twice, junk first",
              line(key, b"junk") + whole())
        write(n + " is junk", whole(**{n: line(key, b"junk")}))
        write(n + " is huge", whole(**{n: line(key, b"x" * 100000)}))
        write(n + " is not ASCII", whole(**{n: line(key, v + b"\xc3\xa4")}))
        write(n + " is an escape", whole(**{n: line(key, v + b"\x1b[31m")}))
        write(n + " cut", whole(**{n: line(key, v[:-1])}))
        write(n + " at the end", whole(**{n: b"", "end": line(key, v)}))


def texts():
    text = whole()
    write("as Nix wrote it", path_text)
    write("with a signature", text)
    write("nothing", b"")
    write("a blank line", b"\n")
    write("no final newline", text[:-1])
    write("blank line first", b"\n" + text)
    write("blank line last", text + b"\n")
    write("blank line inside", text.replace(b"URL", b"\nURL"))
    write("CRLF throughout", text.replace(b"\n", b"\r\n"))
    write("byte order mark", b"\xef\xbb\xbf" + text)
    write("unknown key", text + b"X-New: value\n")
    write("unknown key, no space", text + b"X-New:value\n")
    write("unknown key, one letter", text + b"X:y\n")
    write("unknown key, empty", text + b"X-New: \n")
    write("unknown key, nothing behind", text + b"X-New:\n")
    write("empty key", text + b": x\n")
    write("no colon", text + b"hello\n")
    write("a comment", b"# narinfo\n" + text)
    write("NUL before", b"\0" + text)
    write("NUL after", text + b"\0")
    write("NUL line after", text + b"\0\n")
    write("reversed", b"".join(reversed(text.splitlines(True))))
    write("HTML", b"<html><body>not found</body></html>\n")
    write("large", text + b"X: " + b"y" * 900000 + b"\n")
    write("too large", text + b"X: " + b"y" * 2000000 + b"\n")
    write("many signatures", text + line(b"Sig", SIGNATURE) * 2000)
    write("cut in the middle", text[:len(text) // 2])


def numbers():
    for key in "FileSize", "NarSize":
        v = base[key.encode()]
        for title, text in {
            "0": b"0", "negative": b"-" + v, "negative zero": b"-0",
            "2^64": b"18446744073709551616", "2^64-1": b"18446744073709551615",
            "2^63": b"9223372036854775808", "2^128": b"9" * 39,
            "signed": b"+" + v, "hex": b"0x" + b"%x" % int(v),
            "octal": b"0%o" % int(v), "with zeros": b"000" + v,
            "with very many zeros": b"0" * 40 + v, "with a point": v + b".0",
            "with an exponent": v + b"e0", "with a unit": v + b"K",
            "one more": b"%d" % (int(v) + 1), "one less": b"%d" % (int(v) - 1),
            "with a comma": b"1,0",
        }.items():
            value(key, text, title)


def hashes():
    for key in "FileHash", "NarHash":
        v = base[key.encode()]
        digits = v[len(b"sha256:"):]
        alphabet = b"0123456789abcdfghijklmnpqrsvwxyz"
        number = 0
        for d in digits:
            number = number * 32 + alphabet.index(d)
        raw = number.to_bytes(33, "little")[:32]
        changed = bytes([raw[0] ^ 1]) + raw[1:]
        b64 = base64.b64encode
        for title, text in {
            "hex": b"sha256:" + raw.hex().encode(),
            "HEX": b"sha256:" + raw.hex().upper().encode(),
            "base64": b"sha256:" + b64(raw),
            "base64 without padding": b"sha256:" + b64(raw).rstrip(b"="),
            "SRI": b"sha256-" + b64(raw),
            "SRI with hex": b"sha256-" + raw.hex().encode(),
            "SRI with nix32": b"sha256-" + digits,
            "SRI with an option": b"sha256-" + b64(raw) + b"?x",
            "without prefix": digits, "prefix alone": b"sha256:",
            "SHA256": b"SHA256:" + digits, "upper case": v.upper(),
            "upper-case digits": b"sha256:" + digits.upper(),
            "with set spare bits": b"sha256:z" + digits[1:],
            "with a letter that is none": b"sha256:" + digits[:-1] + b"e",
            "too long": v + b"0", "too short": v[:-1],
            "another": b"sha256:" + changed.hex().encode(),
            "md5": b"md5:" + bytes(16).hex().encode(),
            "sha1": b"sha1:" + bytes(20).hex().encode(),
            "sha512": b"sha512:" + bytes(64).hex().encode(),
            "blake3": b"blake3:" + bytes(32).hex().encode(),
            "two prefixes": b"sha256:" + v,
        }.items():
            value(key, text, title)


def store_paths():
    v = base[b"StorePath"]
    name = v.rsplit(b"/", 1)[1]
    d = b"/nix/store/"
    for title, text in {
        "of another path": d + other.encode(), "the base name": name,
        "of another store": b"/gnu/store/" + name,
        "with a slash behind": v + b"/", "inside": v + b"/bin/x",
        "with two slashes": b"/nix/store//" + name,
        "with a dot": b"/nix/./store/" + name,
        "with dots": b"/nix/x/../store/" + name,
        "with dots behind": v + b"/../" + name,
        "with another name": v + b"x", "without name": v[:43],
        "with a dash only": v[:44], "with a bad digit": d + b"e" + name[1:],
        "with upper-case digits": d + name[:32].upper() + name[32:],
        "with a short hash": d + name[1:],
        "with a name that is too long": v[:44] + b"x" * 212,
        "with a name that begins with a dot": v[:44] + b".x",
        "with a name that is a dot": v[:44] + b".",
        "with a character that is none": v + b"!",
        "with a space inside": v + b" x", "with a query": v + b"?x",
        "a derivation": v + b".drv", "the store": b"/nix/store",
        "relative": v[1:],
    }.items():
        value("StorePath", text, title)


def references():
    v = base[b"References"]
    names = v.split(b" ")
    own = base[b"StorePath"].rsplit(b"/", 1)[1]
    for title, text in {
        "reversed": b" ".join(reversed(names)),
        "repeated": v + b" " + names[0],
        "with two spaces": v.replace(b" ", b"  "),
        "with a tab": v.replace(b" ", b"\t"),
        "with a comma": v.replace(b" ", b","),
        "with a vertical tab": v.replace(b" ", b"\v"),
        "absolute": b" ".join(b"/nix/store/" + n for n in names),
        "without itself": b" ".join(n for n in names if n != own),
        "itself alone": own, "with none": b"",
        "with junk": v + b" junk", "with a bad digit": v + b" e" + own[1:],
        "with a slash": v + b"/", "with dots": v + b" ../x",
        "with a name that begins with a dot": v + b" " + own[:33] + b".x",
        "with a hash only": v + b" " + own[:32],
        "with an upper-case one": v + b" " + own.upper(),
        "with one whose name is too long":
            v + b" " + own[:33] + b"x" * 212,
    }.items():
        value("References", text, title)


def others():
    v, own = base[b"Deriver"], base[b"StorePath"].rsplit(b"/", 1)[1]
    for title, text in {
        "unknown-deriver": b"unknown-deriver", "absolute": b"/nix/store/" + v,
        "not a .drv": v[:-4], "without hash": v[33:],
        "with a slash": v + b"/", "two": v + b" " + v, "itself": own,
        "with a bad digit": b"e" + v[1:],
        "with a name that begins with a dot": v[:33] + b".x.drv",
        "with a name that is too long": v[:33] + b"x" * 208 + b".drv",
    }.items():
        value("Deriver", text, title)

    for text in (b"none br bzip2 compress grzip gzip lrzip lz4 lzip lzma lzop "
                 b"xz zstd ZSTD zst rar deflate x-gzip identity zstd,xz "
                 b"../zstd").split():
        value("Compression", text)
    value("Compression", b"zstd xz", "two")

    for title, text in {
        "without colon": b"k-1", "without name": SIGNATURE[3:],
        "without bytes": b"k-1:", "not base64": b"k-1:????",
        "too short": b"k-1:" + base64.b64encode(bytes(63)),
        "too long": b"k-1:" + base64.b64encode(bytes(65)),
        "without padding": SIGNATURE.rstrip(b"="),
        "with a space in the name": b"k 1:" + SIGNATURE[4:],
        "two": SIGNATURE + b" " + SIGNATURE,
        "of a name that is very long": b"k" * 5000 + SIGNATURE[3:],
    }.items():
        value("Sig", text, title)


def urls():
    v = base[b"URL"]
    for title, text in {
        "absolute": b"/" + v, "with a host": b"//localhost/" + v,
        "http": b"http://localhost:1/" + v, "file": b"file:///etc/passwd",
        "with ./": b"./" + v, "with ..": b"nar/../" + v,
        "out of the cache": b"../" + v, "with two slashes": b"nar//" + v[4:],
        "with a query": v + b"?x=y", "with a fragment": v + b"#x",
        "with a percent": b"nar%2f" + v[4:],
        "of no NAR": b"nar/none.nar.zst", "a folder": b"nar/", "a dot": b".",
        "the narinfo": base[b"StorePath"][11:43] + b".narinfo",
        "nix-cache-info": b"nix-cache-info",
        "with a backslash": v.replace(b"/", b"\\"),
        "of a NAR beside": b"beside/" + v[4:],
        "of a NAR without folder": v[4:],
    }.items():
        value("URL", text, title)


def addresses():
    lines = split(text_text)
    ca = dict(lines)[b"CA"]
    digits = ca.split(b":")[-1]
    rest = [l for l in lines if l[0] != b"CA"]

    def with_ca(title, *values):
        write("CA " + title, join(rest + [(b"CA", v) for v in values]), "text")

    with_ca("as Nix wrote it", ca)
    with_ca("missing")
    with_ca("empty", b"")
    with_ca("twice", ca, ca)
    with_ca("twice, empty first", b"", ca)
    with_ca("twice, empty last", ca, b"")
    for title, v in {
        "junk": b"junk", "colon": b":", "text alone": b"text:",
        "fixed alone": b"fixed:", "fixed:r alone": b"fixed:r:",
        "fixed:r:sha256 alone": b"fixed:r:sha256:",
        "another kind": b"other:sha256:" + digits,
        "another hash": ca[:-1] + (b"0" if ca[-1:] != b"0" else b"1"),
        "another method": b"fixed:r:sha256:" + digits,
        "flat": b"fixed:sha256:" + digits,
        "text recursive": b"text:r:sha256:" + digits,
        "text md5": b"text:md5:" + bytes(16).hex().encode(),
        "text sha1": b"text:sha1:" + bytes(20).hex().encode(),
        "git": b"fixed:git:sha1:" + bytes(20).hex().encode(),
        "git sha256": b"fixed:git:sha256:" + digits,
        "blake3": b"fixed:blake3:" + digits, "sha257": b"fixed:sha257:" + digits,
        "md5 too long": b"fixed:md5:" + digits, "cut": ca[:-1],
        "with a space": ca + b" ", "two": ca + b" " + ca,
        "SRI": b"text:sha256-" + base64.b64encode(bytes(32)),
        "without algorithm": b"text:" + digits,
        "fixed with an empty method": b"fixed::sha256:" + digits,
        "upper case": ca.upper(), "with a bad digit": ca[:-1] + b"e",
        "huge": ca + b"0" * 100000,
        "not ASCII": ca + b"\xc3\xa4", "NUL": ca + b"\0",
    }.items():
        with_ca(title, v)
    for title, extra in {
        "refers to itself":
            dict(lines)[b"StorePath"].rsplit(b"/", 1)[1],
        "refers to another": other.encode(),
    }.items():
        write("CA " + title, join(
            [(k, extra if k == b"References" else v) for k, v in lines]),
            "text")
    # On a path whose name follows from its derivation.
    for title, v in {"of another": ca, "fixed": b"fixed:sha256:" + digits,
                     "junk": b"junk", "empty": b""}.items():
        write("CA on a built path, " + title, whole(end=line(b"CA", v)))


each_key()
texts()
numbers()
hashes()
store_paths()
references()
others()
urls()
addresses()
print(count)
