"""The examples in docs/ work as printed, against a real graphd and no gateway."""

import json
import subprocess
import unittest

from harness import ROOT, Server

EXAMPLES = ROOT / "docs" / "examples"
LIMIT_S = 20


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(gateways=0)
        cls.addClassCleanup(cls.server.remove)
        cls.server.start()

    def ask(self, *words):
        out = subprocess.run(["/usr/bin/python3", EXAMPLES / "ask.py", self.server.requests, *words],
                             capture_output=True, text=True, timeout=LIMIT_S, check=True).stdout
        status, body = out.split(" ", 1)
        return status, json.loads(body)

    def new_project(self):
        status, body = self.ask("CreateProject", "",
                                '{"template_id":"restomod","project_name":"Mustang"}')
        self.assertEqual(status, "OK", body)
        return body["session_id"]

    def tap(self, session):
        tap = subprocess.Popen(["/usr/bin/python3", EXAMPLES / "tap.py", self.server.events, session],
                               stdout=subprocess.PIPE, text=True)
        self.addCleanup(tap.stdout.close)
        self.addCleanup(tap.wait)
        self.addCleanup(tap.kill)
        return tap

    @staticmethod
    def next_event(tap):
        """The next event that is not graphd's own word to gateways."""
        while True:
            name, body = tap.stdout.readline().split(" ", 1)
            if name != "sync":
                return name, json.loads(body)

    def test_ask_prints_the_status_and_the_body(self):
        status, body = self.ask("GetTree", self.new_project())
        self.assertEqual(status, "OK")
        self.assertEqual([root["name"] for root in body["roots"]], ["Mustang"])

    def test_ask_prints_what_is_wrong(self):
        status, body = self.ask("Nonsense")
        self.assertEqual(status, "UNKNOWN_COMMAND")
        self.assertEqual(body["error"]["code"], "UNKNOWN_COMMAND")

    def test_tap_hears_what_was_asked(self):
        session = self.new_project()
        tap = self.tap(session)
        # The sync says that from now on all is heard.
        self.assertEqual(tap.stdout.readline().split(" ", 1)[0], "sync")
        self.ask("CreateNode", session, '{"blueprint_type_id":"phase","name":"Build"}')
        names = []
        for _ in range(3):
            name, body = self.next_event(tap)
            names.append(name)
            self.assertEqual(body["session_id"], session)
        self.assertEqual(names, ["command:executing", "graph:node-created", "command:executed"])


if __name__ == "__main__":
    unittest.main()
