"""Engine.IO's heartbeat, to the millisecond where a client can tell: interval 300, timeout 200 ms.

The sleeps here are the deadlines that are tested; how early or late something may come is said in
each test.
"""

import time
import unittest

from engine import CLOSE, TEXT, Echo, wait_s

INTERVAL_S, TIMEOUT_S = 0.3, 0.2
LATE_S = 0.15  # what a loaded machine may add


class Heartbeat(Echo):
    def assert_between(self, value, least, most):
        self.assertGreaterEqual(value, least - 0.002)
        self.assertLess(value, most)

    def test_polling_pings_come_an_interval_after_the_open_and_after_each_pong(self):
        p = self.polling()
        began = time.monotonic()
        for _ in range(3):
            self.assertEqual(p.packets(), [b"2"])
            self.assert_between(time.monotonic() - began, INTERVAL_S - 0.01, INTERVAL_S + LATE_S)
            began = time.monotonic()
            self.assertEqual(p.post("3").body, b"ok")

    def test_websocket_pings_come_an_interval_after_the_open_and_after_each_pong(self):
        ws = self.websocket()
        began = time.monotonic()
        for _ in range(3):
            self.assertEqual(ws.text_in(), "2")
            self.assert_between(time.monotonic() - began, INTERVAL_S - 0.01, INTERVAL_S + LATE_S)
            began = time.monotonic()
            ws.send_text("3")

    def test_a_poller_that_never_comes_is_gone_exactly_after_interval_and_timeout(self):
        p = self.polling()
        wait_s(INTERVAL_S + TIMEOUT_S)
        self.assertEqual(p.get().status, 400)

    def test_a_poller_that_never_answers_is_gone_exactly_after_interval_and_timeout(self):
        p = self.polling()
        began = time.monotonic()
        self.assertEqual(p.packets(), [b"2"])
        p.start_get()
        answer = p.end_get()
        self.assert_between(time.monotonic() - began, INTERVAL_S + TIMEOUT_S - 0.01,
                            INTERVAL_S + TIMEOUT_S + LATE_S)
        self.assertEqual((answer.status, answer.body), (200, b"1"))
        self.assertTrue(p.is_gone())

    def test_a_poller_is_still_there_shortly_before(self):
        p = self.polling()
        wait_s(INTERVAL_S + TIMEOUT_S - 0.1)
        self.assertEqual(p.post("3").body, b"ok")
        wait_s(0.15)
        self.assertEqual(p.post("4x").body, b"ok")

    def test_a_websocket_that_never_answers_is_closed(self):
        ws = self.websocket()
        began = time.monotonic()
        self.assertEqual(ws.text_in(), "2")
        opcode, _ = ws.frame_in()
        self.assertEqual(opcode, CLOSE)
        self.assert_between(time.monotonic() - began, INTERVAL_S + TIMEOUT_S - 0.01,
                            INTERVAL_S + TIMEOUT_S + LATE_S)
        # It is presumed dead: TCP is ended soon, whatever it still sends or does not send.
        began = time.monotonic()
        ws.await_end()
        self.assertLess(time.monotonic() - began, 2.5)

    def test_pings_come_on_a_busy_link_too(self):
        ws = self.websocket()
        end, pings = time.monotonic() + 1, 0
        ws.send_text("4x")
        while time.monotonic() < end:
            opcode, payload = ws.frame_in()
            self.assertEqual(opcode, TEXT)
            if payload == b"2":
                pings += 1
                ws.send_text("3")
            else:
                ws.send_text("4x")
        self.assertGreaterEqual(pings, 2)

    def test_data_does_not_stand_for_a_pong(self):
        ws = self.websocket()
        end = time.monotonic() + 2
        opcode = TEXT
        while opcode == TEXT and time.monotonic() < end:
            ws.send_text("4x")
            opcode, _ = ws.frame_in()
        self.assertEqual(opcode, CLOSE)

    def test_a_clients_ping_ends_a_websocket_session(self):
        for ping in ("2", "2x", "2probe"):
            ws = self.websocket()
            ws.send_text(ping)
            ws.close_in()

    def test_pongs_may_say_something_come_early_or_twice(self):
        ws = self.websocket()
        ws.send_text("3")
        for _ in range(2):
            self.assertEqual(ws.text_in(), "2")
            ws.send_text("3")
            ws.send_text("3probe")
        ws.send_text("4x")
        self.assertEqual(ws.text_in(), "4x")

    def test_an_early_pong_does_not_put_the_first_ping_off(self):
        ws = self.websocket()
        began = time.monotonic()
        wait_s(0.2)
        ws.send_text("3")
        self.assertEqual(ws.text_in(), "2")
        self.assert_between(time.monotonic() - began, INTERVAL_S - 0.01, INTERVAL_S + LATE_S)

    def test_the_timeout_of_one_does_not_touch_another(self):
        dead, alive = self.websocket(), self.websocket()
        for _ in range(4):
            self.assertEqual(alive.text_in(), "2")
            alive.send_text("3")
        dead.close_in()
        alive.send_text("4x")
        self.assertEqual(alive.text_in(), "4x")


if __name__ == "__main__":
    unittest.main()
