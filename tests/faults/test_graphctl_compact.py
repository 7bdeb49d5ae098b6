"""graphctl compact: what is folded, what stays, and what is gone for good."""

import json
import os
import unittest

from clients import MINIMAL
from project_test import API, new_id
from test_graphctl import CtlTest


class Compact(CtlTest):
    server_options = {"store": "sqlite", "graphd_options": ["--snapshot-steps", "100"]}

    def compact(self, *options):
        self.with_graphd_down(lambda: self.ctl("compact", self.file, *options))

    def check(self):
        self.with_graphd_down(
            lambda: self.assertIn("all is well", self.ctl("check", self.file)))

    def test_older_history_is_folded_and_the_rest_is_as_it_was(self):
        key = {"session_id": self.session, "command_type": "CreateNode", "command_id": new_id(),
               "data": {"blueprint_type_id": "phase", "name": "Keyed"}}
        first = self.ok(self.post("/commands/execute", key, MINIMAL))
        self.create_many(300)
        before, size = self.state(), None
        tail = self.durable(before["seq"] - 20)
        self.server.graphd.stop()
        size = self.file.stat().st_size
        self.ctl("compact", self.file, "--keep-steps", 10)
        self.assertLess(self.file.stat().st_size, size * 0.8)
        self.server.graphd.start()
        self.await_served()
        self.assertEqual(self.state(), before)
        self.assertEqual(self.durable(before["seq"] - 20), tail)
        self.assertEqual(self.ok(self.post("/commands/execute", key, MINIMAL)), first)
        self.assertEqual(self.tree(query=f"?at={before['seq'] - 10}")["seq"], before["seq"] - 10)
        self.assert_error(self.get(f"/sessions/{self.session}/graph/tree?at=3"), 400,
                          "INVALID_REQUEST", "at")
        self.check()

    def test_a_session_is_created_once_for_a_key_over_a_fold_too(self):
        keyed, named = ({**MINIMAL, "Idempotency-Key": new_id()} for _ in range(2))
        project = {"template_id": "book", "project_name": "Once"}
        session = self.ok(self.post("/sessions", {}, keyed), 201)
        made = self.ok(self.post("/projects", project, named), 201)
        file = self.get(f"/projects/{made['project_id']}/export?history=true").json
        imported = {**MINIMAL, "Idempotency-Key": new_id()}
        copy = self.ok(self.post("/projects/import", file, imported), 201)
        self.create_many(30)
        for _ in range(2):
            self.compact("--keep-steps", "0")
            n = self.get("/sessions").json["total"]
            self.assertEqual(self.ok(self.post("/sessions", {}, keyed), 201), session)
            self.assertEqual(self.ok(self.post("/projects", project, named), 201), made)
            self.assertEqual(self.ok(self.post("/projects/import", file, imported), 201), copy)
            self.assertEqual(self.get("/sessions").json["total"], n)
        self.check()

    def test_what_a_kill_left_can_be_folded_and_then_less_and_is_sound(self):
        self.ok(self.post("/sessions", {}), 201)  # has made no event yet
        self.create_many(30)
        before = self.state()
        self.server.graphd.kill()
        for keep in (0, 10):
            self.assertEqual(self.ctl("compact", self.file, "--keep-steps", keep), "")
            self.assertIn("all is well", self.ctl("check", self.file))
        self.server.graphd.start()
        self.await_served()
        self.assertEqual(self.state(), before)
        self.create_many(3)
        before = self.state()
        self.server.restart_graphd(kill=True)
        self.await_served()
        self.assertEqual(self.state(), before)

    def test_the_file_belongs_to_whom_it_belonged(self):
        self.server.graphd.stop()
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        owner = 65534 if os.geteuid() == 0 else os.geteuid()
        os.chown(self.file, owner, -1)
        self.ctl("compact", self.file, "--keep-steps", 10)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.file.stat().st_uid, owner)
        self.server.graphd.start()
        self.await_served()

    def test_a_resume_from_before_the_fold_gets_one_resync_and_then_goes_on(self):
        self.create_many(50)
        self.compact("--keep-steps", "10")
        seq = self.info()["seq"]
        listener = self.closing(self.server.websocket(f"session_id={self.session}&since=3"))
        self.assertEqual(listener.await_event("session:resync")["data"]["seq"], seq)
        self.create()
        self.assertEqual(listener.await_event("graph:node-created")["seq"], seq + 1)
        self.assertEqual(listener.names().count("session:resync"), 1)
        kept = self.closing(self.server.websocket(f"session_id={self.session}&since={seq - 10}"))
        self.assertEqual(kept.await_event(lambda e: "seq" in e and e["event"] != "joined"
                                          and e["event"][:7] != "session")["seq"], seq - 9)

    def test_undo_reaches_behind_the_fold(self):
        root = self.roots()
        self.create_many(40)
        self.compact("--keep-steps", "0")
        while self.info()["undo_available"]:
            self.ok(self.undo())
        self.assertEqual(self.roots(), root)
        self.check()

    def test_it_can_be_done_again_and_snapshots_go_on(self):
        for n, keep in ((100, 50), (400, 300), (20, 300), (400, 5)):
            self.create_many(n)
            self.compact("--keep-steps", str(keep))
            self.server.restart_graphd(kill=True)
            self.await_served()
            before = self.state()
            self.create_many(3)
            for _ in range(3):
                self.ok(self.undo())
            self.assertEqual(self.state()["state_hash"], before["state_hash"])
            self.check()

    def test_an_export_with_history_says_that_it_is_gone(self):
        self.create_many(10)
        project = self.info()["project_id"]
        self.compact("--keep-steps", "2")
        # Loaded again: an export takes the session that was used last.
        self.create()
        file = json.loads(self.ctl("export", project, "--history", *self.requests))
        self.assertIs(file["history_omitted"], True)
        self.assertNotIn("history", file)

    def test_what_an_ended_session_held_is_gone_whatever_is_kept_of_others(self):
        named = {"template_id": "book", "project_name": "A secret of the workshop"}
        keyed = self.ok(self.post("/projects", named, {"Idempotency-Key": new_id()}), 201)
        self.compact("--keep-steps", "0")
        self.ok(self.http.delete(f"{API}/sessions/{keyed['session_id']}"))
        ended = self.new_project()[0]
        node = self.execute(ended, "CreateNode", blueprint_type_id="phase",
                            name="A secret of the workshop").json["node_id"]
        for i in range(20):
            self.execute(ended, "UpdateProperty", node_id=node, property_id="notes",
                         value=f"{i}" + 10000 * "x")
        self.ok(self.http.delete(f"{API}/sessions/{ended}"))
        before = self.state()
        self.server.graphd.stop()
        self.assertIn(b"A secret of the workshop", self.file.read_bytes())
        for _ in range(2):
            self.ctl("compact", self.file, "--keep-steps", 100000)
            self.assertNotIn(b"A secret of the workshop", self.file.read_bytes())
            self.assertLess(self.file.stat().st_size, 150000)
            self.assertIn("all is well", self.ctl("check", self.file))
        self.server.graphd.start()
        self.await_served()
        self.assertEqual(self.state(), before)
        self.assert_error(self.get(f"/sessions/{ended}"), 404, "INVALID_SESSION")

    def test_hours_count_from_now(self):
        self.create_many(20)
        before = self.state()
        for hours in ("1", "1000000"):
            self.compact("--keep-hours", hours)
        self.assertEqual(len(self.durable(0)), before["seq"])
        self.compact("--keep-hours", "0")
        self.assertEqual(self.state(), before)
        reply = self.get(f"/sessions/{self.session}/events?since=0")
        self.assertIn("resync", json.dumps(reply.json))

    def test_a_file_in_use_is_refused(self):
        self.assertIn("in use", self.ctl("compact", self.file, "--keep-steps", 1, status=1))


if __name__ == "__main__":
    unittest.main()
