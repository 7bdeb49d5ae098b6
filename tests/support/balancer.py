"""The balancers of docs/examples/, as they are but for ports, paths and where they log."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from clients import API, MINIMAL, Http
from harness import ROOT, Daemon, eventually, free_port
from worker import Worker

EXAMPLES = ROOT / "docs" / "examples"


def certificate(directory):
    """A self-signed one and its key in one file."""
    pem = Path(directory) / "gateways.pem"
    key = Path(directory) / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", pem],
                   check=True, capture_output=True)
    pem.write_text(pem.read_text() + key.read_text())
    return pem


class Balancer:
    """`nginx` or `haproxy` in front of three gateways."""

    FILES = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}

    def __init__(self, kind, gateway_ports):
        self.kind = kind
        self.directory = Path(tempfile.mkdtemp(prefix="balancer-test.", dir="/tmp"))
        self.port, self.tls_port = free_port(), free_port()
        self.config = self.directory / self.FILES[kind]
        self.config.write_text(self.substituted(gateway_ports))
        self.daemon = Daemon(kind, self.command(), self.directory)

    def substituted(self, gateway_ports):
        text = (EXAMPLES / self.FILES[self.kind]).read_text()
        changes = {f"127.0.0.1:{5000 + i}": f"127.0.0.1:{port}"
                   for i, port in enumerate(gateway_ports)}
        changes["/etc/ssl/gateways.pem"] = str(certificate(self.directory))
        if self.kind == "nginx":
            changes |= {"listen 80;": f"listen 127.0.0.1:{self.port};",
                        "listen 443 ssl": f"listen 127.0.0.1:{self.tls_port} ssl",
                        "/var/log/nginx/access.log": "off",
                        "error_log /var/log/nginx/error.log": "error_log stderr",
                        "/run/nginx.pid": str(self.directory / "nginx.pid")}
        else:
            changes |= {"bind :80\n": f"bind 127.0.0.1:{self.port}\n",
                        "bind :443 ssl": f"bind 127.0.0.1:{self.tls_port} ssl",
                        "log /dev/log local0": "log stderr local0"}
        for old, new in changes.items():
            assert text.count(old) >= 1, f"{old} is not in {self.FILES[self.kind]}"
            text = text.replace(old, new)
        return text

    def command(self):
        if self.kind == "nginx":
            return [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-e", "stderr",
                    "-c", self.config, "-g", "daemon off;"]
        return [shutil.which("haproxy", path="/usr/sbin:/usr/bin"), "-f", self.config, "-db"]

    def start(self):
        self.daemon.start()
        eventually(self.is_ready, 10, f"/readyz through {self.kind}")
        return self

    def is_ready(self):
        assert self.daemon.is_running(), self.daemon.log_tail()
        try:
            with Http(self.port, timeout_s=2) as http:
                return http.get("/readyz").status == 200
        except OSError:
            return False

    def remove(self):
        # A clean end of these would wait for clients; TERM ends nginx's workers with it.
        if self.daemon.is_running():
            self.daemon.process.terminate()
            try:
                self.daemon.process.wait(5)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class Load(Worker):
    """Commands through the balancer, one after the other, until it is told to end; each must
    succeed."""

    def __init__(self, port, session, node, pause_s=0.02):
        super().__init__()
        self.port, self.session, self.node, self.pause_s = port, session, node, pause_s
        self.done = 0

    def work(self):
        with Http(self.port, timeout_s=20) as connection:
            while not self.ending.wait(self.pause_s):
                self.command(connection)

    def command(self, connection):
        reply = connection.post(f"{API}/commands/execute", {
            "session_id": self.session, "command_type": "UpdateProperty",
            "data": {"node_id": self.node, "property_id": "notes", "value": self.done}},
            MINIMAL)
        assert reply.status == 200, reply
        self.done += 1


def history(port, session, since):
    """(seq, event) of everything durable after that seq."""
    events = []
    with Http(port) as connection:
        while True:
            page = connection.get(
                f"{API}/sessions/{session}/events?since={since}&limit=1000").json
            events += [(e["seq"], e["event"]) for e in page["events"]]
            if not page.get("more"):
                return events
            since = events[-1][0]
