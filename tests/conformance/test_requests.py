"""Engine.IO: which requests are taken, in what order they are checked, and what a handshake says."""

import json
import re
import unittest

from engine import Echo, RawWebSocket, UPGRADE, frame

KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
UNKNOWN_TRANSPORT, UNKNOWN_SID, BAD_METHOD, BAD_REQUEST, FORBIDDEN, BAD_VERSION = range(6)
MESSAGES = ["Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request",
            "Forbidden", "Unsupported protocol version"]


class Requests(Echo):
    def assert_refused(self, answer, code):
        self.assertEqual(answer.status, 400, answer)
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual(answer.json, {"code": code, "message": MESSAGES[code]})

    def refused_upgrade(self, query):
        wire = self.wire()
        answer = wire.ask("GET", self.target(query), UPGRADE)
        self.assertEqual(answer.status, 400, answer)
        self.assertEqual(answer.headers["connection"].lower(), "close")
        self.assertEqual(wire.await_end(), b"")
        return answer.body.decode()

    def test_anything_below_the_path_belongs_to_the_engine(self):
        for path in ("/engine.io/", "/engine.io/x", "/engine.io/x/y"):
            answer = self.ask("GET", "EIO=4&transport=polling", path=path)
            self.assertEqual(answer.status, 200, path)

    def test_the_path_without_its_slash_does_not(self):
        self.assertEqual(self.ask("GET", "EIO=4&transport=polling", path="/engine.io").status, 404)

    def test_order_and_extras_of_the_query_do_not_matter(self):
        for query in ("transport=polling&EIO=4", "t=abc&b64=1&EIO=4&transport=polling&mine=%20x",
                      "EIO=3&EIO=4&transport=websocket&transport=polling", "&&EIO=4&transport=polling&"):
            self.assertEqual(self.ask("GET", query).status, 200, query)

    def test_the_last_of_a_repeated_parameter_counts(self):
        self.assert_refused(self.ask("GET", "EIO=4&EIO=3&transport=polling"), BAD_VERSION)

    def test_transport_is_checked_first(self):
        for query in ("EIO=4", "EIO=4&transport=abc", "EIO=3&transport=", "transport=abc&sid=x"):
            self.assert_refused(self.ask("GET", query), UNKNOWN_TRANSPORT)
        self.assert_refused(self.ask("POST", "EIO=4&transport=polling2", b"x"), UNKNOWN_TRANSPORT)

    def test_an_unknown_sid_is_refused_whatever_it_is(self):
        for sid in ("abc", "__proto__", "%00", "x" * 2000, "%ff%fe", "AAAAAAAAAAAAAAAAAAAAAAAAAAA"):
            for method, body in (("GET", None), ("POST", b"4x")):
                answer = self.ask(method, f"EIO=4&transport=polling&sid={sid}", body)
                self.assert_refused(answer, UNKNOWN_SID)

    def test_the_version_is_not_looked_at_when_there_is_a_sid(self):
        self.assert_refused(self.ask("GET", "EIO=3&transport=polling&sid=abc"), UNKNOWN_SID)

    def test_a_handshake_is_a_GET(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            answer = self.ask(method, "EIO=4&transport=polling", b"")
            self.assert_refused(answer, BAD_METHOD)

    def test_a_HEAD_is_no_handshake_either(self):
        wire = self.wire()
        wire.send(wire.request_bytes("HEAD", self.target("EIO=4&transport=polling")))
        self.assertEqual(wire.read_line().split()[1], "400")

    def test_the_method_is_checked_before_the_version(self):
        self.assert_refused(self.ask("POST", "EIO=3&transport=polling", b""), BAD_METHOD)

    def test_websocket_without_an_upgrade_is_refused(self):
        self.assert_refused(self.ask("GET", "EIO=4&transport=websocket"), BAD_REQUEST)
        headers = dict(UPGRADE)
        del headers["Sec-WebSocket-Key"]
        answer = self.ask("GET", "EIO=4&transport=websocket", headers=headers)
        self.assert_refused(answer, BAD_REQUEST)

    def test_other_versions_are_refused(self):
        for version in ("", "EIO=3&", "EIO=abc&", "EIO=5&", "EIO=44&", "EIO=&"):
            answer = self.ask("GET", f"{version}transport=polling")
            self.assert_refused(answer, BAD_VERSION)

    def test_a_refused_upgrade_is_answered_before_the_101(self):
        self.assertEqual(self.refused_upgrade("EIO=3&transport=websocket"), MESSAGES[BAD_VERSION])
        self.assertEqual(self.refused_upgrade("transport=websocket"), MESSAGES[BAD_VERSION])
        self.assertEqual(self.refused_upgrade("EIO=4&transport=abc"), MESSAGES[UNKNOWN_TRANSPORT])
        self.assertEqual(self.refused_upgrade("EIO=4&transport=websocket&sid=abc"),
                         MESSAGES[UNKNOWN_SID])
        self.assertEqual(self.refused_upgrade("EIO=4&transport=polling"), MESSAGES[BAD_REQUEST])

    def test_an_origin_of_illegal_bytes_is_refused(self):
        answer = self.ask("GET", "EIO=4&transport=polling", headers={"Origin": "http://a\x7fb"})
        self.assertEqual(answer.status, 400)

    def test_other_methods_with_a_known_sid_are_refused_and_change_nothing(self):
        p = self.polling()
        for method in ("PUT", "DELETE", "PATCH"):
            self.assertIn(self.ask(method, p.query, b"").status, (400, 405, 500))
        self.assertEqual(p.post("4still here").body, b"ok")
        self.assertEqual(p.packets(), [b"4still here"])

    def test_the_first_GET_brings_the_open_packet(self):
        answer = self.ask("GET", "EIO=4&transport=polling")
        self.assertEqual(answer.headers["content-type"], "text/plain; charset=UTF-8")
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertEqual(int(answer.headers["content-length"]), len(answer.body))
        self.assertEqual(answer.body[:1], b"0")
        opened = json.loads(answer.body[1:])
        self.assertEqual(set(opened), KEYS)
        self.assertEqual(opened["upgrades"], ["websocket"])
        for key, value in (("pingInterval", 300), ("pingTimeout", 200), ("maxPayload", 1000000)):
            self.assertIs(type(opened[key]), int)
            self.assertEqual(opened[key], value)

    def test_a_websocket_begins_with_the_open_packet(self):
        ws = self.websocket(opens=False)
        text = ws.text_in()
        self.assertEqual(text[0], "0")
        opened = json.loads(text[1:])
        self.assertEqual(set(opened), KEYS)
        self.assertEqual(opened["upgrades"], [])

    def test_sids_are_long_safe_in_a_URL_and_never_the_same(self):
        sids = {json.loads(self.ask("GET", "EIO=4&transport=polling").body[1:])["sid"]
                for _ in range(50)}
        self.assertEqual(len(sids), 50)
        for sid in sids:
            self.assertRegex(sid, re.compile(r"^[A-Za-z0-9_-]{20,}$"))

    def test_a_frame_behind_the_upgrade_request_is_heard(self):
        ws = self.websocket(behind=frame("4first") + frame("4second"))
        self.assertEqual([ws.text_in(), ws.text_in()], ["4first", "4second"])

    def test_half_a_frame_behind_the_upgrade_request_is_heard_when_it_is_whole(self):
        whole = frame("4cut in two")
        ws = self.websocket(behind=whole[:5])
        ws.send(whole[5:])
        self.assertEqual(ws.text_in(), "4cut in two")

    def test_a_handshake_byte_by_byte_is_a_handshake(self):
        p = self.polling(chop=1)
        self.assertEqual(p.post("4slow").body, b"ok")
        self.assertEqual(p.packets(), [b"4slow"])
        ws = RawWebSocket(self.port, self.target("EIO=4&transport=websocket"), chop=1)
        self.addCleanup(ws.close)
        self.assertEqual(ws.text_in()[0], "0")
        ws.send_text("4slow too")
        self.assertEqual(ws.text_in(), "4slow too")


if __name__ == "__main__":
    unittest.main()
