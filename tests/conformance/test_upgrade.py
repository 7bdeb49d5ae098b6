"""Engine.IO: from long polling to a WebSocket, without a packet lost or doubled."""

import time
import unittest

from engine import UPGRADE, Echo, frame


class Upgrade(Echo):
    options = ("--ping-interval", "20000", "--ping-timeout", "20000")

    def assert_refused(self, answer, code):
        self.assertEqual((answer.status, answer.json["code"]), (400, code), answer)

    def assert_upgraded(self, p, ws):
        ws.send_text("4after")
        self.assertEqual(ws.text_in(), "4after")
        self.assert_refused(self.ask("GET", p.query), 3)
        self.assert_refused(self.ask("POST", p.query, b"4x"), 3)

    def test_the_way_as_the_protocol_has_it(self):
        p = self.polling()
        ws = self.websocket(f"EIO=4&transport=websocket&sid={p.sid}", opens=False)
        ws.send_text("2probe")
        self.assertEqual(ws.text_in(), "3probe")
        ws.send_text("5")
        self.assert_upgraded(p, ws)

    def test_there_is_no_second_open_packet(self):
        p = self.polling()
        ws = self.websocket(f"EIO=4&transport=websocket&sid={p.sid}", opens=False)
        self.assertTrue(ws.is_silent())

    def test_the_probe_ends_a_held_GET_at_once_and_those_that_follow(self):
        p = self.polling()
        p.start_get()
        self.assertTrue(p.gets.is_silent(0.05))
        began = time.monotonic()
        p.upgrade()
        self.assertEqual(p.end_get().body, b"6")
        for _ in range(3):
            self.assertEqual(p.get().body, b"6")
        self.assertLess(time.monotonic() - began, 0.3)

    def test_POSTs_are_taken_and_answers_polled_until_the_switch(self):
        p = self.polling()
        ws = p.upgrade()
        self.assertEqual(p.post("4late").body, b"ok")
        self.assertEqual(p.packets(), [b"4late"])
        self.assertTrue(ws.is_silent(0.05))
        ws.send_text("5")
        self.assert_upgraded(p, ws)

    def test_what_is_queued_goes_over_the_websocket_in_order(self):
        p = self.polling()
        ws = p.upgrade()
        p.post("\x1e".join(f"4{i}" for i in range(50)))
        ws.send_text("5")
        self.assertEqual([ws.text_in() for _ in range(50)], [f"4{i}" for i in range(50)])
        self.assert_upgraded(p, ws)

    def test_frames_behind_the_switch_in_the_same_segment_are_heard(self):
        p = self.polling()
        ws = p.upgrade()
        ws.send(frame("5") + frame("4a") + frame("4b") + frame(b"\x01\x02", 2))
        self.assertEqual([ws.text_in(), ws.text_in()], ["4a", "4b"])
        self.assertEqual(ws.frame_in(), (2, b"\x01\x02"))

    def test_probe_switch_and_data_behind_the_upgrade_request_are_heard(self):
        p = self.polling()
        behind = frame("2probe") + frame("5") + frame("4now")
        ws = self.websocket(f"EIO=4&transport=websocket&sid={p.sid}", behind=behind, opens=False)
        self.assertEqual([ws.text_in(), ws.text_in()], ["3probe", "4now"])

    def test_a_GET_held_when_the_switch_comes_is_ended(self):
        p = self.polling()
        ws = self.websocket(f"EIO=4&transport=websocket&sid={p.sid}", opens=False)
        p.start_get()
        ws.send(frame("2probe") + frame("5"))
        self.assertEqual(ws.text_in(), "3probe")
        answer = p.end_get()
        if answer.status == 200:
            self.assertEqual(answer.body, b"6")
        else:
            self.assert_refused(answer, 3)
        self.assert_upgraded(p, ws)

    def test_byte_by_byte_it_works_as_well(self):
        p = self.polling(chop=1)
        ws = self.websocket(f"EIO=4&transport=websocket&sid={p.sid}", chop=1, opens=False)
        ws.send(frame("2probe") + frame("5") + frame("4slow"))
        self.assertEqual([ws.text_in(), ws.text_in()], ["3probe", "4slow"])
        self.assert_upgraded(p, ws)

    def test_a_wrong_first_frame_closes_the_websocket_alone(self):
        for wrong in (frame("2"), frame("4x"), frame("5"), frame("3probe"), frame("2probe", 2),
                      frame(""), frame("2probex")):
            p = self.polling()
            ws = self.websocket(f"EIO=4&transport=websocket&sid={p.sid}", opens=False)
            ws.send(wrong)
            ws.close_in()
            self.assertEqual(p.post("4x").body, b"ok")
            self.assertEqual(p.packets(), [b"4x"])

    def test_another_packet_than_the_switch_after_the_probe_closes_the_websocket_alone(self):
        for wrong in ("4x", "2probe", "3", "1", "6"):
            p = self.polling()
            ws = p.upgrade()
            ws.send_text(wrong)
            ws.close_in()
            p.start_get()
            self.assertTrue(p.gets.is_silent(0.03), "GETs are held again")
            self.assertEqual(p.post("4x").body, b"ok")
            self.assertEqual(p.end_get().body, b"4x")

    def test_a_probe_that_breaks_off_leaves_polling_as_it_was(self):
        p = self.polling()
        p.upgrade().close()
        p.post("4x")
        self.assertIn(p.get().body, (b"4x", b"6"))
        again = None
        for _ in range(100):
            query = f"EIO=4&transport=websocket&sid={p.sid}"
            wire = self.wire()
            again = wire.ask("GET", self.target(query), UPGRADE)
            if again.status == 101:
                break
        self.assertEqual(again.status, 101)

    def test_a_second_websocket_does_not_touch_the_first(self):
        p = self.polling()
        ws = p.upgrade()
        wire = self.wire()
        query = f"EIO=4&transport=websocket&sid={p.sid}"
        self.assertEqual(wire.ask("GET", self.target(query), UPGRADE).status, 400)
        ws.send_text("5")
        self.assert_upgraded(p, ws)
        wire = self.wire()
        self.assertEqual(wire.ask("GET", self.target(query), UPGRADE).status, 400)
        ws.send_text("4still")
        self.assertEqual(ws.text_in(), "4still")

    def test_the_client_closes_after_the_upgrade(self):
        p = self.polling()
        ws = p.upgrade()
        ws.send_text("5")
        ws.send_text("1")
        ws.close_in()
        self.assertTrue(p.is_gone())


class UpgradeWithPings(Echo):
    def test_a_ping_that_was_not_fetched_goes_over_the_websocket(self):
        p = self.polling()
        ws = p.upgrade()
        time.sleep(0.35)  # the ping is due after 300 ms
        ws.send_text("5")
        self.assertEqual(ws.text_in(), "2")
        ws.send_text("3")
        self.assertEqual(ws.text_in(), "2")

    def test_a_session_that_dies_takes_its_probing_websocket_along(self):
        p = self.polling()
        ws = p.upgrade()
        ws.close_in()
        self.assertTrue(p.is_gone())


if __name__ == "__main__":
    unittest.main()
