"""gatewayd as a process: its options, and the signals that are no reason to end."""

import signal
import subprocess
import tempfile
import unittest

from harness import BUILD, Daemon, ServerTest, eventually

GATEWAYD = BUILD / "gatewayd" / "gatewayd"
BUS = ["--requests", "ipc:///tmp/none", "--feed", "ipc:///tmp/none"]
LIMIT_S = 20


def run(*options):
    return subprocess.run([GATEWAYD, *options], capture_output=True, text=True, timeout=LIMIT_S)


class Options(unittest.TestCase):
    def test_help_and_version_are_printed_with_status_0(self):
        answer = run("--help")
        self.assertEqual(answer.returncode, 0)
        self.assertIn("--allow-origin", answer.stdout)
        answer = run("--version")
        self.assertEqual(answer.returncode, 0)
        for word in ("contract 1", "libmicrohttpd 0.9", "libzmq 4"):
            self.assertIn(word, answer.stdout)

    def test_a_wrong_option_is_named_in_two_lines_with_status_2(self):
        for words in (("--nonsense",), ("stray",), ("--listen",), ("--listen", "5000"),
                      ("--listen", ":5000"), ("--listen", "localhost:5000"),
                      ("--listen", "[127.0.0.1]:5000"), ("--listen", "::1:5000"),
                      ("--listen", f"{'1' * 200}:1"), ("--listen", f"[{'1' * 200}]:1"),
                      ("--listen", "127.0.0.1:65536"),
                      ("--advertise", "somewhere:5000"), ("--max-connections", "0"),
                      ("--drain", "1h"), ("--log-level", "loud"),
                      ("--allow-origin", "graph.example.org"),
                      ("--allow-origin", "https://graph.example.org/"),
                      ("--allow-origin", "https://Graph.example.org"),
                      ("--allow-origin", "https://*.example.org"),
                      ("--allow-origin", ""), ("--allow-host", "https://graph.example.org"),
                      ("--allow-host", "*"), ("--allow-host", ""),
                      ("--curve-certificate", "a"), ("--curve-server", "b")):
            with self.subTest(words=words):
                answer = run(*BUS, *words)
                self.assertEqual(answer.returncode, 2, answer.stderr)
                what, hint = answer.stderr.splitlines()
                self.assertIn(words[0], what)
                self.assertIn("gatewayd --help", hint)

    def test_without_a_bus_nothing_can_be_served(self):
        for options in ([], BUS[:2], BUS[2:]):
            answer = run(*options)
            self.assertEqual(answer.returncode, 2)
            self.assertIn("--requests", answer.stderr)


class Late(unittest.TestCase):
    def test_a_graphd_that_does_not_answer_is_told_with_what_is_wrong_with_its_socket(self):
        with tempfile.TemporaryDirectory() as directory:
            nowhere = f"ipc://{directory}/nowhere"
            gateway = Daemon("gatewayd", [GATEWAYD, "--listen", "127.0.0.1:0", "--requests", nowhere,
                                          "--feed", nowhere], directory)
            gateway.start()
            self.addCleanup(gateway.kill)
            eventually(lambda: f"no answer from {nowhere}: No such file" in gateway.log(), LIMIT_S,
                       "a word in the log")
            gateway.stop()


class Origins(ServerTest):
    server_options = {"gateway_options": [
        word for origin in ("https://graph.example.org", "http://localhost:3000", "http://[::1]:81",
                            "capacitor://localhost", "null")
        for word in ("--allow-origin", origin)] + ["--allow-host", "127.0.0.1"]}

    def test_what_browsers_send_is_taken_and_allowed(self):
        for origin in ("https://graph.example.org", "http://localhost:3000", "http://[::1]:81",
                       "capacitor://localhost", "null"):
            answer = self.http.get("/health", headers={"Origin": origin})
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["access-control-allow-origin"], origin)


class Hangup(ServerTest):
    def test_a_hangup_ends_neither_daemon_and_is_answered_in_the_log(self):
        for daemon in self.server.daemons():
            daemon.signal(signal.SIGHUP)
            eventually(lambda daemon=daemon: "nothing is read anew" in daemon.log(), LIMIT_S,
                       "a line in the log")
        self.assertEqual(self.http.get("/readyz").status, 200)


if __name__ == "__main__":
    unittest.main()
