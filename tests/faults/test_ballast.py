"""The ballast: room that the operator of a full disk can give graphd at once."""

import subprocess
import unittest

from storage import StorageTest, TmpfsTest

BALLAST_BYTES = 16 * 1024 * 1024


class Ballast(TmpfsTest):
    size = "66m"

    def setUp(self):
        super().setUp()
        self.ballast = self.server.data / "ballast"

    def restart(self):
        self.server.graphd.stop()
        self.start_graphd()
        self.await_served()

    def test_removed_on_a_full_disk_it_lets_writing_go_on_without_a_restart(self):
        self.begin()
        self.run_some(10)
        pid, session = self.server.graphd.pid, self.mirrors[0].session
        self.assertEqual(self.ballast.stat().st_size, BALLAST_BYTES)
        self.assertEqual(self.ballast.stat().st_blocks * 512, BALLAST_BYTES)
        self.assertEqual(self.ballast.stat().st_mode & 0o777, 0o600)
        self.fill()
        command = self.exhaust(session)
        self.check_all()
        self.ballast.unlink()
        self.settle(command)
        for _ in range(300):
            reply = self.create(session, "y" * 1000)
            self.assertEqual(reply.status, 200, reply)
        self.assertEqual(self.server.graphd.pid, pid)
        log = self.server.graphd.log()
        self.assertEqual(log.count("a transaction failed"), log.count("there is room again"))
        self.check_all()

    def test_it_comes_back_at_a_start_that_finds_room_and_not_before(self):
        self.begin()
        self.fill()
        command = self.exhaust(self.mirrors[0].session)
        self.ballast.unlink()
        self.fill()
        # A full disk is no reason not to start, nor not to read.
        self.restart()
        self.check_all()
        self.assertFalse(self.ballast.exists())
        self.exhaust(self.mirrors[0].session)
        self.filler.unlink()
        self.assertFalse(self.ballast.exists())
        self.settle(command)
        self.restart()
        self.assertEqual(self.ballast.stat().st_size, BALLAST_BYTES)
        made = self.ballast.stat().st_mtime_ns
        self.restart()
        self.assertEqual(self.ballast.stat().st_mtime_ns, made)
        self.check_all()
        self.check_file()


class Small(TmpfsTest):
    """64 MiB, of which the database takes some."""

    size = "64m"

    def test_where_room_is_scarce_none_is_made(self):
        self.begin()
        self.run_some(5)
        self.assertFalse((self.server.data / "ballast").exists())
        self.assertIn("less than 64 MiB are free", self.server.graphd.log())


class Others(StorageTest):
    def test_a_file_of_that_name_that_is_not_ours_is_left_alone(self):
        (self.server.data / "ballast").write_text("my lead weights")
        self.begin()
        self.run_some(5)
        self.server.graphd.stop()
        self.assertEqual((self.server.data / "ballast").read_text(), "my lead weights")

    def test_a_file_system_that_cannot_set_room_aside_has_none_and_serves(self):
        image = self.server.directory / "image"
        with open(image, "wb") as file:
            file.truncate(128 * 1024 * 1024)
        where = self.server.directory / "store"
        where.mkdir()
        for command in (["mkfs.ext4", "-q", "-F", "-O", "^extents,^64bit,^metadata_csum", image],
                        ["mount", "-o", "loop", image, where]):
            try:
                run = subprocess.run(command, capture_output=True, text=True, timeout=60)
            except FileNotFoundError as problem:
                self.skipTest(f"SKIPPED LOUDLY: {problem}")
            if run.returncode != 0:
                self.skipTest(f"SKIPPED LOUDLY: no loop-mounted ext4 here: {run.stderr}")
        self.addCleanup(subprocess.run, ["umount", "-l", where])
        self.addCleanup(lambda: [d.kill() for d in self.server.daemons()])
        arguments = self.server.graphd.arguments
        arguments[arguments.index("--store") + 1] = f"sqlite:{where}/graph.db"
        self.begin()
        self.run_some(5)
        self.assertFalse((where / "ballast").exists())
        self.assertIn("none can be kept", self.server.graphd.log())
        self.check_all()


if __name__ == "__main__":
    unittest.main()
