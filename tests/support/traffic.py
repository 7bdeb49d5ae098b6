"""Commands at an even rate, whatever becomes of the gateways meanwhile."""

import itertools
import json
import threading
import time
import uuid

from engine import LIMIT_S, PING, PONG, TEXT, RawWebSocket, frame
from received import Frames

TYPE = "no_such_type"
MOST_NODES = 40


class Commands:
    """Random commands on nodes of their own; with all their events the graph stays small."""

    KINDS = (["CreateNode"] * 3 + ["UpdateProperty"] * 6 + ["MoveNode", "LinkNode", "UnlinkNode",
             "ReorderNode", "ReorderNode", "DeleteNode", "Undo", "Redo"])

    def __init__(self, chance, root=None, mark=""):
        self.chance, self.root = chance, root
        self.mark = mark  # stands in every name and value
        self.nodes = []
        self.numbers = itertools.count(1)

    def forget(self, node):
        if node in self.nodes:
            self.nodes.remove(node)

    def next(self):
        """(what to do, members of the message, the node that an error would be about)."""
        kind = self.chance.choice(self.KINDS)
        if kind in ("Undo", "Redo"):
            return kind.lower(), {}, None
        if len(self.nodes) < 3:
            kind = "CreateNode"
        elif len(self.nodes) >= MOST_NODES and kind == "CreateNode":
            kind = "DeleteNode"
        node = self.chance.choice(self.nodes) if self.nodes else None
        data = getattr(self, kind)(node)
        return "execute", {"command_type": kind, "data": data}, data.get("node_id")

    def CreateNode(self, node):
        id_ = str(uuid.uuid4())
        parent = self.chance.choice([self.root, self.root, node])
        self.nodes.append(id_)
        name = f"{self.mark}N{next(self.numbers)}"
        return {"blueprint_type_id": TYPE, "name": name, "node_id": id_,
                **({"parent_id": parent} if parent else {}),
                **({"index": 0} if self.chance.random() < .3 else {})}

    def UpdateProperty(self, node):
        key = self.chance.choice(["notes", "budget", "name"])
        text = f"{self.mark}value {next(self.numbers)}"
        value = text if key == "name" else self.chance.choice([text, next(self.numbers), [text]])
        return {"node_id": node, "property_id": key, "value": value}

    def MoveNode(self, node):
        parent = self.chance.choice([self.root, *self.nodes[:5]])
        return {"node_id": node, **({"new_parent_id": parent} if parent else {})}

    def LinkNode(self, node):
        return {"parent_id": self.chance.choice(self.nodes[:5]), "child_id": node}

    def UnlinkNode(self, node):
        return {"parent_id": self.root or self.nodes[0], "child_id": node}

    def ReorderNode(self, node):
        return {"node_id": node, "new_index": self.chance.randint(0, 5)}

    def DeleteNode(self, node):
        self.forget(node)
        return {"node_id": node}


class Sender(threading.Thread):
    """So many commands per second over a WebSocket that hears no events; when its gateway goes it
    goes on at the next one. A command that was under way then is not sent again."""

    TICK_S = 0.01

    def __init__(self, ports, session, rate, commands):
        super().__init__(daemon=True)
        self.ports = itertools.cycle(ports)
        self.session, self.rate, self.commands = session, rate, commands
        self.sent = self.done = self.refused = 0
        self.ending = threading.Event()
        self.asked = {}  # id: node
        self.problem = None

    def run(self):
        while not self.ending.is_set():
            try:
                self.send_to(next(self.ports))
            except (OSError, EOFError):
                self.ending.wait(0.02)
            except Exception as problem:  # for the test to tell
                self.problem = problem
                return

    def send_to(self, port):
        ws = RawWebSocket(port, f"/ws?session_id={self.session}&events=session:closed")
        try:
            if ws.upgrade.status != 101:
                raise EOFError
            frames = Frames(ws.buffer)
            began, here = time.monotonic(), 0
            while not self.ending.wait(self.TICK_S):
                due = int((time.monotonic() - began) * self.rate) - here
                if due > 0:
                    here += due
                    self.send(ws, due)
                self.hear(ws, frames)
            self.drain(ws, frames)
        finally:
            self.asked.clear()
            ws.close()

    def drain(self, ws, frames):
        deadline = time.monotonic() + LIMIT_S
        while self.asked and time.monotonic() < deadline:
            self.hear(ws, frames)
            time.sleep(self.TICK_S)

    def send(self, ws, n):
        out = []
        for _ in range(n):
            do, more, node = self.commands.next()
            self.sent += 1
            self.asked[self.sent] = node
            out.append(frame(json.dumps({"id": self.sent, "do": do, **more})))
        ws.send(b"".join(out))

    def hear(self, ws, frames):
        ws.socket.settimeout(0)
        try:
            data = ws.socket.recv(262144)
            if not data:
                raise EOFError
        except BlockingIOError:
            return
        finally:
            ws.socket.settimeout(LIMIT_S)
        for opcode, payload in frames.feed(data):
            if opcode == PING:
                ws.send(frame(payload, PONG))
            elif opcode == TEXT:
                self.take(json.loads(payload))

    def take(self, answer):
        node = self.asked.pop(answer.get("id"), None)
        if "ok" in answer:
            self.done += 1
        elif "error" in answer:
            self.refused += 1
            self.commands.forget(node)


class Traffic:
    """`rate` commands per second to one session, spread over senders."""

    def __init__(self, ports, session, rate, chance, root=None, mark=""):
        n = len(ports)
        self.began = time.monotonic()
        self.senders = [Sender(ports[i:] + ports[:i], session, rate / n,
                               Commands(chance, root, mark)) for i in range(n)]

    def start(self):
        for sender in self.senders:
            sender.start()
        return self

    @property
    def done(self):
        return sum(sender.done for sender in self.senders)

    def end(self):
        """Returns how many commands per second were done."""
        seconds = time.monotonic() - self.began
        for sender in self.senders:
            sender.ending.set()
        for sender in self.senders:
            sender.join(30)
            if sender.problem:
                raise sender.problem
        return self.done / seconds
