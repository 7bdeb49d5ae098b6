"""A gateway that can open nothing more says so, waits, and goes on by itself when it can."""

import contextlib
import resource
import unittest

from engine import UPGRADE
from harness import eventually
from project_test import ProjectTest
from raw import request

HEADERS = [f"{name}: {value}".encode() for name, value in UPGRADE.items()]


class Starved(ProjectTest):
    fresh = True

    @contextlib.contextmanager
    def starved(self, daemon):
        """What is open stays, and nothing more can be."""
        limits = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            yield
        finally:
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, limits)

    def answer_to_upgrade(self, http, target):
        http.connection.sock.sendall(request(b"GET", target.encode(), HEADERS))
        head = b""
        while b"\r\n\r\n" not in head:
            head += http.connection.sock.recv(65536)
        http.close()
        return head

    def test_a_websocket_is_refused_before_it_is_one(self):
        for target in (f"/ws?session_id={self.session}", "/socket.io/?EIO=4&transport=websocket"):
            first, second = self.server.http(), self.server.http()
            for http in (first, second):
                http.get("/health")
            with self.starved(self.server.gateways[0]):
                head = self.answer_to_upgrade(first, target)
            self.assertTrue(head.startswith(b"HTTP/1.1 503 "), head)
            self.assertIn(b"Retry-After: ", head)
            head = self.answer_to_upgrade(second, target)
            self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)

    def test_without_a_socket_for_graphd_it_lives_and_is_not_ready_until_there_is_one(self):
        listener = self.websocket()
        gateway = self.server.gateways[0]
        with self.starved(gateway):
            self.server.graphd.kill()
            self.server.graphd.start()
            eventually(lambda: "cannot be opened" in gateway.log(), what="it was tried")
            self.assertTrue(gateway.is_running())
            self.assertEqual(self.http.get("/readyz").status, 503)
            self.assertEqual(self.http.get("/healthz").status, 200)
        self.server.await_ready()
        self.create("phase", "P")
        listener.await_event("graph:node-created")
        self.assertEqual(gateway.log().count("cannot be opened"), 1)


if __name__ == "__main__":
    unittest.main()
