#!/usr/bin/python3
"""Runs one fuzzer for so many seconds of CPU time, and says what came of it.

usage: fuzz.py SECONDS PROGRAM FOLDER GROWN FINDINGS
  PROGRAM   fuzz_NAME
  FOLDER    has corpus/NAME, the inputs to begin with, and maybe NAME.dict
  GROWN     folder to which inputs that reach something new are added
  FINDINGS  folder that gets the input of a failure, and what was said about it

CPU time, not the clock's: on a busy machine the same number means the same
work.  With 0 seconds the seeds are run once and nothing is made up.  Speaks
TAP; the figures are in the one line of it.
"""
import os
import re
import signal
import subprocess
import sys
import time

# An input that takes longer is a hang.  Of the clock: a busy machine must not
# be taken for one.
HANG_SECONDS = 60
RSS_LIMIT_MB = 1024
# So slow a run is not believed any more: seconds of the clock for one of CPU.
PATIENCE = 40
KINDS = {"crash": "crashes", "leak": "leaks", "oom": "out of memory",
         "timeout": "timeouts"}


def name_of(program):
    return os.path.basename(program).removeprefix("fuzz_")


def cpu_seconds(pid):
    """What the process has used, or None when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
            rest = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    if rest[0] in "ZX":
        return None
    return (int(rest[11]) + int(rest[12])) / os.sysconf("SC_CLK_TCK")


def command(seconds, program, folder, grown, findings):
    name = name_of(program)
    words = os.path.join(folder, f"{name}.dict")
    options = [f"-artifact_prefix={findings}/", f"-timeout={HANG_SECONDS}",
               f"-rss_limit_mb={RSS_LIMIT_MB}", "-print_final_stats=1"]
    if os.path.isfile(words):
        options.append(f"-dict={words}")
    if seconds == 0:
        options.append("-runs=0")
    return ([program] + options + ([grown] if seconds > 0 else [])
            + [os.path.join(folder, "corpus", name)])


def run(words, seconds, said):
    """The exit status, and the CPU seconds that were used."""
    start = time.monotonic()
    used, asked = 0.0, False
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said,
                          stderr=subprocess.STDOUT) as child:
        signal.signal(signal.SIGTERM, lambda *_: (child.kill(), sys.exit(1)))
        while child.poll() is None:
            used = cpu_seconds(child.pid) or used
            late = time.monotonic() - start > PATIENCE * (seconds + HANG_SECONDS)
            if late or (not asked and 0 < seconds <= used):
                # It ends by itself, behind the input that it runs.
                child.send_signal(signal.SIGKILL if late else signal.SIGUSR1)
                asked = True
            time.sleep(0.1)
    return child.returncode, used


def figure(text, name):
    found = re.findall(rf"^stat::{name}:\s*(\d+)", text, re.M)
    return int(found[-1]) if found else 0


def main():
    seconds = float(sys.argv[1])
    program, folder, grown, findings = sys.argv[2:]
    name = name_of(program)
    for made in (grown, findings):
        os.makedirs(made, exist_ok=True)

    before = set(os.listdir(findings))
    log = os.path.join(findings, f"{name}.{os.getpid()}.log")
    print("1..1", flush=True)
    with open(log, "wb") as said:
        status, used = run(command(seconds, program, folder, grown, findings),
                           seconds, said)
    with open(log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    # A leak may be found without an input to blame.
    found = [x for x in sorted(set(os.listdir(findings)) - before)
             if x.split("-")[0] in KINDS and x in text]
    counts = ", ".join(f"{sum(x.startswith(kind + '-') for x in found)} {many}"
                       for kind, many in KINDS.items())
    line = (f"{used:.0f} CPU s, {figure(text, 'number_of_executed_units')} runs, "
            f"{figure(text, 'new_units_added')} new units, "
            f"{figure(text, 'peak_rss_mb')} MiB, {counts}")
    if status == 0 and not found:
        os.unlink(log)
        print(f"ok 1 - {line}")
        return 0
    print(f"not ok 1 - {line}, exit status {status}")
    for path in [log] + [os.path.join(findings, x) for x in found]:
        print(f"# kept: {path}")
    print("".join(f"# {x}\n" for x in text.splitlines()[-60:]), end="")
    return 1


sys.exit(main())
