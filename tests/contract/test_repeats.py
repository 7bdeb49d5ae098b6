"""A request sent twice is done once: command_id and Idempotency-Key."""

import unittest

from project_test import API, ProjectTest, new_id


class CommandIds(ProjectTest):
    def send(self, command_id, command_type="CreateNode", session=None, **data):
        return self.post("/commands/execute", {
            "session_id": session or self.session, "command_type": command_type, "data": data,
            "command_id": command_id})

    def test_the_same_id_again_gives_the_first_answer_and_does_nothing(self):
        id_ = new_id()
        first = self.send(id_, blueprint_type_id="phase", name="Once", parent_id=self.root)
        self.assertEqual(first.json["command_id"], id_)
        self.create("phase", "Between")
        before = self.state()
        again = self.send(id_, blueprint_type_id="phase", name="Once", parent_id=self.root)
        self.assertEqual(again.status, first.status)
        for field in ("command_id", "node_id", "seq", "result", "success"):
            self.assertEqual(again.json[field], first.json[field])
        self.assertIn("graph", again.json)
        self.assertEqual(self.state(), before)

    def test_a_refusal_is_remembered_too(self):
        id_, node = new_id(), new_id()
        first = self.send(id_, "DeleteNode", node_id=node)
        self.assert_error(first, 404, "NODE_NOT_FOUND")
        self.create("phase", "Now it is there", node_id=node)
        again = self.send(id_, "DeleteNode", node_id=node)
        self.assertEqual((again.status, again.json["error"]), (404, first.json["error"]))

    def test_the_same_id_with_other_content_is_refused(self):
        id_ = new_id()
        self.ok(self.send(id_, blueprint_type_id="phase", name="One"))
        before = self.state()
        for command_type, data in (("CreateNode", {"blueprint_type_id": "phase", "name": "Two"}),
                                   ("DeleteNode", {"node_id": self.root})):
            reply = self.send(id_, command_type, **data)
            self.assert_error(reply, 422, "IDEMPOTENCY_MISMATCH")
            self.assertEqual(reply.json["graph"]["roots"], self.roots())
        self.assertEqual(self.state(), before)

    def test_an_id_of_another_session_means_nothing_here(self):
        id_ = new_id()
        other, _ = self.new_project()
        self.ok(self.send(id_, blueprint_type_id="phase", name="Here"))
        reply = self.ok(self.send(id_, session=other, blueprint_type_id="phase", name="There"))
        self.assertEqual(self.node(reply["node_id"], other)["name"], "There")
        self.assertIsNone(self.node(reply["node_id"]))

    def test_an_id_in_capitals_is_the_same_id(self):
        ann, id_ = self.websocket(), "abcdef01-2345-4789-8bcd-ef0123456789"
        first = self.ok(self.send(id_.upper(), blueprint_type_id="phase"))
        self.assertEqual(first["command_id"], id_)
        mixed = ann.ask("execute", command_type="CreateNode", command_id=id_[:9] + id_[9:].upper(),
                        data={"blueprint_type_id": "phase"})["ok"]
        again = self.ok(self.send(id_, blueprint_type_id="phase"))
        self.assertEqual({mixed["node_id"], again["node_id"]}, {first["node_id"]})
        self.assertEqual(self.info()["node_count"], 2)

    def test_ids_hold_over_a_websocket_too(self):
        ann, id_ = self.websocket(), new_id()
        ask = {"command_type": "CreateNode", "command_id": id_,
               "data": {"blueprint_type_id": "phase"}}
        first, again = ann.ask("execute", **ask), ann.ask("execute", **ask)
        self.assertEqual(first["ok"]["node_id"], again["ok"]["node_id"])
        self.assertEqual(self.info()["node_count"], 2)
        reply = self.send(id_, blueprint_type_id="phase")
        self.assertEqual(reply.json.get("node_id"), first["ok"]["node_id"], reply)

    def test_an_undo_has_an_id_too_however_it_is_sent(self):
        ann = self.websocket()
        for scope in ({}, {"scope": "mine"}):
            undos, redos = new_id(), new_id()
            for _ in range(3):
                self.create()
            count = self.info()["node_count"]
            for what, id_, left in (("undo", undos, count - 1), ("redo", redos, count)):
                with self.subTest(what=what, scope=scope):
                    body = {**scope, "command_id": id_}
                    first = self.ok(self.post(f"/sessions/{self.session}/{what}", body))
                    again = self.ok(self.post(f"/sessions/{self.session}/{what}", body))
                    live = ann.ask(what, **body)["ok"]
                    for field in ("command_id", "seq", "undo_available"):
                        self.assertEqual(again[field], first[field])
                        self.assertEqual(live[field], first[field])
                    self.assertEqual(self.info()["node_count"], left)
                    other = self.post(f"/sessions/{self.session}/{what}",
                                      {"scope": "session", "command_id": id_})
                    self.assert_error(other, 422, "IDEMPOTENCY_MISMATCH")
        reply = self.post(f"/sessions/{self.session}/undo", {"command_id": "x"})
        self.assert_error(reply, 400, "INVALID_REQUEST", "command_id")

    def test_a_graph_that_is_loaded_has_an_id_and_keeps_nothing_of_who_sent_it(self):
        body = {"graph": {"roots": []}, "command_id": new_id(), "actor": "ann",
                "client_id": "one", "shown": [1]}
        first = self.ok(self.post(f"/sessions/{self.session}/load-graph", body))
        again = self.ok(self.post(f"/sessions/{self.session}/load-graph", body))
        self.assertEqual(first["command_id"], body["command_id"])
        self.assertEqual(again["seq"], first["seq"])
        project = self.info()["project_id"]
        file = self.ok(self.get(f"/projects/{project}/export"))
        self.assertEqual(file["extra"], {"file": {"shown": [1]}})


class IdempotencyKeys(ProjectTest):
    def test_a_key_does_the_same_for_commands(self):
        key = {"Idempotency-Key": "any text: 7"}
        data = {"blueprint_type_id": "phase", "name": "Once"}
        first = self.execute(self.session, "CreateNode", key, **data)
        before = self.state()
        again = self.execute(self.session, "CreateNode", key, **data)
        self.assertEqual(again.json["node_id"], first.json["node_id"])
        other = self.execute(self.session, "CreateNode", key, **{**data, "name": "Twice"})
        self.assert_error(other, 422, "IDEMPOTENCY_MISMATCH")
        self.assertEqual(self.state(), before)

    def test_a_key_holds_for_undo_and_redo(self):
        self.create()
        self.create()
        key = {"Idempotency-Key": "undo once"}
        first = self.post(f"/sessions/{self.session}/undo", {}, key)
        again = self.post(f"/sessions/{self.session}/undo", {}, key)
        self.assertEqual(first.json["command_id"], again.json["command_id"])
        self.assertEqual(self.info()["node_count"], 2)

    def test_a_key_holds_for_a_new_project(self):
        key, body = {"Idempotency-Key": new_id()}, {"template_id": "book", "project_name": "N"}
        first, again = self.post("/projects", body, key), self.post("/projects", body, key)
        self.assertEqual((first.status, again.status), (201, 201), again)
        for field in ("project_id", "session_id"):
            self.assertEqual(first.json[field], again.json[field])
        other = self.post("/projects", {**body, "project_name": "M"}, key)
        self.assert_error(other, 422, "IDEMPOTENCY_MISMATCH")

    def test_a_key_that_is_too_long_or_odd_is_refused(self):
        for key in ("k" * 256, "k" * 2000):
            reply = self.execute(self.session, "CreateNode", {"Idempotency-Key": key},
                                 blueprint_type_id="phase")
            self.assert_error(reply, 400, "INVALID_REQUEST")
        self.assertEqual(self.info()["node_count"], 1)
        self.ok(self.execute(self.session, "CreateNode", {"Idempotency-Key": "k" * 255},
                             blueprint_type_id="phase"))

    def test_reads_take_no_notice_of_a_key(self):
        key = {"Idempotency-Key": "read"}
        before = self.ok(self.get(f"/sessions/{self.session}", key))
        self.create()
        self.assertNotEqual(self.ok(self.get(f"/sessions/{self.session}", key)), before)


class OverARestart(ProjectTest):
    fresh = True
    server_options = {"store": "sqlite"}

    def test_a_command_id_is_remembered_after_a_restart(self):
        id_ = new_id()
        body = {"session_id": self.session, "command_type": "CreateNode", "command_id": id_,
                "data": {"blueprint_type_id": "phase"}}
        first = self.ok(self.post("/commands/execute", body))
        self.server.restart_graphd()
        again = self.ok(self.http.post(f"{API}/commands/execute", body))
        self.assertEqual(again["node_id"], first["node_id"])
        self.assertEqual(self.info()["node_count"], 2)

    def test_so_is_that_of_a_command_that_found_nothing_to_do(self):
        phase, other = self.create(), self.create()
        job = self.create("job", "J", phase)
        body = {"session_id": self.session, "command_type": "LinkNode", "command_id": new_id(),
                "data": {"parent_id": phase, "child_id": job}}
        first = self.ok(self.post("/commands/execute", body))
        self.do("LinkNode", parent_id=other, child_id=job)
        self.server.restart_graphd()
        again = self.ok(self.http.post(f"{API}/commands/execute", body))
        self.assertEqual((again["command_id"], again["seq"]), (body["command_id"], first["seq"]))
        self.assertEqual(self.children(other), [job])


if __name__ == "__main__":
    unittest.main()
