"""What is the same after a restart as before: graphs, undo, answers, projects and the past."""

import concurrent.futures
import json
import time
import unittest
import uuid

import zmq

from harness import LONG, Server, eventually
from project_test import API, ProjectTest, new_id, walk

SESSIONS, NODES = (1000, 1000) if LONG else (100, 200)
READY_LIMIT_S = 0.5
MANY, UPDATES = (10000, 98) if LONG else (1000, 18)
MANY_LIMIT_S = 2


class RestartTest(ProjectTest):
    fresh = True
    gateways = 2
    server_options = {"store": "sqlite"}

    def restart(self, kill=True):
        self.server.restart_graphd(kill=kill)
        # A gateway may take the old graphd for alive until it has heard of the new one.
        for i in range(self.gateways):
            with self.server.http(i) as http:
                eventually(lambda h=http: h.get(f"{API}/sessions/{self.session}").status == 200,
                           10, "an answer from the new graphd")

    def play(self):
        """Some of everything; returns the number of steps that can be undone."""
        phases = [self.create("phase", f"Phase {i}", index=0) for i in range(4)]
        jobs = [self.create("job", f"Job {i}", phases[i % 4]) for i in range(12)]
        self.do("UpdateProperty", node_id=jobs[0], property_id="notes", value={"b": 1, "a": [2.50]})
        self.do("UpdateProperty", node_id=jobs[1], property_id="name", value="Renamed ä\u2028")
        self.do("UpdateProperty", node_id=phases[1], property_id="budget", value=9007199254740991)
        self.do("DeleteProperty", node_id=jobs[0], property_id="notes")
        self.do("MoveNode", node_id=jobs[2], new_parent_id=phases[3], index=0)
        self.do("MoveNode", node_id=phases[2], new_parent_id=None, index=0)
        self.do("ReorderNode", node_id=phases[0], new_index=2)
        self.do("LinkNode", parent_id=phases[0], child_id=jobs[3])
        self.do("UnlinkNode", parent_id=phases[0], child_id=jobs[3])
        self.do("ApplyKit", target_id=phases[3], kit_root_id=phases[0])
        self.do("DeleteNode", node_id=phases[0])
        self.do("Batch", commands=[
            {"command_type": "CreateNode", "data": {"blueprint_type_id": "phase", "name": "B"}},
            {"command_type": "CreateNode", "data": {"blueprint_type_id": "job", "name": "C",
                                                    "parent_id": "$0"}}])
        graph = {"roots": self.roots()[:1]}
        self.do("LoadGraph", graph=graph)
        return 16 + 13

    def bytes_of_graph(self, query=""):
        return self.get(f"/sessions/{self.session}/graph/tree{query}").body

    def take_all(self, what):
        """The graph's bytes after each undo or redo until there is none, seq left out."""
        seen = []
        while True:
            tree = json.loads(self.bytes_of_graph())
            seen.append((json.dumps(tree["roots"], ensure_ascii=False), tree["state_hash"]))
            if not self.info()[f"{what}_available"]:
                return seen
            self.ok(self._history(what, None, None, None))


class Restarts(RestartTest):
    def test_undo_all_after_a_restart_then_redo_all_gives_the_same_bytes(self):
        steps = self.play()
        self.restart()
        back = self.take_all("undo")
        self.assertEqual(len(back), steps + 1)
        self.restart()
        forth = self.take_all("redo")
        self.assertEqual(forth, back[::-1])

    def test_seq_stacks_dirty_and_hash_are_as_they_were(self):
        self.play()
        self.ok(self.undo())
        self.ok(self.undo())
        self.ok(self.post(f"/sessions/{self.session}/reset-dirty"))
        for kill in (True, False):
            before, events = self.state(), self.durable()
            info = self.info()
            self.restart(kill)
            self.assertEqual(self.state(), before)
            self.assertEqual(self.durable(), events)
            self.assertEqual(self.info()["log_id"], info["log_id"])
            self.assertEqual(self.info()["created_at"], info["created_at"])
            self.create()

    def test_a_repeated_key_is_answered_the_same_after_any_number_of_restarts(self):
        asks = []
        for i in range(6):
            body = {"session_id": self.session, "command_type": "CreateNode",
                    "data": {"blueprint_type_id": "phase", "name": f"K{i}"}}
            headers = {"Prefer": "return=minimal"}
            if i % 2:
                headers["Idempotency-Key"] = f"key {i}"
            else:
                body["command_id"] = new_id()
            asks.append(("/commands/execute", body, headers))
        headers = {"Prefer": "return=minimal", "Idempotency-Key": "the undo"}
        asks.append((f"/sessions/{self.session}/undo", {}, headers))
        first = [self.ok(self.post(*ask)) for ask in asks]
        state = self.state()
        for kill in (True, False, True):
            self.restart(kill)
            self.assertEqual([self.ok(self.post(*ask)) for ask in asks], first)
            self.assertEqual(self.state(), state)
        path, body, headers = asks[1]
        other = dict(body, data={"blueprint_type_id": "phase", "name": "another"})
        self.assert_error(self.post(path, other, headers), 422, "IDEMPOTENCY_MISMATCH")
        other = dict(asks[0][1], data={"blueprint_type_id": "phase", "name": "another"})
        self.assert_error(self.post(path, other), 422, "IDEMPOTENCY_MISMATCH")
        self.assertEqual(self.state(), state)

    def test_a_repeated_project_is_made_once_over_a_restart(self):
        headers = {"Idempotency-Key": "one project", "Prefer": "return=minimal"}
        body = {"template_id": "book", "project_name": "Once"}
        first = self.ok(self.post("/projects", body, headers), 201)
        total = self.ok(self.get("/sessions"))["total"]
        self.restart()
        again = self.ok(self.post("/projects", body, headers), 201)
        self.assertEqual((again["session_id"], again["project_id"]),
                         (first["session_id"], first["project_id"]))
        self.assertEqual(self.ok(self.get("/sessions"))["total"], total)

    def test_copies_of_a_command_at_once_through_two_gateways_are_one(self):
        def send(i, body):
            with self.server.http(i % 2) as http:
                return http.post(f"{API}/commands/execute", body, {"Prefer": "return=minimal"})

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for _ in range(20):
                body = {"session_id": self.session, "command_type": "CreateNode",
                        "command_id": str(uuid.uuid4()),
                        "data": {"blueprint_type_id": "phase", "name": "Twin"}}
                replies = list(pool.map(lambda i, b=body: send(i, b), range(8)))
                self.assertEqual({r.status for r in replies}, {200}, replies)
                self.assertEqual(len({r.body for r in replies}), 1, replies)
        self.assertEqual(self.info()["node_count"], 21)

    def test_the_past_and_the_audit_trail_are_the_same_after_a_restart(self):
        hashes = {self.info()["seq"]: self.info()["state_hash"]}
        self.play()
        self.ok(self.undo())
        path = f"/sessions/{self.session}/history"
        trail = self.ok(self.get(path))
        for step in trail["steps"]:
            hashes[step["seq"]] = self.tree(query=f"?at={step['seq']}")["state_hash"]
        self.assertGreater(len(set(hashes.values())), 20)
        self.assertEqual(hashes[self.info()["seq"]], self.info()["state_hash"])
        self.restart()
        self.assertEqual(self.ok(self.get(path)), trail)
        for seq, state_hash in hashes.items():
            tree = self.tree(query=f"?at={seq}")
            self.assertEqual((tree["seq"], tree["state_hash"]), (seq, state_hash))


class Projects(RestartTest):
    def save(self, headers=None):
        return self.post(f"/projects/{self.info()['project_id']}/save", {}, headers)

    def test_projects_revisions_and_removals_last(self):
        project = self.info()["project_id"]
        self.create("phase", "Paint")
        self.assertEqual(self.ok(self.save())["revision"], 1)
        self.create("phase", "Polish")
        self.assertEqual(self.ok(self.save({"If-Match": '"1"'}))["revision"], 2)
        other, _ = self.new_project("book", "Gone")
        gone = self.info(other)["project_id"]
        self.ok(self.post(f"/projects/{gone}/save"))
        self.ok(self.http.delete(f"{API}/projects/{gone}"))
        saved = self.ok(self.get(f"/projects/{project}"))
        listed = self.ok(self.get("/projects"))
        self.restart()
        self.assertEqual(self.ok(self.get(f"/projects/{project}")), saved)
        self.assertEqual(self.ok(self.get("/projects")), listed)
        self.assert_error(self.get(f"/projects/{gone}"), 404, "PROJECT_NOT_FOUND")
        self.assert_error(self.save({"If-Match": '"1"'}), 412, "PRECONDITION_FAILED")
        self.assertEqual(self.ok(self.save({"If-Match": '"2"'}))["revision"], 3)
        opened = self.ok(self.post(f"/projects/{project}/open"))
        self.assertEqual(self.info(opened["session_id"])["state_hash"], self.info()["state_hash"])

    def test_a_project_taken_out_with_its_history_can_be_undone_where_it_comes_in(self):
        steps = self.play()
        self.ok(self.save())
        here, info = self.session, self.info()
        file = self.ok(self.get(f"/projects/{info['project_id']}/export?history=true"))
        back = self.take_all("undo")
        self.assertEqual(len(back), steps + 1)
        made = self.ok(self.post("/projects/import", {"file": file}), 201)
        self.session = made["session_id"]
        self.assertNotEqual(self.session, here)
        self.assertEqual(self.info()["state_hash"], info["state_hash"])
        self.restart()
        self.assertEqual(self.take_all("undo"), back)
        self.assertEqual(self.take_all("redo"), back[::-1])


class Idle(ProjectTest):
    fresh = True
    server_options = {"store": "sqlite", "graphd_options": ["--idle-unload-s", "1"]}

    def test_a_session_that_left_memory_comes_back_unnoticed(self):
        command = {"session_id": self.session, "command_type": "CreateNode",
                   "command_id": new_id(), "data": {"blueprint_type_id": "phase", "name": "K"}}
        minimal = {"Prefer": "return=minimal"}
        first = self.ok(self.post("/commands/execute", command, minimal))
        phase = self.create("phase", "Paint")
        self.create("job", "Sand", phase)
        self.ok(self.undo())
        before = self.state()
        for _ in range(2):
            # Longer than the time to unload and the interval in which it is looked for.
            time.sleep(2.5)
            self.assertEqual(self.state(), before)
        time.sleep(2.5)
        self.assertEqual(self.ok(self.post("/commands/execute", command, minimal)), first)
        time.sleep(2.5)
        self.ok(self.redo())
        self.assertEqual(self.info()["node_count"], before["node_count"] + 1)
        names = [e["event"] for e in self.durable(before["seq"])]
        self.assertEqual(names, ["graph:node-created", "command:redo"])


class ReadyTest(unittest.TestCase):
    def setUp(self):
        self.server = Server(store="sqlite").start()
        self.addCleanup(self.server.remove)

    def ready_after_s(self):
        graphd = self.server.graphd
        said = graphd.log().count("ready:")
        started = time.monotonic()
        graphd.start()
        while graphd.log().count("ready:") == said:
            self.assertTrue(graphd.is_running(), graphd.log_tail())
            self.assertLess(time.monotonic(), started + 30)
            time.sleep(0.002)
        return time.monotonic() - started

    def figures(self, what, limit_s):
        """Times to be ready after a kill and after a clean stop; printed."""
        found = []
        for end in ("killed", "stopped"):
            self.server.graphd.kill() if end == "killed" else self.server.graphd.stop()
            found.append((end, self.ready_after_s()))
        print(f"{what}; ready after: "
              + ", ".join(f"{s * 1000:.0f} ms ({end})" for end, s in found), flush=True)
        for end, seconds in found:
            self.assertLess(seconds, limit_s, end)
        self.server.await_ready()


class ManyRecords(ReadyTest):
    """Asked over graphd's own socket, thousands at a time, because there are many."""

    WINDOW = 2000

    def ask_all(self, requests):
        """Sends (command, session, arguments) one after another; returns the bodies in order."""
        context = zmq.Context()
        socket = context.socket(zmq.DEALER)
        socket.connect(self.server.requests)
        bodies, waiting = {}, 0
        for i, (command, session, arguments) in enumerate(requests):
            socket.send_multipart([b"", b"GRAPH/1", str(i).encode(), command, session,
                                   b'{"minimal":true}', arguments])
            waiting += 1
            while waiting >= self.WINDOW or socket.poll(0):
                waiting -= self.take(socket, bodies)
        while waiting:
            waiting -= self.take(socket, bodies)
        context.destroy(linger=0)
        return [bodies[i] for i in range(len(bodies))]

    def take(self, socket, bodies):
        self.assertTrue(socket.poll(10000), "no answer")
        _, _, i, status, body = socket.recv_multipart()
        self.assertEqual(status, b"OK", body)
        bodies[int(i)] = body
        return 1

    def test_graphd_is_ready_soon_with_many_sessions_and_records(self):
        create = json.dumps({"template_id": "restomod", "project_name": "P"}).encode()
        made = [json.loads(b) for b in
                self.ask_all((b"CreateProject", b"", create) for _ in range(MANY))]
        rows = [(m["session_id"].encode(), m["project_id"]) for m in made]
        nodes = [json.loads(b)["result"]["node_id"] for b in self.ask_all(
            (b"CreateNode", session, b'{"blueprint_type_id":"phase"}') for session, _ in rows)]
        self.ask_all((b"UpdateProperty", session, json.dumps(
            {"node_id": node, "property_id": "notes", "value": i}).encode())
            for i in range(UPDATES) for (session, _), node in zip(rows, nodes))
        self.figures(f"{MANY} sessions, {MANY * (UPDATES + 2)} records", MANY_LIMIT_S)
        with self.server.http() as http:
            for session, _ in rows[::MANY // 5]:
                path = f"{API}/sessions/{session.decode()}"
                eventually(lambda p=path: http.get(p).status == 200, 10, "an answer")
                values = [n["properties"].get("notes")
                          for n in walk(http.get(f"{path}/graph/tree").json["roots"])]
                self.assertIn(UPDATES - 1, values)


class Readiness(ReadyTest):
    def fill(self):
        roots = [{"id": str(uuid.UUID(int=i, version=4)), "blueprint_type_id": "phase",
                  "name": f"Node {i}", "properties": {"notes": "some words to be kept"},
                  "children": []} for i in range(NODES)]
        graph = json.dumps({"graph": {"roots": roots}, "template_id": "restomod"})
        with self.server.http() as http:
            for _ in range(SESSIONS):
                session = http.post(f"{API}/sessions").json["session_id"]
                reply = http.post(f"{API}/sessions/{session}/load-graph", graph,
                                  {"Content-Type": "application/json",
                                   "Prefer": "return=minimal"})
                self.assertEqual(reply.status, 200, reply)
        return session

    def test_graphd_is_ready_soon_however_it_ended(self):
        last = self.fill()
        self.figures(f"{SESSIONS} sessions of {NODES} nodes", READY_LIMIT_S)
        with self.server.http() as http:
            eventually(lambda: http.get(f"{API}/sessions/{last}").status == 200, 10, "an answer")
            tree = http.get(f"{API}/sessions/{last}/graph/tree").json
            self.assertEqual(len(list(walk(tree["roots"]))), NODES)
            self.assertEqual(http.get(f"{API}/sessions?limit=1").json["total"], SESSIONS)


if __name__ == "__main__":
    unittest.main()
