"""A bus between hosts: gateways are told apart by their certificates."""

import json
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from clients import Http
from harness import BUILD, Daemon, Server, eventually, free_port

GRAPHCTL = BUILD / "graphd" / "graphctl"


class Curve(unittest.TestCase):
    def setUp(self):
        self.server = Server(gateways=1, store="memory")
        self.addCleanup(self.server.remove)
        self.keys = self.server.directory / "keys"
        (self.keys / "allowed").mkdir(parents=True)
        for name in ("graphd", "known", "stranger"):
            self.keygen(name)
        shutil.copy(self.keys / "known", self.keys / "allowed")
        self.requests = f"tcp://127.0.0.1:{free_port()}"
        self.events = f"tcp://127.0.0.1:{free_port()}"
        self.feed = f"tcp://127.0.0.1:{free_port()}"

    def ctl(self, *words):
        return subprocess.run([GRAPHCTL, *words], capture_output=True, text=True, timeout=60)

    def keygen(self, name):
        done = self.ctl("keygen", self.keys / name)
        self.assertEqual(done.returncode, 0, done.stderr)

    def certificates(self, name):
        return ["--curve-certificate", self.keys / name, "--curve-server", self.keys / "graphd"]

    def start_graphd(self):
        graphd = self.server.graphd
        replace = {self.server.requests: self.requests, self.server.events: self.events,
                   self.server.feed: self.feed}
        graphd.arguments = [replace.get(a, a) for a in graphd.arguments]
        graphd.arguments += ["--curve-certificate", str(self.keys / "graphd"),
                             "--curve-allow", str(self.keys / "allowed")]
        graphd.start()

    def gateway(self, name, *options):
        port = free_port()
        arguments = [BUILD / "gatewayd" / "gatewayd", "--listen", f"127.0.0.1:{port}",
                     "--requests", self.requests, "--feed", self.feed,
                     "--assets", "gatewayd/assets", *options]
        daemon = Daemon(f"gateway-{name}", arguments, self.server.directory)
        daemon.start()
        self.addCleanup(daemon.kill)
        return port

    def secured(self, name):
        return self.gateway(name, *self.certificates(name))

    def status(self, port, path):
        try:
            with Http(port, timeout_s=5) as http:
                return http.get(path).status
        except OSError:
            return None

    def test_a_known_gateway_serves_and_others_are_kept_out(self):
        self.start_graphd()
        known, stranger, open_one = self.secured("known"), self.secured("stranger"), self.gateway("open")
        eventually(lambda: self.status(known, "/readyz") == 200, what="the known gateway")
        with Http(known) as http:
            body = {"template_id": "restomod", "project_name": "Far away"}
            self.assertEqual(http.post("/api/v1/projects", body).status, 201)
        for port in (stranger, open_one):
            eventually(lambda port=port: self.status(port, "/healthz") == 200, what="a gateway")
            self.assertEqual(self.status(port, "/readyz"), 503)
        eventually(lambda: "stranger was refused" in self.server.graphd.log(), what="the log's line")
        self.server.graphd.stop()

    def heard(self, session):
        """The first durable event, of any node, that a tap of the session is told."""
        with open(self.server.directory / "tap.out", "w+", encoding="utf-8") as out:
            tap = subprocess.Popen([GRAPHCTL, "tap", "--events", self.events, "--json",
                                    "--session", session, *self.certificates("known")], stdout=out)
            try:
                eventually(lambda: self.is_told(session, out), 10, "an event at the tap")
            finally:
                tap.send_signal(signal.SIGTERM)
                self.assertEqual(tap.wait(10), 0)
            out.seek(0)
            entries = [json.loads(line) for line in out]
        return next(e["event"] for e in entries if "transient" not in e)

    def is_told(self, session, out):
        """If not, another node is made: the tap may not be connected yet."""
        if "graph:node-created" in Path(out.name).read_text():
            return True
        with Http(self.port) as http:
            http.post("/api/v1/commands/execute", {"session_id": session, "data": {
                "blueprint_type_id": "phase"}, "command_type": "CreateNode"})
        return False

    def test_graphctl_asks_and_listens_with_a_certificate(self):
        self.start_graphd()
        known, requests = self.certificates("known"), ["--requests", self.requests]
        self.port = self.secured("known")
        eventually(lambda: self.status(self.port, "/readyz") == 200, what="the gateway")
        made = self.server.directory / "made.json"
        made.write_text(json.dumps({"roots": [{"id": "a", "name": "Far away", "type": "phase"}]}))
        imported = self.ctl("import", made, "--template", "restomod", *requests, *known)
        self.assertEqual(imported.returncode, 0, imported.stderr)
        project = imported.stdout.split()[1]
        exported = self.ctl("export", project, *requests, *known)
        self.assertEqual(exported.returncode, 0, exported.stderr)
        self.assertIn("Far away", exported.stdout)
        self.assertEqual(self.heard(imported.stdout.split()[3]), "graph:node-created")
        for options in ([], self.certificates("stranger")):
            refused = self.ctl("export", project, *requests, *options)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(f"no answer from {self.requests}", refused.stderr)
        self.server.graphd.stop()

    def test_a_new_certificate_overwrites_none_and_its_public_half_can_be_read(self):
        path, secret = self.keys / "new", self.keys / "new_secret"
        for there in (path, secret):
            there.write_text("precious")
            done = self.ctl("keygen", path)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{there} is there already", done.stderr)
            self.assertEqual(there.read_text(), "precious")
            there.unlink()
        self.keygen("new")
        self.assertEqual(path.stat().st_mode & 0o777, 0o644)
        self.assertEqual(secret.stat().st_mode & 0o777, 0o600)

    def test_a_secret_that_others_may_read_is_none(self):
        (self.keys / "known_secret").chmod(0o604)
        done = subprocess.run([BUILD / "gatewayd" / "gatewayd", "--requests", self.requests, "--feed",
                               self.feed, *self.certificates("known")],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"{self.keys}/known: the secret is open to others", done.stderr)

    def test_graphctl_wants_both_certificates_and_says_which_is_none(self):
        here = ["export", "x", "--requests", self.requests]
        done = self.ctl(*here, "--curve-server", self.keys / "graphd")
        self.assertEqual(done.returncode, 2)
        self.assertIn("go together", done.stderr)
        done = self.ctl(*here, "--curve-certificate", "/nowhere", "--curve-server", "/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere is no secret certificate", done.stderr)

    def test_an_endpoint_for_other_hosts_needs_certificates(self):
        endpoints = {"--bind-requests": self.requests, "--bind-events": self.events,
                     "--bind-feed": self.feed}
        for name in endpoints:
            options = [word for row in {**endpoints, name: "tcp://0.0.0.0:1"}.items() for word in row]
            done = subprocess.run([BUILD / "graphd" / "graphd", "--data", self.server.data, *options],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, name)
            self.assertIn("tcp://0.0.0.0:1", done.stderr)
            self.assertIn("--curve-certificate", done.stderr)


if __name__ == "__main__":
    unittest.main()
