"""Projects over REST: made, saved, opened, removed, taken out and brought in."""

import json
import unittest

import tables
from project_test import API, NOWHERE, ProjectTest, event_names, names_below


class Create(ProjectTest):
    def test_a_project_begins_with_one_root_of_the_first_type(self):
        for template in self.ok(self.get("/templates"))["templates"]:
            schema = self.ok(self.get(f"/templates/{template['id']}/schema"))
            reply = self.post("/projects", {"template_id": template["id"], "project_name": "Mine"})
            body = self.ok(reply, 201)
            with self.subTest(template=template["id"]):
                for field in tables.reply_fields("CreateProject"):
                    self.assertIn(field, body)
                (root,) = body["graph"]["roots"]
                self.assertEqual(root["blueprint_type_id"], schema["node_types"][0]["id"])
                self.assertEqual((root["name"], root["parent_id"], root["children"]),
                                 ("Mine", None, []))
                self.assertEqual(self.info(body["session_id"])["project_id"], body["project_id"])

    def test_a_missing_or_mistyped_field_is_refused_by_name(self):
        good = {"template_id": "restomod", "project_name": "P"}
        total = self.ok(self.get("/sessions"))["total"]
        for field in good:
            for body in ({k: v for k, v in good.items() if k != field}, {**good, field: None},
                         {**good, field: 7}, {**good, field: []}):
                with self.subTest(body=body):
                    self.assert_error(self.post("/projects", body), 400, "INVALID_REQUEST", field)
        for field, value in (("session_id", True), ("session_id", 7), ("validation", "loose"),
                             ("project_name", ""), ("project_name", "x" * 2000)):
            with self.subTest(field=field):
                reply = self.post("/projects", {**good, field: value})
                self.assertIn(reply.status, (400, 422), reply)
                self.assertEqual(reply.json["error"].get("field"), field, reply)
        self.assertEqual(self.ok(self.get("/sessions"))["total"], total)

    def test_an_unknown_template_is_refused(self):
        for template in ("nope", "", "../restomod", "restomod.yaml", "RESTOMOD", "a" * 65,
                         "rest%6fmod", "restomod\x00", "/etc/passwd", "..", "__proto__"):
            with self.subTest(template=template):
                reply = self.post("/projects", {"template_id": template, "project_name": "P"})
                self.assertEqual(reply.status, 400, reply)
                self.assertIn(reply.json["error"]["code"], ("INVALID_TEMPLATE", "INVALID_REQUEST"))

    def test_a_project_can_replace_another_in_a_live_session(self):
        listener = self.websocket()
        project = self.info()["project_id"]
        body = self.ok(self.post("/projects", {"template_id": "book", "project_name": "Novel",
                                               "session_id": self.session}), 201)
        self.assertEqual(body["session_id"], self.session)
        self.assertNotEqual(body["project_id"], project)
        changed = listener.await_event("session:project-changed")
        self.assertEqual(changed["data"]["project_id"], body["project_id"])
        self.assertEqual(self.info()["template_id"], "book")
        self.assertEqual(names_below(self.roots()), ["Novel"])
        reply = self.post("/projects", {"template_id": "book", "project_name": "Novel",
                                        "session_id": NOWHERE})
        self.assert_error(reply, 404, "INVALID_SESSION")


class Saved(ProjectTest):
    def setUp(self):
        super().setUp()
        self.project = self.info()["project_id"]

    def save(self, headers=None):
        return self.post(f"/projects/{self.project}/save", {}, headers)

    def test_saving_stores_a_revision_and_says_so(self):
        listener = self.websocket()
        self.create()
        saved = self.ok(self.save())
        for field in tables.reply_fields("SaveProject"):
            self.assertIn(field, saved)
        self.assertEqual(saved["revision"], 1)
        self.assertEqual(listener.await_event("project:saved")["data"]["revision"], 1)
        self.assertIs(self.info()["is_dirty"], False)
        self.create()
        self.assertEqual(self.ok(self.save())["revision"], 2)

    def test_of_several_sessions_on_a_project_the_one_that_is_named_is_saved(self):
        self.create("phase", "Here")
        self.ok(self.save())
        others = [self.ok(self.post(f"/projects/{self.project}/open"))["session_id"]
                  for _ in range(2)]
        path = f"/projects/{self.project}/save"
        for i, session in enumerate([self.session, *others]):
            self.ok(self.execute(session, "CreateNode", blueprint_type_id="phase", name=f"N{i}"))
        for i, session in enumerate([self.session, *others]):
            self.assertEqual(self.ok(self.post(path, {"session_id": session}))["session_id"],
                             session)
            saved = self.ok(self.get(f"/projects/{self.project}"))
            self.assertEqual(names_below(saved["graph"]["roots"])[-1], f"N{i}")
        self.assert_error(self.post(path, {"session_id": NOWHERE}), 404, "INVALID_SESSION",
                          "session_id")
        stranger, _ = self.new_project()
        self.assert_error(self.post(path, {"session_id": stranger}), 404, "PROJECT_NOT_FOUND")

    def test_if_match_guards_against_lost_revisions(self):
        first = self.save()
        self.assertEqual(self.ok(first)["revision"], 1)
        self.assertEqual(first.headers["etag"].strip('"'), "1")
        self.assertEqual(self.ok(self.save({"If-Match": '"1"'}))["revision"], 2)
        late = self.save({"If-Match": '"1"'})
        self.assert_error(late, 412, "PRECONDITION_FAILED", "If-Match")
        self.assertIn("2", json.dumps(late.json["error"].get("details")) + late.headers.get(
            "etag", ""))
        self.assertEqual(self.ok(self.get(f"/projects/{self.project}"))["revision"], 2)
        for odd in ("nonsense", '"x"', '"-1"'):
            self.assertIn(self.save({"If-Match": odd}).status, (400, 412), odd)

    def test_if_match_takes_what_rfc_9110_13_1_1_says(self):
        self.assert_error(self.save({"If-Match": "*"}), 412, "PRECONDITION_FAILED", "If-Match")
        self.assertEqual(self.ok(self.save())["revision"], 1)
        for good, revision in (('"7", "1"', 2), ("*", 3), ('"other",W/"3" , "3"', 4)):
            self.assertEqual(self.ok(self.save({"If-Match": good}))["revision"], revision, good)
        for late in ('W/"4"', '"1", "2", "3"', '"x"', '"04"'):
            self.assert_error(self.save({"If-Match": late}), 412, "PRECONDITION_FAILED")
        for wrong in ("4", '"4', '"4" "5"', '*, "4"'):
            self.assert_error(self.save({"If-Match": wrong}), 400, "INVALID_REQUEST", "If-Match")

    def test_a_save_is_answered_whatever_tag_is_known(self):
        for known in ("*", '"1"', '"2"'):
            reply = self.save({"If-None-Match": known})
            self.assertEqual(self.ok(reply)["revision"], int(reply.headers["etag"].strip('"')))

    def test_a_saved_project_can_be_read_and_listed(self):
        self.create("phase", "Paint")
        self.ok(self.save())
        self.create("phase", "Not saved")
        project = self.ok(self.get(f"/projects/{self.project}"))
        for field in tables.reply_fields("GetProject"):
            self.assertIn(field, project)
        self.assertEqual(names_below(project["graph"]["roots"]), ["A project", "Paint"])
        listed = {p["project_id"]: p for p in self.ok(self.get("/projects"))["projects"]}
        mine = listed[self.project]
        self.assertEqual({k: mine[k] for k in ("name", "template_id", "revision", "saved_at")},
                         {k: project[k] for k in ("name", "template_id", "revision", "saved_at")})

    def test_an_unsaved_or_unknown_project_is_not_found(self):
        for project in (self.project, NOWHERE):
            self.assert_error(self.get(f"/projects/{project}"), 404, "PROJECT_NOT_FOUND")
            self.assert_error(self.http.delete(f"{API}/projects/{project}"), 404,
                              "PROJECT_NOT_FOUND")
            self.assert_error(self.post(f"/projects/{project}/open"), 404, "PROJECT_NOT_FOUND")
        self.assert_error(self.post(f"/projects/{NOWHERE}/save"), 404, "PROJECT_NOT_FOUND")
        self.assert_error(self.get(f"/projects/{NOWHERE}/export"), 404, "PROJECT_NOT_FOUND")
        self.assert_error(self.post(f"/projects/{NOWHERE}/graph/search"), 404, "PROJECT_NOT_FOUND")

    def test_a_removed_project_is_gone_but_its_session_goes_on(self):
        self.ok(self.save())
        self.ok(self.http.delete(f"{API}/projects/{self.project}"))
        self.assert_error(self.get(f"/projects/{self.project}"), 404, "PROJECT_NOT_FOUND")
        self.create()
        self.assertEqual(self.info()["node_count"], 2)

    def test_opening_makes_a_session_with_the_saved_graph(self):
        self.create("phase", "Paint")
        self.ok(self.save())
        opened = self.ok(self.post(f"/projects/{self.project}/open"))
        for field in tables.reply_fields("OpenProject"):
            self.assertIn(field, opened)
        self.assertNotEqual(opened["session_id"], self.session)
        self.assertEqual(self.info(opened["session_id"])["state_hash"], self.info()["state_hash"])
        self.assertEqual(opened["graph"]["roots"], self.roots())

    def test_opening_into_a_live_session_tells_its_clients(self):
        self.create("phase", "Paint")
        self.ok(self.save())
        other, _ = self.new_project("book", "Novel")
        listener = self.websocket(other)
        self.ok(self.post(f"/projects/{self.project}/open", {"session_id": other}))
        heard = [listener.await_event(lambda e: e["event"] in (
            "session:project-changed", "project:loaded")) for _ in range(2)]
        self.assertEqual(set(event_names(heard)), {"session:project-changed", "project:loaded"})
        loaded = [e for e in heard if e["event"] == "project:loaded"][0]
        self.assertEqual(names_below(loaded["data"]["graph"]["roots"]), ["A project", "Paint"])
        self.assertEqual(self.info(other)["state_hash"], self.info()["state_hash"])
        self.assertEqual(self.info(other)["template_id"], "restomod")
        reply = self.post(f"/projects/{self.project}/open", {"session_id": NOWHERE})
        self.assert_error(reply, 404, "INVALID_SESSION")


class Lists(ProjectTest):
    def saved(self, name):
        session, _ = self.new_project(name=name)
        project = self.info(session)["project_id"]
        self.ok(self.post(f"/projects/{project}/save", {"session_id": session}))
        return project

    def page(self, query):
        page = self.ok(self.get(f"/projects?limit=2{query}"))
        return [p["project_id"] for p in page["projects"]], page["next_cursor"]

    def test_a_list_goes_on_behind_a_project_that_was_deleted_between_its_pages(self):
        names = ["A", "A", "A", "Ö & #", "Ö & #", "ü" * 512]
        wanted = [self.saved(name) for name in names]
        first, cursor = self.page("")
        found = first
        while cursor:
            self.ok(self.http.delete(f"{API}/projects/{found[-1]}"))
            more, cursor = self.page(f"&cursor={cursor}")
            found = found + more
        self.assertCountEqual(found, wanted)


class Files(ProjectTest):
    def setUp(self):
        super().setUp()
        self.project = self.info()["project_id"]
        phase = self.create("phase", "Paint", properties={"notes": "ä\u2028 😀", "budget": 1.50})
        self.create("job", "Sand", phase)
        self.create("phase", "First", index=0)

    def export(self, query=""):
        return self.get(f"/projects/{self.project}/export{query}")

    def test_what_is_exported_comes_in_again_whole(self):
        for query in ("", "?format=native", "?format=predecessor", "?history=true"):
            file = self.ok(self.export(query))
            for body in (file, {"file": file}, {"file": json.dumps(file)}):
                with self.subTest(query=query, body=sorted(body)):
                    made = self.ok(self.post("/projects/import", body), 201)
                    self.assertEqual(made["graph"]["roots"], self.roots())
                    self.assertEqual(made["warnings"], [])
                    self.assertEqual(self.info(made["session_id"])["template_id"], "restomod")

    def saved_roots(self):
        self.ok(self.post(f"/projects/{self.project}/save", {"session_id": self.session}))
        return self.roots()

    def assert_comes_in_with_history(self, roots):
        made = self.ok(self.post("/projects/import", self.ok(self.export("?history=true"))), 201)
        self.assertEqual(made["graph"]["roots"], roots)
        self.assertTrue(self.info(made["session_id"])["undo_available"])

    def test_the_history_of_a_saved_project_ends_where_its_session_took_another(self):
        roots = self.saved_roots()
        self.ok(self.post("/projects", {"template_id": "book", "project_name": "Another",
                                        "session_id": self.session}), 201)
        self.assertEqual(self.ok(self.export("?history=true"))["project_id"], self.project)
        self.assert_comes_in_with_history(roots)

    def test_the_history_of_a_saved_project_outlives_its_session(self):
        roots = self.saved_roots()
        self.ok(self.http.delete(f"{API}/sessions/{self.session}"))
        self.assert_comes_in_with_history(roots)

    def test_so_is_the_deepest_value_that_a_command_may_set(self):
        value = json.loads("[" * 30 + "]" * 30)
        self.do("UpdateProperty", node_id=self.root, property_id="notes", value=value)
        self.refuse(400, "INVALID_REQUEST", "UpdateProperty", node_id=self.root,
                    property_id="notes", value=[value])
        for query in ("?format=native", "?format=predecessor"):
            file = {**self.ok(self.export(query)), "unknown": value}
            made = self.ok(self.post("/projects/import", file), 201)
            self.assertEqual(made["graph"]["roots"], self.roots())
            again = self.ok(self.get(f"/projects/{made['project_id']}/export{query}"))
            self.assertEqual(again["graph"], file["graph"])

    def test_a_yaml_file_comes_in_too(self):
        file = ("templates: [restomod.yaml]\nversion: '1.0'\nnodes:\n"
                "  top:\n    id: top\n    type: project_root\n    name: Från YAML\n"
                "    children: [below]\n  below:\n    id: below\n    type: phase\n"
                "    name: Below\n    properties: {budget: 3, notes: 'yes'}\n"
                "    parent_id: top\n    children: []\n")
        for body in ({"file": file}, file.encode()):
            made = self.ok(self.post("/projects/import", body), 201)
            with self.subTest(raw=isinstance(body, bytes)):
                self.assertEqual(names_below(made["graph"]["roots"]), ["Från YAML", "Below"])
                below = made["graph"]["roots"][0]["children"][0]
                self.assertEqual((below["properties"]["budget"], below["properties"]["notes"]),
                                 (3, "yes"))

    def test_an_odd_format_is_refused_by_name(self):
        self.assert_error(self.export("?format=pdf"), 400, "INVALID_REQUEST", "format")
        self.assert_error(self.export("?history=maybe"), 400, "INVALID_REQUEST", "history")

    def test_a_bad_file_is_refused_and_makes_nothing(self):
        total = self.ok(self.get("/sessions"))["total"]
        for file in ({}, {"graph": []}, {"nodes": 7}, [], 7, "", "{", "a: [b", {"graph": {}},
                     {"format": "graphd-project", "version": 99, "graph": {"nodes": []}},
                     {"graph": {"nodes": [{"type": "phase"}]}}):
            with self.subTest(file=file):
                reply = self.post("/projects/import", {"file": file})
                self.assertEqual(reply.status, 400, reply)
                self.assertIn(reply.json["error"]["code"], ("INVALID_GRAPH", "INVALID_REQUEST"))
        self.assertEqual(self.ok(self.get("/sessions"))["total"], total)

    def test_a_file_without_a_template_takes_the_one_named_beside_it(self):
        file = {"graph": {"nodes": [{"id": "a", "type": "scene", "properties": {"name": "A"}}]}}
        reply = self.post("/projects/import", {"file": file, "template_id": "book",
                                               "project_name": "Mine"})
        made = self.ok(reply, 201)
        self.assertEqual(self.info(made["session_id"])["template_id"], "book")
        for template in ("nope", "../book"):
            reply = self.post("/projects/import", {"file": file, "template_id": template})
            self.assertEqual(reply.status, 400, reply)
            self.assertIn(reply.json["error"]["code"], ("INVALID_TEMPLATE", "INVALID_REQUEST"))

    def test_a_project_is_called_as_its_first_root_unless_it_is_said(self):
        nodes = [{"id": "a", "type": "scene", "name": "The storm"},
                 {"id": "b", "type": "scene", "name": "The calm"}]
        for file, more, name in (
                ({"graph": {"nodes": nodes}}, {}, "The storm"),
                ({"graph": {"nodes": nodes}}, {"project_name": "Mine"}, "Mine"),
                ({"graph": {"nodes": nodes}, "project_name": "Its own"}, {"project_name": "Mine"},
                 "Its own"),
                ({"graph": {"nodes": []}}, {}, "Imported project")):
            body = {"file": file, "template_id": "book", **more}
            made = self.ok(self.post("/projects/import", body), 201)
            saved = self.ok(self.get(f"/projects/{made['project_id']}"))
            self.assertEqual(saved["name"], name)

    def test_a_template_that_is_not_here_is_a_warning_and_no_ground_for_strict_rules(self):
        file = {"graph": {"nodes": [{"id": "a", "type": "any", "name": "A"}]},
                "template_id": "elsewhere"}
        made = self.ok(self.post("/projects/import", file), 201)
        (warning,) = made["warnings"]
        self.assertEqual(warning["rule"], "unknown_template")
        self.assertIn("elsewhere", warning["message"])
        self.assertEqual(self.info(made["session_id"])["template_id"], "elsewhere")
        reply = self.post("/projects/import", {"file": file, "mode": "strict"})
        self.assert_error(reply, 400, "INVALID_TEMPLATE", "template_id")
        inner = {"nodes": file["graph"]["nodes"], "template_id": "elsewhere"}
        reply = self.post(f"/sessions/{self.session}/load-graph", {"graph": inner,
                                                                   "mode": "strict"})
        self.assert_error(reply, 400, "INVALID_TEMPLATE", "template_id")


if __name__ == "__main__":
    unittest.main()
