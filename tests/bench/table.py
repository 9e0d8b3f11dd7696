#!/usr/bin/python3
"""table.py - what measure.py wrote down, as medians, ratios and bars

usage: table.py NAME FILE OUT [BAR...]
  --faster LINK OURS THEIRS MIN     theirs takes at least so many times as long
  --within LINK OURS THEIRS MAX     ours takes at most so many times theirs;
                                    THEIRS may be "A + B" or "max: A, B"
  --most LINK WHAT MEASURE MAX      no run of it has more of that measure (of a
                                    time: the median has not)
  --flat LINK OURS OTHER MEASURE MAX  ours has at most so many times the other's
  --note TEXT                       printed, and kept

NAME is the benchmark's; OUT gets all runs and bars as JSON.  The n-th run of
everything over a link is one round: ratios are made within a round, and their
median counts.  Measures are those of measure.py, and wall_per_path.
"""
import json
import os
import statistics
import sys

UNITS = {"wall": (1, "s"), "cpu": (1, "s"), "peak": (1 << 20, "MiB"),
         "written": (1 << 20, "MiB"), "sent": (1 << 20, "MiB"),
         "wall_per_path": (1e-3, "ms"),
         "a": (1, ""), "b": (1, ""), "c": (1, "")}


class Runs:
    def __init__(self, path):
        self.links = {}
        with open(path, encoding="utf-8") as f:
            for line in f:
                run = json.loads(line)
                if "paths" in run:
                    run["wall_per_path"] = run["wall"] / run["paths"]
                kinds = self.links.setdefault(run.pop("link"), {})
                kinds.setdefault(run.pop("what"), []).append(run)

    def of(self, link, what, measure):
        return [run[measure] for run in self.links[link][what]]

    def has(self, link, *names):
        return all(n in self.links.get(link, {}) for n in names)

    def rounds(self, link, theirs, measure):
        """Of one kind, or of several put together round by round."""
        if theirs.startswith("max: "):
            kinds, together = theirs[5:].split(", "), max
        else:
            kinds, together = theirs.split(" + "), sum
        return [together(r) for r in
                zip(*(self.of(link, k, measure) for k in kinds))]

    def names(self, theirs):
        return theirs.removeprefix("max: ").replace(" + ", ", ").split(", ")


def median_and_spread(values):
    return statistics.median(values), min(values), max(values)


def cell(runs, measure, width, places=0):
    if any(measure not in run for run in runs):
        return " " * (width - 1) + "-"
    scale = UNITS[measure][0]
    value = statistics.median(run[measure] for run in runs) / scale
    return f"{value:{width}.{places}f}"


def times(runs, first, measure):
    return median_and_spread([a[measure] / b[measure]
                              for a, b in zip(runs, first) if b[measure]]
                             or [0])


def show(runs):
    for link, kinds in runs.links.items():
        count = max(map(len, kinds.values()))
        print(f"{link or 'here'}, medians of {count} "
              f"{'run' if count == 1 else 'runs'}:")
        print(f"  {'':32} {'wall s':>8} {'cpu s':>7} {'peak MiB':>8}"
              f" {'disk MiB':>8} {'sent MiB':>8} {'A':>6} {'B':>6} {'C':>4}"
              "  times the first: wall (spread), cpu")
        first = next(iter(kinds.values()))
        for what, all_of in kinds.items():
            ratio, low, high = times(all_of, first, "wall")
            print(f"  {what:32} {cell(all_of, 'wall', 8, 2)}"
                  f" {cell(all_of, 'cpu', 7, 2)} {cell(all_of, 'peak', 8)}"
                  f" {cell(all_of, 'written', 8, 1)}"
                  f" {cell(all_of, 'sent', 8)} {cell(all_of, 'a', 6)}"
                  f" {cell(all_of, 'b', 6)} {cell(all_of, 'c', 4)}"
                  f"  {ratio:6.2f} ({low:.2f} - {high:.2f}),"
                  f" {times(all_of, first, 'cpu')[0]:.2f}")


def ratio_bar(runs, link, ours, theirs, limit, is_faster):
    mine = runs.of(link, ours, "wall")
    other = runs.rounds(link, theirs, "wall")
    pairs = list(zip(mine, other))
    if is_faster:
        value, low, high = median_and_spread([t / o for o, t in pairs])
        return value, value >= limit, (
            f"{theirs} takes {value:.2f} times as long as {ours} "
            f"({low:.2f} - {high:.2f}; at least {limit:g})")
    value, low, high = median_and_spread([o / t for o, t in pairs])
    return value, value <= limit, (
        f"{ours} takes {value:.2f} times {theirs} "
        f"({low:.2f} - {high:.2f}; at most {limit:g})")


def most_bar(runs, link, what, measure, limit):
    is_time = measure in ("wall", "cpu")
    value = (statistics.median if is_time else max)(
        runs.of(link, what, measure))
    scale, unit = UNITS[measure]
    return value, value <= limit * scale, (
        f"{what}: {measure} {value / scale:.4g}{' ' if unit else ''}{unit} "
        f"(at most {limit:g})")


def flat_bar(runs, link, ours, other, measure, limit):
    value, low, high = median_and_spread(
        [o / t for o, t in zip(runs.of(link, ours, measure),
                               runs.of(link, other, measure))])
    return value, value <= limit, (
        f"{measure} of {ours} is {value:.2f} times that of {other} "
        f"({low:.2f} - {high:.2f}; at most {limit:g})")


def judge(runs, kind, link, *rest):
    """None if what it compares was not measured."""
    limit = float(rest[-1])
    if kind in ("--faster", "--within"):
        ours, theirs = rest[:2]
        if not runs.has(link, ours, *runs.names(theirs)):
            return None
        return ratio_bar(runs, link, ours, theirs, limit, kind == "--faster")
    if kind == "--most":
        what, measure = rest[:2]
        return most_bar(runs, link, what, measure, limit) \
            if runs.has(link, what) else None
    ours, other, measure = rest[:3]
    return flat_bar(runs, link, ours, other, measure, limit) \
        if runs.has(link, ours, other) else None


SIZES = {"--faster": 5, "--within": 5, "--most": 5, "--flat": 6}


def main():
    name, path, out, *rest = sys.argv[1:]
    runs = Runs(path)
    show(runs)
    bars, notes = [], []
    while rest:
        if rest[0] == "--note":
            notes.append(rest[1])
            print("note:", rest[1])
            rest = rest[2:]
            continue
        bar, rest = rest[:SIZES[rest[0]]], rest[SIZES[rest[0]]:]
        judged = judge(runs, *bar)
        if judged is None:
            print(f"bar: {' '.join(bar)}: not measured")
            bars.append({"bar": bar, "held": None})
            continue
        value, is_held, text = judged
        print(f"bar: {bar[1] + ': ' if bar[1] else ''}{text}:",
              "held" if is_held else "NOT held")
        bars.append({"bar": bar, "value": value, "held": is_held,
                     "text": text})
    with open(out, "w", encoding="utf-8") as f:
        json.dump({"benchmark": name, "processors": os.cpu_count(),
                   "load": os.getloadavg(), "kernel": os.uname().release,
                   "links": runs.links, "bars": bars, "notes": notes}, f,
                  indent=1)
        f.write("\n")


main()
