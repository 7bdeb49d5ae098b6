"""Servers to compare with: our own small programs on socket.io and ws, nginx with nchan; and a bare loop."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from bench_lines import point
from bench_load import BUILD, ROOT, problems_of, run_load
from bench_report import line
from harness import eventually, free_port

PEERS = Path(__file__).resolve().parent / "peers"
MODULES = "/usr/lib/nginx/modules"
BODY = ('{"session_id":"{session}","command_type":"UpdateProperty","data":'
        '{"node_id":"{node}","property_id":"notes","value":"T{stamp}"}}')


def node_command(program, port, _):
    return ["node", str(PEERS / program), str(port)]


def bare_command(program, port, _):
    return [BUILD / "tests" / "bench" / program, str(port)]


def nchan_command(_, port, directory):
    text = (PEERS / "nchan.conf").read_text(encoding="utf-8").replace("@PORT@", str(port))
    (directory / "nginx.conf").write_text(text, encoding="utf-8")
    (directory / "modules").symlink_to(MODULES)
    return ["nginx", "-p", str(directory), "-c", "nginx.conf"]


# How to start one, from what, and how the load generator speaks to it.
KINDS = {
    "socket.io on Node": (node_command, "socketio.mjs", {"kind": "socketio", "url": "/"}),
    "ws on Node": (node_command, "ws.mjs", {"kind": "raw", "path": "/{session}", "url": "/"}),
    # nchan passes on what was posted as it is, so the stamp stands behind another name.
    "nchan": (nchan_command, None, {"kind": "raw", "path": "/subscribe/{session}",
                                    "url": "/publish/{session}", "mark": '"value":"T'}),
    "bare loop": (bare_command, "bare", {"kind": "raw", "path": "/{session}", "url": "/"}),
}
# A loop that keeps nothing of a client says nothing about memory, nor has it a latency worth a curve.
SERVERS = {name: kind for name, kind in KINDS.items() if name != "bare loop"}


def install():
    """The npm packages of the peers, as their lock file says."""
    if (PEERS / "node_modules" / ".package-lock.json").exists():
        return
    subprocess.run(["npm", "ci", "--prefix", str(PEERS), "--no-audit", "--no-fund",
                    "--loglevel=error"], check=True, stdout=sys.stderr)


def is_open(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def running_peer(name):
    """Yields (port, pid)."""
    make_command, program, _ = KINDS[name]
    port, directory = free_port(), Path(tempfile.mkdtemp(prefix="graphd-peer."))
    # nginx drops its rights when it is started by root and must still get at its directory.
    os.chmod(directory, 0o755)
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(make_command(program, port, directory), cwd=ROOT,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        eventually(lambda: is_open(port) or process.poll() is not None, 20, f"the port of {name}")
        if process.poll() is not None:
            raise AssertionError(f"{name} ended: {(directory / 'log').read_text()}")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def run_on_peer(name, n_rooms, settings, **options):
    rooms = [(f"room{i}", uuid.uuid4()) for i in range(n_rooms)]
    with running_peer(name) as (port, pid):
        return run_load([port], [pid], rooms, header="", body=BODY, **KINDS[name][2], **options,
                        **settings.timing())


def peer_line(name, words, found):
    traffic = found["traffic"]
    cpu_us = traffic["cpu_s"][0] * 1e6 / max(traffic["delivery"]["n"], 1)
    return line(f"{words}, {name}", traffic["deliveries_per_s"], "deliveries/s",
                traffic["delivery"], problems_of(found), gateways_us=cpu_us, cpu_us=cpu_us,
                compares=words, peer=name)


def fan_out(settings, spec):
    """One of FAN_OUT, on each peer."""
    words, subscribers, rooms, publishers, rate = spec
    return [peer_line(name, words, run_on_peer(name, rooms, settings, subscribers=subscribers,
                                               publishers=publishers, rate=rate))
            for name in KINDS]


def idle(settings):
    lines = []
    for name, (_, _, options) in SERVERS.items():
        rooms = [(f"room{i}", "-") for i in range(100)]
        with running_peer(name) as (port, pid):
            found = run_load([port], [pid], rooms, subscribers=settings.connections,
                             hold=settings.hold_s, **options)
        grown = found["join"]["rss_held"][0] - found["join"]["rss_before"][0]
        lines.append(line(f"memory, {settings.connections:,} idle connections, {name}",
                          grown / settings.connections / 1024, "KiB/connection",
                          problems=problems_of(found)))
    return lines


def latency_curve(settings):
    return [point(name, rate, run_on_peer(name, 1, settings, subscribers=100, publishers=64,
                                          rate=rate))
            for name in SERVERS for rate in settings.rates]
