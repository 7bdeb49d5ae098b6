"""What scripts/run promises: one line when it is ready, and a clean end by one signal. In a tree
of its own, in which the programs that are tested here are taken for built."""

import contextlib
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from clients import Http
from engine import RawWebSocket
from harness import BUILD, ROOT

GATEWAYS = 2
LIMIT_S = 30


def are_free(first):
    with contextlib.ExitStack() as taken:
        for port in range(first, first + GATEWAYS):
            listener = taken.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_ports():
    """The first of as many in a row, from where the kernel takes none for connections."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        first = random.randrange(lowest // 2, lowest - GATEWAYS)
        if are_free(first):
            return first


def heed_signals():
    """A shell cannot trap what was ignored when it began, as under nohup or behind an "&"."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Run(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory(prefix="graphd-test.", dir="/tmp")
        self.addCleanup(made.cleanup)
        self.tree = Path(made.name)
        scripts = self.tree / "scripts"
        scripts.mkdir()
        for name in ("run", "packages"):
            (scripts / name).write_bytes((ROOT / "scripts" / name).read_bytes())
        (scripts / "build").write_text("#!/bin/sh\n")
        for script in scripts.iterdir():
            script.chmod(0o755)
        for part in ("graphd", "gatewayd"):
            (self.tree / part).symlink_to(ROOT / part)

    def start(self):
        self.port = free_ports()
        self.log = open(self.tree / "log", "w+")
        self.addCleanup(self.log.close)
        run = subprocess.Popen(
            [self.tree / "scripts" / "run", "--build", BUILD, "--port", str(self.port),
             "--gateways", str(GATEWAYS)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log, text=True, start_new_session=True, preexec_fn=heed_signals)
        self.addCleanup(run.stdout.close)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        readable, _, _ = select.select([run.stdout], [], [], LIMIT_S)
        self.assertTrue(readable, self.text())
        self.assertEqual(run.stdout.readline(), f"ready http://127.0.0.1:{self.port}\n",
                         self.text())
        return run

    def text(self):
        return (self.tree / "log").read_text()

    def listen(self):
        """A client at each gateway."""
        with Http(self.port) as http:
            made = http.post("/api/v1/projects", {"template_id": "restomod", "project_name": "P"})
        clients = [RawWebSocket(self.port + i, f"/ws?session_id={made.json['session_id']}")
                   for i in range(GATEWAYS)]
        for client in clients:
            self.addCleanup(client.close)
            self.assertEqual(json.loads(client.text_in())["event"], "joined")
        return clients

    def test_one_signal_ends_it_cleanly_and_every_client_is_told(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signal=number.name):
                run = self.start()
                clients = self.listen()
                run.send_signal(number)
                self.assertEqual(run.wait(LIMIT_S), 0, self.text())
                self.assertEqual(run.stdout.read(), "")
                self.assertEqual([client.close_in() for client in clients], [1012] * GATEWAYS)
                self.assertEqual(self.text().count("draining"), GATEWAYS, self.text())
                self.assertNotIn("second signal", self.text())

    def test_what_it_makes_for_the_data_is_for_its_owner_alone(self):
        self.start()
        data = self.tree / "data"
        for path in (data, *data.iterdir()):
            with self.subTest(path=path.name):
                self.assertEqual(path.stat().st_mode & 0o077, 0)

    def test_a_daemon_that_dies_ends_all_with_status_1(self):
        for name in ("graphd", "gatewayd"):
            with self.subTest(daemon=name):
                run = self.start()
                os.kill(self.child(run, name), signal.SIGKILL)
                self.assertEqual(run.wait(LIMIT_S), 1, self.text())
                self.assertRegex(self.text(), rf"scripts/run: {name}.* ended with status 137")
                for i in range(GATEWAYS):
                    with self.assertRaises(ConnectionRefusedError), Http(self.port + i) as http:
                        http.get("/readyz")

    def child(self, run, name):
        """The last one started under that name."""
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        return int([pid for pid in children
                    if Path(f"/proc/{pid}/comm").read_text().strip() == name][-1])

    def test_a_wrong_option_is_refused_with_status_2(self):
        for options in (["--port", "0"], ["--gateways", "65"], ["--port"], ["--colour"],
                        ["--port", "65535", "--gateways", "2"]):
            with self.subTest(options=options):
                run = subprocess.run([self.tree / "scripts" / "run", *options],
                                     capture_output=True, text=True, timeout=LIMIT_S)
                self.assertEqual((run.returncode, run.stdout), (2, ""))
                self.assertTrue(re.match("scripts/run: .*\nusage: ", run.stderr), run.stderr)


if __name__ == "__main__":
    unittest.main()
