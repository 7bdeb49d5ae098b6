"""The WebSocket protocol itself, RFC 6455, on plain messages: after the sections of the RFC and the
cases that public suites of it try."""

import os
import struct
import unittest

from engine import (BINARY, CLOSE, PING, PONG, TEXT, UPGRADE, Echo, RawWebSocket, close_frame,
                    frame)

CONTINUE = 0
PROTOCOL, BAD_TEXT, TOO_BIG = 1002, 1007, 1009
SIZES = (0, 1, 124, 125, 126, 127, 128, 65535, 65536, 65537)


class Rfc6455(Echo):
    mode = "ws"
    path = "/"

    def open(self, chop=0):
        ws = RawWebSocket(self.port, "/", chop)
        self.addCleanup(ws.close)
        self.assertEqual(ws.upgrade.status, 101)
        return ws

    def assert_fails(self, data, *codes, chop=0):
        """The connection is failed with one of these codes."""
        ws = self.open(chop)
        try:
            ws.send(data)
        except ConnectionError:
            pass
        self.assertIn(ws.close_in(), codes, data[:40])

    def test_the_handshake_answers_the_key(self):
        ws = self.open()
        self.assertEqual(ws.upgrade.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        self.assertEqual(ws.upgrade.headers["upgrade"].lower(), "websocket")
        self.assertIn("upgrade", ws.upgrade.headers["connection"].lower())

    def test_an_incomplete_handshake_is_refused(self):
        for name, value in (("Sec-WebSocket-Version", "8"), ("Sec-WebSocket-Key", "short"),
                            ("Upgrade", "h2c"), ("Connection", "close")):
            answer = self.wire().ask("GET", "/", {**UPGRADE, name: value})
            self.assertNotEqual(answer.status, 101, name)

    def test_messages_of_every_length_form_come_back(self):
        ws = self.open()
        for n in SIZES:
            ws.send(frame("*" * n))
            self.assertEqual(ws.frame_in(), (TEXT, b"*" * n))
            data = os.urandom(n)
            ws.send(frame(data, BINARY))
            self.assertEqual(ws.frame_in(), (BINARY, data))

    def test_sixteen_megabytes_come_back(self):
        ws = self.open()
        data = b"*" * (16 * 1024 * 1024)
        ws.send(frame(data, BINARY))
        self.assertEqual(ws.frame_in(), (BINARY, data))

    def test_small_segments_do_not_matter(self):
        for chop in (1, 3, 997):
            ws = self.open(chop)
            data = frame("x" * 300) + frame("yy", PING) + frame("z", TEXT, fin=False)
            ws.send(data + frame("z", CONTINUE))
            self.assertEqual([ws.frame_in() for _ in range(3)],
                             [(TEXT, b"x" * 300), (PONG, b"yy"), (TEXT, b"zz")])

    def test_pings_are_answered_with_what_they_held(self):
        ws = self.open()
        for payload in (b"", b"Hello", b"\x00\xff\xfe\xfd", b"\xfe" * 125):
            ws.send(frame(payload, PING))
            self.assertEqual(ws.frame_in(), (PONG, payload))

    def test_pongs_are_let_by(self):
        ws = self.open()
        ws.send(frame("", PONG) + frame("unasked", PONG) + frame("a", PING))
        self.assertEqual(ws.frame_in(), (PONG, b"a"))

    def test_ten_pings_in_a_row_are_answered_in_order(self):
        ws = self.open()
        ws.send(b"".join(frame(f"p{i}", PING) for i in range(10)))
        self.assertEqual([ws.frame_in() for _ in range(10)],
                         [(PONG, f"p{i}".encode()) for i in range(10)])

    def test_long_control_frames_fail(self):
        for opcode in (PING, PONG, CLOSE):
            self.assert_fails(frame(b"\x03\xe8" + b"x" * 124, opcode), PROTOCOL)

    def test_reserved_bits_fail(self):
        for rsv in range(1, 8):
            for opcode in (TEXT, BINARY, PING, CLOSE):
                self.assert_fails(frame("x", opcode, rsv=rsv), PROTOCOL)
        ws = self.open()
        ws.send(frame("before") + frame("x", rsv=4) + frame("y", PING))
        self.assertEqual(ws.text_in(), "before")
        self.assertEqual(ws.close_in(), PROTOCOL)

    def test_reserved_opcodes_fail(self):
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            for payload in ("", "x"):
                self.assert_fails(frame(payload, opcode), PROTOCOL)

    def test_unmasked_frames_fail(self):
        self.assert_fails(frame("x", mask=False), PROTOCOL)

    def test_longer_length_forms_than_needed_fail(self):
        key = b"\0\0\0\0"
        for head in (b"\x81\xfe" + struct.pack("!H", 5), b"\x81\xff" + struct.pack("!Q", 5),
                     b"\x81\xff" + struct.pack("!Q", 65535)):
            self.assert_fails(head + key + b"hello", PROTOCOL)

    def test_a_length_with_its_top_bit_fails(self):
        self.assert_fails(b"\x82\xff" + b"\xff" * 8 + b"\0\0\0\0x", PROTOCOL, TOO_BIG)

    def test_a_length_above_the_limit_fails_without_its_payload(self):
        before = self.rss_bytes()
        for length in (17 * 1024 * 1024, 2**31, 2**40, 2**62):
            self.assert_fails(frame(b"x", BINARY, length=length), TOO_BIG)
        self.assertLess(self.rss_bytes() - before, 8 * 1024 * 1024)

    def test_fragments_above_the_limit_fail(self):
        part = frame(b"x" * (8 * 1024 * 1024), BINARY, fin=False)
        more = frame(b"x" * (8 * 1024 * 1024), CONTINUE, fin=False)
        self.assert_fails(part + more + frame(b"x", CONTINUE), TOO_BIG)

    def test_fragmented_messages_come_back_whole(self):
        ws = self.open()
        for parts in (["frag", "mented"], ["", ""], ["", "", "x"], ["a"] * 50):
            data = frame(parts[0], TEXT, fin=False)
            for part in parts[1:-1]:
                data += frame(part, CONTINUE, fin=False)
            ws.send(data + frame(parts[-1], CONTINUE))
            self.assertEqual(ws.text_in(), "".join(parts))

    def test_control_frames_may_stand_between_fragments(self):
        ws = self.open()
        ws.send(frame("a", TEXT, fin=False) + frame("p", PING) + frame("b", CONTINUE, fin=False)
                + frame("q", PING) + frame("c", CONTINUE))
        self.assertEqual([ws.frame_in() for _ in range(3)],
                         [(PONG, b"p"), (PONG, b"q"), (TEXT, b"abc")])

    def test_fragmented_control_frames_fail(self):
        for opcode in (PING, PONG, CLOSE):
            self.assert_fails(frame("", opcode, fin=False) + frame("", CONTINUE), PROTOCOL)

    def test_a_continuation_of_nothing_fails(self):
        for fin in (True, False):
            self.assert_fails(frame("x", CONTINUE, fin=fin), PROTOCOL)
        ws = self.open()
        ws.send(frame("a", TEXT, fin=False) + frame("b", CONTINUE) + frame("c", CONTINUE))
        self.assertEqual(ws.text_in(), "ab")
        self.assertEqual(ws.close_in(), PROTOCOL)

    def test_a_new_message_inside_a_fragmented_one_fails(self):
        self.assert_fails(frame("a", TEXT, fin=False) + frame("b", TEXT), PROTOCOL)
        self.assert_fails(frame("a", TEXT, fin=False) + frame("b", BINARY, fin=False), PROTOCOL)

    def test_text_is_utf8_also_when_cut_anywhere(self):
        text = "Hello-µ@ßöäüàá-UTF-8!!ꀀ€\U0001f600\U0010ffff\ufeff\uffff\x00"
        data = text.encode()
        ws = self.open(chop=1)
        ws.send(frame(text))
        self.assertEqual(ws.text_in(), text)
        ws = self.open()
        for at in range(len(data) + 1):
            ws.send(frame(data[:at], TEXT, fin=False) + frame(data[at:], CONTINUE))
            self.assertEqual(ws.text_in(), text)
        ws.send(b"".join([frame(data[:1], TEXT, fin=False)]
                         + [frame(data[i:i + 1], CONTINUE, fin=False) for i in range(1, len(data))]
                         + [frame("", CONTINUE)]))
        self.assertEqual(ws.text_in(), text)

    def test_text_that_is_not_utf8_fails(self):
        for bad in (b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xed\xa0\x80",
                    b"\xed\xbf\xbf", b"\xf0\x80\x80\xaf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
                    b"\xfe", b"\xff", b"\xf8\x88\x80\x80\x80", b"\xce", b"\xe2\x82", b"\xf0\x9f\x98",
                    b"abc\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"):
            self.assert_fails(frame(bad), BAD_TEXT)
            self.assert_fails(frame(bad[:1], TEXT, fin=False) + frame(bad[1:], CONTINUE), BAD_TEXT)

    def test_bad_text_fails_before_the_message_is_whole(self):
        self.assert_fails(frame(b"abc\xf4\x90", TEXT, fin=False), BAD_TEXT)

    def test_binary_may_be_anything(self):
        ws = self.open()
        ws.send(frame(b"\xff\xfe\xed\xa0\x80", BINARY))
        self.assertEqual(ws.frame_in(), (BINARY, b"\xff\xfe\xed\xa0\x80"))

    def test_close_is_answered_and_tcp_ended(self):
        for close in (close_frame(), close_frame(1000), close_frame(1000, b"bye"),
                      close_frame(1000, b"x" * 123)):
            ws = self.open()
            ws.send(close)
            opcode, payload = ws.frame_in()
            self.assertEqual(opcode, CLOSE)
            self.assertIn(payload, (b"", b"\x03\xe8"))
            self.assertEqual(ws.await_end(), b"")

    def test_nothing_is_heard_behind_a_close(self):
        ws = self.open()
        ws.send(close_frame(1000) + frame("late") + frame("p", PING) + close_frame(1000))
        self.assertEqual(ws.frame_in()[0], CLOSE)
        self.assertEqual(ws.await_end(), b"")

    def test_messages_before_a_close_are_answered_first(self):
        ws = self.open()
        ws.send(frame("x" * 100_000) + close_frame(1000))
        self.assertEqual(len(ws.text_in()), 100_000)
        self.assertEqual(ws.frame_in()[0], CLOSE)

    def test_codes_a_peer_may_send_are_answered_alike(self):
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000,
                     3999, 4000, 4999):
            ws = self.open()
            ws.send(close_frame(code))
            self.assertEqual(ws.frame_in(), (CLOSE, struct.pack("!H", code)))

    def test_codes_a_peer_must_not_send_fail(self):
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
            self.assert_fails(close_frame(code), PROTOCOL)

    def test_a_close_of_one_byte_fails(self):
        self.assert_fails(frame(b"\x03", CLOSE), PROTOCOL)

    def test_close_reasons_are_utf8_also_when_cut_anywhere(self):
        reason = "ä€\U0001f600".encode()
        for chop in (0, 1, 2, 3):
            ws = self.open(chop)
            ws.send(close_frame(1000, reason))
            self.assertEqual(ws.frame_in(), (CLOSE, b"\x03\xe8"))
            self.assert_fails(close_frame(1000, b"ab\xed\xa0\x80"), BAD_TEXT, chop=chop)

    def test_a_close_between_fragments_is_a_close(self):
        ws = self.open()
        ws.send(frame("a", TEXT, fin=False) + close_frame(1000) + frame("b", CONTINUE))
        self.assertEqual(ws.frame_in(), (CLOSE, b"\x03\xe8"))


if __name__ == "__main__":
    unittest.main()
