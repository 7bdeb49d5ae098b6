"""Clients of a gateway for tests: HTTP with JSON, plain WebSocket, server-sent events.

Each live client reads in a thread of its own into one list, so that a test can await an event
with a deadline and look at everything that came before it.
"""

import http.client
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import websocket

API = "/api/v1"
MINIMAL = {"Prefer": "return=minimal"}  # a reply with no more than there must be


class Reply:
    """`json` is None when the body is not JSON."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"


class Http:
    """One kept-alive connection. Header names in replies are in lower case."""

    def __init__(self, port, host="127.0.0.1", timeout_s=30):
        self.connection = http.client.HTTPConnection(host, port, timeout=timeout_s)

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            data = answer.read()
        except BaseException:
            # The next request gets a new connection instead of the rest of this one.
            self.connection.close()
            raise
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, data)

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post(self, path, body=None, headers=None):
        return self.request("POST", path, {} if body is None else body, headers)

    def delete(self, path, headers=None):
        return self.request("DELETE", path, headers=headers)

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Listener:
    """What has been heard so far. An entry is {"event", "data", "seq"}."""

    def __init__(self):
        self.heard = []
        self.closed = False
        self.condition = threading.Condition()
        self.read_until = 0

    def _hear(self, entry):
        with self.condition:
            self.heard.append(entry)
            self.condition.notify_all()

    def _end(self):
        with self.condition:
            self.closed = True
            self.condition.notify_all()

    def await_event(self, wanted, timeout=10):
        """The first event not yet awaited that matches a name or a predicate.

        Events before it count as read too, hence two awaits in a row also assert an order.
        """
        matches = wanted if callable(wanted) else lambda e: e.get("event") == wanted
        deadline = time.monotonic() + timeout
        position = self.read_until
        with self.condition:
            while True:
                for position in range(position, len(self.heard)):
                    if matches(self.heard[position]):
                        self.read_until = position + 1
                        return self.heard[position]
                position = len(self.heard)
                left = deadline - time.monotonic()
                if left <= 0 or self.closed:
                    state = "the connection ended" if self.closed else f"{timeout} s passed"
                    raise AssertionError(f"awaiting {wanted}: {state}; heard since: "
                                         f"{self.heard[self.read_until:]}")
                self.condition.wait(left)

    def await_end(self, timeout=10):
        with self.condition:
            if not self.condition.wait_for(lambda: self.closed, timeout):
                raise AssertionError(f"the connection was still open after {timeout} s")

    def events(self):
        with self.condition:
            return list(self.heard)

    def names(self):
        return [entry.get("event") for entry in self.events()]


class WebSocket(Listener):
    """/ws as any client sees it; joins and awaits `joined` unless told otherwise."""

    def __init__(self, port, query="", host="127.0.0.1", joins=True, timeout_s=30, headers=None):
        super().__init__()
        self.close_code = None
        self.next_id = 1
        self.socket = websocket.create_connection(
            f"ws://{host}:{port}/ws?{query}", timeout=timeout_s, subprotocols=["graph.v1"],
            header=headers or [], http_no_proxy=["*"], enable_multithread=True)
        # From here on silence is normal; awaiting has deadlines of its own.
        self.socket.settimeout(None)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        self.joined = self.await_event("joined") if joins else None

    def _read(self):
        try:
            while True:
                opcode, data = self.socket.recv_data()
                if opcode == websocket.ABNF.OPCODE_TEXT:
                    self._hear(json.loads(data))
                elif opcode == websocket.ABNF.OPCODE_CLOSE:
                    self.close_code = int.from_bytes(data[:2], "big") if len(data) >= 2 else None
                    break
        except (OSError, ValueError, websocket.WebSocketException):
            pass
        self._end()

    def send(self, message):
        self.socket.send(message if isinstance(message, str) else json.dumps(message))

    def ask(self, do, timeout=10, **more):
        """Send a request and return its answer, {"id", "ok"|"error"}."""
        id_, self.next_id = self.next_id, self.next_id + 1
        before = self.read_until
        self.send({"id": id_, "do": do, **more})
        answer = self.await_event(lambda e: "event" not in e and e.get("id") == id_, timeout)
        # An answer may overtake events or the reverse; awaiting it must not skip any of them.
        self.read_until = before
        return answer

    def execute(self, command_type, timeout=10, **data):
        return self.ask("execute", timeout, command_type=command_type, data=data)

    def events(self):
        return [entry for entry in super().events() if "event" in entry]

    def close(self):
        """The closing handshake; the reading thread gets the peer's half of it."""
        try:
            self.socket.send_close()
            self.thread.join(3)
        except (OSError, websocket.WebSocketException):
            pass
        self.socket.shutdown()
        self.thread.join(3)


class Sse(Listener):
    """text/event-stream read from a bare socket, so that nothing is hidden by a library; or, as the
    headers say, NDJSON."""

    def __init__(self, port, session_id, query="", headers=None, host="127.0.0.1", timeout_s=30):
        super().__init__()
        self.comments = 0
        self.socket = socket.create_connection((host, port), timeout_s)
        path = f"/api/v1/sessions/{session_id}/events?{query}"
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}"]
        headers = {"Accept": "text/event-stream", **(headers or {})}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = self._read_headers()
        # From here on silence is normal; close() ends the wait.
        self.socket.settimeout(None)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read_headers(self):
        headers = {}
        while (line := self.file.readline().strip()):
            name, value = line.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        return headers

    def _body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            yield from iter(self.file.readline, b"")
            return
        rest = b""
        while (size := int(self.file.readline().split(b";")[0] or b"0", 16)):
            *lines, rest = (rest + self.file.read(size)).split(b"\n")
            self.file.readline()
            yield from lines

    def _read(self):
        fields = {}
        is_ndjson = "ndjson" in self.headers.get("content-type", "")
        try:
            for line in self._body():
                line = line.decode().rstrip("\r\n")
                if is_ndjson:
                    if line:
                        self._hear(json.loads(line))
                elif line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(":")
                    value = value.removeprefix(" ")
                    fields[name] = f"{fields[name]}\n{value}" if name in fields else value
                elif fields:
                    self._dispatch(fields)
                    fields = {}
        except (OSError, ValueError):
            pass
        self._end()

    def _dispatch(self, fields):
        entry = {"event": fields.get("event", "message")}
        if "data" in fields:
            entry["data"] = json.loads(fields["data"])
        if "id" in fields:
            entry["seq"] = int(fields["id"])
        self._hear(entry)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(5)
        self.socket.close()


def port_of(url):
    """Host and port of a server's base URL."""
    parts = urlsplit(url)
    return parts.hostname, parts.port or 80
