"""As many live clients as the operator allows, of Socket.IO and of all other kinds together."""

import unittest

from engine import UPGRADE, RawWebSocket, Wire
from harness import eventually
from project_test import API, ProjectTest

MOST = 3


class Full(ProjectTest):
    fresh = True
    server_options = {"gateway_options": ("--max-websockets", str(MOST))}

    def knock(self, target, headers=None):
        """The connection, which stays open, and its answer."""
        wire = Wire(self.server.ports[0])
        self.addCleanup(wire.close)
        return wire, wire.ask("GET", target, headers)

    def come_in(self, status, target, headers=None):
        """As many as may, and one more; then there is room again."""
        wires = []
        for _ in range(MOST):
            wire, answer = self.knock(target, headers)
            self.assertEqual(answer.status, status, answer)
            wires.append(wire)
        refused = self.knock(target, headers)[1]
        self.assertEqual(refused.status, 503, refused)
        return wires, refused

    def test_websockets_and_streams_are_bounded_together(self):
        path = f"/ws?session_id={self.session}"
        wires, refused = self.come_in(101, path, UPGRADE)
        self.assertEqual(refused.json["error"]["code"], "OVERLOADED")
        stream = f"{API}/sessions/{self.session}/events"
        accept = {"Accept": "text/event-stream"}
        self.assertEqual(self.knock(stream, accept)[1].status, 503)
        # Pages of the same URL are no live clients.
        self.ok(self.get(f"/sessions/{self.session}/events"))
        wires[0].close()
        eventually(lambda: self.knock(path, UPGRADE)[1].status == 101, 10, "room for another")

    def test_socketio_clients_are_bounded_over_websocket(self):
        target = "/socket.io/?EIO=4&transport=websocket"
        wires, refused = self.come_in(101, target, UPGRADE)
        self.assertIn(b"Too many sessions", refused.body)
        # One that is in by the other way is refused alike.
        self.assertEqual(self.knock("/socket.io/?EIO=4&transport=polling")[1].status, 503)
        wires[0].close()
        eventually(lambda: self.knock(target, UPGRADE)[1].status == 101, 10, "room for another")

    def test_socketio_clients_are_bounded_over_polling(self):
        _, refused = self.come_in(200, "/socket.io/?EIO=4&transport=polling")
        self.assertEqual(refused.json["message"], "Too many sessions")

    def test_clients_of_all_kinds_are_counted_together(self):
        other, _ = self.new_project()
        path, stream = f"/ws?session_id={self.session}", f"{API}/sessions/{self.session}/events"
        polling, websocket = (f"/socket.io/?EIO=4&transport={way}"
                              for way in ("polling", "websocket"))
        accept = {"Accept": "text/event-stream"}
        # One client, in however many sessions it is.
        client = RawWebSocket(self.server.ports[0], websocket)
        self.addCleanup(client.close)
        client.send_text("40")
        for session in (self.session, other):
            client.send_text(f'420["join_session",{{"session_id":"{session}"}}]')
        eventually(lambda: all(self.get(f"/sessions/{one}/clients").json["total"] == 1
                               for one in (self.session, other)), 10, "its seats")
        plain, answer = self.knock(path, UPGRADE)
        self.assertEqual(answer.status, 101, answer)
        self.assertEqual(self.knock(stream, accept)[1].status, 200)
        for target, headers in ((path, UPGRADE), (stream, accept), (polling, None),
                                (websocket, UPGRADE)):
            self.assertEqual(self.knock(target, headers)[1].status, 503, target)
        plain.close()
        eventually(lambda: self.knock(polling)[1].status == 200, 10, "room for another")
        self.assertEqual(self.knock(path, UPGRADE)[1].status, 503)
        client.close()
        eventually(lambda: self.knock(path, UPGRADE)[1].status == 101, 10, "room for another")
        self.assertEqual(self.knock(websocket, UPGRADE)[1].status, 503)


if __name__ == "__main__":
    unittest.main()
