"""No piece of work takes a tenth more instructions than when it was last recorded.

GUARD_PROGRAM names a program that was built elsewhere; otherwise build-guard is made, because what
the other suites run has other compiler options. Skipped without valgrind, or with another compiler.
"""

import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bench"))

import guard  # pylint: disable=wrong-import-position

BUILD = ROOT / "build-guard"


def why_not():
    """Why counts of this machine could not be compared with the recorded ones."""
    if not shutil.which("valgrind"):
        return "valgrind is not installed: apt-get install valgrind"
    version = subprocess.run(["gcc", "-dumpversion"], capture_output=True, text=True, check=False)
    if version.stdout.strip() != "12":
        return "the counts were recorded with gcc 12"
    return None


def build():
    """The options that decide about instructions must be those of the record."""
    env = {name: value for name, value in os.environ.items()
           if name not in ("CC", "CFLAGS", "LDFLAGS")}
    made = subprocess.run([ROOT / "scripts" / "build", BUILD, "-Dbench=true"], env=env,
                          capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise AssertionError(f"build-guard could not be built: {made.stdout}{made.stderr}")
    return BUILD / "tests" / "bench" / "guard"


class Comparing(unittest.TestCase):
    def test_a_tenth_more_is_allowed_and_anything_beyond_it_is_not(self):
        self.assertFalse(guard.compare("work", 1100, 1000)[0])
        self.assertTrue(guard.compare("work", 1101, 1000)[0])

    def test_getting_cheaper_is_allowed_and_pointed_out(self):
        is_dearer, words = guard.compare("work", 800, 1000)
        self.assertFalse(is_dearer)
        self.assertIn("recorded anew", words)

    def test_work_that_was_never_recorded_is_a_failure(self):
        self.assertTrue(guard.compare("work", 1000, None)[0])


class Counting(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = why_not()
        if reason:
            print(f"\nSKIPPED: {reason}", file=sys.stderr)
            raise unittest.SkipTest(reason)
        given = os.environ.get("GUARD_PROGRAM")
        program = Path(given) if given else build()
        cls.counts = {work: guard.count(program, work) for work in guard.works(program)}

    def test_every_recorded_work_is_still_done(self):
        self.assertEqual(set(self.counts), set(guard.recorded_counts()))

    def test_no_work_takes_a_tenth_more_instructions_than_recorded(self):
        recorded = guard.recorded_counts()
        for work, counted in self.counts.items():
            with self.subTest(work):
                is_dearer, words = guard.compare(work, counted, recorded.get(work))
                print(words)
                self.assertFalse(is_dearer, words)

    def test_a_command_costs_the_same_in_a_big_graph_as_in_a_small_one(self):
        small, big = (self.counts[f"update_property_{n}_nodes"] for n in (100, 5000))
        self.assertLess(big, small * 1.2)


if __name__ == "__main__":
    unittest.main()
