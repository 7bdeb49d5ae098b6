"""A disk whose every flush takes 10 ms: many commands share one, so many clients together get many
times what one gets, nobody waits long, and nothing times out.
"""

import json
import selectors
import socket
import threading
import time
import unittest
import uuid

from harness import LONG
from storage import PreloadTest
from workload import API

FLUSH_MS = 10
SLOW_FLUSH_MS = 200
CONNECTIONS = 64
ALONE_S, TOGETHER_S = (5, 15) if LONG else (1.5, 3)
TIMES = 10        # what 64 connections get at least, as a multiple of what one gets
SLOWEST_MS = 200  # 99 of 100 answers, in the best of a few tries: the machine is not ours alone
TRIES = 4


class Asker:
    """One connection that has one command under way, always."""

    def __init__(self, port, session):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.session = session
        self.received = b""
        self.took_ms = []
        self.failed = []

    def ask(self):
        data = {"blueprint_type_id": "phase", "name": "n", "node_id": str(uuid.uuid4())}
        body = json.dumps({"session_id": self.session, "command_type": "CreateNode",
                           "command_id": str(uuid.uuid4()), "data": data}).encode()
        head = (f"POST {API}/commands/execute HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "Content-Type: application/json\r\nPrefer: return=minimal\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        self.asked = time.monotonic()
        self.socket.sendall(head.encode() + body)

    def hear(self):
        """True when the answer is whole."""
        self.received += self.socket.recv(65536)
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end or len(body) < self.length(head):
            return False
        self.took_ms.append((time.monotonic() - self.asked) * 1000)
        if not head.startswith(b"HTTP/1.1 200 "):
            self.failed.append(self.received)
        self.received = b""
        return True

    @staticmethod
    def length(head):
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return int(line.split(b":")[1])
        raise AssertionError(head)


class SlowDisk(PreloadTest):
    def setUp(self):
        super().setUp()
        self.begin(sessions=8)
        self.start_with(f"slow:{FLUSH_MS}")
        self.arm.touch()
        self.acknowledged = self.unheard = 0

    def nodes(self):
        replies = [self.http.get(f"{API}/sessions/{m.session}") for m in self.mirrors]
        return sum(reply.json["node_count"] for reply in replies)

    def run_for(self, connections, seconds):
        """Commands per second, and how long they took."""
        askers = [Asker(self.server.ports[0], self.mirrors[i % len(self.mirrors)].session)
                  for i in range(connections)]
        begun = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for asker in askers:
                selector.register(asker.socket, selectors.EVENT_READ, asker)
                asker.ask()
            while time.monotonic() < begun + seconds:
                for key, _ in selector.select(1):
                    if key.data.hear():
                        key.data.ask()
        self.unheard += connections
        took_ms = sorted(ms for asker in askers for ms in asker.took_ms)
        for asker in askers:
            asker.socket.close()
            self.assertEqual(asker.failed, [])
            self.assertTrue(asker.took_ms, "a connection that was never answered")
        self.acknowledged += len(took_ms)
        return len(took_ms) / (time.monotonic() - begun), took_ms

    def test_many_clients_share_a_flush(self):
        before = self.nodes()
        best, slowest_ms = 0, float("inf")
        for _ in range(TRIES):
            alone, took_ms = self.run_for(1, ALONE_S)
            # An answer means on disk.
            self.assertGreaterEqual(took_ms[0], FLUSH_MS)
            together, took_ms = self.run_for(CONNECTIONS, TOGETHER_S)
            best = max(best, together / alone)
            slowest_ms = min(slowest_ms, took_ms[len(took_ms) * 99 // 100])
            print(f"{alone:.0f} commands/s alone, {together:.0f} with {CONNECTIONS} connections, "
                  f"99 of 100 within {took_ms[len(took_ms) * 99 // 100]:.0f} ms")
            self.assertLess(took_ms[-1], 2000)
            if best >= TIMES and slowest_ms <= SLOWEST_MS:
                break
        self.assertGreaterEqual(best, TIMES)
        self.assertLessEqual(slowest_ms, SLOWEST_MS)
        self.restart_sound()
        # Each connection was closed with a command under way, which may be done or not.
        self.assertGreaterEqual(self.nodes() - before, self.acknowledged)
        self.assertLessEqual(self.nodes() - before, self.acknowledged + self.unheard)


class StallingDisk(PreloadTest):
    """One whose flushes take long enough to be seen by whoever waits for one."""

    def setUp(self):
        super().setUp()
        self.begin(sessions=3)
        self.start_with(f"slow:{SLOW_FLUSH_MS}")
        self.arm.touch()
        self.over, self.failed = threading.Event(), []

    def again_and_again(self, what, session):
        """In a thread, until the test is over."""
        def run():
            with self.server.http() as http:
                while not self.over.is_set():
                    status = what(http, session)
                    if status != 200:
                        self.failed.append(status)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.over.set)

    @staticmethod
    def change(http, session):
        body = {"session_id": session, "command_type": "CreateNode",
                "data": {"blueprint_type_id": "phase"}}
        return http.post(f"{API}/commands/execute", body, {"Prefer": "return=minimal"}).status

    @staticmethod
    def read(http, session):
        return http.get(f"{API}/sessions/{session}/events?since=0").status

    def test_who_reads_from_the_disk_keeps_nobody_waiting_who_does_not(self):
        writes, reads, asks = (m.session for m in self.mirrors)
        with self.server.http() as http:
            self.assertEqual(http.get(f"{API}/sessions/{asks}").status, 200)
            self.again_and_again(self.change, writes)
            for _ in range(3):
                self.again_and_again(self.read, reads)
            best_ms = float("inf")
            for _ in range(TRIES):
                took_ms = []
                until = time.monotonic() + 12 * SLOW_FLUSH_MS / 1000
                while time.monotonic() < until:
                    began = time.monotonic()
                    self.assertEqual(http.get(f"{API}/sessions/{asks}").status, 200)
                    took_ms.append((time.monotonic() - began) * 1000)
                best_ms = min(best_ms, max(took_ms))
                if best_ms < SLOW_FLUSH_MS / 2:
                    break
        self.over.set()
        print(f"the slowest of {len(took_ms)} answers took {best_ms:.0f} ms")
        self.assertEqual(self.failed, [])
        self.assertLess(best_ms, SLOW_FLUSH_MS / 2)


if __name__ == "__main__":
    unittest.main()
