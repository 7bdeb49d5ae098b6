"""What operators do to the data between kills: folded, checked, copied while it is written, restored.
Whatever they do, and in whatever order, each session stays what it was, keys and undo included.
"""

import os
import threading
import unittest

from clients import API
from harness import LONG
from storage import StorageTest

ROUNDS = 40 if LONG else 6
SESSIONS = 3


class Maintenance(StorageTest):
    def setUp(self):
        super().setUp()
        self.backups = self.server.directory / "backups"
        self.backups.mkdir()
        self.server.graphd.arguments += ["--backup-dir", str(self.backups)]
        self.file = self.server.data / "graph.db"
        self.begin(sessions=SESSIONS)
        self.created = []
        self.made = 0

    def create_keyed(self):
        """A session under a key, to be asked for again."""
        key = {"Idempotency-Key": f"session {len(self.created)}"}
        reply = self.http.post(f"{API}/sessions", {}, key)
        self.assertEqual(reply.status, 201, reply)
        self.created.append((key, reply.json))

    def work(self):
        for _ in range(8 * SESSIONS):
            command = self.composer.compose()
            command.by_http(self.http)
            self.assertTrue(command.is_settled, command.last)
            self.done.append(command)
            for mirror in self.mirrors:
                mirror.catch_up(self.http)
        self.create_keyed()

    def state(self):
        members = ("undo_available", "redo_available", "node_count", "is_dirty", "seq",
                   "state_hash")
        infos = [self.http.get(f"{API}/sessions/{m.session}").json for m in self.mirrors]
        return [{name: info[name] for name in members} for info in infos]

    def ctl(self, *arguments):
        run = self.graphctl(*arguments)
        self.assertEqual(run.returncode, 0, (arguments, run.stdout, run.stderr))

    def backup(self):
        self.made += 1
        name = f"b{self.made}.db"
        self.ctl("backup", name, "--requests", self.server.requests)
        return self.backups / name

    def backup_under_load(self):
        """Of no use but to be whole: what comes behind it would be lost."""
        worker = threading.Thread(target=self.work)
        worker.start()
        copy = self.backup()
        worker.join()
        self.ctl("check", copy)

    def fold(self):
        self.server.graphd.kill()
        for _ in range(self.chance.randint(1, 2)):
            keep = self.chance.choice([0, 1, 7, 30])
            self.ctl("compact", self.file, "--keep-steps", keep)

    def restore(self):
        copy = self.backup()
        self.server.graphd.kill()
        for left in ("graph.db", "graph.db-wal"):
            (self.server.data / left).unlink(missing_ok=True)
        self.ctl("restore", copy, self.file)
        os.unlink(copy)

    def kill(self):
        self.server.graphd.kill()

    def go_on(self, before):
        """Everything is as it was; the mirrors go on where they are."""
        if not self.server.graphd.is_running():
            self.start_graphd()
            self.await_served()
        self.assertEqual(self.state(), before)
        for mirror in self.mirrors:
            mirror.check_tree(self.http)
        self.repeat()

    def repeat(self):
        """Each was done, so it is not done again; a refusal is forgotten by a start."""
        answered = [c for c in self.done if c.answer]
        for command in self.chance.sample(answered, min(5, len(answered))):
            answer = command.answer
            command.by_http(self.http)
            self.assertEqual(command.answer, answer)
        for key, answer in self.created:
            reply = self.http.post(f"{API}/sessions", {}, key)
            self.assertEqual((reply.status, reply.json), (201, answer))

    def back_and_forth(self):
        for mirror in self.mirrors:
            path = f"{API}/sessions/{mirror.session}"
            n = 0
            before = self.http.get(path).json["state_hash"]
            while self.http.get(path).json["undo_available"]:
                self.assertEqual(self.http.post(f"{path}/undo", {}).status, 200)
                n += 1
            for _ in range(n):
                self.assertEqual(self.http.post(f"{path}/redo", {}).status, 200)
            self.assertEqual(self.http.get(path).json["state_hash"], before)
            mirror.catch_up(self.http)

    def test_sessions_outlive_whatever_is_done_to_the_data_between_kills(self):
        ways = [self.fold, self.restore, self.kill, self.backup_under_load]
        for i in range(ROUNDS):
            self.work()
            way = ways[i] if i < len(ways) else self.chance.choice(ways)
            if way == self.backup_under_load:
                way()
                before = self.state()
            else:
                before = self.state()
                way()
            self.go_on(before)
        self.back_and_forth()
        self.check_file()


if __name__ == "__main__":
    unittest.main()
