"""Stock clients that are cut off come back by themselves and miss nothing, hear nothing twice:
after a broken connection, a gateway's restart, and graphd's death."""

import json
import unittest
import uuid

from engine import RawWebSocket
from harness import LONG, eventually
from project_test import ProjectTest
from proxy import MidUpgrade, Proxy
from received import DEAF_S, DURABLE
from stock import MAKES, MODES, DriverTest


def seqs(client):
    return sorted(e["seq"] for e in client.events() if e["event"] in DURABLE)


class Recovery(DriverTest, ProjectTest):
    def open(self, mode, **more):
        client = super().open(mode, self.proxy.port, **more)
        client.await_what("connect")
        return client

    def place(self, mode):
        """A client that resumes by the means of its make."""
        raise NotImplementedError

    def came_back(self, client, told):
        """What the client must say of its return."""

    def interrupted_by(self, trouble, cut):
        """A client in each mode; trouble in the middle of commands; all is heard once."""
        clients = [self.place(mode) for mode in MODES]
        for _ in range(5):
            self.create()
        first = self.first
        for client in clients:
            client.await_event(lambda e: e.get("seq") == self.info()["seq"])
        trouble(clients)
        self.http.close()  # it was kept alive to a gateway that may be gone
        for _ in range(5):
            self.create()
        last = self.info()["seq"]
        for client in clients:
            if cut:
                client.await_what("disconnect")
                self.came_back(client, client.await_what("connect", 20))
            eventually(lambda c=client: last in seqs(c), 20, "the last event")
            if not self.driver.in_order:
                eventually(lambda c=client: len(seqs(c)) == last - first)
            self.assertEqual(seqs(client), list(range(first + 1, last + 1)))

    def setUp(self):
        super().setUp()
        self.proxy = Proxy(self.server.ports[0])
        self.addCleanup(self.proxy.close)
        self.first = self.info()["seq"]

    def cut_all(self, _):
        self.proxy.cut()
        for _ in range(40):
            self.create()


class RecoveryTests:
    """For each make; mixed in below."""

    def test_a_cut_connection(self):
        self.interrupted_by(self.cut_all, True)

    def test_a_gateway_that_is_restarted(self):
        self.interrupted_by(lambda _: self.server.restart_gateway(0), True)

    def test_a_gateway_that_is_killed(self):
        self.interrupted_by(lambda _: self.server.restart_gateway(0, kill=True), True)

    def test_graphd_that_is_killed(self):
        self.interrupted_by(lambda _: self.server.restart_graphd(kill=True), False)

    def test_all_that_is_killed(self):
        def trouble(_):
            self.server.gateways[0].kill()
            self.server.graphd.kill()
            self.server.graphd.start()
            self.server.gateways[0].start()
            self.server.await_ready()
        self.interrupted_by(trouble, True)


class Newest(RecoveryTests, Recovery):
    """Connection state recovery as the client has it built in."""
    make = MAKES[0]

    def place(self, mode):
        return self.open(mode, auth={"session_id": self.session, "recover": True})

    def came_back(self, client, told):
        self.assertTrue(told["recovered"], told)
        first = next(e for e in client.heard if e.get("what") == "connect")
        self.assertEqual(told["id"], first["id"])

    @unittest.skipUnless(LONG, "stock clients take 45 s to notice")
    def test_an_upgrade_that_breaks_off_in_its_middle(self):
        """The client has paused polling then, and does not take it up again: it is deaf until it
        has missed a ping."""
        self.proxy = self.closing(MidUpgrade(self.server.ports[0]))
        client = self.place("default")
        eventually(lambda: any(e.get("what") == "upgrade" for e in client.heard), 10, "the upgrade")
        self.create()
        client.await_event(lambda e: e.get("seq") == self.info()["seq"])
        self.proxy.breaks = True
        self.proxy.cut()
        client.await_what("disconnect")
        client.await_what("deaf")
        for _ in range(5):
            self.create()
        last = self.info()["seq"]
        self.assertLess(max(seqs(client)), last)
        eventually(lambda: last in seqs(client), DEAF_S + 20, "the last event")
        self.assertEqual(seqs(client), list(range(self.first + 1, last + 1)))
        self.came_back(client, [e for e in client.heard if e.get("what") == "connect"][-1])

    def test_what_was_joined_by_event_is_recovered_too(self):
        clients = [self.open(mode, auth={"recover": True}) for mode in MODES]
        for client in clients:
            client.emit("join_session", {"session_id": self.session})
            client.await_event("joined")
        self.create()
        for client in clients:
            client.await_event("command-executed")
        self.cut_all(clients)
        last = self.info()["seq"]
        for client in clients:
            client.await_what("disconnect")
            self.came_back(client, client.await_what("connect", 20))
            eventually(lambda c=client: last in seqs(c), 20, "the last event")
            self.assertEqual(seqs(client), list(range(self.first + 1, last + 1)))

    def test_who_is_cut_off_before_the_first_event_misses_nothing_either(self):
        """Over WebSocket: between two polls there may be nothing to cut."""
        for by_event in (False, True):
            first = self.info()["seq"]
            auth = {"recover": True} if by_event else {"session_id": self.session, "recover": True}
            client = self.open("websocket", auth=auth)
            if by_event:
                client.emit("join_session", {"session_id": self.session})
                client.await_event("joined")
            self.cut_all([client])
            last = self.info()["seq"]
            client.await_what("disconnect")
            self.came_back(client, client.await_what("connect", 20))
            eventually(lambda c=client: last in seqs(c), 20, "the last event")
            self.assertEqual(seqs(client), list(range(first + 1, last + 1)))

    def test_a_pid_whose_place_is_not_known_is_not_given_back(self):
        """Else the client would take its new connection for the old one, with nothing missed."""
        other, _ = self.new_project()
        for auth, more in (({"session_id": self.session}, {"offset": f"{other}:1"}),
                           ({"session_id": self.session}, {"offset": "x"}), ({}, {})):
            _, reply = self.raw_connect({"recover": True, **auth})
            _, again = self.raw_connect({"recover": True, **auth, "pid": reply["pid"], **more})
            self.assertNotEqual(again["pid"], reply["pid"])
            self.assertNotEqual(again["sid"], reply["sid"])

    def test_recovery_may_be_asked_for_in_the_query(self):
        client = self.open("default", query=f"session_id={self.session}&recover=true")
        self.create()
        client.await_event("command:executed")
        self.proxy.cut()
        client.await_what("disconnect")
        self.assertTrue(client.await_what("connect")["recovered"])

    def test_without_being_asked_for_there_is_none(self):
        client = self.open("default", auth={"session_id": self.session})
        self.create()
        self.assertIsNone(client.await_event("command:executed")["offset"])
        self.proxy.cut()
        client.await_what("disconnect")
        self.assertFalse(client.await_what("connect")["recovered"])

    def raw_connect(self, auth):
        ws = RawWebSocket(self.server.ports[0], "/socket.io/?EIO=4&transport=websocket")
        self.addCleanup(ws.close)
        ws.text_in()
        ws.send_text("40" + json.dumps(auth))
        return ws, json.loads(ws.text_in()[2:])

    def made_up_pid(self, history):
        """One of the right length, of a secret nobody was given."""
        secret = self.raw_connect({"recover": True})[1]["pid"].split(".")[0]
        return f"{'A' * len(secret)}.{history}"

    def test_another_history_is_a_normal_connect_and_one_resync(self):
        self.create()
        pid = self.made_up_pid(uuid.uuid4())
        ws, reply = self.raw_connect({"recover": True, "pid": pid,
                                      "offset": f"{self.session}:{self.first}"})
        self.assertNotEqual(reply["pid"], pid)
        name, body, *offset = json.loads(ws.text_in()[2:])
        while name == "session:connected":
            name, body, *offset = json.loads(ws.text_in()[2:])
        self.assertEqual(name, "session:resync")
        self.assertEqual(body["seq"], self.info()["seq"])
        self.assertEqual(offset, [f"{self.session}:{body['seq']}"])
        self.create()
        heard = [json.loads(ws.text_in()[2:])[0] for _ in range(3)]
        self.assertNotIn("session:resync", heard)

    def test_odd_pids_and_offsets_are_a_normal_connect(self):
        pid = self.made_up_pid(uuid.uuid4())
        for more in ({"pid": "x"}, {"pid": 7, "offset": []}, {"pid": "A" * len(pid), "offset": "x"},
                     {"pid": pid, "offset": "x:1"},
                     {"pid": pid.replace("A", "?"), "offset": f"{self.session}:-1"},
                     {"pid": pid, "offset": f"{self.session}:99999999999999999999"},
                     {"pid": "A" * 100_000}):
            _, reply = self.raw_connect({"session_id": self.session, "recover": True, **more})
            self.assertIn("pid", reply)

    def test_nobody_can_take_anothers_id(self):
        """The public id follows from the secret pid, not the reverse."""
        _, first = self.raw_connect({"recover": True})
        pid = f"{first['sid']}.{first['pid'].split('.')[1]}"
        _, second = self.raw_connect({"recover": True, "pid": pid})
        self.assertNotEqual(second["sid"], first["sid"])


class OnAnotherGateway(Newest):
    gateways = 2

    def interrupted_by(self, trouble, cut):
        def move(clients):
            self.proxy.target = ("127.0.0.1", self.server.ports[1])
            trouble(clients)
        super().interrupted_by(move, cut)


class SinceInAuth(Recovery):
    """Clients without recovery say in each CONNECT how far they have come."""

    def place(self, mode):
        return self.open(mode, auth={"session_id": self.session}, resumes=True, since=self.first)


class Older(RecoveryTests, SinceInAuth):
    make = MAKES[1]


class Python(RecoveryTests, SinceInAuth):
    make = MAKES[2]


if __name__ == "__main__":
    unittest.main()
