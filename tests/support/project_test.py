"""A test case with a restomod project of its own, and short words for what tests do with it."""

import uuid

import tables
from clients import API, Http
from harness import ServerTest

NOWHERE = "00000000-0000-4000-8000-000000000000"
RESERVED = {"session:connected", "session:disconnected", "joined", "seq", "sync"}


def new_id():
    return str(uuid.uuid4())


class StrictHttp(Http):
    """No request whatever may be answered with 500."""

    def request(self, method, path, body=None, headers=None):
        reply = super().request(method, path, body, headers)
        assert reply.status != 500, (method, path, reply)
        return reply


class ProjectTest(ServerTest):
    """self.session and self.root are a new project's; each test gets one."""

    def setUp(self):
        super().setUp()
        self.http = StrictHttp(self.server.ports[0])
        self.addCleanup(self.http.close)
        self.session, self.root = self.new_project()

    # REST

    def get(self, path, headers=None):
        return self.http.get(API + path, headers)

    def post(self, path, body=None, headers=None):
        return self.http.post(API + path, body, headers)

    def ok(self, reply, status=200):
        self.assertEqual(reply.status, status, reply)
        return reply.json

    def info(self, session=None):
        return self.ok(self.get(f"/sessions/{session or self.session}"))

    def tree(self, session=None, query=""):
        return self.ok(self.get(f"/sessions/{session or self.session}/graph/tree{query}"))

    def roots(self, session=None):
        return self.tree(session)["roots"]

    def state(self, session=None):
        """What must be the same when nothing has happened."""
        info = self.info(session)
        return {key: info[key] for key in ("seq", "state_hash", "undo_available", "redo_available",
                                           "node_count", "is_dirty", "project_id", "template_id")}

    def node(self, node_id, session=None):
        for node in walk(self.roots(session)):
            if node["id"] == node_id:
                return node
        return None

    def children(self, node_id, session=None):
        """Ids of a node's children in order; of the roots when node_id is None."""
        if node_id is None:
            return [node["id"] for node in self.roots(session)]
        return [node["id"] for node in self.node(node_id, session)["children"]]

    # commands

    def do(self, command_type, **data):
        """A command on the test's own session that must succeed."""
        return self.executed(self.session, command_type, **data)

    def refuse(self, status, code, command_type, field=None, headers=None, **data):
        """A command that must be refused and change nothing; returns the error."""
        before = self.state()
        reply = self.execute(self.session, command_type, headers, **data)
        self.assert_error(reply, status, code, field)
        self.assertEqual(self.state(), before)
        return reply.json["error"]

    def create(self, type_id="phase", name="A node", parent=None, **more):
        """Id of a new node; under the root unless a parent is named ("" for none)."""
        parent = self.root if parent is None else parent or None
        data = {"blueprint_type_id": type_id, "name": name, **more}
        if parent:
            data["parent_id"] = parent
        return self.do("CreateNode", **data)["node_id"]

    def undo(self, session=None, scope=None, actor=None):
        return self._history("undo", session, scope, actor)

    def redo(self, session=None, scope=None, actor=None):
        return self._history("redo", session, scope, actor)

    def _history(self, what, session, scope, actor):
        body = {"scope": scope} if scope else {}
        headers = {"X-Actor": actor} if actor else {}
        return self.post(f"/sessions/{session or self.session}/{what}", body, headers)

    # events

    def durable(self, since=0, session=None):
        """Durable events behind a seq, as {"event","seq","data"}."""
        reply = self.ok(self.get(f"/sessions/{session or self.session}/events?since={since}"))
        return reply["events"]

    def heard_of(self, action):
        """Runs action() and returns the durable events it made."""
        seq = self.info()["seq"]
        action()
        return self.durable(seq)

    def websocket(self, session=None, query="", **options):
        query = f"session_id={session or self.session}" + (f"&{query}" if query else "")
        return self.closing(self.server.websocket(query, **options))

    def assert_event_is_whole(self, entry):
        """Every field of the event's row is there, and the common ones."""
        data = entry["data"]
        for field in tables.event_fields(entry["event"]):
            self.assertIn(field, data, entry)
        for field in ("session_id", "project_id", "timestamp", "seq"):
            self.assertIn(field, data, entry)
        self.assertEqual(data["seq"], entry["seq"], entry)


def walk(roots):
    """All nodes, parents first, without recursion."""
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node["children"]))


def names_below(roots):
    return [node["name"] for node in walk(roots)]


def event_names(entries):
    return [entry["event"] for entry in entries]
