#!/usr/bin/python3
"""hostile_urls.py - asks an agent for URLs that lead elsewhere, and looks

usage: hostile_urls.py SOCKET     an unlocked agent's, whose cache main is
                                  s3://prey/nix at s3.example.org

Each URL that is answered is taken apart here, by rules that are written once
more: host, path, object name, the query of its operation.
"""
import itertools
import json
import random
import re
import sys

import varlink

HOSTS = {"s3.example.org": "/prey", "prey.s3.example.org": ""}
PREFIX = "nix/"
H32, H40, H52, H64 = "0" * 32, "0" * 40, "0" * 52, "0" * 64
NAME = r"[0-9A-Za-z+\-._?=]+"
DRV = r"[0-9a-z]{32}-" + NAME + r"\.drv"
GRAMMAR = re.compile(
    r"nix-cache-info|[0-9a-z]{32}\.(narinfo|ls)"
    r"|nar/[0-9a-z]{52}\.nar(\.(xz|bz2|zst|lzip|lz4|br|gz))?"
    r"|log/" + DRV + r"|debuginfo/[0-9a-f]{40}(\.debug)?"
    r"|realisations/sha256:[0-9a-f]{64}!" + NAME + r"\.doi"
    r"|build-trace-v2/" + DRV + "/" + NAME + r"\.doi")
KEYS = ["nix-cache-info", H32 + ".narinfo", H32 + ".ls",
        f"nar/{H52}.nar.zst", f"log/{H32}-a.drv", f"debuginfo/{H40}.debug",
        f"realisations/sha256:{H64}!out.doi",
        f"build-trace-v2/{H32}-a.drv/out.doi"]
SIGNING = {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date",
           "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
           "X-Amz-Content-Sha256"}
LISTING = {"prefix": PREFIX, "start-after": PREFIX, "key-marker": PREFIX}

# What an operation needs beside its key, its method, and its query: names it
# always has with their values, and names it may have.
OPERATIONS = {
    "GetObject": ({}, "GET", {}, set()),
    "HeadObject": ({}, "HEAD", {}, set()),
    "PutObject": ({"contentLength": 9}, "PUT", {}, set()),
    "DeleteObject": ({}, "DELETE", {}, set()),
    "CreateMultipartUpload": ({}, "POST", {"uploads": ""}, set()),
    "UploadPart": ({"contentLength": 9, "uploadId": "u", "partNumber": 1},
                   "PUT", {}, {"uploadId", "partNumber"}),
    "CompleteMultipartUpload": ({"uploadId": "u"}, "POST", {}, {"uploadId"}),
    "AbortMultipartUpload": ({"uploadId": "u"}, "DELETE", {}, {"uploadId"}),
    "ListParts": ({"uploadId": "u"}, "GET", {},
                  {"uploadId", "max-parts", "part-number-marker"}),
    "ListObjectsV2": ({}, "GET", {"list-type": "2"},
                      {"prefix", "start-after", "continuation-token",
                       "max-keys"}),
    "ListMultipartUploads": ({}, "GET", {"uploads": ""},
                             {"prefix", "key-marker", "upload-id-marker",
                              "max-uploads"}),
}
LISTS = {"ListObjectsV2", "ListMultipartUploads"}
OF_KEYS = [name for name in OPERATIONS if name not in LISTS]


def decode(text):
    """Once, strictly: None where a byte is neither plain nor %XX."""
    if not re.fullmatch(r"([A-Za-z0-9\-._~/]|%[0-9A-F]{2})*", text):
        return None
    return re.sub("%(..)", lambda m: chr(int(m[1], 16)), text)


def read_query(text):
    pairs = {}
    for pair in text.split("&"):
        name, equals, value = pair.partition("=")
        name, value = decode(name), decode(value)
        if not equals or name is None or value is None or name in pairs:
            return None
        pairs[name] = value
    return pairs


def is_name(text):
    return bool(GRAMMAR.fullmatch(text)) and ".." not in text


def query_fault(operation, pairs):
    _, _, constants, more = OPERATIONS[operation]
    token = {"X-Amz-Security-Token"}
    if not SIGNING <= set(pairs) or \
            set(pairs) - SIGNING - token - set(constants) - more:
        return "query names"
    if any(pairs.get(name) != value for name, value in constants.items()):
        return "operation"
    if int(pairs["X-Amz-Expires"]) > 3600 + 60:
        return "expires"
    if operation in LISTS and "prefix" not in pairs:
        return "no prefix"
    for name, start in LISTING.items():
        value = pairs.get(name, start)
        # A key-marker is where a server has stopped: a position, no place.
        if not value.startswith(start) or \
                (".." in value and name != "key-marker"):
            return name
    return None


def fault(request, answer):
    """None, or where the URL leads elsewhere."""
    operation = request["operation"]
    match = re.fullmatch(r"https://([^/?#]*)(/[^?#]*)\?([^?#]*)",
                         answer["url"])
    if not match or not answer["url"].isascii():
        return "shape"
    host, path, query = match.groups()
    if host not in HOSTS:
        return "host"
    path, pairs = decode(path), read_query(query)
    if path is None or pairs is None:
        return "encoding"
    bucket = HOSTS[host]
    if operation in LISTS:
        if path not in (bucket, bucket + "/"):
            return "path"
    elif not path.startswith(f"{bucket}/{PREFIX}") or \
            not is_name(path[len(f"{bucket}/{PREFIX}"):]):
        return "path"
    if answer["method"] != OPERATIONS[operation][1]:
        return "method"
    if set(answer["headers"]) - {"content-length", "content-md5",
                                 "if-none-match"}:
        return "headers"
    return query_fault(operation, pairs)


def request_for(operation, key=None, **fields):
    request = {"operation": operation, **OPERATIONS[operation][0], **fields}
    if key is not None:
        request["key"] = key
    return request


# --- hostile texts -----------------------------------------------------------

DOTS = ["..", ".", "%2e%2e", "%2E%2E", "%252e%252e", "..;", ".%00.", "\uff0e" * 2,
        "\u2024" * 2, ". .", "...", "%c0%ae%c0%ae", "..%5c"]
SLASHES = ["/", "//", "%2f", "%2F", "%252f", "\\", "%5c", "\u2215", "\u2044",
           "\uff0f", "%c0%af", "/./"]
TAILS = ["?acl", "?policy", "?delete", "?versionId=1", "&acl", "#x", "?", "#",
         "&X-Amz-Expires=604800", "%3Facl", "%23", "%26acl", "\r\nHost: evil",
         "%0d%0aHost:%20evil", "\n", "\r", "\t", " ", "%00", "\x00", "\x7f",
         "\x1b[2J", "/", "/.", "/..", "\\", ".", ";", "%", "%zz", "+", "*",
         "\u202e", "\u0130", "e\u0301", "\ufeff", "~", ".bak", ".narinfo", "a",
         " HTTP/1.1", "\"", "'", "<", ">", "`", "{x}", "|", "^", "\u2028"]
HEADS = ["/", "//", "../", "./", "nix/", "prey/", "/nix/", "..%2f", "%2e%2e/",
         "nar/../", "nar/./", "nar//", "log/../../", "https://evil/", "@evil/",
         "evil.org/", ":80/", "?", "#", "\\", "%2f", " ", "\t", "\r\n", "\x00",
         "~/", "file:///", "\ufeff", "NAR/", "nar%2f", "\uff0f", "*"]


def mangle(key):
    """Every text is no name of an object."""
    for head in HEADS:
        yield head + key
    for tail in TAILS:
        if not is_name(key + tail):
            yield key + tail
    for dots, slash in itertools.product(DOTS, SLASHES):
        yield f"nar/{dots}{slash}{key}"
        yield f"{dots}{slash}{key}"
        yield f"{key}{slash}{dots}"
    for at in range(0, len(key), 3):
        for odd in "%", "\x00", "?", "/", "\u0430", "\r\n", "\\":
            text = key[:at] + odd + key[at + 1:]
            if not is_name(text):
                yield text
    yield key.upper() + "x"
    yield key * 40
    yield key + "a" * 600
    yield "%" + "%".join(f"{ord(c):02x}" for c in key)


def random_names(count):
    """Valid names with some bytes changed, always the same ones."""
    some = random.Random(4)
    alphabet = [chr(c) for c in range(256)] + list("%/.?&#\\") * 8
    while count > 0:
        text = list(some.choice(KEYS))
        for _ in range(some.randint(1, 4)):
            text[some.randrange(len(text))] = some.choice(alphabet)
        if not is_name("".join(text)):
            count -= 1
            yield "".join(text)


# Names that would be right but for "..", which a proxy may resolve.
DOTTED = [f"log/{H32}-a..b.drv", f"log/{H32}-...drv", f"log/{H32}-..drv",
          f"realisations/sha256:{H64}!...doi",
          f"realisations/sha256:{H64}!..doi",
          f"build-trace-v2/{H32}-a.drv/...doi",
          f"build-trace-v2/{H32}-..drv/out.doi"]


def bad_keys():
    for key, operation in itertools.product(DOTTED, OF_KEYS):
        yield request_for(operation, key)
    for key in KEYS:
        for text in mangle(key):
            yield request_for("GetObject", text)
    for text in mangle(KEYS[3]):
        for operation in OF_KEYS[1:]:
            yield request_for(operation, text)
    for text in random_names(2000):
        yield request_for("PutObject", text)


def bad_places():
    """Places in listings that are in no cache's name space."""
    places = list(mangle("nar/")) + ["../", "..", "/", "other/", "nix/../x",
                                     "log/..", "%2e%2e/", "nar/\x00", "\n"]
    for text in places:
        if re.fullmatch(r"[0-9a-z]{1,32}|nar/[0-9a-z]*", text):
            continue
        for operation, field in (("ListObjectsV2", "prefix"),
                                 ("ListObjectsV2", "startAfter"),
                                 ("ListMultipartUploads", "prefix")):
            yield request_for(operation, **{field: text})


def smuggled():
    """Opaque texts may hold nearly anything: what counts is where it goes."""
    texts = ["u" + tail for tail in TAILS] + DOTS + HEADS + \
        ["a&uploadId=b", "&acl=", "%26acl", "x" * 1025, "x" * 4000, "=", "a=b",
         "&delete&", "?list-type=2&prefix=", "X-Amz-Signature=0", "+", "%2B"]
    for text in texts:
        for operation in ("UploadPart", "CompleteMultipartUpload",
                          "AbortMultipartUpload", "ListParts"):
            yield request_for(operation, KEYS[3], uploadId=text)
        yield request_for("ListObjectsV2", continuationToken=text)
        yield request_for("ListMultipartUploads", uploadIdMarker=text,
                          keyMarker="nar/")
        yield request_for("ListMultipartUploads", keyMarker=text)


def odd_fields():
    """Fields that an operation has not, or not so."""
    good = request_for("GetObject", KEYS[0])
    for field, value in itertools.product(
            ("uploadId", "prefix", "versionId", "acl", "url", "host", "bucket",
             "endpoint", "method", "query", "headers", "contentLength",
             "partNumber", "maxKeys", "storageClass"),
            ("x", 1, -1, True, ["x"], {"a": "b"}, 10 ** 17)):
        yield {**good, field: value}
    for value in (0, -1, 3601, 10 ** 17, "60", True, [60]):
        yield {**good, "expires": value}
    for value in ("getobject", "GetObject ", "GetObjectAcl", "GET", "", 1,
                  "PutBucketPolicy", "CopyObject", "GetObject\x00", None):
        yield {**good, "operation": value}
    for value in (None, "", 1, ["a"], {"k": "v"}, True):
        yield {**good, "key": value}
    for value in (-1, 5 * 2 ** 30 + 1, "9", True, 10 ** 17):
        yield request_for("PutObject", KEYS[0], contentLength=value)
    for value in (0, -1, 10001, "1"):
        yield request_for("UploadPart", KEYS[3], partNumber=value)


# --- asking -------------------------------------------------------------------

class Agent:
    def __init__(self, path, **narrow):
        self.path, self.narrow, self.client = path, narrow, None

    def connect(self):
        self.client = varlink.Client(self.path)
        if self.narrow and "error" in self.client.call("Narrow", **self.narrow):
            sys.exit("the connection cannot be narrowed")

    def presign(self, request, cache="main"):
        """The answer, or None: refused, or hung up on."""
        if not self.client:
            self.connect()
        # Bytes above 0x7f as they are, and no second form of any text.
        self.client.send(json.dumps(
            {"method": varlink.INTERFACE + "Presign", "parameters":
             {"cache": cache, "requests": [request]}},
            ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\0")
        reply = self.client.hear()
        if reply is None:
            self.client = None
            return None
        if "error" in reply:
            return None
        return reply["parameters"]["responses"][0]


number = 0
failed = False


def check(sentence, is_true, detail=""):
    global number, failed
    number += 1
    failed = failed or not is_true
    print(f"{'ok' if is_true else 'not ok'} {number} - {sentence}", flush=True)
    if detail and not is_true:
        print(f"# {detail}", flush=True)


def attack(agent, sentence, requests, may_answer=False, cache="main"):
    """Returns how many shapes there were."""
    asked = answered = 0
    outside = []
    for request in requests:
        asked += 1
        answer = agent.presign(request, cache)
        if answer is None:
            continue
        answered += 1
        why = fault(request, answer)
        if why or not may_answer:
            outside.append(f"{why or 'answered'}: {request!r:.300}")
    print(f"# {asked} shapes, {answered} answered, {len(outside)} outside")
    check(sentence, asked > 0 and not outside, "\n# ".join(outside[:5]))
    return asked


def controls(agent):
    wrong = []
    for operation, key in itertools.product(OF_KEYS, KEYS):
        request = request_for(operation, key)
        answer = agent.presign(request)
        if not answer or fault(request, answer):
            wrong.append(f"{operation} {key}")
    for request in (request_for("ListObjectsV2"),
                    request_for("ListObjectsV2", prefix="nar/",
                                startAfter="nar/0", maxKeys=3),
                    request_for("ListObjectsV2", continuationToken="a/b+c="),
                    request_for("ListMultipartUploads", prefix="log/",
                                keyMarker="log/0", uploadIdMarker="u")):
        answer = agent.presign(request)
        if not answer or fault(request, answer):
            wrong.append(repr(request))
    check("what is right is signed, and found right",
          not wrong, "\n# ".join(wrong[:5]))


def eyes(agent):
    """URLs that are wrong must be seen to be: each is a good one, changed."""
    request = request_for("GetObject", KEYS[1])
    good = agent.presign(request)
    listing = request_for("ListObjectsV2", prefix="nar/")
    changes = [("s3.example.org", "s3.example.com"), ("https", "http"),
               ("s3.example.org", "evil@s3.example.org"),
               ("nix/", ""), ("nix/", "nix/../"), ("nix/", "nix/%2E%2E/"),
               ("nix/", "nix//"), (".narinfo", ".narinfo%3Facl"),
               (".narinfo", ".narinf"), ("?", "?acl&"), ("?", "?acl=&"),
               ("?", "?X-Amz-Expires=9&"), ("?", "#"), ("?", "?uploads=&"),
               ("X-Amz-Signature", "X-Amz-Other"), ("?", " ?"),
               (".narinfo", ".narinfo\r\n")]
    seen = [fault(request, {**good, "url": good["url"].replace(a, b, 1)})
            for a, b in changes]
    place = agent.presign(listing)
    seen += [fault(listing, {**place, "url": place["url"].replace(a, b, 1)})
             for a, b in (("prefix=nix", "prefix=nax"), ("list-type", "acl"),
                          ("prefix=nix%2F", "prefix=nix%2F..%2F"))]
    check("what is wrong would be seen", all(seen), repr(seen))


def main():
    path = sys.argv[1]
    agent = Agent(path)
    controls(agent)
    eyes(agent)
    shapes = attack(agent, "no name that is no object's is signed", bad_keys())
    shapes += attack(agent, "no listing of another place", bad_places())
    shapes += attack(agent, "what a server made goes nowhere but into its "
                     "place in the query", smuggled(), may_answer=True)
    shapes += attack(agent, "no field changes what is signed", odd_fields(),
                     may_answer=True)
    for cache in ("", "main/", "main\x00", "../main", "Main", "other", " main"):
        shapes += attack(agent, f"nor is there a cache {cache!r}",
                         [request_for("GetObject", KEYS[0])], cache=cache)
    narrowed = Agent(path, keys=["log/*"], scope="pull")
    shapes += attack(
        narrowed, "a narrowed connection gets nothing outside its pattern",
        [request_for(operation, key) for operation in OF_KEYS for key in KEYS
         if not key.startswith("log/") or operation not in
         ("GetObject", "HeadObject")] +
        [request_for("ListObjectsV2", prefix=text)
         for text in ("", "nar/", "l", "log", "lo")])
    check("and what is inside", narrowed.presign(
        request_for("GetObject", KEYS[4])) is not None)
    check(f"{shapes} shapes were tried, at least 500", shapes >= 500)
    controls(agent)
    print(f"1..{number}")
    sys.exit(failed)


main()
