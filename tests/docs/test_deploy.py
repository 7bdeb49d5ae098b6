"""What docs/deploy.md installs is complete, and the units and commands it shows start."""

import ctypes
import os
import platform
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import BUILD, ROOT, Daemon, eventually, free_port
from clients import Http

UNITS = [ROOT / "docs" / "examples" / name for name in ("graphd.service", "gatewayd@.service")]


SYS_SOCKET = 41  # of x86-64


def forbid_families_but(families):
    """As RestrictAddressFamilies does it, for this process and what it becomes: seccomp(2)."""
    load, equal, give = 0x20, 0x15, 0x06
    steps = [(load, 0, 0, 0), (equal, 0, len(families) + 2, SYS_SOCKET), (load, 0, 0, 16)]
    steps += [(equal, len(families) - i, 0, family) for i, family in enumerate(families)]
    steps += [(give, 0, 0, 0x50000 | 97), (give, 0, 0, 0x7fff0000)]  # EAFNOSUPPORT; let it
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):  # no new privileges; filter
        raise OSError("no seccomp")


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
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.settimeout(20)
        self.manager.bind(f"{self.directory}/{unit.stem}.notify")
        daemon = Daemon(unit.stem, [self.place(w, port) for w in command_of(unit)], self.directory,
                        {"NOTIFY_SOCKET": self.manager.getsockname(), "WATCHDOG_USEC": "100000"})
        daemon.start()
        self.addCleanup(daemon.kill)
        return daemon

    def test_what_is_installed_runs_as_the_units_say(self):
        self.install()
        for path in ("run/graphd", "var/lib/graphd/backups"):
            (self.directory / path).mkdir(parents=True)
        port = free_port()
        daemons = []
        for unit in UNITS:
            daemons.append(self.start(unit, port))
            # What Type=notify and WatchdogSec wait for; then the next may be started.
            self.assertEqual(self.manager.recv(64), b"READY=1")
            self.assertEqual(self.manager.recv(64), b"WATCHDOG=1")

        def is_ready():
            with Http(port) as http:
                return http.get("/readyz").status == 200
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

    @unittest.skipUnless(platform.machine() == "x86_64", "the filter is made for x86-64")
    def test_graphd_s_unit_lets_it_bind_what_other_hosts_reach(self):
        text = UNITS[0].read_text()
        names = re.search(r"^RestrictAddressFamilies=(.*)$", text, re.M)[1].split()
        families = [getattr(socket, name) for name in names]
        with open(self.directory / "log", "w+", encoding="utf-8") as log:
            graphd = subprocess.Popen(
                [BUILD / "graphd" / "graphd", "--data", self.directory / "data", "--templates",
                 ROOT / "graphd" / "templates", "--bind-requests", f"tcp://127.0.0.1:{free_port()}",
                 "--bind-events", f"tcp://127.0.0.1:{free_port()}"], stderr=log,
                preexec_fn=lambda: forbid_families_but(families))
            self.addCleanup(graphd.wait)
            self.addCleanup(graphd.kill)
            eventually(lambda: graphd.poll() is not None or
                       "ready" in Path(log.name).read_text(), 20, "graphd is ready")
            self.assertIn("ready", Path(log.name).read_text())

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
