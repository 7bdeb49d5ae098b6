"""Malformed and hostile HTTP from bare sockets: a named refusal, no 500, no second request."""

import json
import socket
import time
import unittest

from project_test import API, ProjectTest
from raw import exchange, request

SMUGGLED = b"DELETE /api/v1/sessions/%s HTTP/1.1\r\nHost: x\r\n\r\n"


class Hostile(ProjectTest):
    def setUp(self):
        super().setUp()
        self.port = self.server.ports[0]

    def send(self, data, **options):
        answer = exchange(self.port, data, **options)
        for status in answer.statuses:
            # RFC 9110 wants 501 and 505 for unknown methods and versions.
            self.assertTrue(status < 500 or status in (501, 505), answer)
        return answer

    def refused(self, data, statuses=(400,), closes=True, **options):
        answer = self.send(data, **options)
        # libmicrohttpd says some of its own refusals twice; a second request is never served.
        self.assertEqual(len(set(answer.statuses)), 1, answer)
        self.assertIn(answer.status, statuses, answer)
        if closes:
            self.assertTrue(answer.closed, answer)
        return answer

    def tearDown(self):
        # Whatever was sent: the gateway serves on and the session is as it was.
        self.assertEqual(self.http.get("/healthz").status, 200)
        self.assertEqual(self.info()["node_count"], 1)

    def smuggling(self, *headers, body=b""):
        smuggled = SMUGGLED % self.session.encode()
        return request(b"POST", f"{API}/sessions/{self.session}/undo".encode(), headers,
                       body + smuggled)


class Framing(Hostile):
    def test_two_ways_to_tell_the_length_are_refused(self):
        for headers, body in (
                ((b"Content-Length: 2", b"Transfer-Encoding: chunked"), b"0\r\n\r\n"),
                ((b"Transfer-Encoding: chunked", b"Content-Length: 2"), b"0\r\n\r\n"),
                ((b"Content-Length: 4", b"Content-Length: 0"), b""),
                ((b"Content-Length: 2", b"Content-Length: 2"), b"{}"),
                ((b"Content-Length: 2, 2",), b"{}")):
            with self.subTest(headers=headers):
                self.refused(self.smuggling(*headers, body=body))

    def test_odd_encodings_are_refused(self):
        for value in (b"xchunked", b"chunked, identity", b"identity", b"gzip, chunked", b"chunked,",
                      b"chunked, chunked", b"\"chunked\"", b"cow", b""):
            with self.subTest(value=value):
                self.refused(self.smuggling(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"),
                             (400, 501))

    def test_odd_lengths_are_refused(self):
        for value in (b"-1", b"+2", b"0x2", b"2 ", b"1e1", b"", b"9" * 30, b"2;3", b"\xb2"):
            with self.subTest(value=value):
                answer = self.send(request(b"POST", b"/api/v1/sessions/cleanup",
                                           (b"Content-Length: " + value,), b"{}"))
                # Blanks around the number are allowed and mean nothing.
                self.assertIn(answer.status, (200, 400) if value == b"2 " else (400, 413), answer)

    def test_a_header_name_that_is_no_token_is_refused(self):
        for line in (b"Transfer-Encoding : chunked", b"Content-Length : 5", b"X Y: 1", b"X(): 1",
                     b"\xc3\xa9: 1", b": 1", b"X\x0b: 1", b"X\x00Y: 1"):
            with self.subTest(line=line):
                self.refused(self.smuggling(line, body=b""))

    def test_control_characters_in_a_value_are_refused(self):
        for byte in (b"\x00", b"\x01", b"\x0b", b"\x7f", b"\x1f"):
            with self.subTest(byte=byte):
                self.refused(request(b"GET", b"/health", (b"X-Actor: a" + byte + b"b",)))

    def test_a_doubled_header_that_counts_is_refused(self):
        for name in (b"Content-Type", b"Authorization", b"Origin", b"Idempotency-Key", b"If-Match",
                     b"X-Session-Id", b"X-Actor", b"Last-Event-ID"):
            with self.subTest(name=name):
                self.refused(request(b"GET", b"/health", (name + b": a", name + b": b")))
        self.refused(request(b"GET", b"/health", (b"Host: other",)))

    def test_host_must_be_there_once_and_be_one(self):
        for odd in (request(b"GET", b"/health", host=False),
                    request(b"GET", b"/health", (b"Host : x",), host=False)):
            answer = self.send(odd)
            self.assertEqual(answer.statuses, [400], answer)
            self.assertIn(b'{"error":{"code":"INVALID_REQUEST"', answer.data)
        for host in (b"a b", b"a/b", b"a\x7f", b"\xff", b"a@b", b"<x>"):
            with self.subTest(host=host):
                self.refused(request(b"GET", b"/health", (b"Host: " + host,), host=False))

    def test_a_chunked_body_is_read_to_its_end(self):
        body = b'{"max_inactive_hours":24}'
        chunks = b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\n\r\n"
        answer = self.send(request(b"POST", b"/api/v1/sessions/cleanup", (
            b"Transfer-Encoding: chunked", b"Connection: close"), chunks))
        self.assertEqual(answer.statuses, [200], answer)
        for bad in (b"zz\r\n", b"-1\r\n", b"1\r\nab\r\n", b"fffffffffffffffff\r\n", b"\r\n"):
            with self.subTest(chunk=bad):
                answer = self.send(request(b"POST", b"/api/v1/sessions/cleanup",
                                           (b"Transfer-Encoding: chunked",), bad + b"0\r\n\r\n"))
                self.assertIn(answer.status, (400, 413, None), answer)

    def test_a_folded_header_smuggles_no_identity(self):
        answer = self.send(request(b"GET", b"/health", (b"X-Other: 1\r\n X-Actor: eve",
                                                        b"Connection: close")))
        self.assertIn(answer.status, (200, 400), answer)

    def test_pipelined_requests_are_answered_in_order(self):
        data = request(b"GET", b"/health") + request(b"GET", b"/nothing")
        data += request(b"GET", b"/healthz", (b"Connection: close",))
        self.assertEqual(self.send(data).statuses, [200, 404, 200])


class Targets(Hostile):
    def test_a_whole_uri_is_taken_and_its_host_is_the_host(self):
        for target in (b"http://127.0.0.1/health", b"HTTP://other:80/health?x",
                       b"https://[::1]:5000/health"):
            with self.subTest(target=target):
                answer = self.send(request(b"GET", target, (b"Connection: close",)))
                self.assertEqual(answer.status, 200, answer)
        answer = self.send(request(b"POST", b"http://other/api/v1/sessions/cleanup", (
            b"Origin: http://other", b"Content-Length: 2", b"Connection: close"), b"{}"))
        self.assertEqual(answer.status, 200, answer)
        answer = self.send(request(b"GET", b"http://other/ws?session_id=" + self.session.encode(), (
            b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")), timeout_s=0.2)
        self.assertEqual(answer.status, 101, answer)

    def test_other_forms_of_a_target_are_refused(self):
        for target in (b"http://", b"http:///health", b"http://:80/health", b"http://a@b/health",
                       b"http://a b/health", b"http:/health", b"ftp://127.0.0.1/health",
                       b"ws://127.0.0.1/health", b"http://a/health#x", b"http://a#/health",
                       b"127.0.0.1:80", b"*", b"health", b"?x", b"/health#x"):
            with self.subTest(target=target):
                self.assertEqual(
                    set(self.send(request(b"GET", target, (b"Connection: close",))).statuses),
                    {400})
        for target in (b"//evil/health", b"http://a", b"http://a?x", b"http://a//health"):
            with self.subTest(target=target):
                answer = self.send(request(b"GET", target, (b"Connection: close",)))
                self.assertEqual(answer.statuses, [404], answer)
        self.refused(request(b"GET", b"http://a/health", host=False))
        self.refused(request(b"GET", b"http://a/health", (b"Host: a/b",), host=False))

    def test_options_may_ask_about_the_server(self):
        answer = self.send(request(b"OPTIONS", b"*", (b"Connection: close",)))
        self.assertEqual(answer.status, 204, answer)
        self.assertIn(b"\r\nAllow: GET, HEAD, POST, DELETE, OPTIONS\r\n", answer.data)

    def test_a_path_is_split_before_it_is_decoded(self):
        for target in (b"/api%2fv1/sessions", b"/api/v1%2Fsessions",
                       b"/api/v1/templates/..%2f..%2f", b"/api/v1/templates/%2e%2e/schema",
                       b"/api/v1/icons/%2e%2e%2fcatalog.json",
                       b"/api/v1/icons/../catalog.json", b"/api/v1/./sessions",
                       b"/api/v1/templates/restomod%00/schema", b"/health%00", b"/health%",
                       b"/health%zz", b"/api/v1/templates/..%5c..%5cx/schema",
                       b"/api/v1/templates/%c0%ae%c0%ae/schema", b"/api/v1/icons/%ff",
                       b"/api/v1/indicators/..%2f..%2f/passwd", b"/%2e%2e/%2e%2e/etc/passwd"):
            with self.subTest(target=target):
                answer = self.send(request(b"GET", target, (b"Connection: close",)))
                self.assertIn(answer.status, (400, 404), answer)
                self.assertNotIn(b"root:", answer.data)

    def test_raw_bytes_in_a_target_are_refused(self):
        for target in (b"/hea\x00lth", b"/hea\x7flth", b"/h\xffx", b"/a\tb", b"/<script>"):
            with self.subTest(target=target):
                answer = self.send(request(b"GET", target, (b"Connection: close",)))
                self.assertIn(answer.status, (400, 404, None), answer)

    def test_odd_methods_are_refused(self):
        for method in (b"FOO", b"FOO\x7f", b"get", b"TRACE", b"CONNECT", b"PRI", b"G\x00T", b"",
                       b"A" * 3000):
            with self.subTest(method=method):
                answer = self.send(request(method, b"/health", (b"Connection: close",)))
                self.assertIn(answer.status, (400, 405, 414, 431, 501, None), answer)

    def test_other_versions_are_refused_or_closed(self):
        self.assertIn(self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status, (400, 505, None))
        for version in (b"HTTP/9.9", b"HTTP/1.2", b"HTP/1.1", b"HTTP/1.1 x", b""):
            with self.subTest(version=version):
                answer = self.send(request(b"GET", b"/health", version=version))
                self.assertIn(answer.status, (200, 400, 505, None), answer)

    def test_too_much_head_is_refused_by_name(self):
        def many(n):
            return [b"X%d: 1" % i for i in range(n)]
        for data, status in ((request(b"GET", b"/" + b"a" * 40000), 414),
                             (request(b"GET", b"/health", (b"X: " + b"a" * 40000,)), 431),
                             (request(b"GET", b"/health", many(900)), 431),
                             (request(b"GET", b"/health", many(70)), 431)):
            with self.subTest(status=status, size=len(data)):
                self.refused(data, (status,))

    def test_cookies_are_left_alone(self):
        for cookie in (b"a=\"", b"=", b"\"" + b" " * 50, b";;;", b"a=b; a=c"):
            answer = self.send(request(b"GET", b"/health", (b"Cookie: " + cookie,
                                                            b"Connection: close")))
            self.assertIn(answer.status, (200, 400, 431), answer)

    def test_a_compressed_body_is_refused(self):
        answer = self.send(request(b"POST", f"{API}/sessions".encode(), (
            b"Content-Encoding: gzip", b"Content-Length: 2", b"Connection: close"), b"{}"))
        self.assertEqual(answer.status, 415, answer)


class Slow(Hostile):
    def test_a_head_that_comes_byte_by_byte_is_given_up_from_its_start(self):
        started = time.monotonic()
        data = request(b"GET", b"/health", (b"X-Slow: " + b"a" * 500,))
        with socket.create_connection(("127.0.0.1", self.port), 10) as s:
            s.settimeout(0.3)
            received, ended = b"", False
            for i in range(len(data)):
                try:
                    s.sendall(data[i:i + 1])
                    chunk = s.recv(65536)
                    received, ended = received + chunk, not chunk
                except TimeoutError:
                    continue
                except OSError:
                    ended = True
                if ended:
                    break
                if time.monotonic() - started > 20:
                    break
        self.assertTrue(ended, "the connection was kept")
        self.assertLess(time.monotonic() - started, 10)
        self.assertNotIn(b" 200 ", received)

    def test_a_body_that_never_comes_does_not_hold_others_up(self):
        target = f"{API}/sessions/cleanup".encode()
        waiting = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(50)]
        try:
            for s in waiting:
                s.sendall(request(b"POST", target, (b"Content-Length: 100",), b"{"))
            started = time.monotonic()
            self.assertEqual(self.http.get("/healthz").status, 200)
            self.create_and_undo()
            self.assertLess(time.monotonic() - started, 2)
        finally:
            for s in waiting:
                s.close()

    def create_and_undo(self):
        self.do("CreateNode", blueprint_type_id="phase")
        self.ok(self.undo())


class Mutations(Hostile):
    def test_requests_with_random_bytes_never_reach_a_500(self):
        import random
        seed = time.time_ns() % 1_000_000_000
        print(f"SEED={seed} ", end="", flush=True)
        chance = random.Random(seed)
        body = json.dumps({"session_id": self.session, "command_type": "DeleteNode",
                           "data": {"node_id": self.session}}).encode()
        whole = request(b"POST", f"{API}/commands/execute".encode(), (
            b"Content-Length: %d" % len(body), b"Connection: close"), body)
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(data))
                data[at:at + chance.randint(0, 2)] = chance.randbytes(chance.randint(0, 3))
            self.send(bytes(data), timeout_s=0.05)


if __name__ == "__main__":
    unittest.main()
