"""A disk that fails: one flush, write or read of the database's files, or all of them. Nothing more
is acknowledged, graphd ends, and all that was acknowledged is there; a disk that is only full, or
one place of it that cannot be read, ends nothing.
"""

import errno
import os
import subprocess
import time
import unittest

from harness import LONG
from storage import GRAPHCTL, PreloadTest
from workload import API, Mirror

# What a read may be answered with that the disk did not let happen.
NAMED = ("STORAGE_FAILED", "SESSION_DAMAGED")


class Faults(PreloadTest):
    def fail_each(self, operation, numbers):
        """The n-th call fails, for each n: always the same end, and never anything lost."""
        self.begin()
        for n in numbers:
            with self.subTest(n=n):
                self.start_with(f"{operation}:{n}")
                self.arm.touch()
                command = self.provoke()
                self.assert_failed()
                self.assertIn("preload: the fault", self.server.graphd.log())
                self.assertNotIn("preload: written after the fault", self.server.graphd.log())
                if command:
                    self.assertNotEqual(getattr(command.last, "status", 0), 200)
                self.restart_sound()
                self.settle(command)
        self.check_file()

    def test_after_a_failed_flush_nothing_is_acknowledged_and_graphd_ends(self):
        self.fail_each("fsync", range(1, 13 if LONG else 5))

    def test_after_a_failed_write_nothing_is_acknowledged_and_graphd_ends(self):
        self.fail_each("write", range(1, 41) if LONG else (1, 2, 3, 5, 8))

    def test_a_disk_that_fails_for_good_is_the_same(self):
        self.fail_each("write", ("1+", "4+"))

    def test_a_disk_that_fails_while_nobody_asks_ends_graphd_too(self):
        self.begin()
        # What is written behind the answer: the sessions' rows, and twice in bringing the log home.
        for n in (1, 2, 3):
            with self.subTest(n=n):
                self.start_with(f"fsync:{n}")
                self.done.append(self.composer.certain())
                self.done[-1].by_http(self.http)
                self.assertEqual(self.done[-1].last.status, 200)
                self.arm.touch()
                self.assert_failed()
                self.assertNotIn("preload: written after the fault", self.server.graphd.log())
                self.restart_sound()
                self.check_all()
        self.check_file()

    def test_a_disk_that_fails_while_graphd_ends_is_told_by_its_status(self):
        self.begin()
        self.start_with("write:1")
        self.done.append(self.composer.certain())
        self.done[-1].by_http(self.http)
        self.assertEqual(self.done[-1].last.status, 200)
        self.arm.touch()
        self.server.graphd.signal(15)
        self.assertEqual(self.server.graphd.wait(), 1, self.server.graphd.log_tail())
        self.restart_sound()
        self.check_all()

    def test_no_room_and_no_quota_are_not_a_failed_disk(self):
        self.begin()
        for number in (errno.ENOSPC, errno.EDQUOT):
            for n in range(1, 13 if LONG else 4):
                with self.subTest(number=errno.errorcode[number], n=n):
                    self.start_with(f"write:{n}", number)
                    self.arm.touch()
                    command = self.provoke(20)
                    if command:
                        self.assertEqual(command.last.status, 507, command.last)
                        self.assertEqual(command.last.json["error"]["code"], "STORAGE_FULL")
                    self.assertIn("preload: the fault", self.server.graphd.log())
                    self.assertTrue(self.server.graphd.is_running())
                    self.settle(command)
        self.check_file()

    def test_a_torn_write_loses_nothing_that_was_acknowledged(self):
        self.begin()
        for n in range(1, 25) if LONG else (1, 2, 4):
            with self.subTest(n=n):
                self.start_with(f"torn:{n}")
                self.arm.touch()
                command = self.provoke(30)
                self.assertEqual(self.server.graphd.process.wait(10), 9)
                self.restart_sound()
                self.settle(command)
        self.check_file()


class Reading(PreloadTest):
    def test_a_failed_read_at_the_start_is_a_named_error_or_harmless(self):
        self.begin()
        self.run_some(40)
        failed_starts = 0
        for n in range(1, 41 if LONG else 11):
            with self.subTest(n=n):
                graphd = self.server.graphd
                graphd.kill()
                self.prepare(f"read:{n}")
                self.arm.touch()
                before = len(graphd.log())
                self.start_graphd()
                if graphd.is_running():
                    self.read_all()
                else:
                    failed_starts += 1
                    self.assertEqual(graphd.process.wait(), 1)
                    self.assertIn(str(self.server.data / "graph.db"), graphd.log()[before:])
                    self.assertIn(os.strerror(errno.EIO), graphd.log()[before:])
                self.restart_sound()
                self.check_all()
        self.assertGreater(failed_starts, 0, "no read at the start was hit")

    def read_all(self):
        """Right answers or named errors."""
        for mirror in self.mirrors:
            for path in ("graph/tree", "events?since=0"):
                reply = self.http.get(f"{API}/sessions/{mirror.session}/{path}")
                if reply.status != 200:
                    self.assertIn(reply.json["error"]["code"], NAMED)
                elif path == "graph/tree":
                    mirror.check_tree(self.http)
                else:
                    again = Mirror(mirror.session)
                    again.take(reply.json["events"])


class ReadingTheJournal(PreloadTest):
    """While graphd runs, from sessions that are not in memory and have no snapshots."""

    graphd_options = ()

    def start_cold(self, fault):
        self.server.graphd.stop()
        self.prepare(fault)
        self.start_graphd()
        self.arm.touch()

    def test_one_read_that_fails_hurts_one_session_at_most(self):
        self.begin(sessions=2)
        self.run_some(60)
        hurt = 0
        for n in range(1, 25):
            if hurt >= (6 if LONG else 1):
                break
            self.start_cold(f"read:{n}")
            replies = [self.http.get(f"{API}/sessions/{m.session}/graph/tree")
                       for m in self.mirrors]
            for mirror, reply in zip(self.mirrors, replies):
                if reply.status == 200:
                    mirror.catch_up(self.http)
                    mirror.check_tree(self.http)
                    self.assertEqual(self.create(mirror.session).status, 200)
                else:
                    self.assertIn(reply.json["error"]["code"], NAMED, reply)
            failed = [r for r in replies if r.status != 200]
            self.assertLessEqual(len(failed), 1)
            hurt += len(failed)
            self.restart_sound()
            self.check_all()
        self.assertGreater(hurt, 0)
        self.check_file()

    def test_a_place_that_cannot_be_read_stops_one_session_and_no_other(self):
        self.begin(sessions=3)
        hurt, others = self.mirrors[1], [self.mirrors[0], self.mirrors[2]]
        # Of another page than the others' records, and not of the last one, which a start reads.
        for name in ("x", "x", "this-name-is-there-once", "x", "x", "x", "x", "x"):
            self.assertEqual(self.create(hurt.session, name.ljust(1000, "x")).status, 200)
        self.server.graphd.stop()
        at = (self.server.data / "graph.db").read_bytes().rindex(b"this-name-is-there-once")
        self.start_graphd()
        self.start_cold(f"sector:{at}")
        for _ in range(3):
            reply = self.http.get(f"{API}/sessions/{hurt.session}/graph/tree")
            self.assertEqual((reply.status, reply.json["error"]["code"]), (503, "SESSION_DAMAGED"))
            for mirror in others:
                self.assertEqual(self.create(mirror.session).status, 200)
                mirror.catch_up(self.http)
                mirror.check_tree(self.http)
        self.assertIn(f"{hurt.session}: the journal is damaged", self.server.graphd.log())
        self.assertIn("preload: the fault", self.server.graphd.log())
        # Meanwhile graphd looks whether the disk as a whole can still be written.
        before = self.server.graphd.log()
        time.sleep(1.5)
        self.assertTrue(self.is_ready(), self.server.graphd.log()[len(before):])
        self.restart_sound()
        self.check_all()

    def test_a_disk_that_cannot_be_read_at_all_ends_graphd(self):
        self.begin()
        self.run_some(30)
        # More pages than those that a start has read, which are still known.
        for _ in range(20):
            self.assertEqual(self.create(self.mirrors[0].session, "x" * 1000).status, 200)
        self.start_cold("read:1+")
        reply = self.http.get(f"{API}/sessions/{self.mirrors[0].session}/graph/tree")
        self.assertEqual(reply.status, 503)
        self.assertIn(reply.json["error"]["code"], NAMED)
        self.assert_failed()
        self.restart_sound()
        self.check_all()
        self.check_file()


class Compacting(PreloadTest):
    def test_a_compaction_that_the_disk_does_not_let_end_leaves_the_file_as_it_was(self):
        self.begin()
        self.run_some(30)
        self.server.graphd.stop()
        self.arm.touch()
        file, ended = self.server.data / "graph.db", 0
        compact = [GRAPHCTL, "compact", str(file), "--keep-steps", "5"]
        for fault, number in (("fsync", errno.EIO), ("write", errno.EIO), ("write", errno.ENOSPC)):
            before = file.read_bytes()
            for n in range(1, 200):
                self.prepare(f"{fault}:{n}+", number)
                self.arm.touch()
                env = {**os.environ, **self.server.graphd.env}
                run = subprocess.run(compact, capture_output=True, text=True, env=env, timeout=60)
                check = self.graphctl("check", file)
                self.assertEqual(check.returncode, 0, (fault, n, run.stderr, check.stdout))
                if "preload: the fault" not in run.stderr:
                    break
                ended += run.returncode == 0
                file.write_bytes(before)
            self.assertEqual(run.returncode, 0, run.stderr)
        # What fails once the file is in its place, if anything does, is the end of an empty log.
        self.assertLessEqual(ended, 3)
        self.server.graphd.env = self.sound
        self.start_graphd()
        self.await_served()
        self.check_all()


if __name__ == "__main__":
    unittest.main()
