"""Socket.IO on the echo application, over both transports."""

import base64
import json
import unittest

from engine import BINARY, CLOSE, Echo, frame, wait_s


class OverWebSocket:
    """What a Socket.IO test needs of a connection: say, hear, and see that it is closed."""

    def __init__(self, test, chop=0):
        self.ws = test.websocket(chop=chop)

    def say(self, *packets):
        """bytes: an attachment."""
        self.ws.send(b"".join(frame(p, BINARY) if isinstance(p, bytes) else frame("4" + p)
                              for p in packets))

    def hear(self):
        while True:
            opcode, payload = self.ws.frame_in()
            assert opcode != CLOSE, f"closed: {payload}"
            if opcode == BINARY:
                return payload
            if payload != b"2":
                return payload.decode()[1:]
            self.ws.send_text("3")

    def is_closed(self):
        self.ws.close_in()
        return True

    def is_quiet(self):
        return self.ws.is_silent()


class OverPolling:
    def __init__(self, test, chop=0):
        self.p = test.polling(chop)
        self.waiting = []

    def say(self, *packets):
        answer = self.p.post("\x1e".join(
            "b" + base64.b64encode(p).decode() if isinstance(p, bytes) else "4" + p
            for p in packets))
        assert answer.status in (200, 400), answer

    def hear(self):
        while not self.waiting:
            self.waiting = [p for p in self.p.packets() if p not in (b"2", b"6")]
        packet = self.waiting.pop(0)
        if packet[:1] == b"b":
            return base64.b64decode(packet[1:])
        assert packet[:1] == b"4", packet
        return packet[1:].decode()

    def is_closed(self):
        """The last poll says so by a close packet; or the session is gone already."""
        answer = self.p.get()
        while answer.status == 200 and answer.body.split(b"\x1e")[-1] != b"1":
            answer = self.p.get()
        return self.p.is_gone()

    def is_quiet(self):
        self.p.start_get()
        return self.p.gets.is_silent()


class SocketIo(Echo):
    mode = "sio"
    path = "/socket.io/"
    options = ("--ping-interval", "20000", "--ping-timeout", "20000")
    kinds = (OverWebSocket, OverPolling)

    def each(self):
        """A connection over each transport in turn."""
        return (kind(self) for kind in self.kinds)

    def connect(self, c, ns="", auth=""):
        """Joins a namespace; returns its sid. The echo application emits auth behind the reply."""
        comma = f"{ns}," if ns else ""
        c.say(f"0{comma}{auth}")
        reply = c.hear()
        self.assertTrue(reply.startswith(f"0{comma}"), reply)
        body = json.loads(reply[1 + len(comma):])
        self.assertEqual(set(body), {"sid"})
        self.assertEqual(c.hear(), f'2{comma}["auth",{auth or "{}"}]')
        return body["sid"]

    def assert_closes(self, *packets, connected=True):
        for c in self.each():
            if connected:
                self.connect(c)
            c.say(*packets)
            self.assertTrue(c.is_closed(), packets)

    def test_connect_to_the_main_namespace(self):
        for c in self.each():
            self.connect(c)

    def test_connect_with_a_payload_gives_it_to_the_application(self):
        for c in self.each():
            self.connect(c, auth='{"token":"123"}')

    def test_connect_to_another_namespace_with_and_without_the_comma(self):
        for c in self.each():
            self.connect(c, "/custom")
        for c in self.each():
            self.connect(c, "/custom", '{"a":1}')
        for c in self.each():
            c.say("0/custom")
            self.assertTrue(c.hear().startswith("0/custom,"))

    def test_an_unknown_namespace_is_refused_and_the_connection_stays(self):
        for c in self.each():
            c.say("0/random")
            self.assertEqual(c.hear(), '4/random,{"message":"Invalid namespace"}')
            self.connect(c)

    def test_each_namespace_has_a_sid_of_its_own_unlike_the_engines(self):
        c = OverWebSocket(self)
        sids = {c.ws.opened["sid"], self.connect(c), self.connect(c, "/custom")}
        self.assertEqual(len(sids), 3)

    def test_an_invalid_connect_payload_closes(self):
        for payload in ("[]", "null", '"x"', "1", "{", "{}x"):
            self.assert_closes("0" + payload, connected=False)
            self.assert_closes("0/custom," + payload, connected=False)

    def test_connecting_twice_closes(self):
        self.assert_closes("0")

    def test_what_is_not_connected_may_not_speak(self):
        for packet in ('2["message"]', "1", "30[]", '2/custom,["message"]', "1/custom,",
                       '51-["message",{"_placeholder":true,"num":0}]'):
            self.assert_closes(packet, connected=False)

    def test_a_clients_connect_error_closes(self):
        self.assert_closes('4{"message":"x"}')

    def test_no_namespace_within_the_connect_timeout_closes(self):
        for c in self.each():
            wait_s(1.0)
            self.assertTrue(c.is_closed())

    def test_a_refused_namespace_does_not_stop_the_connect_timeout(self):
        for c in self.each():
            c.say("0/random")
            c.hear()
            wait_s(1.0)
            self.assertTrue(c.is_closed())

    def test_an_event_comes_back(self):
        for c in self.each():
            self.connect(c)
            c.say('2["message",1,"2",{"3":[true]}]')
            self.assertEqual(c.hear(), '2["message-back",1,"2",{"3":[true]}]')

    def test_arguments_go_through_byte_for_byte(self):
        texts = ('{"b":1,"a":2}', "1.10", "1e2", "-0", "-9007199254740991", '"\\u00e9é\\/"',
                 "[ 1 , 2 ]", '{"a":{"a":{}}}', "null,true,false", '"\\ud83d\\ude00"', '""')
        for c in self.each():
            self.connect(c)
            for text in texts:
                c.say(f'2["message",{text}]')
                self.assertEqual(c.hear(), f'2["message-back",{text}]')

    def test_many_events_in_one_segment_come_back_in_order(self):
        for c in self.each():
            self.connect(c)
            c.say(*[f'2["message",{i}]' for i in range(100)])
            for i in range(100):
                self.assertEqual(c.hear(), f'2["message-back",{i}]')

    def test_an_ack_is_asked_for_by_number(self):
        for c in self.each():
            self.connect(c)
            for id_ in ("0", "1", "456", "9007199254740991"):
                c.say(f'2{id_}["message-with-ack",1,"2",{{"3":[false]}}]')
                self.assertEqual(c.hear(), f'3{id_}[1,"2",{{"3":[false]}}]')

    def test_an_empty_ack_is_an_empty_array(self):
        for c in self.each():
            self.connect(c)
            c.say('27["message-with-ack"]')
            self.assertEqual(c.hear(), "37[]")

    def test_acks_for_unknown_ids_are_ignored(self):
        for c in self.each():
            self.connect(c)
            c.say("3999[]", '3999["x"]', '2["message",1]')
            self.assertEqual(c.hear(), '2["message-back",1]')

    def test_events_that_are_none_close(self):
        reserved = [f'2["{name}"]' for name in ("connect", "connect_error", "disconnect",
                                                "disconnecting", "newListener", "removeListener")]
        for bad in ("2{}", "2[]", '2"message"', "2[null]", "2[{}]", "2[[]]", "2[true]", "2[",
                    '2["message"', '2["message"]x', "2['message']", '2["mess\nage"]', "2abc",
                    '2["message",]', *reserved):
            self.assert_closes(bad)

    def test_an_unknown_packet_type_closes(self):
        for bad in ("7", "9", "abc", "-1", ""):
            self.assert_closes(bad)

    def test_events_may_be_numbers(self):
        for c in self.each():
            self.connect(c)
            c.say("2[1,2]", '2["message",1]')
            self.assertEqual(c.hear(), '2["message-back",1]')

    def test_disconnect_is_not_answered_and_the_engine_stays(self):
        for c in self.each():
            self.connect(c)
            self.connect(c, "/custom")
            c.say("1/custom,")
            c.say('2["message",1]')
            self.assertEqual(c.hear(), '2["message-back",1]')
            self.connect(c, "/custom")

    def test_disconnect_without_its_comma_is_one(self):
        for c in self.each():
            self.connect(c, "/custom")
            c.say("1/custom")
            self.connect(c, "/custom")

    def test_disconnect_with_a_payload_closes(self):
        self.assert_closes("1{}")

    def test_binary_events_come_back_with_their_attachments(self):
        for c in self.each():
            self.connect(c)
            placeholders = '{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}'
            c.say(f'52-["message",{placeholders}]', b"\x01\x02\x03", b"")
            self.assertEqual(c.hear(), f'52-["message-back",{placeholders}]')
            self.assertEqual([c.hear(), c.hear()], [b"\x01\x02\x03", b""])

    def test_attachments_may_come_later_and_with_pings_between(self):
        for c in self.each():
            self.connect(c)
            c.say('52-["message",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]')
            c.say(b"a")
            c.say(b"b")
            self.assertTrue(c.hear().startswith('52-["message-back"'))
            self.assertEqual([c.hear(), c.hear()], [b"a", b"b"])

    def test_binary_events_are_acked_with_their_attachments(self):
        for c in self.each():
            self.connect(c)
            c.say('51-789["message-with-ack",{"_placeholder":true,"num":0}]', b"\x05")
            self.assertEqual(c.hear(), '61-789[{"_placeholder":true,"num":0}]')
            self.assertEqual(c.hear(), b"\x05")

    def test_no_attachments_is_a_whole_packet(self):
        for c in self.each():
            self.connect(c)
            c.say('50-["message",1]', '2["message",2]')
            self.assertEqual(c.hear()[-3:], ',1]')
            self.assertEqual(c.hear(), '2["message-back",2]')

    def test_ten_attachments_are_taken(self):
        items = ",".join(f'{{"_placeholder":true,"num":{i}}}' for i in range(10))
        for c in self.each():
            self.connect(c)
            c.say(f'510-["message",{items}]', *[bytes([i]) for i in range(10)])
            self.assertTrue(c.hear().startswith("510-"))
            self.assertEqual([c.hear() for _ in range(10)], [bytes([i]) for i in range(10)])

    def test_binary_that_breaks_a_rule_closes(self):
        one = '{"_placeholder":true,"num":0}'
        for packets in (
                ('51-["message",{"_placeholder":true,"num":1}]', b"x"),
                ('51-["message",{"_placeholder":true,"num":-1}]', b"x"),
                ('51-["message",{"_placeholder":true,"num":"0"}]', b"x"),
                (f'51-["message",{one}]', '2["message"]'),
                (f'51-["message",{one}]', "0/custom,"),
                (b"x",),
                (f'5["message",{one}]',),
                (f'5x-["message",{one}]',),
                (f'5-["message",{one}]',),
                (f'51["message",{one}]',),
                (f'51000000000-["message",{one}]',),
                (f'511-["message",{one}]',),
                ("51-",),
                ("51-{}", b"x")):
            self.assert_closes(*packets)

    def test_a_name_in_a_namespace_is_not_the_same_in_another(self):
        for c in self.each():
            self.connect(c)
            self.connect(c, "/custom")
            c.say('2/custom,["message",1]', '2["message",2]')
            self.assertEqual(c.hear(), '2["message-back",2]')

    def test_byte_by_byte_it_is_the_same(self):
        c = OverWebSocket(self, chop=1)
        self.connect(c, auth='{"a":1}')
        c.say('51-3["message-with-ack",{"_placeholder":true,"num":0}]', b"slow")
        self.assertEqual([c.hear(), c.hear()], ['61-3[{"_placeholder":true,"num":0}]', b"slow"])

    def test_connect_and_events_behind_the_upgrade_request_are_heard(self):
        ws = self.websocket(behind=frame("40") + frame('42["message",1]'))
        self.assertEqual(ws.text_in()[:2], "40")
        self.assertEqual([ws.text_in(), ws.text_in()], ['42["auth",{}]', '42["message-back",1]'])

    def test_connect_is_upgraded_as_python_does_it(self):
        """5 and 40 back to back, with no GET pending and CONNECT not yet sent."""
        p = self.polling()
        ws = p.upgrade()
        ws.send(frame("5") + frame('40{"x":1}') + frame('420["message-with-ack",1]'))
        self.assertEqual(ws.text_in()[:2], "40")
        self.assertEqual([ws.text_in(), ws.text_in()], ['42["auth",{"x":1}]', "430[1]"])

    def test_connect_is_upgraded_as_javascript_does_it(self):
        """POST 40, a GET and the upgrade request at the same moment, on three connections."""
        for _ in range(10):
            p = self.polling()
            p.posts.send(p.posts.request_bytes("POST", p.target(), {}, b"40"))
            p.start_get()
            ws = self.websocket(f"EIO=4&transport=websocket&sid={p.sid}", opens=False)
            ws.send_text("2probe")
            self.assertEqual(p.posts.answer().body, b"ok")
            self.assertEqual(ws.text_in(), "3probe")
            heard = [x for x in p.end_get().body.split(b"\x1e") if x != b"6"]
            ws.send_text("5")
            while len(heard) < 2:
                heard.append(ws.text_in().encode())
            self.assertEqual(heard[0][:2], b"40")
            self.assertEqual(heard[1], b'42["auth",{}]')


class SocketIoHeartbeat(Echo):
    mode = "sio"
    path = "/socket.io/"

    def test_pings_go_on_after_the_last_namespace_was_left(self):
        ws = self.websocket()
        ws.send_text("40")
        self.assertEqual(ws.text_in()[:2], "40")
        ws.text_in()
        ws.send_text("41")
        for _ in range(4):
            self.assertEqual(ws.text_in(), "2")
            ws.send_text("3")


if __name__ == "__main__":
    unittest.main()
