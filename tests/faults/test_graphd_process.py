"""graphd as a process: its options, its one data directory, signals, and a flood of connections."""

import resource
import socket
import signal
import subprocess
import tempfile
import time
import unittest

from harness import BUILD, ROOT, Daemon, Server, eventually

GRAPHD = BUILD / "graphd" / "graphd"
LIMIT_S = 20
DESCRIPTORS = 128


def run(*options):
    return subprocess.run([GRAPHD, *options], capture_output=True, text=True, timeout=LIMIT_S)


class Options(unittest.TestCase):
    def test_help_and_version_are_printed_with_status_0(self):
        answer = run("--help")
        self.assertEqual(answer.returncode, 0)
        self.assertIn("--bind-requests", answer.stdout)
        answer = run("--version")
        self.assertEqual(answer.returncode, 0)
        for library in ("libzmq 4", "SQLite 3", "libyaml"):
            self.assertIn(library, answer.stdout)

    def test_a_wrong_option_is_named_in_two_lines_with_status_2(self):
        for word, options in (("nonsense", ["--nonsense"]), ("stray", ["stray"]), ("--data", []),
                              ("--data", ["--data"]), ("--bind-requests", ["--data", "/tmp"]),
                              ("--bind-requests", ["--data", "/tmp", "--bind-requests", "foo"]),
                              ("--snd-hwm", ["--snd-hwm", "0"]),
                              ("--log-level", ["--log-level", "loud"]),
                              ("--idle-unload-s", ["--idle-unload-s", "-1"])):
            with self.subTest(options=options):
                answer = run(*options)
                self.assertEqual(answer.returncode, 2)
                what, hint = answer.stderr.splitlines()
                self.assertIn(word, what)
                self.assertIn("graphd --help", hint)

    def test_without_certificates_no_endpoint_is_open_to_other_hosts(self):
        endpoints = {"--bind-requests": "ipc:///tmp/none", "--bind-events": "ipc:///tmp/none",
                     "--bind-feed": "ipc:///tmp/none"}
        for option in endpoints:
            with self.subTest(option=option):
                words = {"--data": "/tmp/none", **endpoints, option: "tcp://0.0.0.0:5000"}
                answer = run(*(word for pair in words.items() for word in pair))
                self.assertEqual(answer.returncode, 2)
                self.assertIn("tcp://0.0.0.0:5000 is open to other hosts", answer.stderr)


class Process(unittest.TestCase):
    def setUp(self):
        self.server = Server(gateways=0)
        self.addCleanup(self.server.remove)
        self.graphd = self.server.graphd

    def start(self):
        self.graphd.start()
        eventually(lambda: "ready" in self.graphd.log(), LIMIT_S, "graphd is ready")

    def test_a_second_graphd_on_the_same_data_is_refused_at_once(self):
        self.start()
        before = time.monotonic()
        answer = subprocess.run(self.graphd.arguments, capture_output=True, text=True, timeout=LIMIT_S)
        self.assertLess(time.monotonic() - before, 1)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("another graphd uses the data directory", answer.stderr)
        self.graphd.stop()

    def test_who_asks_twice_does_not_wait_and_hears_that_it_was_no_clean_end(self):
        self.start()
        # Both are there when it looks; the lower number comes first.
        self.graphd.freeze()
        self.graphd.signal(signal.SIGINT)
        self.graphd.signal(signal.SIGTERM)
        self.graphd.thaw()
        self.assertEqual(self.graphd.wait(LIMIT_S), 128 + signal.SIGTERM)

    def test_a_second_graphd_on_the_same_sockets_is_refused_and_the_first_goes_on(self):
        self.start()
        with tempfile.TemporaryDirectory() as other:
            for options in (["--data", other, "--store", "memory"],
                            ["--data", other, "--store", "memory", "--bind-requests",
                             f"ipc://{other}/r", "--bind-events", f"ipc://{other}/e",
                             "--bind-feed", f"ipc://{other}/r"]):
                answer = subprocess.run([*self.graphd.arguments, *options], capture_output=True,
                                        text=True, timeout=LIMIT_S)
                self.assertEqual(answer.returncode, 1)
                self.assertIn("Address already in use", answer.stderr)
        gateway = Daemon("gatewayd", [BUILD / "gatewayd" / "gatewayd", "--listen", "127.0.0.1:0",
                                      "--requests", self.server.requests, "--feed",
                                      self.server.feed, "--assets", ROOT / "gatewayd" / "assets"],
                         self.server.directory)
        gateway.start()
        self.addCleanup(gateway.kill)
        eventually(lambda: "graphd: is here" in gateway.log(), LIMIT_S, "an answer of the first")
        self.graphd.stop()

    def test_what_cannot_be_opened_is_named_with_status_1(self):
        for option, value in (("--templates", "/nowhere"), ("--store", "sqlite:/nowhere/x.db"),
                              ("--store", "elsewhere:"), ("--bind-events", "ipc:///nowhere/e")):
            with self.subTest(option=option):
                answer = subprocess.run([*self.graphd.arguments, option, value],
                                        capture_output=True, text=True, timeout=LIMIT_S)
                self.assertEqual(answer.returncode, 1)
                self.assertIn("fatal", answer.stderr)

    def test_the_sockets_are_for_their_owner_alone(self):
        self.start()
        for endpoint in (self.server.requests, self.server.events):
            path = endpoint.removeprefix("ipc://")
            mode = subprocess.check_output(["stat", "-c", "%a", path], text=True).strip()
            self.assertEqual(mode, "700")
        self.graphd.stop()

    def test_a_flood_of_connections_does_not_end_it(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        self.graphd.arguments[:0] = ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", "--"]
        self.start()
        path = self.server.requests.removeprefix("ipc://")
        strangers = []
        for _ in range(4 * DESCRIPTORS):
            stranger = socket.socket(socket.AF_UNIX)
            strangers.append(stranger)
            try:
                stranger.connect(path)
            except OSError:
                pass
        eventually(lambda: "accepting no more" in self.graphd.log(), LIMIT_S, "the guard steps in")
        for stranger in strangers:
            stranger.close()
        eventually(lambda: "accepting connections again" in self.graphd.log(), LIMIT_S, "it listens again")
        self.graphd.stop()


if __name__ == "__main__":
    unittest.main()
