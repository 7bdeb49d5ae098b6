"""Clients that listen to one part of the graph: they hear what happens there, moves in and out
included, are told how far they have come, and resume; on every way in, live and from the journal.
"""

import json
import random
import threading
import unittest

from clients import Http
from engine import UPGRADE
from harness import LONG, new_seed
from project_test import API, NOWHERE, RESERVED, event_names, new_id
from proxy import Proxy
from stock import DriverTest
from subtree_test import SubtreeTest, durable_of

SEED = new_seed()


class Stories(DriverTest, SubtreeTest):
    """Two phases, and a job with two tasks in the first one."""

    def setUp(self):
        super().setUp()
        self.left, self.right = self.create("phase", "Left"), self.create("phase", "Right")
        self.job = self.create("job", "Job", self.left)
        self.task = self.create("task", "Task", self.job)

    def stock(self, join=None, query="", **auth):
        client = self.open(port=self.server.ports[1], auth=auth, query=query)
        client.await_what("connect")
        if join is not None:
            client.emit("join_session", {"session_id": self.session, "names": "colon", **join})
            client.await_event("joined")
        return client

    def listeners(self, node, since=None):
        """One on each way in."""
        more = {} if since is None else {"since": since}
        query = f"subtree={node}" + (f"&since={since}" if since is not None else "")
        return [
            self.websocket(query=query),
            self.websocket(query=query, gateway=1),
            self.closing(self.server.sse(self.session, query)),
            self.stock(session_id=self.session, subtree=node, **more),
            self.stock(query=f"session_id={self.session}&{query}"),
            self.stock(join={"subtree": node, **more}),
        ]

    def hear(self, listeners, action):
        """Runs it; what all of them heard, which must be the same, as (name, node)."""
        self.mark(listeners)
        for listener in listeners:
            listener.begun = len(durable_of(listener))
        action()
        self.mark(listeners)
        heard = [durable_of(listener)[listener.begun:] for listener in listeners]
        for other in heard[1:]:
            self.assertEqual(other, heard[0])
        return [(e["event"], e["data"].get("node_id") or e["data"].get("child_id"))
                for e in heard[0]]

    def mark(self, listeners):
        seq = self.info()["seq"]
        for listener in listeners:
            self.await_seq(listener, seq)

    def test_what_happens_elsewhere_is_not_heard_and_a_mark_accounts_for_it(self):
        everywhere = self.listeners(self.left, self.info()["seq"] - 1)
        self.assertEqual(self.hear(everywhere, lambda: self.do(
            "UpdateProperty", node_id=self.right, property_id="notes", value=1)), [])
        self.assertEqual(
            self.hear(everywhere, lambda: self.do(
                "UpdateProperty", node_id=self.task, property_id="notes", value=1)),
            [("graph:property-changed", self.task), ("command:executed", None)])
        self.assertEqual(
            self.hear(everywhere, lambda: self.create("task", "Other", self.right)), [])
        # Neither the root above it nor the node itself is left out.
        self.assertEqual(
            self.hear(everywhere, lambda: self.do(
                "UpdateProperty", node_id=self.root, property_id="notes", value=1)), [])
        self.assertEqual(
            self.hear(everywhere, lambda: self.do("ReorderNode", node_id=self.left, new_index=1)),
            [("graph:node-moved", self.left), ("command:executed", None)])

    def test_moves_in_out_and_within_are_shown_as_such(self):
        everywhere = self.listeners(self.left, self.info()["seq"] - 1)
        move = {"node_id": self.job, "new_parent_id": self.right}
        self.assertEqual(self.hear(everywhere, lambda: self.do("MoveNode", **move)),
                         [("graph:node-unlinked", self.job), ("command:executed", None)])
        self.assertEqual(
            self.hear(everywhere, lambda: self.do(
                "UpdateProperty", node_id=self.task, property_id="notes", value=2)), [])
        self.ok(self.undo())
        self.mark(everywhere)
        self.assertEqual(self.hear(everywhere, lambda: self.ok(self.undo())),
                         [("graph:node-linked", self.job), ("command:undo", None)])
        other = self.create("job", "Other", self.left)
        within = {"parent_id": other, "child_id": self.task}
        self.assertEqual(
            self.hear(everywhere, lambda: self.do("LinkNode", **within)),
            [("graph:node-unlinked", self.task), ("graph:node-linked", self.task),
             ("command:executed", None)])
        self.assertEqual(
            self.hear(everywhere, lambda: self.do("UnlinkNode", **within)),
            [("graph:node-unlinked", self.task), ("command:executed", None)])

    def test_what_came_in_is_read_at_the_seq_that_ends_the_command(self):
        ann = self.websocket(query=f"subtree={self.right}")
        seq = self.do("MoveNode", node_id=self.job, new_parent_id=self.right)["seq"]
        linked = ann.await_event("graph:node-linked")
        executed = ann.await_event("command:executed")
        self.assertEqual(executed["seq"], seq)
        self.do("DeleteNode", node_id=self.task)
        came = self.tree(query=f"?node_id={linked['data']['child_id']}&at={executed['seq']}")
        self.assertEqual([n["id"] for n in came["roots"][0]["children"]], [self.task])
        self.assertEqual(ann.await_event("graph:node-deleted")["data"]["node_id"], self.task)

    def test_a_branch_that_goes_and_comes_back_is_heard_below_and_above_it(self):
        above, below = self.websocket(query=f"subtree={self.left}"), \
            self.websocket(query=f"subtree={self.task}")
        self.do("DeleteNode", node_id=self.left)
        for client in (above, below):
            client.await_event("command:executed")
        self.assertEqual(event_names(durable_of(above)).count("graph:node-deleted"), 3)
        self.assertEqual([e["data"]["node_id"] for e in durable_of(below)[:-1]], [self.task])
        self.ok(self.undo())
        for client in (above, below):
            client.await_event("command:undo")
        self.assertEqual(event_names(durable_of(above)).count("graph:node-created"), 3)
        self.assertEqual(event_names(durable_of(below)),
                         ["graph:node-deleted", "command:executed", "graph:node-created",
                          "command:undo"])

    def test_a_node_that_does_not_exist_yet_may_be_listened_to(self):
        node = new_id()
        ann = self.websocket(query=f"subtree={node}")
        self.create("task", "Before", self.job)
        self.create("task", "It", self.job, node_id=node)
        self.assertEqual(ann.await_event("graph:node-created")["data"]["node_id"], node)
        self.assertEqual(event_names(durable_of(ann))[0], "graph:node-created")

    def test_executing_is_heard_by_those_who_hear_executed_and_a_failure_by_all(self):
        left, right = (self.websocket(query=f"subtree={n}") for n in (self.left, self.right))
        self.do("UpdateProperty", node_id=self.task, property_id="notes", value=1)
        self.execute(self.session, "DeleteNode", node_id=NOWHERE)
        for client in (left, right):
            client.await_event("command:failed")
        names = [[n for n in client.names() if n not in RESERVED] for client in (left, right)]
        self.assertEqual(names, [["command:executing", "graph:property-changed",
                                  "command:executed", "command:failed"], ["command:failed"]])

    def test_clients_with_dash_names_hear_of_the_parents_in_their_part_only(self):
        left, right = (self.websocket(query=f"names=dash&subtree={n}")
                       for n in (self.left, self.right))
        self.create("task", "T", self.job)
        last = self.create("task", "T", self.right) and self.info()["seq"]
        updated = left.await_event("node-updated")
        self.assertEqual(updated["data"]["id"], self.job)
        self.assertEqual(right.await_event("node-updated")["data"]["id"], self.right)
        self.await_seq(left, last)
        self.assertEqual(left.names().count("node-updated"), 1)

    def test_what_happens_to_the_session_concerns_every_part(self):
        ann = self.websocket(query=f"subtree={self.task}")
        project = self.info()["project_id"]
        self.ok(self.post(f"/projects/{project}/save"))
        ann.await_event("project:saved")
        self.websocket()
        ann.await_event("session:connected")
        self.ok(self.http.delete(f"{API}/sessions/{self.session}"))
        ann.await_event("session:closed")

    def test_both_filters_count(self):
        ann = self.websocket(query=f"subtree={self.left}&events=graph:node-*")
        seq = self.info()["seq"]
        self.do("UpdateProperty", node_id=self.task, property_id="notes", value=1)
        self.create("task", "T", self.right)
        self.create("task", "T", self.job)
        last = self.info()["seq"]
        self.await_seq(ann, last)
        heard = durable_of(ann)
        self.assertEqual(event_names(heard), ["graph:node-created"])
        page = self.all_events(seq, f"&subtree={self.left}&events=graph:node-*")
        self.assertEqual(page, heard)

    def test_an_id_that_is_none_is_refused_before_anybody_joins(self):
        for value in ("", "x", NOWHERE + "0", self.left[:-1], "00000000-0000-0000-0000-" + "0" * 12):
            query = f"?subtree={value}"
            for path, headers in (("", {}), ("", {"Accept": "text/event-stream"}),
                                  ("&wait=1000", {}), ("", {"Accept": "application/x-ndjson"})):
                reply = self.get(f"/sessions/{self.session}/events{query}{path}", headers)
                self.assert_error(reply, 400, "INVALID_REQUEST", "subtree")
            reply = self.http.get(f"/ws{query}&session_id={self.session}", UPGRADE)
            self.assert_error(reply, 400, "INVALID_REQUEST", "subtree")
        for how in ({"auth": {"session_id": self.session, "subtree": 5}},
                    {"auth": {"session_id": self.session, "subtree": "x"}},
                    {"query": f"session_id={self.session}&subtree=x"}):
            client = self.driver.open(self.server.ports[0], **how)
            self.addCleanup(client.close)
            refused = client.await_what("connect_error")
            self.assertIn("subtree", json.dumps(refused))
        client = self.stock()
        client.emit("join_session", {"session_id": self.session, "subtree": ["x"]})
        self.assertEqual(client.await_event("error")["data"]["code"], "INVALID_REQUEST")
        self.assertEqual(self.info()["active_clients"], 0)

    def test_a_long_poll_sleeps_through_what_happens_elsewhere(self):
        seq, answers = self.info()["seq"], []

        def poll():
            with Http(self.server.ports[0]) as http:
                answers.append(http.get(f"{API}/sessions/{self.session}/events?since={seq}"
                                        f"&wait=20000&subtree={self.left}").json)
        poller = threading.Thread(target=poll)
        poller.start()
        for _ in range(3):
            self.create("task", "T", self.right)
        self.do("UpdateProperty", node_id=self.task, property_id="notes", value=1)
        poller.join(10)
        self.assertFalse(poller.is_alive())
        self.assertEqual(event_names(answers[0]["events"])[0], "graph:property-changed")
        empty = self.ok(self.get(f"/sessions/{self.session}/events?since={self.info()['seq']}"
                                 f"&wait=50&subtree={self.left}"))
        self.assertEqual((empty["events"], empty["more"]), ([], False))

    def test_pages_that_were_filtered_out_to_the_last_can_be_gone_on_from(self):
        for _ in range(10):
            self.create("task", "T", self.right)
        expected = self.audience().below(self.left)
        for limit in (1, 3, 7):
            found = self.all_events(0, f"&limit={limit}&subtree={self.left}")
            self.assertEqual(found, expected)
        page = self.ok(self.get(f"/sessions/{self.session}/events?since=20&limit=2"
                                f"&subtree={self.left}"))
        self.assertEqual([e["event"] for e in page["events"]], ["seq"])
        self.assertEqual(page["events"][0]["data"],
                         {"session_id": self.session, "seq": page["events"][0]["seq"]})

    def test_a_resumed_client_hears_its_part_from_the_middle_on(self):
        self.do("MoveNode", node_id=self.job, new_parent_id=self.right)
        middle = self.info()["seq"] - 1  # behind node-linked, before command:executed
        self.create("task", "T", self.job)
        self.do("MoveNode", node_id=self.job, new_parent_id=self.left)
        self.create("task", "T", self.right)
        last = self.info()["seq"]
        audience = self.audience()
        for node in (self.left, self.right, self.job, self.root):
            for since in (0, 4, middle, last - 1, last):
                for client in self.listeners(node, since)[:4]:
                    if since < last:
                        self.await_seq(client, last)
                    self.assertEqual(durable_of(client), audience.below(node, since))

    def test_another_sessions_clients_hear_nothing(self):
        other, _ = self.new_project()
        stranger = self.websocket(other, query=f"subtree={self.left}")
        own = self.websocket(query=f"subtree={self.left}")
        self.do("UpdateProperty", node_id=self.task, property_id="notes", value=1)
        own.await_event("command:executed")
        stranger.ask("ping")
        self.assertEqual([n for n in stranger.names() if n not in RESERVED], [])

    def test_a_recovered_connection_is_filtered_as_its_connect_says(self):
        proxy = Proxy(self.server.ports[0])
        self.addCleanup(proxy.close)
        client = self.driver.open(proxy.port, auth={
            "session_id": self.session, "recover": True, "subtree": self.left})
        self.addCleanup(client.close)
        client.await_what("connect")
        begun = self.info()["seq"]
        self.do("UpdateProperty", node_id=self.task, property_id="notes", value=1)
        client.await_event("command:executed")
        # A mark moves the offset: nothing before it is asked for again.
        self.create("task", "T", self.right)
        mark = client.await_event("seq")
        self.assertEqual(mark["offset"], f"{self.session}:{self.info()['seq']}")
        proxy.cut()
        client.await_what("disconnect")
        self.do("MoveNode", node_id=self.job, new_parent_id=self.right)
        self.do("UpdateProperty", node_id=self.task, property_id="notes", value=2)
        self.do("UpdateProperty", node_id=self.left, property_id="notes", value=3)
        last = self.info()["seq"]
        self.assertTrue(client.await_what("connect", 20)["recovered"])
        self.await_seq(client, last)
        self.assertEqual(durable_of(client), self.audience().below(self.left, begun))


class Random(SubtreeTest):
    """Commands at random; what each part's clients hear is worked out from all events."""

    commands = 1500 if LONG else 150

    def pick(self):
        return self.dice.choice(self.nodes) if self.nodes else self.root

    def batch(self):
        node = self.pick()
        return {"commands": [
            {"command_type": "CreateNode", "data": {"blueprint_type_id": "job", "parent_id": node}},
            {"command_type": "CreateNode", "data": {"blueprint_type_id": "task",
                                                    "parent_id": "$0"}},
            {"command_type": "MoveNode", "data": {"node_id": "$1", "new_parent_id": self.pick()}},
            {"command_type": "UpdateProperty", "data": {
                "node_id": "$1", "property_id": "notes", "value": 1}},
            {"command_type": "MoveNode", "data": {"node_id": "$0", "new_parent_id": self.pick()}},
            {"command_type": "UpdateProperty", "data": {
                "node_id": "$1", "property_id": "notes", "value": 2}},
        ] + self.dice.choice([[], [{"command_type": "DeleteNode", "data": {"node_id": "$0"}}]])}

    def one(self):
        roll = self.dice.randrange(100)
        if roll < 25:
            parent = self.dice.choice([None, self.pick()])
            return "CreateNode", {"blueprint_type_id": "task", "name": "N",
                                  **({"parent_id": parent} if parent else {})}
        if roll < 50:
            return "MoveNode", {"node_id": self.pick(), "index": self.dice.randrange(3),
                                "new_parent_id": self.dice.choice([None, self.pick()])}
        if roll < 70:
            return "UpdateProperty", {"node_id": self.pick(), "property_id": "notes",
                                      "value": self.dice.randrange(9)}
        if roll < 75:
            return "DeleteNode", {"node_id": self.pick()}
        if roll < 80:
            return "Batch", self.batch()
        if roll < 82:
            return "ApplyKit", {"target_id": self.pick(), "kit_root_id": self.pick()}
        if roll < 83:
            return "LoadGraph", {"graph": {"roots": self.roots()[:2]}}
        return ("Undo", {}) if roll < 94 else ("Redo", {})

    def run_commands(self):
        for i in range(self.commands):
            command_type, data = self.one()
            if command_type in ("Undo", "Redo"):
                self.ok(self.undo() if command_type == "Undo" else self.redo())
            else:
                self.execute(self.session, command_type, {"Prefer": "return=minimal"}, **data)
            if i % 5 == 0:
                self.nodes = [n["id"] for n in self.all_nodes()]
        # The project that was saved at first comes back in one step that is no command.
        self.ok(self.post(f"/projects/{self.project}/open", {"session_id": self.session}))
        return self.info()["seq"]

    def all_nodes(self):
        waiting = self.roots()
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(node["children"])

    def setUp(self):
        super().setUp()
        print(f"SEED={SEED}")
        self.dice = random.Random(SEED)
        self.nodes = [self.root]
        for _ in range(12):
            self.nodes.append(self.create("task", "N", self.dice.choice(self.nodes)))
        self.project = self.info()["project_id"]
        self.ok(self.post(f"/projects/{self.project}/save"))

    def executing_of(self, client):
        return [e["data"]["command_id"] for e in client.events()
                if e["event"] == "command:executing"]

    def test_each_part_hears_the_same_live_and_from_the_journal(self):
        parts = self.dice.sample(self.nodes, 6) + [self.root, new_id()]
        everything = self.websocket()
        live = [(node, self.websocket(query=f"subtree={node}", gateway=self.dice.randrange(2)))
                for node in parts]
        live += [(node, self.closing(self.server.sse(self.session, f"subtree={node}")))
                 for node in parts]
        begun = self.info()["seq"]
        last = self.run_commands()
        for client in [everything] + [c for _, c in live]:
            self.await_seq(client, last)
        audience = self.audience()
        self.assertEqual(durable_of(everything), [e for e, _ in audience.entries
                                                  if e["seq"] > begun])
        for node, client in live:
            self.assertEqual(durable_of(client), audience.below(node, begun))
            self.assertEqual(self.executing_of(client), [
                i for i in self.executing_of(everything) if audience.hears_executing(node, i)])
        for node in parts:
            since = self.dice.randrange(last)
            self.assertEqual(self.all_events(since, f"&subtree={node}&limit=100"),
                             audience.below(node, since))
            late = self.websocket(query=f"subtree={node}&since={since}")
            self.await_seq(late, last)
            self.assertEqual(durable_of(late), audience.below(node, since))


if __name__ == "__main__":
    unittest.main()
