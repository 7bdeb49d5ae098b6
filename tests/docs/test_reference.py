"""What docs/ says of URLs, limits, options, metrics, error codes and log lines is so."""

import functools
import re
import shutil
import subprocess
import unittest

from harness import BUILD, ROOT, Server, ServerTest
from project_test import ProjectTest
from tables import errors

DOCS = ROOT / "docs"
BLUEPRINTS = DOCS / "blueprints.md"
GUIDES = [ROOT / "README.md", ROOT / "NEWS.md", *sorted(DOCS.glob("*.md"))]
PROGRAMS = {"graphd": BUILD / "graphd" / "graphd", "graphctl": BUILD / "graphd" / "graphctl",
            "gatewayd": BUILD / "gatewayd" / "gatewayd"}
SOURCES = {"graphd": "graphd/options.c", "gatewayd": "gatewayd/options.c",
           "graphctl": "graphd/graphctl.c"}
UNITS = {"KiB": 1024, "MiB": 1024 * 1024}


def section(path, title):
    """From that heading to the next of the same rank."""
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", path.read_text(), re.M | re.S)[1]


def rows(text):
    return [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in text.splitlines() if line.startswith("| ")]


@functools.cache
def sources():
    directories = [ROOT / name for name in ("common", "proto", "graphd", "gatewayd")]
    files = [path for directory in directories for path in directory.rglob("*.[ch]")]
    # Neighbouring literals are one text, as for the compiler.
    return re.sub(r'"\s*\n\s*"', "", "\n".join(p.read_text() for p in files))


@functools.cache
def limits():
    """Name to value, of common/limits.h."""
    text = (ROOT / "common" / "limits.h").read_text()
    return {name: eval(value) for name, value in re.findall(r"(LIMIT_\w+) =\s*([\d *]+),", text)}


@functools.cache
def help_of(program):
    return subprocess.check_output([PROGRAMS[program], "--help"], text=True)


class Urls(unittest.TestCase):
    def test_the_table_of_paths_is_the_one_in_force(self):
        routes = (ROOT / "gatewayd" / "routes.def").read_text()
        in_force = {f"{method} {path}": command for method, path, command in re.findall(
            r'^(?:ROUTE|LOCAL)\((\w+), "([^"]+)", (\w+)', routes, re.M)}
        told = {}
        for path, command, _ in rows(section(DOCS / "rest.md", "Paths")):
            if not path.startswith("`"):
                continue
            name = re.sub(r"\[(\w+)\].*", r"\1", command)
            told[path.strip("`")] = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
        self.assertEqual(sorted(told), sorted(in_force))
        by_graphd = set(re.findall(r'^ROUTE\(\w+, "[^"]+", (\w+)', routes, re.M))
        for path, command in in_force.items():
            with self.subTest(path=path):
                if command in by_graphd or told[path]:
                    self.assertIn(command, told[path])


class Limits(ProjectTest):
    def table(self):
        """Name of the limit, its value, what is answered."""
        for what, value, answer in rows(section(DOCS / "rest.md", "Limits"))[1:]:
            number, unit = re.match(r"([\d,]+) ?(\w*)", value).groups()
            name = re.search(r"`(LIMIT_\w+)`", what)[1]
            yield name, int(number.replace(",", "")) * UNITS.get(unit, 1), answer

    def test_each_is_the_one_in_force(self):
        told = list(self.table())
        self.assertGreater(len(told), 20)
        for name, value, _ in told:
            with self.subTest(limit=name):
                self.assertEqual(value, limits()[name])

    def test_what_goes_beyond_is_answered_as_told(self):
        reply_to = {
            "LIMIT_BODY_BYTES": self.create_with(name="x" * limits()["LIMIT_BODY_BYTES"]),
            "LIMIT_REQUEST_LINE_BYTES": self.get("/sessions?x=" + "y" * 4096),
            "LIMIT_HEADERS_BYTES": self.get("/sessions", {"X-Long": "y" * 16384}),
            "LIMIT_JSON_DEPTH": self.create_with(properties={"a": eval(33 * "[" + 33 * "]")}),
            "LIMIT_JSON_VALUES": self.create_with(properties={"a": [0] * 100001}),
            "LIMIT_PROPERTIES": self.create_with(properties={f"p{i}": 1 for i in range(257)}),
            "LIMIT_JSON_TEXT_BYTES": self.create_with(properties={"a": "x" * 262145}),
            "LIMIT_VALUE_BYTES": self.create_with(properties={"a": [260000 * "x", 9999 * "x"]}),
            "LIMIT_NAME_BYTES": self.create_with(name="x" * 1025),
            "LIMIT_BATCH_COMMANDS": self.execute(self.session, "Batch", commands=1001 * [
                {"command_type": "CreateNode", "data": {"blueprint_type_id": "phase"}}]),
            "LIMIT_ACTOR_BYTES": self.get("/sessions", {"X-Actor": "x" * 129}),
            "LIMIT_KEY_BYTES": self.post("/sessions", {}, {"Idempotency-Key": "k" * 256}),
            "LIMIT_EVENTS_PAGE": self.get(f"/sessions/{self.session}/events?limit=10001"),
        }
        told = {name: answer for name, _, answer in self.table()}
        for name, reply in reply_to.items():
            with self.subTest(limit=name):
                said = f"{reply.status} `{reply.json['error']['code']}`"
                self.assertEqual(told[name], said)

    def create_with(self, **data):
        return self.execute(self.session, "CreateNode", blueprint_type_id="phase", **data)


class Blueprints(ServerTest):
    @classmethod
    def _new_server(cls):
        """With the blueprint of the document among the others."""
        server = Server()
        templates = server.directory / "templates"
        shutil.copytree(ROOT / "graphd" / "templates", templates)
        (text,) = re.findall(r"^```yaml\n(.*?)^```$", BLUEPRINTS.read_text(), re.M | re.S)
        (templates / "kitchen.yaml").write_text(text)
        arguments = server.graphd.arguments
        arguments[arguments.index("--templates") + 1] = str(templates)
        return server.start()

    def node(self, type_id, parent, **properties):
        reply = self.http.post("/api/v1/commands/execute", {
            "session_id": self.session, "command_type": "CreateNode",
            "data": {"blueprint_type_id": type_id, "parent_id": parent, "properties": properties}})
        return reply.json.get("node_id"), {w["rule"] for w in reply.json.get("warnings", [])}

    def test_the_one_that_is_shown_breaks_each_rule_as_told(self):
        made = self.http.post("/api/v1/projects", {"template_id": "kitchen", "project_name": "Home"})
        self.assertEqual(made.status, 201, made)
        self.session, root = made.json["session_id"], made.json["graph"]["roots"][0]
        self.assertEqual(root["blueprint_type_id"], "menu")
        dish, broken = self.node("dish", root["id"])
        self.assertEqual(broken, set())
        found = self.node("ingredient", root["id"])[1] | self.node("spoon", dish)[1]
        found |= self.node("ingredient", dish, fresh="very", colour="red")[1]
        found |= self.node("dish", root["id"], status="Eaten", name="")[1]
        told = {row[0].strip("`") for row in rows(BLUEPRINTS.read_text().split("| rule |")[1])}
        self.assertEqual(found, told - {"---"})


class Options(unittest.TestCase):
    def test_every_option_there_is_is_explained_by_its_help(self):
        for program, source in SOURCES.items():
            found = re.findall(r'\{ "([a-z-]+)", \w+_argument', (ROOT / source).read_text())
            self.assertGreater(len(found), 10)
            for option in found:
                with self.subTest(program=program, option=option):
                    self.assertRegex(help_of(program), rf"--{option}\b")

    def test_the_defaults_that_help_names_are_those_of_the_limits(self):
        text = (ROOT / "common" / "limits.h").read_text()
        found = re.findall(r"(LIMIT_\w+) =[^,]*,\s*/\* (--[a-z-]+)", text)
        self.assertGreaterEqual(len(found), 4)
        for name, option in found:
            with self.subTest(option=option):
                said = [m for p in PROGRAMS for m in re.findall(
                    rf"^  {option} [^(]*?\((\d+)\)", help_of(p), re.M)]
                self.assertEqual(said, [str(limits()[name])])

    def test_every_option_that_is_named_is_one_of_some_program(self):
        known = "".join(map(help_of, PROGRAMS))
        for script in ("run", "test", "demo", "bench", "fuzz"):
            known += (ROOT / "scripts" / script).read_text()
        known += (ROOT / "tests" / "bench" / "bench.py").read_text()
        for document in GUIDES:
            text = document.read_text()
            # Those of other people's programs.
            for line in re.findall(r"^.*(?:adduser|systemctl|valgrind) .*$", text, re.M):
                text = text.replace(line, "")
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
                with self.subTest(document=document.name, option=option):
                    self.assertTrue(re.search(rf"{option}\b", known), option)


class Names(unittest.TestCase):
    def test_the_metrics_that_are_told_of_are_those_there_are(self):
        there = set(re.findall(r'"((?:graphd|gatewayd)_[a-z_]+)(?=["{\\])', sources()))
        told = set(re.findall(r"(?:graphd|gatewayd)_[a-z_]*[a-z]", section(DOCS / "operate.md",
                                                                          "Monitoring")))
        self.assertEqual(told, there)

    def test_every_error_code_that_is_named_is_one_of_the_table(self):
        for document in GUIDES:
            # 404 `CODE`, `404 CODE`, "code": "CODE"
            for code in re.findall(r"\b[1-5]\d\d `?([A-Z]+_[A-Z_]+)`", document.read_text()):
                with self.subTest(document=document.name, code=code):
                    self.assertIn(code, errors())

    def test_every_line_of_the_log_that_is_quoted_is_one_that_is_written(self):
        text = "\n".join(section(DOCS / "operate.md", title) for title in (
            "When graphd does not start", "When clients are not served"))
        quoted = re.findall(r"`([A-Za-z][^`]+ [^`]+)`", "\n".join(r[0] for r in rows(text)))
        quoted += ["the journal can no longer be written safely", "a stranger was refused",
                   "the system has none left for", "it speaks contract"]
        self.assertGreater(len(quoted), 10)
        for line in quoted:
            for part in line.split("…"):
                with self.subTest(line=line):
                    self.assertTrue(part.strip() in sources(), part)


if __name__ == "__main__":
    unittest.main()
