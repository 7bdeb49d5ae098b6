"""The link that events come over is dead, and requests are answered: clients miss nothing and are
told soon enough, balancers are told the truth, and all is as before when the link is back."""

import time
import unittest

from harness import Server, eventually, free_port
from project_test import ProjectTest
from proxy import Proxy

SILENCE_S = 3  # unheard for so long a peer is gone
LOOK_S = 1
SLACK_S = 2


class FeedDies(ProjectTest):
    fresh = True

    @classmethod
    def _new_server(cls):
        port = free_port()
        cls.proxy = Proxy(port)
        return Server(graphd_options=("--bind-feed", f"tcp://127.0.0.1:{port}"),
                      gateway_options=("--feed", f"tcp://127.0.0.1:{cls.proxy.port}")).start()

    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: self.proxy.close())

    def status(self):
        reply = self.http.get("/readyz")
        return reply.status, reply.json["status"]

    def lose_feed(self):
        target = self.proxy.target[1], self.proxy.port
        self.proxy.close()
        return target

    def test_clients_hear_everything_and_readyz_tells_until_the_link_is_back(self):
        plain, stream = self.websocket(), self.closing(self.server.sse(self.session))
        stream.await_event("joined")
        seq = self.info()["seq"]
        target, near = self.lose_feed()
        self.create("phase", "unheard")
        began = time.monotonic()
        for client in (plain, stream):
            client.await_event(lambda e: e.get("seq") == seq + 2, SILENCE_S + 1 + LOOK_S + SLACK_S)
        print(f"a dead feed: an event that was not heard is told after "
              f"{time.monotonic() - began:.1f} s")
        self.assertEqual(self.status(), (503, "waiting for events"))
        self.create("phase", "unheard as well")
        began = time.monotonic()
        for client in (plain, stream):
            client.await_event(lambda e: e.get("seq") == seq + 4, LOOK_S + SLACK_S)
        late = self.websocket(query=f"since={seq}")
        late.await_event(lambda e: e.get("seq") == seq + 4, LOOK_S + SLACK_S)
        self.proxy = Proxy(target, near)
        eventually(lambda: self.status()[0] == 200, 10, "the link is back")
        self.create("phase", "heard")
        for client in (plain, stream, late):
            client.await_event(lambda e: e.get("seq") == seq + 6)
            seqs = [e["seq"] for e in client.events()
                    if e.get("seq", 0) > seq and e["event"].startswith(("graph:", "command:"))
                    and e["event"] != "command:executing"]
            self.assertEqual(seqs, list(range(seq + 1, seq + 7)))

    def test_a_gateway_that_never_had_a_feed_is_not_ready(self):
        target, near = self.lose_feed()
        gateway = self.server.gateways[0]
        gateway.kill()
        gateway.start()
        eventually(lambda: gateway.log().count("graphd: is here") == 2, what="it is answered")
        self.http.close()
        self.assertEqual(self.status(), (503, "waiting for events"))
        self.assertEqual(self.get(f"/sessions/{self.session}").status, 200)
        self.proxy = Proxy(target, near)
        eventually(lambda: self.status()[0] == 200, 10, "the link stands")


if __name__ == "__main__":
    unittest.main()
