"""The contract's tables as `describe` prints them, so that tests loop over rows, not copies."""

import functools
import json
import re
import subprocess

from harness import BUILD

KINDS = {
    "edits the graph": "EDITS",
    "changes the session": "CHANGES",
    "reads": "READS",
    "manages sessions and projects": "MANAGES",
    "about live clients": "REPORTS",
}

# Values of a wrong type for each type a schema can name; null counts as absent.
MISTYPED = {
    "string": (7, True, [], {}),
    "integer": ("1", 1.5, True, []),
    "object": ("x", 7, []),
    "array": ("x", 7, {}),
    "boolean": (1, "true", []),
}


@functools.cache
def describe(what):
    return subprocess.check_output([BUILD / "proto" / "describe", what], text=True)


@functools.cache
def definitions():
    return json.loads(describe("schema"))["$defs"]


def arguments(command_type):
    """Name to schema, in the table's order."""
    return definitions()["commands"][command_type]["properties"]


def required(command_type):
    return definitions()["commands"][command_type]["required"]


def reply_fields(command_type):
    return definitions()["replies"][command_type]["properties"]


def event_fields(name):
    return definitions()["events"][name]["properties"]


@functools.cache
def command_kinds():
    """Command name to the kind its row names."""
    found = re.findall(r"^### (\w+)\n\n.*\(([a-z ]+)\)$", describe("wire"), re.M)
    return {name: KINDS[words] for name, words in found}


def edits():
    return [name for name, kind in command_kinds().items() if kind == "EDITS"]


@functools.cache
def events():
    """Event name (the dash name where there is no other) to durable, transient or internal."""
    section = describe("wire").split("\n## Events\n")[1].split("\n## Errors\n")[0]
    found = re.findall(r"^### (\S+)\n\n.*; (durable|transient|between the daemons); number",
                       section, re.M)
    return {name: "internal" if words.startswith("between") else words for name, words in found}


@functools.cache
def errors():
    """Error code to HTTP status."""
    return {code: int(status)
            for code, status in re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", describe("wire"), re.M)}
