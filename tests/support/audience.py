"""Readers in processes of their own, told what to do over standard input.

    audience.py listeners PORT SESSION N    WebSockets that note how late the end of each step
                                            arrives; N of them hear everything, others ends only
    audience.py follower PORT SESSION SINCE one client that resumes and builds the graph
    audience.py returners PORT SESSION SEQ  one after the other catches up from 0 to that seq

A line on standard input asks for what was found since the last one; the answer is a line of JSON.
"""

import json
import re
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path

from engine import PONG, RawWebSocket, frame
from received import DURABLE, WsReader
from replica import Replica

ALIVE_S = 5
ENDS_ONLY = 16
STAMP = "00000000-0000-4000-8000-{:012x}"
STAMPED = re.compile(rb'"command:executed".{0,400}?"command_id":"' + STAMP[:24].encode()
                     + rb'([0-9a-f]{12})"')


def stamp():
    """A command_id that says when, to the microsecond of the machine's monotonic clock."""
    return STAMP.format(time.monotonic_ns() // 1000)


class Listeners:
    def __init__(self, port, session, n):
        self.late_us, self.lock = [], threading.Lock()
        queries = [""] * n + ["&events=command:executed"] * ENDS_ONLY
        self.sockets = [RawWebSocket(port, f"/ws?session_id={session}{q}") for q in queries]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        selector, rest, alive_at = selectors.DefaultSelector(), {}, 0
        for ws in self.sockets:
            selector.register(ws.socket, selectors.EVENT_READ, ws)
            rest[ws] = b""
        while True:
            for key, _ in selector.select(1):
                self.read(key.data, rest)
            # They do not look for pings, so they say that they are alive before they are asked.
            if time.monotonic() > alive_at:
                alive_at = time.monotonic() + ALIVE_S
                for ws in self.sockets:
                    ws.send(frame(b"", PONG))

    def read(self, ws, rest):
        data = ws.socket.recv(1 << 20)
        now = time.monotonic_ns() // 1000
        assert data, "a listener was thrown out"
        # What stands at the end may be the beginning of one.
        data = rest[ws] + data
        found = list(STAMPED.finditer(data))
        rest[ws] = data[max(found[-1].end() if found else 0, len(data) - 500):]
        with self.lock:
            self.late_us += [now - int(m[1], 16) for m in found]

    def found(self):
        with self.lock:
            late, self.late_us = sorted(self.late_us), []
        at = lambda share: late[int(share * (len(late) - 1))] / 1e3 if late else None  # noqa: E731
        return {"n": len(late), "p50_ms": at(.5), "p99_ms": at(.99)}


class Follower(WsReader):
    """Complains about the first event that does not follow. What the gateway cannot give it lies in
    the gateway's own queue, not in the kernel's."""

    receive_bytes = 65536

    def __init__(self, port, session, since):
        super().__init__([port], session)
        self.replica = Replica(session)
        self.start()

    @property
    def seq(self):
        return self.replica.seq if hasattr(self, "replica") else 0

    def take(self, entry):
        if entry["event"] == "session:resync":
            self.resyncs += 1
        elif entry["event"] in DURABLE:
            self.replica.take([entry])

    def found(self):
        return {"seq": self.seq, "arrivals": self.arrivals, "resyncs": self.resyncs,
                "problem": repr(self.problem) if self.problem else None,
                "state_hash": self.replica.state_hash()}


def catch_up(wire, seq):
    """Takes in bytes as fast as they come, until the last event's are among them: how many."""
    rest, n, mark = wire.buffer, len(wire.buffer), b'"seq":%d,' % seq
    while True:
        at = rest.rfind(mark)
        # What else carries the seq, such as the announcement of a client, comes first.
        if at >= 0 and b"command:executed" in rest[max(0, at - 400):at]:
            return n
        data = wire.socket.recv(1 << 20)
        assert data, "thrown out"
        n += len(data)
        rest = rest[-1000:] + data


class Returners:
    def __init__(self, port, session, seq):
        self.port, self.session, self.seq = port, session, seq
        self.n = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            ws = RawWebSocket(self.port, f"/ws?session_id={self.session}&since=0")
            catch_up(ws, self.seq)
            ws.close()
            self.n += 1

    def found(self):
        return self.n


class Audience:
    """The other side: starts such a process and asks it."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", Path(__file__).resolve(), *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.found()  # it is there

    def found(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def signal(self, number):
        self.process.send_signal(number)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def main(what, port, session, n):
    reader = {"listeners": Listeners, "follower": Follower, "returners": Returners}[what](
        int(port), session, int(n))
    for _ in sys.stdin:
        print(json.dumps(reader.found()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
