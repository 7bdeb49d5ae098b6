"""Engine.IO and WebSocket from bare sockets, for tests that must see every byte, and the echo
application they talk to.

`chop` says how many bytes go into one TCP segment (0: all at once). Every wait has a limit.
"""

import json
import os
import socket
import struct
import subprocess
import time
import unittest

from harness import BUILD

LIMIT_S = 5
SEPARATOR = b"\x1e"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Wire:
    """One TCP connection with a read buffer."""

    def __init__(self, port, chop=0, receive_bytes=0):
        """receive_bytes: what the kernel may hold for a reader that does not read."""
        self.socket = socket.socket()
        self.socket.settimeout(LIMIT_S)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.chop = chop
        self.buffer = b""

    def send(self, data):
        step = self.chop or max(len(data), 1)
        for at in range(0, len(data), step):
            self.socket.sendall(data[at:at + step])

    def _more(self):
        data = self.socket.recv(1024 * 1024)
        if not data:
            raise EOFError
        self.buffer += data

    def read(self, n):
        while len(self.buffer) < n:
            self._more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def read_line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def request_bytes(self, method, target, headers=None, body=None):
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("Content-Length", len(body))
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines + ["", ""]).encode("latin-1") + (body or b"")

    def ask(self, method, target, headers=None, body=None):
        self.send(self.request_bytes(method, target, headers, body))
        return self.answer()

    def answer(self):
        status = int(self.read_line().split()[1])
        headers = {}
        while (line := self.read_line()):
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        length = 0 if status == 101 else int(headers.get("content-length", 0))
        return Answer(status, headers, self.read(length))

    def is_silent(self, for_s=0.15):
        """Nothing comes, and the connection stays, for so long."""
        if self.buffer:
            return False
        self.socket.settimeout(for_s)
        try:
            self._more()
            return False
        except TimeoutError:
            return True
        except (EOFError, OSError):
            return False
        finally:
            self.socket.settimeout(LIMIT_S)

    def await_end(self):
        """Reads until the peer has closed; returns what still came."""
        try:
            while True:
                self._more()
        except (EOFError, ConnectionError):
            data, self.buffer = self.buffer, b""
            return data

    def close(self):
        self.socket.close()


def frame(payload, opcode=TEXT, fin=True, mask=True, rsv=0, length=None):
    """One client frame. length: what its header claims."""
    if isinstance(payload, str):
        payload = payload.encode()
    n = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if n < 126:
        head += bytes([bit | n])
    elif n < 65536:
        head += bytes([bit | 126]) + struct.pack("!H", n)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", n)
    if not mask:
        return head + payload
    key = os.urandom(4)
    whole = key * (len(payload) // 4 + 1)
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(whole[:len(payload)], "big")
    return head + key + mixed.to_bytes(len(payload), "big")


def close_frame(code=None, reason=b""):
    return frame(b"" if code is None else struct.pack("!H", code) + reason, CLOSE)


UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


class RawWebSocket(Wire):
    """A WebSocket seen frame by frame. behind: bytes in the segment of the upgrade request."""

    def __init__(self, port, target, chop=0, behind=b"", headers=None, receive_bytes=0):
        super().__init__(port, chop, receive_bytes)
        self.send(self.request_bytes("GET", target, {**UPGRADE, **(headers or {})}) + behind)
        self.upgrade = self.answer()

    def send_text(self, text):
        self.send(frame(text))

    def frame_in(self):
        """(opcode, payload) of the next frame; what a server must not send fails here."""
        first, second = self.read(2)
        assert first & 0x70 == 0 and second & 0x80 == 0, "reserved bits or a masked frame"
        assert first & 0x80, "a fragment"
        n = second & 0x7F
        if n == 126:
            n, = struct.unpack("!H", self.read(2))
        elif n == 127:
            n, = struct.unpack("!Q", self.read(8))
        return first & 15, self.read(n)

    def text_in(self):
        opcode, payload = self.frame_in()
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    def close_in(self):
        """Awaits the close frame, passing over messages, and answers it; its code or None."""
        while True:
            opcode, payload = self.frame_in()
            if opcode == CLOSE:
                break
        try:
            self.send(close_frame())
        except OSError:
            pass  # the peer did not want to hear it
        self.await_end()
        return struct.unpack("!H", payload[:2])[0] if payload else None


class EngineClients:
    """For test cases whose server speaks Engine.IO at self.port and self.path."""

    port = None
    path = "/socket.io/"

    def target(self, query):
        return f"{self.path}?{query}"

    def wire(self, chop=0):
        wire = Wire(self.port, chop)
        self.addCleanup(wire.close)
        return wire

    def ask(self, method, query, body=None, headers=None, path=None):
        wire = Wire(self.port)
        try:
            return wire.ask(method, f"{path or self.path}?{query}", headers, body)
        finally:
            wire.close()

    def websocket(self, query="EIO=4&transport=websocket", chop=0, behind=b"", opens=True):
        ws = RawWebSocket(self.port, self.target(query), chop, behind)
        self.addCleanup(ws.close)
        self.assertEqual(ws.upgrade.status, 101)
        if opens:
            ws.opened = json.loads(ws.text_in()[1:])
        return ws

    def polling(self, chop=0):
        return Polling(self, chop)


class Echo(EngineClients, unittest.TestCase):
    """Starts the echo application of its mode once for the class."""

    mode = "eio"
    options = ()
    path = "/engine.io/"

    @classmethod
    def setUpClass(cls):
        program = BUILD / "tests" / "conformance" / "echo"
        cls.process = subprocess.Popen(
            [str(program), cls.mode, "--port", "0", *cls.options], stdout=subprocess.PIPE)
        cls.port = int(cls.process.stdout.readline())

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        status = cls.process.wait(LIMIT_S)
        cls.process.stdout.close()
        assert status == 0, f"the echo application ended with status {status}"

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Polling:
    """A polling session: one connection for its GETs, one for its POSTs."""

    def __init__(self, test, chop=0):
        self.test, self.chop = test, chop
        opened = test.ask("GET", "EIO=4&transport=polling")
        test.assertEqual(opened.status, 200, opened)
        self.opened = json.loads(opened.body[1:])
        self.sid = self.opened["sid"]
        self.query = f"EIO=4&transport=polling&sid={self.sid}"
        self.gets, self.posts = test.wire(chop), test.wire(chop)

    def target(self):
        return self.test.target(self.query)

    def start_get(self):
        self.gets.send(self.gets.request_bytes("GET", self.target()))

    def end_get(self):
        return self.gets.answer()

    def get(self):
        self.start_get()
        return self.end_get()

    def packets(self):
        answer = self.get()
        self.test.assertEqual(answer.status, 200, answer)
        return answer.body.split(SEPARATOR)

    def post(self, body, headers=None):
        if isinstance(body, str):
            body = body.encode()
        return self.posts.ask("POST", self.target(),
                              {"Content-Type": "text/plain;charset=UTF-8", **(headers or {})}, body)

    def upgrade(self, chop=0):
        """A WebSocket on this session, probed."""
        ws = self.test.websocket(f"EIO=4&transport=websocket&sid={self.sid}", chop, opens=False)
        ws.send_text("2probe")
        self.test.assertEqual(ws.text_in(), "3probe")
        return ws

    def is_gone_by_post(self):
        """As is_gone(), for when a GET of the test's own would be one too many."""
        answer = self.test.ask("POST", self.query, b"3")
        return answer.status == 400 and answer.json["code"] == 1

    def is_gone(self):
        answer = self.test.ask("GET", self.query)
        return answer.status == 400 and answer.json["code"] == 1


def wait_s(seconds):
    """For deadlines that are themselves what is tested."""
    time.sleep(seconds)
