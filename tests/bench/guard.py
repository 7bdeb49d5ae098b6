"""Instruction counts of fixed pieces of work, beside the recorded ones.

Usage: guard.py PROGRAM [--record]. They hardly depend on the machine or on what else it does, but on
the compiler and its options, hence on a release build by the gcc of Debian 12.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE / "guard.json"
ALLOWED_PERCENT = 10


def works(program):
    listed = subprocess.run([program], capture_output=True, text=True, check=True)
    return listed.stdout.split()


def count(program, work):
    """Instructions executed between the begin and the end of a piece of work."""
    with tempfile.NamedTemporaryFile(prefix="callgrind.") as out:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}",
             "--toggle-collect=guard_counted", program, work],
            capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found or int(found[1]) == 0:
        raise AssertionError(f"{work} was not counted: {done.stderr}")
    return int(found[1])


def compare(work, counted, recorded):
    """Returns (whether it is dearer than allowed, words)."""
    if not recorded:
        return True, f"{work}: {counted:,} instructions, nothing recorded to compare with"
    words = (f"{work}: {counted:,} instructions, recorded {recorded:,} "
             f"({counted / recorded - 1:+.1%})")
    if counted * 100 < recorded * (100 - ALLOWED_PERCENT):
        words += "; so much cheaper that it should be recorded anew"
    return counted * 100 > recorded * (100 + ALLOWED_PERCENT), words


def recorded_counts():
    return json.loads(RECORD.read_text(encoding="utf-8"))["instructions"]


def record(counts):
    RECORD.write_text(json.dumps({
        "built_with": "gcc 12 of Debian 12, -Dbuildtype=release",
        "instructions": counts,
    }, indent=1) + "\n", encoding="utf-8")


def main():
    program = os.path.abspath(sys.argv[1])
    counts = {work: count(program, work) for work in works(program)}
    if "--record" in sys.argv[2:]:
        record(counts)
    recorded = recorded_counts()
    failed = False
    for work, counted in counts.items():
        is_dearer, words = compare(work, counted, recorded.get(work))
        print(("FAIL " if is_dearer else "ok   ") + words)
        failed = failed or is_dearer
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
