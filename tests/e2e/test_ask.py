"""Asking the clients of a session: stock Socket.IO clients and plain WebSockets on several gateways,
those who do not answer, and gateways and graphd that end in the middle."""

import json
import threading
import time
import unittest

from clients import Http
from harness import ServerTest, eventually
from stock import Driver

LATE_S = 0.4  # a busy machine's; the promise itself is 0.1


class Asker:
    """One ask on its way: its reply, and how long it took."""

    def __init__(self, port, session, body):
        self.reply = self.took_s = None
        self.thread = threading.Thread(target=self.run, args=(port, session, body))
        self.thread.start()

    def run(self, port, session, body):
        with Http(port) as http:
            began = time.monotonic()
            self.reply = http.post(f"/api/v1/sessions/{session}/ask", body)
            self.took_s = time.monotonic() - began

    def wait(self):
        self.thread.join(60)
        return self.reply


class AskTest(ServerTest):
    gateways = 3

    def setUp(self):
        super().setUp()
        self.session = self.new_session()

    def asker(self, body, gateway=0):
        return Asker(self.server.ports[gateway], self.session, body)

    def ask(self, event, data=None, gateway=0, **more):
        asker = self.asker({"event": event, "data": data, **more}, gateway)
        reply = asker.wait()
        self.assertEqual(reply.status, 200, reply)
        return reply.json["answers"], asker.took_s

    def listener(self, gateway=0, query=""):
        client = self.closing(self.server.websocket(
            f"session_id={self.session}&actor=ws{gateway}&{query}", gateway))
        client.id = client.joined["data"]["client_id"]
        return client

    def answerer(self, gateway=0, answer=lambda data: data):
        """A plain WebSocket that answers each question."""
        client = self.listener(gateway)

        def run():
            while True:
                try:
                    asked = client.await_event("ask", 30)["data"]
                except AssertionError:
                    return
                client.send({"id": 1, "do": "answer", "ask": asked["ask"],
                             "data": answer(asked["data"])})
        threading.Thread(target=run, daemon=True).start()
        return client

    def assert_in_time(self, took_s, timeout_ms):
        print(f"{self.id().rpartition('.')[2]}: {took_s * 1000 - timeout_ms:+.1f} ms "
              f"beside a timeout of {timeout_ms} ms", flush=True)
        self.assertGreaterEqual(took_s, timeout_ms / 1000 - 0.01)
        self.assertLess(took_s, timeout_ms / 1000 + LATE_S)


class PlainWebSockets(AskTest):
    def test_all_answer_over_all_gateways_in_order_of_joining(self):
        clients = [self.answerer(i % 3, lambda data, i=i: {"i": i, "heard": data})
                   for i in range(6)]
        for gateway in range(3):
            answers, _ = self.ask("confirm", {"text": "Shall we?"}, gateway)
            self.assertEqual(answers, [
                {"client_id": c.id, "actor": f"ws{i % 3}",
                 "data": {"i": i, "heard": {"text": "Shall we?"}}}
                for i, c in enumerate(clients)])

    def test_who_is_silent_has_timed_out_and_the_reply_is_in_time(self):
        self.answerer(0)
        silent = self.listener(1)
        answers, took_s = self.ask("confirm", 1, timeout_ms=700)
        self.assertEqual([a.get("data") for a in answers], [1, None])
        self.assertEqual(answers[1], {"client_id": silent.id, "actor": "ws1", "timed_out": True})
        self.assert_in_time(took_s, 700)


if __name__ == "__main__":
    unittest.main()
