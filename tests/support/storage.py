"""What tests of a server's storage share: random commands, all of them checked against the journal
afterwards, and faults that a preloaded library makes.
"""

import errno
import os
import random
import subprocess
import tempfile
import time
import unittest
import uuid
from pathlib import Path

from harness import BUILD, ROOT, Server, eventually, new_seed
from workload import API, Command, Composer, Mirror

GRAPHCTL = BUILD / "graphd" / "graphctl"


class StorageTest(unittest.TestCase):
    graphd_options = ("--snapshot-steps", "20")
    deadline_ms = 2000  # what a gateway waits for a graphd that is gone

    def setUp(self):
        self.seed = new_seed()
        print(f"SEED={self.seed} ", end="", flush=True)
        self.chance = random.Random(self.seed)
        self.server = Server(store="sqlite", graphd_options=self.graphd_options,
                             gateway_options=["--deadline-ms", str(self.deadline_ms)])
        self.addCleanup(self.server.remove)

    def begin(self, sessions=1):
        self.server.start()
        self.http = self.server.http(timeout_s=10)
        self.addCleanup(self.http.close)
        self.mirrors = [Mirror(self.new_project()) for _ in range(sessions)]
        self.composer = Composer(self.chance, self.mirrors)
        self.done = []

    def new_project(self):
        reply = self.http.post(f"{API}/projects", {"template_id": "restomod", "project_name": "P"})
        self.assertEqual(reply.status, 201, reply)
        return reply.json["session_id"]

    def create(self, session, name="A node"):
        """The reply to one CreateNode, whatever it is."""
        command = self.command(session, name)
        command.by_http(self.http)
        return command.last

    def command(self, session, name):
        data = {"blueprint_type_id": "phase", "name": name, "node_id": str(uuid.uuid4())}
        return Command(session, "CreateNode", data)

    def run_some(self, n):
        """Random commands that must all get definite answers."""
        for _ in range(n):
            command = self.composer.compose()
            command.by_http(self.http)
            self.assertTrue(command.is_settled, command.last)
            self.done.append(command)
            self.mirrors[0].catch_up(self.http)

    def check_all(self):
        """Every acknowledged command once and whole, the graph what the events lead to."""
        for mirror in self.mirrors:
            mirror.catch_up(self.http)
            mirror.check_tree(self.http)
        by_session = {m.session: m for m in self.mirrors}
        for command in self.done:
            command.check(by_session[command.session])

    def settle(self, command):
        """The same key again gives the definite answer."""
        if command:
            eventually(lambda: command.by_http(self.http) or command.is_settled, 10, "an answer")
            self.done.append(command)
        self.check_all()

    def provoke(self, most=60):
        """Commands until one has no definite answer, which is returned; None: all had one."""
        for i in range(most):
            # Chance alone may give nothing but refusals, which write nothing.
            command = self.composer.certain() if i % 3 == 2 else self.composer.compose()
            command.by_http(self.http)
            if not command.is_settled:
                return command
            self.done.append(command)
            if i % 10 == 9:
                time.sleep(0.3)  # idle: the log is brought home, which flushes too
            if not self.server.graphd.is_running():
                return None
        return None

    def start_graphd(self):
        """Until it is ready or has ended; the gateway may take the old one for alive meanwhile."""
        graphd = self.server.graphd
        before = graphd.log().count("ready: requests")
        graphd.start()
        eventually(lambda: graphd.log().count("ready: requests") > before
                   or not graphd.is_running(), 10, "a start")

    def await_served(self):
        """The gateway may take the old graphd for alive until it has heard of the new one."""
        path = f"{API}/sessions/{self.mirrors[0].session}"
        eventually(lambda: self.http.get(path).status == 200, 10, "an answer from the new graphd")

    def is_ready(self):
        try:
            return self.http.get("/readyz").status == 200
        except OSError:
            return False

    def assert_failed(self):
        """graphd ends by itself with status 1 and says why; then the gateway is not ready."""
        self.assertEqual(self.server.graphd.wait(10), 1, self.server.graphd.log_tail())
        last = self.server.graphd.log().rpartition("ready: requests")[2]
        self.assertIn("the journal can no longer be written safely", last)
        eventually(lambda: not self.is_ready(), 5, "a gateway that is not ready")

    def graphctl(self, *arguments):
        return subprocess.run([GRAPHCTL, *map(str, arguments)], capture_output=True, text=True,
                              timeout=120)

    def check_file(self):
        self.server.graphd.stop()
        check = self.graphctl("check", self.server.data / "graph.db")
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)


class TmpfsTest(StorageTest):
    """A data directory of a few MiB."""

    size = "4m"

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("SKIPPED LOUDLY: only root can mount a tmpfs")
        super().setUp()
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs",
                                self.server.data], capture_output=True, text=True)
        if mount.returncode != 0:
            self.skipTest(f"SKIPPED LOUDLY: no tmpfs can be mounted here: {mount.stderr}")
        # Runs before the directory is removed, and after the daemons are gone.
        self.addCleanup(subprocess.run, ["umount", "-l", self.server.data])
        self.addCleanup(lambda: [d.kill() for d in self.server.daemons()])
        (self.server.data / "run").mkdir(mode=0o700)
        self.filler = self.server.data / "filler"

    def fill(self):
        """Takes the room there is; what graphd has set aside stays."""
        with open(self.filler, "ab", buffering=0) as filler:
            for block in (1 << 20, 4096):
                try:
                    while True:
                        filler.write(b"x" * block)
                except OSError:
                    pass

    def exhaust(self, session, letter="x"):
        """Commands until one finds no room, which is returned."""
        for _ in range(400):
            command = self.command(session, letter * 900)
            command.by_http(self.http)
            if not command.is_settled:
                self.assertEqual(command.last.status, 507, command.last)
                self.assertEqual(command.last.json["error"]["code"], "STORAGE_FULL")
                return command
            self.done.append(command)
        self.fail("the disk was never full")


class PreloadTest(StorageTest):
    """A C source of tests/faults is made a library and preloaded into graphd."""

    source = "preload.c"

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="graphd-faults.")
        cls.library = Path(cls.directory.name) / "preload.so"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE",
                        "-o", cls.library, ROOT / "tests" / "faults" / cls.source, "-ldl"],
                       check=True)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def setUp(self):
        super().setUp()
        self.arm = self.server.directory / "armed"
        self.sound = dict(self.server.graphd.env)

    def prepare(self, fault, number=errno.EIO):
        """The fault comes into force when self.arm is touched."""
        # Under the address sanitizer its own library should come first, but need not.
        asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.server.graphd.env = dict(
            self.sound, LD_PRELOAD=str(self.library), FAULT=fault, FAULT_ARM=str(self.arm),
            FAULT_ERRNO=str(number), ASAN_OPTIONS=asan.lstrip(":"))
        self.arm.unlink(missing_ok=True)

    def start_with(self, fault, number=errno.EIO):
        """Instead of the one that runs."""
        self.server.graphd.stop()
        self.prepare(fault, number)
        self.start_graphd()
        self.await_served()

    def restart_sound(self):
        self.server.graphd.kill()
        self.server.graphd.env = self.sound
        self.start_graphd()
        self.await_served()
