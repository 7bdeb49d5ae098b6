"""Run test suites and print, as the last line, how many tests passed and failed.

Suite `unit` is what meson knows. Any other suite is a directory under tests/ whose programs are
named test_*: .py (unittest, or a plain script), .mjs (node) and .sh (bash). Each program gets a
process group of its own and a time limit; what is left of the group afterwards is killed. A
program that reports its test cases counts by these, any other one counts as one test.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["BUILD"])
LONG = os.environ.get("LONG") == "1"
TIME_LIMIT_S = 3000 if LONG else 300

# What a program that passed has to say besides: what it measured, and how to repeat it.
FIGURE = re.compile(r"SEED=\d+|\d (kills|power cuts|readings|deliveries)|ready after:| children \d|commands/s|SKIPPED")


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def environment():
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1", NO_COLOR="1")
    env["PYTHONPATH"] = str(ROOT / "tests" / "support")
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
    env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
    # Check forks a process for each case by default; meson's own time limit covers hangs.
    env.setdefault("CK_DEFAULT_TIMEOUT", "120" if LONG else "60")
    return env


def run(command, limit_s):
    """Returns (exit status or None when the time was over, output)."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        out.seek(0)
        return status, out.read().decode("utf-8", "replace")


def count_unittest(output):
    ran = re.findall(r"^Ran (\d+) tests? in", output, re.M)
    if not ran:
        return None
    tally = Tally()
    summary = (re.findall(r"^(?:OK|FAILED|NO TESTS RAN).*", output, re.M) or [""])[-1]
    counts = {word: int(n) for word, n in re.findall(r"(\w+)=(\d+)", summary)}
    tally.failed = (counts.get("failures", 0) + counts.get("errors", 0)
                    + counts.get("successes", 0))
    tally.skipped = counts.get("skipped", 0)
    tally.passed = max(0, int(ran[-1]) - tally.failed - tally.skipped)
    return tally


def count_node(output):
    """node:test ends with lines such as `# pass 3` or `ℹ pass 3`."""
    counts = dict(re.findall(r"^(?:#|ℹ) (pass|fail|skipped|cancelled) (\d+)$", output, re.M))
    if "pass" not in counts:
        return None
    tally = Tally()
    tally.passed = int(counts["pass"])
    tally.failed = int(counts.get("fail", 0)) + int(counts.get("cancelled", 0))
    tally.skipped = int(counts.get("skipped", 0))
    return tally


def one(ok):
    tally = Tally()
    tally.passed, tally.failed = (1, 0) if ok else (0, 1)
    return tally


def command_for(path):
    if path.suffix == ".mjs":
        return ["node", str(path)], count_node
    if path.suffix == ".sh":
        return ["bash", str(path)], lambda output: None
    if re.search("unittest|ServerTest", path.read_text()):
        # As a file, not a module: a name such as tests/docs/test_x.py needs no package around it.
        loader = ("import os,sys,unittest,importlib.util as u;"
                  "p=sys.argv.pop(1);sys.path.insert(0,os.path.dirname(p));s=u.spec_from_file_location('__test__',p);"
                  "m=u.module_from_spec(s);sys.modules['__test__']=m;s.loader.exec_module(m);"
                  "unittest.main(m,verbosity=2)")
        return ["/usr/bin/python3", "-c", loader, str(path)], count_unittest
    return ["/usr/bin/python3", str(path)], lambda output: None


def report(name, tally, seconds, failed, output):
    words = f"{tally.passed} passed, {tally.failed} failed"
    if tally.skipped:
        words += f", {tally.skipped} skipped"
    print(f"{'FAIL' if failed else 'ok  '} {name}: {words} ({seconds:.1f} s)", flush=True)
    if failed:
        print(output.rstrip(), flush=True)
        return
    for line in output.splitlines():
        if FIGURE.search(line):
            print(f"     {line.strip()}", flush=True)


def run_program(path):
    command, count = command_for(path)
    started = time.monotonic()
    status, output = run(command, TIME_LIMIT_S)
    tally = count(output) or one(status == 0)
    if status is None:
        output += f"\nstopped: still running after {TIME_LIMIT_S} s"
    empty = tally.passed + tally.failed + tally.skipped == 0
    if empty:
        output += "\nthe program holds no test"
    # A crash after the last case, or none at all, must not hide behind the cases that passed.
    if tally.failed == 0 and (status != 0 or empty):
        tally.failed = 1
    report(path.relative_to(ROOT), tally, time.monotonic() - started, tally.failed > 0, output)
    return tally


def run_directory(suite):
    total = Tally()
    directory = ROOT / "tests" / suite
    programs = (p for p in directory.glob("test_*") if p.suffix in (".py", ".mjs", ".sh"))
    for path in sorted(programs):
        total.add(run_program(path))
    return total


def run_unit():
    """Cases are counted from Check's own summary line of each program."""
    command = ["meson", "test", "-C", str(BUILD), "--no-rebuild", "--suite", "unit",
               "--timeout-multiplier", "10" if LONG else "1"]
    started = time.monotonic()
    log = BUILD / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    status, output = run(command, TIME_LIMIT_S * 4)
    total = Tally()
    if log.exists():
        for line in log.read_text().splitlines():
            total.add(report_unit(json.loads(line)))
    nothing_to_run = "No tests defined" in output or "No suitable tests" in output
    if total.failed == 0 and status != 0 and not nothing_to_run:
        total.failed = 1
        report("unit", total, time.monotonic() - started, True, output)
    return total


def report_unit(test):
    output = (test.get("stdout") or "") + (test.get("stderr") or "")
    tally = Tally()
    for checks, failures, errors in re.findall(
            r"Checks: (\d+), Failures: (\d+), Errors: (\d+)", output):
        bad = int(failures) + int(errors)
        tally.failed += bad
        tally.passed += int(checks) - bad
    if tally.passed + tally.failed == 0:
        tally = one(test["result"] == "OK")
    elif test["result"] != "OK" and tally.failed == 0:
        tally.failed = 1
    report(test["name"], tally, test["duration"], tally.failed > 0,
           f"{test['result']}\n{output}")
    return tally


def main():
    total = Tally()
    for suite in sys.argv[1:]:
        total.add(run_unit() if suite == "unit" else run_directory(suite))
    if total.skipped:
        print(f"{total.skipped} skipped")
    print(f"{total.passed} passed, {total.failed} failed")
    # Nothing run at all is not a success either.
    return 0 if total.failed == 0 and total.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
