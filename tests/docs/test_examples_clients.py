"""Every client in docs/clients.md works as printed, and its table of events is the one in force."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import ROOT
from project_test import ProjectTest
from tables import describe

EXAMPLES = ROOT / "docs" / "examples"
CLIENTS = ROOT / "docs" / "clients.md"
LIMIT_S = 100  # a browser's start on a busy machine is in it


class Clients(ProjectTest):
    def setUp(self):
        super().setUp()
        self.url = f"http://127.0.0.1:{self.server.ports[0]}"

    def output(self, *command, **options):
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def output_until(self, wanted, *command):
        """Of a program that stays: events and answers come in no order that could be known."""
        process = subprocess.Popen(["timeout", str(LIMIT_S), *command], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.wait, LIMIT_S)
        self.addCleanup(process.terminate)
        text = ""
        with process.stdout as lines:
            while not all(re.search(pattern, text, re.M) for pattern in wanted):
                line = lines.readline()
                self.assertTrue(line, text)
                text += line

    def node_example(self):
        """A copy, because Node looks for packages from where the program lies."""
        directory = Path(tempfile.mkdtemp(prefix="example."))
        self.addCleanup(shutil.rmtree, directory)
        shutil.copy(EXAMPLES / "node.mjs", directory)
        os.symlink(ROOT / "tests" / "node_modules", directory / "node_modules")
        return directory / "node.mjs"

    def page(self, name):
        """An example page in a browser; its lines come on standard output."""
        process = subprocess.Popen(
            ["timeout", str(LIMIT_S), "node", ROOT / "tests" / "docs" / "page.mjs", name, self.url,
             self.session], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def end():
            process.stdin.close()
            process.wait(LIMIT_S)
            process.stdout.close()
        self.addCleanup(end)
        return process

    def test_the_node_example_hears_its_own_node(self):
        lines = self.output("node", self.node_example(), self.url, self.session)
        events = [line.split()[1] for line in lines if not line.startswith("answer")]
        self.assertEqual([e for e in events if e.startswith(("graph:", "command:"))],
                         ["command:executing", "graph:node-created", "command:executed"])
        self.assertIn("answer true", "\n".join(lines))
        self.assertEqual(self.roots()[-1]["name"], "From Node")

    def quick_start(self, language):
        (text,) = re.findall(rf"^```{language}\n(.*?)^```$", CLIENTS.read_text(), re.M | re.S)
        return text.replace("http://127.0.0.1:5000", self.url).replace("SESSION", f'"{self.session}"')

    def test_the_quick_start_in_javascript_runs_as_it_stands(self):
        program = self.node_example()
        program.write_text(self.quick_start("js"))
        self.output_until(["^graph:node-created", "^[0-9a-f-]{36}$"], "node", program)
        self.assertEqual(self.roots()[-1]["name"], "Bodywork")

    def test_the_quick_start_in_python_runs_as_it_stands(self):
        self.output_until(["graph:node-created", "'success': True.*'undo_available': True"],
                          "/usr/bin/python3", "-u", "-c",
                          self.quick_start("python") + "client.wait()\n")
        self.assertEqual(self.roots()[-1]["name"], "Bodywork")

    def test_the_node_example_says_what_was_refused(self):
        done = subprocess.run(["node", self.node_example(), self.url, "nowhere"],
                              capture_output=True, text=True, timeout=LIMIT_S, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Session not found", done.stderr)

    def test_the_python_example_hears_its_own_node(self):
        lines = self.output("/usr/bin/python3", EXAMPLES / "python_socketio.py", self.url,
                            self.session)
        text = "\n".join(sorted(lines))
        self.assertRegex(text, r"\d+ command:executed CreateNode")
        self.assertRegex(text, r"\d+ graph:node-created From Python")
        self.assertRegex(text, r"answer True \d+")

    def test_the_websocket_example_hears_its_own_node(self):
        lines = self.output("/usr/bin/python3", EXAMPLES / "websocket_client.py", self.url,
                            self.session)
        self.assertRegex(lines[0], r"^\d+ joined$")
        self.assertTrue([line for line in lines if line.endswith("graph:node-created")])
        self.assertTrue([line for line in lines if line.startswith("answer {")])
        self.assertEqual(self.roots()[-1]["name"], "From a WebSocket")

    def test_the_asking_example_prints_what_each_client_said(self):
        silent = self.websocket()
        lines = self.output("/usr/bin/python3", EXAMPLES / "confirm.py", self.url, self.session)
        name = silent.joined["data"]["client_id"]
        self.assertEqual(lines, ["asked: Delete the phase?", f"{name} said nothing",
                                 "confirm.py said {'sure': True}"])

    def test_the_curl_example_shows_what_it_did(self):
        text = "\n".join(self.output(EXAMPLES / "curl.sh", self.url))
        self.assertEqual(text.count('"graph:node-created"'), 4)
        self.assertIn("Bodywork", text)

    def test_the_browser_example_adds_and_hears(self):
        page = self.page("browser.html")
        self.assertEqual(page.stdout.readline().strip(), "connected")
        page.stdin.write("add\n")
        page.stdin.flush()
        self.assertRegex(page.stdout.readline(), r"^\d+: A phase$")
        self.create(name="by another")
        self.assertRegex(page.stdout.readline(), r"^\d+: by another$")

    def test_the_eventsource_example_hears_past_and_present(self):
        page = self.page("eventsource.html")
        self.assertRegex(page.stdout.readline(), r"^\d+: graph:node-created A project$")
        self.create(name="after")
        self.assertRegex(page.stdout.readline(), r"^\d+: graph:node-created after$")


class Document(unittest.TestCase):
    def test_the_table_of_events_is_the_one_in_force(self):
        self.assertTrue(CLIENTS.read_text().endswith(describe("events")),
                        "docs/clients.md is stale: its table is what `describe events` prints")

    def test_every_example_that_is_named_is_there_and_tried(self):
        named = set(re.findall(r"\(examples/([^)]+)\)", CLIENTS.read_text()))
        tests = "".join(p.read_text() for p in Path(__file__).parent.glob("test_examples*.py"))
        self.assertGreaterEqual(len(named), 6)
        for name in named:
            self.assertTrue((EXAMPLES / name).exists(), name)
            self.assertIn(f'"{name}"', tests)


if __name__ == "__main__":
    unittest.main()
