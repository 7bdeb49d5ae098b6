"""Stock Socket.IO clients of three makes behind one face: what they hear is a Listener's list."""

import itertools
import json
import re
import subprocess
import threading
import time
from pathlib import Path

from clients import Listener
from harness import ROOT

HERE = Path(__file__).resolve().parent
OWN_EVENTS = ["joined", "left", "error", "pong"]
MAKES = ("socket.io-client", "socket.io-client-4.5", "python-socketio")
MODES = {"polling": ["polling"], "websocket": ["websocket"], "default": None}


def catalogue():
    """(colon name, dash name, kind) of each event a client can hear."""
    rows = re.findall(r'^EVENT\(\w+, "([^"]*)", "([^"]*)", (\w+),',
                      (ROOT / "proto" / "events.def").read_text(), re.M)
    return [row for row in rows if row[2] != "INTERNAL"]


TRANSIENT = {name for colon, dash, kind in catalogue() if kind == "TRANSIENT"
             for name in (colon, dash) if name} | set(OWN_EVENTS) | {"seq"}


def durable_of(client):
    """(seq, event) of what the client heard and may not miss, in the order it was heard."""
    return [(e["seq"], e["event"]) for e in client.events()
            if e["seq"] is not None and not is_transient(e)]


def is_transient(e):
    # A refused command is told dash clients by the name of one that was done.
    return e["event"] in TRANSIENT - {"command-executed"} or (
        e["event"] == "command-executed" and not e["data"]["success"])


def event_names():
    names = {name for colon, dash, _ in catalogue() for name in (colon, dash) if name}
    return sorted(names | set(OWN_EVENTS) | {"seq"})


class Stock(Listener):
    """One socket. Entries are {"event","data","seq"} and, of the client's own, {"what",…}."""

    def __init__(self, driver, name):
        super().__init__()
        self.driver, self.name = driver, name
        self.acks = {}
        self.acks_in_order = []

    def take(self, line):
        if line["what"] == "event":
            data = line["args"][0] if line["args"] else None
            seq = data.get("seq") if isinstance(data, dict) else None
            self._hear({"event": line["event"], "data": data, "seq": seq,
                        "offset": line["args"][1] if len(line["args"]) > 1 else None})
        elif line["what"] == "ack":
            with self.condition:
                self.acks[line["ack"]] = line["args"]
                self.acks_in_order.append(line["ack"])
                self.condition.notify_all()
        else:
            self._hear(line)

    def await_what(self, what, timeout=10):
        return self.await_event(lambda e: e.get("what") == what, timeout)

    def emit(self, event, *args, ack=None):
        command = {"do": "emit", "client": self.name, "event": event, "args": args}
        self.driver.say({**command, "ack": ack} if ack is not None else command)

    def await_acks(self, n, timeout=20):
        with self.condition:
            done = self.condition.wait_for(lambda: len(self.acks) >= n, timeout)
        assert done, f"{len(self.acks)} of {n} acks; heard {self.heard[-5:]}"

    def ask(self, event, *args):
        number = next(self.driver.numbers)
        self.emit(event, *args, ack=number)
        with self.condition:
            assert self.condition.wait_for(lambda: number in self.acks, 10), f"no ack of {event}"
            return self.acks[number]

    def close(self):
        self.driver.say({"do": "close", "client": self.name})

    def events(self):
        return [entry for entry in super().events() if "event" in entry]


class Driver:
    """A process that holds clients of one make."""

    numbers = itertools.count(1)

    def __init__(self, make):
        self.make = make
        self.in_order = make != "python-socketio"
        if self.in_order:
            command = ["node", HERE / "stock_client.mjs", make]
        else:
            command = ["/usr/bin/python3", HERE / "stock_client.py", json.dumps(event_names())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.clients = {}
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            heard = json.loads(line)
            self.clients[heard["client"]].take(heard)
        for client in self.clients.values():
            client._end()

    def say(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def open(self, port, mode="default", query="", namespace="", **more):
        """more: auth, resumes, since, options, answers ({event: [argument, …]})."""
        name = f"c{next(self.numbers)}"
        client = self.clients[name] = Stock(self, name)
        options = dict(more.pop("options", {}))
        if MODES[mode]:
            options["transports"] = MODES[mode]
        url = f"http://127.0.0.1:{port}"
        # JavaScript names the namespace in the URL, Python apart from it.
        url += namespace if self.in_order else ""
        self.say({"do": "open", "client": name, "url": url + (f"?{query}" if query else ""),
                  "namespace": namespace or "/", "options": options, **more})
        return client

    def end(self):
        for client in list(self.clients.values()):
            try:
                client.close()
            except OSError:
                break
        time.sleep(0)
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class DriverTest:
    """To be mixed into a test case: one driver for all its tests, and clients that end with each."""

    make = MAKES[0]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.driver = Driver(cls.make)

    @classmethod
    def tearDownClass(cls):
        cls.driver.end()
        super().tearDownClass()

    def open(self, mode="default", port=None, **more):
        return self.closing(self.driver.open(port or self.server.ports[0], mode, **more))
