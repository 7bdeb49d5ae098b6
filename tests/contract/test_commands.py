"""What each command does to the graph, and the events it makes, in order."""

import unittest

from project_test import ProjectTest, event_names, names_below, new_id


class Order(ProjectTest):
    def test_a_command_is_announced_then_shown_then_closed(self):
        ann = self.websocket()
        answer = ann.execute("CreateNode", blueprint_type_id="phase", parent_id=self.root)["ok"]
        executing = ann.await_event("command:executing")
        created = ann.await_event("graph:node-created")
        executed = ann.await_event("command:executed")
        for entry in (executing, created, executed):
            self.assertEqual(entry["data"]["command_id"], answer["command_id"])
            self.assertEqual(entry["data"]["session_id"], self.session)
            self.assertEqual(entry["data"]["client_id"], ann.joined["data"]["client_id"])
            self.assert_event_is_whole(entry)
        self.assertEqual(executing["data"]["command_type"], "CreateNode")
        self.assertEqual(executing["seq"] + 1, created["seq"])
        self.assertEqual(created["seq"] + 1, executed["seq"])
        self.assertEqual(answer["seq"], executed["seq"])
        self.assertEqual((executed["data"]["success"], executed["data"]["error"]), (True, None))
        self.assertEqual(executed["data"]["result"], {"node_id": answer["node_id"]})

    def test_a_refused_command_is_announced_as_failed_and_is_not_durable(self):
        ann = self.websocket()
        seq = self.info()["seq"]
        ann.execute("DeleteNode", node_id=new_id())
        failed = ann.await_event("command:failed")
        self.assert_event_is_whole(failed)
        self.assertIs(failed["data"]["success"], False)
        self.assertEqual(failed["data"]["error"]["code"], "NODE_NOT_FOUND")
        self.assertEqual(failed["seq"], seq)
        self.assertEqual(self.durable(seq), [])


    def test_a_command_that_changes_nothing_is_told_to_the_end_and_keeps_redo(self):
        phase = self.create()
        self.create()
        self.undo()
        ann = self.websocket()
        answer = ann.execute("MoveNode", node_id=phase, new_parent_id=self.root)["ok"]
        executing = ann.await_event("command:executing")
        executed = ann.await_event("command:executed")
        self.assertEqual(executing["data"]["command_id"], executed["data"]["command_id"])
        self.assertEqual((executing["seq"] + 1, answer["seq"]), (executed["seq"], executed["seq"]))
        self.assertEqual(self.durable(executing["seq"]), [executed])
        self.assertIs(answer["redo_available"], True)
        self.redo()
        self.assertEqual(self.info()["node_count"], 3)


class CreateAndDelete(ProjectTest):
    def test_a_created_node_is_in_the_event_with_its_place(self):
        first = self.create("phase", "First")
        (created, executed) = self.heard_of(lambda: self.create("phase", "Zeroth", index=0))
        self.assertEqual(event_names([created, executed]),
                         ["graph:node-created", "command:executed"])
        data = created["data"]
        ids = self.children(self.root)
        self.assertEqual(ids[1], first)
        self.assertEqual((data["node_id"], data["id"], data["index"], data["parent_id"]),
                         (ids[0], ids[0], 0, self.root))
        self.assertEqual(data["properties"], self.node(ids[0])["properties"])
        node = data["node"]
        self.assertEqual((node["id"], node["type"], node["blueprint_type_id"], node["name"]),
                         (ids[0], "phase", "phase", "Zeroth"))
        self.assertEqual((node["parent_id"], node["children"]), (self.root, []))
        self.assertEqual(node["properties"]["name"], "Zeroth")

    def test_what_is_not_given_has_its_default(self):
        reply = self.do("CreateNode", blueprint_type_id="phase")
        node = self.node(reply["node_id"])
        self.assertEqual((node["name"], node["parent_id"]), ("New Node", None))
        self.assertEqual(node["properties"]["status"], "24702b82-a400-7171-0d70-6f60079fa142")
        self.assertEqual(self.children(None), [self.root, node["id"]])

    def test_an_index_beyond_the_end_is_the_end_and_a_negative_one_is_refused(self):
        a, b = self.create(index=99), self.create(index=0)
        self.assertEqual(self.children(self.root), [b, a])
        self.refuse(400, "INVALID_REQUEST", "CreateNode", "index", blueprint_type_id="phase",
                    index=-1)

    def test_the_id_may_be_chosen_once(self):
        id_ = new_id()
        self.assertEqual(self.create(node_id=id_), id_)
        self.refuse(409, "NODE_EXISTS", "CreateNode", "node_id", blueprint_type_id="phase",
                    node_id=id_)

    def test_a_deleted_branch_goes_children_first_and_comes_back_whole(self):
        phase = self.create("phase", "P", properties={"notes": [1, {"x": None}]})
        jobs = [self.create("job", f"J{i}", phase) for i in range(3)]
        tasks = [self.create("task", f"T{i}", jobs[1]) for i in range(2)]
        self.create("phase", "Behind")
        before = self.roots()
        heard = self.heard_of(lambda: self.do("DeleteNode", node_id=phase))
        deleted = [e["data"]["node_id"] for e in heard if e["event"] == "graph:node-deleted"]
        self.assertEqual(sorted(deleted), sorted([phase, *jobs, *tasks]))
        self.assertEqual(deleted[-1], phase)
        self.assertLess(max(deleted.index(t) for t in tasks), deleted.index(jobs[1]))
        parents = {e["data"]["node_id"]: e["data"]["parent_id"] for e in heard[:-1]}
        self.assertEqual(parents[tasks[0]], jobs[1])
        self.assertEqual(heard[-1]["data"]["result"]["deleted"], 6)
        heard = self.heard_of(self.undo)
        self.assertEqual(event_names(heard), ["graph:node-created"] * 6 + ["command:undo"])
        self.assertEqual([e["data"]["node_id"] for e in heard[:-1]], deleted[::-1])
        self.assertEqual(self.roots(), before)


class Moving(ProjectTest):
    def setUp(self):
        super().setUp()
        self.a, self.b = self.create("phase", "A"), self.create("phase", "B")
        self.jobs = [self.create("job", f"J{i}", self.a) for i in range(3)]

    def test_linking_a_child_that_has_a_parent_moves_it(self):
        heard = self.heard_of(
            lambda: self.do("LinkNode", parent_id=self.b, child_id=self.jobs[1]))
        self.assertEqual(event_names(heard),
                         ["graph:node-unlinked", "graph:node-linked", "command:executed"])
        self.assertEqual((heard[0]["data"]["parent_id"], heard[0]["data"]["child_id"]),
                         (self.a, self.jobs[1]))
        self.assertEqual((heard[1]["data"]["parent_id"], heard[1]["data"]["child_id"],
                          heard[1]["data"]["index"]), (self.b, self.jobs[1], 0))
        self.assertEqual(self.children(self.a), [self.jobs[0], self.jobs[2]])
        heard = self.heard_of(self.undo)
        self.assertEqual(event_names(heard),
                         ["graph:node-unlinked", "graph:node-linked", "command:undo"])
        self.assertEqual(heard[1]["data"]["index"], 1)
        self.assertEqual(self.children(self.a), self.jobs)

    def test_linking_the_same_pair_again_changes_nothing(self):
        before = self.state()
        reply = self.do("LinkNode", parent_id=self.a, child_id=self.jobs[1])
        self.assertIs(reply["success"], True)
        after = self.state()
        self.assertEqual((after["state_hash"], after["undo_available"]),
                         (before["state_hash"], before["undo_available"]))
        self.assertEqual(event_names(self.durable(before["seq"])), ["command:executed"])
        self.undo()
        self.assertEqual(self.children(self.a), self.jobs[:2])

    def test_linking_into_a_place(self):
        self.do("LinkNode", parent_id=self.b, child_id=self.jobs[0])
        self.do("LinkNode", parent_id=self.b, child_id=self.jobs[2], index=0)
        self.assertEqual(self.children(self.b), [self.jobs[2], self.jobs[0]])

    def test_unlinking_makes_a_root(self):
        heard = self.heard_of(
            lambda: self.do("UnlinkNode", parent_id=self.a, child_id=self.jobs[1]))
        self.assertEqual(event_names(heard), ["graph:node-unlinked", "command:executed"])
        roots = self.children(None)
        self.assertEqual(roots[heard[0]["data"]["index"]], self.jobs[1])
        self.assertIsNone(self.node(self.jobs[1])["parent_id"])
        heard = self.heard_of(self.undo)
        self.assertEqual(event_names(heard), ["graph:node-linked", "command:undo"])
        self.assertEqual(self.children(self.a), self.jobs)

    def test_unlinking_what_is_not_linked_is_refused(self):
        for parent, child in ((self.b, self.jobs[0]), (self.a, self.b), (self.jobs[0], self.a)):
            self.refuse(409, "NOT_LINKED", "UnlinkNode", parent_id=parent, child_id=child)

    def test_moving_to_a_parent_to_the_roots_and_within(self):
        self.do("MoveNode", node_id=self.jobs[0], new_parent_id=self.b)
        self.assertEqual(self.children(self.b), [self.jobs[0]])
        self.do("MoveNode", node_id=self.jobs[1], new_parent_id=None, index=0)
        self.assertEqual(self.children(None), [self.jobs[1], self.root])
        heard = self.heard_of(lambda: self.do("MoveNode", node_id=self.b,
                                              new_parent_id=self.root, index=0))
        self.assertEqual(event_names(heard), ["graph:node-moved", "command:executed"])
        self.assertEqual(heard[0]["data"]["index"], 0)
        self.assertEqual(self.children(self.root), [self.b, self.a])

    def test_nothing_can_be_put_below_itself(self):
        for node, target in ((self.a, self.a), (self.a, self.jobs[0]), (self.root, self.jobs[0])):
            self.refuse(409, "WOULD_CYCLE", "MoveNode", node_id=node, new_parent_id=target)
            self.refuse(409, "WOULD_CYCLE", "LinkNode", child_id=node, parent_id=target)

    def test_reordering_tells_the_new_place(self):
        for index, order in ((2, [1, 2, 0]), (0, [0, 1, 2]), (1, [1, 0, 2]), (99, [1, 2, 0])):
            heard = self.heard_of(
                lambda i=index: self.do("ReorderNode", node_id=self.jobs[0], new_index=i))
            self.assertEqual(self.children(self.a), [self.jobs[i] for i in order])
            self.assertEqual(event_names(heard), ["graph:node-moved", "command:executed"])
            self.assertEqual((heard[0]["data"]["node_id"], heard[0]["data"]["parent_id"]),
                             (self.jobs[0], self.a))
            self.assertEqual(heard[0]["data"]["index"], order.index(0))
        heard = self.heard_of(self.undo)
        self.assertEqual(event_names(heard), ["graph:node-moved", "command:undo"])
        self.assertEqual(self.children(self.a), [self.jobs[i] for i in (1, 0, 2)])
        self.refuse(400, "INVALID_REQUEST", "ReorderNode", "new_index", node_id=self.a,
                    new_index=-1)

    def test_roots_can_be_reordered_too(self):
        other = self.create("phase", "Root", "")
        self.do("ReorderNode", node_id=other, new_index=0)
        self.assertEqual(self.children(None), [other, self.root])


class Properties(ProjectTest):
    def setUp(self):
        super().setUp()
        self.phase = self.create("phase", "P", properties={"notes": "one"})

    def test_the_servers_old_value_counts(self):
        (changed, executed) = self.heard_of(lambda: self.do(
            "UpdateProperty", node_id=self.phase, property_id="notes", value="two",
            old_value="a lie"))
        self.assertEqual(changed["event"], "graph:property-changed")
        self.assertEqual(executed["event"], "command:executed")
        data = changed["data"]
        self.assertEqual((data["property_id"], data["property_name"]), ("notes", "notes"))
        self.assertEqual((data["old_value"], data["new_value"]), ("one", "two"))
        (back, undo) = self.heard_of(self.undo)
        self.assertEqual((back["event"], undo["event"]), ("graph:property-changed", "command:undo"))
        self.assertEqual((back["data"]["old_value"], back["data"]["new_value"]), ("two", "one"))

    def test_a_first_value_was_null_before_and_is_gone_after_undo(self):
        heard = self.heard_of(lambda: self.do(
            "UpdateProperty", node_id=self.phase, property_id="workshop", new_value="Shed"))
        self.assertIsNone(heard[0]["data"]["old_value"])
        heard = self.heard_of(self.undo)
        self.assertEqual(event_names(heard), ["graph:property-deleted", "command:undo"])
        self.assertNotIn("workshop", self.node(self.phase)["properties"])

    def test_name_renames_the_node_too(self):
        (changed, _) = self.heard_of(lambda: self.do(
            "UpdateProperty", node_id=self.phase, property_id="name", value="Renamed"))
        self.assertEqual((changed["data"]["old_value"], changed["data"]["new_value"]),
                         ("P", "Renamed"))
        node = self.node(self.phase)
        self.assertEqual((node["name"], node["properties"]["name"]), ("Renamed", "Renamed"))
        (back, _) = self.heard_of(self.undo)
        self.assertEqual(back["event"], "graph:property-changed")
        self.assertEqual((back["data"]["old_value"], back["data"]["new_value"]), ("Renamed", "P"))
        self.assertEqual(self.node(self.phase)["name"], "P")
        self.refuse(400, "INVALID_REQUEST", "UpdateProperty", node_id=self.phase,
                    property_id="name", value=7)

    def test_deleting_a_property_can_be_undone_in_its_place(self):
        self.do("UpdateProperty", node_id=self.phase, property_id="budget", value=5)
        before = list(self.node(self.phase)["properties"].items())
        (deleted, _) = self.heard_of(
            lambda: self.do("DeleteProperty", node_id=self.phase, property_id="notes"))
        self.assertEqual(deleted["event"], "graph:property-deleted")
        self.assertEqual(deleted["data"]["old_value"], "one")
        self.assertNotIn("notes", self.node(self.phase)["properties"])
        self.refuse(404, "PROPERTY_NOT_FOUND", "DeleteProperty", "property_id",
                    node_id=self.phase, property_id="notes")
        self.undo()
        self.assertEqual(list(self.node(self.phase)["properties"].items()), before)


class Kits(ProjectTest):
    def setUp(self):
        super().setUp()
        self.kit = self.create("phase", "Kit")
        for i in range(2):
            job = self.create("job", f"J{i}", self.kit, properties={"notes": f"n{i}"})
            for k in range(2):
                self.create("task", f"T{i}{k}", job)
        self.target = self.create("phase", "Target")
        self.create("job", "Own", self.target)

    def test_a_kit_is_copied_deep_and_in_order_with_new_ids(self):
        heard = self.heard_of(
            lambda: self.do("ApplyKit", target_id=self.target, kit_root_id=self.kit))
        self.assertEqual(event_names(heard), ["graph:node-created"] * 6 + ["command:executed"])
        result = heard[-1]["data"]["result"]
        self.assertEqual(result["created"], 6)
        target, kit = self.node(self.target), self.node(self.kit)
        self.assertEqual(names_below([target]), ["Target", "Own"] + names_below(kit["children"]))
        self.assertEqual(self.children(self.target)[1:], result["node_ids"])
        self.assertEqual(target["children"][1]["properties"], kit["children"][0]["properties"])
        ids = {e["data"]["node_id"] for e in heard[:-1]}
        self.assertEqual(len(ids), 6)
        heard = self.heard_of(self.undo)
        self.assertEqual(event_names(heard), ["graph:node-deleted"] * 6 + ["command:undo"])
        self.assertEqual(names_below([self.node(self.target)]), ["Target", "Own"])
        self.redo()
        self.assertEqual(self.children(self.target)[1:], result["node_ids"])

    def test_a_kit_can_be_applied_to_itself_and_below_itself(self):
        self.do("ApplyKit", target_id=self.kit, kit_root_id=self.kit)
        self.assertEqual(len(self.children(self.kit)), 4)
        inner = self.children(self.kit)[0]
        self.do("ApplyKit", target_id=inner, kit_root_id=self.kit)
        self.assertEqual(len(self.children(inner)), 2 + 4)

    def test_an_empty_kit_makes_nothing(self):
        leaf = self.create("job", "Leaf", self.target)
        result = self.do("ApplyKit", target_id=self.target, kit_root_id=leaf)["result"]
        self.assertEqual((result["created"], result["node_ids"]), (0, []))


class Batches(ProjectTest):
    def batch(self, *commands):
        return [{"command_type": name, "data": data} for name, data in commands]

    def test_a_later_command_may_name_an_earlier_ones_node(self):
        commands = self.batch(
            ("CreateNode", {"blueprint_type_id": "phase", "parent_id": self.root, "name": "P"}),
            ("CreateNode", {"blueprint_type_id": "job", "parent_id": "$0", "name": "J"}),
            ("UpdateProperty", {"node_id": "$1", "property_id": "notes", "value": "$0"}),
            ("CreateNode", {"blueprint_type_id": "task", "parent_id": "$1", "name": "T"}))
        heard = self.heard_of(lambda: self.do("Batch", commands=commands))
        self.assertEqual(event_names(heard), [
            "graph:node-created", "graph:node-created", "graph:property-changed",
            "graph:node-created", "command:executed"])
        self.assertEqual(names_below(self.roots()), ["A project", "P", "J", "T"])
        results = heard[-1]["data"]["result"]["results"]
        self.assertEqual(len(results), 4)
        self.assertEqual(results[0]["node_id"], heard[0]["data"]["node_id"])
        job = self.node(results[1]["node_id"])
        self.assertEqual(job["properties"]["notes"], "$0")
        heard = self.heard_of(self.undo)
        self.assertEqual(event_names(heard), [
            "graph:node-deleted", "graph:property-deleted", "graph:node-deleted",
            "graph:node-deleted", "command:undo"])
        self.assertEqual(names_below(self.roots()), ["A project"])
        self.redo()
        self.assertEqual(names_below(self.roots()), ["A project", "P", "J", "T"])

    def test_a_wrong_step_takes_all_of_it_back(self):
        phase = self.create("phase", "P")
        good = ("CreateNode", {"blueprint_type_id": "phase", "parent_id": self.root})
        reorder = ("ReorderNode", {"node_id": phase, "new_index": 0})
        for wrong, status, code in (
                (("DeleteNode", {"node_id": new_id()}), 404, "NODE_NOT_FOUND"),
                (("CreateNode", {}), 400, "INVALID_REQUEST"),
                (("CreateNode", {"blueprint_type_id": "x", "parent_id": "$7"}), 400,
                 "INVALID_REQUEST"),
                (("CreateNode", {"blueprint_type_id": "x", "parent_id": "$2"}), 400,
                 "INVALID_REQUEST"),
                (("MoveNode", {"node_id": self.root, "new_parent_id": phase}), 409, "WOULD_CYCLE"),
                (("Nonsense", {}), 400, "UNKNOWN_COMMAND"),
                (("Batch", {"commands": []}), 400, "INVALID_REQUEST"),
                (("LoadGraph", {"graph": {"roots": []}}), 400, "INVALID_REQUEST"),
                (("Undo", {}), 400, "INVALID_REQUEST")):
            with self.subTest(wrong=wrong):
                error = self.refuse(status, code, "Batch",
                                    commands=self.batch(good, reorder, wrong, good))
                self.assertIn("commands[2]", error["message"] + error.get("field", ""))

    def test_what_is_no_command_is_refused_by_place(self):
        for odd in (7, "x", None, [], {"data": {}}, {"command_type": 7}):
            with self.subTest(odd=odd):
                error = self.refuse(400, "INVALID_REQUEST", "Batch", commands=[odd])
                self.assertIn("commands[0]", error["field"])

    def test_an_empty_batch_changes_nothing_and_a_long_one_is_refused(self):
        before = self.state()
        self.assertEqual(self.do("Batch", commands=[])["seq"], before["seq"] + 1)
        self.assertEqual(self.state(), {**before, "seq": before["seq"] + 1})
        one = self.batch(("CreateNode", {"blueprint_type_id": "phase"}))
        self.refuse(422, "LIMIT_BATCH", "Batch", "commands", commands=one * 1001)
        self.do("Batch", commands=one * 1000)
        self.assertEqual(self.info()["node_count"], 1001)
        self.undo()
        self.assertEqual(self.info()["node_count"], 1)


if __name__ == "__main__":
    unittest.main()
