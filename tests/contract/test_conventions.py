"""Section 1 of the contract: errors, methods, CORS, preferences."""

import http.client
import json
import unittest

from clients import MINIMAL
from project_test import API, NOWHERE, ProjectTest
from raw import exchange, request

ORIGIN = "http://app.example:3000"
GRANTED_HEADERS = ("content-type", "x-session-id", "authorization", "idempotency-key", "if-match",
                   "prefer", "traceparent")


def listed(value):
    return [item.strip().lower() for item in (value or "").split(",")]


class Errors(ProjectTest):
    def test_an_unknown_path_is_not_found(self):
        for path in ("/", "/api", "/api/v1", "/api/v2/sessions", f"{API}/nothing",
                     f"{API}/sessions/{self.session}/nothing", f"{API}/projects/x/y/z",
                     f"{API}/sessions/", f"{API}//sessions", "/health/x"):
            with self.subTest(path=path):
                reply = self.http.get(path)
                self.assert_error(reply, 404, "NOT_FOUND")
                self.assertTrue(reply.headers["content-type"].startswith("application/json"))

    def test_a_wrong_method_is_answered_with_the_right_ones(self):
        rows = {
            "/health": {"GET", "HEAD"},
            f"{API}/sessions": {"GET", "HEAD", "POST"},
            f"{API}/sessions/{self.session}": {"GET", "HEAD", "DELETE"},
            f"{API}/sessions/cleanup": {"POST"},
            f"{API}/sessions/{self.session}/undo": {"POST"},
            f"{API}/sessions/{self.session}/load-graph": {"POST"},
            f"{API}/sessions/{self.session}/graph/tree": {"GET", "HEAD"},
            f"{API}/commands/execute": {"POST"},
            f"{API}/projects": {"GET", "HEAD", "POST"},
            f"{API}/projects/import": {"POST"},
            f"{API}/templates": {"GET", "HEAD"},
            f"{API}/icons/catalog": {"GET", "HEAD"},
        }
        for path, allowed in rows.items():
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
                with self.subTest(path=path, method=method):
                    reply = self.http.request(method, path, {} if method != "GET" else None)
                    if path.endswith(("cleanup", "import")) and reply.status != 405:
                        # "cleanup" is an id too, as far as GET and DELETE are concerned.
                        self.assertEqual(reply.status, 404, reply)
                        continue
                    self.assert_error(reply, 405, "METHOD_NOT_ALLOWED")
                    self.assertLessEqual(allowed, set(listed(reply.headers["allow"].upper()))
                                         | {m.upper() for m in listed(reply.headers["allow"])})

    def test_an_unknown_session_is_answered_in_the_words_that_clients_search_for(self):
        calls = [("GET", ""), ("GET", "/info"), ("GET", "/clients"), ("GET", "/graph"),
                 ("GET", "/graph/tree"), ("GET", "/dirty"), ("GET", "/events"), ("DELETE", ""),
                 ("POST", "/undo"), ("POST", "/redo"), ("POST", "/save"), ("POST", "/reset-dirty")]
        for method, rest in calls:
            with self.subTest(method=method, path=rest):
                body = {} if method == "POST" else None
                reply = self.http.request(method, f"{API}/sessions/{NOWHERE}{rest}", body)
                self.assert_error(reply, 404, "INVALID_SESSION")
                self.assertIn("Session not found", reply.json["error"]["message"])
                self.assertNotIn("graph", reply.json)
        reply = self.execute(NOWHERE, "CreateNode", blueprint_type_id="phase")
        self.assert_error(reply, 404, "INVALID_SESSION")
        self.assertIn("Session not found", reply.json["error"]["message"])
        reply = self.post(f"/sessions/{NOWHERE}/load-graph", {"graph": {"roots": []}})
        self.assert_error(reply, 404, "INVALID_SESSION")

    def test_an_id_that_is_no_uuid_names_no_session(self):
        for odd in ("x", "0", "null", "undefined", "{}", "-1", "%20", "a" * 300,
                    self.session.replace("-", ""), self.session + "0"):
            with self.subTest(id=odd):
                reply = self.get(f"/sessions/{odd}")
                if reply.status == 200:
                    # The same UUID in another spelling is the same session.
                    self.assertEqual(reply.json["session_id"], self.session)
                    continue
                self.assertIn(reply.status, (400, 404), reply)
                self.assertIn(reply.json["error"]["code"],
                              ("INVALID_SESSION", "NOT_FOUND", "INVALID_REQUEST"))

    def test_an_id_that_is_no_uuid_names_no_session_in_a_body_either(self):
        project = self.ok(self.post(f"/sessions/{self.session}/save", {}))["project_id"]
        known = {"template_id": "restomod", "project_name": "P", "command_type": "CreateNode"}
        for path in ("/projects", f"/projects/{project}/save", f"/projects/{project}/open",
                     "/commands/execute"):
            for session in ("", "x", "a" * 300, NOWHERE):
                with self.subTest(path=path, id=session):
                    reply = self.post(path, {**known, "session_id": session})
                    self.assert_error(reply, 404, "INVALID_SESSION")
                    self.assertIn("Session not found", reply.json["error"]["message"])
            for wrong in (7, True, [], {}):
                with self.subTest(path=path, id=wrong):
                    reply = self.post(path, {**known, "session_id": wrong})
                    self.assert_error(reply, 400, "INVALID_REQUEST", "session_id")

    def test_an_error_on_a_known_session_still_carries_the_graph(self):
        replies = [self.execute(self.session, "DeleteNode", node_id=NOWHERE),
                   self.execute(self.session, "NoSuchCommand"),
                   self.execute(self.session, "CreateNode"),
                   self.post(f"/sessions/{self.session}/undo", {"scope": "theirs"})]
        for reply in replies:
            with self.subTest(reply=reply):
                self.assertGreaterEqual(reply.status, 400)
                self.assertEqual(reply.json["graph"]["roots"][0]["id"], self.root)

    def test_so_does_one_for_a_body_that_cannot_be_taken(self):
        here = f"/sessions/{self.session}"
        replies = [self.post(f"{here}/{do}", body) for do in ("undo", "redo", "load-graph")
                   for body in ("{", "[]", " ", '{"scope":9007199254740993}')]
        for value in ("9007199254740993", "-1e400", "[" * 40 + "]" * 40):
            # JSON it is, so who is asked can be read.
            replies.append(self.post("/commands/execute", (
                f'{{"command_type":"UpdateProperty","data":{{"value":[{value},1E-2]}},'
                f'"session_id":"{self.session}"}}')))
        for reply in replies:
            with self.subTest(reply=reply):
                self.assert_error(reply, 400, "INVALID_REQUEST")
                self.assertEqual(reply.json["graph"]["roots"][0]["id"], self.root)
        for body in ("{", '{"session_id":7,"a":9007199254740993}',
                     json.dumps({"session_id": self.session})[:-1]):
            self.assertNotIn("graph", self.post("/commands/execute", body).json, body)

    def test_an_error_can_be_had_as_a_problem_document(self):
        accept = {"Accept": "application/problem+json"}
        for reply, status, code in (
                (self.get(f"/sessions/{NOWHERE}", accept), 404, "INVALID_SESSION"),
                (self.get("/nothing", accept), 404, "NOT_FOUND"),
                (self.http.request("PUT", f"{API}/sessions", {}, accept), 405,
                 "METHOD_NOT_ALLOWED"),
                (self.http.post(f"{API}/projects", "{", accept), 400, "INVALID_REQUEST"),
                (self.http.post(f"{API}/projects", {}, accept), 400, "INVALID_REQUEST")):
            with self.subTest(code=code):
                self.assertEqual(reply.status, status, reply)
                self.assertTrue(reply.headers["content-type"].startswith(
                    "application/problem+json"), reply.headers)
                self.assertEqual(reply.json["status"], status)
                self.assertEqual(reply.json["code"], code)
                self.assertEqual(reply.json["title"], http.client.responses[status])

    def test_the_type_of_a_problem_is_looked_for_as_accept_is_read(self):
        for accept, wanted in (("text/html, Application/Problem+JSON ;q=0.2", True),
                               ("application/json;q=0.5,application/problem+json", True),
                               ("application/problem+json;q=0", False),
                               ("application/problem+json; q=0.000, */*", False),
                               ("application/problem+jsonp", False), ("*/*", False)):
            reply = self.get("/nothing", {"Accept": accept})
            self.assertEqual("problem" in reply.headers["content-type"], wanted, accept)

    def test_a_success_is_plain_json_even_for_who_would_take_a_problem(self):
        reply = self.get("/templates", {"Accept": "application/problem+json"})
        self.assertTrue(reply.headers["content-type"].startswith("application/json"))

    def test_the_content_type_of_a_body_does_not_matter(self):
        body = '{"template_id":"restomod","project_name":"P"}'
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "nonsense",
                             "application/json; charset=utf-8", ""):
            with self.subTest(content_type=content_type):
                reply = self.http.post(f"{API}/projects", body, {"Content-Type": content_type})
                self.assertEqual(reply.status, 201, reply)

    def test_a_body_that_is_no_json_object_is_refused(self):
        paths = ("/projects", "/commands/execute", f"/sessions/{self.session}/load-graph",
                 f"/sessions/{self.session}/undo", "/sessions/cleanup")
        for path in paths:
            for body in ("{", "[]", "7", '"x"', "null", "{}x", "{'a':1}", "\xff", "nul",
                         '{"a":1,}', '{"a":01}', "\ufeff{}"):
                with self.subTest(path=path, body=body):
                    before = self.state()
                    reply = self.http.post(API + path, body.encode("latin-1", "replace")
                                           if body == "\xff" else body)
                    self.assert_error(reply, 400, "INVALID_REQUEST")
                    self.assertEqual(self.state(), before)

    def test_a_body_that_is_too_large_is_refused(self):
        body = b'{"template_id":"' + b"a" * (1024 * 1024 + 10) + b'"}'
        with self.server.http() as http:
            self.assert_error(http.post(f"{API}/projects", body), 413, "PAYLOAD_TOO_LARGE")

    def test_messages_hold_no_paths_and_no_library_text(self):
        for path, body in (("/projects", {"template_id": "../../etc/passwd", "project_name": "x"}),
                           ("/projects", {"template_id": "nope", "project_name": "x"}),
                           ("/projects/import", {"file": "{"}), ("/projects/import", "a: [b")):
            message = self.post(path, body).json["error"]["message"]
            for word in ("/work", "/tmp", ".c:", "cJSON", "yaml_", "errno", "0x"):
                self.assertNotIn(word, message)


class Methods(ProjectTest):
    def test_head_answers_as_get_without_the_body(self):
        for path in ("/health", "/healthz", "/readyz", "/metrics", f"{API}/sessions",
                     f"{API}/sessions/{self.session}", f"{API}/sessions/{self.session}/info",
                     f"{API}/sessions/{self.session}/graph/tree",
                     f"{API}/sessions/{self.session}/graph", f"{API}/sessions/{NOWHERE}",
                     f"{API}/templates", f"{API}/templates/restomod/schema", f"{API}/projects",
                     f"{API}/icons/catalog", f"{API}/icons/phase", f"{API}/nothing"):
            with self.subTest(path=path):
                get, head = self.http.get(path), self.http.request("HEAD", path)
                self.assertEqual((head.status, head.body), (get.status, b""))
                self.assertEqual(head.headers["content-type"], get.headers["content-type"])
                if path != "/metrics":
                    self.assertEqual(head.headers.get("etag"), get.headers.get("etag"))

    def test_a_command_that_there_is_not_is_named_and_a_question_is_told_apart(self):
        for name, words in (("createNode", "There is no command createNode"), ("é\n" * 200, "no command"),
                            ("GetTree", "GetTree does not edit the graph")):
            reply = self.post("/commands/execute", {"session_id": self.session, "command_type": name})
            self.assert_error(reply, 400, "UNKNOWN_COMMAND")
            self.assertIn(words, reply.json["error"]["message"])

    def test_a_head_of_a_stream_leaves_nothing_before_the_next_answer(self):
        path = f"{API}/sessions/{self.session}/events?since=0".encode()
        for accept in (b"text/event-stream", b"application/x-ndjson"):
            for version in (b"HTTP/1.0", b"HTTP/1.1"):
                with self.subTest(accept=accept, version=version):
                    answer = exchange(self.server.ports[0], request(
                        b"HEAD", path, (b"Accept: " + accept,), version=version)
                        + request(b"HEAD", b"/health", (b"Connection: close",)))
                    self.assertEqual(answer.statuses[0], 200)
                    self.assertIn(b"Content-Type: " + accept, answer.data)
                    # Heads alone: each ends with an empty line, and the next begins behind it.
                    *heads, rest = answer.data.split(b"\r\n\r\n")
                    self.assertEqual(rest, b"", answer)
                    for head in heads:
                        self.assertTrue(head.startswith(b"HTTP/1."), answer)

    def test_options_without_an_origin_names_the_methods(self):
        reply = self.http.request("OPTIONS", f"{API}/sessions")
        self.assertLess(reply.status, 300, reply)
        self.assertIn("POST", reply.headers["allow"])


class Cors(ProjectTest):
    def preflight(self, path, method="POST"):
        return self.http.request("OPTIONS", path, headers={
            "Origin": ORIGIN, "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "content-type,idempotency-key"})

    def test_a_preflight_grants_the_methods_and_the_headers(self):
        for path in (f"{API}/commands/execute", f"{API}/sessions/{NOWHERE}", f"{API}/nothing"):
            reply = self.preflight(path)
            with self.subTest(path=path):
                self.assertIn(reply.status, (200, 204))
                self.assertEqual(reply.headers["access-control-allow-origin"], ORIGIN)
                self.assertEqual(reply.headers["access-control-allow-credentials"], "true")
                self.assertLessEqual(set(GRANTED_HEADERS),
                                     set(listed(reply.headers["access-control-allow-headers"])))
                self.assertLessEqual({"get", "post", "delete"},
                                     set(listed(reply.headers["access-control-allow-methods"])))

    def test_the_origin_is_echoed_on_answers_and_on_errors(self):
        origin = {"Origin": ORIGIN}
        for reply in (self.http.get("/health", origin), self.get("/sessions", origin),
                      self.get("/nothing", origin), self.get(f"/sessions/{NOWHERE}", origin),
                      self.http.post(f"{API}/projects", "{", origin),
                      self.http.request("PUT", f"{API}/sessions", {}, origin),
                      self.get("/icons/phase", origin),
                      self.execute(self.session, "DeleteNode", origin, node_id=NOWHERE)):
            with self.subTest(reply=reply):
                self.assertEqual(reply.headers.get("access-control-allow-origin"), ORIGIN)
                self.assertEqual(reply.headers.get("access-control-allow-credentials"), "true")
                self.assertIn("origin", listed(reply.headers.get("vary")))

    def test_without_an_origin_nothing_is_said(self):
        self.assertNotIn("access-control-allow-origin", self.get("/sessions").headers)


class CorsWithAList(ProjectTest):
    server_options = {"gateway_options": ("--allow-origin", ORIGIN)}

    def test_an_origin_that_is_not_listed_is_not_echoed(self):
        reply = self.get("/sessions", {"Origin": "http://evil.example"})
        self.assertNotIn("access-control-allow-origin", reply.headers)
        reply = self.get("/sessions", {"Origin": ORIGIN})
        self.assertEqual(reply.headers["access-control-allow-origin"], ORIGIN)


class Preferences(ProjectTest):
    def test_a_minimal_reply_leaves_the_graph_out_and_says_so(self):
        replies = [
            self.execute(self.session, "CreateNode", MINIMAL, blueprint_type_id="phase"),
            self.post(f"/sessions/{self.session}/undo", {}, MINIMAL),
            self.post(f"/sessions/{self.session}/redo", {}, MINIMAL),
            self.execute(self.session, "DeleteNode", MINIMAL, node_id=NOWHERE)]
        self.assertEqual([r.status for r in replies], [200, 200, 200, 404])
        for reply in replies:
            self.assertNotIn("graph", reply.json)
            self.assertEqual(reply.headers.get("preference-applied"), "return=minimal")

    def test_other_preferences_are_not_answered(self):
        for value in ("respond-async", "return=representation", "return=minimalist", ""):
            reply = self.execute(self.session, "CreateNode", {"Prefer": value},
                                 blueprint_type_id="phase")
            self.assertIn("graph", reply.json, value)
            self.assertNotEqual(reply.headers.get("preference-applied"), "return=minimal")

    def test_a_preference_among_others_counts(self):
        for value in ("respond-async, return=minimal", "RETURN=minimal", "wait=10,return=minimal",
                      "return=minimal; why=so, wait=10"):
            reply = self.execute(self.session, "CreateNode", {"Prefer": value},
                                 blueprint_type_id="phase")
            self.assertNotIn("graph", reply.json, value)

    def test_it_is_said_wherever_a_graph_was_left_out_and_nowhere_else(self):
        here = f"/sessions/{self.session}"
        project = {"template_id": "book", "project_name": "P"}
        for path, body, has_graph in (
                ("/projects", project, True), (f"{here}/load-graph", {"graph": {"roots": []}}, True),
                (f"{here}/save", {}, False), (f"{here}/reset-dirty", {}, False)):
            reply = self.post(path, body, MINIMAL)
            self.assertIn(reply.status, (200, 201), path)
            self.assertNotIn("graph", reply.json, path)
            self.assertEqual("preference-applied" in reply.headers, has_graph, path)


if __name__ == "__main__":
    unittest.main()
