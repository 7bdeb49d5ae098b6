"""What takes long is done by a thread: others are answered meanwhile, and of it nobody sees a part.

The thread is held before its end, so nothing here depends on how long anything takes.
"""

import concurrent.futures
import errno
import os
import tempfile
import unittest
from pathlib import Path

from clients import MINIMAL, Http
from harness import eventually
from project_test import API, ProjectTest, new_id

NODES = 3000
SHORT_S = 0.2


def forest(n):
    """A node with all others below it."""
    top = new_id()
    return [{"id": top, "type": "phase", "name": "Top"}] + [
        {"id": new_id(), "type": "job", "name": f"N{i}", "parent_id": top} for i in range(n - 1)]


class Hold:
    """Where graphd's thread stops until it is let go."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "hold"
        self.gate = None

    def set(self):
        os.mkfifo(self.path)

    def _try(self):
        try:
            self.gate = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as problem:
            if problem.errno != errno.ENXIO:
                raise
        return self.gate is not None

    def is_reached(self):
        eventually(self._try, what="the thread at the place where it is held")
        self.path.unlink()

    def release(self):
        if self.gate is not None:
            os.close(self.gate)
        self.gate = None

    def remove(self):
        self.release()
        self.directory.cleanup()


class LongTest(ProjectTest):
    hold = None

    @classmethod
    def setUpClass(cls):
        cls.hold = Hold()
        cls.server_options = {"env": {"HOLDPOINT": f"made:{cls.hold.path}"}}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.hold.remove()

    def setUp(self):
        super().setUp()
        self.other, self.other_root = self.session, self.root
        self.session = self.new_session()
        self.nodes = forest(NODES)
        self.top = self.nodes[0]["id"]
        self.ok(self.load())
        self.pool = concurrent.futures.ThreadPoolExecutor()
        self.addCleanup(self.pool.shutdown)
        self.addCleanup(self.hold.release)

    def load(self, nodes=None, headers=None):
        return self.post(f"/sessions/{self.session}/load-graph",
                         {"graph": {"nodes": nodes or self.nodes}, "template_id": "restomod"},
                         {**MINIMAL, **(headers or {})})

    def aside(self, do):
        """Done over a connection of its own."""
        def run():
            with Http(self.server.ports[0], timeout_s=20) as http:
                return do(http)
        return self.pool.submit(run)

    def post_aside(self, path, body=None, headers=None):
        return self.aside(lambda http: http.post(API + path, body, {**MINIMAL, **(headers or {})}))

    def execute_aside(self, command_type, headers=None, **data):
        return self.post_aside("/commands/execute", {
            "session_id": self.session, "command_type": command_type, "data": data}, headers)

    def load_aside(self, nodes, headers=None):
        return self.post_aside(f"/sessions/{self.session}/load-graph",
                               {"graph": {"nodes": nodes}, "template_id": "restomod"}, headers)

    def assert_waits(self, future):
        with self.assertRaises(concurrent.futures.TimeoutError):
            future.result(SHORT_S)

    def listed(self):
        sessions = self.ok(self.get("/sessions?limit=10000"))["sessions"]
        return next(s for s in sessions if s["session_id"] == self.session)


class Others(LongTest):
    def beside(self, begin):
        """Runs a command that takes long, and holds it while others are served and its own session
        is not; returns its reply, and how the session was before and after."""
        before, listed = self.state(), self.listed()
        self.hold.set()
        long = begin()
        self.hold.is_reached()
        self.executed(self.other, "UpdateProperty", node_id=self.other_root, property_id="notes",
                      value=new_id())
        self.assertEqual(self.info(self.other)["session_id"], self.other)
        self.assertEqual({**self.listed(), "last_activity": None},
                         {**listed, "last_activity": None})
        reader = self.aside(lambda http: http.get(f"{API}/sessions/{self.session}"))
        self.assert_waits(reader)
        self.assertFalse(long.done())
        self.hold.release()
        reply, after = long.result(), self.ok(reader.result())
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(after["seq"], reply.json["seq"])
        self.assertGreater(after["seq"], before["seq"] + 1000)
        return before, self.state()

    def assert_can_be_taken_back(self, before):
        self.ok(self.undo())
        after = self.state()
        for name in ("state_hash", "node_count", "undo_available"):
            self.assertEqual(after[name], before[name], name)

    def test_loading_a_graph(self):
        before, _ = self.beside(lambda: self.load_aside(forest(NODES)))
        self.assert_can_be_taken_back(before)

    def test_undoing_and_doing_again_what_changed_many_nodes(self):
        undo, redo = (f"/sessions/{self.session}/{what}" for what in ("undo", "redo"))
        before, undone = self.beside(lambda: self.post_aside(undo))
        self.assertEqual(undone["node_count"], 0)
        _, again = self.beside(lambda: self.post_aside(redo))
        self.assertEqual(again["state_hash"], before["state_hash"])

    def test_undoing_ones_own(self):
        self.ok(self.load(forest(4 * NODES)))
        _, undone = self.beside(
            lambda: self.post_aside(f"/sessions/{self.session}/undo", {"scope": "mine"}))
        self.assertEqual(undone["node_count"], NODES)

    def test_deleting_a_node_with_many_below_it(self):
        before, after = self.beside(lambda: self.execute_aside("DeleteNode", node_id=self.top))
        self.assertEqual(after["node_count"], 0)
        self.assert_can_be_taken_back(before)

    def test_applying_a_kit_of_many_nodes(self):
        target = self.do("CreateNode", blueprint_type_id="phase")["node_id"]
        before, after = self.beside(lambda: self.execute_aside(
            "ApplyKit", target_id=target, kit_root_id=self.top))
        self.assertEqual(after["node_count"], before["node_count"] + NODES - 1)
        self.assert_can_be_taken_back(before)

    def test_a_batch_that_changes_many_nodes(self):
        target = self.do("CreateNode", blueprint_type_id="phase")["node_id"]
        kit = {"command_type": "ApplyKit", "data": {"target_id": target, "kit_root_id": self.top}}
        before, after = self.beside(lambda: self.execute_aside("Batch", commands=[kit, kit]))
        self.assertEqual(after["node_count"], before["node_count"] + 2 * (NODES - 1))
        self.assert_can_be_taken_back(before)


class Opening(LongTest):
    def setUp(self):
        super().setUp()
        self.project = self.info()["project_id"]
        self.ok(self.post(f"/sessions/{self.session}/save"))

    def open_aside(self, headers=None, **data):
        return self.post_aside(f"/projects/{self.project}/open", data, headers)

    def n_sessions(self):
        return self.ok(self.get("/sessions?limit=10000"))["total"]

    def test_a_session_that_a_project_is_opened_in_is_not_there_before_it_is_whole(self):
        before = self.n_sessions()
        self.hold.set()
        long = self.open_aside()
        self.hold.is_reached()
        self.executed(self.session, "UpdateProperty", node_id=self.top, property_id="notes",
                      value="x")
        self.new_session()
        self.assertEqual(self.n_sessions(), before + 1)
        self.assertFalse(long.done())
        self.hold.release()
        opened = self.ok(long.result())["session_id"]
        self.assertEqual(self.n_sessions(), before + 2)
        self.assertEqual(self.info(opened)["node_count"], NODES)

    def test_a_repeat_meanwhile_opens_no_other_session(self):
        key = {"Idempotency-Key": new_id()}
        before = self.n_sessions()
        self.hold.set()
        first = self.open_aside(key)
        self.hold.is_reached()
        repeat = self.open_aside(key)
        self.assert_waits(repeat)
        self.hold.release()
        self.assertEqual(self.ok(first.result()), self.ok(repeat.result()))
        self.assertEqual(self.n_sessions(), before + 1)
        other = self.post_aside(f"/projects/{self.project}/open", {"session_id": self.other}, key)
        self.assert_error(other.result(), 422, "IDEMPOTENCY_MISMATCH")

    def test_a_live_session_that_is_filled_is_seen_as_it_was_and_then_whole(self):
        seq, hash = self.info(self.other)["seq"], self.info(self.other)["state_hash"]
        self.hold.set()
        long = self.open_aside(session_id=self.other)
        self.hold.is_reached()
        reader = self.aside(lambda http: http.get(f"{API}/sessions/{self.other}"))
        self.assert_waits(reader)
        self.new_session()
        self.hold.release()
        self.ok(long.result())
        self.assertEqual(self.ok(reader.result())["node_count"], NODES)
        self.ok(self.undo(self.other))
        self.assertEqual(self.info(self.other)["state_hash"], hash)
        self.assertGreater(self.info(self.other)["seq"], seq + NODES)

    def test_a_project_in_the_place_of_a_big_one(self):
        self.hold.set()
        long = self.post_aside("/projects", {"template_id": "restomod", "project_name": "New",
                                             "session_id": self.session})
        self.hold.is_reached()
        self.new_session()
        self.assertFalse(long.done())
        self.hold.release()
        self.assertEqual(long.result().status, 201)
        self.assertEqual(self.info()["node_count"], 1)
        self.ok(self.undo())
        self.assertEqual(self.info()["node_count"], NODES)

    def test_one_that_is_not_there_is_refused_and_its_key_kept(self):
        key = {"Idempotency-Key": new_id()}
        for _ in range(2):
            reply = self.post(f"/projects/{new_id()}/open", {}, None)
            self.assert_error(reply, 404, "PROJECT_NOT_FOUND")
        gone = f"/projects/{new_id()}/open"
        for _ in range(2):
            self.assert_error(self.post(gone, {}, key), 404, "PROJECT_NOT_FOUND")
        self.assert_error(self.post(f"/projects/{new_id()}/open", {}, key), 422,
                          "IDEMPOTENCY_MISMATCH")


class SameSession(LongTest):
    def test_what_comes_behind_it_finds_it_done(self):
        nodes = forest(NODES)
        self.hold.set()
        long = self.load_aside(nodes)
        self.hold.is_reached()
        behind = self.execute_aside("CreateNode", blueprint_type_id="job",
                                    parent_id=nodes[0]["id"])
        self.assert_waits(behind)
        self.hold.release()
        seq = self.ok(long.result())["seq"]
        self.assertGreater(self.ok(behind.result())["seq"], seq)
        self.assertEqual(self.info()["node_count"], NODES + 1)

    def test_a_repeat_meanwhile_is_given_the_same_answer(self):
        nodes, key = forest(NODES), {"Idempotency-Key": new_id()}
        seq = self.info()["seq"]
        self.hold.set()
        first = self.load_aside(nodes, key)
        self.hold.is_reached()
        repeat = self.load_aside(nodes, key)
        self.assert_waits(repeat)
        self.hold.release()
        self.assertEqual(self.ok(first.result()), self.ok(repeat.result()))
        self.assertLess(self.info()["seq"], seq + 2 * NODES + 10)
        other = self.load_aside(forest(NODES), key).result()
        self.assert_error(other, 422, "IDEMPOTENCY_MISMATCH")

    def test_two_that_take_long_are_done_one_after_the_other(self):
        self.hold.set()
        first = self.post_aside(f"/sessions/{self.session}/undo")
        self.hold.is_reached()
        second = self.post_aside(f"/sessions/{self.session}/redo")
        self.assert_waits(second)
        self.hold.release()
        self.assertLess(self.ok(first.result())["seq"], self.ok(second.result())["seq"])
        self.assertEqual(self.info()["node_count"], NODES)

    def test_one_that_is_refused_half_way_leaves_nothing_behind(self):
        target = self.do("CreateNode", blueprint_type_id="phase")["node_id"]
        kit = {"command_type": "ApplyKit", "data": {"target_id": target, "kit_root_id": self.top}}
        bad = {"command_type": "DeleteNode", "data": {"node_id": new_id()}}
        before = self.state()
        self.hold.set()
        long = self.execute_aside("Batch", commands=[kit, bad])
        self.hold.is_reached()
        self.hold.release()
        reply = long.result()
        self.assert_error(reply, 404, "NODE_NOT_FOUND", "commands[1].data.node_id")
        self.assertEqual(self.state(), before)
        self.ok(self.undo())

    def test_who_asks_the_clients_of_the_session_waits(self):
        self.hold.set()
        long = self.post_aside(f"/sessions/{self.session}/undo")
        self.hold.is_reached()
        asker = self.aside(lambda http: http.post(
            f"{API}/sessions/{self.session}/ask", {"event": "any", "timeout_ms": 3000}))
        self.assert_waits(asker)
        self.hold.release()
        self.ok(long.result())
        self.assertEqual(self.ok(asker.result())["answers"], [])


class Ends(LongTest):
    fresh = True

    def test_a_kill_in_the_middle_leaves_nothing_of_it(self):
        nodes, key = forest(NODES), {"Idempotency-Key": new_id()}
        before = self.state()
        self.hold.set()
        self.load_aside(nodes, key)
        self.hold.is_reached()
        # Else the gateway would ask the next graphd once more, under the same key.
        for daemon in (self.server.gateways[0], self.server.graphd):
            daemon.kill()
        self.hold.release()
        self.server.start()
        self.http.close()
        self.assertEqual(self.state(), before)
        reply = self.ok(self.load(nodes, key))
        self.assertEqual(self.info()["seq"], reply["seq"])

    def test_an_end_in_the_middle_waits_for_it(self):
        nodes = forest(NODES + 1)
        self.hold.set()
        long = self.load_aside(nodes)
        self.hold.is_reached()
        self.server.graphd.signal(15)
        self.assert_waits(long)
        self.hold.release()
        self.ok(long.result())
        self.server.graphd.wait()
        self.server.graphd.start()
        eventually(lambda: self.get(f"/sessions/{self.session}").status == 200)
        self.assertEqual(self.info()["node_count"], NODES + 1)


if __name__ == "__main__":
    unittest.main()
