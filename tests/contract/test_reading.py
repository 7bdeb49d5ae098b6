"""Reading the graph: whole, in part, in the past; search; entity tags."""

import hashlib
import shutil
import tempfile
import unittest
from pathlib import Path

from harness import ROOT
from project_test import NOWHERE, ProjectTest, names_below, new_id, walk

NODE_FIELDS = {"id", "blueprint_type_id", "name", "properties", "children", "parent_id",
               "indicator_id", "indicator_set", "icon_id"}


class Tree(ProjectTest):
    def setUp(self):
        super().setUp()
        self.phase = self.create("phase", "Body")
        self.job = self.create("job", "Sills", self.phase)
        self.task = self.create("task", "Weld", self.job)
        self.create("phase", "Engine")

    def test_the_tree_has_every_field_of_a_node(self):
        tree = self.tree()
        for node in walk(tree["roots"]):
            self.assertEqual(NODE_FIELDS - set(node), set(), node)
        info = self.info()
        for field in ("project_id", "seq", "log_id", "state_hash"):
            self.assertEqual(tree[field], info[field])
        self.assertRegex(tree["state_hash"], "^[0-9a-f]{32}$")

    def test_the_same_tree_is_had_on_every_way(self):
        roots = self.roots()
        answer = self.ok(self.get(f"/sessions/{self.session}/graph"))
        self.assertEqual(answer["graph"]["roots"], roots)
        self.assertEqual(self.ok(self.get(f"/graph?session_id={self.session}"))["roots"], roots)
        header = {"X-Session-Id": self.session}
        self.assertEqual(self.ok(self.get("/graph", header))["roots"], roots)
        self.assert_error(self.get("/graph"), 400, "INVALID_REQUEST", "session_id")
        self.assert_error(self.get(f"/graph?session_id={NOWHERE}"), 404, "INVALID_SESSION")

    def test_a_part_is_had_by_node_and_depth(self):
        tree = self.tree(query=f"?node_id={self.phase}")
        self.assertEqual(names_below(tree["roots"]), ["Body", "Sills", "Weld"])
        self.assertEqual(tree["state_hash"], self.info()["state_hash"])
        for depth, names in ((0, ["Body"]), (1, ["Body", "Sills"]), (9, ["Body", "Sills", "Weld"])):
            tree = self.tree(query=f"?node_id={self.phase}&depth={depth}")
            self.assertEqual(names_below(tree["roots"]), names, depth)
        self.assertEqual(names_below(self.tree(query="?depth=1")["roots"]),
                         ["A project", "Body", "Engine"])

    def test_an_odd_part_is_refused_by_name(self):
        for query, status, code, field in (
                (f"node_id={NOWHERE}", 404, "NODE_NOT_FOUND", "node_id"),
                ("node_id=x", 400, "INVALID_REQUEST", "node_id"),
                ("depth=-1", 400, "INVALID_REQUEST", "depth"),
                ("depth=x", 400, "INVALID_REQUEST", "depth"),
                ("depth=99999999999999999999", 400, "INVALID_REQUEST", "depth"),
                ("at=-1", 400, "INVALID_REQUEST", "at"),
                ("at=999999", 400, "INVALID_REQUEST", "at")):
            with self.subTest(query=query):
                reply = self.get(f"/sessions/{self.session}/graph/tree?{query}")
                self.assert_error(reply, status, code, field)

    def test_the_past_is_had_by_seq(self):
        seen = []
        for i in range(5):
            self.create("phase", f"Phase {i}", index=0)
            seen.append(self.tree())
        self.do("DeleteNode", node_id=self.phase)
        seen.append(self.tree())
        self.undo()
        seen.append(self.tree())
        for then in seen:
            again = self.tree(query=f"?at={then['seq']}")
            self.assertEqual(again["roots"], then["roots"])
            self.assertEqual((again["seq"], again["state_hash"]),
                             (then["seq"], then["state_hash"]))
        part = self.tree(query=f"?at={seen[0]['seq']}&node_id={self.phase}&depth=1")
        self.assertEqual(names_below(part["roots"]), ["Body", "Sills"])

    def test_an_unchanged_tree_is_not_sent_again(self):
        path = f"/sessions/{self.session}/graph/tree"
        first = self.get(path)
        tag = first.headers["etag"]
        self.assertIn(first.json["state_hash"], tag)
        for value in (tag, f'"x", {tag}', f"W/{tag}", "*"):
            with self.subTest(value=value):
                again = self.get(path, {"If-None-Match": value})
                self.assertEqual((again.status, again.body), (304, b""))
                self.assertEqual(again.headers["etag"], tag)
                self.assertEqual(again.headers["content-length"], str(len(first.body)))
        self.assertEqual(self.get(path, {"If-None-Match": '"x"'}).status, 200)
        self.create()
        changed = self.get(path, {"If-None-Match": tag})
        self.assertEqual(changed.status, 200)
        self.assertNotEqual(changed.headers["etag"], tag)
        self.undo()
        self.assertEqual(self.get(path, {"If-None-Match": tag}).status, 304)


class NodeAndSearch(ProjectTest):
    def setUp(self):
        super().setUp()
        self.project = self.info()["project_id"]
        self.phase = self.create("phase", "Body work", properties={"notes": "Rusty SILLS"})
        self.job = self.create("job", "Sills", self.phase, properties={"notes": "both"})
        self.create("job", "Doors", self.phase, properties={"notes": "both"})

    def search(self, **body):
        return self.ok(self.post(f"/projects/{self.project}/graph/search", body))

    def names(self, **body):
        found = self.search(**body)
        self.assertGreaterEqual(found["total"], len(found["nodes"]))
        return [node["name"] for node in found["nodes"]]

    def test_a_node_is_had_with_what_is_below_it(self):
        path = f"/projects/{self.project}/graph/nodes"
        answer = self.ok(self.get(f"{path}/{self.phase}"))
        node = answer.get("node", answer)
        self.assertEqual(node, self.node(self.phase))
        self.assert_error(self.get(f"{path}/{NOWHERE}"), 404, "NODE_NOT_FOUND")
        self.assert_error(self.get(f"/projects/{NOWHERE}/graph/nodes/{self.phase}"), 404,
                          "PROJECT_NOT_FOUND")

    def test_text_is_found_in_names_and_properties_whatever_the_case(self):
        self.assertEqual(sorted(self.names(text="sills")), ["Body work", "Sills"])
        self.assertEqual(self.names(text="DOORS"), ["Doors"])
        self.assertEqual(self.names(text="nothing like it"), [])

    def test_type_and_property_narrow_the_search(self):
        self.assertEqual(sorted(self.names(blueprint_type_id="job")), ["Doors", "Sills"])
        self.assertEqual(self.names(blueprint_type_id="job", text="sills"), ["Sills"])
        self.assertEqual(sorted(self.names(property={"notes": "both"})), ["Doors", "Sills"])
        self.assertEqual(self.names(property={"notes": "both", "name": "x"}), [])

    def test_a_property_is_found_by_its_value_however_that_was_written(self):
        body = ('{"session_id":"%s","command_type":"CreateNode","data":{"blueprint_type_id":'
                '"task","name":"Sp\\u00e4t","properties":{"notes":"caf\\u00e9 \\/","hours":2.0,'
                '"more":{"b":[1e2],"a":"\\ud83d\\ude00"}}}}' % self.session)
        self.ok(self.post("/commands/execute", body))
        for wanted in ({"notes": "café /"}, {"hours": 2}, {"more": {"a": "😀", "b": [100]}},
                       {"name": "Spät"}, {"name": "Spät", "hours": 2}):
            with self.subTest(wanted=wanted):
                self.assertEqual(self.names(property=wanted), ["Spät"])
        for other in ({"notes": "cafe /"}, {"hours": "2"}, {"more": {"b": [100]}}, {"name": "S"},
                      {"nothing": None}):
            with self.subTest(other=other):
                self.assertEqual(self.names(property=other), [])

    def test_no_more_than_the_limit_come_and_all_are_counted(self):
        found = self.search(limit=1)
        self.assertEqual((len(found["nodes"]), found["total"]), (1, 4))
        for limit in (0, -1, "1", 1.5):
            reply = self.post(f"/projects/{self.project}/graph/search", {"limit": limit})
            self.assert_error(reply, 400, "INVALID_REQUEST", "limit")

    def test_a_saved_project_that_is_not_open_is_searched_too(self):
        self.ok(self.post(f"/projects/{self.project}/save"))
        self.ok(self.http.delete(f"/api/v1/sessions/{self.session}"))
        self.assertEqual(self.names(text="doors"), ["Doors"])


class Templates(ProjectTest):
    def test_the_shipped_blueprints_are_listed_and_served(self):
        listed = self.ok(self.get("/templates"))["templates"]
        self.assertEqual({"restomod", "software_development", "book"} - {t["id"] for t in listed},
                         set())
        for template in listed:
            self.assertEqual({"id", "name", "description"} - set(template), set())
            schema = self.ok(self.get(f"/templates/{template['id']}/schema"))
            self.assertEqual((schema["id"], schema["name"]), (template["id"], template["name"]))
            types = {t["id"] for t in schema["node_types"]}
            self.assertEqual(len(types), len(schema["node_types"]))
            for node_type in schema["node_types"]:
                self.assertLessEqual({"id", "name", "icon", "allowed_children", "properties"},
                                     set(node_type))
                self.assertLessEqual(set(node_type["allowed_children"]), types)
                for prop in node_type["properties"]:
                    self.assertLessEqual({"id", "name", "type", "required", "indicator_set",
                                          "options"}, set(prop))
                    for option in prop["options"] or []:
                        self.assertLessEqual({"id", "name", "indicator_id"}, set(option))

    def test_option_ids_are_those_that_live_in_saved_projects(self):
        schema = self.ok(self.get("/templates/restomod/schema"))
        count = 0
        for node_type in schema["node_types"]:
            for prop in node_type["properties"]:
                for option in prop["options"] or []:
                    text = f"{node_type['id']}.{prop['id']}:{option['name']}"
                    digest = hashlib.sha1(text.encode()).hexdigest()[:32]
                    self.assertEqual(option["id"].replace("-", ""), digest, text)
                    count += 1
        self.assertGreater(count, 15)
        phase = [t for t in schema["node_types"] if t["id"] == "phase"][0]
        status = [p for p in phase["properties"] if p["id"] == "status"][0]
        self.assertEqual([o["name"] for o in status["options"]],
                         ["Planned", "In Progress", "Completed"])
        self.assertEqual(status["options"][0]["id"], "24702b82-a400-7171-0d70-6f60079fa142")

    def test_an_unknown_template_is_not_found(self):
        for name in ("nope", "restomod.yaml", "..%2frestomod", "%2e%2e", "a" * 65,
                     "%2Fetc%2Fpasswd", "restomod%00", "..%5crestomod", "a" * 300, new_id(),
                     "Restomod"):
            with self.subTest(name=name):
                reply = self.get(f"/templates/{name}/schema")
                self.assertIn(reply.status, (400, 404), reply)
                if reply.status == 404:
                    self.assertIn(reply.json["error"]["code"], ("TEMPLATE_NOT_FOUND", "NOT_FOUND"))


class TemplateDirectory(ProjectTest):
    """A directory that holds more than blueprints."""

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(tempfile.mkdtemp(prefix="graphd-templates."))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        for path in (ROOT / "graphd" / "templates").glob("*.yaml"):
            shutil.copyfile(path, cls.directory / path.name)
        outside = Path(tempfile.mkdtemp(prefix="graphd-outside."))
        cls.addClassCleanup(shutil.rmtree, outside)
        (outside / "secret.yaml").write_text("name: SECRET\nnode_types: [{id: a, label: SECRET}]\n")
        (cls.directory / "linked.yaml").symlink_to(outside / "secret.yaml")
        (cls.directory / "folder").symlink_to(outside)
        (cls.directory / "nested").mkdir()
        (cls.directory / "nested" / "inner.yaml").write_text("name: N\nnode_types: []\n")
        (cls.directory / "odd name.yaml").write_text("name: Odd\nnode_types: []\n")
        (cls.directory / "notes.txt").write_text("not a blueprint")
        cls.server_options = {"graphd_options": ("--templates", cls.directory)}
        super().setUpClass()

    def test_only_blueprints_of_the_directory_itself_are_templates(self):
        listed = {t["id"] for t in self.ok(self.get("/templates"))["templates"]}
        self.assertEqual(listed, {"restomod", "software_development", "book"})

    def test_nothing_outside_is_reached_by_links_or_names(self):
        for name in ("linked", "folder%2fsecret", "nested%2finner", "odd%20name", "notes",
                     "notes.txt", "folder"):
            reply = self.get(f"/templates/{name}/schema")
            self.assertIn(reply.status, (400, 404), (name, reply))
            self.assertNotIn(b"SECRET", reply.body)
        for name in ("linked", "folder/secret", "odd name", "nested/inner"):
            reply = self.post("/projects", {"template_id": name, "project_name": "P"})
            self.assert_error(reply, 400, "INVALID_TEMPLATE")


class Assets(ProjectTest):
    def svg(self, path):
        reply = self.get(path)
        self.assertEqual(reply.status, 200, reply)
        self.assertTrue(reply.headers["content-type"].startswith("image/svg+xml"))
        self.assertIn(b"<svg", reply.body)

    def test_every_icon_of_the_catalog_is_served(self):
        icons = self.ok(self.get("/icons/catalog"))["icons"]
        self.assertTrue(icons)
        for icon in icons:
            self.assertLessEqual({"id", "file", "description"}, set(icon))
            self.svg(f"/icons/{icon['id']}")
        for name in ("nope", "..%2fcatalog", "catalog.json", "phase.svg", "%00", "a" * 300):
            reply = self.get(f"/icons/{name}")
            self.assertIn(reply.status, (400, 404), name)
        self.assert_error(self.get("/icons/nope"), 404, "ICON_NOT_FOUND")

    def test_pictures_may_be_kept_and_are_asked_about_by_their_tag(self):
        paths = ("/icons/catalog", "/indicators/catalog", "/indicators/status/empty",
                 "/indicators/status/empty/theme",
                 f"/icons/{self.get('/icons/catalog').json['icons'][0]['id']}")
        tags = set()
        for path in paths:
            with self.subTest(path=path):
                reply = self.get(path)
                self.assertEqual(reply.headers["cache-control"], "public, max-age=3600")
                self.assertEqual(reply.headers["vary"], "Origin")
                tag = reply.headers["etag"]
                tags.add(tag)
                again = self.get(path, {"If-None-Match": f'"other", {tag}'})
                self.assertEqual((again.status, again.body, again.headers["etag"]), (304, b"", tag))
                self.assertEqual(self.get(path, {"If-None-Match": '"other"'}).body, reply.body)
        self.assertEqual(len(tags), len(paths))
        self.assertEqual(self.get("/icons/nope").headers["cache-control"], "no-store")

    def test_every_icon_a_blueprint_names_exists(self):
        for template in self.ok(self.get("/templates"))["templates"]:
            for node_type in self.ok(self.get(f"/templates/{template['id']}/schema"))["node_types"]:
                if node_type["icon"]:
                    self.svg(f"/icons/{node_type['icon']}")

    def test_every_indicator_of_the_catalog_has_a_picture_and_a_theme(self):
        sets = self.ok(self.get("/indicators/catalog"))["indicator_sets"]
        self.assertIn("status", sets)
        for name in ("empty", "partial", "filled", "alert", "available"):
            self.svg(f"/indicators/status/{name}")
            theme = self.ok(self.get(f"/indicators/status/{name}/theme"))
            self.assertLessEqual({"indicator_color", "text_color"}, set(theme))
        theme = self.ok(self.get("/indicators/status/empty/theme"))
        self.assertEqual((theme["indicator_color"], theme["text_color"]), ("#888888", "#888888"))

    def test_an_unknown_indicator_is_not_found(self):
        for path in ("/indicators/status/nope", "/indicators/nope/empty", "/indicators/nope",
                     "/indicators/status/nope/theme", "/indicators/..%2f/x", "/indicators/status",
                     "/indicators/%2e%2e/catalog.json"):
            self.assertIn(self.get(path).status, (400, 404), path)
        self.assert_error(self.get("/indicators/status/nope"), 404, "NOT_FOUND")


if __name__ == "__main__":
    unittest.main()
