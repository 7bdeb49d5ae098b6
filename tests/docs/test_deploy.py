"""What docs/deploy.md installs is complete, and the units and commands it shows start."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import BUILD, ROOT, Daemon, eventually, free_port
from clients import Http

UNITS = [ROOT / "docs" / "examples" / name for name in ("graphd.service", "gatewayd@.service")]


def command_of(unit):
    """Words of ExecStart, over all its lines."""
    text = unit.read_text().replace("\\\n", " ")
    return re.search(r"^ExecStart=(.*)$", text, re.M)[1].split()


class Units(unittest.TestCase):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="units."))
        self.addCleanup(shutil.rmtree, self.directory)

    def install(self):
        """As meson would, below the directory."""
        done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir",
                               self.directory], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def place(self, word, port):
        """Where that is in this test."""
        word = word.replace("%i", str(port))
        for path in ("/usr/local", "/run/graphd", "/var/lib/graphd"):
            word = word.replace(path, f"{self.directory}{path}")
        return word

    def start(self, unit, port):
        daemon = Daemon(unit.stem, [self.place(w, port) for w in command_of(unit)], self.directory)
        daemon.start()
        self.addCleanup(daemon.kill)
        return daemon

    def test_what_is_installed_runs_as_the_units_say(self):
        self.install()
        for path in ("run/graphd", "var/lib/graphd/backups"):
            (self.directory / path).mkdir(parents=True)
        port = free_port()
        daemons = [self.start(unit, port) for unit in UNITS]

        def is_ready():
            try:
                with Http(port) as http:
                    return http.get("/readyz").status == 200
            except OSError:
                return False
        eventually(is_ready, 20, "the gateway")
        with Http(port) as http:
            self.assertEqual(len(http.get("/api/v1/templates").json["templates"]), 3)
            self.assertEqual(http.get("/api/v1/icons/project").status, 200)
        ctl = self.directory / "usr/local/bin/graphctl"
        requests = f"ipc://{self.directory}/run/graphd/requests.sock"
        done = subprocess.run([ctl, "backup", "a.db", "--requests", requests], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        for daemon in reversed(daemons):
            daemon.stop()

    @unittest.skipUnless(shutil.which("systemd-analyze"), "without systemd nobody can say")
    def test_systemd_has_nothing_to_say_against_the_units(self):
        for unit in UNITS:
            text = unit.read_text()
            # It wants to see the programs.
            for program in ("graphd/graphd", "gatewayd/gatewayd"):
                installed = f"/usr/local/bin/{os.path.basename(program)}"
                text = text.replace(installed, str(BUILD / program))
            copy = self.directory / unit.name.replace("@.", "@5000.")
            copy.write_text(text)
            done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True,
                                  text=True)
            with self.subTest(unit=unit.name):
                self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
