"""Sessions over REST, path by path."""

import re
import subprocess
import time
import unittest
import uuid

import tables
from harness import BUILD, eventually
from project_test import API, NOWHERE, ProjectTest

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$")


class Process(ProjectTest):
    def test_health_is_told_at_the_root_and_below_the_base_path(self):
        for path in ("/health", "/healthz", f"{API}/health"):
            self.assertEqual(self.ok(self.http.get(path))["status"], "ok")
        self.ok(self.http.get("/readyz"))

    def test_metrics_tell_of_both_processes_what_they_cost(self):
        for daemon, prefix, text in (
                ("gatewayd", "", self.http.get("/metrics").body.decode()),
                ("graphd", "graphd_", self.graphd_metrics())):
            values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
            self.assertTrue([name for name in values if name.startswith(f"{daemon}_build_info{{")])
            self.assertGreater(float(values[f"{prefix}process_cpu_seconds_total"]), 0)
            self.assertGreater(int(values[f"{prefix}process_resident_memory_bytes"]), 1 << 20)
            self.assertLess(abs(time.time() - int(values[f"{prefix}process_start_time_seconds"])), 600)
            if daemon == "gatewayd":
                self.assertEqual(values["gatewayd_ready"], "1")

    def graphd_metrics(self):
        return subprocess.run([BUILD / "graphd" / "graphctl", "metrics", "--requests",
                               self.server.requests], capture_output=True, text=True, check=True).stdout

    def test_metrics_are_what_prometheus_reads(self):
        reply = self.http.get("/metrics")
        self.assertEqual(reply.status, 200)
        self.assertTrue(reply.headers["content-type"].startswith("text/plain"))
        samples = [line for line in reply.body.decode().splitlines() if not line.startswith("#")]
        self.assertTrue(samples)
        for line in samples:
            self.assertRegex(line, r"^[a-zA-Z_:][\w:]*(\{[^}]*\})? [-+0-9.eInfNa]+$")


class Sessions(ProjectTest):
    def test_a_session_begins_without_a_project(self):
        session = self.new_session()
        uuid.UUID(session)
        info = self.info(session)
        for field in tables.reply_fields("GetSession"):
            self.assertIn(field, info)
        self.assertIs(info["has_project"], False)
        self.assertEqual([info[k] for k in ("project_id", "template_id", "node_count", "seq")],
                         [None, None, 0, 0])
        self.assertEqual([info[k] for k in ("undo_available", "redo_available", "is_dirty")],
                         [False] * 3)
        again = self.ok(self.get(f"/sessions/{session}/info"))
        # Being asked about is activity too.
        self.assertGreaterEqual(again.pop("last_activity"), info["last_activity"])
        self.assertEqual(again, {k: v for k, v in info.items() if k != "last_activity"})
        for field in ("created_at", "last_activity"):
            self.assertRegex(info[field], TIME)

    def test_ids_of_sessions_are_random(self):
        ids = {self.new_session() for _ in range(50)}
        self.assertEqual(len(ids), 50)
        for i in ids:
            self.assertEqual(uuid.UUID(i).version, 4)

    def test_without_a_project_there_is_nothing_to_edit(self):
        session = self.new_session()
        for reply in (self.execute(session, "CreateNode", blueprint_type_id="phase"),
                      self.execute(session, "DeleteNode", node_id=NOWHERE),
                      self.post(f"/sessions/{session}/undo"),
                      self.post(f"/sessions/{session}/redo"),
                      self.get(f"/sessions/{session}/graph/tree"),
                      self.post(f"/sessions/{session}/save")):
            self.assert_error(reply, 400, "INVALID_STATE")
        self.assert_error(self.get(f"/sessions/{session}/graph"), 404, "NO_PROJECT")
        self.assertEqual(self.info(session)["seq"], 0)

    def test_the_info_follows_the_commands(self):
        before = self.info()
        self.assertIs(before["has_project"], True)
        self.assertEqual(before["template_id"], "restomod")
        self.assertEqual(before["node_count"], 1)
        self.create()
        after = self.info()
        self.assertEqual(after["node_count"], 2)
        self.assertIs(after["undo_available"], True)
        self.assertIs(after["is_dirty"], True)
        self.assertGreater(after["seq"], before["seq"])
        self.assertNotEqual(after["state_hash"], before["state_hash"])
        self.assertEqual(after["log_id"], before["log_id"])
        self.undo()
        self.assertEqual(self.info()["state_hash"], before["state_hash"])
        self.assertIs(self.info()["redo_available"], True)

    def test_an_ended_session_is_gone(self):
        listener = self.websocket()
        self.ok(self.http.delete(f"{API}/sessions/{self.session}"))
        closed = listener.await_event("session:closed")
        self.assertEqual(closed["data"]["reason"], "deleted")
        listener.await_end()
        self.assert_error(self.get(f"/sessions/{self.session}"), 404, "INVALID_SESSION")
        self.assert_error(self.http.delete(f"{API}/sessions/{self.session}"), 404,
                          "INVALID_SESSION")
        ids = [s["session_id"] for s in self.all_sessions()]
        self.assertNotIn(self.session, ids)

    def all_sessions(self, limit=7):
        found, cursor = [], ""
        while True:
            page = self.ok(self.get(f"/sessions?limit={limit}{cursor}"))
            self.assertLessEqual(len(page["sessions"]), limit)
            found += page["sessions"]
            if not page.get("next_cursor"):
                self.assertEqual(page["total"], len(found))
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def test_the_list_can_be_read_page_by_page(self):
        made = {self.new_session() for _ in range(20)}
        found = self.all_sessions()
        ids = [s["session_id"] for s in found]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertLessEqual(made | {self.session}, set(ids))
        for session in found:
            self.assertEqual({"session_id", "created_at", "last_activity", "active_clients",
                              "has_project"} - set(session), set())
        whole = self.ok(self.get("/sessions"))
        self.assertEqual(whole["total"], len(ids))

    def test_an_odd_limit_or_cursor_is_refused_by_name(self):
        for query, field in (("limit=0", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"),
                             ("limit=1.5", "limit"), ("limit=", "limit"), ("cursor=%00", None),
                             ("cursor=nonsense", "cursor")):
            with self.subTest(query=query):
                self.assert_error(self.get(f"/sessions?{query}"), 400, "INVALID_REQUEST", field)

    def test_clients_are_listed_with_who_and_where(self):
        self.websocket(headers=["X-Actor: ann"])
        clients = self.ok(self.get(f"/sessions/{self.session}/clients"))["clients"]
        self.assertEqual(len(clients), 1)
        self.assertLessEqual({"client_id", "actor", "gateway", "since"}, set(clients[0]))
        self.assertEqual(clients[0]["actor"], "ann")
        self.assertRegex(clients[0]["since"], TIME)
        self.assertEqual(self.info()["active_clients"], 1)

    def test_who_gave_no_name_has_none(self):
        self.websocket()
        (client,) = self.ok(self.get(f"/sessions/{self.session}/clients"))["clients"]
        self.assertIsNone(client["actor"])
        asked = self.post(f"/sessions/{self.session}/ask", {"event": "e", "timeout_ms": 1})
        self.assertIsNone(self.ok(asked)["answers"][0]["actor"])

    def test_a_client_that_leaves_is_no_longer_counted(self):
        client = self.websocket()
        client.close()
        eventually(lambda: self.info()["active_clients"] == 0, 10, "the client's leaving")


class Cleanup(ProjectTest):
    fresh = True

    def test_cleanup_ends_idle_sessions_that_nobody_is_in(self):
        empty, busy = self.new_session(), self.new_session()
        self.websocket(busy)
        answer = self.ok(self.post("/sessions/cleanup", {"max_inactive_hours": 0}))
        self.assertGreaterEqual(answer["sessions_removed"], 1)
        self.assertEqual(answer["active_sessions"], self.ok(self.get("/sessions"))["total"])
        self.assert_error(self.get(f"/sessions/{empty}"), 404, "INVALID_SESSION")
        self.assertEqual(self.info(busy)["active_clients"], 1)

    def test_cleanup_spares_what_was_used_lately(self):
        for hours in (None, 1, 0.5):
            body = {"max_inactive_hours": hours}
            self.assertEqual(self.ok(self.post("/sessions/cleanup", body))["sessions_removed"], 0)
        self.assertEqual(self.ok(self.http.request("POST", f"{API}/sessions/cleanup"))
                         ["sessions_removed"], 0)

    def test_odd_hours_are_refused(self):
        for hours in (-1, "1", [], {}, True):
            reply = self.post("/sessions/cleanup", {"max_inactive_hours": hours})
            self.assert_error(reply, 400, "INVALID_REQUEST", "max_inactive_hours")


class Dirty(ProjectTest):
    def dirty(self):
        answer = self.ok(self.get(f"/sessions/{self.session}/dirty"))
        self.assertEqual(answer["session_id"], self.session)
        return answer["is_dirty"]

    def test_an_edit_makes_dirty_and_taking_it_back_makes_clean(self):
        self.ok(self.post(f"/sessions/{self.session}/reset-dirty"))
        self.assertIs(self.dirty(), False)
        self.create()
        self.assertIs(self.dirty(), True)
        self.assertIs(self.undo().json["is_dirty"], False)
        self.assertIs(self.redo().json["is_dirty"], True)

    def test_save_and_reset_answer_as_real_clients_expect(self):
        for what in ("save", "reset-dirty"):
            self.create()
            answer = self.ok(self.post(f"/sessions/{self.session}/{what}"))
            self.assertEqual((answer["success"], answer["session_id"], answer["is_dirty"]),
                             (True, self.session, False))
            self.assertIs(self.dirty(), False)

    def test_a_reset_is_no_step_to_undo(self):
        self.create()
        before = self.state()
        self.ok(self.post(f"/sessions/{self.session}/reset-dirty"))
        after = self.state()
        self.assertEqual(after["state_hash"], before["state_hash"])
        self.undo()
        self.assertEqual(self.info()["node_count"], 1)
        self.assertIs(self.dirty(), True)


if __name__ == "__main__":
    unittest.main()
