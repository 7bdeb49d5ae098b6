"""What recovery cannot bring back, a client is not told to have recovered: a place in several
sessions, in one that was left, in one that has ended."""

import unittest

from harness import eventually
from project_test import ProjectTest
from proxy import Proxy
from stock import DriverTest, durable_of


class Places(DriverTest, ProjectTest):
    gateways = 2

    def setUp(self):
        super().setUp()
        self.proxy = Proxy(self.server.ports[0])
        self.addCleanup(self.proxy.close)

    def open_lobby(self):
        """A client that says at its connect nothing of any session."""
        client = self.open("websocket", self.proxy.port, auth={"recover": True})
        client.await_what("connect")
        return client

    def join(self, client, session):
        client.emit("join_session", {"session_id": session})
        return client.await_event(lambda e: e["event"] == "joined"
                                  and e["data"]["session_id"] == session)

    def cut(self, client):
        """Over to the other gateway; what the client says of its return."""
        self.proxy.target = ("127.0.0.1", self.server.ports[1])
        self.proxy.cut()
        client.await_what("disconnect")
        return client.await_what("connect", 20)

    def note(self, session, root, value):
        self.executed(session, "UpdateProperty", node_id=root, property_id="notes", value=value)

    def ids(self, session):
        reply = self.ok(self.get(f"/sessions/{session}/clients"))
        return [(c["client_id"], bool(c.get("away"))) for c in reply["clients"]]

    def test_who_was_in_several_sessions_is_told_to_join_again_and_misses_nothing_then(self):
        other, other_root = self.new_project()
        client = self.open_lobby()
        self.join(client, self.session)
        self.note(self.session, self.root, 1)
        client.await_event("command-executed")
        self.join(client, other)
        places = {self.session: self.root, other: other_root}
        for session, root in places.items():
            self.note(session, root, 2)
        for _ in places:
            client.await_event("command-executed")
        came = self.cut(client)
        self.assertFalse(came["recovered"], "it would not ask for what it missed in both")
        for session, root in places.items():
            self.note(session, root, 3)
        for session in places:
            known = max(e["seq"] for e in durable_of_session(client, session))
            client.emit("join_session", {"session_id": session, "since": known})
        for session in places:
            last = self.info(session)["seq"]
            eventually(lambda s=session: durable_of_session(client, s)[-1]["seq"] == last)
            heard = [e["seq"] for e in durable_of_session(client, session)]
            self.assertEqual(heard, list(range(heard[0], last + 1)))
            # Who it was is not waited for: nobody will come back as that.
            self.assertEqual(self.ids(session), [(came["id"], False)])

    def test_who_left_its_session_is_not_brought_back_to_it(self):
        client = self.open_lobby()
        self.join(client, self.session)
        client.emit("leave_session", {"session_id": self.session})
        client.await_event("left")
        self.assertFalse(self.cut(client)["recovered"])
        self.note(self.session, self.root, 1)
        client.emit("ping")
        client.await_event("pong")
        self.assertEqual(durable_of(client), [])
        self.assertEqual(self.ids(self.session), [])

    def test_who_moved_to_another_session_recovers_there(self):
        other, other_root = self.new_project()
        client = self.open_lobby()
        self.join(client, self.session)
        client.emit("leave_session", {"session_id": self.session})
        client.await_event("left")
        self.join(client, other)
        self.proxy.cut()
        self.note(other, other_root, 1)
        client.await_what("disconnect")
        self.assertTrue(client.await_what("connect", 20)["recovered"])
        client.await_event("command-executed")
        self.assertEqual(self.ids(self.session), [])

    def test_who_was_in_a_session_that_has_ended_comes_in_all_the_same(self):
        """It asks for none: refused, a stock client would never connect again."""
        client = self.open_lobby()
        self.join(client, self.session)
        self.ok(self.http.delete(f"/api/v1/sessions/{self.session}"))
        client.await_event("session-closed")
        self.assertFalse(self.cut(client)["recovered"])
        other, _ = self.new_project()
        self.join(client, other)


def durable_of_session(client, session):
    seqs = {seq for seq, _ in durable_of(client)}
    return [e for e in client.events() if e["seq"] in seqs and e["data"].get("session_id") == session
            and e["event"] in ("property-changed", "command-executed", "node-created")]


if __name__ == "__main__":
    unittest.main()
