"""Clients whose place in history is lost begin anew with the part of the graph they listen to, and
with nothing of any other part; on every way in, live and coming back, on any gateway."""

import json
import subprocess
import unittest

from harness import BUILD, Server, eventually
from project_test import NOWHERE, new_id
from proxy import Proxy, Spread
from stock import DriverTest
from subtree_test import SubtreeTest, durable_of

LARGE = 64 * 1024  # LIMIT_EVENT_GRAPH_BYTES


class ResyncTest(DriverTest, SubtreeTest):
    def setUp(self):
        super().setUp()
        self.left, self.right = self.create("phase", "Left"), self.create("phase", "Right")
        self.job = self.create("job", "Job", self.left)
        self.secret = self.create("job", "Secret", self.right)

    def stock(self, join=None, query="", gateway=1, **auth):
        client = self.open(port=self.server.ports[gateway], auth=auth, query=query)
        client.await_what("connect")
        if join is not None:
            client.emit("join_session", {"session_id": self.session, "names": "colon", **join})
        return client

    def listeners(self, node=None, **more):
        """One on each way in, over two gateways."""
        if node:
            more["subtree"] = node
        query = "&".join(f"{key}={value}" for key, value in more.items())
        return [
            self.websocket(query=query),
            self.websocket(query=query, gateway=1),
            self.closing(self.server.sse(self.session, query)),
            self.closing(self.server.sse(self.session, query, gateway=1,
                                         headers={"Accept": "application/x-ndjson"})),
            self.stock(session_id=self.session, **more),
            self.stock(query=f"session_id={self.session}&{query}", gateway=0),
            self.stock(join=more),
        ]

    def resyncs(self, client):
        return [e["data"] for e in client.events() if e["event"] == "session:resync"]

    def part(self, node):
        return self.tree(query=f"?node_id={node}")["roots"]

    def assert_begun(self, client, node, roots):
        client.await_event("session:resync")
        resync, = self.resyncs(client)
        info = self.info()
        told = ("seq", "log_id", "session_id", "project_id")
        self.assertEqual({k: resync[k] for k in told}, {k: info[k] for k in told})
        self.assertFalse(resync["graph_omitted"])
        self.assertEqual(resync["graph"], {"roots": roots})
        self.assertEqual((resync["subtree"], resync["subtree_missing"]),
                         (node, bool(node and not roots)))


class ComingBack(ResyncTest):
    lost = {"since": 1, "log_id": NOWHERE}

    def test_each_is_given_its_part_as_the_endpoint_for_it_gives_it(self):
        for node in (self.left, self.job, self.root):
            for client in self.listeners(node, **self.lost):
                self.assert_begun(client, node, self.part(node))
                if node != self.root:
                    said = json.dumps(client.events())
                    self.assertNotIn(self.secret, said)
                    self.assertNotIn(self.right, said)
                client.close()
        for client in self.listeners(**self.lost):
            self.assert_begun(client, None, self.roots())
            client.close()

    def test_a_node_that_is_not_there_is_said_to_be_missing(self):
        node = new_id()
        for client in self.listeners(node, **self.lost):
            self.assert_begun(client, node, [])
            client.close()
        client = self.websocket(query=f"subtree={node}&since=1&log_id={NOWHERE}")
        self.assert_begun(client, node, [])
        self.create("task", "It", self.job, node_id=node)
        self.assertEqual(client.await_event("graph:node-created")["data"]["node_id"], node)

    def test_a_since_of_the_future_is_that_clients_affair_alone(self):
        others = [self.websocket(), self.websocket(query=f"subtree={self.left}")]
        client = self.websocket(query=f"subtree={self.left}&since={self.info()['seq'] + 50}")
        self.assert_begun(client, self.left, self.part(self.left))
        self.do("UpdateProperty", node_id=self.job, property_id="notes", value=1)
        for other in [*others, client]:
            other.await_event("command:executed")
        for other in others:
            self.assertEqual(self.resyncs(other), [])

    def test_both_filters_of_a_part_that_begins_anew_go_on(self):
        client = self.websocket(query=f"subtree={self.left}&events=graph:*&since=1&log_id={NOWHERE}")
        self.assert_begun(client, self.left, self.part(self.left))
        seq = self.info()["seq"]
        for node in (self.secret, self.job):
            self.do("UpdateProperty", node_id=node, property_id="notes", value=1)
        self.await_seq(client, self.info()["seq"])
        self.assertEqual([(e["event"], e["data"]["node_id"]) for e in durable_of(client)
                          if e["seq"] > seq], [("graph:property-changed", self.job)])

    def test_the_size_that_counts_is_the_parts(self):
        self.do("UpdateProperty", node_id=self.secret, property_id="notes", value="x" * LARGE)
        small, large, whole = (self.websocket(query=f"{part}since=1&log_id={NOWHERE}") for part in (
            f"subtree={self.left}&", f"subtree={self.right}&", ""))
        self.assert_begun(small, self.left, self.part(self.left))
        for client, node in ((large, self.right), (whole, None)):
            resync = client.await_event("session:resync")["data"]
            self.assertEqual(
                {k: resync[k] for k in ("graph", "graph_omitted", "subtree", "subtree_missing")},
                {"graph": None, "graph_omitted": True, "subtree": node, "subtree_missing": False})

    def test_a_session_without_a_project_has_nothing_to_fetch(self):
        session = self.new_session()
        for part in ("", f"&subtree={self.left}"):
            client = self.websocket(session, query=f"since=0&log_id={NOWHERE}{part}")
            resync = client.await_event("session:resync")["data"]
            self.assertEqual((resync["graph"], resync["graph_omitted"]), (None, False))
            self.assertIsNone(resync["project_id"])
            self.assertEqual(resync["log_id"], self.info(session)["log_id"])
            self.assertEqual(resync["subtree_missing"], bool(part))

    def begun_page(self, query, session=None):
        """The one event of a page that begins anew, and behind which it ends."""
        reply = self.get(f"/sessions/{session or self.session}/events?{query}")
        self.assertEqual(reply.status, 200, reply)
        entry, = reply.json["events"]
        told = {k: entry["data"][k] for k in ("seq", "log_id")}
        self.assertEqual({k: reply.json[k] for k in told}, told)
        self.assertEqual((reply.json["more"], reply.json["resync"], entry["seq"]),
                         (False, True, told["seq"]))
        return entry

    def test_a_page_says_it_like_any_stream_at_once_or_waited_for(self):
        future = self.info()["seq"] + 50
        for lost in (f"since=1&log_id={NOWHERE}", f"since={future}",
                     f"since={future}&events=graph:*&limit=1", f"since={future}&wait=20000"):
            for node in (None, self.left, NOWHERE):
                part = f"&subtree={node}" if node else ""
                entry = self.begun_page(lost + part)
                stream = self.websocket(query=f"since=1&log_id={NOWHERE}{part}")
                said = stream.await_event("session:resync")["data"]
                said["timestamp"] = entry["data"]["timestamp"]
                self.assertEqual((entry["event"], entry["data"]), ("session:resync", said))
                stream.close()
        self.assertEqual(self.begun_page(f"since={future}&names=dash")["event"], "session-resync")
        # Where it says that it ends there is a place to go on from.
        seq = self.begun_page(f"since={future}")["seq"]
        self.do("UpdateProperty", node_id=self.job, property_id="notes", value=1)
        behind = self.get(f"/sessions/{self.session}/events?since={seq}").json
        self.assertEqual([e["seq"] for e in behind["events"]], [seq + 1, seq + 2])

    def test_a_page_of_a_session_without_a_project_has_no_graph(self):
        session = self.new_session()
        data = self.begun_page(f"since=0&log_id={NOWHERE}", session)["data"]
        self.assertEqual((data["graph"], data["graph_omitted"], data["project_id"]),
                         (None, False, None))
        self.assertEqual(data["log_id"], self.info(session)["log_id"])

    def test_an_endpoint_for_parts_may_be_asked_for_one_that_is_missing(self):
        self.assert_error(self.get(f"/sessions/{self.session}/graph/tree?node_id={NOWHERE}"), 404,
                          "NODE_NOT_FOUND", "node_id")
        found = self.tree(query=f"?node_id={NOWHERE}&allow_missing=true")
        self.assertEqual(found["roots"], [])
        self.assertEqual({k: self.info()[k] for k in ("seq", "log_id", "state_hash")},
                         {k: found[k] for k in ("seq", "log_id", "state_hash")})
        self.assertEqual(self.tree(query=f"?node_id={self.left}&allow_missing=true")["roots"],
                         self.part(self.left))


class Replaced(ResyncTest):
    """A backup is put in the place of what there was, under everybody's feet."""

    fresh = True
    gateways = 2

    @classmethod
    def _new_server(cls):
        server = Server(gateways=2, store="sqlite")
        cls.backups = server.directory / "backups"
        cls.backups.mkdir()
        server.graphd.arguments += ["--backup-dir", str(cls.backups)]
        return server.start()

    def ctl(self, *arguments):
        subprocess.run([BUILD / "graphd" / "graphctl", *map(str, arguments)], check=True,
                       capture_output=True, timeout=60)

    def go_back(self):
        """To what the backup held, as another history."""
        restored = self.backups / "restored.db"
        self.server.graphd.stop()
        self.ctl("restore", self.backups / "b.db", restored)
        arguments = self.server.graphd.arguments
        arguments[arguments.index("--store") + 1] = f"sqlite:{restored}"
        self.server.graphd.start()
        self.server.await_ready()
        eventually(lambda: self.get(f"/sessions/{self.session}").status == 200, 10, "an answer")

    def test_all_parts_begin_anew_once_and_hear_what_follows(self):
        self.ctl("backup", "b.db", "--requests", self.server.requests)
        late = self.create("job", "Made behind the backup", self.left)
        self.do("DeleteNode", node_id=self.job)
        parts = (self.left, self.job, self.right, late, None)
        listening = [(node, client) for node in parts for client in self.listeners(node)]
        changing, = [self.stock(join={"subtree": self.right})]
        changing.await_event("joined")
        changing.emit("join_session", {"session_id": self.session, "subtree": self.left})
        changing.await_event("joined")
        everywhere = Spread(self.server.ports)  # it finds its home through the other gateway
        self.addCleanup(everywhere.close)
        relayed = self.open("polling", everywhere.port, auth={
            "session_id": self.session, "subtree": self.left})
        relayed.await_what("connect")
        listening += [(self.left, changing), (self.left, relayed)]
        self.go_back()
        wanted = {node: self.part(node) for node in (self.left, self.job, self.right)}
        wanted |= {late: [], None: self.roots()}
        for node, client in listening:
            self.assert_begun(client, node, wanted[node])
        begun = self.info()["seq"]
        for node in (self.job, self.secret):
            self.do("UpdateProperty", node_id=node, property_id="notes", value=1)
        self.create("task", "T", self.job)
        last = self.info()["seq"]
        audience = self.audience()
        for node, client in listening:
            self.await_seq(client, last)
            heard = durable_of(client)
            heard = heard[[e["event"] for e in heard].index("session:resync") + 1:]
            self.assertEqual(heard, audience.below(node, begun) if node else
                             [e for e, _ in audience.entries if e["seq"] > begun])
            self.assertEqual(len(self.resyncs(client)), 1)

    def test_who_comes_back_to_another_history_is_given_its_part(self):
        self.ctl("backup", "b.db", "--requests", self.server.requests)
        proxy = Proxy(self.server.ports[1])
        self.addCleanup(proxy.close)
        client = self.open(port=proxy.port, auth={"session_id": self.session, "recover": True,
                                                  "subtree": self.left})
        client.await_what("connect")
        self.do("UpdateProperty", node_id=self.job, property_id="notes", value=1)
        client.await_event("command:executed")
        self.server.graphd.stop()
        proxy.cut()
        client.await_what("disconnect")
        self.server.graphd.start()
        self.server.await_ready()
        self.go_back()
        self.assert_begun(client, self.left, self.part(self.left))
        self.do("UpdateProperty", node_id=self.secret, property_id="notes", value=1)
        self.do("UpdateProperty", node_id=self.job, property_id="notes", value=2)
        self.assertEqual(client.await_event("graph:property-changed")["data"]["node_id"], self.job)
        self.assertNotIn(self.secret, json.dumps(client.events()))


if __name__ == "__main__":
    unittest.main()
