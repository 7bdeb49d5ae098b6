"""Peers that mean harm, at the echo application and at the real gateway: each gets its right close or
error, memory stays flat, and others do not notice."""

import json
import time
import unittest

from engine import PING, PONG, Echo, EngineClients, close_frame, frame
from harness import BUILD, eventually
from project_test import ProjectTest

POLICY = 1008
MB = 1024 * 1024
SANITIZED = b"__asan_init" in (BUILD / "gatewayd" / "gatewayd").read_bytes()
NEIGHBOUR_S = 10 if SANITIZED else 5
DEEP = "[" * 100_000 + "]" * 100_000


class Hostile(EngineClients):
    """Mixed into a test case with the server; says how to measure it and what a neighbour does."""

    def memory(self):
        raise NotImplementedError

    def assert_flat(self, before, allowed=4 * MB):
        if SANITIZED:
            return  # freed memory is kept back there, to catch its use
        # What a connection held is given back when it is gone, which takes a turn.
        eventually(lambda: self.memory() - before < allowed, 5,
                   f"less than {allowed} bytes more than before")

    def joined(self, auth="", **options):
        ws = self.websocket(**options)
        ws.send_text("40" + auth)
        self.assertEqual(ws.text_in()[:2], "40")
        return ws

    def neighbour(self):
        """A client that was there before and must be served as ever: returns a check."""
        raise NotImplementedError

    def assert_closed_by(self, *packets, auth=""):
        """These frames or texts end the connection; nobody else's."""
        before, check = self.memory(), self.neighbour()
        for _ in range(5):
            ws = self.joined(auth)
            try:
                ws.send(b"".join(p if isinstance(p, bytes) else frame(p) for p in packets))
            except ConnectionError:
                pass
            ws.close_in()
        check()
        self.assert_flat(before)

    def assert_speaks(self, ws):
        raise NotImplementedError

    def test_an_attachment_count_of_10_to_the_9(self):
        self.assert_closed_by('451000000000-["message",{"_placeholder":true,"num":0}]')

    def test_an_attachment_count_of_30_digits(self):
        self.assert_closed_by("45" + "9" * 30 + '-["message"]')

    def test_a_namespace_of_64_kB(self):
        self.assert_closed_by("40/" + "n" * 65536 + ",")

    def test_an_unknown_namespace_of_200_bytes_is_refused(self):
        ws = self.joined()
        name = "/" + "n" * 200
        ws.send_text(f"40{name},")
        while not (text := ws.text_in()).startswith("44"):
            pass
        self.assertEqual(text, f'44{name},{{"message":"Invalid namespace"}}')
        self.assert_speaks(ws)

    def test_an_event_to_a_namespace_of_64_kB(self):
        self.assert_closed_by("42/" + "n" * 65536 + ',["message"]')

    def test_ack_ids_of_30_digits(self):
        self.assert_closed_by("42" + "9" * 30 + '["message"]')

    def test_acks_of_30_digits(self):
        self.assert_closed_by("43" + "9" * 30 + "[]")

    def test_200_kB_of_nested_arrays_in_an_event(self):
        self.assert_closed_by(f'42["message",{DEEP}]')

    def test_200_kB_of_nested_arrays_as_auth(self):
        before, check = self.memory(), self.neighbour()
        ws = self.websocket()
        ws.send_text('40{"a":' + DEEP + "}")
        self.assertEqual(ws.close_in(), POLICY)
        check()
        self.assert_flat(before)

    def test_as_many_levels_as_are_allowed_are_taken(self):
        ws = self.joined()
        ws.send_text('42["message",' + "[" * 30 + "]" * 30 + "]")
        self.assert_speaks(ws)

    def test_200_kB_of_open_brackets(self):
        self.assert_closed_by('42["message",' + "[" * 200_000)

    def flood(self, ws, data):
        """Sends and never reads, until we are not read from any more or are thrown out."""
        ws.socket.settimeout(0.5)
        end = time.monotonic() + 10
        try:
            while time.monotonic() < end:
                ws.socket.sendall(data)
        except OSError:
            return
        self.fail("the flood was taken for 10 s")

    def test_a_ping_flood_that_is_not_read(self):
        before, check = self.memory(), self.neighbour()
        self.flood(self.joined(), frame(b"x" * 125, PING) * 1000)
        check()
        self.assert_flat(before)

    def test_a_ping_flood_that_is_read_is_answered(self):
        ws = self.joined()
        for _ in range(20):
            ws.send(frame(b"x", PING) * 50)
            pongs = 0
            while pongs < 50:
                pongs += ws.frame_in() == (PONG, b"x")
        self.assert_speaks(ws)

    def test_frames_that_stay_half(self):
        before, check = self.memory(), self.neighbour()
        halves = [self.joined() for _ in range(50)]
        for ws in halves:
            ws.send(frame(b"4", length=1_000_000))
        check()
        self.assert_flat(before)

    def test_a_polling_client_with_two_GETs(self):
        check = self.neighbour()
        for _ in range(20):
            p = self.polling()
            p.start_get()
            self.assertTrue(p.gets.is_silent(0.01))
            self.assertEqual(self.ask("GET", p.query).status, 400)
            self.assertEqual(p.end_get().body, b"1")
            self.assertTrue(p.is_gone())
        check()

    def test_ten_thousand_packets_in_one_POST(self):
        before, check = self.memory(), self.neighbour()
        p = self.polling()
        p.post("40")
        p.post("\x1e".join(['42["nonsense",1]'] * 10_000))
        check()
        p.post("1")
        self.assert_flat(before, 8 * MB)

    def test_handshakes_that_are_never_used(self):
        before, check = self.memory(), self.neighbour()
        wire = self.wire()
        for _ in range(900):
            target = self.target("EIO=4&transport=polling")
            self.assertEqual(wire.ask("GET", target).status, 200)
        check()
        self.assert_flat(before)

    def test_frames_of_garbage(self):
        check = self.neighbour()
        for seed in range(50):
            ws = self.joined()
            noise = bytes((seed * 7 + i * i * 31) & 0xFF for i in range(2000))
            try:
                ws.send(noise + close_frame())
            except ConnectionError:
                pass
            ws.close()
        check()


class AtTheEcho(Hostile, Echo):
    mode = "sio"
    path = "/socket.io/"
    options = ("--ping-interval", "20000", "--ping-timeout", "20000")

    def memory(self):
        return self.rss_bytes()

    def assert_speaks(self, ws):
        ws.send_text('42["message","still"]')
        while ws.text_in() != '42["message-back","still"]':
            pass

    def neighbour(self):
        ws = self.joined()

        def check():
            began = time.monotonic()
            self.assert_speaks(ws)
            self.assertLess(time.monotonic() - began, NEIGHBOUR_S)
        return check

    def test_a_client_that_is_answered_much_and_never_reads(self):
        before, check = self.memory(), self.neighbour()
        self.flood(self.joined(), frame('42["message","' + "x" * 100_000 + '"]'))
        check()
        self.assert_flat(before, 8 * MB)


class AtTheGateway(Hostile, ProjectTest):
    @property
    def port(self):
        return self.server.ports[0]

    def memory(self):
        return self.server.gateways[0].rss_bytes()

    def assert_speaks(self, ws):
        ws.send_text('42["ping"]')
        while ws.text_in() != '42["pong"]':
            pass

    def neighbour(self):
        ws = self.joined(json.dumps({"session_id": self.session}))

        def check():
            began = time.monotonic()
            name = self.create()
            while name not in ws.text_in():
                pass
            self.assertLess(time.monotonic() - began, NEIGHBOUR_S)
        return check

    def test_a_member_that_never_reads_is_dropped_and_others_hear_all(self):
        check = self.neighbour()
        lazy = self.joined(json.dumps({"session_id": self.session}))
        before = self.memory()
        node = self.create()
        value = "x" * 200_000
        for i in range(60):
            self.do("UpdateProperty", node_id=node, property_id="notes", value=f"{i}{value}")
        # 24 MB of events, of which it is owed 1 MB at most; the heap keeps some room of its own.
        self.assert_flat(before, 12 * MB)
        check()
        # A member that has taken nothing for 10 s is thrown out.
        eventually(lambda: self.clients() == 1, 20, "one client left")
        lazy.close()
        check()

    def clients(self):
        return self.info()["active_clients"]

    def abandon_polls(self, n):
        """Sessions whose client goes while its GET is held; returns their queries."""
        queries = []
        for _ in range(n):
            p = self.polling()
            p.start_get()
            p.gets.close()
            p.posts.close()
            queries.append(p.query)
        return queries

    def test_a_held_poll_whose_client_goes_silently_costs_nothing(self):
        gateway = self.server.gateways[0]
        files = gateway.open_sockets()
        # The heap keeps room for as many connections as there were at once, and no more.
        for _ in range(4):
            self.abandon_polls(600)
        before = self.memory()
        queries = self.abandon_polls(600)
        # Held connections are looked after each 250 ms.
        eventually(lambda: gateway.open_sockets() <= files, 10, "the connections' end")
        for query in queries[::50]:
            self.assertEqual(self.ask("GET", query).json["code"], 1)
        self.assert_flat(before, 6 * MB)


if __name__ == "__main__":
    unittest.main()
