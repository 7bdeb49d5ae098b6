"""Clients attach at random moments while commands pour in: the graph that each one builds, from the
tree and the events behind its seq or from events alone, has the server's state hash at that seq."""

import itertools
import json
import random
import threading
import time
import unittest

from clients import Http
from engine import CLOSE, TEXT, RawWebSocket
from harness import LONG, new_seed
from project_test import API, ProjectTest
from received import DURABLE, Frames
from replica import Replica
from traffic import Traffic

SEED = new_seed()
SESSIONS, ATTACHES = (10, 100) if LONG else (2, 40)
RATE = 500
AT_ONCE = 4
LIMIT_S = 20
ENDS_A_STEP = {"command:executed", "command:undo", "command:redo"}


class Stream:
    """Events behind a seq, by one of the live transports, as an endless list."""

    def __init__(self, kind, port, session, since):
        self.kind = kind
        if kind == "Socket.IO":
            self.ws = RawWebSocket(port, "/socket.io/?EIO=4&transport=websocket")
            self.ws.send_text("40" + json.dumps({"session_id": session, "since": since}))
        else:
            self.ws = RawWebSocket(port, f"/ws?session_id={session}&since={since}")

    def __iter__(self):
        frames, data = Frames(), self.ws.buffer
        while True:
            for opcode, payload in frames.feed(data):
                assert opcode != CLOSE, payload
                if opcode == TEXT:
                    yield from self.event_of(payload.decode())
            data = self.ws.socket.recv(65536)
            assert data, "the connection ended"

    def event_of(self, text):
        if self.kind != "Socket.IO":
            entry = json.loads(text)
        elif text.startswith("42"):
            name, body = json.loads(text[2:])[:2]
            entry = {"event": name, "data": body, "seq": body.get("seq")}
        else:
            return
        assert entry["event"] != "session:resync", entry
        if entry["event"] in DURABLE:
            yield entry

    def close(self):
        self.ws.close()


class EventSource:
    """The same as server-sent events."""

    def __init__(self, _, port, session, since):
        self.http = Http(port, timeout_s=5)
        self.http.connection.request("GET", f"{API}/sessions/{session}/events?since={since}",
                                     headers={"Accept": "text/event-stream"})
        self.answer = self.http.connection.getresponse()
        assert self.answer.status == 200, self.answer.status

    def __iter__(self):
        fields = {}
        for line in self.answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "id" in fields:
                yield {"event": fields["event"], "seq": int(fields["id"]),
                       "data": json.loads(fields["data"])}
                fields = {}

    def close(self):
        self.http.close()


class Attacher(threading.Thread):
    """Attaches again and again; keeps what hash it came to at which seq."""

    KINDS = [(way, kind) for way in ("tree", "tree", "tree", "zero")
             for kind in ("WebSocket", "Socket.IO", "SSE")]

    def __init__(self, ports, session, chance, tickets):
        super().__init__(daemon=True)
        self.ports, self.session, self.chance = ports, session, chance
        self.tickets = tickets
        self.found = []  # (seq, hash, how)
        self.problem = None

    def run(self):
        try:
            for _ in self.tickets:
                time.sleep(self.chance.uniform(0, 0.03))
                way, kind = self.chance.choice(self.KINDS)
                seq, hash_ = self.attach(way, kind, self.chance.choice(self.ports))
                self.found.append((seq, hash_, f"{way} and {kind}"))
        except Exception as problem:  # for the test to tell
            self.problem = problem

    def attach(self, way, kind, port):
        replica = Replica(self.session)
        with Http(port) as http:
            tree = http.get(f"{API}/sessions/{self.session}/graph/tree").json
        if way == "tree":
            replica = Replica(self.session, tree)
            assert replica.state_hash() == tree["state_hash"], "a tree does not have its hash"
        stream = (EventSource if kind == "SSE" else Stream)(kind, port, self.session, replica.seq)
        try:
            return self.follow(stream, replica, tree["seq"] + self.chance.randint(1, 60))
        finally:
            stream.close()

    @staticmethod
    def follow(stream, replica, until):
        """Up to the first end of a step at or behind that seq: there the server has a hash too."""
        deadline = time.monotonic() + LIMIT_S
        for entry in stream:
            replica.take([entry])
            if replica.seq >= until and entry["event"] in ENDS_A_STEP:
                return replica.seq, replica.state_hash()
            assert time.monotonic() < deadline, f"at {replica.seq}, wanted {until}"
        raise AssertionError("the stream ended")


class Attach(ProjectTest):
    gateways = 2

    def attach_many(self, session, root, chance):
        ports = self.server.ports
        tickets = iter(range(ATTACHES))
        lock = threading.Lock()

        def take_tickets():
            while True:
                with lock:
                    ticket = next(tickets, None)
                if ticket is None:
                    return
                yield ticket
        traffic = Traffic(ports, session, RATE, chance, root).start()
        attachers = [Attacher(ports, session, random.Random(chance.random()), take_tickets())
                     for _ in range(AT_ONCE)]
        for attacher in attachers:
            attacher.start()
        for attacher in attachers:
            attacher.join(60 + ATTACHES)
            if attacher.problem:
                raise attacher.problem
        rate = traffic.end()
        return rate, list(itertools.chain(*(a.found for a in attachers)))

    def check(self, session, found):
        for seq, hash_, how in found:
            tree = self.tree(session, f"?at={seq}")
            self.assertEqual(tree["seq"], seq)
            self.assertEqual(tree["state_hash"], hash_, f"at seq {seq}, from {how}")

    def test_what_is_built_has_the_hash_of_the_server(self):
        chance = random.Random(SEED)
        total, rates = 0, []
        for _ in range(SESSIONS):
            session, root = self.new_project()
            rate, found = self.attach_many(session, root, chance)
            self.assertEqual(len(found), ATTACHES)
            self.check(session, found)
            total, rates = total + len(found), rates + [rate]
        print(f"SEED={SEED}: {total} attaches at {min(rates):.0f} to {max(rates):.0f} commands/s: "
              "each has the server's state hash")
        self.assertGreater(max(rates), RATE / 3)


if __name__ == "__main__":
    unittest.main()
