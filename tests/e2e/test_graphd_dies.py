"""graphd is killed again and again while clients ask: every request is held back and answered, none
is refused, and each command is done exactly once."""

import threading
import time
import unittest
import uuid

from clients import Http, WebSocket
from harness import LONG
from project_test import API, ProjectTest, walk

DEATHS = 40 if LONG else 6
NODES = 3000  # so that an answer with the graph comes in many parts
DEADLINE_S = 5


class Asker(threading.Thread):
    """One connection that asks one kind of thing until it is told to end."""

    def __init__(self, port, session, root, kind):
        super().__init__(daemon=True)
        self.port, self.session, self.root, self.kind = port, session, root, kind
        self.ended = threading.Event()
        self.made, self.wrong, self.asked, self.longest_s = [], [], 0, 0

    def run(self):
        ask = getattr(self, self.kind)
        with Http(self.port) as self.http:
            while not self.ended.is_set():
                began = time.monotonic()
                try:
                    what = ask()
                except Exception as problem:  # what went wrong is the test's to tell
                    what = repr(problem)
                if what:
                    self.wrong.append(what)
                self.asked += 1
                self.longest_s = max(self.longest_s, time.monotonic() - began)

    def read(self):
        """The whole graph."""
        reply = self.http.get(f"{API}/sessions/{self.session}/graph/tree")
        return None if reply.status == 200 and reply.json["roots"] else reply

    def poll(self):
        reply = self.http.get(f"{API}/sessions/{self.session}/events?since=0&limit=10&wait=10")
        return None if reply.status == 200 and len(reply.json["events"]) == 10 else reply

    def command(self):
        name = str(uuid.uuid4())
        self.made.append(name)
        return {"session_id": self.session, "command_type": "CreateNode",
                "data": {"blueprint_type_id": "phase", "parent_id": self.root, "name": name}}

    def create(self, headers=None):
        reply = self.http.post(f"{API}/commands/execute", self.command(), headers or {})
        return None if reply.status == 200 and reply.json["success"] else reply

    def create_by_key(self):
        return self.create({"Idempotency-Key": str(uuid.uuid4()), "Prefer": "return=minimal"})

    def create_by_websocket(self):
        if not hasattr(self, "ws"):
            self.ws = WebSocket(self.port, f"session_id={self.session}&events=session:*")
        command = self.command()
        answer = self.ws.ask("execute", command_type=command["command_type"], data=command["data"])
        return None if "ok" in answer else answer


KINDS = ("read", "poll", "create", "create_by_key", "create_by_websocket")


class GraphdDies(ProjectTest):
    gateways = 2
    fresh = True

    def test_nobody_is_refused_and_each_command_is_done_once(self):
        for first in range(0, NODES, 1000):
            self.do("Batch", commands=[
                {"command_type": "CreateNode",
                 "data": {"blueprint_type_id": "phase", "parent_id": self.root, "name": f"n{i}"}}
                for i in range(first, first + 1000)])
        askers = [Asker(self.server.ports[i % 2], self.session, self.root, kind)
                  for i, kind in enumerate(KINDS)]
        askers += [Asker(self.server.ports[1], self.session, self.root, "create")]
        for asker in askers:
            asker.start()
        for _ in range(DEATHS):
            asked = [asker.asked for asker in askers]
            # Somewhere in the middle of what they are doing.
            while any(asker.asked < n + 2 for asker, n in zip(askers, asked)):
                time.sleep(0.01)
            self.server.graphd.kill()
            self.server.graphd.start()
        for asker in askers:
            asker.ended.set()
        for asker in askers:
            asker.join(30)
            self.assertFalse(asker.is_alive(), asker.kind)
        self.http.close()
        for asker in askers:
            self.assertEqual(asker.wrong, [], asker.kind)
            self.assertLess(asker.longest_s, DEADLINE_S)
            if hasattr(asker, "ws"):
                asker.ws.close()
        made = sorted(name for asker in askers for name in asker.made)
        self.assertGreater(len(made), DEATHS)
        there = sorted(n["name"] for n in walk(self.roots()) if len(n["name"]) == 36)
        self.assertEqual(there, made)

    def test_who_says_it_is_ready_is(self):
        for death in range(DEATHS):
            if death % 2:
                self.server.graphd.kill()
            else:
                self.server.graphd.stop()
            self.server.graphd.start()
            # /readyz, and at once the next request, or the request alone.
            if death % 3:
                self.server.await_ready()
            for gateway in range(2):
                with self.server.http(gateway) as http:
                    reply = http.get(f"{API}/sessions/{self.session}")
                self.assertEqual(reply.status, 200, reply)


if __name__ == "__main__":
    unittest.main()
