"""graphctl's command line, and what it says of files that are no databases of ours."""

import sqlite3
import subprocess
import tempfile
import unittest
from pathlib import Path

from test_graphctl import GRAPHCTL, graphctl


class Words(unittest.TestCase):
    def test_help_and_version_say_what_there_is(self):
        run = graphctl("--help")
        self.assertEqual(run.returncode, 0)
        for word in ("check", "backup", "restore", "export", "import", "compact", "tap",
                     "metrics", "keygen"):
            self.assertIn(word, run.stdout)
        self.assertRegex(graphctl("--version").stdout, r"^graphctl \d+\.\d+")

    def test_a_wrong_command_line_is_refused_with_status_2(self):
        for arguments in ([], ["nothing"], ["check"], ["check", "a", "b"], ["backup", "x"],
                          ["check", "x", "--json"], ["compact", "x"], ["--nonsense"],
                          ["compact", "x", "--keep-steps", "1", "--keep-hours", "1"],
                          ["compact", "x", "--keep-steps", "-1"], ["tap"],
                          ["tap", "--events", "ipc:///x", "--since", "1"],
                          ["tap", "--events", "ipc:///x", "--session", "no-id"]):
            with self.subTest(arguments=arguments):
                run = graphctl(*arguments)
                self.assertEqual(run.returncode, 2, run.stdout + run.stderr)
                self.assertTrue(run.stderr)

    def test_a_file_that_is_not_there_is_named_and_not_made(self):
        for arguments in (["check", "/tmp/no-such-file.db"],
                          ["compact", "/tmp/no-such-file.db", "--keep-steps", "1"],
                          ["restore", "/tmp/no-such-file.db", "/tmp/no-such-copy.db"]):
            run = graphctl(*arguments)
            self.assertEqual(run.returncode, 1)
            self.assertIn("/tmp/no-such-file.db: No such file", run.stderr)
        self.assertFalse(Path("/tmp/no-such-file.db").exists())
        self.assertFalse(Path("/tmp/no-such-copy.db").exists())

    def test_what_a_foreign_file_holds_does_not_reach_the_terminal(self):
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "foreign.db"
            with sqlite3.connect(file) as db:
                db.execute("CREATE TABLE victim_of_the_attack (x)")
            db.close()
            file.write_bytes(file.read_bytes().replace(b"victim_of", b"v\x1b[31m\xff("))
            run = subprocess.run([GRAPHCTL, "check", file], capture_output=True)
            self.assertEqual(run.returncode, 1)
            self.assertIn(b"malformed", run.stderr)
            self.assertNotIn(b"\x1b", run.stderr)
            run.stderr.decode()

    def test_an_empty_file_is_no_sound_database(self):
        with tempfile.TemporaryDirectory() as directory:
            file, copy = Path(directory) / "cut.db", Path(directory) / "copy.db"
            for content in (b"", b"S", b"SQLite format 3\0"):
                file.write_bytes(content)
                for arguments in (["check", file], ["compact", file, "--keep-steps", "1"],
                                  ["restore", file, copy]):
                    run = graphctl(*arguments)
                    self.assertEqual(run.returncode, 1, run.stdout)
                    self.assertIn("it is empty", run.stderr)
                self.assertEqual(file.read_bytes(), content)
                self.assertFalse(copy.exists())


if __name__ == "__main__":
    unittest.main()
