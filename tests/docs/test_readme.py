"""What the README prints can be typed as it stands, and what the documents point to exists."""

import json
import re
import shutil
import subprocess
import unittest

from harness import ROOT, ServerTest

DOCUMENTS = [ROOT / "README.md", ROOT / "NEWS.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def anchors(text):
    """The names by which headings are linked to."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}


class Tour(ServerTest):
    def test_the_tour_does_what_it_says(self):
        self.assertTrue(shutil.which("curl"), "the tour is told in curl")
        (tour,) = [b for b in blocks((ROOT / "README.md").read_text(), "sh") if "curl" in b]
        self.assertIn("127.0.0.1:5000", tour)
        script = tour.replace("127.0.0.1:5000", f"127.0.0.1:{self.server.ports[0]}")
        # At the end the last tree is left to look at; the stream's output came before it.
        run = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True,
                             text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr)
        replies = [json.loads(found) for found in re.findall(
            r'\{"success".*?\}(?=\{|id:|event:|data:|\n|$)', run.stdout)]
        self.assertTrue(replies, run.stdout)
        self.assertIn('"name":"Bodywork"', run.stdout)
        last = run.stdout[run.stdout.rindex('{"roots"'):]
        self.assertIn("Fastback", last)
        self.assertNotIn("Bodywork", last.split("\n")[0])


class Pointers(unittest.TestCase):
    def test_every_link_leads_to_a_file(self):
        for document in DOCUMENTS:
            for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
                if "://" not in target:
                    with self.subTest(document=document.name, link=target):
                        self.assertTrue((document.parent / target).exists())

    def test_every_anchor_is_a_heading_of_the_document_it_leads_to(self):
        for document in DOCUMENTS:
            for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text()):
                with self.subTest(document=document.name, link=f"{target}#{anchor}"):
                    aim = document.parent / target if target else document
                    self.assertIn(anchor, anchors(aim.read_text()))

    def test_every_document_can_be_come_to_from_the_readme(self):
        reached, left = set(), [ROOT / "README.md"]
        while left:
            document = left.pop()
            if document in reached or document.suffix != ".md":
                continue
            reached.add(document)
            for target in re.findall(r"\]\(([^)#:]+)", document.read_text()):
                left.append((document.parent / target).resolve())
        listed = {d for d in DOCUMENTS if d.parent.name != "decisions"}
        self.assertEqual(listed - reached, set())

    def test_every_script_and_directory_named_in_the_readme_exists(self):
        text = (ROOT / "README.md").read_text()
        for path in re.findall(r"`((?:scripts|docs|tests|graphd|gatewayd|common|proto)/[\w./-]*)`",
                               text):
            with self.subTest(path=path):
                self.assertTrue((ROOT / path).exists())

    def test_every_script_says_how_it_is_used(self):
        for name in ("run", "test", "demo", "bench", "fuzz", "check", "build"):
            for option, status in (("--help", 0), ("--nonsense", 2)):
                with self.subTest(script=name, option=option):
                    run = subprocess.run([ROOT / "scripts" / name, option], capture_output=True,
                                         text=True)
                    self.assertEqual(run.returncode, status)
                    self.assertIn(f"usage: scripts/{name}", run.stderr if status else run.stdout)

    def test_every_option_named_beside_run_is_one_of_its_own(self):
        text = (ROOT / "README.md").read_text()
        help_text = subprocess.check_output([ROOT / "scripts" / "run", "--help"], text=True)
        for option in re.findall(r"`(--[a-z-]+)`", text):
            if option != "--help":
                self.assertIn(option, help_text)


class Requirements(unittest.TestCase):
    NODE = 18  # what Debian 12 has

    def test_every_npm_package_runs_on_the_node_of_debian_12(self):
        for directory in ("tests", "tests/bench/peers"):
            packages = json.loads((ROOT / directory / "package-lock.json").read_text())["packages"]
            asked = {name: package["engines"]["node"] for name, package in packages.items()
                     if "node" in package.get("engines", {})}
            self.assertTrue(asked)
            for name, versions in asked.items():
                with self.subTest(package=name, versions=versions):
                    least = re.fullmatch(r">= ?(\d+)[.\d]*", versions)
                    self.assertTrue(least and int(least[1]) <= self.NODE)


if __name__ == "__main__":
    unittest.main()
