#!/usr/bin/python3
"""attested.py - has an agent sign what a store holds, and what it does not.

usage: attested.py SOCKET CACHE            signs, prints how many
                                           (or the first refusal)
       attested.py SOCKET CACHE COUNT SEED that many altered ones, prints how
                                           many were signed and how many were
                                           refused, by error

Standard input: a line for each store path, with tabs between path, hash, size,
and the references (with blanks between them).
"""
import collections
import copy
import random
import sys

import varlink

DIGITS = varlink.NIX32
STORE = "/nix/store/"
BATCH = 64


def read_items(lines):
    items = []
    for line in lines:
        path, nar_hash, size, references = line.rstrip("\n").split("\t")
        items.append({"storePath": path, "narHash": nar_hash,
                      "narSize": int(size), "references": references.split()})
    return items


def other_digit(text, at, rng):
    digit = rng.choice([d for d in DIGITS if d != text[at]])
    return text[:at] + digit + text[at + 1:]


class Mutator:
    """One wrong thing at a time; items are those the store holds."""

    def __init__(self, items, rng):
        self.items, self.rng = items, rng
        self.kinds = [getattr(self, name) for name in sorted(dir(self))
                      if name.startswith("alter_")]

    def strange_path(self):
        name = "".join(self.rng.choice(DIGITS) for _ in range(32))
        return f"{STORE}{name}-{self.rng.choice(['glibc-2.37', 'p', 'x.drv'])}"

    def other_item(self, item):
        return self.rng.choice([i for i in self.items if i is not item and
                                i["storePath"] != item["storePath"]])

    def alter_hash_part(self, item):
        at = len(STORE) + self.rng.randrange(32)
        item["storePath"] = other_digit(item["storePath"], at, self.rng)

    def alter_name(self, item):
        path = item["storePath"]
        item["storePath"] = self.rng.choice(
            [path + "x", path[:-1] + "_", path + ".drv", path[:44] + "-" +
             path[44:], path[:44] + path[44:].upper() + "Z"])

    def alter_path(self, item):
        item["storePath"] = self.strange_path()

    def alter_path_for_another(self, item):
        item["storePath"] = self.other_item(item)["storePath"]

    def alter_nar_hash(self, item):
        # The first of the 52 digits has but one bit.
        at = len("sha256:") + 1 + self.rng.randrange(51)
        item["narHash"] = other_digit(item["narHash"], at, self.rng)

    def alter_nar_hash_for_another(self, item):
        other = self.other_item(item)
        while other["narHash"] == item["narHash"]:
            other = self.other_item(item)
        item["narHash"] = other["narHash"]

    def alter_nar_size(self, item):
        size = item["narSize"]
        item["narSize"] = self.rng.choice(
            [size + 1, size - 1, size * 2, size + (1 << 32), 1 << 62, 1,
             size ^ 1 << self.rng.randrange(40)])
        if item["narSize"] == size:
            item["narSize"] += 1

    def alter_reference_more(self, item):
        more = self.strange_path()
        known = self.other_item(item)["storePath"]
        if self.rng.random() < 0.5 and known not in item["references"]:
            more = known
        item["references"].insert(
            self.rng.randrange(len(item["references"]) + 1), more)

    def alter_reference_less(self, item):
        if not item["references"]:
            return self.alter_reference_more(item)
        item["references"].pop(self.rng.randrange(len(item["references"])))
        return None

    def alter_references_none(self, item):
        if not item["references"]:
            return self.alter_reference_more(item)
        item["references"] = []
        return None

    def alter_reference_other(self, item):
        if not item["references"]:
            return self.alter_reference_more(item)
        at = self.rng.randrange(len(item["references"]))
        base = item["references"][at]
        item["references"][at] = self.rng.choice(
            [self.strange_path(), base + "-1",
             other_digit(base, len(STORE) + self.rng.randrange(32),
                         self.rng)])
        return None

    def alter_reference_twice(self, item):
        # As many as there should be, and one of them not among them.
        if len(item["references"]) < 2:
            return self.alter_reference_more(item)
        item["references"][0] = item["references"][1]
        return None

    def alter_self_reference(self, item):
        path = item["storePath"]
        if path in item["references"]:
            item["references"].remove(path)
        else:
            item["references"].append(path)

    def alter_folder(self, item):
        base = item["storePath"][len(STORE):]
        item["storePath"] = self.rng.choice([
            "/nix/store/../store/" + base, "//nix/store/" + base,
            "/nix/store//" + base, "/nix/./store/" + base,
            STORE + base + "/", STORE + base + "/bin/run",
            "/gnu/store/" + base, "/nix/stores/" + base, base,
            STORE + base + "\0", STORE + base + "\0.drv", STORE + base + "\n",
            " " + STORE + base, STORE + base + " ", "nix/store/" + base,
            "/NIX/STORE/" + base, STORE + base + ";1",
            "/tmp/root" + STORE + base])

    def alter_reference_folder(self, item):
        if not item["references"]:
            return self.alter_reference_more(item)
        item["references"][0] = item["references"][0].replace(
            STORE, self.rng.choice(["/gnu/store/", "/nix/store/../store/",
                                    "/nix/store//"]))
        return None

    def alter_all_but_the_path(self, item):
        other = self.other_item(item)
        item.update(narHash=other["narHash"], narSize=other["narSize"],
                    references=list(other["references"]))

    def make(self, number):
        """An altered item."""
        item = copy.deepcopy(self.rng.choice(self.items))
        before = copy.deepcopy(item)
        self.kinds[number % len(self.kinds)](item)
        right = {i["storePath"]: i for i in self.items}
        same = right.get(item["storePath"])
        assert item != before
        if same and all(item[k] == same[k] for k in ("narHash", "narSize")) \
                and set(item["references"]) == set(same["references"]):
            return self.make(number + 1)  # another path, as right as it
        return item


def sign(client, cache, items):
    """The reply; a connection that is closed over it counts as one."""
    reply = client.call("Sign", cache=cache, paths=items)
    return {"error": "closed"} if reply is None else reply


def signed_count(reply):
    return len(reply.get("parameters", {}).get("signatures", []))


def sign_all(client, cache, items):
    count = 0
    for at in range(0, len(items), BATCH):
        reply = sign(client, cache, items[at:at + BATCH])
        if "error" in reply:
            return f"{reply['error'].split('.')[-1]} {reply['parameters']}"
        count += signed_count(reply)
    return count


def attack(socket, cache, items, count, seed):
    rng = random.Random(seed)
    mutator = Mutator(items, rng)
    signed, errors = 0, collections.Counter()
    known = varlink.Client(socket)
    is_right = sign_all(known, cache, items) == len(items)
    for number in range(count):
        bad = mutator.make(number)
        client = known if number % 2 else varlink.Client(socket)
        batch = [bad]
        if number % 5 == 0:  # among right ones, or beside the right one
            batch = rng.sample(items, min(len(items), BATCH - 1))
            batch.insert(rng.randrange(len(batch) + 1), bad)
        reply = sign(client, cache, batch)
        signed += signed_count(reply) > 0
        if "error" in reply:
            errors[reply["error"].split(".")[-1]] += 1
        if reply == {"error": "closed"} and client is known:
            known = varlink.Client(socket)
            is_right &= sign_all(known, cache, items) == len(items)
        if signed_count(reply):
            kind = mutator.kinds[number % len(mutator.kinds)].__name__
            print("#", "signed:", kind, file=sys.stderr)
    # What is right is signed as before.
    is_right &= sign_all(varlink.Client(socket), cache, items) == len(items)
    if not is_right:
        errors["the right ones are not signed"] += 1
    return signed, errors


def main():
    socket, cache = sys.argv[1:3]
    items = read_items(sys.stdin)
    if len(sys.argv) == 3:
        print(sign_all(varlink.Client(socket), cache, items))
        return
    signed, errors = attack(socket, cache, items, int(sys.argv[3]),
                            sys.argv[4])
    print(signed, "signed")
    for name, number in sorted(errors.items()):
        print(number, name)


if __name__ == "__main__":
    main()
