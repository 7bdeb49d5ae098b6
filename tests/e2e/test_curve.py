"""A bus between hosts: gateways are told apart by their certificates."""

import shutil
import subprocess
import unittest

from clients import Http
from harness import BUILD, Daemon, Server, eventually, free_port


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

    def keygen(self, name):
        done = subprocess.run([BUILD / "graphd" / "graphctl", "keygen", self.keys / name],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

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
        return self.gateway(name, "--curve-certificate", self.keys / name,
                            "--curve-server", self.keys / "graphd")

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
