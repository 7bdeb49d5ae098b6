"""What is true of every row of proto/*.def, as loops over the tables."""

import unittest

import tables
from harness import ROOT
from project_test import API, NOWHERE, ProjectTest, new_id


class Rows(unittest.TestCase):
    def test_names_of_commands_events_and_errors_are_unique(self):
        rows = tables.describe("wire").split("\n## Commands\n")[1]
        headings = [line for line in rows.splitlines() if line.startswith("### ")]
        self.assertEqual(len(headings), len(set(headings)))
        self.assertEqual(len(headings), len(tables.command_kinds()) + len(tables.events()))
        self.assertGreater(len(tables.errors()), 20)

    def test_the_printed_reference_is_in_step_with_the_tables(self):
        self.assertEqual((ROOT / "docs" / "wire.md").read_text(), tables.describe("wire"),
                         "docs/wire.md is stale: print it with `describe wire`")


class EveryCommand(ProjectTest):
    """self.valid holds arguments of each command that would succeed."""

    def setUp(self):
        super().setUp()
        phase = self.create("phase", "Body")
        other = self.create("phase", "Engine")
        job = self.create("job", "Sills", phase)
        self.do("UpdateProperty", node_id=phase, property_id="notes", value="as found")
        self.valid = {
            "CreateNode": {"blueprint_type_id": "phase", "parent_id": self.root, "name": "Paint",
                           "properties": {}, "index": 0, "node_id": new_id()},
            "DeleteNode": {"node_id": phase},
            "LinkNode": {"parent_id": other, "child_id": job, "index": 0},
            "UnlinkNode": {"parent_id": phase, "child_id": job},
            "MoveNode": {"node_id": job, "new_parent_id": other, "index": 0},
            "ReorderNode": {"node_id": phase, "new_index": 1},
            "UpdateProperty": {"node_id": phase, "property_id": "notes", "value": "dry"},
            "DeleteProperty": {"node_id": phase, "property_id": "notes"},
            "ApplyKit": {"target_id": other, "kit_root_id": phase},
            "Batch": {"commands": [{"command_type": "DeleteNode", "data": {"node_id": job}}]},
            "LoadGraph": {"graph": {"roots": []}, "template_id": "restomod", "mode": "lenient"},
        }

    def test_this_suite_knows_every_command_that_edits(self):
        self.assertEqual(sorted(self.valid), sorted(tables.edits()))

    def refused_by_name(self, listener, command_type, data, field):
        before = self.state()
        reply = self.execute(self.session, command_type, **data)
        self.assert_error(reply, 400, "INVALID_REQUEST", field)
        self.assertIn("graph", reply.json)
        self.assertEqual(self.state(), before)
        failed = listener.await_event(lambda e: True)
        self.assertEqual(failed["event"], "command:failed", failed)
        self.assertEqual(failed["data"]["command_type"], command_type)
        self.assertEqual(failed["data"]["error"]["code"], "INVALID_REQUEST")
        self.assert_event_is_whole(failed)

    def listener(self):
        listener = self.websocket()
        listener.read_until = len(listener.heard)
        listener.ask("ping")
        listener.read_until = len(listener.heard)
        return listener

    def test_a_missing_argument_is_refused_by_name_and_nothing_happens(self):
        listener = self.listener()
        for command_type, valid in self.valid.items():
            for field in tables.required(command_type):
                for absent in ("left out", None):
                    data = {k: v for k, v in valid.items() if k != field}
                    if absent is None and "type" in tables.arguments(command_type)[field]:
                        data[field] = None
                    with self.subTest(command=command_type, field=field, data=data):
                        self.refused_by_name(listener, command_type, data, field)

    def test_an_update_without_a_value_is_refused(self):
        data = {k: v for k, v in self.valid["UpdateProperty"].items() if k != "value"}
        self.refused_by_name(self.listener(), "UpdateProperty", data, "value")

    def test_a_mistyped_argument_is_refused_by_name_and_nothing_happens(self):
        listener = self.listener()
        for command_type, valid in self.valid.items():
            for field, schema in tables.arguments(command_type).items():
                for wrong in tables.MISTYPED.get(schema.get("type"), ()):
                    with self.subTest(command=command_type, field=field, wrong=wrong):
                        self.refused_by_name(listener, command_type, {**valid, field: wrong}, field)

    def test_an_id_that_is_no_uuid_is_refused_by_name(self):
        listener = self.listener()
        for command_type, valid in self.valid.items():
            for field in tables.arguments(command_type):
                if not field.endswith("_id") or field in (
                        "blueprint_type_id", "property_id", "template_id"):
                    continue
                for wrong in ("", "x", "$0", self.root + "0", self.root[:-1] + "g"):
                    with self.subTest(command=command_type, field=field, wrong=wrong):
                        self.refused_by_name(listener, command_type, {**valid, field: wrong}, field)

    def test_an_unknown_node_is_named_and_nothing_happens(self):
        for command_type, valid in self.valid.items():
            for field in tables.arguments(command_type):
                if field in ("blueprint_type_id", "property_id", "template_id") or (
                        command_type, field) == ("CreateNode", "node_id"):
                    continue
                if field.endswith("_id"):
                    with self.subTest(command=command_type, field=field):
                        error = self.refuse(404, "NODE_NOT_FOUND", command_type, field,
                                            **{**valid, field: NOWHERE})
                        self.assertIn(NOWHERE, error["message"])

    def test_every_documented_reply_field_is_there(self):
        common = ("success", "command_id", "seq", "graph", "undo_available", "redo_available",
                  "is_dirty")
        for command_type, valid in self.valid.items():
            reply = self.do(command_type, **valid)
            with self.subTest(command=command_type):
                for field in common:
                    self.assertIn(field, reply)
                for field in tables.reply_fields(command_type):
                    self.assertIn(field, reply.get("result") or {})
                if "node_id" in tables.reply_fields(command_type):
                    self.assertEqual(reply["node_id"], reply["result"]["node_id"])
                self.assertIs(reply["success"], True)
            # Each finds the graph as the fixture made it.
            self.ok(self.undo())

    def test_unknown_arguments_are_ignored(self):
        for command_type, valid in self.valid.items():
            with self.subTest(command=command_type):
                self.do(command_type, **valid, surprise={"a": [1]})
                self.ok(self.undo())

    def test_every_durable_event_a_command_makes_has_the_fields_of_its_row(self):
        for command_type, valid in self.valid.items():
            for action in (lambda: self.do(command_type, **valid), self.undo, self.redo, self.undo):
                for entry in self.heard_of(action):
                    with self.subTest(command=command_type, event=entry["event"]):
                        self.assert_event_is_whole(entry)


class OtherCommands(ProjectTest):
    def test_what_edits_nothing_cannot_be_executed(self):
        for name, kind in tables.command_kinds().items():
            if kind == "EDITS" or name in ("Undo", "Redo"):
                continue
            with self.subTest(command=name):
                error = self.refuse(400, "UNKNOWN_COMMAND", name)
                self.assertTrue(error["message"])

    def test_an_unknown_command_is_refused(self):
        for name in ("createnode", "create_node", "", " CreateNode", "DropTable", "CreateNode\n"):
            with self.subTest(command=name):
                reply = self.execute(self.session, name, blueprint_type_id="phase")
                self.assert_error(reply, 400, "UNKNOWN_COMMAND", "command_type")

    def test_the_request_itself_is_checked_by_name(self):
        good = {"session_id": self.session, "command_type": "CreateNode",
                "data": {"blueprint_type_id": "phase"}}
        before = self.state()
        for field in ("session_id", "command_type"):
            for body in ({k: v for k, v in good.items() if k != field}, {**good, field: 7},
                         {**good, field: None}, {**good, field: []}):
                with self.subTest(field=field, value=body.get(field)):
                    reply = self.http.post(f"{API}/commands/execute", body)
                    self.assert_error(reply, 400, "INVALID_REQUEST", field)
        for wrong in (7, "x", [], True):
            reply = self.http.post(f"{API}/commands/execute", {**good, "data": wrong})
            self.assert_error(reply, 400, "INVALID_REQUEST", "data")
        for wrong in (7, "x", [], {}, self.session[:-1]):
            reply = self.http.post(f"{API}/commands/execute", {**good, "command_id": wrong})
            self.assert_error(reply, 400, "INVALID_REQUEST", "command_id")
        self.assertEqual(self.state(), before)


if __name__ == "__main__":
    unittest.main()
