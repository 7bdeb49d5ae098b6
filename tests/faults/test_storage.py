"""Full and damaged disks: named errors, reads go on, nothing acknowledged is lost."""

import os
import subprocess
import time
import unittest

from harness import ROOT
from storage import StorageTest, TmpfsTest
from workload import API

class Full(TmpfsTest):
    def test_a_full_disk_is_named_reads_go_on_and_writing_resumes_with_space(self):
        self.begin()
        self.run_some(30)
        pid, session = self.server.graphd.pid, self.mirrors[0].session
        for _ in range(3):
            self.fill()
            for _ in range(5):
                self.exhaust(session)
            # What was refused did not happen, and what was acknowledged can be read.
            self.check_all()
            self.filler.unlink()
            self.run_some(20)
        self.assertEqual(self.server.graphd.pid, pid)
        self.assertTrue(self.server.graphd.is_running())
        self.server.restart_graphd(kill=True)
        self.check_all()
        self.check_file()

    def test_a_command_refused_for_lack_of_space_is_done_when_repeated_with_space(self):
        self.begin()
        session = self.mirrors[0].session
        self.fill()
        command = self.exhaust(session)
        self.filler.unlink()
        command.by_http(self.http)
        self.assertIsNotNone(command.answer, command.last)
        self.done.append(command)
        self.check_all()


class Damage(StorageTest):
    """Bytes that changed on the disk."""

    def flip(self, text):
        """One bit of the record that holds this text; its copies in the log are gone by now."""
        path = self.server.data / "graph.db"
        data = bytearray(path.read_bytes())
        at = data.rindex(text.encode())
        data[at + 3] ^= 1
        path.write_bytes(data)

    def test_one_flipped_bit_stops_one_session_and_check_names_the_place(self):
        self.begin(sessions=3)
        hurt, sound = self.mirrors[1], self.mirrors[0]
        for i in range(20):
            for mirror in self.mirrors:
                self.assertEqual(self.create(mirror.session, f"node-{i}").status, 200)
        marked = self.create(hurt.session, "this-name-is-there-once").json
        for i in range(5):
            self.create(hurt.session)
        self.server.graphd.stop()
        self.flip("this-name-is-there-once")
        check = self.graphctl("check", self.server.data / "graph.db")
        self.assertEqual(check.returncode, 1, check.stdout + check.stderr)
        self.assertIn(f"session {hurt.session}", check.stdout)
        # The step's first event: the node's creation stands before command:executed.
        self.assertIn(f"seq {marked['seq'] - 1}:", check.stdout)
        self.assertNotIn(sound.session, check.stdout)
        self.server.graphd.start()
        self.server.await_ready()
        for path in ("", "/graph/tree", "/events?since=0"):
            reply = self.http.get(f"{API}/sessions/{hurt.session}{path}")
            self.assertEqual((reply.status, reply.json["error"]["code"]),
                             (503, "SESSION_DAMAGED"), reply)
        self.assertEqual(self.create(hurt.session).json["error"]["code"], "SESSION_DAMAGED")
        self.assertIn(hurt.session, self.server.graphd.log())
        for mirror in (sound, self.mirrors[2]):
            self.assertEqual(self.create(mirror.session).status, 200)
            mirror.catch_up(self.http)
            mirror.check_tree(self.http)

    def test_a_file_that_is_no_database_is_refused_and_left_alone(self):
        self.begin()
        self.server.graphd.stop()
        path = self.server.data / "graph.db"
        for content in (b"this is no database" * 500, path.read_bytes()[:100] + os.urandom(8192)):
            path.write_bytes(content)
            self.server.graphd.start()
            self.assertEqual(self.server.graphd.wait(5), 1)
            self.assertEqual(path.read_bytes(), content)
        self.server.graphd.process = None

    def test_garbage_behind_the_log_does_no_harm(self):
        self.begin()
        self.run_some(40)
        self.server.graphd.kill()
        with open(self.server.data / "graph.db-wal", "ab") as log:
            log.write(os.urandom(3000))
        self.server.graphd.start()
        self.server.await_ready()
        self.check_all()


class TwoOfThem(StorageTest):
    def second(self, *replaced):
        arguments = list(self.server.graphd.arguments)
        for option, value in replaced:
            arguments[arguments.index(option) + 1] = value
        started = time.monotonic()
        run = subprocess.run(arguments, capture_output=True, text=True, timeout=10, cwd=ROOT)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertLess(time.monotonic() - started, 1)
        return run.stderr

    def test_a_second_graphd_on_the_same_data_refuses_within_a_second(self):
        self.begin()
        self.assertIn("another graphd uses the data directory", self.second())
        self.run_some(5)

    def test_a_second_graphd_on_the_same_database_refuses_within_a_second(self):
        self.begin()
        other = self.server.directory / "other"
        sockets = [(f"--bind-{name}", f"ipc://{self.server.directory}/{name}.sock")
                   for name in ("requests", "events")]
        said = self.second(("--data", str(other)), *sockets)
        self.assertIn("another process uses the database", said)
        self.run_some(5)
        self.check_all()


if __name__ == "__main__":
    unittest.main()
