"""What the gateway adds below /socket.io/: origins, the first namespace's two names, options of a
connection, and the order of what a joiner hears."""

import json
import unittest

from engine import BINARY, UPGRADE, EngineClients, frame
from project_test import NOWHERE, ProjectTest

HANDSHAKE = "EIO=4&transport=polling"
PAGE = "http://page.example"


class GatewayTest(EngineClients, ProjectTest):
    @property
    def port(self):
        return self.server.ports[0]

    def socket(self, auth=None, namespace="", query=""):
        """Connected; returns (WebSocket, reply to CONNECT)."""
        ws = self.websocket("EIO=4&transport=websocket" + query)
        comma = f"{namespace}," if namespace else ""
        ws.send_text(f"40{comma}{json.dumps(auth) if auth is not None else ''}")
        reply = ws.text_in()
        self.assertTrue(reply.startswith(f"40{comma}"), reply)
        ws.prefix = f"42{comma}"
        return ws, json.loads(reply[2 + len(comma):])

    def event(self, ws):
        while True:
            text = ws.text_in()
            if text.startswith(ws.prefix + "["):
                return json.loads(text[len(ws.prefix):])

    def events_until(self, ws, name):
        heard = [self.event(ws)]
        while heard[-1][0] != name:
            heard.append(self.event(ws))
        return heard


class Connections(GatewayTest):
    def test_the_handshake_has_the_usual_times(self):
        opened = self.polling().opened
        self.assertEqual((opened["pingInterval"], opened["pingTimeout"], opened["maxPayload"]),
                         (25000, 20000, 1000000))

    def test_answers_are_not_to_be_kept(self):
        answer = self.ask("GET", HANDSHAKE)
        self.assertEqual(answer.headers["cache-control"], "no-store")

    def test_the_client_bundle_is_not_served(self):
        self.assertEqual(self.ask("GET", "", path="/socket.io/socket.io.js").status, 400)

    def test_a_socket_without_a_session_is_welcome(self):
        ws, reply = self.socket()
        self.assertEqual(set(reply), {"sid"})
        self.assertTrue(ws.is_silent(0.05))

    def test_a_ping_is_answered_whatever_stands_in_it(self):
        ws, _ = self.socket()
        for args in ("", ",1234567890", ',"x",2', ",null", ",[]", ',{"session_id":7}'):
            ws.send_text(f'425["ping"{args}]')
            self.assertEqual([ws.text_in(), ws.text_in()], ['42["pong"]', "435[]"], args)

    def test_what_is_wrong_with_an_events_json_is_said_in_words(self):
        ws, _ = self.socket()
        ws.send_text('425["undo",{"x":9007199254740993}]')
        heard = self.event(ws)
        self.assertEqual(heard[0], "error")
        self.assertRegex(heard[1]["message"], "^The event is not acceptable JSON .JSON_NUMBER.")
        self.assertEqual(json.loads(ws.text_in()[3:]), [{"error": heard[1]}])

    def test_bytes_are_refused_and_not_taken_for_their_placeholder(self):
        ws, _ = self.socket({"session_id": self.session})
        before = self.info()["seq"]
        hole = '{"_placeholder":true,"num":0}'
        change = {"node_id": self.root, "property_id": "notes", "value": "x"}
        command = json.dumps({"command_type": "UpdateProperty", "data": change})
        for event, argument in (("command:execute", command.replace('"x"', hole)),
                                ("presence", f'{{"cursor":{hole}}}')):
            ws.send_text(f'451-5["{event}",{argument}]')
            ws.send(frame(b"\0\xff", BINARY))
            while not (ack := ws.text_in()).startswith("435"):
                pass
            self.assertEqual(json.loads(ack[3:])[0]["error"]["code"], "INVALID_REQUEST", event)
        ws.send_text(f'425["command:execute",{command}]')
        self.assertEqual(self.events_until(ws, "command:executed")[-1][1]["seq"], before + 2)

    def test_both_namespaces_serve_the_same(self):
        for namespace in ("", "/graph"):
            ws, _ = self.socket({"session_id": self.session}, namespace)
            self.create()
            names = [e[0] for e in self.events_until(ws, "command:executed")]
            self.assertIn("graph:node-created", names)
            ws.close()

    def test_the_answer_to_connect_comes_before_any_event(self):
        ws, reply = self.socket({"session_id": self.session})
        name, data = self.event(ws)[:2]
        self.assertEqual((name, data["client_id"]), ("session:connected", reply["sid"]))

    def test_names_can_be_chosen_in_each_way_in(self):
        ways = ((self.socket({"session_id": self.session, "names": "dash"})[0], "node-created"),
                (self.socket({}, query=f"&session_id={self.session}&names=dash")[0],
                 "node-created"),
                (self.socket({"session_id": self.session})[0], "graph:node-created"))
        self.create()
        for ws, name in ways:
            self.events_until(ws, name)
        ws, _ = self.socket()
        ws.send_text('42' + json.dumps(["join_session", {"session_id": self.session,
                                                         "names": "colon"}]))
        self.events_until(ws, "joined")
        self.create()
        self.events_until(ws, "graph:node-created")

    def test_a_filter_lets_through_what_it_names(self):
        ws, _ = self.socket({"session_id": self.session, "events": "graph:*"})
        self.create(name="one")
        self.create(name="two")
        heard = self.events_until(ws, "graph:node-created")
        heard += self.events_until(ws, "graph:node-created")
        self.assertEqual([e[0] for e in heard if e[0] != "seq"], ["graph:node-created"] * 2)

    def test_a_long_filter_in_the_query_counts_like_a_short_one(self):
        events = "graph:node-deleted," * 80 + "graph:node-created"
        ws, _ = self.socket({}, query=f"&session_id={self.session}&events={events}")
        self.create()
        heard = self.events_until(ws, "graph:node-created")
        self.ok(self.undo())
        heard += self.events_until(ws, "graph:node-deleted")
        self.assertEqual([e[0] for e in heard if e[0].split(":")[0] not in ("session", "seq")],
                         ["graph:node-created", "graph:node-deleted"])

    def test_since_replays_what_was_kept(self):
        before = self.info()["seq"]
        self.create()
        ws, _ = self.socket({"session_id": self.session, "since": before})
        heard = [e for e in self.events_until(ws, "command:executed")
                 if e[0] != "session:connected"]
        self.assertEqual([e[1]["seq"] for e in heard], [before + 1, before + 2])

    def test_malformed_wishes_are_refused_for_good(self):
        for auth in ({"names": "upper"}, {"since": "soon"}, {"since": -1}, {"events": "nonsense"},
                     {"events": ["graph:*"]}, {"names": 1}, {"log_id": {}}, {"session_id": 5},
                     {"actor": 7}, {"actor": "a" * 129}, {"actor": "a\nb"}):
            self.assert_refused({"session_id": self.session, **auth})
        for query in ("actor=%ff", "actor=%0a", "since=x", "subtree=x", "actor=" + "a" * 129):
            self.assert_refused({"session_id": self.session}, query)

    def assert_refused(self, auth, query=""):
        ws = self.websocket(f"EIO=4&transport=websocket&{query}")
        ws.send_text("40" + json.dumps(auth))
        reply = ws.text_in()
        self.assertEqual(reply[:2], "44", (auth, query))
        self.assertEqual(json.loads(reply[2:])["data"], {"code": "INVALID_REQUEST"})
        ws.close()

    def test_a_session_that_ends_ends_its_seat_and_not_the_socket(self):
        other, _ = self.new_project()
        ws, _ = self.socket()
        for session in (self.session, other):
            ws.send_text("42" + json.dumps(["join_session", {"session_id": session}]))
            self.events_until(ws, "joined")
        self.ok(self.http.delete(f"/api/v1/sessions/{self.session}"))
        self.events_until(ws, "session-closed")
        self.executed(other, "CreateNode", blueprint_type_id="phase", name="x")
        self.events_until(ws, "node-created")

    def test_a_socket_does_nothing_in_a_session_that_it_has_not_joined(self):
        other, root = self.new_project()
        ws, _ = self.socket({"session_id": self.session})
        before = self.state(other)
        for event, data in (("undo", {}), ("presence", {"data": 1}), ("leave_session", {}),
                            ("command:execute", {"command_type": "DeleteNode",
                                                 "data": {"node_id": root}})):
            ws.send_text("427" + json.dumps([event, dict(data, session_id=other)]))
            while not (text := ws.text_in()).startswith("437"):
                pass
            self.assertEqual(json.loads(text[3:])[0]["error"]["code"], "INVALID_SESSION", event)
        self.assertEqual(self.state(other), before)

    def test_a_65th_session_is_refused(self):
        ws, _ = self.socket()
        for i in range(65):
            session = self.ok(self.post("/sessions"), 201)["session_id"]
            ws.send_text("42" + json.dumps(["join_session", {"session_id": session}]))
            last = self.events_until(ws, "joined" if i < 64 else "error")[-1]
        self.assertEqual(last[1]["code"], "TOO_MANY_SESSIONS")

    def test_one_connection_may_be_in_both_namespaces(self):
        ws, first = self.socket({"session_id": self.session})
        ws.send_text("40/graph," + json.dumps({"session_id": self.session}))
        while not (text := ws.text_in()).startswith("40/graph,"):
            pass
        second = json.loads(text[len("40/graph,"):])
        self.assertNotEqual(first["sid"], second["sid"])
        self.create()
        heard = set()
        while len(heard) < 2:
            text = ws.text_in()
            if "graph:node-created" in text:
                heard.add(text.startswith("42/graph,"))
        ws.send_text("41/graph,")
        self.create()
        self.events_until(ws, "command:executed")

    def test_leaving_the_namespace_leaves_the_session(self):
        stays, _ = self.socket({"session_id": self.session})
        leaves, reply = self.socket({"session_id": self.session})
        leaves.send_text("41")
        gone = self.events_until(stays, "session:disconnected")[-1][1]
        self.assertEqual(gone["client_id"], reply["sid"])

    def test_a_command_id_is_acked_once_more_and_done_once(self):
        ws, _ = self.socket({"session_id": self.session})
        command = {"command_type": "CreateNode", "command_id": NOWHERE,
                   "data": {"blueprint_type_id": "phase", "name": "once"}}
        answers = []
        for i in range(2):
            ws.send_text(f"42{i}" + json.dumps(["command:execute", command]))
            while not (text := ws.text_in()).startswith(f"43{i}"):
                pass
            answers.append(json.loads(text[3:]))
        self.assertEqual(answers[0][0]["node_id"], answers[1][0]["node_id"])
        self.assertNotIn("graph", answers[0][0])
        self.assertEqual(len(self.children(self.root)) + len(self.roots()), 2)


class Haste(GatewayTest):
    """Clients of some languages, Rust's for one, let a program emit before CONNECT is answered."""

    def said_at_once(self, auth, *events):
        connect = [f"40{json.dumps(auth)}"]
        return connect + [f"42{i}{json.dumps(event)}" for i, event in enumerate(events)]

    def commands(self):
        return (["command:execute", {"command_type": "CreateNode", "data": {
                    "blueprint_type_id": "phase", "name": "at once"}}],
                ["undo", {}])

    def acks_over(self, packets):
        """By id, in the order in which they came."""
        return {int(p[2]): (json.loads(p[3:]) or [None])[0]
                for p in packets if p.startswith("43")}

    def read_acks(self, ws, n):
        """The answer to CONNECT comes first, whatever is asked behind it."""
        packets = [ws.text_in()]
        self.assertTrue(packets[0].startswith('40{"sid"'), packets)
        while sum(p.startswith("43") for p in packets) < n:
            packets.append(ws.text_in())
        return self.acks_over(packets)

    def test_what_follows_in_the_same_segment_is_answered_in_order(self):
        ws = self.websocket()
        ws.send(b"".join(map(frame, self.said_at_once(
            {"session_id": self.session}, *self.commands()))))
        acks = self.read_acks(ws, 2)
        self.assertEqual(list(acks), [0, 1])
        self.assertTrue(all(a.get("success") for a in acks.values()), acks)
        self.assertEqual(acks[1]["command_id"], acks[0]["command_id"])

    def test_what_follows_in_the_same_post_is_answered_in_order(self):
        client = self.polling()
        answer = client.post("\x1e".join(self.said_at_once(
            {"session_id": self.session}, *self.commands())))
        self.assertEqual(answer.body, b"ok")
        packets = []
        while len(self.acks_over(packets)) < 2:
            packets += [p.decode() for p in client.packets()]
        self.assertTrue(packets[0].startswith('40{"sid"'), packets)
        self.assertEqual([a.get("success") for a in self.acks_over(packets).values()], [True, True])

    def test_it_waits_as_long_as_graphd_does(self):
        ws = self.websocket()
        self.server.graphd.freeze()
        try:
            ws.send(b"".join(map(frame, self.said_at_once(
                {"session_id": self.session}, *self.commands()))))
            self.assertTrue(ws.is_silent(0.3))
        finally:
            self.server.graphd.thaw()
        self.assertTrue(all(a.get("success") for a in self.read_acks(ws, 2).values()))

    def test_of_a_refused_connect_nothing_is_done_and_the_connection_stays(self):
        ws = self.websocket()
        before = self.info()["seq"]
        join = ["join_session", {"session_id": self.session}]
        ws.send(b"".join(map(frame, self.said_at_once({"session_id": NOWHERE}, join))))
        self.assertTrue(ws.text_in().startswith('44{"message":"Session not found"'))
        ws.send(b"".join(map(frame, self.said_at_once(
            {"session_id": self.session}, ["ping"]))))
        self.assertEqual(list(self.read_acks(ws, 1)), [0])
        self.assertEqual((self.info()["seq"], self.info()["active_clients"]), (before, 1))


class Origins(GatewayTest):
    server_options = {"gateway_options": ("--allow-origin", PAGE)}

    def test_an_allowed_origin_is_echoed_on_answers_and_errors(self):
        for query, status in ((HANDSHAKE, 200), ("EIO=4&transport=abc", 400)):
            answer = self.ask("GET", query, headers={"Origin": PAGE})
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.headers["access-control-allow-origin"], PAGE)
            self.assertEqual(answer.headers["access-control-allow-credentials"], "true")
            self.assertIn("origin", answer.headers["vary"].lower())

    def test_it_is_echoed_on_polls_and_posts_too(self):
        p = self.polling()
        for method, body in (("POST", b"40"), ("GET", None)):
            answer = self.ask(method, p.query, body, {"Origin": PAGE})
            self.assertEqual(answer.headers["access-control-allow-origin"], PAGE)

    def test_a_preflight_is_granted(self):
        answer = self.ask("OPTIONS", HANDSHAKE, headers={
            "Origin": PAGE, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-mine"})
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["access-control-allow-origin"], PAGE)

    def test_a_strange_origin_gets_nothing_by_any_transport(self):
        strange = {"Origin": "http://strange.example"}
        answer = self.ask("GET", HANDSHAKE, headers=strange)
        self.assertEqual(answer.status, 403)
        self.assertNotIn("access-control-allow-origin", answer.headers)
        answer = self.ask("GET", "EIO=4&transport=websocket", headers={**UPGRADE, **strange})
        self.assertEqual(answer.status, 403)

    def test_a_strange_origin_cannot_post_into_a_session_it_knows(self):
        p = self.polling()
        answer = self.ask("POST", p.query, b"1", {"Origin": "http://strange.example"})
        self.assertEqual(answer.status, 403)
        self.assertEqual(p.post("40").body, b"ok")

    def test_no_origin_at_all_is_no_browser_and_welcome(self):
        answer = self.ask("GET", HANDSHAKE)
        self.assertEqual(answer.status, 200)
        self.assertNotIn("access-control-allow-origin", answer.headers)


class RecoveryForAll(GatewayTest):
    server_options = {"gateway_options": ("--recover-all",)}

    def test_it_is_given_without_being_asked_for(self):
        _, reply = self.socket({"session_id": self.session})
        self.assertEqual(set(reply), {"sid", "pid"})


if __name__ == "__main__":
    unittest.main()
