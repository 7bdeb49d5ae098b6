"""Memory that runs out, at any one request for it or for good: graphd serves on, or ends and says
why, and whatever was acknowledged is there afterwards.
"""

import re
import signal
import subprocess
import time
import unittest

from harness import LONG
from storage import PreloadTest

UNDER_LOAD = 100 if LONG else 8
AT_THE_START = 400 if LONG else 40
# Its own words, or those of a library in which graphd cannot go on: libzmq and the C++ runtime.
WORDS = re.compile(r" fatal [a-z]+: |OUT OF MEMORY|std::bad_alloc|out of memory")


class OutOfMemory(PreloadTest):
    source = "preload_memory.c"
    deadline_ms = 600

    def setUp(self):
        super().setUp()
        if "asan" in subprocess.run(["ldd", self.server.graphd.arguments[0]], capture_output=True,
                                    text=True).stdout:
            self.skipTest("SKIPPED LOUDLY: the address sanitizer has its own malloc")

    def make_fault(self, most):
        """At one request, or there and from then on; early ones are tried more often."""
        n = self.chance.randint(1, self.chance.choice([most // 50, most // 5, most]))
        return f"memory:{n}{self.chance.choice(['', '+'])}"

    def set_armed(self, armed):
        with open(self.arm, "r+b") as arm:
            arm.write(b"\1" if armed else b"\0")

    def prepare_memory(self, fault, armed):
        self.prepare(fault)
        self.arm.write_bytes(b"\0")
        self.set_armed(armed)

    def assert_said(self, status, words):
        """A failure of ours is told in our words; no signal but that of an abort in a library."""
        self.assertIn(status, (1, -signal.SIGABRT), words)
        self.assertRegex(words, WORDS)
        self.assertNotIn("Assertion", words)
        self.assertNotIn("Unexpected error", words)

    def test_what_was_acknowledged_is_there_after_memory_ran_out(self):
        self.begin()
        self.run_some(20)
        ended = 0
        for _ in range(UNDER_LOAD):
            fault = self.make_fault(3000)
            with self.subTest(fault=fault):
                graphd = self.server.graphd
                graphd.kill()
                self.prepare_memory(fault, False)
                before = len(graphd.log())
                self.start_graphd()
                self.await_served()
                self.set_armed(True)
                command = self.provoke(30)
                time.sleep(0.1)
                if not graphd.is_running():
                    ended += 1
                    self.assert_said(graphd.wait(), graphd.log()[before:])
                self.restart_sound()
                self.settle(command)
        print(f"{ended} of {UNDER_LOAD} ended graphd")
        self.assertGreater(ended, 0)
        self.check_file()

    def test_a_start_without_memory_is_a_start_or_says_why_not(self):
        self.begin()
        self.run_some(20)
        self.server.graphd.stop()
        ended = 0
        for _ in range(AT_THE_START):
            fault = self.make_fault(1500)
            with self.subTest(fault=fault):
                self.prepare_memory(fault, True)
                process = subprocess.Popen(self.server.graphd.arguments, stderr=subprocess.PIPE,
                                           text=True, env=self.server.graphd.env)
                self.addCleanup(process.kill)
                words = ""
                for line in process.stderr:
                    words += line
                    if "ready: requests" in line:
                        process.kill()
                process.stderr.close()
                status = process.wait(10)
                if "ready: requests" not in words:
                    ended += 1
                    self.assert_said(status, words)
        self.assertGreater(ended, 0)
        self.restart_sound()
        self.check_all()
        self.check_file()


if __name__ == "__main__":
    unittest.main()
