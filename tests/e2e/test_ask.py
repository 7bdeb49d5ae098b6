"""Asking the clients of a session: stock Socket.IO clients and plain WebSockets on several gateways,
those who do not answer, and gateways and graphd that end in the middle."""

import threading
import time
import unittest

from balancer import Balancer
from clients import Http
from harness import ServerTest, eventually
from stock import MAKES, MODES, Driver

PYTHON = "python-socketio"
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


    def test_one_client_may_be_asked_and_the_others_hear_nothing(self):
        clients = [self.answerer(i % 3, lambda data, i=i: i) for i in range(4)]
        for i, client in enumerate(clients):
            answers, _ = self.ask("confirm", gateway=2 - i % 3, client_id=client.id)
            self.assertEqual([(a["client_id"], a["data"]) for a in answers], [(client.id, i)])
        for client in clients:
            self.assertEqual([e["event"] for e in client.events()].count("ask"), 1)

    def test_many_asks_at_a_time_are_kept_apart(self):
        clients = [self.answerer(i % 3) for i in range(4)]
        askers = [self.asker({"event": "confirm", "data": n}, n % 3) for n in range(16)]
        for n, asker in enumerate(askers):
            reply = asker.wait()
            self.assertEqual(reply.status, 200, reply)
            self.assertEqual([a["data"] for a in reply.json["answers"]], [n] * len(clients))

    def test_who_leaves_in_the_middle_has_left_and_is_not_waited_for(self):
        self.answerer(0)
        leaver = self.listener(1)
        asker = self.asker({"event": "confirm", "timeout_ms": 20000}, 2)
        leaver.await_event("ask")
        leaver.close()
        answers = asker.wait().json["answers"]
        self.assertEqual(answers[1], {"client_id": leaver.id, "actor": "ws1", "left": True})
        self.assertLess(asker.took_s, 10)

    def test_who_joins_in_the_middle_is_not_asked(self):
        early = self.listener(0)
        asker = self.asker({"event": "confirm"}, 1)
        asked = early.await_event("ask")["data"]
        late = [self.listener(gateway) for gateway in range(3)]
        early.send({"do": "answer", "ask": asked["ask"], "data": "early"})
        self.assertEqual([a["data"] for a in asker.wait().json["answers"]], ["early"])
        for client in late:
            client.ask("ping")
            self.assertNotIn("ask", client.names())

    def test_who_was_just_announced_is_asked(self):
        first = self.listener(0)
        first.await_event("session:connected")
        for i in range(10):
            came = threading.Thread(target=lambda: self.answerer(1, lambda data: "here"))
            came.start()
            new = first.await_event("session:connected")["data"]
            # At once: its own gateway may not have let it in yet.
            answers, _ = self.ask("confirm", gateway=2, client_id=new["client_id"])
            self.assertEqual([a.get("data") for a in answers], ["here"], (i, answers))
            came.join()

    def test_events_listeners_are_not_asked(self):
        sse = self.closing(self.server.sse(self.session))
        self.assertEqual(self.ask("confirm")[0], [])
        self.answerer(0)
        self.assertEqual(len(self.ask("confirm")[0]), 1)
        self.assertNotIn("ask", sse.names())

    def test_an_asker_that_goes_away_disturbs_nobody(self):
        client = self.answerer(0)
        silent = self.listener(1)
        with self.server.http(2, timeout_s=0.3) as http:
            with self.assertRaises(TimeoutError):
                http.post(f"/api/v1/sessions/{self.session}/ask",
                          {"event": "confirm", "timeout_ms": 1500})
        silent.await_event("ask")
        answers, _ = self.ask("confirm", 1, gateway=2, client_id=client.id)
        self.assertEqual(answers[0]["data"], 1)


class StockClients(AskTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.drivers = {make: Driver(make) for make in MAKES}

    @classmethod
    def tearDownClass(cls):
        for driver in cls.drivers.values():
            driver.end()
        super().tearDownClass()

    def open(self, make, mode, gateway, answers, port=None):
        client = self.drivers[make].open(
            port or self.server.ports[gateway], mode, auth={"session_id": self.session},
            answers=answers)
        self.addCleanup(client.close)
        client.id = client.await_what("connect")["id"]
        return client

    def everybody(self, answers):
        """One of each make in each mode, over all gateways; (make, mode) in order of joining."""
        kinds = [(make, mode) for make in MAKES for mode in MODES]
        return {kind: self.open(*kind, i % 3, answers) for i, kind in enumerate(kinds)}

    def test_clients_of_all_makes_answer_in_polling_and_websocket_mode(self):
        plain = self.answerer(1)
        clients = self.everybody({"confirm": ["$data"]})
        for gateway in range(3):
            question = {"text": "Überall? \u2028", "n": [1, 2.5, None], "deep": {"a": {"b": []}}}
            answers, _ = self.ask("confirm", question, gateway)
            self.assertEqual([a["client_id"] for a in answers],
                             [plain.id] + [c.id for c in clients.values()])
            for kind, answer in zip(["plain", *clients], answers):
                self.assertEqual(answer["data"], question, kind)
                self.assertNotIn("arguments", answer, kind)

    def test_one_of_them_is_silent_and_the_others_answers_are_told(self):
        answering = self.everybody({"confirm": [1]})
        silent = [self.open(make, "websocket", 0, {}) for make in MAKES if make != PYTHON]
        answers, took_s = self.ask("confirm", timeout_ms=1200)
        self.assertEqual([a.get("data") for a in answers[:len(answering)]], [1] * len(answering))
        self.assertEqual([a["client_id"] for a in answers if a.get("timed_out")],
                         [c.id for c in silent])
        self.assert_in_time(took_s, 1200)

    def test_python_answers_null_where_it_has_no_handler(self):
        for mode in MODES:
            self.open(PYTHON, mode, 0, {})
        answers, _ = self.ask("confirm")
        self.assertEqual([a["data"] for a in answers], [None] * len(MODES))

    def test_several_arguments_and_none_are_told_as_they_are(self):
        for args in ([], [1, "two", {"three": 3}]):
            self.session = self.new_session()
            self.everybody({"confirm": args})
            for answer in self.ask("confirm")[0]:
                self.assertEqual(answer["data"], args[0] if args else None)
                self.assertEqual(answer["arguments"], args)

    def test_bytes_in_an_answer_come_as_base64(self):
        self.everybody({"confirm": ["$bytes", "text"]})
        for answer in self.ask("confirm")[0]:
            self.assertEqual(answer["data"], {"base64": "AAH+/w=="})
            self.assertEqual(answer["arguments"][1], "text")

    def test_an_answer_that_is_too_long_is_an_error_of_its_client_alone(self):
        for i, (make, mode) in enumerate((m, mode) for m in MAKES for mode in MODES):
            self.open(make, mode, i % 3, {"confirm": ["x" * 70_000]})
        plain = self.answerer(0)
        *long, short = self.ask("confirm", 1)[0]
        self.assertEqual([a["error"]["code"] for a in long], ["LIMIT_VALUE"] * len(long))
        self.assertEqual((short["client_id"], short["data"]), (plain.id, 1))

    def test_polls_that_reach_a_client_s_home_by_other_gateways_bring_and_take_answers(self):
        balancer = Balancer("nginx", self.server.ports).start()
        self.addCleanup(balancer.remove)
        clients = [self.open(make, "polling", None, {"confirm": [make]}, port=balancer.port)
                   for make in MAKES for _ in range(2)]
        for gateway in range(3):
            answers, _ = self.ask("confirm", gateway=gateway)
            self.assertEqual([(a["client_id"], a["data"]) for a in answers],
                             [(c.id, c.driver.make) for c in clients])

    def test_a_client_may_be_asked_on_the_other_namespace_and_by_join_session(self):
        for make in MAKES:
            client = self.drivers[make].open(
                self.server.ports[0], "default", namespace="/graph", answers={"confirm": [make]})
            self.addCleanup(client.close)
            client.await_what("connect")
            client.emit("join_session", {"session_id": self.session})
            client.await_event("joined")
        answers, _ = self.ask("confirm", gateway=1)
        self.assertEqual([a["data"] for a in answers], list(MAKES))

    def test_a_socket_in_two_sessions_answers_for_the_one_that_asks(self):
        for make in MAKES:
            client = self.drivers[make].open(self.server.ports[0], "websocket",
                                             answers={"confirm": ["$data"]})
            self.addCleanup(client.close)
            client.await_what("connect")
            both = [self.new_session(), self.new_session()]
            for session in both:
                client.emit("join_session", {"session_id": session})
                client.await_event("joined")
            askers = [Asker(self.server.ports[1], session, {"event": "confirm", "data": session})
                      for session in both]
            for session, asker in zip(both, askers):
                self.assertEqual([a["data"] for a in asker.wait().json["answers"]], [session])

    def test_a_socket_that_closes_in_the_middle_has_left(self):
        for make in MAKES[:2]:
            client = self.open(make, "websocket", 0, {})
            asker = self.asker({"event": "confirm", "timeout_ms": 20000}, 1)
            client.await_event("confirm")
            client.close()
            self.assertEqual([a.get("left") for a in asker.wait().json["answers"]], [True])
            self.assertLess(asker.took_s, 10)


class Faults(AskTest):
    fresh = True

    def test_a_gateway_that_is_killed_takes_its_clients_with_it(self):
        self.answerer(0)
        self.listener(1)
        victims = self.drivers_on(1)
        asker = self.asker({"event": "confirm", "data": 1, "timeout_ms": 20000}, 2)
        for victim in victims:
            victim.await_event("confirm")
        self.server.gateways[1].kill()
        answers = asker.wait().json["answers"]
        self.assertEqual(answers[0]["data"], 1)
        self.assertEqual([a.get("left") for a in answers[1:]], [True] * (1 + len(victims)))
        # Not heard for three seconds, looked at once a second.
        self.assertLess(asker.took_s, 3 + 1 + LATE_S)
        self.server.gateways[1].start()
        self.server.await_ready()

    def drivers_on(self, gateway):
        """Stock clients on it that hear and do not answer."""
        driver = Driver(MAKES[0])
        self.addCleanup(driver.end)
        clients = []
        for mode in ("polling", "websocket"):
            client = driver.open(self.server.ports[gateway], mode,
                                 auth={"session_id": self.session},
                                 options={"reconnection": False})
            client.await_what("connect")
            clients.append(client)
        return clients

    def test_when_the_time_is_up_first_a_killed_gateways_clients_have_timed_out(self):
        self.answerer(0)
        victim = self.listener(1)
        asker = self.asker({"event": "confirm", "timeout_ms": 1500}, 2)
        victim.await_event("ask")
        self.server.gateways[1].kill()
        answers = asker.wait().json["answers"]
        self.assertIs(answers[1]["timed_out"], True)
        self.assert_in_time(asker.took_s, 1500)
        self.server.gateways[1].start()
        self.server.await_ready()

    def test_when_graphd_is_killed_the_asker_is_told_at_once_and_can_ask_again(self):
        clients = [self.answerer(0), self.listener(1)]
        asker = self.asker({"event": "confirm", "timeout_ms": 20000}, 2)
        clients[1].await_event("ask")
        self.server.graphd.kill()
        self.assert_error(asker.wait(), 503, "BACKEND_UNAVAILABLE")
        self.assertLess(asker.took_s, 3)
        reply = self.http.post(f"/api/v1/sessions/{self.session}/ask", {"event": "confirm"})
        self.assert_error(reply, 503, "BACKEND_UNAVAILABLE")
        self.server.graphd.start()
        self.server.await_ready()
        eventually(lambda: len(self.ask("again", 7, timeout_ms=200)[0]) == 2,
                   what="both clients reported again")
        # Who joined first is nobody's knowledge any more.
        answers, _ = self.ask("again", 7, timeout_ms=200)
        self.assertEqual({a["client_id"]: a.get("data") for a in answers},
                         {clients[0].id: 7, clients[1].id: None})
        # The first question is not put again, neither by a gateway nor by graphd.
        self.assertEqual([e["data"]["event"] for e in clients[1].events()
                          if e["event"] == "ask"].count("confirm"), 1)

    def test_when_graphd_ends_in_good_order_the_asker_is_told(self):
        client = self.listener(0)
        asker = self.asker({"event": "confirm", "timeout_ms": 20000}, 1)
        client.await_event("ask")
        self.server.restart_graphd()
        self.assert_error(asker.wait(), 503, "BACKEND_UNAVAILABLE")
        self.assertLess(asker.took_s, 10)

    def test_when_graphd_is_frozen_the_asker_is_told_in_time(self):
        client = self.listener(0)
        asker = self.asker({"event": "confirm", "timeout_ms": 1000}, 1)
        client.await_event("ask")
        self.server.graphd.freeze()
        try:
            self.assert_error(asker.wait(), 503, "BACKEND_UNAVAILABLE")
        finally:
            self.server.graphd.thaw()
        self.assert_in_time(asker.took_s, 1000)

    def test_a_gateway_that_drains_sends_its_clients_away_and_they_have_left(self):
        client = self.listener(0)
        asker = self.asker({"event": "confirm", "timeout_ms": 20000}, 1)
        client.await_event("ask")
        self.server.gateways[0].stop()
        self.assertEqual([a.get("left") for a in asker.wait().json["answers"]], [True])
        self.server.gateways[0].start()
        self.server.await_ready()


if __name__ == "__main__":
    unittest.main()
