"""graphctl: every tool on real data, running or closed."""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import unittest
from pathlib import Path

from clients import MINIMAL
from harness import BUILD, Server, eventually, free_port
from project_test import API, ProjectTest, new_id
from workload import Mirror

GRAPHCTL = BUILD / "graphd" / "graphctl"


def graphctl(*arguments, stdin=None):
    return subprocess.run([GRAPHCTL, *map(str, arguments)], capture_output=True, text=True,
                          input=stdin, timeout=120)


class CtlTest(ProjectTest):
    fresh = True
    server_options = {"store": "sqlite"}

    def setUp(self):
        super().setUp()
        self.file = self.server.data / "graph.db"
        self.requests = ["--requests", self.server.requests]

    def ctl(self, *arguments, status=0, stdin=None):
        run = graphctl(*arguments, stdin=stdin)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run.stdout if status == 0 else run.stdout + run.stderr

    def create_many(self, n, session=None):
        for i in range(n):
            body = {"session_id": session or self.session, "command_type": "CreateNode",
                    "data": {"blueprint_type_id": "phase", "name": f"Node {i}"}}
            self.ok(self.post("/commands/execute", body, MINIMAL))

    def with_graphd_down(self, action):
        """The file is closed meanwhile; returns what action returned."""
        self.server.graphd.stop()
        try:
            return action()
        finally:
            self.server.graphd.start()
            self.await_served()

    def await_served(self):
        self.server.await_ready()
        eventually(lambda: self.get(f"/sessions/{self.session}").status == 200, 10, "an answer")


class Check(CtlTest):
    server_options = {"store": "sqlite", "graphd_options": ["--snapshot-steps", "200"]}

    def change(self, *statements):
        with sqlite3.connect(self.file) as db:
            for statement in statements:
                self.assertGreater(db.execute(statement).rowcount, 0, statement)
        db.close()

    def test_a_sound_file_is_well_and_one_in_use_is_refused(self):
        self.create_many(5)
        self.assertIn("in use", self.ctl("check", self.file, status=1))
        self.server.graphd.kill()
        self.assertIn("1 sessions, all is well", self.ctl("check", self.file))

    def test_each_kind_of_damage_is_named(self):
        self.create_many(600)
        self.ok(self.post(f"/sessions/{self.session}/save"))
        eventually(self.has_snapshot, 20, "a snapshot")
        self.server.graphd.stop()
        sound = self.file.read_bytes()
        record = "(SELECT lsn FROM journal WHERE ordinal = 300)"
        for statement, said in (
                (f"UPDATE journal SET time_us = time_us + 1 WHERE lsn = {record}",
                 "checksum of record"),
                (f"DELETE FROM journal WHERE lsn = {record}", "does not continue"),
                ("UPDATE snapshot_parts SET bytes = CAST(x'00' || bytes AS BLOB)",
                 "the checksum of the snapshot"),
                ("UPDATE revisions SET bytes = x'00'", "revision 1 of project"),
                ("UPDATE sessions SET checksum = checksum + 1", "its records end"),
                ("UPDATE marks SET lsn = lsn + 1 WHERE ordinal = 128", "the mark of step 128")):
            with self.subTest(said=said):
                self.file.write_bytes(sound)
                self.change(statement)
                output = self.ctl("check", self.file, status=1)
                self.assertIn(said, output)
                self.assertRegex(output, r"(?m)^1 sessions, \d+ flaws$")
                if "UPDATE journal" in statement:
                    self.assertIn(f"session {self.session}, step 300,", output)
        self.file.write_bytes(sound)
        self.assertIn("all is well", self.ctl("check", self.file))

    def has_snapshot(self):
        """Seen in a copy: nobody else may open the file."""
        copy = self.server.directory / "copy.db"
        shutil.copy(self.file, copy)
        shutil.copy(f"{self.file}-wal", f"{copy}-wal")
        db = sqlite3.connect(copy)
        self.addCleanup(db.close)
        return db.execute("SELECT count(*) FROM snapshots").fetchone()[0]


class Backup(CtlTest):
    @classmethod
    def _new_server(cls):
        server = Server(store="sqlite")
        cls.backups = server.directory / "backups"
        cls.backups.mkdir()
        server.graphd.arguments += ["--backup-dir", str(cls.backups)]
        return server.start()

    def test_a_backup_under_load_is_whole_and_goes_on_as_another_history(self):
        others = [self.new_project()[0] for _ in range(3)]
        ending = threading.Event()
        threads = [threading.Thread(target=self.write_until, args=(s, ending)) for s in others]
        for thread in threads:
            thread.start()
        for i in range(3):
            self.ctl("backup", f"b{i}.db", *self.requests)
        ending.set()
        for thread in threads:
            thread.join()
        for i in range(3):
            self.assertIn("4 sessions, all is well", self.ctl("check", self.backups / f"b{i}.db"))
        mirrors = self.mirrors(others)
        logs = {s: self.info(s)["log_id"] for s in others}
        self.server.graphd.stop()
        restored = self.backups / "restored.db"
        self.ctl("restore", self.backups / "b1.db", restored)
        self.assertIn("all is well", self.ctl("check", restored))
        again = self.ctl("restore", self.backups / "b1.db", restored, status=1)
        self.assertIn("File exists", again)
        arguments = self.server.graphd.arguments
        arguments[arguments.index("--store") + 1] = f"sqlite:{restored}"
        self.server.graphd.start()
        self.await_served()
        for session in others:
            self.compare(session, mirrors[session], logs[session])

    def mirrors(self, sessions):
        made = {s: Mirror(s) for s in sessions}
        for mirror in made.values():
            mirror.catch_up(self.http)
        return made

    def compare(self, session, mirror, log_id):
        """What was restored is a beginning of what there was, under another log_id."""
        restored = Mirror(session)
        restored.catch_up(self.http)
        restored.check_tree(self.http)
        self.assertGreater(restored.seq, 0)
        self.assertEqual(restored.bodies, {s: b for s, b in mirror.bodies.items()
                                           if s <= restored.seq})
        self.assertNotEqual(self.info(session)["log_id"], log_id)
        self.create_many(2, session)
        restored.catch_up(self.http)
        restored.check_tree(self.http)
        # A client that knew the old history is told so, whatever its seq.
        listener = self.closing(self.server.websocket(
            f"session_id={session}&since=3&log_id={log_id}"))
        listener.await_event("session:resync")

    def write_until(self, session, ending):
        with self.server.http() as http:
            while not ending.is_set():
                body = {"session_id": session, "command_type": "CreateNode",
                        "data": {"blueprint_type_id": "phase", "name": "N"}}
                http.post(f"{API}/commands/execute", body, MINIMAL)

    def test_nothing_outside_the_directory_can_be_written(self):
        for name in ("../x.db", "/tmp/x.db", "a/b.db", "..", ".hidden", "", "a b", "x" * 129,
                     "nul\x01", "ä.db"):
            with self.subTest(name=name):
                said = self.ctl("backup", *self.requests, "--", name, status=1)
                self.assertIn("INVALID_REQUEST", said)
        (self.backups / "link.db").symlink_to("/tmp/elsewhere.db")
        self.assertIn("already", self.ctl("backup", "link.db", *self.requests, status=1))
        self.ctl("backup", "once.db", *self.requests)
        self.assertIn("already", self.ctl("backup", "once.db", *self.requests, status=1))
        self.assertEqual({p.name for p in self.backups.iterdir()}, {"link.db", "once.db"})
        self.assertEqual((self.backups / "once.db").stat().st_mode & 0o777, 0o600)

    def test_a_database_with_a_log_beside_it_is_no_backup(self):
        self.create_many(3)
        self.server.graphd.kill()
        said = self.ctl("restore", self.file, self.backups / "x.db", status=1)
        self.assertIn("a log beside it", said)
        self.assertFalse((self.backups / "x.db").exists())


    def test_the_log_of_a_lost_database_is_not_taken_for_that_of_the_restored_one(self):
        self.ctl("backup", "early.db", *self.requests)
        self.create_many(3)
        self.server.graphd.kill()
        log = self.server.data / "graph.db-wal"
        before = log.read_bytes()
        self.file.unlink()
        said = self.ctl("restore", self.backups / "early.db", self.file, status=1)
        self.assertIn(f"{log}: the log of another database", said)
        self.assertFalse(self.file.exists())
        self.assertEqual(log.read_bytes(), before)
        log.unlink()
        self.ctl("restore", self.backups / "early.db", self.file)
        self.assertIn("all is well", self.ctl("check", self.file))


class NoBackup(CtlTest):
    def test_without_a_directory_there_are_no_backups(self):
        self.assertIn("makes no backups", self.ctl("backup", "x.db", *self.requests, status=1))

    def test_a_directory_that_is_not_there_is_told_at_the_start(self):
        graphd = self.server.graphd
        graphd.stop()
        graphd.arguments += ["--backup-dir", "/nowhere"]
        graphd.start()
        self.server.await_ready()
        self.assertIn("nothing can be written to /nowhere: No such file", graphd.log())

    def test_no_client_of_a_gateway_can_ask_for_one(self):
        reply = self.execute(self.session, "Backup", name="x.db")
        self.assertEqual(reply.status, 400, reply)
        listener = self.websocket()
        for message in ({"do": "Backup", "name": "x.db"}, {"do": "backup", "name": "x.db"}):
            answer = listener.ask(**message)
            self.assertIn("error", answer)
        self.assertIn("error", listener.execute("Backup", name="x.db"))

    def test_a_graphd_that_is_not_there_is_said_to_be(self):
        # Waiting for an answer is long because backups are; waiting for a graphd is not.
        self.server.graphd.kill()
        for endpoint in (f"tcp://127.0.0.1:{free_port()}", self.server.requests):
            began = time.monotonic()
            said = self.ctl("export", new_id(), "--requests", endpoint, status=1)
            self.assertIn("ExportProject: no answer", said)
            self.assertLess(time.monotonic() - began, 20)
        self.server.graphd.start()

    def test_a_graphd_that_dies_over_a_request_is_not_waited_for(self):
        self.server.graphd.freeze()
        run = subprocess.Popen([GRAPHCTL, "export", new_id(), *self.requests],
                               stderr=subprocess.PIPE, text=True)
        time.sleep(0.3)
        self.assertIsNone(run.poll())
        self.server.graphd.kill()
        self.assertIn("no answer", run.communicate(timeout=30)[1])
        self.assertEqual(run.returncode, 1)
        self.server.graphd.start()


class Metrics(CtlTest):
    def metrics(self):
        lines = self.ctl("metrics", *self.requests).splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in values.items()}

    def test_graphd_counts_what_it_does_and_who_is_here(self):
        before = self.metrics()
        self.create_many(3)
        self.websocket()
        self.new_project()
        after = self.metrics()
        self.assertGreaterEqual(after["graphd_commands_total"] - before["graphd_commands_total"], 5)
        self.assertGreater(after["graphd_commits_total"], before["graphd_commits_total"])
        self.assertEqual(after["graphd_sessions"] - before["graphd_sessions"], 1)
        self.assertEqual(after["graphd_clients"] - before["graphd_clients"], 1)
        self.assertEqual(after["graphd_commit_failures_total"], 0)


class Files(CtlTest):
    def test_a_project_goes_out_and_comes_in_with_and_without_its_history(self):
        self.create_many(10)
        project = self.info()["project_id"]
        # Each export takes the session that was used last, which is the one that came in before.
        for options in (["--history"], [], ["--format", "predecessor"]):
            with self.subTest(options=options):
                file = self.server.directory / "project.json"
                file.write_text(self.ctl("export", project, *options, *self.requests))
                said = dict(line.split() for line in
                            self.ctl("import", file, *self.requests).splitlines())
                self.assertEqual(self.roots(said["session"]), self.roots())
                self.assertEqual(self.info(said["session"])["undo_available"],
                                 options == ["--history"])

    def test_yaml_from_standard_input_takes_the_template_named(self):
        text = "nodes:\n  a: {id: a, type: scene, name: Från, children: []}\n"
        said = dict(line.split() for line in self.ctl(
            "import", "-", "--template", "book", "--name", "Mine", *self.requests,
            stdin=text).splitlines())
        self.assertEqual(self.info(said["session"])["template_id"], "book")
        self.assertEqual([r["name"] for r in self.roots(said["session"])], ["Från"])

    def test_refusals_are_told(self):
        self.assertIn("PROJECT_NOT_FOUND", self.ctl("export", new_id(), *self.requests, status=1))
        self.assertIn("INVALID_GRAPH", self.ctl("import", "-", *self.requests, stdin="a: [",
                                                status=1))
        self.assertIn("No such file", self.ctl("import", "/tmp/no-such-file", *self.requests,
                                               status=1))


class Tap(CtlTest):
    # A queue so short that a tap which is held up must lose something.
    server_options = {"store": "sqlite", "graphd_options": ["--snd-hwm", "1"]}

    def tap(self, *options):
        out = open(self.server.directory / "tap.out", "w+", encoding="utf-8")
        process = subprocess.Popen([GRAPHCTL, "tap", "--events", self.server.events, *options],
                                   stdout=out, stderr=subprocess.STDOUT)
        self.addCleanup(out.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, Path(out.name)

    def lines(self, path):
        whole, _, _ = path.read_text().rpartition("\n")
        entries = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [e for e in entries if not e.pop("transient", False)]

    def test_it_ends_equal_to_the_events_though_it_was_held_up(self):
        process, path = self.tap("--json", "--session", self.session, "--since", "0",
                                 *self.requests)
        eventually(lambda: self.lines(path), 10, "a first event")
        for _ in range(3):
            process.send_signal(signal.SIGSTOP)
            # More than the sockets' buffers hold.
            for i in range(300):
                self.do_large(i)
            process.send_signal(signal.SIGCONT)
            self.create_many(3)
        seq = self.info()["seq"]
        eventually(lambda: self.lines(path)[-1]["seq"] >= seq, 20, "the last event")
        mirror = Mirror(self.session)
        mirror.catch_up(self.http)
        self.assertEqual([(e["seq"], (e["event"], e["data"])) for e in self.lines(path)],
                         list(mirror.bodies.items()))
        self.assertIn("were not heard; fetching them", path.read_text())
        process.terminate()
        self.assertEqual(process.wait(10), 0)

    def do_large(self, i):
        body = {"session_id": self.session, "command_type": "UpdateProperty",
                "data": {"node_id": self.root, "property_id": "notes",
                         "value": f"{i}" + "x" * 5000}}
        self.ok(self.post("/commands/execute", body, MINIMAL))

    def test_without_requests_a_gap_is_told(self):
        process, path = self.tap("--session", self.session)
        # The queue holds one message, so of a command's three the last two may be lost each time.
        eventually(lambda: self.create() and re.search(r"(?m)^\d+~? [a-z]+:[a-z-]+ \{",
                                                       path.read_text()), 10, "a first event")
        process.send_signal(signal.SIGSTOP)
        for i in range(300):
            self.do_large(i)
        process.send_signal(signal.SIGCONT)
        eventually(lambda: self.create() and self.longest_gap(path.read_text()) > 100,
                   10, "the gap")

    @staticmethod
    def longest_gap(text):
        gaps = re.findall(r"(?m)seq (\d+) to (\d+) were not heard$", text)
        return max((int(last) - int(first) + 1 for first, last in gaps), default=0)

    def test_an_endpoint_that_is_not_meant_for_it_or_not_there_is_named(self):
        done = subprocess.run([GRAPHCTL, "tap", "--events", self.server.feed], capture_output=True,
                              text=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{self.server.feed} is graphd's --bind-feed", done.stderr)
        nowhere = f"ipc://{self.server.directory}/nowhere"
        _, path = self.tap("--events", nowhere)
        eventually(lambda: f"nothing is heard from {nowhere}" in path.read_text(), 20, "a word")

    def test_it_follows_every_session_and_a_restart(self):
        _, path = self.tap("--json", *self.requests)
        eventually(lambda: self.create() and self.lines(path), 10, "a first event")
        other, _ = self.new_project("book", "Another")
        eventually(lambda: any(e["data"]["session_id"] == other for e in self.lines(path)), 10,
                   "the other session's events")
        self.server.restart_graphd(kill=True)
        self.await_served()
        seq = self.executed(self.session, "CreateNode", blueprint_type_id="phase")["seq"]
        eventually(lambda: any(e["seq"] == seq and e["data"]["session_id"] == self.session
                               for e in self.lines(path)), 10, "events behind the restart")
        seqs = [e["seq"] for e in self.lines(path) if e["data"]["session_id"] == self.session]
        self.assertEqual(seqs, list(range(seqs[0], seq + 1)))


if __name__ == "__main__":
    unittest.main()
