"""POST /sessions/{id}/ask: what is refused and by which name, what plain WebSockets are told, and
what bounds it has."""

import json
import threading
import unittest

from project_test import API, NOWHERE, ProjectTest
from stock import event_names

SOCKETIO = ["connect", "connect_error", "disconnect", "disconnecting", "newListener",
            "removeListener"]
LONGEST_EVENT, LONGEST_MS, LONGEST_DATA, ASKS_PER_SESSION = 128, 30_000, 65_536, 16


class Ask(ProjectTest):
    def ask(self, body, session=None, headers=None):
        return self.post(f"/sessions/{session or self.session}/ask", body, headers)

    def listener(self):
        client = self.websocket()
        client.id = client.joined["data"]["client_id"]
        return client

    def in_background(self, **body):
        """Asks; the thread has the reply when it has ended."""
        def run():
            with self.server.http() as http:
                thread.reply = http.post(f"{API}/sessions/{self.session}/ask", body)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def asked(self, client):
        """What the client hears next, and its answer to it as a function of the data."""
        entry = client.await_event("ask")
        self.assertEqual(set(entry), {"event", "seq", "data"})
        question = entry["data"]
        self.assertEqual(set(question), {"ask", "event", "data", "timeout_ms"})
        return question, lambda **more: client.ask("answer", ask=question["ask"], **more)

    def assert_not_asked(self, client):
        """What was on its way would come before the answer to a ping."""
        client.ask("ping")
        self.assertNotIn("ask", client.names())

    def test_an_event_must_be_named_and_no_client_hears_what_is_refused(self):
        client = self.listener()
        for body in ({}, {"event": None}, *({"event": wrong} for wrong in (7, [], {}, True, ""))):
            self.assert_error(self.ask(body), 400, "INVALID_REQUEST", "event")
        for name in [*event_names(), *SOCKETIO, "ask", "sync", "a\x00", "a\x07b", "a\x7f",
                     "e" * (LONGEST_EVENT + 1), "é" * (LONGEST_EVENT // 2) + "e"]:
            reply = self.ask({"event": name})
            self.assertEqual(reply.status, 400, (name, reply))
            if "\x00" not in name:
                self.assert_error(reply, 400, "INVALID_REQUEST", "event")
        self.assert_not_asked(client)

    def test_a_timeout_is_a_number_of_milliseconds_within_bounds(self):
        client = self.listener()
        for wrong in (0, -1, LONGEST_MS + 1, 10 ** 15, 1.5, "1000", True, [], {}):
            reply = self.ask({"event": "e", "timeout_ms": wrong})
            self.assert_error(reply, 400, "INVALID_REQUEST", "timeout_ms")
        self.assert_not_asked(client)
        self.ok(self.ask({"event": "e", "timeout_ms": 1}))
        thread = self.in_background(event="e", timeout_ms=LONGEST_MS)
        self.asked(client)
        self.assertEqual(self.asked(client)[1]()["ok"], {})
        thread.join()
        self.assertEqual(thread.reply.status, 200)

    def test_a_client_must_be_one_of_the_session(self):
        client = self.listener()
        elsewhere = self.new_session()
        stranger = self.closing(self.server.websocket(f"session_id={elsewhere}"))
        for wrong in ("nobody", NOWHERE, "", stranger.joined["data"]["client_id"]):
            reply = self.ask({"event": "e", "client_id": wrong})
            self.assert_error(reply, 404, "CLIENT_NOT_FOUND", "client_id")
        for wrong in (7, [], {}, True, "c" * 129):
            reply = self.ask({"event": "e", "client_id": wrong})
            self.assert_error(reply, 400, "INVALID_REQUEST", "client_id")
        for one in (client, stranger):
            self.assert_not_asked(one)

    def test_data_may_be_any_json_up_to_its_bound(self):
        client = self.listener()
        for data in (None, 0, "text", [], {"a": [1.0, None, "\u2028"]}, "x" * (LONGEST_DATA - 2)):
            thread = self.in_background(event="e", data=data)
            question, answer = self.asked(client)
            self.assertEqual(question["data"], data)
            answer(data=data if len(json.dumps(data)) < 60_000 else "long")
            thread.join()
            self.assertEqual(thread.reply.status, 200)
        reply = self.ask({"event": "e", "data": "x" * (LONGEST_DATA - 1)})
        self.assert_error(reply, 422, "LIMIT_VALUE", "data")

    def test_data_that_is_left_out_is_null(self):
        client = self.listener()
        self.in_background(event="e" * LONGEST_EVENT)
        question, answer = self.asked(client)
        self.assertIsNone(question["data"])
        self.assertEqual((question["event"], question["timeout_ms"]), ("e" * LONGEST_EVENT, 5000))
        answer()

    def test_the_session_must_be_there_and_the_body_an_object(self):
        self.assert_error(self.ask({"event": "e"}, session=NOWHERE), 404, "INVALID_SESSION")
        self.assert_error(self.ask({"event": "e"}, session="x"), 404, "INVALID_SESSION")
        for body in ("", "[]", "7", "{"):
            self.assert_error(self.ask(body), 400, "INVALID_REQUEST")
        reply = self.get(f"/sessions/{self.session}/ask")
        self.assert_error(reply, 405, "METHOD_NOT_ALLOWED")

    def test_a_session_where_nobody_is_answers_at_once(self):
        self.assertEqual(self.ok(self.ask({"event": "e"})), {"answers": []})
        self.assertEqual(self.ok(self.ask({"event": "e"}, self.new_session())), {"answers": []})

    def test_an_ask_leaves_no_trace_and_a_key_repeats_nothing(self):
        client = self.listener()
        before, events = self.state(), self.durable()
        for n in range(2):
            with self.server.http() as http:
                thread = threading.Thread(target=lambda h=http: self.ok(h.post(
                    f"{API}/sessions/{self.session}/ask", {"event": "e"},
                    {"Idempotency-Key": "the same"})))
                thread.start()
                self.asked(client)[1](data=n)
                thread.join()
        self.assertEqual((self.state(), self.durable()), (before, events))

    def test_an_answer_is_taken_once_and_from_whom_was_asked(self):
        ann, bob = self.listener(), self.listener()
        thread = self.in_background(event="e", client_id=ann.id)
        question, answer = self.asked(ann)
        self.assert_not_asked(bob)
        refused = bob.ask("answer", ask=question["ask"], data="bob")
        self.assertEqual(refused["error"]["code"], "NOT_FOUND")
        self.assertEqual(answer(data="first")["ok"], {})
        self.assertEqual(answer(data="second")["error"]["code"], "NOT_FOUND")
        thread.join()
        self.assertEqual([(a["client_id"], a["data"]) for a in thread.reply.json["answers"]],
                         [(ann.id, "first")])
        self.assertEqual(answer(data="late")["error"]["code"], "NOT_FOUND")

    def test_an_answer_must_say_to_what(self):
        client = self.listener()
        for wrong in ({}, {"ask": None}, {"ask": "1"}, {"ask": 1.5}, {"ask": []}):
            error = client.ask("answer", data=1, **wrong)["error"]
            self.assertEqual((error["code"], error["field"]), ("INVALID_REQUEST", "ask"))
        for unknown in (0, -1, 1, 2 ** 53 - 1):
            self.assertEqual(client.ask("answer", ask=unknown)["error"]["code"], "NOT_FOUND")

    def test_an_answer_that_is_too_long_is_an_error_in_its_place(self):
        ann, bob = self.listener(), self.listener()
        thread = self.in_background(event="e")
        self.asked(ann)[1](data="x" * LONGEST_DATA)
        self.asked(bob)[1](data="x" * 1000)
        thread.join()
        first, second = thread.reply.json["answers"]
        self.assertEqual(first["error"]["code"], "LIMIT_VALUE")
        self.assertEqual(len(second["data"]), 1000)

    def test_a_session_has_so_many_asks_under_way(self):
        client = self.listener()
        threads = [self.in_background(event="e", data=n, timeout_ms=20_000)
                   for n in range(ASKS_PER_SESSION)]
        questions = [self.asked(client) for _ in threads]
        reply = self.ask({"event": "one too many"})
        self.assert_error(reply, 429, "TOO_MANY_ASKS")
        self.assertIn("retry-after", reply.headers)
        for question, answer in questions:
            answer(data=question["data"])
        for n, thread in enumerate(threads):
            thread.join()
            self.assertEqual([a["data"] for a in thread.reply.json["answers"]], [n])
        self.assertEqual(self.ask({"event": "e", "timeout_ms": 1}).status, 200)

    def test_strays_are_counted(self):
        client = self.listener()
        def counted():
            return self.server.metric("gatewayd_answers_ignored_total")
        self.ok(self.ask({"event": "e", "timeout_ms": 1}))
        before = counted()
        client.ask("answer", ask=1)
        self.assertEqual(counted(), before + 1)


if __name__ == "__main__":
    unittest.main()
