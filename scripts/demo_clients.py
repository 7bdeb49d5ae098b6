"""The two clients of scripts/demo: arguments are the server's URL, a session and its root node."""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from clients import WebSocket, port_of  # noqa: E402  (the path above is needed first)

WIDTH = 60


def main():
    url, session, root = sys.argv[1:]
    host, port = port_of(url)
    ann = WebSocket(port, f"session_id={session}", host=host)
    bob = WebSocket(port, f"session_id={session}", host=host)

    def step(who, words, answer):
        if "error" in answer:
            sys.exit(f"{who} could not {words}: {answer['error']}")
        print(f"{who}: {words}")
        return answer["ok"]

    phase = step("ann", "adds the phase Bodywork", ann.execute(
        "CreateNode", blueprint_type_id="phase", name="Bodywork", parent_id=root))["node_id"]
    job = step("bob", "adds the job Repair the sills to it", bob.execute(
        "CreateNode", blueprint_type_id="job", name="Repair the sills", parent_id=phase))["node_id"]
    step("ann", "writes a note on bob's job", ann.execute(
        "UpdateProperty", node_id=job, property_id="notes", value="Both sides, inner ones too"))
    step("bob", "deletes the whole phase", bob.execute("DeleteNode", node_id=phase))
    step("ann", "undoes the deletion", ann.ask("undo"))
    tree = curl_tree(url, session)

    ann.await_event("command:undo")
    bob.await_event("command:undo")
    print_side_by_side(ann, bob)
    print("\nthe tree afterwards, by curl:")
    print_tree(tree["roots"], 1)
    ann_heard, bob_heard = durable(ann), durable(bob)
    ann.close()
    bob.close()
    # What came before bob joined is ann's alone; from then on both must have heard the same.
    first = bob.joined["seq"]
    if [e for e in ann_heard if e["seq"] > first] != [e for e in bob_heard if e["seq"] > first]:
        sys.exit("the clients heard different events")
    print("\nboth heard the same events in the same order")


def curl_tree(url, session):
    address = f"{url.rstrip('/')}/api/v1/sessions/{session}/graph/tree"
    return json.loads(subprocess.check_output(
        ["curl", "--silent", "--fail", "--noproxy", "*", "--max-time", "10", address]))


def durable(client):
    # Joins and progress reports are transient: they repeat the current seq and are left out here.
    transient = ("joined", "command:executing", "command:failed", "session:connected",
                 "session:disconnected", "presence:update", "node-updated", "seq")
    return [e for e in client.events() if e["event"] not in transient]


def words_for(entry):
    data = entry.get("data") or {}
    detail = (data.get("name") or data.get("command_type") or data.get("property_id")
              or str(data.get("node_id") or "")[:8])
    return f"{entry.get('seq', ''):>4}  {entry['event']:<24} {detail}"


def print_side_by_side(ann, bob):
    left = [words_for(e) for e in durable(ann)]
    right = [words_for(e) for e in durable(bob)]
    rows = max(len(left), len(right))
    print(f"\n{'what ann heard':<{WIDTH}}what bob heard\n{' seq':<{WIDTH}} seq")
    for i in range(rows):
        one = left[i] if i < len(left) else ""
        other = right[i] if i < len(right) else ""
        print(f"{one:<{WIDTH}.{WIDTH - 2}}{other}".rstrip())


def print_tree(nodes, depth):
    for node in nodes:
        print(f"{'  ' * depth}{node['name']} ({node['blueprint_type_id']})")
        print_tree(node["children"], depth + 1)


if __name__ == "__main__":
    main()
