"""Random commands from several clients, each repeated under its key until there is an answer, and
what must be true of a session's journal afterwards: the graph rebuilt from its events.
"""

import hashlib
import http.client
import json
import random
import threading
import time
import uuid

from clients import API, MINIMAL, Http, WebSocket
from model import Forest, served

TYPE = "no_such_type"
UNKNOWN_CODES = {"BACKEND_UNAVAILABLE", "OVERLOADED", "STORAGE_FAILED", "STORAGE_FULL", "INTERNAL"}
MOST_NODES = 60


def digest(forest):
    # The place of a property among its node's is not told by events.
    text = json.dumps(plain(forest.tree()), sort_keys=True)
    return hashlib.sha1(text.encode()).hexdigest()


def plain(tree):
    """A name may or may not stand among the properties too; that is not what is looked at here."""
    return [(i, name, {k: v for k, v in properties.items() if k != "name"}, plain(children))
            for i, name, properties, children in tree]


class Mirror:
    """One session's graph from its durable events; complains about the first that does not fit."""

    def __init__(self, session):
        self.session = session
        self.forest = Forest()
        self.seq = 0
        self.bodies = {}      # seq: (event, data)
        self.executed = {}    # command_id: (seq, command_type, events of the step)
        self.taken_back = {}  # seq: (event, command_id)
        self.undo, self.redo = [], []  # (command_id, digest before, digest after)
        self.step, self.before = [], digest(self.forest)

    def take(self, events):
        for entry in events:
            assert entry["seq"] == self.seq + 1, f"seq {entry['seq']} behind {self.seq}"
            assert entry["data"]["seq"] == entry["seq"], entry
            self.seq = entry["seq"]
            self.bodies[self.seq] = (entry["event"], entry["data"])
            name = entry["event"].replace(":", "_").replace("-", "_")
            handler = getattr(self, f"on_{name}", None)
            if entry["event"].startswith("graph:"):
                # Creating a project ends with no event of its own.
                id_ = entry["data"].get("command_id")
                if self.step and self.step[0][1].get("command_id") != id_:
                    self.end_step()
                self.step.append((entry["event"], entry["data"]))
                handler(entry["data"])
            else:
                (handler or self.on_mark)(entry["data"])

    def on_graph_node_created(self, data):
        assert data["id"] not in self.forest.nodes, f"{data['id']} was made twice"
        self.forest.add(data["id"], data["name"], data["parent_id"], data["index"],
                        data["properties"])

    def on_graph_node_deleted(self, data):
        assert not self.forest.nodes[data["id"]]["children"], "a node went before its children"
        self.forest.remove(data["id"])

    def place(self, node, parent, index):
        self.forest.siblings(self.forest.nodes[node]["parent"]).remove(node)
        self.forest.insert(node, parent, index)

    def on_graph_node_linked(self, data):
        self.place(data["child_id"], data["parent_id"], data["index"])

    def on_graph_node_unlinked(self, data):
        self.place(data["child_id"], None, data["index"])

    def on_graph_node_moved(self, data):
        self.place(data["node_id"], data["parent_id"], data["index"])

    def on_graph_property_changed(self, data):
        node = self.forest.nodes[data["node_id"]]
        if data["property_id"] == "name":
            node["name"] = data["new_value"]
        node["properties"][data["property_id"]] = data["new_value"]

    def on_graph_property_deleted(self, data):
        del self.forest.nodes[data["node_id"]]["properties"][data["property_id"]]

    def end_step(self):
        before, step = self.before, self.step
        self.before, self.step = digest(self.forest), []
        return before, step

    def on_mark(self, _):
        self.end_step()

    def on_command_executed(self, data):
        if self.step and self.step[0][1].get("command_id") != data["command_id"]:
            self.end_step()
        before, step = self.end_step()
        assert data["command_id"] not in self.executed, f"{data['command_id']} was done twice"
        self.executed[data["command_id"]] = (self.seq, data["command_type"], step)
        # One that found nothing to do is told, and there is nothing to take back.
        if not step:
            return
        self.undo.append((data["command_id"], before, self.before))
        self.redo.clear()

    def on_command_undo(self, data):
        _, step = self.end_step()
        command_id, before, after = self.undo.pop()
        assert command_id == data["command_id"], "not the last command was undone"
        assert self.before == before, \
            f"undo does not lead back: {self.executed.get(command_id)}, taken back by {step}"
        self.redo.append((command_id, before, after))
        self.taken_back[self.seq] = ("command:undo", command_id)

    def on_command_redo(self, data):
        self.end_step()
        command_id, before, after = self.redo.pop()
        assert command_id == data["command_id"], "not the last undone command was done again"
        assert self.before == after, "redo does not lead forth"
        self.undo.append((command_id, before, after))
        self.taken_back[self.seq] = ("command:redo", command_id)

    def catch_up(self, connection):
        while True:
            reply = connection.get(f"{API}/sessions/{self.session}/events?since={self.seq}")
            assert reply.status == 200, reply
            self.take(reply.json["events"])
            if not reply.json.get("more"):
                return

    def check_tree(self, connection):
        reply = connection.get(f"{API}/sessions/{self.session}/graph/tree")
        assert reply.status == 200, reply
        assert reply.json["seq"] == self.seq, (reply.json["seq"], self.seq)
        assert plain(served(reply.json["roots"])) == plain(self.forest.tree()), \
            "the graph is not what its events lead to"
        return reply.json["state_hash"]


class Command:
    """One command under one key: repeated until the answer is definite."""

    def __init__(self, session, command_type, data, keyed_by_header=False):
        self.session, self.command_type, self.data = session, command_type, data
        self.key = str(uuid.uuid4())
        self.by_header = keyed_by_header
        self.attempts = 0
        self.last = None     # what came last, for the test to tell
        self.answer = None   # the body of a success
        self.refusal = None  # the code of a definite refusal

    @property
    def is_history(self):
        return self.command_type in ("Undo", "Redo")

    def by_http(self, connection):
        self.attempts += 1
        headers = dict(MINIMAL)
        if self.is_history:
            headers["Idempotency-Key"] = self.key
            path, body = f"{API}/sessions/{self.session}/{self.command_type.lower()}", {}
        else:
            path = f"{API}/commands/execute"
            body = {"session_id": self.session, "command_type": self.command_type,
                    "data": self.data}
            if self.by_header:
                headers["Idempotency-Key"] = self.key
            else:
                body["command_id"] = self.key
        try:
            reply = connection.post(path, body, headers)
        except (OSError, http.client.HTTPException) as problem:
            self.last = problem
            return
        self.last = reply
        if reply.status == 200:
            self.answer = reply.json
        elif reply.json and reply.json["error"]["code"] not in UNKNOWN_CODES:
            self.refusal = reply.json["error"]["code"]

    def by_websocket(self, ws):
        self.attempts += 1
        reply = ws.ask("execute", 6, command_type=self.command_type, data=self.data,
                       command_id=self.key)
        self.last = reply
        if "ok" in reply:
            self.answer = reply["ok"]
        elif reply["error"]["code"] not in UNKNOWN_CODES:
            self.refusal = reply["error"]["code"]

    @property
    def is_settled(self):
        return self.answer is not None or self.refusal is not None

    def check(self, mirror):
        """Against the journal: done once and wholly when it succeeded, not at all when refused."""
        if self.is_history:
            return self.check_history(mirror)
        id_ = self.answer["command_id"] if self.answer else self.key
        found = mirror.executed.get(id_)
        if self.refusal:
            assert not found, f"{self.command_type} was refused with {self.refusal} and yet done"
            return None
        assert found, f"{self.command_type} {id_}, acknowledged as seq {self.answer['seq']}, is lost"
        seq, command_type, step = found
        told = (self.answer["seq"], self.command_type)
        assert (seq, command_type) == told, (found, self.answer)
        self.check_step(step)
        return None

    def check_history(self, mirror):
        if not self.answer or not self.answer.get("command_id"):
            return
        name = "command:" + self.command_type.lower()
        found = mirror.taken_back.get(self.answer["seq"])
        assert found == (name, self.answer["command_id"]), \
            f"{name} acknowledged as seq {self.answer['seq']}, found {found}"

    def check_step(self, step):
        names = [name for name, _ in step]
        if self.command_type == "CreateNode":
            assert names == ["graph:node-created"], step
            assert step[0][1]["id"] == self.data["node_id"], step
        elif self.command_type == "UpdateProperty":
            assert names == ["graph:property-changed"], step
            assert step[0][1]["new_value"] == self.data["value"], step
        elif self.command_type == "DeleteNode":
            assert set(names) == {"graph:node-deleted"}, step
            assert step[-1][1]["id"] == self.data["node_id"], step
            assert len(step) == self.answer["result"]["deleted"], step
        elif self.command_type == "Batch":
            wanted = [c["data"]["node_id"] for c in self.data["commands"]]
            assert [data["id"] for _, data in step] == wanted, step
        elif self.command_type == "ApplyKit":
            assert len(step) == self.answer["result"]["created"], step


class Composer:
    """Makes up commands that mostly fit a session's graph as it was when last looked at."""

    KINDS = (["CreateNode"] * 6 + ["UpdateProperty"] * 6 + ["DeleteNode"] * 2 + ["MoveNode"] * 2
             + ["LinkNode", "UnlinkNode", "ReorderNode", "DeleteProperty", "ApplyKit", "Batch",
                "Batch", "Undo", "Undo", "Redo", "Redo"])

    def __init__(self, chance, mirrors):
        self.chance, self.mirrors = chance, mirrors
        self.made = {m.session: [] for m in mirrors}

    def node(self, mirror):
        known = list(mirror.forest.nodes) + self.made[mirror.session][-5:]
        return self.chance.choice(known) if known else str(uuid.uuid4())

    def created(self, parent):
        return {"blueprint_type_id": TYPE, "name": f"N{self.chance.randint(0, 999)}",
                "node_id": str(uuid.uuid4()), **({"parent_id": parent} if parent else {}),
                **({"index": self.chance.randint(0, 3)} if self.chance.random() < .5 else {})}

    def compose(self):
        mirror = self.chance.choice(self.mirrors)
        kind = self.chance.choice(self.KINDS)
        if kind in ("CreateNode", "Batch", "ApplyKit") and len(mirror.forest.nodes) > MOST_NODES:
            kind = self.chance.choice(["DeleteNode", "LoadGraph"])
        data = getattr(self, "for_" + kind, lambda m: {})(mirror)
        if kind == "CreateNode":
            self.made[mirror.session].append(data["node_id"])
        return Command(mirror.session, kind, data, self.chance.random() < .4)

    def certain(self):
        """A command that is never refused: a new root."""
        mirror = self.chance.choice(self.mirrors)
        data = self.created(None)
        self.made[mirror.session].append(data["node_id"])
        return Command(mirror.session, "CreateNode", data)

    def for_CreateNode(self, mirror):
        return self.created(self.chance.choice([None, self.node(mirror), self.node(mirror)]))

    def for_UpdateProperty(self, mirror):
        key = self.chance.choice(["notes", "budget", "name"])
        value = str(uuid.uuid4()) if key == "name" else {"v": [self.chance.random(), None]}
        return {"node_id": self.node(mirror), "property_id": key, "value": value}

    def for_DeleteNode(self, mirror):
        return {"node_id": self.node(mirror)}

    def for_MoveNode(self, mirror):
        parent = self.chance.choice([None, self.node(mirror)])
        return {"node_id": self.node(mirror), **({"new_parent_id": parent} if parent else {})}

    def for_LinkNode(self, mirror):
        return {"parent_id": self.node(mirror), "child_id": self.node(mirror)}

    def for_UnlinkNode(self, mirror):
        linked = [(n["parent"], i) for i, n in list(mirror.forest.nodes.items()) if n["parent"]]
        parent, child = self.chance.choice(linked) if linked else (self.node(mirror),) * 2
        return {"parent_id": parent, "child_id": child}

    def for_ReorderNode(self, mirror):
        return {"node_id": self.node(mirror), "new_index": self.chance.randint(0, 4)}

    def for_DeleteProperty(self, mirror):
        return {"node_id": self.node(mirror), "property_id": "notes"}

    def for_ApplyKit(self, mirror):
        return {"target_id": self.node(mirror), "kit_root_id": self.node(mirror)}

    def for_Batch(self, mirror):
        first = self.created(self.node(mirror))
        more = [dict(self.created(None), parent_id="$0") for _ in range(self.chance.randint(1, 4))]
        return {"commands": [{"command_type": "CreateNode", "data": d} for d in [first, *more]]}

    def for_LoadGraph(self, _):
        ids = [str(uuid.uuid4()) for _ in range(self.chance.randint(1, 6))]
        return {"graph": {"nodes": [{"id": i, "type": TYPE, "name": "L"} for i in ids]}}


class Client(threading.Thread):
    """Sends commands while the gate is open; settles the one under way before it rests."""

    def __init__(self, gate, composer, limit_s=20):
        super().__init__(daemon=True)
        self.gate, self.composer, self.limit_s = gate, composer, limit_s
        self.done, self.problem = [], None
        self.idle = threading.Event()
        self.ending = False

    def run(self):
        try:
            while not self.ending:
                if not self.gate.is_set():
                    self.idle.set()
                    self.gate.wait(1)
                    continue
                self.idle.clear()
                self.settle(self.composer.compose())
        except Exception as problem:  # for the test to tell
            self.problem = problem
        self.idle.set()

    def settle(self, command):
        deadline = time.monotonic() + self.limit_s
        while not command.is_settled:
            if command.attempts:
                time.sleep(0.02)
            assert time.monotonic() < deadline, \
                f"{command.command_type}: no answer after {command.attempts} times: {command.last}"
            self.send(command)
        self.done.append(command)


class HttpClient(Client):
    """Asks the gateways in turn; an impatient one gives up an answer that is on its way."""

    def __init__(self, ports, patience_s, *rest):
        super().__init__(*rest)
        self.connections = [Http(port, timeout_s=patience_s) for port in ports]

    def send(self, command):
        command.by_http(self.connections[command.attempts % len(self.connections)])

    def close(self):
        for connection in self.connections:
            connection.close()


class WebSocketClient(Client):
    """Stays connected while graphd comes and goes; everything it hears is kept."""

    def __init__(self, port, mirror, chance, gate):
        super().__init__(gate, Composer(chance, [mirror]))
        self.mirror = mirror
        self.ws = WebSocket(port, f"session_id={mirror.session}&since={mirror.seq}")
        self.checked = 0

    def send(self, command):
        if command.is_history:
            command.refusal = "not over this client"
        else:
            command.by_websocket(self.ws)

    def close(self):
        self.ws.close()

    def check_heard(self):
        """Every durable event is the journal's, in order, none missing and none twice."""
        heard = [e for e in self.ws.events() if e["event"] not in ("joined", "seq")
                 and not e["event"].startswith(("session:", "presence:"))
                 and e["event"] not in ("command:executing", "command:failed")]
        for entry in heard[self.checked:]:
            found = self.mirror.bodies.get(entry["seq"])
            assert found == (entry["event"], entry["data"]), (entry, found)
        seqs = [e["seq"] for e in heard[max(0, self.checked - 1):]]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))) if seqs else True, seqs
        self.checked = len(heard)
        return seqs[-1] if seqs else 0


def seeded(seed, name):
    return random.Random(f"{seed}/{name}")
