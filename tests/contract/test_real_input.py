"""Files of the predecessor: templates are served, projects come in whole and go out whole.

GRAPHD_SAMPLES names the directory; ../shared/data beside the project is taken where it exists.
"""

import json
import os
import shutil
import sys
import tempfile
import unittest
import uuid
from pathlib import Path

import yaml
from harness import ROOT
from project_test import ProjectTest, walk

SAMPLES = Path(os.environ.get("GRAPHD_SAMPLES", ROOT.parent / "shared" / "data"))
TEMPLATES = sorted(SAMPLES.glob("templates/*.yaml"))
PROJECTS = sorted(SAMPLES.glob("projects/*.json"))
IMPOSED = {"parent_id", "indicator_id", "indicator_set", "icon_id", "children", "properties", "id",
           "type", "name"}


def setUpModule():
    if not TEMPLATES or not PROJECTS:
        print(f"\nSKIPPED: no sample files in {SAMPLES}; GRAPHD_SAMPLES names their directory",
              file=sys.stderr)
        raise unittest.SkipTest(f"no sample files in {SAMPLES}")


def as_uuid(text):
    try:
        return str(uuid.UUID(text)) if len(text) == 36 else as_uuid5(text)
    except ValueError:
        return as_uuid5(text)


def as_uuid5(text):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, text))


class Samples(ProjectTest):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="graphd-templates.")
        for path in sorted((ROOT / "graphd" / "templates").glob("*.yaml")) + TEMPLATES:
            shutil.copyfile(path, Path(cls.directory) / path.name)
        cls.server_options = {"graphd_options": ("--templates", cls.directory)}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.directory)

    def test_every_template_is_served_as_it_stands(self):
        listed = {t["id"]: t for t in self.ok(self.get("/templates"))["templates"]}
        for path in TEMPLATES:
            source = yaml.safe_load(path.read_text())
            with self.subTest(template=path.stem):
                self.assertEqual(listed[path.stem]["name"], source["name"])
                schema = self.ok(self.get(f"/templates/{path.stem}/schema"))
                types = {t["id"]: t for t in schema["node_types"]}
                self.assertEqual(list(types), [t["id"] for t in source["node_types"]])
                for node_type in source["node_types"]:
                    served = types[node_type["id"]]
                    self.assertEqual(served["name"], node_type["label"])
                    self.assertEqual(served["allowed_children"],
                                     node_type.get("allowed_children") or [])
                    self.same_properties(served, node_type)

    def same_properties(self, served, source):
        properties = source.get("properties") or []
        self.assertEqual([(p["id"], p["name"], p["required"]) for p in served["properties"]],
                         [(p["id"], p["label"], bool(p.get("required"))) for p in properties])
        for mine, theirs in zip(served["properties"], properties):
            names = [o["name"] if isinstance(o, dict) else str(o)
                     for o in theirs.get("options") or []]
            self.assertEqual([o["name"] for o in mine["options"] or []], names)

    def ways_in(self, file):
        """Each way a file comes in, as (words, roots, warnings, session)."""
        template = file.get("template_id") or file["graph"]["template_id"]
        reply = self.ok(self.post(f"/sessions/{self.session}/load-graph",
                                  {**file, "template_id": template}))
        yield "load-graph", reply["graph"]["roots"], reply.get("warnings", []), self.session
        for words, body in (("import", file), ("import as text", {"file": json.dumps(file)}),
                            ("import as YAML", {"file": yaml.safe_dump(file, sort_keys=False)})):
            reply = self.ok(self.post("/projects/import", body), 201)
            yield words, reply["graph"]["roots"], reply["warnings"], reply["session_id"]

    def test_every_project_comes_in_whole_and_in_order(self):
        for path in PROJECTS:
            file = json.loads(path.read_text())
            nodes = {as_uuid(n["id"]): n for n in file["graph"]["nodes"]}
            below = {as_uuid(c) for n in nodes.values() for c in n["children"]}
            for words, roots, _, session in self.ways_in(file):
                with self.subTest(file=path.stem, way=words):
                    self.assertEqual([n["id"] for n in roots], [i for i in nodes if i not in below])
                    found = {n["id"]: n for n in walk(roots)}
                    self.assertEqual(set(found), set(nodes))
                    self.assertEqual(self.info(session)["node_count"], len(nodes))
                    for id_, node in nodes.items():
                        self.assertEqual([c["id"] for c in found[id_]["children"]],
                                         [as_uuid(c) for c in node["children"]])
                        self.assertEqual(len(found[id_]["properties"]), len(node["properties"]))
                        self.assertEqual(list(found[id_]["properties"].values()),
                                         list(node["properties"].values()))
                        self.assertIn(found[id_]["name"], node["properties"].values())

    def test_types_and_properties_that_were_lost_are_reported_with_their_node(self):
        file = json.loads((SAMPLES / "projects" / "orphan_test_project.json").read_text())
        widget = as_uuid("ot-widg-0005-0000-0000-000000000005")
        task = as_uuid("ot-task-0004-0000-0000-000000000004")
        for words, _, warnings, _ in self.ways_in(file):
            with self.subTest(way=words):
                found = {(w.get("node_id"), w["rule"], w.get("property_id")) for w in warnings}
                self.assertIn((widget, "unknown_type", None), found)
                self.assertIn((task, "unknown_property", "risk_level"), found)
                self.assertIn((task, "unknown_property", "sprint_estimate"), found)

    def test_an_export_in_the_predecessors_shape_loses_nothing(self):
        for path in PROJECTS:
            file = json.loads(path.read_text())
            for words, roots, _, session in self.ways_in(file):
                project = self.info(session)["project_id"]
                out = self.ok(self.get(f"/projects/{project}/export?format=predecessor"))
                with self.subTest(file=path.stem, way=words):
                    self.keeps(file, out)
                    again = self.ok(self.post("/projects/import", out), 201)
                    self.assertEqual(again["graph"]["roots"], roots)

    def keeps(self, file, out):
        for key, value in file.items():
            if key not in ("graph", "template_id"):
                self.assertEqual(out[key], value, key)
        for key, value in file["graph"].items():
            if key not in ("nodes", "edges", "template_id"):
                self.assertEqual(out["graph"][key], value, key)
        found = {n["id"]: n for n in out["graph"]["nodes"]}
        for node in file["graph"]["nodes"]:
            mine = found[as_uuid(node["id"])]
            self.assertEqual(mine["children"], [as_uuid(c) for c in node["children"]])
            for key, value in node.items():
                if key not in IMPOSED:
                    self.assertEqual(mine[key], value, key)
                elif key.startswith(("indicator", "icon")):
                    self.assertEqual(mine[key], value, key)
        template = file.get("template_id") or file["graph"].get("template_id")
        self.assertEqual(out["template_id"], template)

    def test_a_loaded_project_can_be_edited_and_taken_back(self):
        for path in PROJECTS:
            file = json.loads(path.read_text())
            reply = self.ok(self.post("/projects/import", file), 201)
            self.session = reply["session_id"]
            before = self.tree()
            root = before["roots"][0]
            self.do("DeleteNode", node_id=root["id"])
            self.ok(self.undo())
            self.assertEqual(self.tree()["roots"], before["roots"])
            self.assertEqual(self.tree()["state_hash"], before["state_hash"])


if __name__ == "__main__":
    unittest.main()
