"""Clients that stop reading, read slowly, or leave without a word: what they cost, when they are
sent away, and that nobody else notices."""

import json
import socket
import struct
import threading
import time
import unittest
from pathlib import Path

from engine import RawWebSocket
from harness import eventually
from project_test import API, ProjectTest

STALLED_S = 10  # without progress
VALUE = "v" * 100_000
MIB = 1024 * 1024


def narrow(connection):
    """A receive buffer as small as it gets, before the peer fills a big one."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


def unsent_bytes(port):
    """What the kernel still has to send on each connection of that port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return [int(f[4].split(":")[0], 16) for f in fields
            if int(f[1].split(":")[1], 16) == port] or [0]


class Crowd(ProjectTest):
    fresh = True

    def setUp(self):
        super().setUp()
        self.phase = self.create("phase", "P")
        self.gateway = self.server.gateways[0]
        self.since = self.info()["seq"]

    def raw(self, target):
        """A WebSocket seen frame by frame, with a narrow end."""
        original = socket.create_connection

        def narrowed(address, *more):
            s = socket.socket()
            narrow(s)
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

    def plain(self):
        return self.raw(f"/ws?session_id={self.session}&events=graph:*&since={self.since}")

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
        before, files = self.gateway.rss_bytes(), self.gateway.open_files()
        stopped = [come() for _ in range(2) for come in (self.plain, self.socketio, self.stream)]
        eventually(lambda: self.gateway.open_files() == files + len(stopped), what="all came in")
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
        eventually(lambda: self.gateway.open_files() == files, STALLED_S + 8, "all cut off")
        print(f"cut off {time.monotonic() - began:.1f} s after the first event")
        self.assertGreater(time.monotonic() - began, STALLED_S)
        self.assertEqual(self.info()["active_clients"], 1)
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


class Slow(Crowd):
    def read_slowly(self, ws, last):
        """All events up to the last, with pauses: (seq, size) of each."""
        heard = []
        began = time.monotonic()
        while not heard or heard[-1] < last:
            message = json.loads(ws.text_in())
            if message["event"].startswith("graph:"):
                heard.append(message["seq"])
            if len(heard) % 10 == 0:
                time.sleep(0.2)
        return heard, time.monotonic() - began

    def test_who_reads_slowly_gets_everything_once_and_in_order(self):
        clients = [self.plain() for _ in range(2)]
        result = {}
        shouting = threading.Thread(target=self.shout, args=(120,))
        shouting.start()
        # Long enough to be far behind, not so long as to be given up.
        time.sleep(3)
        shouting.join()
        self.http.close()
        last = [e["seq"] for e in self.durable(self.since) if e["event"].startswith("graph:")]
        while True:
            more = [e["seq"] for e in self.durable(last[-1]) if e["event"].startswith("graph:")]
            if not more:
                break
            last += more
        readers = [threading.Thread(target=lambda i=i, c=c: result.update(
            {i: self.read_slowly(c, last[-1])})) for i, c in enumerate(clients)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(60)
        for i in range(len(clients)):
            heard, took = result[i]
            self.assertEqual(heard, last)
            self.assertGreater(took, 1)


class Left(Crowd):
    def test_who_leaves_a_long_poll_is_noticed_however_soon(self):
        files = self.gateway.open_files() - 1
        self.http.close()
        eventually(lambda: self.gateway.open_files() == files, what="nobody connected")
        target = f"{API}/sessions/{self.session}/events?since={self.since}&wait=30000"
        for delay in (0, 0.02, 0.1, 0.3):
            for abruptly in (False, True):
                with self.subTest(delay=delay, abruptly=abruptly):
                    s = socket.create_connection(("127.0.0.1", self.server.ports[0]))
                    s.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    if delay:
                        eventually(lambda: self.gateway.open_files() > files, what="the request")
                    time.sleep(delay)
                    if abruptly:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.close()
                    eventually(lambda: self.gateway.open_files() == files, 2, "its end")


if __name__ == "__main__":
    unittest.main()
