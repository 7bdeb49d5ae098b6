"""Undo and redo: of the session and of one's own."""

import unittest

from project_test import NOWHERE, ProjectTest, names_below


class Session(ProjectTest):
    def test_an_empty_stack_is_no_error_and_no_event(self):
        for what in (self.undo, self.redo):
            before = self.state()
            body = self.ok(what())
            self.assertEqual(self.state(), before)
            self.assertEqual(body["graph"]["roots"][0]["id"], self.root)
            self.assertIs(body["success"], True)

    def test_undo_and_redo_name_the_command_they_are_about(self):
        done = self.do("CreateNode", blueprint_type_id="phase", name="P")
        for what, event in ((self.undo, "command:undo"), (self.redo, "command:redo")):
            seq = self.info()["seq"]
            body = self.ok(what())
            self.assertEqual(body["command_id"], done["command_id"])
            last = self.durable(seq)[-1]
            self.assertEqual((last["event"], last["data"]["command_id"],
                              last["data"]["command_type"]),
                             (event, done["command_id"], "CreateNode"))
            self.assertEqual(body["seq"], last["seq"])
            self.assertEqual((body["undo_available"], body["redo_available"]),
                             (event == "command:redo", event == "command:undo"))

    def test_a_redo_gives_the_same_node_back(self):
        node = self.create("phase", "P", properties={"notes": "x"})
        before = self.roots()
        self.undo()
        self.redo()
        self.assertEqual(self.roots(), before)
        self.assertIsNotNone(self.node(node))

    def test_a_new_command_clears_redo(self):
        self.create("phase", "A")
        self.undo()
        self.create("phase", "B")
        self.assertIs(self.info()["redo_available"], False)
        before = self.state()
        self.ok(self.redo())
        self.assertEqual(self.state(), before)

    def test_a_graph_that_brought_its_project_is_taken_back_and_done_again(self):
        bare = self.new_session()
        graph = {"nodes": [{"id": "a", "type": "phase", "name": "A"}]}
        self.assert_error(self.redo(bare), 400, "INVALID_STATE")
        self.ok(self.post(f"/sessions/{bare}/load-graph",
                          {"graph": graph, "template_id": "restomod"}))
        loaded = self.state(bare)
        self.ok(self.undo(bare))
        self.assertIsNone(self.info(bare)["project_id"])
        self.assert_error(self.execute(bare, "DeleteNode", node_id=NOWHERE), 400, "INVALID_STATE")
        self.ok(self.redo(bare))
        again = self.state(bare)
        for field in ("state_hash", "project_id", "template_id", "undo_available"):
            self.assertEqual(again[field], loaded[field])

    def test_an_odd_scope_is_refused_by_name(self):
        for scope in ("theirs", "", 7, [], True):
            for what in ("undo", "redo"):
                with self.subTest(scope=scope, what=what):
                    reply = self.post(f"/sessions/{self.session}/{what}", {"scope": scope})
                    self.assert_error(reply, 400, "INVALID_REQUEST", "scope")
        for what in ("undo", "redo"):
            self.ok(self.http.request("POST", f"/api/v1/sessions/{self.session}/{what}"))

    def test_every_command_is_taken_back_and_done_again_with_its_hash(self):
        phase = self.create("phase", "P")
        job = self.create("job", "J", phase)
        steps = [
            ("CreateNode", {"blueprint_type_id": "phase", "parent_id": self.root}),
            ("UpdateProperty", {"node_id": job, "property_id": "notes", "value": {"a": [1.0]}}),
            ("UpdateProperty", {"node_id": job, "property_id": "name", "value": "Other"}),
            ("DeleteProperty", {"node_id": job, "property_id": "notes"}),
            ("MoveNode", {"node_id": job, "new_parent_id": None}),
            ("LinkNode", {"parent_id": phase, "child_id": job}),
            ("UnlinkNode", {"parent_id": phase, "child_id": job}),
            ("ReorderNode", {"node_id": job, "new_index": 0}),
            ("MoveNode", {"node_id": job, "new_parent_id": phase}),
            ("ApplyKit", {"target_id": job, "kit_root_id": phase}),
            ("Batch", {"commands": [{"command_type": "DeleteNode", "data": {"node_id": job}}]}),
            ("LoadGraph", {"graph": {"roots": [{"id": "a", "type": "phase", "name": "L"}]}}),
            ("DeleteNode", {"node_id": None}),
        ]
        seen = [self.tree()]
        for command_type, data in steps:
            if command_type == "DeleteNode":
                data = {"node_id": self.children(None)[0]}
            self.do(command_type, **data)
            seen.append(self.tree())
        for _ in range(2):
            for then in reversed(seen[:-1]):
                self.ok(self.undo())
                self.same(then)
            for then in seen[1:]:
                self.ok(self.redo())
                self.same(then)

    def same(self, then):
        now = self.tree()
        self.assertEqual(now["state_hash"], then["state_hash"])
        self.assertEqual(now["roots"], then["roots"])


class Mine(ProjectTest):
    def by(self, actor, command_type, **data):
        reply = self.execute(self.session, command_type, {"X-Actor": actor}, **data)
        return self.ok(reply)

    def make(self, actor, name, parent=None):
        return self.by(actor, "CreateNode", blueprint_type_id="phase", name=name,
                       parent_id=parent or self.root)

    def test_mine_undoes_the_callers_last_step_although_others_came_after(self):
        ann = self.make("ann", "Ann's")
        self.make("bob", "Bob's")
        body = self.ok(self.undo(scope="mine", actor="ann"))
        self.assertEqual(body["command_id"], ann["command_id"])
        self.assertEqual(names_below(self.roots()), ["A project", "Bob's"])
        body = self.ok(self.redo(scope="mine", actor="ann"))
        self.assertEqual(body["command_id"], ann["command_id"])
        self.assertEqual(sorted(names_below(self.roots())), ["A project", "Ann's", "Bob's"])

    def test_the_actor_is_in_the_events(self):
        heard = self.heard_of(lambda: self.make("ann", "Ann's"))
        self.assertEqual({e["data"].get("actor") for e in heard}, {"ann"})

    def test_who_has_done_nothing_has_nothing_to_undo(self):
        self.make("ann", "Ann's")
        before = self.state()
        self.ok(self.undo(scope="mine", actor="bob"))
        self.ok(self.redo(scope="mine", actor="bob"))
        self.assertEqual(self.state(), before)

    def test_what_stands_in_the_way_is_named_and_nothing_changes(self):
        phase = self.make("ann", "Ann's")["node_id"]
        bobs = self.by("bob", "CreateNode", blueprint_type_id="job", parent_id=phase)
        before = self.state()
        ann = self.websocket()
        reply = self.undo(scope="mine", actor="ann")
        self.assert_error(reply, 409, "UNDO_CONFLICT")
        self.assertIn(bobs["command_id"], str(reply.json["error"]))
        self.assertIn("graph", reply.json)
        self.assertEqual(self.state(), before)
        self.assertEqual(ann.await_event("command:failed")["data"]["error"]["code"],
                         "UNDO_CONFLICT")
        self.ok(self.undo(scope="mine", actor="bob"))
        self.ok(self.undo(scope="mine", actor="ann"))
        self.assertEqual(names_below(self.roots()), ["A project"])

    def test_a_value_somebody_else_has_changed_since_is_not_lost(self):
        phase = self.create("phase", "P")
        self.by("ann", "UpdateProperty", node_id=phase, property_id="notes", value="ann")
        self.by("bob", "UpdateProperty", node_id=phase, property_id="notes", value="bob")
        self.assert_error(self.undo(scope="mine", actor="ann"), 409, "UNDO_CONFLICT")
        self.assertEqual(self.node(phase)["properties"]["notes"], "bob")
        self.by("bob", "UpdateProperty", node_id=phase, property_id="workshop", value="bob")
        self.ok(self.undo(scope="mine", actor="bob"))
        self.ok(self.undo(scope="mine", actor="bob"))
        self.ok(self.undo(scope="mine", actor="ann"))
        self.assertNotIn("notes", self.node(phase)["properties"])

    def test_a_new_command_of_another_does_not_clear_my_redo(self):
        self.make("ann", "Ann's")
        self.ok(self.undo(scope="mine", actor="ann"))
        self.make("bob", "Bob's")
        self.ok(self.redo(scope="mine", actor="ann"))
        self.assertEqual(sorted(names_below(self.roots())), ["A project", "Ann's", "Bob's"])

    def test_over_websockets_the_query_says_who_one_is(self):
        ann = self.websocket(query="actor=ann")
        bob = self.websocket(query="actor=bob")
        ann.execute("CreateNode", blueprint_type_id="phase", name="Ann's", parent_id=self.root)
        bob.execute("CreateNode", blueprint_type_id="phase", name="Bob's", parent_id=self.root)
        self.assertIn("ok", ann.ask("undo", scope="mine"))
        self.assertEqual(names_below(self.roots()), ["A project", "Bob's"])
        undone = bob.await_event("command:undo")
        self.assertEqual(undone["data"]["actor"], "ann")
        self.assertIn("ok", ann.ask("redo", scope="mine"))

    def test_the_law_holds_for_two_interleaved(self):
        start = self.tree()
        for i in range(6):
            self.make("ann" if i % 2 else "bob", f"P{i}")
        end = self.tree()
        for _ in range(6):
            self.ok(self.undo())
        self.assertEqual(self.tree()["state_hash"], start["state_hash"])
        for _ in range(6):
            self.ok(self.redo())
        self.assertEqual(self.tree()["roots"], end["roots"])
        self.assertEqual(self.tree()["state_hash"], end["state_hash"])


class History(ProjectTest):
    def test_the_audit_trail_tells_who_did_what(self):
        done = self.do("CreateNode", blueprint_type_id="phase", name="P")
        self.undo()
        reply = self.ok(self.get(f"/sessions/{self.session}/history"))
        steps = reply["steps"]
        self.assertIs(reply["more"], False)
        mine = [s for s in steps if s["command_type"] == "CreateNode"]
        self.assertEqual(len(mine), 2)
        self.assertEqual(mine[0]["command_id"], done["command_id"])
        for field in ("seq", "first_seq", "kind", "timestamp", "edits"):
            self.assertIn(field, mine[0])


if __name__ == "__main__":
    unittest.main()
