"""Property values come back as given; rules of the blueprint; indicators and defaults."""

import json
import re
import unittest

from project_test import API, ProjectTest

KEPT = [
    "1", "1.0", "1e3", "1E+3", "-0", "-0.0", "0.1", "1.10", "9007199254740992",
    "-9007199254740992", "123456789012345", "1e-7", "1.7976931348623157e308", "true", "false",
    "null", '""', '"x"', '{"b":1,"a":2,"10":3,"9":4}', "[]", "{}", '[1.0,[2,[3.50,{"k":[]}]],null]',
    '{"__proto__":{"x":1},"constructor":2,"toString":"t","hasOwnProperty":[],"":0}',
    '"\U0001f600 \u00e9 e\u0301 \u2028 \u2029 \ufeff"', '"\\"\\\\/\\n\\t"', '"\u007f"',
]
REFUSED = [
    "9007199254740993", "-9007199254740993", "9007199254740994", "1e400", "-1e400", "NaN",
    "Infinity", "-Infinity", "+1", "01", "1.", ".5", "0x1F", "1e", "'x'", '"\\u0000"',
    '"\\ud800"', '"\\udc00x"', '"\t"', '"\\x"', '{"a":1,"a":2}', "[1,]", "{,}", "tRue", "nul",
    '"\x00"', "1 2", "// c\n1",
]


class Values(ProjectTest):
    def setUp(self):
        super().setUp()
        self.phase = self.create("phase", "P")

    def raw(self, text, command_type="UpdateProperty"):
        """The value is written as it stands: json.dumps would spell it anew."""
        data = (f'"node_id":"{self.phase}","property_id":"notes","value":{text}'
                if command_type == "UpdateProperty" else
                f'"blueprint_type_id":"phase","properties":{{"notes":{text}}}')
        return self.http.post(f"{API}/commands/execute", (
            f'{{"session_id":"{self.session}","command_type":"{command_type}",'
            f'"data":{{{data}}}}}').encode("utf-8", "surrogatepass"))

    def test_a_value_comes_back_as_it_was_written(self):
        for text in KEPT:
            for command_type in ("UpdateProperty", "CreateNode"):
                with self.subTest(value=text, command=command_type):
                    self.ok(self.raw(text, command_type))
                    seq = self.info()["seq"]
                    tree = self.get(f"/sessions/{self.session}/graph/tree")
                    self.assert_spelt(text, tree.body.decode())
                    events = self.get(f"/sessions/{self.session}/events?since={seq - 2}")
                    self.assert_spelt(text, events.body.decode())
                    self.ok(self.undo())

    def assert_spelt(self, text, body):
        """The same bytes; only escapes of one character may be spelt in another way."""
        if "\\" in text or "\x7f" in text:
            text = json.dumps(json.loads(text), ensure_ascii=False)
            found = [json.dumps(json.loads(found), ensure_ascii=False) for found in re.findall(
                r'"(?:[^"\\]|\\.)*"', body)]
            self.assertIn(text, found)
            return
        self.assertRegex(body, f'("notes"|"new_value"):{re.escape(text)}[,}}]')

    def test_a_value_that_cannot_be_kept_is_refused_and_not_rounded(self):
        for text in REFUSED:
            with self.subTest(value=text):
                before = self.state()
                reply = self.raw(text)
                self.assert_error(reply, 400, "INVALID_REQUEST")
                self.assertEqual(self.state(), before)

    def test_bytes_that_are_no_utf8_are_refused(self):
        for odd in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82",
                    b"\xf8\x88\x80\x80\x80"):
            body = (b'{"session_id":"%s","command_type":"UpdateProperty","data":{"node_id":"%s",'
                    b'"property_id":"notes","value":"%s"}}'
                    % (self.session.encode(), self.phase.encode(), odd))
            self.assert_error(self.http.post(f"{API}/commands/execute", body), 400,
                              "INVALID_REQUEST")

    def test_values_survive_undo_redo_and_an_export(self):
        text = '{"z":1.0,"a":[1e3,"\u00e9",null],"m":{"k":9007199254740991}}'
        self.ok(self.raw(text))
        self.undo()
        self.redo()
        project = self.info()["project_id"]
        for path in (f"/sessions/{self.session}/graph/tree", f"/projects/{project}/export",
                     f"/projects/{project}/export?format=predecessor"):
            self.assertIn(f'"notes":{text}', self.get(path).body.decode())

    def test_properties_keep_their_order(self):
        keys = ["z", "10", "a", "__proto__", "9", "\u00e9", "constructor", " "]
        node = self.do("CreateNode", blueprint_type_id="phase",
                       properties={k: i for i, k in enumerate(keys)})["node_id"]
        served = [k for k in self.node(node)["properties"] if k in keys]
        self.assertEqual(served, keys)

    def test_odd_names_and_texts_are_data(self):
        for name in ("__proto__", "constructor", "", " ", "<script>", "\u202e", "x" * 1024):
            node = self.create("phase", name)
            self.assertEqual(self.node(node)["name"], name)
        self.refuse(422, "LIMIT_VALUE", "CreateNode", "name", blueprint_type_id="phase",
                    name="x" * 1025)
        big = "x" * 65536
        self.do("UpdateProperty", node_id=self.phase, property_id="notes", value=big)
        self.assertEqual(self.node(self.phase)["properties"]["notes"], big)

    def test_a_value_and_a_node_have_their_limits(self):
        long = "[" + ",".join(['"' + "x" * 60000 + '"'] * 5) + "]"
        self.assert_error(self.raw(long), 422, "LIMIT_VALUE")
        many = {f"p{i}": i for i in range(300)}
        self.refuse(422, "LIMIT_PROPERTIES", "CreateNode", blueprint_type_id="phase",
                    properties=many)

    def test_twins_in_two_normal_forms_stay_two(self):
        node = self.do("CreateNode", blueprint_type_id="phase",
                       properties={"\u00e9": "one", "e\u0301": "two"})["node_id"]
        properties = self.node(node)["properties"]
        self.assertEqual((properties["\u00e9"], properties["e\u0301"]), ("one", "two"))


class Rules(ProjectTest):
    WRONG = [
        ("task", {}, None, "allowed_children"),
        ("spaceship", {}, None, "unknown_type"),
        ("phase", {"nonsense": 1}, "nonsense", "unknown_property"),
        ("phase", {"status": "No such option"}, "status", "option"),
        ("phase", {"status": 7}, "status", "type"),
        ("phase", {"budget": "a lot"}, "budget", "type"),
        ("phase", {"starts_on": "31.12.2020"}, "starts_on", "type"),
        ("phase", {"starts_on": "2021-02-29"}, "starts_on", "type"),
        ("phase", {"name": ""}, "name", "required"),
    ]
    RIGHT = [
        {"status": "Completed"}, {"status": "24702b82-a400-7171-0d70-6f60079fa142"},
        {"budget": 1.5}, {"budget": None}, {"starts_on": "2020-02-29"}, {"starts_on": ""},
        {"starts_on": "2020-02-29T12:00:00Z"}, {"notes": "text"},
    ]

    def strict(self):
        reply = self.post("/projects", {"template_id": "restomod", "project_name": "Strict",
                                        "validation": "strict"})
        body = self.ok(reply, 201)
        self.session, self.root = body["session_id"], body["graph"]["roots"][0]["id"]

    def test_lenient_accepts_and_warns_with_node_property_and_rule(self):
        for type_id, properties, prop, rule in self.WRONG:
            with self.subTest(type=type_id, properties=properties):
                reply = self.do("CreateNode", blueprint_type_id=type_id, parent_id=self.root,
                                properties=properties)
                found = [w for w in reply["warnings"] if w["rule"] == rule]
                self.assertEqual(len(found), 1, reply["warnings"])
                self.assertEqual(found[0]["node_id"], reply["node_id"])
                self.assertEqual(found[0].get("property_id"), prop)
                self.assertTrue(found[0]["message"])

    def test_strict_refuses_with_the_same_three(self):
        self.strict()
        for type_id, properties, prop, rule in self.WRONG:
            with self.subTest(type=type_id, properties=properties):
                error = self.refuse(422, "RULE_VIOLATED", "CreateNode", parent_id=self.root,
                                    blueprint_type_id=type_id, properties=properties)
                self.assertEqual(error["details"]["rule"], rule)
                self.assertEqual(error["details"].get("property_id"), prop)
                self.assertIn("node_id", error["details"])

    def test_what_keeps_the_rules_passes_without_a_word(self):
        self.strict()
        for properties in self.RIGHT:
            with self.subTest(properties=properties):
                reply = self.do("CreateNode", blueprint_type_id="phase", parent_id=self.root,
                                properties=properties)
                self.assertEqual(reply.get("warnings", []), [])

    def test_every_write_is_checked(self):
        self.strict()
        phase = self.create("phase", "P")
        job = self.create("job", "J", phase)
        for command_type, data in (
                ("UpdateProperty", {"node_id": phase, "property_id": "status", "value": "x"}),
                ("UpdateProperty", {"node_id": phase, "property_id": "nope", "value": 1}),
                ("UpdateProperty", {"node_id": phase, "property_id": "name", "value": ""}),
                ("MoveNode", {"node_id": phase, "new_parent_id": self.create("phase", "Q")}),
                ("LinkNode", {"child_id": job, "parent_id": self.root}),
                ("ApplyKit", {"target_id": self.root, "kit_root_id": phase}),
                ("Batch", {"commands": [{"command_type": "CreateNode", "data": {
                    "blueprint_type_id": "task", "parent_id": self.root}}]})):
            with self.subTest(command=command_type, data=data):
                self.refuse(422, "RULE_VIOLATED", command_type, **data)


class Indicators(ProjectTest):
    def indicator(self, node_id):
        return self.node(node_id).get("indicator")

    def test_a_known_option_shows_its_indicator(self):
        phase = self.create("phase", "P")
        for value, shown in (("In Progress", "partial"), ("Completed", "filled"),
                             ("24702b82-a400-7171-0d70-6f60079fa142", "empty")):
            self.do("UpdateProperty", node_id=phase, property_id="status", value=value)
            indicator = self.indicator(phase)
            self.assertEqual((indicator["indicator_set"], indicator["indicator_id"]),
                             ("status", shown))
            self.assertIn("bullet", indicator)
            self.assertEqual(self.node(phase)["properties"]["status"], value)

    def test_without_a_known_option_there_is_none(self):
        phase = self.create("phase", "P")
        self.do("UpdateProperty", node_id=phase, property_id="status", value="Unheard of")
        self.assertIsNone(self.indicator(phase))
        self.do("DeleteProperty", node_id=phase, property_id="status")
        self.assertIsNone(self.indicator(phase))
        self.assertIsNone(self.indicator(self.root))

    def test_a_status_begins_with_its_first_option_in_every_type(self):
        schema = self.ok(self.get("/templates/restomod/schema"))
        for node_type in schema["node_types"]:
            first = [p["options"][0]["id"] for p in node_type["properties"]
                     if p["id"] == "status" and p["options"]]
            if first:
                node = self.node(self.create(node_type["id"], "N"))
                self.assertEqual(node["properties"]["status"], first[0])


if __name__ == "__main__":
    unittest.main()
