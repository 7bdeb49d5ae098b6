"""A data directory that is not what it should be: of another owner, not writable, moved away,
removed or gone read-only under a graphd that runs. Each is named, and nothing acknowledged is lost.
"""

import os
import shutil
import stat
import subprocess
import time
import unittest
from pathlib import Path

from harness import BUILD, ROOT, eventually
from storage import StorageTest

NOBODY = 65534


class Starts(StorageTest):
    """As somebody who may not do everything: modes mean nothing to root."""

    def setUp(self):
        super().setUp()
        self.arguments = self.server.graphd.arguments
        if os.geteuid() == 0:
            self.lend()

    def lend(self):
        """Nobody gets the program and its templates where it can reach them, and the directory."""
        directory = self.server.directory
        shutil.copy(BUILD / "graphd" / "graphd", directory / "graphd")
        shutil.copytree(ROOT / "graphd" / "templates", directory / "templates")
        for path in [directory, *directory.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        self.arguments = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                          directory / "graphd", *self.arguments[1:]]
        self.arguments[self.arguments.index("--templates") + 1] = directory / "templates"

    def refused(self, *words):
        started = time.monotonic()
        run = subprocess.run(self.arguments, capture_output=True, text=True, timeout=10, cwd="/")
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertLess(time.monotonic() - started, 2)
        self.assertEqual(run.stderr.count("fatal"), 1, run.stderr)
        for word in words:
            self.assertIn(str(word), run.stderr)

    def make_database(self):
        process = subprocess.Popen(self.arguments, stderr=subprocess.PIPE, text=True, cwd="/")
        self.addCleanup(process.stderr.close)
        for line in process.stderr:
            if "ready" in line:
                break
        process.terminate()
        self.assertEqual(process.wait(10), 0)

    def test_a_data_directory_that_may_not_be_opened_is_named(self):
        self.server.data.chmod(0)
        self.addCleanup(self.server.data.chmod, 0o700)
        self.refused(self.server.data, "Permission denied")

    def test_a_data_directory_that_may_not_be_written_is_named(self):
        self.server.data.chmod(0o500)
        self.addCleanup(self.server.data.chmod, 0o700)
        self.refused(self.server.data, "cannot make files", "Permission denied")

    def test_a_database_of_another_owner_is_named(self):
        self.make_database()
        database = self.server.data / "graph.db"
        for mode in (0, stat.S_IRUSR):
            database.chmod(mode)
            self.refused(database, "Permission denied")

    def test_a_log_of_another_owner_is_named(self):
        self.make_database()
        log = self.server.data / "graph.db-wal"
        log.touch()
        os.chmod(log, 0)
        self.refused(self.server.data / "graph.db", "Permission denied")

    def test_a_data_directory_that_cannot_be_made_or_is_a_file_is_named(self):
        at = self.arguments.index("--data") + 1
        file = self.server.directory / "file"
        file.touch()
        for path, words in (("/no/such/place", "No such file or directory"),
                            (file, "Not a directory")):
            self.arguments[at] = path
            self.refused(path, words)

    def test_a_directory_where_the_database_should_be_is_named(self):
        (self.server.data / "graph.db").mkdir()
        self.refused(self.server.data / "graph.db")


class Elsewhere(StorageTest):
    def setUp(self):
        super().setUp()
        # The sockets stay where they are: only the data goes.
        self.where = self.server.directory / "store"
        self.where.mkdir()
        self.put_store(self.where)

    def put_store(self, where):
        arguments = self.server.graphd.arguments
        arguments[arguments.index("--store") + 1] = f"sqlite:{where}/graph.db"

    def start_again(self):
        self.server.graphd.process = None
        self.start_graphd()
        self.await_served()
        self.check_all()


class Vanishing(Elsewhere):
    def test_a_data_directory_moved_away_ends_graphd_and_moved_back_it_is_whole(self):
        self.begin()
        self.run_some(20)
        away = self.server.directory / "away"
        for asks in (True, False):
            with self.subTest(asks=asks):
                self.where.rename(away)
                command = self.provoke() if asks else None
                self.assert_failed()
                self.assertIn(f"{self.where}/graph.db was moved", self.server.graphd.log())
                away.rename(self.where)
                self.start_again()
                self.settle(command)

    def test_another_directory_in_its_place_is_not_touched(self):
        self.begin()
        self.run_some(20)
        self.where.rename(self.server.directory / "away")
        self.where.mkdir()
        for name in ("graph.db", "graph.db-wal"):
            (self.where / name).write_text("of somebody else")
        command = self.provoke()
        self.assert_failed()
        for name in ("graph.db", "graph.db-wal"):
            self.assertEqual((self.where / name).read_text(), "of somebody else")
        shutil.rmtree(self.where)
        (self.server.directory / "away").rename(self.where)
        self.start_again()
        self.settle(command)

    def test_removed_files_end_graphd_before_anything_is_acknowledged(self):
        self.begin()
        for name in ("graph.db", "graph.db-wal"):
            with self.subTest(name=name):
                (self.where / name).unlink()
                reply = self.create(self.mirrors[0].session)
                self.assertNotEqual(reply.status, 200, reply)
                self.assert_failed()
                shutil.rmtree(self.where)
                self.where.mkdir()
                self.server.graphd.process = None
                self.start_graphd()
                eventually(self.is_ready, 10, "a gateway that is ready")
                self.mirrors[0].session = self.new_project()

    def test_a_shared_memory_file_is_not_made_and_one_that_lies_about_does_no_harm(self):
        self.begin()
        shared = self.where / "graph.db-shm"
        for content in (b"", os.urandom(32768)):
            self.run_some(10)
            self.assertFalse(shared.exists())
            self.server.graphd.kill()
            shared.write_bytes(content)
            self.start_again()
            shared.unlink()


class ReadOnly(Elsewhere):
    """An ext4 that finds an error of its own goes read-only under its users."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("SKIPPED LOUDLY: only root can mount a loop device")
        self.image = self.server.directory / "image"
        with open(self.image, "wb") as image:
            image.truncate(16 * 1024 * 1024)
        problem = self.make()
        if problem:
            self.skipTest(f"SKIPPED LOUDLY: no loop-mounted ext4 here: {problem}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.where])
        self.addCleanup(lambda: [d.kill() for d in self.server.daemons()])

    def make(self):
        """None, or why it cannot be had."""
        try:
            for command in (["mkfs.ext4", "-q", "-F", "-e", "remount-ro", self.image],
                            ["mount", "-o", "loop", self.image, self.where]):
                run = subprocess.run(command, capture_output=True, text=True, timeout=60)
                if run.returncode != 0:
                    return run.stderr.strip() or command[0]
        except FileNotFoundError as problem:
            return str(problem)
        device = subprocess.run(["findmnt", "-no", "SOURCE", self.where], capture_output=True,
                                text=True).stdout.strip()
        self.trigger = Path("/sys/fs/ext4") / Path(device).name / "trigger_fs_error"
        # A container may be allowed to mount and yet have a /sys that nobody can write.
        return None if os.access(self.trigger, os.W_OK) else f"{self.trigger} cannot be written"

    def test_a_file_system_that_goes_read_only_ends_graphd_and_is_named_at_the_start(self):
        self.begin()
        self.run_some(20)
        self.trigger.write_text("1")
        command = self.provoke()
        self.assert_failed()
        run = subprocess.run(self.server.graphd.arguments, capture_output=True, text=True,
                             timeout=10)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn(str(self.where), run.stderr)
        self.assertIn("Read-only file system", run.stderr)
        subprocess.run(["umount", self.where], check=True)
        subprocess.run(["mount", "-o", "loop", self.image, self.where], check=True)
        self.start_again()
        self.settle(command)


if __name__ == "__main__":
    unittest.main()
