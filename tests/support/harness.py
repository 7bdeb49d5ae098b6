"""Real daemons for tests: start, stop, kill and restart one graphd and K gateways.

    class CreateNode(ServerTest):
        def test_a_created_node_has_the_name_it_was_given(self):
            ...self.server.http(0).post("/api/v1/sessions", {})...

The programs come from the build directory in BUILD (build-test); STORE=memory|sqlite chooses the
store. When a test fails the end of each daemon's log is printed with it.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from clients import Http, Sse, WebSocket

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD", ROOT / "build-test"))
STORE = os.environ.get("STORE", "sqlite")
LONG = os.environ.get("LONG") == "1"
START_LIMIT_S = 20
STOP_LIMIT_S = 20
# For a server whose memory is measured: the address sanitizer keeps little of what was freed.
GIVES_MEMORY_BACK = {"ASAN_OPTIONS": ":".join(
    [*filter(None, [os.environ.get("ASAN_OPTIONS")]), "quarantine_size_mb=1",
     "thread_local_quarantine_size_kb=64"])}
LOG_TAIL_LINES = 40


def new_seed():
    """Of a random test: SEED of the environment, to repeat one, or another each time."""
    return int(os.environ.get("SEED", random.randrange(1 << 32)))


_held_ports = []


def free_port():
    """A port that the kernel gives to nobody else while this process lives: not to another test, nor,
    while a daemon is started again, to a client that tries to come back to it. A listener that says
    SO_REUSEADDR, as daemons do, may have it."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _held_ports.append(held)
    return held.getsockname()[1]


def eventually(condition, limit_s=10, what="the condition"):
    """Poll for what announces itself in no other way; returns what the condition returned."""
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {limit_s} s")
        time.sleep(0.02)


def measure_until(is_good, measure, most=5):
    """A machine that does other things too spoils a measurement, but cannot make one look good: it
    is taken again until it is, so many times at most. Returns the last."""
    for _ in range(most - 1):
        found = measure()
        if is_good(found):
            return found
    return measure()


class Daemon:
    """One process and its log file. Its command line stays the same over restarts."""

    def __init__(self, name, arguments, directory, env=None):
        self.name = name
        self.arguments = [str(a) for a in arguments]
        self.log_path = Path(directory) / f"{name}.log"
        self.env = dict(os.environ, **(env or {}))
        self.process = None

    def start(self):
        assert not self.is_running(), f"{self.name} already runs"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, env=self.env, cwd=ROOT)

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def freeze(self):
        """Stops every thread; one that waits for the disk stops as soon as its call ends."""
        self.signal(signal.SIGSTOP)
        eventually(lambda: all(s in "TD" for s in self._thread_states()), what="every thread still")

    def thaw(self):
        self.signal(signal.SIGCONT)

    def _thread_states(self):
        stats = Path(f"/proc/{self.pid}/task").glob("*/stat")
        return [stat.read_text().rpartition(")")[2].split()[0] for stat in stats]

    def wait(self, limit_s=STOP_LIMIT_S):
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {limit_s} s") from None

    def stop(self):
        """TERM, and what every clean stop must end with: exit status 0."""
        if self.process is None:
            return
        # A daemon that has ended by itself shows its own status here, and that is not 0 either.
        if self.is_running():
            self.signal(signal.SIGTERM)
        status = self.wait()
        self.process = None
        if status != 0:
            raise AssertionError(f"{self.name} ended with status {status}\n{self.log_tail()}")

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def rss_bytes(self):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"{self.name} has no resident memory")

    def cpu_ms(self):
        """What all its threads have worked so far: a busy machine delays work, but adds none."""
        # clock_getcpuclockid(3) of a process; Python has that of threads alone.
        return time.clock_gettime(~self.pid << 3 | 2) * 1000

    def loop_cpu_ms(self):
        """The same of its main thread, which has the loop."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e6

    def open_sockets(self):
        directory = f"/proc/{self.pid}/fd"
        found = 0
        for number in os.listdir(directory):
            # Another may be closed while we look.
            with contextlib.suppress(FileNotFoundError):
                found += os.readlink(f"{directory}/{number}").startswith("socket:")
        return found

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self):
        lines = self.log().splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"--- {self.name}: last lines of its log"] + lines)


class Server:
    """One graphd and K gateways with a data directory of their own."""

    def __init__(self, gateways=1, store=STORE, graphd_options=(), gateway_options=(), env=None):
        # Directly under /tmp: a unix socket's path holds at most 107 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="graphd-test.", dir="/tmp"))
        self.data = self.directory / "data"
        run = self.data / "run"
        self.data.mkdir()
        run.mkdir(mode=0o700)
        self.requests = f"ipc://{run}/requests.sock"
        self.events = f"ipc://{run}/events.sock"
        self.feed = f"ipc://{run}/feed.sock"
        self.ports = [free_port() for _ in range(gateways)]
        self.graphd = Daemon("graphd", self._graphd_arguments(store) + list(graphd_options),
                             self.directory, env)
        self.gateways = [
            Daemon(f"gatewayd-{i}", self._gateway_arguments(port) + list(gateway_options),
                   self.directory, env)
            for i, port in enumerate(self.ports)]

    def _graphd_arguments(self, store):
        return [BUILD / "graphd" / "graphd", "--data", self.data,
                "--store", "memory" if store == "memory" else f"sqlite:{self.data}/graph.db",
                "--bind-requests", self.requests, "--bind-events", self.events,
                "--bind-feed", self.feed,
                "--templates", ROOT / "graphd" / "templates", "--log-level", "info"]

    def _gateway_arguments(self, port):
        return [BUILD / "gatewayd" / "gatewayd", "--listen", f"127.0.0.1:{port}",
                "--requests", self.requests, "--feed", self.feed,
                "--assets", ROOT / "gatewayd" / "assets", "--log-level", "info"]

    def daemons(self):
        return self.gateways + [self.graphd]

    def start(self):
        self.graphd.start()
        for gateway in self.gateways:
            gateway.start()
        self.await_ready()
        return self

    def await_ready(self, limit_s=START_LIMIT_S):
        for i in range(len(self.gateways)):
            eventually(lambda i=i: self._is_ready(i), limit_s, f"/readyz of gateway {i}")

    def _is_ready(self, i):
        for daemon in (self.graphd, self.gateways[i]):
            if not daemon.is_running():
                raise AssertionError(f"{daemon.name} is not running\n{daemon.log_tail()}")
        try:
            with Http(self.ports[i], timeout_s=2) as http:
                return http.get("/readyz").status == 200
        except OSError:
            return False

    def stop(self):
        """Gateways first: they still need graphd's answers for what is in flight."""
        problems = []
        for daemon in self.daemons():
            try:
                daemon.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        if problems:
            raise AssertionError("\n".join(problems))

    def restart_graphd(self, kill=False):
        """The same data again, after a clean stop or a SIGKILL."""
        self.graphd.kill() if kill else self.graphd.stop()
        self.graphd.start()
        self.await_ready()

    def restart_gateway(self, i, kill=False):
        self.gateways[i].kill() if kill else self.gateways[i].stop()
        self.gateways[i].start()
        self.await_ready()

    def remove(self):
        for daemon in self.daemons():
            daemon.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def log_tails(self):
        return "\n".join(daemon.log_tail() for daemon in self.daemons())

    def http(self, gateway=0, **options):
        return Http(self.ports[gateway], **options)

    def metric(self, name, gateway=0):
        """Some counters are shown only when they have counted something; until then 0."""
        with self.http(gateway) as http:
            found = re.search(rf"^{name} (\d+)$", http.get("/metrics").body.decode(), re.M)
        return int(found[1]) if found else 0

    def websocket(self, query="", gateway=0, **options):
        return WebSocket(self.ports[gateway], query, **options)

    def sse(self, session_id, query="", gateway=0, **options):
        return Sse(self.ports[gateway], session_id, query, **options)


class ServerTest(unittest.TestCase):
    """One server per class; a test that stops or kills things sets `fresh = True` for its own."""

    gateways = 1
    fresh = False
    server_type = Server
    server_options = {}
    server = None

    @classmethod
    def _new_server(cls):
        server = cls.server_type(gateways=cls.gateways, **cls.server_options)
        try:
            return server.start()
        except BaseException:
            print(server.log_tails(), file=sys.stderr)
            server.remove()
            raise

    @classmethod
    def setUpClass(cls):
        if not cls.fresh:
            cls.server = cls._new_server()

    @classmethod
    def tearDownClass(cls):
        if not cls.fresh and cls.server:
            cls._end(cls.server)

    @staticmethod
    def _end(server):
        try:
            server.stop()
        finally:
            server.remove()

    def _end_fresh(self):
        try:
            self.server.stop()
        finally:
            self.last_logs = self.server.log_tails()
            self.server.remove()

    def setUp(self):
        if self.fresh:
            self.server = self._new_server()
            self.addCleanup(self._end_fresh)
        self.http = self.server.http()
        self.addCleanup(self.http.close)

    def run(self, result=None):
        """Print the daemons' logs with a test that failed."""
        self.last_logs = None
        result = result if result is not None else self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before and self.server:
            print(f"{self.id()}\n{self.last_logs or self.server.log_tails()}", file=sys.stderr)
        return result

    def closing(self, client):
        """Hand a client over to be closed when the test is over."""
        self.addCleanup(client.close)
        return client

    def new_session(self):
        reply = self.http.post("/api/v1/sessions", {})
        self.assertEqual(reply.status, 201, reply)
        return reply.json["session_id"]

    def new_project(self, template_id="restomod", name="A project", **more):
        """Returns (session id, id of the root node)."""
        body = {"template_id": template_id, "project_name": name, **more}
        reply = self.http.post("/api/v1/projects", body)
        self.assertEqual(reply.status, 201, reply)
        return reply.json["session_id"], reply.json["graph"]["roots"][0]["id"]

    def execute(self, session_id, command_type, headers=None, **data):
        """The reply as it came, whatever its status."""
        body = {"session_id": session_id, "command_type": command_type, "data": data}
        return self.http.post("/api/v1/commands/execute", body, headers or {})

    def executed(self, session_id, command_type, headers=None, **data):
        """The body of a reply that must be a success."""
        reply = self.execute(session_id, command_type, headers, **data)
        self.assertEqual(reply.status, 200, reply)
        return reply.json

    def assert_error(self, reply, status, code, field=None):
        self.assertEqual(reply.status, status, reply)
        self.assertEqual(reply.json["error"]["code"], code, reply)
        if field is not None:
            self.assertEqual(reply.json["error"].get("field"), field, reply)
