"""All who listen to a session hear one order; nobody else hears any of it."""

import json
import unittest

from harness import eventually
from project_test import NOWHERE, ProjectTest, RESERVED


def order_of(client):
    return [(e["data"]["seq"], e["event"]) for e in client.events() if e["event"] not in RESERVED]


class OneOrder(ProjectTest):
    gateways = 2

    def run_all_commands(self):
        """Each command once, each undone and done again."""
        a, b = self.create("phase", "A"), self.create("phase", "B")
        job = self.create("job", "J", a)
        steps = [
            ("UpdateProperty", {"node_id": job, "property_id": "notes", "value": 1}),
            ("DeleteProperty", {"node_id": job, "property_id": "notes"}),
            ("ReorderNode", {"node_id": b, "new_index": 0}),
            ("MoveNode", {"node_id": job, "new_parent_id": b}),
            ("LinkNode", {"parent_id": a, "child_id": job}),
            ("UnlinkNode", {"parent_id": a, "child_id": job}),
            ("ApplyKit", {"target_id": job, "kit_root_id": self.root}),
            ("Batch", {"commands": [{"command_type": "DeleteNode", "data": {"node_id": job}}]}),
            ("DeleteNode", {"node_id": a}),
            ("LoadGraph", {"graph": {"roots": [{"id": "x", "type": "phase", "name": "X"}]}}),
        ]
        for command_type, data in steps:
            self.do(command_type, **data)
            self.ok(self.undo())
            self.ok(self.redo())
        self.execute(self.session, "DeleteNode", node_id=NOWHERE)
        return self.do("CreateNode", blueprint_type_id="phase", name="the last")["seq"]

    def test_two_websockets_and_an_event_stream_hear_the_same(self):
        before = self.info()["seq"]
        stranger_session, _ = self.new_project()
        listeners = [self.websocket(), self.websocket(gateway=1),
                     self.closing(self.server.sse(self.session)),
                     self.closing(self.server.sse(self.session, gateway=1))]
        self.assertEqual([x.status for x in listeners[2:]], [200, 200])
        strangers = [self.websocket(stranger_session),
                     self.closing(self.server.sse(stranger_session))]
        last = self.run_all_commands()
        for listener in listeners:
            listener.await_event(lambda e: e.get("seq") == last
                                 and e["event"] == "command:executed")
        orders = [order_of(listener) for listener in listeners]
        for order in orders[1:]:
            self.assertEqual(order, orders[0])
        durable = [(e["seq"], e["event"]) for e in self.durable(before)]
        self.assertEqual([s for s, _ in durable], list(range(before + 1, last + 1)))
        transient = ("command:executing", "command:failed")
        self.assertEqual([x for x in orders[0] if x[1] not in transient], durable)
        self.assertEqual([x[1] for x in orders[0]].count("command:failed"), 1)
        first, second = ([e for e in x.events() if e["event"] not in RESERVED]
                         for x in listeners[:2])
        self.assertEqual(first, second)
        # Whatever was on its way to a stranger would come before the answer to this.
        strangers[0].ask("ping")
        for stranger in strangers:
            self.assertEqual(order_of(stranger), [])

    def test_the_answer_to_a_command_comes_to_the_one_who_asked(self):
        ann, bob = self.websocket(), self.websocket()
        ann.execute("CreateNode", blueprint_type_id="phase")
        bob.await_event("command:executed")
        self.assertTrue(all("event" in e for e in bob.heard))


class Joining(ProjectTest):
    def test_joined_comes_first_and_then_ones_own_connection(self):
        ann = self.websocket()
        self.assertEqual(ann.heard[0]["event"], "joined")
        data = ann.joined["data"]
        self.assertEqual(data["session_id"], self.session)
        self.assertEqual((data["active_clients"], data["seq"]), (1, self.info()["seq"]))
        connected = ann.await_event("session:connected")
        self.assertEqual(connected["data"]["client_id"], data["client_id"])
        self.assertEqual(connected["data"]["client_count"], 1)
        self.assert_event_is_whole(connected)

    def test_comings_and_goings_are_counted(self):
        ann = self.websocket()
        ann.await_event("session:connected")
        bob = self.websocket()
        came = ann.await_event("session:connected")
        self.assertEqual(came["data"]["client_count"], 2)
        self.assertEqual(came["data"]["client_id"], bob.joined["data"]["client_id"])
        self.assertEqual(bob.joined["data"]["active_clients"], 2)
        bob.close()
        went = ann.await_event("session:disconnected")
        self.assert_event_is_whole(went)
        self.assertEqual((went["data"]["client_id"], went["data"]["client_count"]),
                         (bob.joined["data"]["client_id"], 1))
        self.assertEqual(self.info()["active_clients"], 1)

    def test_a_stream_listens_without_being_counted(self):
        ann = self.websocket()
        stream = self.closing(self.server.sse(self.session))
        self.do("CreateNode", blueprint_type_id="phase")
        stream.await_event("command:executed")
        self.assertEqual(self.info()["active_clients"], 1)
        self.assertNotIn("session:connected", ann.names()[2:])

    def test_an_unknown_session_is_refused(self):
        for query in (f"session_id={NOWHERE}", "session_id=x", ""):
            with self.subTest(query=query):
                self.assertIn(self.refusal(query), (400, 404, "closed", "error"))

    def refusal(self, query):
        import websocket
        try:
            client = self.server.websocket(query, joins=False)
        except websocket.WebSocketBadStatusException as refused:
            return refused.status_code
        self.closing(client)
        client.await_end()
        self.assertNotIn("joined", client.names())
        return "closed"

    def test_names_and_filters_that_mean_nothing_are_refused(self):
        for query in ("names=upper", "events=nonsense", "events=,", "events=graph:*,,",
                      "since=x", "since=-1", "since=1.5"):
            with self.subTest(query=query):
                self.assertIn(self.refusal(f"session_id={self.session}&{query}"),
                              (400, "closed", "error"))


class Presence(ProjectTest):
    def test_presence_reaches_the_others_and_not_oneself(self):
        ann, bob = self.websocket(), self.websocket()
        seq = self.info()["seq"]
        shown = {"cursor": [1.0, 2], "selection": ["x"]}
        answer = ann.ask("presence", data=shown)
        self.assertIn("ok", answer, answer)
        update = bob.await_event("presence:update")
        self.assertEqual(update["data"]["data"], shown)
        self.assertEqual(update["data"]["client_id"], ann.joined["data"]["client_id"])
        self.assert_event_is_whole(update)
        ann.ask("ping")
        self.assertNotIn("presence:update", ann.names())
        self.assertEqual(self.info()["seq"], seq)


class Requests(ProjectTest):
    def test_a_ping_is_answered(self):
        self.assertIn("ok", self.websocket().ask("ping"))

    def test_odd_messages_are_answered_with_an_error_and_the_connection_stays(self):
        ann = self.websocket()
        for odd in ("", "{", "[]", "7", "null", '"x"', "{}", '{"id":1}', '{"do":"execute"}',
                    '{"id":1,"do":7}', '{"id":1,"do":"nonsense"}', '{"id":1,"do":"execute"}',
                    '{"id":1,"do":"execute","command_type":7}',
                    '{"id":1,"do":"execute","command_type":"Nope","data":{}}',
                    '{"id":1,"do":"execute","command_type":"CreateNode","data":[]}',
                    '{"id":1,"do":"undo","scope":"theirs"}', '{"id":1,"do":"presence"}',
                    '{"id":{"a":1},"do":"ping"}', '{"id":1,"do":"ping","id":2}', "[" * 1000):
            with self.subTest(message=odd):
                seen = len(ann.heard)
                ann.send(odd)
                entry = eventually(lambda n=seen: [e for e in ann.heard[n:] if "error" in e
                                                   or e.get("event") == "error" or "ok" in e],
                                   5, "an answer")[0]
                if "ok" not in entry:
                    error = entry.get("error") or entry["data"]
                    self.assertTrue(error["code"] and error["message"], entry)
                self.assertFalse(ann.closed)
        ann.next_id, ann.read_until = 1000, len(ann.heard)
        self.assertIn("ok", ann.ask("ping"))
        self.assertEqual(self.info()["node_count"], 1)

    def test_a_refusal_that_was_cut_is_heard_by_everybody_in_whole_characters(self):
        # A WebSocket must end at bytes that are not UTF-8 (RFC 6455 section 8.1).
        ann = self.websocket()
        for name in ("é" * 127, "a" + "é" * 126, "€" * 84, "a" + "€" * 84, "aa" + "€" * 84):
            long = "x" * (256 * 1024 - 1)
            refused = [
                ("UpdateProperty",
                 {"node_id": self.root, "property_id": name, "value": long}),
                ("CreateNode", {"blueprint_type_id": "phase", "parent_id": "$" + name})]
            refused += [("Batch", {"commands": [{"command_type": c, "data": d}]})
                        for c, d in refused]
            for command_type, data in refused:
                reply = self.execute(self.session, command_type, **data)
                self.assertGreaterEqual(reply.status, 400)
                failed = ann.await_event("command:failed")
                self.assertEqual(failed["data"]["error"]["message"],
                                 reply.json["error"]["message"])

    def test_what_is_refused_for_a_number_or_its_size_is_answered_under_its_id(self):
        ann = self.websocket()
        for id_, data in (('"a"', "9007199254740993"), ("7", "1e999"), ("8", "[" * 60 + "]" * 60)):
            ann.send(f'{{"do":"presence","data":{data},"id":{id_}}}')
            answer = ann.await_event(lambda e: "error" in e)
            self.assertEqual((answer["id"], answer["error"]["code"]),
                             (json.loads(id_), "INVALID_REQUEST"))
        ann.send('{"do":"presence","data":1,"id":1e999}')
        self.assertIsNone(ann.await_event(lambda e: "error" in e)["id"])

    def test_a_session_that_is_named_must_be_the_connections(self):
        other, _ = self.new_project()
        ws = self.websocket()
        for session in (other, "x", 5, []):
            before = self.state()
            for what in ({"do": "execute", "command_type": "CreateNode",
                          "data": {"blueprint_type_id": "phase"}}, {"do": "undo"}):
                answer = ws.ask(session_id=session, **what)
                self.assertEqual(answer["error"]["code"], "INVALID_SESSION", answer)
            self.assertEqual(self.state(), before)
        for session in (self.session, self.session.upper(), None):
            self.assertIn("ok", ws.ask(session_id=session, do="undo"))

    def test_a_reply_is_minimal(self):
        ann = self.websocket()
        answer = ann.execute("CreateNode", blueprint_type_id="phase")["ok"]
        self.assertNotIn("graph", answer)
        for field in ("success", "command_id", "node_id", "seq", "undo_available",
                      "redo_available", "is_dirty"):
            self.assertIn(field, answer)
        self.assertNotIn("graph", ann.ask("undo")["ok"])

    def test_answers_come_in_the_order_of_the_questions(self):
        ann = self.websocket()
        for i in range(200):
            ann.send({"id": f"q{i}", "do": "execute", "command_type": "CreateNode",
                      "data": {"blueprint_type_id": "phase", "name": str(i),
                               "parent_id": self.root}})
        ann.await_event(lambda e: e.get("id") == "q199")
        answers = [e["id"] for e in ann.heard if "ok" in e]
        self.assertEqual(answers, [f"q{i}" for i in range(200)])
        names = [n["name"] for n in self.node(self.root)["children"]]
        self.assertEqual(names, [str(i) for i in range(200)])


if __name__ == "__main__":
    unittest.main()
