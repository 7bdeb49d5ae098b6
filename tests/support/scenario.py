"""Scenarios: what several people do with a session and what each of them hears, as a story.

    # comment
    ann joins s1            bob joins s1 names=dash         steps three blanks apart
    ann: CreateNode blueprint_type_id=phase name="Build"     -> ok node_id=$p
    bob hears graph:node-created node_id=$p, then command:executed
    bob does not hear graph:node-deleted
    bob will answer confirm with {"sure":true}
    ann: DeleteNode node_id=$nowhere                         -> NODE_NOT_FOUND field=node_id
    ann leaves

A session is made with a restomod project when it is first named, or as `s1 begins` says:
`s1 begins template_id=book`, `s1 begins empty`. Its root is $s1_root, its project $s1_project.
A value is JSON, a bare word or $name; what is written behind -> or an event is compared, or kept
under a $name that is new. Paths lead inside: graph.roots.0.name. Commands with a URL of their own
go over HTTP, to the asker's session or the one named session=s1; edits, undo and the like over the
asker's WebSocket; what is left is for operators and gateways and goes to graphd itself, with a
session if one is named.
"""

import json
import re
import threading

import tables
import zmq
from clients import API

# Commands that have URLs of their own: method, path, and where arguments go.
URLS = {
    "ResetDirty": ("POST", "/sessions/{session}/reset-dirty"),
    "GetDirty": ("GET", "/sessions/{session}/dirty"),
    "ListEvents": ("GET", "/sessions/{session}/events"),
    "ListHistory": ("GET", "/sessions/{session}/history"),
    "GetTree": ("GET", "/sessions/{session}/graph/tree"),
    "GetGraph": ("GET", "/sessions/{session}/graph"),
    "GetNode": ("GET", "/projects/{project_id}/graph/nodes/{node_id}"),
    "SearchNodes": ("POST", "/projects/{project_id}/graph/search"),
    "CreateSession": ("POST", "/sessions"),
    "ListSessions": ("GET", "/sessions"),
    "GetSession": ("GET", "/sessions/{session}"),
    "EndSession": ("DELETE", "/sessions/{session}"),
    "CleanupSessions": ("POST", "/sessions/cleanup"),
    "ListClients": ("GET", "/sessions/{session}/clients"),
    "Ask": ("POST", "/sessions/{session}/ask"),
    "CreateProject": ("POST", "/projects"),
    "ListProjects": ("GET", "/projects"),
    "GetProject": ("GET", "/projects/{project_id}"),
    "DeleteProject": ("DELETE", "/projects/{project_id}"),
    "SaveProject": ("POST", "/projects/{project_id}/save"),
    "OpenProject": ("POST", "/projects/{project_id}/open"),
    "ExportProject": ("GET", "/projects/{project_id}/export"),
    "ImportProject": ("POST", "/projects/import"),
    "ListTemplates": ("GET", "/templates"),
    "GetTemplate": ("GET", "/templates/{template_id}/schema"),
}
LIVE = {"Undo": "undo", "Redo": "redo", "Presence": "presence"}
NAME = r"[a-z][a-z0-9_]*"


class Failure(AssertionError):
    """Names the line of the scenario."""


def read_pairs(text):
    """key=value … as a list of pairs; values are JSON, $names or bare words."""
    pairs, at, decoder = [], 0, json.JSONDecoder()
    while match := re.compile(r"\s*([\w.:-]+)=").match(text, at):
        at = match.end()
        if text[at:at + 1] in ('"', "{", "["):
            value, at = decoder.raw_decode(text, at)
        else:
            end = re.compile(r"[^\s,]*").match(text, at).end()
            word, at = text[at:end], end
            try:
                value = json.loads(word)
            except ValueError:
                value = word
        pairs.append((match.group(1), value))
    if text[at:].strip():
        raise Failure(f"cannot read: {text[at:].strip()}")
    return pairs


def find(data, path):
    for part in path.split("."):
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data


class Scenario:
    """Runs the lines of one file; what was used and heard is gathered for the tables' sake."""

    def __init__(self, server, used_commands, heard_events):
        self.server = server
        self.http = server.http()
        self.used = used_commands
        self.heard = heard_events
        self.clients = {}
        self.sessions = {}
        self.where = {}
        self.names = {"nowhere": "00000000-0000-4000-8000-000000000000"}

    def run(self, text):
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split("#", 1)[0] if line.lstrip().startswith("#") else line
            steps = [line] if "->" in line or '"' in line else re.split(r"\s{3,}", line)
            for step in filter(None, map(str.strip, steps)):
                try:
                    self.step(step)
                except (AssertionError, KeyError, IndexError, TypeError) as problem:
                    raise Failure(f"line {number}: {step}\n{type(problem).__name__}: {problem}"
                                  ) from problem

    def step(self, text):
        rows = ((rf"(s\d+) begins(.*)", self.begins), (rf"({NAME}) joins (s\d+)(.*)", self.joins),
                (rf"({NAME}) leaves", self.leaves), (rf"({NAME}) hears (.*)", self.hears),
                (rf"({NAME}) does not hear (\S+)", self.does_not_hear),
                (rf"({NAME}) is sent away", self.is_sent_away),
                (rf"({NAME}) will answer (\S+) with (.*)", self.will_answer),
                (rf"({NAME}): (\w+)(.*?)->(.*)", self.asks))
        for pattern, action in rows:
            if match := re.fullmatch(pattern, text):
                action(*match.groups())
                return
        raise Failure("this is no step of a scenario")

    # names

    def fill(self, value):
        """Known $names replaced, in lists and objects too; "$0" is a Batch's own."""
        if isinstance(value, str) and re.fullmatch(rf"\${NAME}", value):
            if value[1:] not in self.names:
                raise Failure(f"{value} has no value yet")
            return self.names[value[1:]]
        if isinstance(value, list):
            return [self.fill(v) for v in value]
        if isinstance(value, dict):
            return {k: self.fill(v) for k, v in value.items()}
        return value

    def compare(self, data, pairs):
        for path, expected in pairs:
            found = find(data, path)
            if isinstance(expected, str) and expected.startswith("$") and (
                    expected[1:] not in self.names) and re.fullmatch(rf"\${NAME}", expected):
                self.names[expected[1:]] = found
                continue
            expected = self.fill(expected)
            if found != expected:
                raise Failure(f"{path} is {found!r}, not {expected!r}")

    def matches(self, data, pairs):
        """Whether all that is known already is so."""
        for path, expected in pairs:
            try:
                found = find(data, path)
            except (KeyError, IndexError, TypeError):
                return False
            if isinstance(expected, str) and expected.startswith("$") and (
                    expected[1:] not in self.names):
                continue
            if found != self.fill(expected):
                return False
        return True

    # steps

    def begins(self, session, more):
        if more.strip() == "empty":
            self.sessions[session] = self.rest("CreateSession", {})["session_id"]
        else:
            body = {"template_id": "restomod", "project_name": session, **dict(read_pairs(more))}
            made = self.rest("CreateProject", body)
            self.sessions[session] = made["session_id"]
            self.names[f"{session}_root"] = made["graph"]["roots"][0]["id"]
            self.names[f"{session}_project"] = made["project_id"]
        self.names[session] = self.sessions[session]

    def rest(self, command, body):
        method, path = URLS[command]
        self.used.add(command)
        reply = self.http.request(method, API + path, body)
        if reply.status != 201:
            raise Failure(reply)
        return reply.json

    def joins(self, who, session, more):
        if session not in self.sessions:
            self.begins(session, "")
        query = "&".join(f"{k}={self.fill(v)}" for k, v in read_pairs(more))
        self.where[who] = session
        self.clients[who] = self.server.websocket(
            f"session_id={self.sessions[session]}&actor={who}&{query}")
        self.names[f"{who}_id"] = self.clients[who].joined["data"]["client_id"]
        self.used.update(("Join", "Hello"))

    def leaves(self, who):
        self.clients.pop(who).close()
        self.used.add("Leave")

    def is_sent_away(self, who):
        self.clients.pop(who).await_end()

    def hears(self, who, text):
        for part in re.split(r",\s*then ", text):
            event, _, rest = part.strip().partition(" ")
            pairs = read_pairs(rest)
            entry = self.clients[who].await_event(
                lambda e, n=event, p=pairs: e.get("event") == n and self.matches(e["data"], p))
            self.compare(entry["data"], pairs)
            self.heard.setdefault(event, entry["data"])

    def does_not_hear(self, who, event):
        """What was on its way would come before the answer to a ping."""
        client = self.clients[who]
        answer = client.ask("ping")
        if "ok" not in answer:
            raise Failure(answer)
        since = client.heard[client.read_until:]
        if event in [e.get("event") for e in since]:
            raise Failure(f"{who} heard {event}")

    def will_answer(self, who, event, value):
        """The next ask of that event, whenever it comes."""
        client = self.clients[who]
        self.used.add("Answer")

        def answer():
            try:
                asked = client.await_event(lambda e: e.get("event") == "ask")["data"]
            except AssertionError:
                return  # what was to come of it is missed by the story
            if asked["event"] == event:
                client.send({"do": "answer", "ask": asked["ask"],
                             "data": self.fill(json.loads(value))})
        threading.Thread(target=answer, daemon=True).start()

    def asks(self, who, command, arguments, expected):
        data = {k: self.fill(v) for k, v in read_pairs(arguments)}
        outcome, _, rest = expected.strip().partition(" ")
        self.used.add(command)
        if command in URLS:
            body, error = self.ask_over_http(who, command, data)
        elif command not in LIVE and tables.command_kinds().get(command, "EDITS") != "EDITS":
            body, error = self.ask_on_the_bus(who, command, data)
        else:
            body, error = self.ask_live(who, command, data)
        if outcome == "ok" and error is None:
            self.compare(body, read_pairs(rest))
        elif outcome != "ok" and error is not None and error["code"] == outcome:
            self.compare(error, read_pairs(rest))
        else:
            raise Failure(f"the answer is {body or error}")

    def ask_live(self, who, command, data):
        client = self.clients[who]
        if command in LIVE:
            more = {"data": data} if command == "Presence" else data
            answer = client.ask(LIVE[command], **more)
        else:
            id_ = data.pop("command_id", None)
            more = {"command_id": id_} if id_ else {}
            answer = client.ask("execute", command_type=command, data=data, **more)
        return answer.get("ok"), answer.get("error")

    def ask_on_the_bus(self, who, command, data):
        """What has no URL is for operators and gateways, who reach graphd itself."""
        socket = zmq.Context.instance().socket(zmq.REQ)
        socket.setsockopt(zmq.RCVTIMEO, 10_000)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(self.server.requests)
        session = self.sessions.get(data.pop("session", None), "")
        frames = ("GRAPH/1", "1", command, session, json.dumps({"actor": who}), json.dumps(data))
        try:
            socket.send_multipart([frame.encode() for frame in frames])
            *_, status, body = socket.recv_multipart()
        finally:
            socket.close()
        body = json.loads(body)
        return (body, None) if status == b"OK" else (None, body["error"])

    def ask_over_http(self, who, command, data):
        method, path = URLS[command]
        session = data.pop("session", self.where.get(who))
        for name in re.findall(r"\{(\w+)\}", path):
            value = self.sessions[session] if name == "session" else data.pop(name)
            path = path.replace("{%s}" % name, str(value))
        headers = {"X-Actor": who}
        if "if_match" in data:
            headers["If-Match"] = f'"{data.pop("if_match")}"'
        if method == "GET" and data:
            path += "?" + "&".join(f"{k}={v}" for k, v in data.items())
        reply = self.http.request(method, API + path, data if method == "POST" else None, headers)
        return (reply.json, None) if reply.status < 400 else (None, reply.json["error"])

    def close(self):
        for client in self.clients.values():
            client.close()
        self.http.close()
