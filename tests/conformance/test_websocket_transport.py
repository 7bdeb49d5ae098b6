"""Engine.IO over WebSocket from the start."""

import unittest

from engine import BINARY, CLOSE, PING, PONG, TEXT, Echo, RawWebSocket, close_frame, frame

POLICY, TOO_BIG, RESTART = 1008, 1009, 1012


class WebSocketTransport(Echo):
    options = ("--ping-interval", "20000", "--ping-timeout", "20000")

    def assert_closed(self, ws, *codes):
        code = ws.close_in()
        if codes:
            self.assertIn(code, codes)

    def test_text_is_a_type_and_data(self):
        ws = self.websocket()
        for text in ("4", "4hello", "4ä€\U0001f600", "4" + "x" * 70_000):
            ws.send_text(text)
            self.assertEqual(ws.text_in(), text)

    def test_binary_is_a_message_of_bare_bytes(self):
        ws = self.websocket()
        for data in (b"", b"\x00", b"4", bytes(range(256)), b"z" * 70_000):
            ws.send(frame(data, BINARY))
            self.assertEqual(ws.frame_in(), (BINARY, data))

    def test_many_frames_in_one_segment_are_answered_in_order(self):
        ws = self.websocket()
        ws.send(b"".join(frame(f"4{i}") for i in range(500)))
        self.assertEqual([ws.text_in() for _ in range(500)], [f"4{i}" for i in range(500)])

    def test_a_message_byte_by_byte_is_a_message(self):
        ws = self.websocket(chop=1)
        ws.send(frame("4slow") + frame(b"\x01\x02", BINARY) + frame("4" + "y" * 200))
        self.assertEqual(ws.text_in(), "4slow")
        self.assertEqual(ws.frame_in(), (BINARY, b"\x01\x02"))
        self.assertEqual(ws.text_in(), "4" + "y" * 200)

    def test_invalid_packets_end_the_session(self):
        for bad in ("", "abc", "9", "7x", "b", "\x00", "2"):
            ws = self.websocket()
            ws.send_text(bad)
            self.assert_closed(ws)

    def test_a_close_packet_ends_the_connection_by_a_websocket_close(self):
        ws = self.websocket()
        ws.send_text("1")
        opcode, _ = ws.frame_in()
        self.assertEqual(opcode, CLOSE)
        ws.send(close_frame())
        self.assertEqual(ws.await_end(), b"")

    def test_noops_and_stray_pongs_are_let_by(self):
        ws = self.websocket()
        ws.send(frame("6") + frame("3") + frame("6x") + frame("4x"))
        self.assertEqual(ws.text_in(), "4x")

    def test_frames_behind_a_close_are_dropped_silently(self):
        ws = self.websocket()
        ws.send(close_frame(1000) + frame("41") + frame("4x") + frame("1") + close_frame(1000))
        opcode, payload = ws.frame_in()
        self.assertEqual((opcode, payload), (CLOSE, b"\x03\xe8"))
        self.assertEqual(ws.await_end(), b"")

    def test_no_extension_is_agreed_on(self):
        ws = RawWebSocket(self.port, self.target("EIO=4&transport=websocket"),
                          headers={"Sec-WebSocket-Extensions":
                                   "permessage-deflate; client_max_window_bits"})
        self.addCleanup(ws.close)
        self.assertEqual(ws.upgrade.status, 101)
        self.assertNotIn("sec-websocket-extensions", ws.upgrade.headers)
        self.assertEqual(ws.text_in()[0], "0")

    def test_a_message_above_the_payload_limit_is_1009(self):
        ws = self.websocket()
        ws.send(frame("4" + "x" * 999_999))
        self.assertEqual(len(ws.text_in()), 1_000_000)
        ws.send(frame(b"x", length=1_000_001))
        self.assert_closed(ws, TOO_BIG)

    def test_a_websocket_ping_is_answered(self):
        ws = self.websocket()
        ws.send(frame("abc", PING))
        self.assertEqual(ws.frame_in(), (PONG, b"abc"))

    def test_a_cut_connection_ends_the_session(self):
        ws = self.websocket()
        ws.close()
        query = f"EIO=4&transport=polling&sid={ws.opened['sid']}"
        for _ in range(100):
            answer = self.ask("GET", query)
            if answer.json["code"] == 1:
                return
        self.fail("the session is still there")

    def test_fragments_make_one_message(self):
        ws = self.websocket()
        ws.send(frame("4a", TEXT, fin=False) + frame("b", 0, fin=False) + frame("", PING)
                + frame("c", 0))
        self.assertEqual(ws.frame_in(), (PONG, b""))
        self.assertEqual(ws.text_in(), "4abc")


if __name__ == "__main__":
    unittest.main()
