"""Every gateway and then graphd are restarted, one after the other, under load and behind HAProxy
as docs/examples/ has it: no command fails, and no client that resumes misses or repeats an event."""

import json
import signal
import socket
import time
import unittest

from balancer import Balancer, Load, history
from clients import Http, Listener, WebSocket
from engine import RawWebSocket, Wire
from harness import LONG, eventually
from project_test import API, ProjectTest
from received import DEAF_S
from stock import Driver, durable_of

DRAIN_MS = 10_000 if LONG else 2_000
LONG_VALUE, LONG_ANSWER = 200_000, 12_000_000
EIO = "/socket.io/?EIO=4&transport=polling"
MANY = 50 if LONG else 8


class Rolling(ProjectTest):
    gateways = 3
    fresh = True
    server_options = {"gateway_options": ("--drain", str(DRAIN_MS))}

    def setUp(self):
        super().setUp()
        self.balancer = Balancer("haproxy", self.server.ports).start()
        self.addCleanup(self.balancer.remove)

    def open_clients(self, since):
        driver = Driver("socket.io-client")
        self.addCleanup(driver.end)
        clients = [driver.open(self.balancer.port, mode, auth={"session_id": self.session},
                               resumes=True, since=since)
                   for mode in ("polling", "default", "websocket") for _ in range(MANY)]
        for client in clients:
            client.await_what("connect", 30)
        return clients

    def restart_all(self):
        for gateway in self.server.gateways:
            began = time.monotonic()
            gateway.stop()
            self.assertLess(time.monotonic() - began, DRAIN_MS / 1000 + 1)
            gateway.start()
            self.server.await_ready()
            # As whoever restarts them must: the next one goes when this one gets requests again.
            time.sleep(0.7)
        self.server.graphd.stop()
        self.server.graphd.start()
        self.server.await_ready()

    def test_no_command_fails_and_no_client_misses_or_repeats_an_event(self):
        node = self.create("phase", "A")
        since = self.info()["seq"]
        clients = self.open_clients(since)
        loads = [Load(self.balancer.port, self.session, node) for _ in range(3)]
        for load in loads:
            load.start()
        self.restart_all()
        for load in loads:
            load.end()
            self.assertGreater(load.done, 100)
        events = history(self.server.ports[0], self.session, since)
        self.assertEqual(len(events), events[-1][0] - since)
        self.assertGreaterEqual(len(events), sum(load.done for load in loads))
        for client in clients:
            # One that was sent away in the middle of its upgrade is deaf for a while.
            eventually(lambda c=client: len(durable_of(c)) >= len(events), DEAF_S + 20,
                       "the last event")
            self.assertEqual(durable_of(client), events)
            self.assertNotIn("session:resync", client.names())
            # Every one was sent away at least once, and came back by itself.
            gone = [e for e in Listener.events(client) if e.get("what") == "disconnect"]
            self.assertTrue(gone)


class Drain(ProjectTest):
    """One gateway that gets a SIGTERM, looked at from every kind of connection."""

    gateways = 1
    fresh = True
    server_options = {"gateway_options": ("--drain", "3000")}

    def setUp(self):
        super().setUp()
        self.gateway, self.port = self.server.gateways[0], self.server.ports[0]

    def ended(self, status=0):
        began = time.monotonic()
        self.assertEqual(self.gateway.wait(), status)
        return time.monotonic() - began

    def restart(self):
        self.gateway.start()
        self.server.await_ready()

    def refuses(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) != 0

    def test_it_is_not_ready_first_and_refuses_connections_then(self):
        kept = Http(self.port)
        self.addCleanup(kept.close)
        self.assertEqual(kept.get("/readyz").status, 200)
        ws = self.closing(WebSocket(self.port, f"session_id={self.session}"))
        self.gateway.signal(signal.SIGTERM)
        eventually(lambda: kept.get("/readyz").status == 503, 1, "/readyz with 503")
        self.assertFalse(self.refuses(), "connections are still taken when /readyz says no")
        eventually(self.refuses, 2, "refused connections")
        # Over a connection that is open still: a client that is only coming is sent elsewhere.
        self.assertEqual(kept.get(EIO).status, 503)
        ws.await_end()
        self.ended()
        self.restart()

    def test_stock_clients_and_websockets_are_told_to_go(self):
        # The library's WebSocket client does not know 1012.
        ws = RawWebSocket(self.port, f"/ws?session_id={self.session}")
        self.addCleanup(ws.close)
        driver = Driver("socket.io-client")
        self.addCleanup(driver.end)
        clients = [driver.open(self.port, "websocket", auth=auth)
                   for auth in ({"session_id": self.session}, {})]
        for client in clients:
            client.await_what("connect")
        poll = self.held_poll()
        self.gateway.signal(signal.SIGTERM)
        for client in clients:
            # "transport error" would be a connection that broke.
            self.assertEqual(client.await_what("disconnect", 5)["reason"], "transport close")
        # No close packet: python-engineio would not come back after one.
        self.assertEqual(poll.answer().body, b"6")
        self.assertEqual(ws.close_in(), 1012)
        self.assertLess(self.ended(), 3.5)
        self.restart()

    def new_sid(self):
        with Http(self.port) as http:
            return json.loads(http.get(EIO).body[1:])["sid"]

    def engine_websocket(self, query=""):
        ws = RawWebSocket(self.port, f"/socket.io/?EIO=4&transport=websocket{query}")
        self.addCleanup(ws.close)
        return ws

    def test_who_is_in_the_middle_of_an_upgrade_is_told_to_go_when_it_is_done(self):
        """A stock client whose WebSocket ends before that hears nothing for up to 45 s."""
        ws = self.engine_websocket(f"&sid={self.new_sid()}")
        ws.send_text("2probe")
        self.assertEqual(ws.text_in(), "3probe")
        others = [self.engine_websocket() for _ in range(5)]
        self.gateway.signal(signal.SIGTERM)
        for other in others:
            self.assertEqual(other.close_in(), 1012)
        self.assertTrue(ws.is_silent())
        ws.send_text("5")
        self.assertEqual(ws.close_in(), 1012)
        self.assertLess(self.ended(), 3.5)
        self.restart()

    def held_poll(self):
        """A polling session of no room, whose GET waits."""
        poll = Wire(self.port)
        self.addCleanup(poll.close)
        poll.send(poll.request_bytes("GET", f"{EIO}&sid={self.new_sid()}"))
        self.assertTrue(poll.is_silent())
        return poll

    def test_many_are_not_told_all_at_once(self):
        sockets = [self.closing(WebSocket(self.port, f"session_id={self.session}"))
                   for _ in range(20)]
        self.gateway.signal(signal.SIGTERM)
        sockets_open = lambda: sum(not s.closed for s in sockets)  # noqa: E731
        eventually(lambda: 4 <= sockets_open() <= 16, 3, "some that went and some that did not")
        eventually(lambda: sockets_open() == 0, 3, "the last one's end")
        self.ended()
        self.restart()

    def test_a_request_that_runs_is_answered(self):
        wire = Wire(self.port)
        self.addCleanup(wire.close)
        body = b'{"template_id":"restomod","project_name":"P"}'
        head = wire.request_bytes("POST", f"{API}/projects",
                                  {"Content-Type": "application/json"}, body)
        # All but the last byte; the rest comes when the end has begun.
        wire.send(head[:-1])
        self.gateway.signal(signal.SIGTERM)
        with Http(self.port) as http:
            eventually(lambda: http.get("/readyz").status == 503, 1, "/readyz with 503")
        wire.send(head[-1:])
        self.assertEqual(wire.answer().status, 201)
        self.ended()
        self.restart()

    def test_a_long_answer_is_taken_to_its_end(self):
        for i in range(LONG_ANSWER // LONG_VALUE):
            self.do("UpdateProperty", headers={"Prefer": "return=minimal"},
                    node_id=self.create("phase", str(i)), property_id="notes",
                    value="x" * LONG_VALUE)
        wire = Wire(self.port, receive_bytes=4096)
        self.addCleanup(wire.close)
        wire.send(wire.request_bytes("GET", f"{API}/sessions/{self.session}/graph/tree"))
        held = lambda: self.server.metric("gatewayd_http_held_bytes")  # noqa: E731
        eventually(lambda: held() > LONG_ANSWER, 5, "an answer that is not taken")
        self.gateway.signal(signal.SIGTERM)
        eventually(self.refuses, 2, "refused connections")
        answer = wire.answer()
        self.assertEqual(answer.status, 200)
        self.assertGreater(len(answer.body), LONG_ANSWER)
        self.ended()
        self.restart()

    def test_a_second_signal_ends_it_at_once(self):
        # A client that does not go keeps a gateway until the drain time is over.
        idle = Wire(self.port)
        self.addCleanup(idle.close)
        idle.send(b"POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        ws = self.closing(WebSocket(self.port, f"session_id={self.session}"))
        self.gateway.signal(signal.SIGTERM)
        eventually(lambda: "draining" in self.gateway.log(), 2, "the drain")
        self.gateway.signal(signal.SIGTERM)
        self.assertLess(self.ended(128 + signal.SIGTERM), 0.5)
        ws.await_end(2)
        self.restart()


if __name__ == "__main__":
    unittest.main()
