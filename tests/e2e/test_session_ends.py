"""The end of a session reaches everybody who is in it, also who cannot be given its last event: a
connection on which nothing would ever come any more is closed."""

import contextlib
import json
import unittest

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

    def test_who_has_heard_of_it_stays_connected(self):
        ws = self.socketio()
        self.assertTrue(self.end_session())
        names = [json.loads(ws.text_in()[2:])[0] for _ in range(2)]
        self.assertEqual(names, ["session:connected", "session:closed"])
        ws.send_text('42["ping"]')
        self.assertEqual(ws.text_in(), '42["pong"]')


if __name__ == "__main__":
    unittest.main()
