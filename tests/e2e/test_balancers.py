"""Stock clients through nginx and HAProxy as docs/examples/ has them: three gateways, round robin,
nothing sticky. LONG=1: 400 clients for five minutes each."""

import http.client
import json
import ssl
import unittest

from balancer import Balancer, Load, history
from clients import Http, Listener, Sse, WebSocket
from harness import LONG, eventually
from project_test import API, ProjectTest
from stock import Driver, durable_of

SECONDS = 300 if LONG else 6
PAUSE_S = 0.5 if LONG else 0.02
CLIENTS = {("socket.io-client", "polling"): 200 if LONG else 12,
           ("socket.io-client", "default"): 200 if LONG else 12,
           ("python-socketio", "polling"): 20 if LONG else 6}
TROUBLE = ("disconnect", "connect_error")


class Balanced:
    """Tests for each balancer; the classes below mix them in."""

    gateways = 3
    kind = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.balancer = Balancer(cls.kind, cls.server.ports).start()
        except BaseException:
            cls.server.stop()
            cls.server.remove()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.balancer.remove()
        super().tearDownClass()

    def open_all(self, since):
        clients = []
        for (make, mode), n in CLIENTS.items():
            driver = Driver(make)
            self.addCleanup(driver.end)
            for _ in range(n):
                clients.append(driver.open(self.balancer.port, mode, auth={
                    "session_id": self.session, "since": since}))
        for client in clients:
            client.await_what("connect", 60)
        return clients

    def test_no_client_is_refused_and_none_misses_or_repeats_an_event(self):
        node = self.create("phase", "A")
        since = self.info()["seq"]
        clients = self.open_all(since)
        load = Load(self.balancer.port, self.session, node, PAUSE_S)
        load.start()
        # Nothing happens for so long but what must not show.
        load.join(SECONDS)
        load.end()
        events = history(self.server.ports[0], self.session, since)
        self.assertEqual(len(events), events[-1][0] - since)
        for client in clients:
            eventually(lambda c=client: len(durable_of(c)) >= len(events), 20, "the last event")
            heard = durable_of(client)
            self.assertEqual(heard if client.driver.in_order else sorted(heard), events)
            self.assertEqual([e for e in Listener.events(client) if e.get("what") in TROUBLE], [])
        self.assert_spread()

    def assert_spread(self):
        """Each gateway has passed requests on: nothing kept clients where they began."""
        for i in range(len(self.server.ports)):
            self.assertGreater(self.server.metric("gatewayd_relayed_requests_total", i), 10)

    def test_what_gateways_count_is_not_for_clients(self):
        with Http(self.server.ports[0]) as http:
            self.assertEqual(http.get("/metrics").status, 200)
        with Http(self.balancer.port) as http:
            self.assertEqual(http.get("/readyz").status, 200)
            for path in ("/metrics", "/metrics?a=b", "/%6detrics", "/metrics/", "//metrics"):
                with self.subTest(path=path):
                    reply = http.get(path)
                    self.assertEqual(reply.status, 404)
                    self.assertNotIn(b"gatewayd_", reply.body)

    def test_the_balancer_ends_tls(self):
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.balancer.tls_port,
                                                 timeout=10, context=trusting)
        self.addCleanup(connection.close)
        connection.request("GET", f"{API}/sessions/{self.session}")
        answer = connection.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())["session_id"]),
                         (200, self.session))

    def test_plain_websockets_and_event_streams_pass(self):
        node = self.create("phase", "A")
        since = self.info()["seq"]
        ws = self.closing(WebSocket(self.balancer.port, f"session_id={self.session}"))
        sse = self.closing(Sse(self.balancer.port, self.session, f"since={since}"))
        self.do("UpdateProperty", node_id=node, property_id="notes", value=1)
        for client in (ws, sse):
            client.await_event("graph:property-changed")


class Nginx(Balanced, ProjectTest):
    kind = "nginx"


class Haproxy(Balanced, ProjectTest):
    kind = "haproxy"


if __name__ == "__main__":
    unittest.main()
