"""Full, failing and damaged disks: named errors, reads go on, nothing acknowledged is lost."""

import os
import random
import subprocess
import tempfile
import time
import unittest
import uuid
from pathlib import Path

from harness import BUILD, LONG, ROOT, Server, eventually
from workload import API, Command, Composer, Mirror

GRAPHCTL = BUILD / "graphd" / "graphctl"


class StorageTest(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000_000))
        print(f"SEED={self.seed} ", end="", flush=True)
        self.chance = random.Random(self.seed)
        self.server = Server(store="sqlite", graphd_options=["--snapshot-steps", "20"],
                             gateway_options=["--deadline-ms", "2000"])
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

    def graphctl(self, *arguments):
        return subprocess.run([GRAPHCTL, *map(str, arguments)], capture_output=True, text=True,
                              timeout=120)

    def check_file(self):
        self.server.graphd.stop()
        check = self.graphctl("check", self.server.data / "graph.db")
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)


class Tmpfs(StorageTest):
    """A data directory of a few MiB."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("SKIPPED LOUDLY: only root can mount a tmpfs")
        super().setUp()
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs",
                                self.server.data], capture_output=True, text=True)
        if mount.returncode != 0:
            self.skipTest(f"SKIPPED LOUDLY: no tmpfs can be mounted here: {mount.stderr}")
        # Runs before the directory is removed, and after the daemons are gone.
        self.addCleanup(subprocess.run, ["umount", "-l", self.server.data])
        self.addCleanup(lambda: [d.kill() for d in self.server.daemons()])
        (self.server.data / "run").mkdir(mode=0o700)

    def fill(self):
        with open(self.server.data / "filler", "ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass

    def test_a_full_disk_is_named_reads_go_on_and_writing_resumes_with_space(self):
        self.begin()
        self.run_some(30)
        pid, session = self.server.graphd.pid, self.mirrors[0].session
        for _ in range(3):
            self.fill()
            refused = 0
            for i in range(400):
                reply = self.create(session, "x" * 900)
                if reply.status == 507:
                    refused += 1
                    self.assertEqual(reply.json["error"]["code"], "STORAGE_FULL")
                if refused >= 5:
                    break
            self.assertEqual(refused, 5, "the disk was never full")
            # What was refused did not happen, and what was acknowledged can be read.
            self.check_all()
            (self.server.data / "filler").unlink()
            self.run_some(20)
        self.assertEqual(self.server.graphd.pid, pid)
        self.assertTrue(self.server.graphd.is_running())
        self.server.restart_graphd(kill=True)
        self.check_all()
        self.check_file()

    def test_a_command_refused_for_lack_of_space_is_done_when_repeated_with_space(self):
        self.begin()
        session = self.mirrors[0].session
        self.fill()
        for i in range(400):
            command = self.command(session, "y" * 900)
            command.by_http(self.http)
            if not command.is_settled:
                break
        self.assertEqual(command.last.status, 507, command.last)
        (self.server.data / "filler").unlink()
        command.by_http(self.http)
        self.assertIsNotNone(command.answer, command.last)
        self.done.append(command)
        self.check_all()


class Faults(StorageTest):
    """One call on the database's files fails, and only that one."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="graphd-faults.")
        cls.library = Path(cls.directory.name) / "preload.so"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE",
                        "-o", cls.library,
                        ROOT / "tests" / "faults" / "preload.c", "-ldl"], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def setUp(self):
        super().setUp()
        self.arm = self.server.directory / "armed"

    def start_with(self, fault, armed=False):
        graphd = self.server.graphd
        # Under the address sanitizer its own library should come first, but need not.
        asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        graphd.env.update(LD_PRELOAD=str(self.library), FAULT=fault, FAULT_ARM=str(self.arm),
                          ASAN_OPTIONS=asan.lstrip(":"))
        self.arm.unlink(missing_ok=True)
        if armed:
            self.arm.touch()
        graphd.start()

    def restart_sound(self):
        graphd = self.server.graphd
        graphd.kill()
        for name in ("LD_PRELOAD", "FAULT", "FAULT_ARM"):
            graphd.env.pop(name, None)
        graphd.start()
        self.await_served()

    def await_served(self):
        """The gateway may take the old graphd for alive until it has heard of the new one."""
        path = f"{API}/sessions/{self.mirrors[0].session}"
        eventually(lambda: self.http.get(path).status == 200, 10, "an answer from the new graphd")

    def provoke(self, most=60):
        """Commands until one has no definite answer, which is returned; None: all had one."""
        self.arm.touch()
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

    def settle(self, command):
        """The same key again gives the definite answer."""
        if command:
            eventually(lambda: command.by_http(self.http) or command.is_settled, 10, "an answer")
            self.done.append(command)
        self.check_all()

    def test_after_a_failed_flush_nothing_is_acknowledged_and_graphd_ends(self):
        self.begin()
        for n in range(1, 13 if LONG else 7):
            with self.subTest(n=n):
                self.server.graphd.stop()
                self.start_with(f"fsync:{n}")
                self.await_served()
                command = self.provoke()
                status = self.server.graphd.process.wait(10)
                self.assertEqual(status, 1, self.server.graphd.log_tail())
                self.assertIn("preload: the fault", self.server.graphd.log())
                if command:
                    self.assertNotEqual(getattr(command.last, "status", 0), 200)
                self.restart_sound()
                self.settle(command)
        self.check_file()

    def test_a_failed_write_is_named_and_nothing_acknowledged_is_lost(self):
        self.begin()
        for n in range(1, 25 if LONG else 9):
            with self.subTest(n=n):
                self.server.graphd.stop()
                self.start_with(f"write:{n}")
                self.await_served()
                command = self.provoke(30)
                if command and self.server.graphd.is_running():
                    self.assertEqual(command.last.json["error"]["code"], "STORAGE_FAILED",
                                     command.last)
                    # It was one failure: reads go on, and so does writing.
                    self.settle(command)
                    command = None
                self.restart_sound()
                self.settle(command)
        self.check_file()

    def test_a_torn_write_loses_nothing_that_was_acknowledged(self):
        self.begin()
        for n in range(1, 25 if LONG else 9):
            with self.subTest(n=n):
                self.server.graphd.stop()
                self.start_with(f"torn:{n}")
                self.await_served()
                command = self.provoke(30)
                self.assertEqual(self.server.graphd.process.wait(10), 9)
                self.restart_sound()
                self.settle(command)
        self.check_file()

    def test_a_failed_read_is_an_error_or_harmless_but_never_another_graph(self):
        self.begin()
        self.run_some(40)
        failed_starts = 0
        for n in range(1, 41 if LONG else 16):
            with self.subTest(n=n):
                self.server.graphd.stop()
                self.start_with(f"read:{n}", armed=True)
                graphd = self.server.graphd
                eventually(lambda: not graphd.is_running() or self.is_ready(), 10, "a start")
                if graphd.is_running():
                    self.read_all()
                else:
                    failed_starts += 1
                    self.assertEqual(graphd.process.wait(), 1)
                self.restart_sound()
                self.check_all()
        self.assertGreater(failed_starts, 0, "no read at the start was hit")

    def is_ready(self):
        try:
            return self.http.get("/readyz").status == 200
        except OSError:
            return False

    def read_all(self):
        """Right answers or named errors."""
        for mirror in self.mirrors:
            for path in ("graph/tree", "events?since=0"):
                reply = self.http.get(f"{API}/sessions/{mirror.session}/{path}")
                if reply.status != 200:
                    self.assertIn(reply.json["error"]["code"],
                                  ("STORAGE_FAILED", "SESSION_DAMAGED", "BACKEND_UNAVAILABLE"))
                elif path == "graph/tree":
                    mirror.check_tree(self.http)
                else:
                    again = Mirror(mirror.session)
                    again.take(reply.json["events"])


class Damage(StorageTest):
    """Bytes that changed on the disk."""

    def flip(self, text):
        """One bit of the record that holds this text; its copies in the log are gone by now."""
        path = self.server.data / "graph.db"
        data = bytearray(path.read_bytes())
        at = data.rindex(text.encode())
        data[at + 3] ^= 1
        path.write_bytes(data)

    def test_one_flipped_bit_stops_one_session_and_check_names_the_place(self):
        self.begin(sessions=3)
        hurt, sound = self.mirrors[1], self.mirrors[0]
        for i in range(20):
            for mirror in self.mirrors:
                self.assertEqual(self.create(mirror.session, f"node-{i}").status, 200)
        marked = self.create(hurt.session, "this-name-is-there-once").json
        for i in range(5):
            self.create(hurt.session)
        self.server.graphd.stop()
        self.flip("this-name-is-there-once")
        check = self.graphctl("check", self.server.data / "graph.db")
        self.assertEqual(check.returncode, 1, check.stdout + check.stderr)
        self.assertIn(f"session {hurt.session}", check.stdout)
        # The step's first event: the node's creation stands before command:executed.
        self.assertIn(f"seq {marked['seq'] - 1}:", check.stdout)
        self.assertNotIn(sound.session, check.stdout)
        self.server.graphd.start()
        self.server.await_ready()
        for path in ("", "/graph/tree", "/events?since=0"):
            reply = self.http.get(f"{API}/sessions/{hurt.session}{path}")
            self.assertEqual((reply.status, reply.json["error"]["code"]),
                             (503, "SESSION_DAMAGED"), reply)
        self.assertEqual(self.create(hurt.session).json["error"]["code"], "SESSION_DAMAGED")
        self.assertIn(hurt.session, self.server.graphd.log())
        for mirror in (sound, self.mirrors[2]):
            self.assertEqual(self.create(mirror.session).status, 200)
            mirror.catch_up(self.http)
            mirror.check_tree(self.http)

    def test_a_file_that_is_no_database_is_refused_and_left_alone(self):
        self.begin()
        self.server.graphd.stop()
        path = self.server.data / "graph.db"
        for content in (b"this is no database" * 500, path.read_bytes()[:100] + os.urandom(8192)):
            path.write_bytes(content)
            self.server.graphd.start()
            self.assertEqual(self.server.graphd.wait(5), 1)
            self.assertEqual(path.read_bytes(), content)
        self.server.graphd.process = None

    def test_garbage_behind_the_log_does_no_harm(self):
        self.begin()
        self.run_some(40)
        self.server.graphd.kill()
        with open(self.server.data / "graph.db-wal", "ab") as log:
            log.write(os.urandom(3000))
        self.server.graphd.start()
        self.server.await_ready()
        self.check_all()


class TwoOfThem(StorageTest):
    def second(self, *replaced):
        arguments = list(self.server.graphd.arguments)
        for option, value in replaced:
            arguments[arguments.index(option) + 1] = value
        started = time.monotonic()
        run = subprocess.run(arguments, capture_output=True, text=True, timeout=10, cwd=ROOT)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertLess(time.monotonic() - started, 1)
        return run.stderr

    def test_a_second_graphd_on_the_same_data_refuses_within_a_second(self):
        self.begin()
        self.assertIn("another graphd uses the data directory", self.second())
        self.run_some(5)

    def test_a_second_graphd_on_the_same_database_refuses_within_a_second(self):
        self.begin()
        other = self.server.directory / "other"
        sockets = [(f"--bind-{name}", f"ipc://{self.server.directory}/{name}.sock")
                   for name in ("requests", "events")]
        said = self.second(("--data", str(other)), *sockets)
        self.assertIn("another process uses the database", said)
        self.run_some(5)
        self.check_all()


if __name__ == "__main__":
    unittest.main()
