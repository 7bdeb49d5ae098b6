"""Engine.IO sessions through gateways that do not have them: polls, POSTs and upgrades in turn
over three gateways, a home that ends, and what is not passed on."""

import json
import signal
import subprocess
import unittest
import uuid

from clients import API, MINIMAL
from engine import UPGRADE, RawWebSocket, Wire
from harness import BUILD, Server, ServerTest, eventually

EIO = "/socket.io/?EIO=4&transport="
TEXT = "t" * 255_000
UNKNOWN = {"code": 1, "message": "Session ID unknown"}


class Advertised(unittest.TestCase):
    def test_an_address_that_is_none_is_refused(self):
        for address in ("localhost:5000", "127.0.0.1", "127.0.0.1:0", ":5000", ""):
            done = subprocess.run([BUILD / "gatewayd" / "gatewayd", "--requests", "ipc:///tmp/none",
                                   "--events", "ipc:///tmp/none", "--advertise", address],
                                  capture_output=True, text=True, timeout=10, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("--advertise", done.stderr)


class Anywhere(ServerTest):
    """Gateways that listen on every address are found where they say."""

    gateways = 2
    fresh = True

    @classmethod
    def _new_server(cls):
        server = Server(gateways=2)
        for gateway, port in zip(server.gateways, server.ports):
            listen = gateway.arguments.index("--listen") + 1
            gateway.arguments[listen] = f"0.0.0.0:{port}"
        server.gateways[0].arguments += ["--advertise", f"127.0.0.2:{server.ports[0]}"]
        return server.start()

    def test_a_gateway_is_found_where_it_says_and_without_a_word_not_at_all(self):
        for home, status in ((0, 200), (1, 400)):
            with self.server.http(home) as http:
                sid = json.loads(http.get(EIO + "polling").body[1:])["sid"]
            with self.server.http(1 - home) as http:
                reply = http.request("POST", f"{EIO}polling&sid={sid}", b"40")
            self.assertEqual(reply.status, status, reply)


class Bounded(ServerTest):
    """A WebSocket that is relayed takes two descriptors: all live clients together no more than
    twice as many as there may be."""

    gateways = 2
    fresh = True
    MOST = 4
    server_options = {"gateway_options": ("--max-websockets", str(MOST))}

    def sid(self):
        with self.server.http(0) as http:
            return json.loads(http.get(EIO + "polling").body[1:])["sid"]

    def websocket(self, target):
        """Through the gateway that is not their home; the status."""
        wire = Wire(self.server.ports[1])
        self.addCleanup(wire.close)
        return wire.ask("GET", target, UPGRADE).status

    def relayed(self, n):
        return [self.websocket(f"{EIO}websocket&sid={self.sid()}") for _ in range(n)]

    def test_beside_as_many_as_may_be_at_home_half_as_many_are_relayed(self):
        before = self.server.gateways[1].open_sockets()
        own = [self.websocket(EIO + "websocket") for _ in range(self.MOST)]
        self.assertEqual(own, [101] * self.MOST)
        self.assertEqual(self.relayed(self.MOST), [101] * (self.MOST // 2) + [400, 400])
        used = self.server.gateways[1].open_sockets() - before
        # Those two that were refused keep their HTTP connection.
        self.assertLessEqual(used, 2 * self.MOST + 2)

    def test_beside_as_many_as_may_be_relayed_none_is_at_home(self):
        self.assertEqual(self.relayed(self.MOST), [101] * self.MOST)
        self.assertEqual(self.websocket(EIO + "websocket"), 503)


class Homes(ServerTest):
    gateways = 3
    fresh = True

    def ask(self, gateway, method, target, body=None, headers=None):
        wire = Wire(self.server.ports[gateway])
        try:
            return wire.ask(method, target, headers, body)
        finally:
            wire.close()

    def opened(self, gateway=0):
        reply = self.ask(gateway, "GET", EIO + "polling")
        self.assertEqual(reply.status, 200, reply)
        return json.loads(reply.body[1:])["sid"]

    def get(self, gateway, sid, headers=None):
        return self.ask(gateway, "GET", f"{EIO}polling&sid={sid}", headers=headers)

    def post(self, gateway, sid, body):
        return self.ask(gateway, "POST", f"{EIO}polling&sid={sid}", body)

    def upgraded(self, gateway, sid):
        ws = RawWebSocket(self.server.ports[gateway], f"{EIO}websocket&sid={sid}")
        self.addCleanup(ws.close)
        return ws

    def assert_unknown(self, reply):
        self.assertEqual((reply.status, reply.json), (400, UNKNOWN), reply)

    def relayed(self):
        return sum(self.server.metric("gatewayd_relayed_requests_total", i)
                   for i in range(self.gateways))

    def connected(self, sid, gateway):
        """Joins the root namespace over these requests."""
        self.assertEqual(self.post(gateway, sid, b"40").body, b"ok")
        self.assertRegex(self.get((gateway + 1) % 3, sid).body, rb'^40\{"sid"')

    def test_polls_and_posts_reach_their_session_through_any_gateway(self):
        sid = self.opened(0)
        self.connected(sid, 1)
        for round_ in range(12):
            self.assertEqual(self.post(round_ % 3, sid, b'42["ping"]').body, b"ok")
            self.assertEqual(self.get((round_ + 1) % 3, sid).body, b'42["pong"]')
        self.assertGreater(self.relayed(), 15)

    def test_a_held_poll_on_another_gateway_is_answered_when_there_is_something(self):
        sid = self.opened(2)
        self.connected(sid, 0)
        poll = Wire(self.server.ports[1])
        self.addCleanup(poll.close)
        poll.send(poll.request_bytes("GET", f"{EIO}polling&sid={sid}"))
        self.assertTrue(poll.is_silent())
        self.assertEqual(self.post(2, sid, b'42["ping"]').body, b"ok")
        self.assertEqual(poll.answer().body, b'42["pong"]')

    def test_a_big_post_and_its_big_answer_come_through(self):
        sid = self.opened(0)
        self.connected(sid, 1)
        text = "x" * 600_000
        body = f'421["command:execute","{text}"]'.encode()
        self.assertEqual(self.post(1, sid, body).body, b"ok")
        self.assertRegex(self.get(2, sid).body, rb"^4[23]")

    def test_an_event_longer_than_any_request_comes_through(self):
        """A node of 17 MB, most of it from one file, that was deleted and comes back by an undo."""
        session, _ = self.new_project()
        node, texts = str(uuid.uuid4()), 62
        file = {"id": node, "type": "x", "name": "n",
                "properties": {f"p{i}": TEXT for i in range(texts)}}
        reply = self.http.post(f"{API}/sessions/{session}/load-graph", {"graph": {"roots": [file]}},
                               MINIMAL)
        self.assertEqual(reply.status, 200, reply)
        for i in range(6):
            self.executed(session, "UpdateProperty", MINIMAL, node_id=node, property_id=f"q{i}",
                          value=TEXT)
        self.executed(session, "DeleteNode", MINIMAL, node_id=node)
        sid = self.opened(0)
        auth = {"session_id": session, "events": "graph:node-created"}
        self.assertEqual(self.post(1, sid, b"40" + json.dumps(auth).encode()).body, b"ok")
        self.assertRegex(self.get(1, sid).body, rb'^40\{"sid"')
        self.assertEqual(self.http.post(f"{API}/sessions/{session}/undo", {}, MINIMAL).status, 200)
        reply = self.get(1, sid)
        while reply.status == 200 and b"graph:node-created" not in reply.body[:40]:
            reply = self.get(1, sid)
        self.assertEqual(reply.status, 200, reply)
        self.assertGreater(len(reply.body), 2 * (texts + 6) * len(TEXT))

    def test_a_client_that_leaves_its_poll_leaves_its_session(self):
        sid = self.opened(0)
        self.connected(sid, 1)
        poll = Wire(self.server.ports[1])
        poll.send(poll.request_bytes("GET", f"{EIO}polling&sid={sid}"))
        self.assertTrue(poll.is_silent())
        poll.close()
        # The request for the metrics is a connection, too.
        eventually(lambda: self.server.metric("gatewayd_http_connections") == 1, 5, "the poll's end")
        self.assert_unknown(self.post(2, sid, b'42["ping"]'))

    def test_a_target_that_is_a_whole_uri_finds_its_home(self):
        sid = self.opened(0)
        target = f"http://graph.example:80{EIO}polling&sid={sid}"
        self.assertEqual(self.ask(1, "POST", target, b"40").body, b"ok")
        self.assertRegex(self.ask(2, "GET", target).body, rb'^40\{"sid"')
        ws = RawWebSocket(self.server.ports[1], f"http://localhost{EIO}websocket&sid={sid}")
        self.addCleanup(ws.close)
        ws.send_text("2probe")
        self.assertEqual(ws.text_in(), "3probe")

    def test_an_upgrade_through_another_gateway_is_the_same_websocket(self):
        sid = self.opened(0)
        self.connected(sid, 2)
        ws = self.upgraded(1, sid)
        self.assertEqual(ws.upgrade.status, 101)
        ws.send_text("2probe")
        self.assertEqual(ws.text_in(), "3probe")
        self.assertEqual(self.get(2, sid).body, b"6")
        ws.send_text("5")
        for _ in range(50):
            ws.send_text('42["ping"]')
        for _ in range(50):
            self.assertEqual(ws.text_in(), '42["pong"]')
        # It is a WebSocket now, for every gateway.
        self.assertEqual(self.get(2, sid).json["code"], 3)
        ws.close()
        eventually(lambda: self.get(2, sid).json == UNKNOWN, 5, "the session's end")

    def test_a_websocket_that_was_passed_on_is_told_when_its_way_or_its_home_ends(self):
        for ending in (1, 0):
            with self.subTest(gateway=ending):
                sid = self.opened(0)
                self.connected(sid, 2)
                ws = self.upgraded(1, sid)
                ws.send_text("2probe")
                self.assertEqual(ws.text_in(), "3probe")
                ws.send_text("5")
                ws.send_text('42["ping"]')
                self.assertEqual(ws.text_in(), '42["pong"]')
                self.server.gateways[ending].signal(signal.SIGTERM)
                self.assertEqual(ws.close_in(), 1012)
                self.assertEqual(self.server.gateways[ending].wait(), 0)
                self.server.gateways[ending].start()
                self.server.await_ready()

    def test_a_session_whose_home_died_is_unknown_and_a_new_one_is_not(self):
        sid = self.opened(0)
        self.connected(sid, 1)
        self.server.restart_gateway(0, kill=True)
        for gateway in (0, 1, 2):
            self.assert_unknown(self.get(gateway, sid))
            self.assert_unknown(self.post(gateway, sid, b'42["ping"]'))
        self.assertEqual(self.upgraded(1, sid).upgrade.status, 400)
        self.connected(self.opened(0), 1)

    def test_a_session_is_found_while_graphd_is_away(self):
        sid = self.opened(0)
        self.connected(sid, 1)
        self.connected(self.opened(0), 2)
        self.server.graphd.kill()
        self.assertEqual(self.post(1, sid, b'42["ping"]').body, b"ok")
        self.assertEqual(self.get(2, sid).body, b'42["pong"]')
        self.server.graphd.start()
        self.server.await_ready()

    def test_nothing_is_passed_on_twice_or_to_nowhere(self):
        sid = self.opened(0)
        before = self.relayed()
        # A gateway that had it passed on would have set this.
        self.assert_unknown(self.get(1, sid, {"Graph-Relayed": "1"}))
        for unknown in ("A" * 27, "abc", sid[:-1], sid + "A", "%00"):
            self.assert_unknown(self.get(1, unknown))
        # Home bytes of a real gateway, but no session of it.
        self.assert_unknown(self.get(1, sid[:6] + "A" * 21))
        self.assertLessEqual(self.relayed() - before, 4)
        self.assertEqual(self.ask(1, "PUT", f"{EIO}polling&sid={sid}", b"x").status, 400)


if __name__ == "__main__":
    unittest.main()
