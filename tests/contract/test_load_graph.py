"""LoadGraph: the shapes it takes, and the malformed ones it refuses by node."""

import json
import unittest
import uuid

from project_test import ProjectTest, event_names, names_below, walk
from replica import Replica


def uuid5(text):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, text))


class Shapes(ProjectTest):
    def load(self, graph, template_id="restomod", status=200, **more):
        reply = self.post(f"/sessions/{self.session}/load-graph",
                          {"graph": graph, "template_id": template_id, **more})
        return self.ok(reply, status)

    def shape_b(self):
        return {"id": "g", "nodes": [
            {"id": "top", "type": "project_root", "properties": {"name": "Top", "vin": "1"},
             "children": ["two", "one"], "colour": "red"},
            {"id": "one", "blueprint_type_id": "phase", "name": "One", "properties": {},
             "child_ids": ["leaf"]},
            {"id": "two", "blueprintType": "phase", "label": "Two", "childIds": []},
            {"id": "leaf", "type": "job", "name": "Leaf", "parentId": "one"}], "edges": []}

    def test_the_predecessors_flat_list(self):
        body = self.load(self.shape_b())
        self.assertEqual(body["session_id"], self.session)
        self.assertEqual(body["template_id"], "restomod")
        # What counts is told, not what was asked for.
        body = self.load(self.shape_b(), template_id=None)
        self.assertEqual((body["template_id"], body["result"]["template_id"]), ("restomod",) * 2)
        roots = body["graph"].get("roots")
        self.assertEqual(names_below(roots), ["Top", "Two", "One", "Leaf"])
        self.assertEqual([n["id"] for n in walk(roots)],
                         [uuid5(i) for i in ("top", "two", "one", "leaf")])
        self.assertEqual([n["blueprint_type_id"] for n in walk(roots)],
                         ["project_root", "phase", "phase", "job"])

    def test_the_predecessors_map_of_nodes(self):
        ids = {name: str(uuid.uuid4()) for name in ("top", "a", "b")}
        nodes = {ids["top"]: {"id": ids["top"], "type": "project_root", "name": "Top",
                              "created_at": "2020-01-01T00:00:00", "properties": {},
                              "children": [ids["b"], ids["a"]], "parent_id": None},
                 ids["a"]: {"id": ids["a"], "type": "phase", "name": "A", "properties": {},
                            "children": [], "parent_id": ids["top"]},
                 ids["b"]: {"id": ids["b"], "type": "phase", "name": "B", "properties": {},
                            "children": [], "parent_id": ids["top"]}}
        body = self.load({"version": "1", "templates": ["restomod.yaml"], "nodes": nodes})
        self.assertEqual([n["id"] for n in walk(body["graph"]["roots"])],
                         [ids["top"], ids["b"], ids["a"]])

    def test_nested_roots(self):
        self.load({"roots": [
            {"id": "r", "type": "project_root", "name": "R", "children": [
                {"id": "x", "type": "phase", "name": "X", "children": []},
                {"id": "y", "type": "phase", "name": "Y", "children": [
                    {"id": "z", "type": "job", "name": "Z"}]}]},
            {"id": "s", "type": "phase", "name": "S", "children": []}]})
        self.assertEqual(names_below(self.roots()), ["R", "X", "Y", "Z", "S"])

    def test_what_the_tree_answers_can_be_loaded_again(self):
        phase = self.create("phase", "P", properties={"notes": [1.0, None]})
        self.create("job", "J", phase)
        before = self.tree()
        self.load({"roots": before["roots"]})
        self.assertEqual(self.tree()["roots"], before["roots"])

    def test_edges_give_parents_where_nothing_else_does(self):
        self.load({"nodes": [{"id": "a", "type": "phase", "name": "A"},
                             {"id": "b", "type": "job", "name": "B"}],
                   "edges": [{"source": "a", "target": "b"}]})
        self.assertEqual([n["name"] for n in self.roots()], ["A"])
        self.assertEqual(names_below(self.roots()), ["A", "B"])

    def test_it_is_one_step_and_undo_gives_everything_back(self):
        self.create("phase", "Before")
        before = self.tree()
        heard = self.heard_of(lambda: self.load(self.shape_b()))
        names = event_names(heard)
        self.assertEqual(names[-1], "command:executed")
        self.assertEqual(names.count("graph:node-deleted"), 2)
        self.assertEqual(names.count("graph:node-created"), 4)
        self.assertEqual(self.info()["node_count"], 4)
        self.ok(self.undo())
        self.assertEqual(self.tree()["roots"], before["roots"])
        self.assertEqual(self.tree()["state_hash"], before["state_hash"])
        self.ok(self.redo())
        self.assertEqual(names_below(self.roots()), ["Top", "Two", "One", "Leaf"])

    def test_it_gives_a_session_without_a_project_one(self):
        self.session = self.new_session()
        self.load(self.shape_b())
        info = self.info()
        self.assertEqual((info["template_id"], info["node_count"]), ("restomod", 4))
        self.assertTrue(info["project_id"])

    def test_unknown_keys_are_kept_and_come_out_again(self):
        graph = self.shape_b()
        graph["nodes"][0]["nested"] = {"b": [1.0, {"a": None}], "a": 1}
        graph["zoom"] = 1.50
        self.load(graph)
        project = self.info()["project_id"]
        reply = self.get(f"/projects/{project}/export?format=predecessor")
        text = reply.body.decode()
        self.assertIn('"nested":{"b":[1.0,{"a":null}],"a":1}', text)
        self.assertIn('"colour":"red"', text)
        self.assertIn('"zoom":1.5', text)

    def test_events_and_tree_tell_all_that_was_imported_with_a_node(self):
        graph = self.shape_b()
        graph["nodes"][1].update(icon_id="wrench", indicator_id="alert", indicator_set="status",
                                 created_at="2020", tags=["a", {"b": None}])
        self.load(graph)
        one = uuid5("one")
        self.do("UpdateProperty", node_id=one, property_id="notes", value="x")
        self.do("ApplyKit", target_id=uuid5("two"), kit_root_id=uuid5("top"))
        self.do("DeleteNode", node_id=one)
        self.ok(self.undo())
        tree = self.tree()
        told = Replica(self.session)
        told.take(self.ok(self.get(f"/sessions/{self.session}/events?since=0"))["events"])
        self.assertEqual(told.state_hash(), tree["state_hash"])
        self.assertEqual(Replica(self.session, tree).state_hash(), tree["state_hash"])

    def test_an_indicator_follows_its_property_also_when_the_tree_was_loaded_again(self):
        phase = self.create("phase")
        for more in ({}, {"template_id": "restomod"}):
            with self.subTest(**more):
                tree = self.tree()
                half = self.tree()
                del next(n for n in walk(half["roots"]) if n["id"] == phase)["indicator_set"]
                for roots in (tree["roots"], half["roots"]):
                    self.do("LoadGraph", graph={"roots": roots}, **more)
                    self.assertEqual(self.tree()["state_hash"], tree["state_hash"])
        self.do("UpdateProperty", node_id=phase, property_id="status", value=None)
        node = next(n for n in walk(self.roots()) if n["id"] == phase)
        self.assertEqual((node["indicator_id"], node["indicator_set"]), (None, None))

    def test_what_stands_around_the_graph_is_kept_but_not_who_sent_it(self):
        self.load(self.shape_b(), expanded_map={"top": True}, session_id=self.session)
        project = self.info()["project_id"]
        out = self.ok(self.get(f"/projects/{project}/export?format=predecessor"))
        self.assertEqual(out["expanded_map"], {"top": True})
        self.assertNotIn("session_id", out)

    def test_children_that_are_absent_are_dropped_with_a_warning(self):
        graph = self.shape_b()
        graph["nodes"][1]["child_ids"] = ["leaf", "ghost"]
        body = self.load(graph)
        found = [w for w in body["warnings"] if "ghost" in w["message"]]
        self.assertEqual(len(found), 1, body)
        self.assertEqual(found[0]["node_id"], uuid5("one"))
        self.assertEqual(self.info()["node_count"], 4)

    def test_a_node_with_two_parents_stays_under_one_with_a_warning(self):
        graph = self.shape_b()
        graph["nodes"][2]["childIds"] = ["leaf"]
        body = self.load(graph)
        self.assertTrue([w for w in body["warnings"] if w.get("node_id") == uuid5("leaf")])
        self.assertEqual(self.info()["node_count"], 4)

    def test_strict_refuses_what_breaks_rules(self):
        bad = {"roots": [{"id": "r", "type": "spaceship", "name": "R"}]}
        before = self.state()
        for name in ("mode", "validation"):
            reply = self.post(f"/sessions/{self.session}/load-graph",
                              {"graph": bad, "template_id": "restomod", name: "strict"})
            if name == "mode":
                self.assert_error(reply, 422, "RULE_VIOLATED")
                self.assertEqual(self.state(), before)
        self.load(self.shape_b(), mode="strict")


class Malformed(ProjectTest):
    def refused(self, graph, named=None):
        before = self.state()
        reply = self.post(f"/sessions/{self.session}/load-graph",
                          {"graph": graph, "template_id": "restomod"})
        self.assertEqual(reply.status, 400, reply)
        self.assertIn(reply.json["error"]["code"], ("INVALID_GRAPH", "INVALID_REQUEST"))
        if named:
            self.assertEqual(reply.json["error"]["code"], "INVALID_GRAPH")
            self.assertIn(named, str(reply.json["error"]))
        self.assertIn("graph", reply.json)
        self.assertEqual(self.state(), before)

    def test_cycles_are_refused_naming_a_node_of_them(self):
        self.refused({"nodes": [{"id": "self", "type": "phase", "name": "S",
                                 "children": ["self"]}]}, "self")
        self.refused({"nodes": [
            {"id": "outside", "type": "phase", "name": "O", "children": []},
            {"id": "loop-a", "type": "phase", "name": "A", "children": ["loop-b"]},
            {"id": "loop-b", "type": "phase", "name": "B", "children": ["loop-a"]}]}, "loop-")
        self.refused({"nodes": [{"id": "p", "type": "phase", "name": "P", "parent_id": "p"}]}, "p")
        ring = [{"id": f"n{i}", "type": "phase", "name": "N", "children": [f"n{(i + 1) % 500}"]}
                for i in range(500)]
        self.refused({"nodes": ring}, "n")

    def test_an_id_used_twice_is_refused_by_name(self):
        self.refused({"nodes": [{"id": "twin", "type": "phase", "name": "A"},
                                {"id": "twin", "type": "phase", "name": "B"}]}, "twin")
        self.refused({"roots": [{"id": "twin", "type": "phase", "name": "A", "children": [
            {"id": "twin", "type": "job", "name": "B"}]}]}, "twin")

    def test_a_node_that_is_none_is_refused_by_name(self):
        for node in ({"id": "odd", "name": "N"}, {"id": "odd", "type": 7, "name": "N"},
                     {"id": "odd", "type": "phase", "children": "x"},
                     {"id": "odd", "type": "phase", "properties": []},
                     {"id": "odd", "type": "phase", "children": [7]}):
            with self.subTest(node=node):
                self.refused({"nodes": [node]}, "odd")
        for node in (7, "x", None, [], {}, {"type": "phase"}, {"id": 7, "type": "phase"},
                     {"id": "", "type": "phase"}):
            with self.subTest(node=node):
                self.refused({"nodes": [node]})
                # A text among the roots is the id of a node that stands elsewhere.
                if not isinstance(node, str):
                    self.refused({"roots": [node]})

    def test_what_is_no_graph_is_refused(self):
        for graph in (7, "x", [], None, {}, {"nodes": 7}, {"roots": {}}, {"nodes": "x"},
                      {"nodes": [], "edges": 7}):
            with self.subTest(graph=graph):
                self.refused(graph)

    def test_missing_and_unknown_templates_are_refused(self):
        graph = {"roots": []}
        for template in ("nope", "../restomod", "", "restomod.yaml"):
            reply = self.post(f"/sessions/{self.session}/load-graph",
                              {"graph": graph, "template_id": template})
            self.assertEqual(reply.status, 400, reply)
            self.assertIn(reply.json["error"]["code"], ("INVALID_TEMPLATE", "INVALID_REQUEST"))
        self.session = self.new_session()
        reply = self.post(f"/sessions/{self.session}/load-graph", {"graph": graph})
        self.assertEqual(reply.status, 400, reply)

    def test_the_deepest_graph_with_the_deepest_value_is_taken_as_it_was_given(self):
        parent = self.root
        for _ in range(256):
            parent = self.create("phase", "Deeper", parent)
        value = "the bottom"
        for _ in range(30):
            value = [value]
        self.do("UpdateProperty", node_id=parent, property_id="notes", value=value)
        given = self.roots()
        for path, body in ((f"/sessions/{self.session}/load-graph", {"graph": {"roots": given}}),
                           ("/projects/import", {"graph": {"roots": given}}),
                           ("/projects/import", {"file": {"graph": {"roots": given}}}),
                           ("/projects/import", {"file": json.dumps({"roots": given})})):
            with self.subTest(path=path, body=list(body)):
                reply = self.post(path, {"template_id": "restomod", **body})
                self.assertIn(reply.status, (200, 201), str(reply)[:300])
                self.assertEqual(self.roots(reply.json["session_id"]), given)

    def test_a_leaf_may_have_256_nodes_above_it_and_no_more(self):
        def chain(n):
            return {"nodes": [{"id": f"n{i}", "type": "phase", "name": str(i),
                               "children": [f"n{i + 1}"] if i + 1 < n else []} for i in range(n)]}
        reply = self.post(f"/sessions/{self.session}/load-graph",
                          {"graph": chain(257), "template_id": "restomod"})
        self.ok(reply)
        leaf = self.roots()[0]
        for _ in range(256):
            leaf = leaf["children"][0]
        self.assertEqual(leaf["name"], "256")
        self.refuse(422, "LIMIT_DEPTH", "CreateNode", blueprint_type_id="phase",
                    parent_id=leaf["id"])
        for n in (258, 5000):
            before = self.state()
            reply = self.post(f"/sessions/{self.session}/load-graph",
                              {"graph": chain(n), "template_id": "restomod"})
            self.assert_error(reply, 422, "LIMIT_DEPTH")
            self.assertEqual(self.state(), before)
        top = self.roots()[0]["id"]
        self.do("DeleteNode", node_id=top)
        self.assertEqual(self.info()["node_count"], 0)
        self.ok(self.undo())
        self.assertEqual(self.info()["node_count"], 257)


if __name__ == "__main__":
    unittest.main()
