"""Consumers of every kind, what each has received, and whether that is everything, once, in order.

A consumer reads in a thread or a process of its own, comes back by itself when it is cut off, at
the next gateway, and resumes by the means of its kind: `since=`, Last-Event-ID, the next poll's
since, Socket.IO's connection state recovery, `graphctl tap --since`.
"""

import http.client
import itertools
import json
import socket
import struct
import subprocess
import threading

from clients import API, Http
from engine import CLOSE, LIMIT_S, PING, PONG, TEXT, RawWebSocket, frame
from harness import BUILD, eventually
from proxy import Spread
from stock import catalogue

AGAIN_S = 0.02
PATIENCE_S = 20
# pingInterval and pingTimeout: after so long without a ping a stock client takes itself for lost.
DEAF_S = 25 + 20
DURABLE = {name for colon, dash, kind in catalogue() if kind == "DURABLE" for name in (colon, dash)}


def flaw(got, since, history):
    """None, or the first thing wrong with the pairs (seq, event) received behind a seq."""
    last = since
    for seq, event in got:
        if seq <= last:
            return f"seq {seq} ({event}) came again behind {last}"
        if seq > last + 1:
            return f"seq {last + 1} to {seq - 1} are missing before {event}"
        last = seq
    wanted = history[since:last]
    if got != wanted:
        return next(f"{g} instead of {w}" for g, w in zip(got, wanted) if g != w)
    return None


class Frames:
    """Server frames out of whatever pieces the bytes come in."""

    def __init__(self, rest=b""):
        self.buffer = bytearray(rest)

    def feed(self, data):
        self.buffer += data
        at, found = 0, []
        while (head := self._head(at)) and len(self.buffer) >= head[0] + head[1]:
            start, n = head
            found.append((self.buffer[at] & 15, bytes(self.buffer[start:start + n])))
            at = start + n
        del self.buffer[:at]
        return found

    def _head(self, at):
        """(where the payload begins, its length), or None."""
        left = len(self.buffer) - at
        if left < 2:
            return None
        n = self.buffer[at + 1] & 0x7F
        if n < 126:
            return at + 2, n
        kind, extra = ("!H", 2) if n == 126 else ("!Q", 8)
        if left < 2 + extra:
            return None
        return at + 2 + extra, struct.unpack_from(kind, self.buffer, at + 2)[0]


class Consumer:
    """What all kinds have in common. `got` holds (seq, event) of each durable event, as it came."""

    kind = None

    def __init__(self, session, since):
        self.session, self.since = session, since
        self.got, self.resyncs = [], 0
        self.arrivals = 0  # connections that could be made
        self.problem = None

    @property
    def seq(self):
        return self.got[-1][0] if self.got else self.since

    def take(self, entry):
        event = entry["event"]
        if event == "session:resync":
            self.resyncs += 1
        elif event in DURABLE and not (event == "command-executed"
                                       and entry["data"].get("success") is False):
            self.got.append((entry["seq"], entry["event"]))

    def eventually(self, condition, what):
        eventually(condition, PATIENCE_S, f"{what} of the {self.kind} consumer")

    def await_arrival(self, n=1):
        self.eventually(lambda: self.arrivals >= n, f"arrival {n}")

    def await_news(self, seq):
        self.eventually(lambda: self.seq > seq or self.problem, f"what is behind seq {seq}")

    def await_seq(self, seq):
        """However long it takes, as long as it gets on."""
        while (before := self.seq) < seq and not self.problem:
            self.await_news(before)

    def check(self, history):
        """history: (seq, event) of all durable events from seq 1."""
        assert self.problem is None, f"{self.kind}: {self.problem!r}"
        found = flaw(self.got, self.since, history)
        assert not found, f"{self.kind}: {found}"
        assert self.seq == history[-1][0], f"{self.kind}: ends at {self.seq}, not {history[-1][0]}"
        assert self.resyncs == 0, f"{self.kind}: {self.resyncs} resyncs"


class Reader(Consumer, threading.Thread):
    """One that speaks through sockets of its own."""

    def __init__(self, ports, session, since=0):
        Consumer.__init__(self, session, since)
        threading.Thread.__init__(self, daemon=True)
        self.ports = itertools.cycle(ports)
        self.ending = threading.Event()
        self.socket = None

    def run(self):
        while not self.ending.is_set():
            try:
                self.read(next(self.ports))
            except (OSError, EOFError, http.client.HTTPException):
                pass
            except Exception as problem:  # for the test to tell
                self.problem = problem
                return
            self.ending.wait(AGAIN_S)

    def open_at(self, sock):
        self.socket = sock
        self.arrivals += 1

    def cut(self):
        """The connection is gone in the middle of whatever it was at."""
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass

    def close(self):
        self.ending.set()
        self.cut()
        self.join(10)


class WsReader(Reader):
    kind = "plain WebSocket"
    receive_bytes = 0

    def read(self, port):
        ws = RawWebSocket(port, f"/ws?session_id={self.session}&since={self.seq}",
                          receive_bytes=self.receive_bytes)
        try:
            if ws.upgrade.status == 101:
                self.read_frames(ws)
        finally:
            ws.close()

    def read_frames(self, ws):
        frames, data = Frames(), ws.buffer
        self.open_at(ws.socket)
        while True:
            for opcode, payload in frames.feed(data):
                if opcode == TEXT:
                    self.take(json.loads(payload))
                elif opcode == PING:
                    ws.send(frame(payload, PONG))
                elif opcode == CLOSE:
                    return
            data = receive(ws.socket, self.ending)


class SseReader(Reader):
    kind = "SSE"

    def read(self, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        headers = {"Accept": "text/event-stream"}
        if self.arrivals:
            headers["Last-Event-ID"] = str(self.seq)
        try:
            connection.request("GET", f"{API}/sessions/{self.session}/events?since={self.since}",
                               headers=headers)
            answer = connection.getresponse()
            if answer.status == 200:
                connection.sock.settimeout(None)
                self.open_at(connection.sock)
                self.read_stream(answer)
        finally:
            connection.close()

    def read_stream(self, answer):
        rest = b""
        while (data := answer.read1(262144)):
            *blocks, rest = (rest + data).split(b"\n\n")
            for block in blocks:
                self.take_block(block.decode())

    def take_block(self, block):
        fields = dict(line.split(": ", 1) for line in block.split("\n")
                      if line and not line.startswith((":", "retry")))
        if "data" in fields:
            data = json.loads(fields["data"])
            self.take({"event": fields["event"], "data": data,
                       "seq": int(fields.get("id", data["seq"]))})


class PollReader(Reader):
    kind = "long poll"

    def read(self, port):
        with Http(port, timeout_s=LIMIT_S) as connection:
            connection.connection.connect()
            self.open_at(connection.connection.sock)
            # An answer may say that it is the connection's last.
            while not self.ending.is_set() and connection.connection.sock is self.socket:
                reply = connection.get(f"{API}/sessions/{self.session}/events"
                                       f"?since={self.seq}&wait=1000&limit=1000")
                if reply.status != 200:
                    return
                for entry in reply.json["events"]:
                    self.take(entry)


def receive(sock, ending):
    """Silence is normal; the end is not."""
    while True:
        try:
            data = sock.recv(262144)
        except TimeoutError:
            if ending.is_set():
                raise EOFError from None
            continue
        if not data:
            raise EOFError
        return data


class TapReader(Reader):
    """`graphctl tap --json` as a process; cut off it is killed and another one goes on."""

    kind = "tap"

    def __init__(self, server, session, since=0):
        super().__init__([0], session, since)
        self.server = server
        self.process = None

    def read(self, _):
        self.process = subprocess.Popen(
            [BUILD / "graphd" / "graphctl", "tap", "--json", "--session", self.session,
             "--since", str(self.seq), "--events", self.server.events,
             "--requests", self.server.requests],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.arrivals += 1
        with self.process.stdout as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    self.take(json.loads(line))
        self.process.wait()

    def cut(self):
        if self.process:
            self.process.kill()


class StockReader(Consumer):
    """A stock Socket.IO client that recovers its connection state, going round the gateways."""

    def __init__(self, driver, mode, ports, session):
        super().__init__(session, None)
        self.kind = f"Socket.IO {mode}"
        self.proxy = Spread(ports)
        self.client = driver.open(self.proxy.port, mode,
                                  auth={"session_id": session, "recover": True})
        self.client.await_what("connect", 20)
        self.looked = self.departures = 0
        self.is_connected, self.is_deaf = True, False

    def look(self):
        heard = self.client.heard
        for entry in heard[self.looked:len(heard)]:
            self.looked += 1
            if "event" in entry:
                self.take(entry)
            else:
                self.arrivals += entry["what"] == "connect"
                # Also told by one that was still on its way in.
                self.departures += entry["what"] == "disconnect"
                if entry["what"] in ("connect", "disconnect"):
                    self.is_connected = entry["what"] == "connect"
                # The last answer to a poll may bring "connect" to one that is deaf already.
                if entry["what"] in ("deaf", "closed"):
                    self.is_deaf = entry["what"] == "deaf"

    @property
    def seq(self):
        self.look()
        return self.got[-1][0] if self.got else self.since or 0

    def eventually(self, condition, what):
        """One whose WebSocket broke off in the middle of the upgrade is deaf until it has missed a
        ping: that is how stock clients are, and no server reaches them before. Then it comes back
        like any other."""
        def is_true():
            self.look()
            return condition()
        super().eventually(lambda: is_true() or self.is_deaf, what)
        if not is_true():
            eventually(is_true, DEAF_S + PATIENCE_S, f"{what} of the {self.kind} consumer, deaf")

    def begins_behind(self, seq):
        """What it joined at: recovery resumes, it does not reach back before the first join."""
        self.since = seq
        return self

    def cut(self):
        """Between two polls there may be nothing to cut: again, until the client has noticed. One
        that is on its way back from something else arrives first."""
        def is_gone():
            if self.is_connected and self.departures == before:
                self.proxy.cut()
            return self.departures > before
        self.eventually(lambda: self.is_connected, "the return")
        before = self.departures
        self.eventually(is_gone, "a cut")

    def close(self):
        self.client.close()
        self.proxy.close()


def whole_history(port, session):
    """(seq, event) of everything durable, from seq 1."""
    events = []
    with Http(port) as connection:
        while True:
            since = events[-1][0] if events else 0
            page = connection.get(f"{API}/sessions/{session}/events?since={since}&limit=1000").json
            events += [(e["seq"], e["event"]) for e in page["events"]]
            if not page.get("more"):
                break
    # What the others are measured by must be whole itself.
    assert [seq for seq, _ in events] == list(range(1, len(events) + 1)), "a gap in /events"
    return events


def settle(consumers, port, session):
    """Everybody has everything, once, in order; returns the history."""
    history = whole_history(port, session)
    for consumer in consumers:
        consumer.await_seq(history[-1][0])
    for consumer in consumers:
        consumer.check(history)
    return history
