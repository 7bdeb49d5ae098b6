"""Stock clients of three makes, each polling only, over WebSocket only and with the upgrade between
them: ways in, the event catalogue, acks, big values, refusals, many clients, and commands that are
fired while clients come in."""

import threading
import unittest

from harness import eventually
from project_test import NOWHERE, RESERVED, ProjectTest
from stock import MAKES, MODES, DriverTest, catalogue, durable_of


class StockTest(DriverTest, ProjectTest):
    n_clients, n_commands = 10, 300

    def in_session(self, mode="default", **auth):
        client = self.open(mode, auth={"session_id": self.session, **auth})
        client.await_what("connect")
        return client

    def heard_by(self, client, expected):
        """Its durable events. The Python client hands them to threads, so the last may be first."""
        if self.driver.in_order:
            return durable_of(client)
        eventually(lambda: len(durable_of(client)) >= len(expected), what="all events")
        return sorted(durable_of(client), key=lambda e: e[0])

    def run_catalogue(self):
        """What makes every event of the catalogue but the session's end; ends with a known seq."""
        a, b = self.create("phase", "A"), self.create("phase", "B")
        job = self.create("job", "J", a)
        for command_type, data in (
                ("UpdateProperty", {"node_id": job, "property_id": "notes", "value": 1}),
                ("DeleteProperty", {"node_id": job, "property_id": "notes"}),
                ("ReorderNode", {"node_id": b, "new_index": 0}),
                ("MoveNode", {"node_id": job, "new_parent_id": b}),
                ("UnlinkNode", {"parent_id": b, "child_id": job}),
                ("LinkNode", {"parent_id": a, "child_id": job}),
                ("DeleteNode", {"node_id": a})):
            self.do(command_type, **data)
            self.ok(self.undo())
            self.ok(self.redo())
        self.execute(self.session, "DeleteNode", node_id=NOWHERE)
        project = self.info()["project_id"]
        self.ok(self.post(f"/projects/{project}/save"))
        self.ok(self.post(f"/projects/{project}/open", {"session_id": self.session}))
        return self.do("CreateNode", blueprint_type_id="phase", name="the last")["seq"]


class WaysIn:
    """Tests for each make; the classes below mix them in."""

    def each_mode(self):
        """Each mode, with a project of its own."""
        for mode in MODES:
            self.session, self.root = self.new_project(name=f"{self.make} {mode}")
            yield mode

    def hears_last(self, client, seq, name="command:executed"):
        client.await_event(lambda e: e.get("event") == name and e["seq"] == seq, 30)

    def test_a_session_may_be_named_in_auth(self):
        for mode in self.each_mode():
            client = self.in_session(mode)
            self.create()
            client.await_event("graph:node-created")

    def test_a_session_may_be_named_in_the_query(self):
        for mode in self.each_mode():
            client = self.open(mode, query=f"session_id={self.session}")
            client.await_what("connect")
            self.create()
            client.await_event("graph:node-created")

    def test_a_session_may_be_joined_by_event_on_either_namespace(self):
        for mode in self.each_mode():
            for namespace in ("", "/graph"):
                client = self.open(mode, namespace=namespace)
                client.await_what("connect")
                client.emit("join_session", {"session_id": self.session})
                joined = client.await_event("joined")["data"]
                self.assertEqual(joined["session_id"], self.session)
                self.assertGreaterEqual(joined["active_clients"], 1)
                self.create()
                client.await_event("node-created")
                client.close()

    def test_every_event_is_heard_in_order_under_its_colon_name(self):
        for mode in self.each_mode():
            client = self.in_session(mode)
            reference = self.websocket()
            before = self.info()["seq"]
            last = self.run_catalogue()
            self.hears_last(client, last)
            reference.await_event(lambda e: e.get("seq") == last
                                  and e["event"] == "command:executed")
            durable = [(e["seq"], e["event"]) for e in self.durable(before)]
            self.assertEqual(self.heard_by(client, durable), durable)
            names = {e["event"] for e in client.events()}
            self.assertLessEqual({c for c, _, kind in catalogue() if c} - {
                "session:resync", "session:closed", "session:project-changed",
                "presence:update", "session:disconnected"}, names)
            if self.driver.in_order:
                self.assertEqual(
                    [(e["seq"], e["event"], e["data"]) for e in client.events()
                     if e["event"] not in RESERVED],
                    [(e["seq"], e["event"], e["data"]) for e in reference.events()
                     if e["event"] not in RESERVED])

    def test_every_event_is_heard_in_order_under_its_dash_name(self):
        dash_of = {colon: dash for colon, dash, _ in catalogue()}
        for mode in self.each_mode():
            client = self.open(mode)
            client.await_what("connect")
            client.emit("join_session", {"session_id": self.session})
            client.await_event("joined")
            before = self.info()["seq"]
            last = self.run_catalogue()
            self.hears_last(client, last, "command-executed")
            durable = [(e["seq"], dash_of[e["event"]]) for e in self.durable(before)]
            self.assertEqual(self.heard_by(client, durable), durable)
            self.assertIn("node-updated", {e["event"] for e in client.events()})

    def test_the_end_of_a_session_is_heard(self):
        for mode in self.each_mode():
            client = self.in_session(mode)
            self.ok(self.http.delete(f"/api/v1/sessions/{self.session}"))
            self.assertEqual(client.await_event("session:closed")["data"]["reason"], "deleted")

    def test_presence_of_one_is_heard_by_the_other(self):
        for mode in self.each_mode():
            ann, bob = self.in_session(mode), self.in_session(mode)
            ann.emit("presence", {"cursor": 7})
            heard = bob.await_event("presence:update")["data"]
            self.assertEqual(heard["data"], {"cursor": 7})

    def test_500_acks_come_in_order(self):
        for mode in self.each_mode():
            client = self.in_session(mode)
            for i in range(500):
                client.emit("command:execute", {
                    "command_type": "CreateNode",
                    "data": {"blueprint_type_id": "phase", "name": f"n{i}"}}, ack=i)
            client.await_acks(500)
            if self.driver.in_order:
                self.assertEqual(client.acks_in_order, list(range(500)))
            seqs = [client.acks[i][0]["seq"] for i in range(500)]
            self.assertEqual(seqs, sorted(set(seqs)))

    def test_pings_are_acked_and_answered(self):
        for mode in self.each_mode():
            client = self.open(mode)
            client.await_what("connect")
            self.assertEqual(client.ask("ping"), [])
            client.await_event("pong")

    def test_undo_and_redo_are_acked(self):
        for mode in self.each_mode():
            client = self.in_session(mode)
            self.create(name="to be undone")
            self.assertTrue(client.ask("undo", {})[0]["redo_available"])
            self.assertFalse(client.ask("redo", {})[0]["redo_available"])

    def test_values_of_60_kB_go_both_ways(self):
        value = "ä" * 30_000
        for mode in self.each_mode():
            client = self.in_session(mode)
            node = self.create("job", "J", self.create())
            answer = client.ask("command:execute", {"command_type": "UpdateProperty", "data": {
                "node_id": node, "property_id": "notes", "value": value}})
            self.assertTrue(answer[0]["success"], answer)
            heard = client.await_event("graph:property-changed")["data"]
            self.assertEqual(heard["new_value"], value)

    def test_a_refused_session_is_a_connect_error_with_message_and_data(self):
        for mode in self.each_mode():
            for session in (NOWHERE, "not an id"):
                client = self.open(mode, auth={"session_id": session})
                error = client.await_what("connect_error")
                self.assertEqual(error["message"], "Session not found")
                self.assertEqual(error["data"], {"code": "INVALID_SESSION"})
                client.close()

    def test_an_unknown_namespace_is_a_connect_error(self):
        for mode in self.each_mode():
            client = self.open(mode, namespace="/nowhere")
            self.assertEqual(client.await_what("connect_error")["message"], "Invalid namespace")

    def test_what_is_malformed_is_answered_by_error_and_the_connection_stays(self):
        for mode in self.each_mode():
            client = self.in_session(mode)
            for event, arg, code, field in (
                    ("join_session", {}, "INVALID_REQUEST", "session_id"),
                    ("join_session", {"session_id": 7}, "INVALID_REQUEST", "session_id"),
                    ("join_session", "x", "INVALID_REQUEST", None),
                    ("nonsense", {}, "UNKNOWN_COMMAND", None),
                    ("command:execute", {}, "INVALID_REQUEST", "command_type"),
                    ("undo", {"command_id": "x"}, "INVALID_REQUEST", "command_id"),
                    ("leave_session", {"session_id": NOWHERE}, "INVALID_SESSION", None)):
                error = client.ask(event, arg)[0]["error"]
                self.assertEqual((error["code"], error.get("field")), (code, field), (event, arg))
                client.await_event("error")
            self.create()
            client.await_event("graph:node-created")

    def test_commands_fired_while_clients_connect_and_upgrade_lose_no_event(self):
        for mode in self.each_mode():
            start, done = self.info()["seq"], threading.Event()

            def fire():
                for i in range(self.n_commands):
                    self.create(name=f"n{i}")
                done.set()

            firing = threading.Thread(target=fire)
            firing.start()
            clients = []
            while not done.is_set() and len(clients) < self.n_clients:
                client = self.open(mode, auth={"session_id": self.session, "since": start})
                client.await_what("connect")
                clients.append(client)
            firing.join()
            last = self.info()["seq"]
            durable = [(e["seq"], e["event"]) for e in self.durable(start)]
            for client in clients:
                self.hears_last(client, last)
                self.assertEqual(self.heard_by(client, durable), durable)
                client.close()


class Newest(WaysIn, StockTest):
    make = MAKES[0]

    def test_200_clients_in_one_session_hear_the_same(self):
        clients = [self.open(auth={"session_id": self.session}) for _ in range(200)]
        for client in clients:
            client.await_what("connect", 30)
        before = self.info()["seq"]
        for i in range(20):
            last = self.do("CreateNode", blueprint_type_id="phase", name=f"n{i}")["seq"]
        durable = [(e["seq"], e["event"]) for e in self.durable(before)]
        for client in clients:
            self.hears_last(client, last)
            self.assertEqual(durable_of(client), durable)


class Older(WaysIn, StockTest):
    make = MAKES[1]


class Python(WaysIn, StockTest):
    make = MAKES[2]
    # It starts a thread for each event.
    n_clients, n_commands = 4, 100


if __name__ == "__main__":
    unittest.main()
