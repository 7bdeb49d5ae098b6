"""Two busy sessions. An adversary is entitled to A only. It knows B's id, which is all that access
needs, but puts it only where it must not count: beside A's own id, in fields of messages that are
about A. And where a session is named it puts what is not B's id but looks like it. Not one byte of
B's ever reaches it, and B never notices it."""

import http.client
import json
import random
import re
import time
import unittest
import uuid
from urllib.parse import quote

from clients import Http
from engine import RawWebSocket, Wire
from harness import LONG, eventually, new_seed
from project_test import API, ProjectTest
from received import Frames, SseReader, whole_history
from traffic import Traffic

SEED = new_seed()
ROUNDS = 8 if LONG else 1
RATE = 60
MARK_A, MARK_B, MARK_EVE = "MarkOfA", "MarkOfB", "MarkOfEve"


def lookalikes(b):
    """Not B's id, however one may clean them up, but near it."""
    cyrillic = b.translate(str.maketrans("abce", "аbсе"))
    fullwidth = b[:-1] + chr(ord(b[-1]) - ord("0") + ord("０")) if b[-1].isdigit() else b + "ｆ"
    return ["", b[:8], b[:18], b[:-1], b[1:], b + "0", b + "/", b + "\0", "\0" + b, b + " ",
            " " + b, b + "\n", b + "%00", b.replace("-", ""), b.replace("-", "_"), "{" + b + "}",
            f"urn:uuid:{b}", f"session_{b}", f"../{b}", f"{b}/..", b + "," + b, "*", b[:8] + "*",
            cyrillic if cyrillic != b else b + "а", fullwidth, quote(b[:-1]) + "%3", f"{b}:0",
            "00000000-0000-0000-0000-000000000000"]


class Ear:
    """All that the adversary ever received, whatever the channel."""

    def __init__(self):
        self.pieces = []
        self.answers = 0

    def hear(self, data):
        self.pieces.append(data if isinstance(data, bytes) else data.encode())

    def everything(self):
        return b"\n".join(self.pieces)


class Eve:
    """One adversary on one gateway: REST, plain WebSocket, Socket.IO and SSE, each in A."""

    def __init__(self, port, ear, a, b):
        self.port, self.ear, self.a, self.b = port, ear, a, b
        self.http = Http(port)
        self.live = []

    def close(self):
        self.http.close()
        for ws, frames in self.live:
            ws.close()

    # REST

    def rest(self, method, path, body=None, headers=None):
        """Raw: no client of ours cleans up the target."""
        try:
            reply = self.http.request(method, API + path, body, headers)
        except (http.client.HTTPException, ValueError, UnicodeEncodeError):
            return None  # the library itself refuses to send that
        self.ear.hear(reply.body + json.dumps(reply.headers).encode())
        self.ear.answers += 1
        assert reply.status != 500, (method, path, body, reply)
        return reply

    # live connections

    def websocket(self, query, headers=None):
        return self._keep(f"/ws?session_id={self.a}&{query}", headers)

    def socketio(self, auth, query="", namespace="", headers=None):
        ws = self._keep(f"/socket.io/?EIO=4&transport=websocket&{query}", headers)
        if ws:
            ws.send_text(f"40{namespace}{',' if namespace else ''}{json.dumps(auth)}")
        return ws

    def _keep(self, target, headers):
        ws = RawWebSocket(self.port, target, headers=headers)
        self.ear.answers += 1
        if ws.upgrade.status != 101:
            self.ear.hear(ws.upgrade.body)
            ws.close()
            return None
        self.live.append((ws, Frames(ws.buffer)))
        return ws

    def listen(self):
        """Takes in what has come on every live connection."""
        for ws, frames in list(self.live):
            ws.socket.settimeout(0)
            try:
                while (data := ws.socket.recv(262144)):
                    for _, payload in frames.feed(data):
                        self.ear.hear(payload)
                raise EOFError
            except BlockingIOError:
                ws.socket.settimeout(5)
            except (EOFError, OSError):
                self.live.remove((ws, frames))
                ws.close()

    def stream(self, path, headers):
        """What comes of an answer without an end within a moment."""
        wire, deadline = Wire(self.port), time.monotonic() + 0.3
        try:
            wire.send(wire.request_bytes("GET", API + path, headers))
            while time.monotonic() < deadline and not wire.is_silent(0.1):
                wire._more()
        except (EOFError, OSError):
            pass
        self.ear.hear(wire.buffer)
        self.ear.answers += 1
        wire.close()


class Isolation(ProjectTest):
    gateways = 2

    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)
        self.a, self.a_root = self.session, self.root
        self.b, self.b_root = self.new_project(name=f"{MARK_B} project")
        self.ear = Ear()
        self.b_info = self.info(self.b)
        self.saved_b = self.ok(self.post(f"/sessions/{self.b}/save"))
        self.bait = str(uuid.uuid4())
        self.key = str(uuid.uuid4())
        self.executed(self.b, "CreateNode", {"Idempotency-Key": self.key}, node_id=self.bait,
                      blueprint_type_id="phase", name=f"{MARK_B} bait", parent_id=self.b_root)
        # B's own people undo now and then, from their first command on: never as far as the bait.
        for i in range(20):
            self.executed(self.b, "UpdateProperty", node_id=self.b_root, property_id="notes",
                          value=f"{MARK_B} {i}")
        self.b_pid = self.pid_of_b()
        self.traffic = [Traffic(self.server.ports, self.a, RATE, self.chance, self.a_root, MARK_A),
                        Traffic(self.server.ports, self.b, RATE, self.chance, self.b_root, MARK_B)]
        # What B's own people hear: nothing of the adversary's.
        self.b_ear = SseReader(self.server.ports, self.b)
        self.b_ear.texts = []
        take_block = self.b_ear.take_block
        self.b_ear.take_block = lambda block: (self.b_ear.texts.append(block), take_block(block))
        self.b_ear.start()
        self.addCleanup(self.b_ear.close)
        for traffic in self.traffic:
            traffic.start()

    def pid_of_b(self):
        """A client of B's that recovers: its pid is a secret of its own."""
        ws = RawWebSocket(self.server.ports[0], "/socket.io/?EIO=4&transport=websocket")
        self.addCleanup(ws.close)
        ws.text_in()
        ws.send_text("40" + json.dumps({"session_id": self.b, "recover": True, "actor": "bob"}))
        reply = json.loads(ws.text_in()[2:])
        self.b_socket = reply["sid"]
        return reply["pid"]

    def foreign(self):
        """Members that name B, for messages that are about A."""
        return {"session": self.b, "sessionId": self.b, "room": self.b, "sid": self.b,
                "client_id": self.b_socket, "log_id": self.b_info["log_id"], "since": 0,
                "offset": f"{self.b}:0", "pid": self.b_pid}

    HEADERS = property(lambda self: {
        "X-Session-Id": self.b, "Last-Event-ID": "0", "X-Client-Id": self.b_socket,
        "Cookie": f"session_id={self.b}; io={self.b_socket}", "Referer": f"/?session_id={self.b}"})

    def rest_about_a(self, eve):
        body, query = dict(self.foreign(), session_id=self.b), f"session_id={self.b}"
        a = self.a
        for what in ("", "/info", "/clients", "/graph", "/graph/tree", "/dirty", "/history",
                     "/events"):
            eve.rest("GET", f"/sessions/{a}{what}?{query}", headers=self.HEADERS)
        eve.rest("GET", f"/sessions/{a}/graph/tree?node_id={self.bait}&{query}")
        eve.rest("GET", f"/sessions/{a}/events?since=0&wait=10&{query}", headers=self.HEADERS)
        eve.rest("GET", f"/graph?session_id={a}", headers=self.HEADERS)
        for what in ("undo", "redo", "reset-dirty"):
            eve.rest("POST", f"/sessions/{a}/{what}?{query}", body, self.HEADERS)
        project = self.info(a)["project_id"]
        eve.rest("GET", f"/projects/{project}/graph/nodes/{self.bait}?{query}")
        eve.rest("POST", f"/projects/{project}/graph/search?{query}",
                 dict(body, text=MARK_B), self.HEADERS)
        eve.rest("GET", f"/projects/{project}/export?{query}", headers=self.HEADERS)

    def commands_about_a(self, eve):
        """B's nodes, B's keys, and B's id in every other place."""
        for command_type, data in (
                ("CreateNode", {"blueprint_type_id": "phase", "name": MARK_EVE,
                                "parent_id": self.bait}),
                ("CreateNode", {"blueprint_type_id": "phase", "name": MARK_EVE,
                                "session_id": self.b}),
                ("UpdateProperty", {"node_id": self.bait, "property_id": "notes",
                                    "value": MARK_EVE}),
                ("DeleteNode", {"node_id": self.bait, "session_id": self.b}),
                ("MoveNode", {"node_id": self.bait}),
                ("ApplyKit", {"target_id": self.a_root, "kit_root_id": self.b_root}),
                ("Batch", {"commands": [{"command_type": "DeleteNode", "session_id": self.b,
                                         "data": {"node_id": self.bait}}]})):
            body = {"session_id": self.a, "command_type": command_type, "data": data,
                    **{k: v for k, v in self.foreign().items() if k != "session_id"}}
            eve.rest("POST", f"/commands/execute?session_id={self.b}", body,
                     {**self.HEADERS, "Idempotency-Key": self.key})
        # The very content that B's key stands for: in A it is a command of its own.
        same = {"session_id": self.a, "command_type": "CreateNode",
                "data": {"node_id": self.bait, "blueprint_type_id": "phase",
                         "name": f"{MARK_EVE} bait", "parent_id": self.a_root}}
        reply = eve.rest("POST", "/commands/execute", same, {"Idempotency-Key": str(uuid.uuid4())})
        # A's own people may have undone its deletion of the last time.
        self.assertTrue(reply.status == 200 or reply.json["error"]["code"] == "NODE_EXISTS", reply)
        eve.rest("POST", "/commands/execute", {"session_id": self.a, "command_type": "DeleteNode",
                                               "data": {"node_id": self.bait}})

    def near_ids(self, eve):
        """Where a session is named: whatever is not B's id does not name B."""
        for near in lookalikes(self.b):
            for path in (f"/sessions/{quote(near, safe='')}", f"/sessions/{quote(near)}/graph/tree",
                         f"/sessions/{self.a}/{quote(near)}/events",
                         f"/sessions/{quote(near, safe='')}/events?since=0",
                         f"/graph?session_id={quote(near, safe='')}"):
                reply = eve.rest("GET", path)
                # Of nothing at all is left /sessions/, or no session is named.
                self.assertTrue(near == "" or reply is None or reply.status >= 400, (path, reply))
            # Spaces around a value do not belong to it, and a NUL behind it counts as one.
            if near.strip(" \0\n") != self.b:
                eve.rest("GET", "/graph", headers={"X-Session-Id": near})
            reply = eve.rest("POST", "/commands/execute", {
                "session_id": near, "command_type": "CreateNode",
                "data": {"blueprint_type_id": "phase", "name": MARK_EVE}})
            self.assertGreaterEqual(reply.status, 400, (near, reply))
        for odd in (None, 7, True, [self.b], {"id": self.b}, [[self.b]]):
            reply = eve.rest("POST", "/commands/execute", {
                "session_id": odd, "command_type": "CreateNode",
                "data": {"blueprint_type_id": "phase", "name": MARK_EVE}})
            self.assertEqual(reply.status, 400, reply)

    def plain_sockets(self, eve):
        b, quoted = self.b, self.b_info["log_id"]
        for query in (f"session={b}", f"since=0&log_id={quoted}", f"since=0&offset={b}:0",
                      f"subtree={self.bait}", f"since=0&client_id={self.b_socket}",
                      f"since=0&pid={self.b_pid}"):
            ws = eve.websocket(query, self.HEADERS)
            if not ws:
                continue
            for do in ("execute", "undo", "redo", "presence", "ping", "join", "subscribe",
                       "join_session"):
                ws.send_text(json.dumps(dict(
                    self.foreign(), id=1, do=do, session_id=b, command_type="UpdateProperty",
                    data={"node_id": self.bait, "property_id": "notes", "value": MARK_EVE,
                          "session_id": b})))

    def stock_sockets(self, eve):
        a, b = self.a, self.b
        for auth, query in (
                ({"session_id": a}, f"session_id={b}"),
                (dict(self.foreign(), session_id=a, recover=True), ""),
                (dict(session_id=a, recover=True, pid=self.b_pid, offset=f"{b}:0", since=0), ""),
                (dict(session_id=a, since=0, log_id=self.b_info["log_id"]), f"session_id={b}"),
                (dict(session_id=a, recover=True, pid=self.b_socket, offset=f"{a}:0"), "")):
            for namespace in ("", "/graph"):
                ws = eve.socketio(auth, query, namespace, self.HEADERS)
                self.emits(ws, namespace)
        for near in lookalikes(b)[1:]:
            ws = eve.socketio({"session_id": near})
            self.emit(ws, "", "join_session", {"session_id": near})

    def emit(self, ws, namespace, event, *args):
        head = f"{namespace}," if namespace else ""
        ws.send_text(f"42{head}7{json.dumps([event, *args])}")

    def emits(self, ws, namespace):
        b = self.b
        command = {"command_type": "UpdateProperty",
                   "data": {"node_id": self.bait, "property_id": "notes", "value": MARK_EVE}}
        for event, data in (
                ("command:execute", dict(command, session_id=b)),
                ("command:execute", dict(command, session=b, room=b)),
                ("undo", {"session_id": b}), ("redo", {"session_id": b}),
                ("presence", {"session_id": b, "cursor": MARK_EVE}),
                ("presence", {"session_id": b, "data": MARK_EVE}),
                ("leave_session", {"session_id": b}), (f"session_{b}/", {}), (b, {}),
                ("join_session", {"session_id": [b]}), ("join_session", [b]), ("join_session", b),
                ("subscribe", {"session_id": b})):
            self.emit(ws, namespace, event, data)

    def streams(self, eve):
        for accept in ("text/event-stream", "application/x-ndjson"):
            for last in ("0", f"{self.b}:0", self.b):
                eve.stream(f"/sessions/{self.a}/events?session_id={self.b}",
                           {**self.HEADERS, "Accept": accept, "Last-Event-ID": last})

    def test_nothing_of_another_session_reaches_who_is_in_this_one(self):
        for _ in range(ROUNDS):
            for port in self.server.ports:
                eve = Eve(port, self.ear, self.a, self.b)
                try:
                    for attack in (self.rest_about_a, self.commands_about_a, self.near_ids,
                                   self.plain_sockets, self.stock_sockets, self.streams):
                        attack(eve)
                        eve.listen()
                    self.hears_a(eve)
                finally:
                    eve.close()
        for traffic in self.traffic:
            traffic.end()
        self.check_a_and_b()

    def hears_a(self, eve):
        """The ears work: what happens in A is heard over the live connections."""
        n = len(self.ear.pieces)

        def hears():
            eve.listen()
            return MARK_A.encode() in b"".join(self.ear.pieces[n:])
        eventually(hears, 10, "an event of A's at the adversary")

    def secrets(self, entries):
        """What only B knows. The bait and the ids the adversary itself sends may be named back."""
        ids = {self.b_root, self.b_info["project_id"], MARK_B}
        for entry in entries:
            data = entry["data"]
            ids |= {data.get(k) for k in ("node_id", "id", "command_id", "client_id")}
        return {i for i in ids if i} - {self.bait, self.b_socket, self.key}

    def check_a_and_b(self):
        # Unused for so long it may be closed at the other end.
        self.http.close()
        history = whole_history(self.server.ports[0], self.b)
        self.b_ear.await_seq(history[-1][0])
        self.b_ear.check(history)
        entries = [json.loads(re.search(r"^data: (.*)$", t, re.M)[1]) for t in self.b_ear.texts
                   if "\ndata: " in "\n" + t]
        secrets = self.secrets([{"data": entry} for entry in entries])
        received = self.ear.everything()
        found = [s for s in secrets if s.encode() in received]
        where = [next(p for p in self.ear.pieces if s.encode() in p)[:1500] for s in found[:3]]
        self.assertEqual(found, [], where)
        # Of B nothing was touched: its people heard nothing of the adversary's.
        self.assertNotIn(MARK_EVE, "\n".join(self.b_ear.texts))
        self.assertNotIn(MARK_EVE, json.dumps(self.tree(self.b)))
        self.assertEqual(self.node(self.bait, self.b)["name"], f"{MARK_B} bait")
        self.assertGreater(received.count(MARK_A.encode()), 100)
        self.assertGreater(len([e for e in entries if "command_id" in e]), 20)
        print(f"SEED={SEED}: {self.ear.answers} requests and connections, "
              f"{len(received)} bytes for {len(secrets)} secrets: 0 readings of B's")


if __name__ == "__main__":
    unittest.main()
