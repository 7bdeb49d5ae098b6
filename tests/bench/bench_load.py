"""One run of the load generator against daemons of our own or a peer, and the rooms to run it on."""

import json
import os
import subprocess
import tempfile
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD", ROOT / "build-bench"))
LOAD = BUILD / "tests" / "bench" / "load"
API = "/api/v1"
MINIMAL = {"Prefer": "return=minimal"}


class Failed(Exception):
    """The load generator did not come to an end by itself."""


def arguments(options):
    """Keyword arguments as options: events_each=3 is --events-each 3."""
    words = []
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def run_load(ports, pids, rooms, **options):
    """What the load generator printed. rooms: pairs of session and node; all of them are used."""
    with tempfile.NamedTemporaryFile("w", prefix="rooms.") as file:
        file.writelines(f"{session}\t{node}\n" for session, node in rooms)
        file.flush()
        command = [LOAD, "--ports", ",".join(map(str, ports)), "--pids", ",".join(map(str, pids)),
                   "--rooms-file", file.name, "--rooms", str(len(rooms))] + arguments(options)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"the load generator ended with status {done.returncode}: {done.stderr}")
    found = json.loads(done.stdout)
    found["words"] = done.stderr.strip()
    return found


def problems_of(found):
    """What makes the figures of a run worthless: somebody was lost, or something did not arrive."""
    problems = []
    join, traffic = found["join"], found.get("traffic", {})
    if join["joined"] != join["subscribers"]:
        problems.append(f"{join['subscribers'] - join['joined']} of {join['subscribers']} "
                        "subscribers were not joined at the end")
    if traffic.get("posts_per_s") == 0:
        problems.append("no post was answered in the time that was measured")
    if traffic.get("failed"):
        problems.append(f"{traffic['failed']} of {traffic['posted']} posts failed")
    if traffic.get("delivered") != traffic.get("expected"):
        problems.append(f"{traffic['delivered']} events arrived instead of {traffic['expected']}")
    if problems and found["words"]:
        problems.append(found["words"].splitlines()[0])
    return problems


def make_rooms(server, n):
    """So many sessions with a project each; the node is its root."""
    rooms = []
    with server.http() as http:
        for i in range(n):
            reply = http.post(f"{API}/projects",
                              {"template_id": "restomod", "project_name": f"Bench {i}"})
            assert reply.status == 201, reply
            rooms.append((reply.json["session_id"], reply.json["graph"]["roots"][0]["id"]))
    return rooms


def make_big_room(server, n_nodes):
    """A session with a tree of so many nodes, each with up to 50 children; the node is the last."""
    ids = [str(uuid.uuid4()) for _ in range(n_nodes)]
    nodes = [{"id": ids[i], "type": "task", "name": f"N{i}",
              "parent_id": ids[(i - 1) // 50] if i else None} for i in range(n_nodes)]
    body = json.dumps({"graph": {"nodes": nodes}, "template_id": "restomod"},
                      separators=(",", ":"))
    [(session, _)] = make_rooms(server, 1)
    with server.http(timeout_s=120) as http:
        reply = http.post(f"{API}/sessions/{session}/load-graph", body, MINIMAL)
        assert reply.status == 200, reply
    return session, ids[-1]


def pids_of(server):
    """graphd first, as all figures about single processes expect."""
    return [server.graphd.pid] + [gateway.pid for gateway in server.gateways]


def run_on(server, rooms, **options):
    return run_load(server.ports, pids_of(server), rooms, **options)
