#!/usr/bin/python3
"""table.py - what measure.py wrote down, as medians and as ratios

usage: table.py FILE [--wall WHAT MEASURE MAX] [--peak WHAT MIB]...

The n-th run of everything is one round.  Ratios are to the first kind in the
file, made within a round; told are their median and spread.  Each --wall and
--peak is a bar.
"""
import statistics
import sys


def read(path):
    runs = {}
    with open(path, encoding="ascii") as f:
        for line in f:
            what, *numbers = line.rstrip("\n").split("\t")
            runs.setdefault(what, []).append([float(n) for n in numbers])
    return runs


def ratios(runs, what, measure, column=0):
    return [a[column] / b[column] for a, b in zip(runs[what], runs[measure])]


def show(runs):
    first = next(iter(runs))
    print(f"{'':34} {'wall s':>8} {'cpu s':>8} {'peak MiB':>9}"
          "  times the first (spread)")
    for what, numbers in runs.items():
        wall, cpu, peak = (statistics.median(n) for n in zip(*numbers))
        r = ratios(runs, what, first)
        print(f"{what:34} {wall:8.2f} {cpu:8.2f} {peak / 1024:9.0f}  "
              f"{statistics.median(r):5.2f} ({min(r):.2f} - {max(r):.2f})")
    print(f"(medians of {len(runs[first])} runs)")


def verdict(is_held):
    return "held" if is_held else "not held"


def main():
    runs, bars = read(sys.argv[1]), sys.argv[2:]
    show(runs)
    while bars:
        if bars[0] == "--wall":
            what, measure, most = bars[1:4]
            r = statistics.median(ratios(runs, what, measure))
            print(f"bar: {what} takes {r:.2f} times {measure} "
                  f"(at most {most}): {verdict(r <= float(most))}")
            bars = bars[4:]
        else:
            what, most = bars[1:3]
            peak = max(n[2] for n in runs[what]) / 1024
            print(f"bar: {what}, peak memory {peak:.0f} MiB "
                  f"(below {most}): {verdict(peak < float(most))}")
            bars = bars[3:]


main()
