"""The predecessor's released frontend, message by message: long polling only, /graph, join_session
twice, dash names, and what it reads of each payload."""

import json
import unittest

from engine import EngineClients
from project_test import NOWHERE, ProjectTest


class Frontend:
    """What the frontend sends, in its order; it fetches one poll after the other."""

    def __init__(self, test):
        self.test = test
        self.polling = test.polling()
        self.heard = []
        self.emit_packet("0/graph,")
        self.sid = json.loads(self.await_packet("0/graph,")[len("0/graph,"):])["sid"]

    def emit_packet(self, packet):
        answer = self.polling.post("4" + packet)
        self.test.assertEqual((answer.status, answer.body), (200, b"ok"))

    def emit(self, event, data):
        self.emit_packet(f"2/graph,{json.dumps([event, data], separators=(',', ':'))}")

    def fetch(self):
        for packet in self.polling.packets():
            if packet == b"2":
                self.polling.post("3")
            elif packet != b"6":
                self.heard.append(packet[1:].decode())

    def await_packet(self, start):
        while True:
            for i, packet in enumerate(self.heard):
                if packet.startswith(start):
                    return self.heard.pop(i)
            self.fetch()

    def next_event(self):
        while not self.heard:
            self.fetch()
        event, *args = json.loads(self.heard.pop(0)[len("2/graph,"):])
        return event, args[0] if args else None

    def until(self, wanted):
        """Events up to the wanted one, as (name, data)."""
        events = [self.next_event()]
        while events[-1][0] != wanted:
            events.append(self.next_event())
        return events

    def join(self, session):
        self.emit("join_session", {"session_id": session})
        return self.until("joined")


class Predecessor(EngineClients, ProjectTest):
    @property
    def port(self):
        return self.server.ports[0]

    def setUp(self):
        super().setUp()
        self.frontend = Frontend(self)
        self.first = self.frontend.join(self.session)
        self.second = self.frontend.join(self.session)

    def heard_of_command(self, command_type, updates=1, **data):
        """All that it is told of a command: one node-updated for each parent comes last."""
        self.do(command_type, **data)
        heard = self.frontend.until("command-executed")
        for _ in range(updates):
            heard += self.frontend.until("node-updated")
        return heard

    def created(self, **node):
        """As create(), and the frontend has heard of it."""
        node_id = self.create(**node)
        self.frontend.until("node-updated")
        return node_id

    def test_it_joins_twice_and_counts_once(self):
        names = [name for name, _ in self.first]
        self.assertEqual(names, ["session-connected", "joined"])
        joined, again = self.first[-1][1], self.second[-1][1]
        self.assertEqual(joined["session_id"], self.session)
        self.assertEqual(joined["client_id"], self.frontend.sid)
        self.assertEqual(joined["active_clients"], 1)
        self.assertEqual(again["active_clients"], 1)
        self.assertEqual([name for name, _ in self.second], ["joined"])

    def test_a_created_node_is_told_as_it_is_drawn_and_its_parent_with_it(self):
        heard = dict(self.heard_of_command("CreateNode", blueprint_type_id="phase", name="Body",
                                           parent_id=self.root))
        created = heard["node-created"]
        node = created["node"]
        self.assertEqual(created["id"], node["id"])
        self.assertEqual(node["type"], "phase")
        self.assertEqual(node["properties"]["name"], "Body")
        self.assertEqual(node["children"], [])
        self.assertEqual(created["parent_id"], self.root)
        updated = heard["node-updated"]
        self.assertEqual(updated["id"], self.root)
        self.assertEqual(updated["node"]["id"], self.root)
        self.assertEqual(updated["node"]["children"], [node["id"]])
        self.assertIn("name", updated["node"]["properties"])

    def test_a_moved_node_updates_both_parents(self):
        a, b = self.created(name="A"), self.created(name="B")
        job = self.created(type_id="job", name="J", parent=a)
        heard = self.heard_of_command("MoveNode", updates=2, node_id=job, new_parent_id=b)
        names = [name for name, _ in heard]
        self.assertIn("node-unlinked", names)
        self.assertIn("node-linked", names)
        updated = {data["id"]: data["node"]["children"] for name, data in heard
                   if name == "node-updated"}
        self.assertEqual(updated, {a: [], b: [job]})

    def test_a_deleted_node_updates_its_parent(self):
        node = self.created()
        heard = dict(self.heard_of_command("DeleteNode", node_id=node))
        self.assertEqual(heard["node-deleted"]["id"], node)
        self.assertEqual(heard["node-updated"]["id"], self.root)
        self.assertEqual(heard["node-updated"]["node"]["children"], [])

    def test_a_changed_property_is_told_by_property_name(self):
        self.do("UpdateProperty", node_id=self.root, property_id="notes", new_value="x")
        changed = dict(self.frontend.until("command-executed"))["property-changed"]
        self.assertEqual(changed["node_id"], self.root)
        self.assertEqual(changed["property_name"], "notes")
        self.assertEqual((changed["old_value"], changed["new_value"]), (None, "x"))

    def test_undo_and_redo_are_told_by_their_short_names(self):
        self.created()
        self.ok(self.undo())
        heard = self.frontend.until("undo")
        self.assertIn("node-deleted", [name for name, _ in heard])
        self.ok(self.redo())
        heard = self.frontend.until("redo")
        self.assertIn("node-created", [name for name, _ in heard])

    def test_a_failed_command_is_told_as_executed_without_success(self):
        self.execute(self.session, "DeleteNode", node_id=NOWHERE)
        failed = dict(self.frontend.until("command-executed"))["command-executed"]
        self.assertIs(failed["success"], False)
        self.assertEqual(failed["error"]["code"], "NODE_NOT_FOUND")

    def test_two_frontends_see_each_other_come_and_go(self):
        other = Frontend(self)
        other.join(self.session)
        came = self.frontend.until("session-connected")[-1][1]
        self.assertEqual((came["client_id"], came["client_count"]), (other.sid, 2))
        other.emit("leave_session", {"session_id": self.session})
        self.assertEqual(other.until("left")[-1][1]["session_id"], self.session)
        gone = self.frontend.until("session-disconnected")[-1][1]
        self.assertEqual((gone["client_id"], gone["client_count"]), (other.sid, 1))

    def test_it_may_join_a_second_session_and_hears_both(self):
        session, root = self.new_project()
        self.frontend.join(session)
        self.create(name="here")
        self.executed(session, "CreateNode", blueprint_type_id="phase", name="there",
                      parent_id=root)
        heard = self.frontend.until("command-executed") + self.frontend.until("command-executed")
        names = {data["session_id"]: data["name"] for name, data in heard
                 if name == "node-created"}
        self.assertEqual(names, {self.session: "here", session: "there"})

    def test_mistakes_are_told_by_the_error_event(self):
        for data, message in (({}, "Missing session_id"),
                              ({"session_id": NOWHERE}, "Session not found")):
            self.frontend.emit("join_session", data)
            error = self.frontend.until("error")[-1][1]
            self.assertEqual(error["message"], message)
        self.frontend.emit("ping", {})
        self.frontend.until("pong")

    def test_forty_events_at_once_are_fetched_sixteen_at_a_time(self):
        for i in range(14):
            self.create(name=f"n{i}")
        polls = []
        while sum(polls) < 14 * 4:
            packets = [p for p in self.frontend.polling.packets() if p not in (b"2", b"6")]
            polls.append(len(packets))
        self.assertLessEqual(max(polls), 16)
        self.assertEqual(sum(polls), 14 * 4)


if __name__ == "__main__":
    unittest.main()
