"""JSON that parsers disagree about: refused by name, or returned as it came; never a 500."""

import json
import unittest

from project_test import API, NOWHERE, ProjectTest
from raw import exchange, request

PATHS = ("/projects", "/commands/execute", "/projects/import", "/sessions/cleanup")


class Attacks(ProjectTest):
    def every_path(self):
        return [API + p for p in PATHS] + [f"{API}/sessions/{self.session}/{p}" for p in (
            "load-graph", "undo", "redo", "save", "reset-dirty")]

    def send(self, path, body, statuses=(400, 413)):
        body = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        with self.server.http() as http:
            reply = http.post(path, body)
        self.assertIn(reply.status, statuses, (path, body[:60], reply))
        self.assertTrue(reply.json["error"]["code"])
        return reply

    def test_deep_nesting_is_refused_everywhere(self):
        for path in self.every_path():
            for body in ("[" * 20000 + "]" * 20000, '{"a":' * 20000 + "1" + "}" * 20000,
                         '{"a":' + "[" * 20000 + "]" * 20000 + "}"):
                with self.subTest(path=path, body=body[:10]):
                    self.send(path, body)

    def test_ten_megabytes_of_brackets_are_refused(self):
        for path in self.every_path():
            with self.subTest(path=path):
                answer = exchange(self.server.ports[0], request(
                    b"POST", path.encode(), (b"Content-Length: 10000000",), b"[" * 10_000_000))
                self.assertIn(answer.status, (400, 413), answer)

    def test_what_parsers_disagree_about_is_refused(self):
        session = self.session
        for text in ('{"session_id":"%s","session_id":"%s"}' % (session, NOWHERE),
                     '{"session_id":"%s"} {}' % session, '{"session_id":"%s"}\x00' % session,
                     "\ufeff{}", '{"a":1e400}', '{"a":9007199254740993}', '{"a":01}', '{"a":1.}',
                     '{"a":tRue}', '{"a":"\\u0000"}', '{"a":"\\ud800"}', '{"a":"x\ny"}',
                     "{'a':1}", '{"a":1,}', '{a:1}', '{"a":1//\n}', '{"a":NaN}', '{"a":"\x00"}',
                     '{"%s":1}' % ("k" * 300), '{"\\u0000":1}', "\x0b{}"):
            for path in (f"{API}/projects", f"{API}/commands/execute",
                         f"{API}/sessions/{session}/undo"):
                with self.subTest(path=path, text=text):
                    before = self.state()
                    self.assert_error(self.send(path, text), 400, "INVALID_REQUEST")
                    self.assertEqual(self.state(), before)

    def test_blanks_of_json_around_and_between_are_allowed(self):
        text = ' \r\n\t{ "template_id" : "restomod" ,\n"project_name":"P" } \n'
        self.assertEqual(self.http.post(f"{API}/projects", text).status, 201)

    def test_a_key_hidden_in_escapes_is_the_same_key(self):
        text = '{"template_id":"restomod","project_name":"P","\\u0074emplate_id":"book"}'
        self.send(f"{API}/projects", text)
        text = '{"\\u0074emplate_id":"book","project_name":"P"}'
        reply = self.http.post(f"{API}/projects", text)
        self.assertEqual(self.info(reply.json["session_id"])["template_id"], "book")

    def test_very_many_keys_are_no_work_for_ever(self):
        keys = ",".join(f'"k{i}":{i}' for i in range(60000))
        reply = self.http.post(f"{API}/commands/execute", (
            f'{{"session_id":"{self.session}","command_type":"CreateNode","data":'
            f'{{"blueprint_type_id":"phase","surprise":{{{keys}}}}}}}'))
        self.assertIn(reply.status, (200, 400, 422), reply)

    def test_names_of_prototypes_are_data_everywhere(self):
        for name in ("__proto__", "constructor", "toString", "hasOwnProperty", "prototype"):
            with self.subTest(name=name):
                node = self.do("CreateNode", blueprint_type_id=name, name=name,
                               properties={name: {name: name}})["node_id"]
                shown = self.node(node)
                self.assertEqual((shown["name"], shown["properties"][name]), (name, {name: name}))
                self.do("DeleteProperty", node_id=node, property_id=name)
                self.assert_error(self.get(f"/templates/{name}/schema"), 404, "TEMPLATE_NOT_FOUND")
                self.assert_error(self.get(f"/icons/{name}"), 404, "ICON_NOT_FOUND")

    def test_every_member_of_every_request_survives_every_odd_value(self):
        good = {
            "/projects": {"template_id": "restomod", "project_name": "P",
                          "session_id": self.session, "validation": "lenient"},
            "/commands/execute": {"session_id": self.session, "command_type": "CreateNode",
                                  "data": {"blueprint_type_id": "phase"}, "command_id": NOWHERE},
            "/sessions/cleanup": {"max_inactive_hours": 24},
            f"/sessions/{self.session}/undo": {"scope": "session"},
            f"/sessions/{self.session}/load-graph": {"graph": {"roots": []},
                                                     "template_id": "restomod", "mode": "strict"},
            "/projects/import": {"file": {"roots": []}, "template_id": "restomod",
                                 "project_name": "P", "mode": "lenient"},
            f"/projects/{NOWHERE}/save": {"project_id": NOWHERE},
            f"/projects/{NOWHERE}/open": {"session_id": self.session},
            f"/projects/{NOWHERE}/graph/search": {"text": "x", "blueprint_type_id": "phase",
                                                  "property": {}, "limit": 1},
        }
        odd = [None, True, False, 0, -1, 1.5, 10 ** 15, "", "x", "\u2028", "../x", "x" * 70000, [],
               [[]], [None], {}, {"": None}, {"a": {"b": []}}]
        for path, body in good.items():
            for key in body:
                for value in odd:
                    with self.subTest(path=path, key=key, value=str(value)[:40]):
                        reply = self.post(path, {**body, key: value})
                        self.assertLess(reply.status, 500, reply)
                        if reply.status >= 400:
                            self.assertTrue(reply.json["error"]["message"], reply)

    def test_every_query_survives_every_odd_value(self):
        paths = {"/sessions": ("limit", "cursor"), "/projects": ("limit", "cursor"),
                 f"/sessions/{self.session}/graph/tree": ("node_id", "depth", "at"),
                 f"/sessions/{self.session}/events": ("since", "limit", "wait", "events", "names",
                                                      "log_id", "actor"),
                 f"/sessions/{self.session}/history": ("since", "limit"),
                 "/graph": ("session_id", "depth")}
        odd = ("", "0", "-1", "1.5", "1e3", "x", "%00", "%ff", "%zz", "%", "+", "a" * 2000,
               "9" * 40, "9223372036854775808", "%f0%9f%98%80", "..%2f", "a&a=b", "[]", "null")
        for path, names in paths.items():
            for name in names:
                for value in odd:
                    with self.subTest(path=path, name=name, value=value[:30]):
                        if name == "wait" and value.isdigit() and int(value) > 0:
                            continue
                        reply = self.get(f"{path}?{name}={value}")
                        self.assertLess(reply.status, 500, reply)

    def test_ids_of_odd_forms_lead_nowhere(self):
        for odd in ("%2e%2e", "..%2f..", "%00", "%ff", "a" * 2000, "null", "0", "{}", "%7B%7D",
                    "*", "%", "%2", "'or'1'='1", "%0d%0aX:1", "$0"):
            for path in ("/sessions/{}", "/sessions/{}/graph/tree", "/sessions/{}/events",
                         "/projects/{}", "/projects/{}/export", "/templates/{}/schema",
                         "/icons/{}", "/indicators/{}/x", "/indicators/status/{}"):
                with self.subTest(path=path, id=odd):
                    reply = self.get(path.format(odd))
                    self.assertIn(reply.status, (400, 404, 414), reply)
                    self.assertNotIn("x", reply.headers.get("x", ""))

    def test_a_yaml_bomb_is_refused(self):
        bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
        for a, b in zip("abcdefgh", "bcdefghi"):
            bomb += f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n"
        for file in (bomb, "nodes: !!python/object:os.system x", "\x00", "a: *b", "- " * 5000,
                     "{" * 5000, "? " * 5000, "&a [*a]"):
            reply = self.post("/projects/import", {"file": file})
            self.assertIn(reply.status, (400, 413, 422), (file[:30], reply))
            self.assertTrue(json.dumps(reply.json["error"]["message"]))


if __name__ == "__main__":
    unittest.main()
