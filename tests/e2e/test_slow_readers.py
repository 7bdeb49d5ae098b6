"""Clients that stop reading, read slowly, or leave without a word: what they cost, when they are
sent away, and that nobody else notices."""

import json
import socket
import struct
import threading
import time
import unittest
from pathlib import Path

from engine import PING, PONG, EngineClients, Polling, RawWebSocket, frame
from harness import GIVES_MEMORY_BACK, eventually
from project_test import API, ProjectTest

STALLED_S = 10  # without progress
VALUE = "v" * 100_000
MIB = 1024 * 1024


def narrow(connection, window=4096):
    """A small receive buffer, before the peer fills a big one."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)


def unsent_bytes(port):
    """What the kernel still has to send on each connection of that port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return [int(f[4].split(":")[0], 16) for f in fields
            if int(f[1].split(":")[1], 16) == port] or [0]


class Crowd(ProjectTest):
    fresh = True
    server_options = {"env": GIVES_MEMORY_BACK}

    def setUp(self):
        super().setUp()
        self.phase = self.create("phase", "P")
        self.gateway = self.server.gateways[0]
        self.since = self.info()["seq"]

    def raw(self, target, window=4096):
        """A WebSocket seen frame by frame, with a narrow end."""
        original = socket.create_connection

        def narrowed(address, *more):
            s = socket.socket()
            narrow(s, window)
            s.settimeout(20)
            s.connect(address)
            return s
        socket.create_connection = narrowed
        try:
            ws = RawWebSocket(self.server.ports[0], target)
        finally:
            socket.create_connection = original
        self.addCleanup(ws.close)
        self.assertEqual(ws.upgrade.status, 101)
        return ws

    def plain(self, **options):
        return self.raw(f"/ws?session_id={self.session}&events=graph:*&since={self.since}",
                        **options)

    def socketio(self):
        ws = self.raw("/socket.io/?EIO=4&transport=websocket")
        self.assertTrue(ws.text_in().startswith("0{"))
        ws.send_text("40" + json.dumps({"session_id": self.session, "recover": True}))
        self.assertTrue(ws.text_in().startswith("40{"))
        return ws

    def stream(self):
        s = socket.socket()
        narrow(s)
        s.settimeout(20)
        s.connect(("127.0.0.1", self.server.ports[0]))
        self.addCleanup(s.close)
        s.sendall(f"GET {API}/sessions/{self.session}/events?since={self.since} HTTP/1.1\r\n"
                  "Host: x\r\nAccept: text/event-stream\r\n\r\n".encode())
        return s

    def shout(self, n):
        """n commands whose events are big; how long the longest took."""
        longest = 0
        for i in range(n):
            began = time.monotonic()
            self.do("UpdateProperty", headers={"Prefer": "return=minimal"}, node_id=self.phase,
                    property_id="notes", value=f"{i}{VALUE}")
            longest = max(longest, time.monotonic() - began)
        return longest


class Stopped(Crowd):
    def test_who_reads_nothing_is_cut_off_and_costs_little_and_the_others_hear_all(self):
        listener = self.websocket(query=f"since={self.since}")
        before, files = self.gateway.rss_bytes(), self.gateway.open_sockets()
        stopped = [come() for _ in range(2) for come in (self.plain, self.socketio, self.stream)]
        eventually(lambda: self.gateway.open_sockets() == files + len(stopped), what="all came in")
        self.assertEqual(self.server.metric("gatewayd_clients"), 1 + len(stopped))
        began = time.monotonic()
        longest = self.shout(80)
        self.assertLess(longest, 2)
        last = self.info()["seq"]
        listener.await_event(lambda e: e.get("seq") == last, 20)
        seqs = [e["seq"] for e in listener.events() if e["event"].startswith(("graph:", "command:"))
                and e["event"] not in ("command:executing", "command:failed")]
        self.assertEqual(seqs, list(range(self.since + 1, last + 1)))
        grown = self.gateway.rss_bytes() - before
        print(f"{len(stopped)} stopped readers cost {grown / MIB:.1f} MiB, longest command "
              f"{longest * 1000:.0f} ms")
        self.assertLess(grown, (2 * len(stopped) + 8) * MIB)
        self.assertLessEqual(max(unsent_bytes(self.server.ports[0])), MIB)
        eventually(lambda: self.gateway.open_sockets() == files, STALLED_S + 8, "all cut off")
        print(f"cut off {time.monotonic() - began:.1f} s after the first event")
        self.assertGreater(time.monotonic() - began, STALLED_S)
        self.assertEqual(self.info()["active_clients"], 1)
        self.assertEqual(self.server.metric("gatewayd_clients"), 1)
        self.assertEqual(self.server.metric("gatewayd_clients_stalled_total"), len(stopped))
        self.check_what_was_left(stopped)

    def check_what_was_left(self, stopped):
        """One that wakes up finds no end of old events, and its connection broken."""
        for connection in stopped:
            s = getattr(connection, "socket", connection)
            n = 0
            with self.assertRaises(OSError):
                while True:
                    got = len(s.recv(65536))
                    if not got:
                        raise OSError("the end")
                    n += got
            self.assertLess(n, 3 * MIB)


class Reader(threading.Thread):
    """Reads with pauses, and falls far behind, until it is told which seq is the last."""

    PAUSE_S = 0.5

    def __init__(self, ws):
        super().__init__(daemon=True)
        self.ws, self.heard, self.last, self.problem = ws, [], None, None

    def run(self):
        try:
            while self.last is None or self.heard[-1] < self.last:
                opcode, payload = self.ws.frame_in()
                if opcode == PING:
                    self.ws.send(frame(payload, PONG))
                    continue
                message = json.loads(payload)
                if message["event"].startswith("graph:"):
                    self.heard.append(message["seq"])
                    if self.last is None:
                        time.sleep(self.PAUSE_S)
        except (AssertionError, OSError, ValueError) as problem:
            self.problem = problem


class Slow(Crowd):
    def test_who_reads_slowly_gets_everything_once_and_in_order(self):
        readers = [Reader(self.plain(window=128 * 1024)) for _ in range(2)]
        for reader in readers:
            reader.start()
        self.shout(120)
        behind = [len(reader.heard) for reader in readers]
        expected, at = [], self.since
        while True:
            page = self.durable(at)
            if not page:
                break
            at = page[-1]["seq"]
            expected += [e["seq"] for e in page if e["event"].startswith("graph:")]
        for reader in readers:
            reader.last = expected[-1]
        for reader in readers:
            reader.join(60)
            self.assertIsNone(reader.problem)
            self.assertEqual(reader.heard, expected)
        # Or it would not have been slow.
        self.assertLess(max(behind), len(expected) / 2)


class Polled(EngineClients, Crowd):
    @property
    def port(self):
        return self.server.ports[0]

    def test_who_polls_is_fed_as_fast_as_it_reads(self):
        self.shout(60)
        last = self.info()["seq"]
        poller = Polling(self)
        began = time.monotonic()
        poller.post("40" + json.dumps({"session_id": self.session, "since": self.since}))
        seqs = []
        while last not in seqs:
            heard = [json.loads(p[2:]) for p in poller.packets() if p.startswith(b"42")]
            seqs += [data["seq"] for name, data in heard if name != "session:connected"]
        took_s = time.monotonic() - began
        print(f"{len(seqs)} events in {took_s:.1f} s")
        self.assertEqual(seqs, list(range(self.since + 1, last + 1)))
        self.assertLess(took_s, 10, "half a megabyte a second, and it was read at once")


class Left(Crowd):
    def test_who_leaves_a_long_poll_is_noticed_however_soon(self):
        files = self.gateway.open_sockets() - 1
        self.http.close()
        eventually(lambda: self.gateway.open_sockets() == files, what="nobody connected")
        target = f"{API}/sessions/{self.session}/events?since={self.since}&wait=30000"
        for delay in (0, 0.02, 0.1, 0.3):
            for abruptly in (False, True):
                with self.subTest(delay=delay, abruptly=abruptly):
                    s = socket.create_connection(("127.0.0.1", self.server.ports[0]))
                    s.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    if delay:
                        eventually(lambda: self.gateway.open_sockets() > files, what="the request")
                    time.sleep(delay)
                    if abruptly:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.close()
                    eventually(lambda: self.gateway.open_sockets() == files, 2, "its end")


if __name__ == "__main__":
    unittest.main()
