"""Socket.IO clients that change their filters without leaving: by another join_session on a session
they are in, on any gateway, through gateways that are not their home, and before they are in."""

import random
import threading
import unittest

from clients import Http
from harness import LONG, eventually, new_seed
from project_test import API, NOWHERE, event_names
from proxy import Proxy, Spread
from stock import MODES, DriverTest
from subtree_test import SubtreeTest, durable_of

SEED = new_seed()
ASKS = 1024  # LIMIT_ASKS_PER_CLIENT
ALWAYS = {"session:closed", "session:resync"}


def passes(entry, path, terms):
    """Whether the filters of a join_session let an event through."""
    node, events = terms.get("subtree"), terms.get("events")
    if node and path is not None and node not in path:
        return False
    return not events or entry["event"] in ALWAYS or any(
        entry["event"].startswith(e[:-1]) if e.endswith("*") else entry["event"] == e
        for e in events.split(","))


def expected(audience, joins):
    """What comes of these (seq, filters), in order; the last ones hold until the end."""
    ends = [seq for seq, _ in joins[1:]] + [float("inf")]
    return [entry for (seq, terms), end in zip(joins, ends)
            for entry, path in audience.entries
            if seq < entry["seq"] <= end and passes(entry, path, terms)]


class FiltersTest(DriverTest, SubtreeTest):
    gateways = 3

    def setUp(self):
        super().setUp()
        self.left, self.right = self.create("phase", "Left"), self.create("phase", "Right")

    def open(self, mode="default", port=None, **more):
        client = super().open(mode, port or self.server.ports[1], **more)
        client.await_what("connect")
        return client

    def join(self, client, **terms):
        """The acknowledgement, which must be what `joined` says."""
        told = client.ask("join_session", {"session_id": self.session, **terms})[0]
        self.assertNotIn("error", told)
        client.await_event(lambda e: e.get("event") == "joined" and e["data"] == told)
        return told

    def note(self, node, value=1):
        return self.do("UpdateProperty", node_id=node, property_id="notes", value=value)["seq"]

    def nodes_heard(self, client):
        return [e["data"]["node_id"] for e in durable_of(client)
                if e["event"] in ("graph:property-changed", "property-changed")]

    def await_last(self, *clients):
        last = self.info()["seq"]
        for client in clients:
            self.await_seq(client, last)


class Stories(FiltersTest):
    def test_another_part_takes_effect_where_it_is_acknowledged(self):
        for mode in MODES:
            with self.subTest(mode=mode):
                client = self.open(mode=mode)
                self.join(client, subtree=self.left, names="colon")
                self.note(self.left), self.note(self.right)
                before = self.info()["seq"]
                self.assertGreaterEqual(self.join(client, subtree=self.right)["seq"], before - 2)
                self.note(self.left), self.note(self.right)
                self.await_last(client)
                self.assertEqual(self.nodes_heard(client), [self.left, self.right])

    def test_nobody_else_hears_of_it_and_the_count_stays(self):
        watcher = self.websocket(gateway=2)
        client = self.open()
        first = self.join(client, subtree=self.left)
        watcher.await_event(lambda e: e["event"] == "session:connected"
                            and e["data"]["client_id"] == first["client_id"])
        arrivals = watcher.names().count("session:connected")
        for terms in ({"subtree": self.right}, {"events": "graph:*"}, {}, {}, {"names": "colon"}):
            told = self.join(client, **terms)
            self.assertEqual({k: told[k] for k in ("session_id", "client_id", "active_clients")},
                             {k: first[k] for k in ("session_id", "client_id", "active_clients")})
        self.assertEqual(self.info()["active_clients"], 2)
        clients = self.ok(self.get(f"/sessions/{self.session}/clients"))["clients"]
        self.assertEqual([c["client_id"] for c in clients].count(first["client_id"]), 1)
        watcher.ask("ping")
        self.assertEqual(watcher.names().count("session:connected"), arrivals)
        self.assertNotIn("session:disconnected", watcher.names())
        # Its own presence is still not told to itself.
        client.emit("presence", {"cursor": 1})
        watcher.await_event("presence:update")
        self.join(client)
        self.assertNotIn("presence:update", client.names())
        self.assertNotIn("presence-update", client.names())

    def test_a_join_says_all_of_its_filters_and_without_any_everything_is_heard(self):
        client = self.open()
        self.join(client, subtree=self.left, events="graph:*")
        self.join(client, events="graph:*")
        self.note(self.right)
        self.await_last(client)
        self.assertEqual(event_names(durable_of(client)), ["property-changed"])
        self.join(client)
        self.note(self.right)
        client.await_event("command-executed")

    def test_the_same_filters_in_other_words_change_nothing(self):
        client = self.open()
        self.join(client, subtree=self.left, events="graph:node-*,graph:property-changed")
        self.note(self.left)
        client.await_event("property-changed")
        # A since of a join that changes nothing is not a wish to hear it all again.
        self.join(client, subtree=self.left.upper(), since=0,
                  events="graph:property-changed,graph:node-*,node-created")
        self.note(self.left, 2)
        client.await_event("property-changed")
        self.assertEqual(event_names(durable_of(client)), ["property-changed"] * 2)

    def test_names_stay_unless_they_are_asked_for(self):
        client = self.open(auth={"session_id": self.session, "subtree": self.left})
        self.join(client, subtree=self.right)
        self.note(self.right)
        client.await_event("graph:property-changed")
        self.join(client, subtree=self.right, names="dash")
        self.note(self.right)
        client.await_event("property-changed")
        self.create("job", "Job", self.right)
        self.assertEqual(client.await_event("node-updated")["data"]["id"], self.right)
        self.join(client, subtree=self.left)
        self.note(self.left)
        client.await_event("property-changed")
        self.join(client, subtree=self.left, names="colon")
        self.create("job", "Job", self.left)
        client.await_event("graph:node-created")
        client.await_event("command:executed")
        self.assertEqual(client.names().count("node-updated"), 1)

    def test_a_refused_change_changes_nothing(self):
        client = self.open()
        self.join(client, subtree=self.left)
        for terms in ({"subtree": "x"}, {"subtree": 5}, {"events": "nothing"}, {"since": -1},
                      {"names": "both"}):
            answer = client.ask("join_session", {"session_id": self.session, **terms})[0]
            self.assertEqual(answer["error"]["code"], "INVALID_REQUEST", terms)
        self.note(self.right), self.note(self.left)
        self.await_last(client)
        self.assertEqual(self.nodes_heard(client), [self.left])

    def test_a_since_brings_what_the_new_part_had(self):
        client = self.open()
        self.join(client, subtree=self.left, names="colon")
        seq = self.info()["seq"]
        self.note(self.right), self.note(self.left), self.note(self.right, 2)
        self.await_last(client)
        told = self.join(client, subtree=self.right, since=seq)
        self.assertEqual(told["seq"], self.info()["seq"])
        self.note(self.right, 3)
        self.await_last(client)
        self.assertEqual(durable_of(client),
                         self.audience().below(self.left, seq)[:2]
                         + self.audience().below(self.right, seq))

    def test_another_history_brings_the_new_part(self):
        client = self.open()
        self.join(client, subtree=self.left, names="colon")
        self.join(client, subtree=self.right, log_id=NOWHERE)
        resync = client.await_event("session:resync")["data"]
        self.assertEqual(resync["graph"]["roots"],
                         self.tree(query=f"?node_id={self.right}")["roots"])
        self.note(self.left), self.note(self.right)
        self.await_last(client)
        self.assertEqual(self.nodes_heard(client), [self.right])

    def test_the_last_of_many_at_once_counts_and_each_is_answered_in_order(self):
        for terms in ([self.left, self.right], [self.left, self.right, self.left],
                      [self.right] * 3 + [self.left]):
            client = self.open()
            for node in terms:
                client.emit("join_session", {"session_id": self.session, "subtree": node})
            for _ in terms:
                client.await_event("joined")
            other = self.left if terms[-1] == self.right else self.right
            self.note(other), self.note(terms[-1])
            self.await_last(client)
            self.assertEqual(self.nodes_heard(client), [terms[-1]])
            self.assertEqual(client.names().count("session-connected"), 1)
            client.close()

    def test_who_has_left_meanwhile_is_not_brought_back(self):
        client = self.open()
        self.join(client, subtree=self.left, names="colon")
        self.server.graphd.freeze()
        try:
            client.emit("join_session", {"session_id": self.session, "subtree": self.right}, ack=-1)
            client.emit("leave_session", {"session_id": self.session})
            client.await_event("left")
        finally:
            self.server.graphd.thaw()
        client.await_acks(2)
        self.assertEqual(client.acks[-1][0]["error"]["code"], "INVALID_SESSION")
        self.note(self.right), self.note(self.left)
        # It may join anew, and is then somebody who has just come.
        self.join(client, subtree=self.right, names="colon")
        self.assertEqual(self.info()["active_clients"], 1)
        self.assertEqual(self.nodes_heard(client), [])

    def test_who_leaves_before_it_is_in_has_each_join_answered(self):
        client = self.open()
        self.server.graphd.freeze()
        try:
            for ack in (-1, -2):
                client.emit("join_session", {"session_id": self.session}, ack=ack)
            client.emit("leave_session", {"session_id": self.session}, ack=-3)
            client.await_acks(3, 3)
        finally:
            self.server.graphd.thaw()
        for ack in (-1, -2):
            self.assertEqual(client.acks[ack][0]["error"]["code"], "INVALID_SESSION")
        self.assertEqual(client.acks[-3][0]["session_id"], self.session)
        self.assertNotIn("joined", client.names())
        self.join(client, subtree=self.right)
        self.assertEqual(self.info()["active_clients"], 1)

    def test_other_sessions_of_the_socket_keep_their_filters(self):
        client = self.open()
        self.join(client, subtree=self.left)
        other, root = self.new_project()
        told = client.ask("join_session", {"session_id": other, "events": "graph:*"})[0]
        self.assertEqual(told["session_id"], other)
        self.join(client, subtree=self.right)
        self.executed(other, "UpdateProperty", node_id=root, property_id="notes", value=1)
        self.note(self.left), self.note(self.right)
        self.await_last(client)
        self.assertEqual([e["data"]["session_id"] for e in durable_of(client)
                          if e["event"] == "property-changed"], [other, self.session])
        self.assertEqual([e["data"]["session_id"] for e in durable_of(client)
                          if e["event"] == "command-executed"], [self.session])

    def test_a_recovered_client_asks_again_for_what_its_connect_does_not_say(self):
        proxy = Proxy(self.server.ports[0])
        self.addCleanup(proxy.close)
        client = self.open(port=proxy.port, auth={"session_id": self.session, "recover": True,
                                             "subtree": self.left})
        begun = self.info()["seq"]
        first = self.join(client, subtree=self.right)["seq"]
        self.note(self.left), self.note(self.right)
        self.await_last(client)
        heard = self.info()["seq"]
        proxy.cut()
        client.await_what("disconnect")
        self.note(self.left, 2), self.note(self.right, 2)
        self.assertTrue(client.await_what("connect", 20)["recovered"])
        self.await_last(client)
        again = self.join(client, subtree=self.right)["seq"]
        self.note(self.left, 3), self.note(self.right, 3)
        self.await_last(client)
        audience = self.audience()
        self.assertEqual(begun, first)
        self.assertEqual(durable_of(client), audience.below(self.right, begun)[:2] + [
            e for e in audience.below(self.left, heard) if e["seq"] <= again
        ] + audience.below(self.right, again))

    def test_a_client_that_was_told_only_of_its_change_recovers_from_there(self):
        proxy = Proxy(self.server.ports[0])
        self.addCleanup(proxy.close)
        client = self.open("websocket", proxy.port, auth={
            "session_id": self.session, "recover": True, "events": "project:*"})
        self.note(self.left)
        self.await_last(client)
        told = self.join(client, events="graph:*")["seq"]
        proxy.cut()
        client.await_what("disconnect")
        self.note(self.left, 2)
        self.assertTrue(client.await_what("connect", 20)["recovered"])
        joined = [e for e in client.events() if e["event"] == "joined"][-1]
        self.assertEqual(joined["offset"], f"{self.session}:{told}")
        self.await_last(client)
        self.assertEqual(durable_of(client), [])

    def test_too_many_before_it_is_in_are_refused_and_the_others_answered(self):
        client = self.open(mode="websocket")
        self.server.graphd.freeze()
        try:
            for i in range(ASKS + 5):
                node = self.left if i % 2 else self.right
                client.emit("join_session", {"session_id": self.session, "subtree": node})
            for _ in range(5):
                refused = client.await_event("error", 20)["data"]
                self.assertEqual(refused["code"], "OVERLOADED")
        finally:
            self.server.graphd.thaw()
        for _ in range(ASKS):
            client.await_event("joined", 20)
        self.note(self.right), self.note(self.left)
        self.await_last(client)
        self.assertEqual(self.nodes_heard(client), [self.left])


class InThreads(FiltersTest):
    """Python's client hears each event in a thread of its own: by seq."""

    make = "python-socketio"

    def test_another_part_takes_effect_where_it_is_acknowledged(self):
        for mode in MODES:
            with self.subTest(mode=mode):
                client, joins = self.open(mode=mode), []
                for node in (self.left, self.right, self.left):
                    told = client.ask("join_session", {"session_id": self.session, "subtree": node,
                                                       "names": "colon"})[0]
                    joins.append((told["seq"], {"subtree": node}))
                    self.note(self.left), self.note(self.right)
                wanted = [e["seq"] for e in expected(self.audience(), joins)]
                eventually(lambda c=client, w=wanted: len(durable_of(c)) >= len(w))
                self.await_last(client)
                self.assertEqual(sorted(e["seq"] for e in durable_of(client)), wanted)


class Random(FiltersTest):
    """Filters change at random in the middle of commands; each event is judged by those that were
    acknowledged last before it."""

    changes = 60 if LONG else 12

    def setUp(self):
        super().setUp()
        print(f"SEED={SEED}")
        self.dice = random.Random(SEED)
        self.nodes = [self.root, self.left, self.right]
        for _ in range(12):
            self.nodes.append(self.create("task", "N", self.dice.choice(self.nodes)))
        self.ending = threading.Event()

    def one(self, dice):
        roll = dice.randrange(10)
        if roll < 5:
            return "UpdateProperty", {"node_id": dice.choice(self.nodes), "property_id": "notes",
                                      "value": dice.randrange(99)}
        if roll < 8:
            return "MoveNode", {"node_id": dice.choice(self.nodes),
                                "new_parent_id": dice.choice(self.nodes)}
        return "CreateNode", {"blueprint_type_id": "task", "parent_id": dice.choice(self.nodes)}

    def run_commands(self):
        dice = random.Random(SEED)
        with Http(self.server.ports[0]) as http:
            while not self.ending.is_set():
                command_type, data = self.one(dice)
                http.post(f"{API}/commands/execute", {
                    "session_id": self.session, "command_type": command_type, "data": data},
                    {"Prefer": "return=minimal"})
                self.ending.wait(0.002)

    def terms(self):
        terms = {"events": self.dice.choice([None, None, "graph:*", "command:executed",
                                             "graph:property-changed,graph:node-linked"]),
                 "subtree": self.dice.choice([None] + self.nodes)}
        return {k: v for k, v in terms.items() if v}

    def changed(self, client, joins):
        terms = self.terms()
        seq = self.join(client, **terms, **({} if joins else {"names": "colon"}))["seq"]
        if not joins or joins[-1][1] != terms:
            joins.append((seq, terms))

    def test_nothing_is_lost_or_doubled_of_what_both_filters_let_through(self):
        everywhere = Spread(self.server.ports)  # most of its requests come to another than its home
        self.addCleanup(everywhere.close)
        clients = [self.open(mode, port) for port in (*self.server.ports[:2], everywhere.port)
                   for mode in MODES]
        joins = {client: [] for client in clients}
        writer = threading.Thread(target=self.run_commands)
        writer.start()
        try:
            for _ in range(self.changes):
                for client in clients:
                    self.changed(client, joins[client])
        finally:
            self.ending.set()
            writer.join()
        for client in clients:
            self.join(client, since=self.info()["seq"])  # everybody hears everything
        last = self.note(self.left, "the end")
        audience = self.audience()
        for client in clients:
            self.await_seq(client, last)
            heard = durable_of(client)
            wanted = expected(audience, joins[client])
            self.assertEqual([e["seq"] for e in heard if e["seq"] <= last - 2],
                             [e["seq"] for e in wanted if e["seq"] <= last - 2])
            self.assertEqual([e["seq"] for e in heard[-2:]], [last - 1, last])


if __name__ == "__main__":
    unittest.main()
