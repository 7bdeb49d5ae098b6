"""Runs every *.scenario beside this file, and asks whether together they tell of all there is.

Each file becomes a test of its own, named after its first line.
"""

import unittest
from pathlib import Path

import tables
from harness import ServerTest
from scenario import Scenario

FILES = sorted(Path(__file__).parent.glob("*.scenario"))


class Scenarios(ServerTest):
    gateways = 2
    used = set()
    heard = {}

    def play(self, path):
        scenario = Scenario(self.server, self.used, self.heard)
        try:
            scenario.run(path.read_text())
        finally:
            scenario.close()

    # Tests run in the order of their names: this one is the last.
    def test_zz_every_command_and_every_event_is_in_some_scenario(self):
        known = {name for name, words in tables.events().items() if words != "internal"}
        colon = {name if name in known else None for name in self.heard}
        self.assertEqual(known - colon, set(), "events nobody heard")
        self.assertEqual(set(tables.command_kinds()) - self.used, set(), "commands nobody used")

    def test_zz_every_event_heard_had_all_fields_of_its_row(self):
        for name, data in self.heard.items():
            if name not in tables.events():
                continue
            for field in tables.event_fields(name):
                self.assertIn(field, data, name)


def add_test(path):
    def test(self):
        self.play(path)
    test.__doc__ = path.read_text().splitlines()[0].lstrip("# ")
    setattr(Scenarios, f"test_{path.stem}", test)


for file in FILES:
    add_test(file)

if __name__ == "__main__":
    unittest.main()
