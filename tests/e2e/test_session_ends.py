"""The end of a session reaches everybody who is in it, also who cannot be given its last event: a
connection on which nothing would ever come any more is closed."""

import contextlib
import json
import unittest
from concurrent.futures import ThreadPoolExecutor

from engine import CLOSE, RawWebSocket
from harness import eventually
from project_test import API, ProjectTest

VALUE = "v" * 200_000


class Ends(ProjectTest):
    gateways = 2
    fresh = True

    def socketio(self, receive_bytes=0):
        ws = RawWebSocket(self.server.ports[0], "/socket.io/?EIO=4&transport=websocket",
                          receive_bytes=receive_bytes)
        self.addCleanup(ws.close)
        ws.text_in()
        ws.send_text("40" + json.dumps({"session_id": self.session}))
        self.assertTrue(ws.text_in().startswith('40{"sid"'))
        return ws

    def names_to_the_end(self, ws):
        """What still comes until the connection is closed."""
        names = []
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                opcode, payload = ws.frame_in()
                names.append("close" if opcode == CLOSE else json.loads(payload[2:])[0])
        return names

    def end_session(self):
        with self.server.http(1) as http:
            return http.delete(f"{API}/sessions/{self.session}").status == 200

    def test_who_is_behind_when_its_session_ends_is_not_left_in_silence(self):
        slow = self.socketio(receive_bytes=4096)
        for i in range(12):
            self.do("UpdateProperty", headers={"Prefer": "return=minimal"}, node_id=self.root,
                    property_id="notes", value=f"{i}{VALUE}")
        self.assertTrue(self.end_session())
        names = self.names_to_the_end(slow)
        self.assertNotIn("session:closed", names, "it was not behind, and nothing was tried")

    def test_a_gateway_that_did_not_hear_of_the_end_tells_its_clients(self):
        ws, plain = self.socketio(), self.websocket()
        gateway = self.server.gateways[0]
        gateway.freeze()
        try:
            self.server.graphd.kill()
            self.server.graphd.start()
            eventually(self.end_session, 20, "the end of the session")
        finally:
            gateway.thaw()
        plain.await_end()
        self.assertNotIn("session:closed", self.names_to_the_end(ws))

    def held_poll(self, seq, query=""):
        """A poll that waits, and the future of its answer."""
        pool = ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        http = self.closing(self.server.http())
        before = self.server.metric("gatewayd_clients")
        path = f"{API}/sessions/{self.session}/events?since={seq}&wait=20000{query}"
        reply = pool.submit(http.get, path)
        eventually(lambda: self.server.metric("gatewayd_clients") > before, what="the poll waits")
        return reply

    def test_a_poll_is_answered_with_the_last_event_of_its_session(self):
        seq = self.info()["seq"]
        polls = [self.held_poll(seq), self.held_poll(seq, "&names=dash&events=session:*")]
        self.assertTrue(self.end_session())
        for reply, name in zip(polls, ("session:closed", "session-closed")):
            page = reply.result(5).json
            self.assertEqual([e["event"] for e in page["events"]], [name])
            self.assertEqual((page["seq"], page["more"]), (seq + 1, False))
        # What comes after it is as if it had never been.
        self.assert_error(self.get(f"/sessions/{self.session}/events?since={seq}&wait=1000"), 404,
                          "INVALID_SESSION")

    def test_a_poll_misses_nothing_of_a_session_that_ends_right_behind_a_command(self):
        for _ in range(20):
            self.session, self.root = self.new_project()
            seq = self.info()["seq"]
            reply = self.held_poll(seq)
            with self.server.http(1) as self.http:
                self.do("UpdateProperty", node_id=self.root, property_id="notes", value="x")
                self.assertTrue(self.end_session())
            page = reply.result(5)
            # Either it was fast enough for the command alone, or it has the end too.
            self.assertIn([e["seq"] for e in page.json["events"]],
                          ([seq + 1, seq + 2], [seq + 1, seq + 2, seq + 3]))

    def test_who_has_heard_of_it_stays_connected(self):
        ws = self.socketio()
        self.assertTrue(self.end_session())
        names = [json.loads(ws.text_in()[2:])[0] for _ in range(2)]
        self.assertEqual(names, ["session:connected", "session:closed"])
        ws.send_text('42["ping"]')
        self.assertEqual(ws.text_in(), '42["pong"]')


if __name__ == "__main__":
    unittest.main()
