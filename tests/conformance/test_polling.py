"""Engine.IO over long polling."""

import base64
import unittest

from engine import SEPARATOR, Echo


class PollingTransport(Echo):
    # Long enough that no ping comes between.
    options = ("--ping-interval", "20000", "--ping-timeout", "20000")

    def test_an_answer_has_its_headers(self):
        p = self.polling()
        p.post("4x")
        answer = p.get()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "text/plain; charset=UTF-8")
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertEqual(answer.body, b"4x")

    def test_a_POST_is_answered_ok(self):
        answer = self.polling().post("4x")
        self.assertEqual((answer.status, answer.body), (200, b"ok"))

    def test_packets_are_joined_by_a_separator_in_both_directions(self):
        p = self.polling()
        p.post("4test1\x1e4test2\x1e4test3")
        self.assertEqual(p.get().body, b"4test1\x1e4test2\x1e4test3")

    def test_text_is_unicode(self):
        p = self.polling()
        p.post("4ä€\U0001f600")
        self.assertEqual(p.get().body.decode(), "4ä€\U0001f600")

    def test_binary_is_base64_without_a_type(self):
        p = self.polling()
        for data in (b"", b"\x01", b"\x01\x02", b"\x01\x02\x03\x04", bytes(range(256))):
            p.post(b"b" + base64.b64encode(data))
            self.assertEqual(p.get().body, b"b" + base64.b64encode(data))

    def test_text_and_binary_stay_in_order(self):
        p = self.polling()
        p.post("4a\x1ebAQIDBA==\x1e4b\x1ebAQ==")
        self.assertEqual(p.get().body, b"4a\x1ebAQIDBA==\x1e4b\x1ebAQ==")

    def test_bad_base64_ends_the_session(self):
        for bad in ("b*", "bA", "bAQID=", "bAQ==AQ==", "bA Q="):
            p = self.polling()
            self.assertIn(p.post(bad).status, (200, 400))
            self.assertTrue(p.is_gone(), bad)

    def test_at_most_16_packets_go_into_one_answer(self):
        p = self.polling()
        sent = [f"4n{i}".encode() for i in range(40)]
        p.post(SEPARATOR.join(sent))
        answers = [p.packets(), p.packets(), p.packets()]
        self.assertEqual([len(a) for a in answers], [16, 16, 8])
        self.assertEqual(sum(answers, []), sent)

    def test_any_number_of_packets_may_be_in_a_POST(self):
        p = self.polling()
        p.post(SEPARATOR.join([b"4"] * 5000))
        heard = 0
        while heard < 5000:
            heard += len(p.packets())
        self.assertEqual(heard, 5000)

    def test_an_answer_stays_near_the_payload_limit(self):
        p = self.polling()
        big = b"4" + b"x" * 600_000
        for _ in range(3):
            self.assertEqual(p.post(big).status, 200)
        self.assertEqual([len(p.get().body) for _ in range(3)], [len(big)] * 3)

    def test_a_GET_is_held_until_there_is_something_to_say(self):
        p = self.polling()
        p.start_get()
        self.assertTrue(p.gets.is_silent())
        p.post("4now")
        self.assertEqual(p.end_get().body, b"4now")

    def test_the_second_GET_ends_both_and_the_session(self):
        p = self.polling()
        p.start_get()
        self.assertTrue(p.gets.is_silent(0.05))
        self.assertEqual(self.ask("GET", p.query).status, 400)
        first = p.end_get()
        self.assertEqual((first.status, first.body), (200, b"1"))
        self.assertTrue(p.is_gone())

    def test_the_second_POST_at_a_time_ends_the_session(self):
        p = self.polling()
        head = p.posts.request_bytes("POST", p.target(), {"Content-Length": "5"})
        p.posts.send(head + b"4a")
        self.assertTrue(p.posts.is_silent(0.05))
        self.assertEqual(self.ask("POST", p.query, b"4b").status, 400)
        self.assertTrue(p.is_gone())
        p.posts.send(b"bcd")
        self.assertEqual(p.posts.answer().status, 400)

    def test_a_POST_broken_off_ends_the_session(self):
        p = self.polling()
        p.start_get()
        p.posts.send(p.posts.request_bytes("POST", p.target(), {"Content-Length": "5"}) + b"4a")
        self.assertTrue(p.posts.is_silent(0.05))
        p.posts.close()
        answer = p.end_get()
        self.assertEqual((answer.status, answer.body), (200, b"1"))
        self.assertTrue(p.is_gone())

    def test_GET_and_POST_together_are_the_normal_case(self):
        p = self.polling()
        for i in range(20):
            p.start_get()
            self.assertEqual(p.post(f"4{i}").body, b"ok")
            self.assertEqual(p.end_get().body, f"4{i}".encode())

    def test_a_POST_above_the_limit_is_413_and_the_session_stays(self):
        p = self.polling()
        head = p.posts.request_bytes("POST", p.target(), {"Content-Length": "1000001"})
        p.posts.send(head)
        # Before any of the body.
        self.assertEqual(p.posts.answer().status, 413)
        p.posts = self.wire()
        self.assertEqual(p.post("4still").body, b"ok")
        self.assertEqual(p.packets(), [b"4still"])

    def test_a_chunked_POST_above_the_limit_is_413_and_the_session_stays(self):
        p = self.polling()
        wire = self.wire()
        wire.send(wire.request_bytes("POST", p.target(), {"Transfer-Encoding": "chunked"}))
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        try:
            for _ in range(17):
                wire.send(chunk)
        except ConnectionError:
            pass
        self.assertEqual(wire.answer().status, 413)
        self.assertEqual(p.post("4still").body, b"ok")

    def test_a_POST_of_exactly_the_limit_is_taken(self):
        p = self.polling()
        self.assertEqual(p.post(b"4" + b"x" * 999_999).body, b"ok")
        self.assertEqual(len(p.get().body), 1_000_000)

    def test_chunked_and_dribbled_POSTs_are_POSTs(self):
        p = self.polling()
        p.posts.send(p.posts.request_bytes("POST", p.target(), {"Transfer-Encoding": "chunked"}))
        for byte in b"4abc":
            p.posts.send(b"1\r\n%c\r\n" % byte)
        p.posts.send(b"0\r\n\r\n")
        self.assertEqual(p.posts.answer().body, b"ok")
        self.assertEqual(p.packets(), [b"4abc"])

    def test_head_and_body_in_two_segments_are_one_request(self):
        p = self.polling()
        whole = p.posts.request_bytes("POST", p.target(), {}, b"4two segments")
        at = whole.index(b"\r\n\r\n") + 4
        p.posts.send(whole[:at])
        self.assertTrue(p.posts.is_silent(0.03))
        p.posts.send(whole[at:])
        self.assertEqual(p.posts.answer().body, b"ok")

    def test_a_new_connection_for_each_request_is_fine(self):
        p = self.polling()
        for i in range(5):
            answer = self.ask("POST", p.query, b"4%d" % i, {"Connection": "close"})
            self.assertEqual(answer.body, b"ok")
            self.assertEqual(self.ask("GET", p.query).body, b"4%d" % i)

    def test_the_content_type_does_not_matter_but_for_octets(self):
        p = self.polling()
        for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/odd"},
                        {"Content-Type": "text/html; charset=x"}):
            self.assertEqual(p.post("4x", headers).body, b"ok")
        self.assertEqual(self.ask("POST", p.query, b"4x").body, b"ok")
        answer = p.post("4x", {"Content-Type": "application/octet-stream"})
        self.assertEqual(answer.status, 400)

    def test_an_invalid_packet_ends_the_session(self):
        bodies = (b"abc", b"9", b"", b"4a\x1e", b"\x1e4a", b"4a\x1e\x1e4b", b"2", b"2probe",
                  b"x", b"4\xff\xfe", b"\x00", b"7", b"4\xed\xa0\x80")
        for body in bodies:
            p = self.polling()
            self.assertIn(p.post(body).status, (200, 400), body)
            self.assertTrue(p.is_gone(), body)

    def test_packets_before_the_bad_one_are_acted_on(self):
        p = self.polling()
        p.start_get()
        self.assertIn(p.post("4good\x1ebad").status, (200, 400))
        answer = p.end_get()
        self.assertEqual(answer.status, 200)
        self.assertIn(answer.body, (b"4good", b"4good\x1e1", b"1"))
        self.assertTrue(p.is_gone())

    def test_a_close_packet_ends_the_held_GET_with_a_noop(self):
        p = self.polling()
        p.start_get()
        self.assertTrue(p.gets.is_silent(0.05))
        self.assertEqual(p.post("1").body, b"ok")
        answer = p.end_get()
        self.assertEqual((answer.status, answer.body), (200, b"6"))
        self.assertTrue(p.is_gone())

    def test_noop_and_stray_pongs_are_let_by(self):
        p = self.polling()
        p.post("6\x1e3\x1e3x\x1e4x")
        self.assertEqual(p.packets(), [b"4x"])

    def test_a_client_that_drops_its_held_GET_has_gone(self):
        p = self.polling()
        p.start_get()
        self.assertTrue(p.gets.is_silent(0.05))
        p.gets.close()
        # The layer below looks after held connections each 250 ms.
        for _ in range(100):
            if p.is_gone_by_post():
                return
            self.assertTrue(p.posts.is_silent(0.05))
        self.fail("the session is still there")

    def test_sessions_do_not_hear_each_other(self):
        a, b = self.polling(), self.polling()
        a.post("4a")
        b.post("4b")
        self.assertEqual([a.packets(), b.packets()], [[b"4a"], [b"4b"]])

    def test_a_websocket_session_takes_no_polls(self):
        ws = self.websocket()
        answer = self.ask("GET", f"EIO=4&transport=polling&sid={ws.opened['sid']}")
        self.assertEqual((answer.status, answer.json["code"]), (400, 3))


if __name__ == "__main__":
    unittest.main()
