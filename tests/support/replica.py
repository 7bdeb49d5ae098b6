"""A client's copy of a session's graph, kept up by events alone, and its state hash: computed here
from the rule in graphd/graph_hash.h, independently of the server's code."""

import ctypes
import json
import uuid

from workload import Mirror

NIL = bytes(16)
MASK = (1 << 64) - 1
SHOWN = {"id", "type", "blueprint_type_id", "name", "parent_id", "properties", "children",
         "icon_id", "indicator_id", "indicator_set", "indicator"}


class Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_library = ctypes.CDLL("libxxhash.so.0")
_library.XXH3_128bits.restype = Hash128
_library.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def xxh128(data):
    hash_ = _library.XXH3_128bits(data, len(data))
    return hash_.low, hash_.high


def text_term(text):
    """A length or a mark goes before each text; a long one stands there with its own hash."""
    if text is None:
        return b"\xff"
    data = text.encode()
    if len(data) <= 64:
        return bytes([len(data)]) + data
    low, high = xxh128(data)
    return b"\xfe" + high.to_bytes(8, "big") + low.to_bytes(8, "big")


def id_bytes(id_):
    return uuid.UUID(id_).bytes if id_ else NIL


def value_text(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def imported(node):
    """Icon, indicator, its set and unknown members, as an imported node has them. A tree shows the
    indicator of a property's option as well, and then says so."""
    found = node.get("indicator") or {}
    indicator = [node.get("indicator_id"), node.get("indicator_set")]
    if indicator == [found.get("indicator_id"), found.get("indicator_set")]:
        indicator = [None, None]
    unknown = {key: value for key, value in node.items() if key not in SHOWN}
    return [node.get("icon_id"), *indicator, value_text(unknown)[1:-1] or None]


class Replica(Mirror):
    """Nodes besides have their type and what was imported with them; the order of properties is
    that of the server."""

    def __init__(self, session, tree=None):
        super().__init__(session)
        self.types, self.imported = {}, {}
        if tree:
            self.seq = tree["seq"]
            self.forest.adopt(tree["roots"])
            self.learn(tree["roots"])

    def learn(self, nodes):
        for node in nodes:
            self.types[node["id"]] = node["blueprint_type_id"]
            self.imported[node["id"]] = imported(node)
            self.learn(node["children"])

    def on_graph_node_created(self, data):
        super().on_graph_node_created(data)
        self.learn([data["node"]])

    def on_graph_property_changed(self, data):
        node = self.forest.nodes[data["node_id"]]
        key, value, index = data["property_id"], data["new_value"], data["index"]
        if key == "name":
            node["name"] = value
        others = [item for item in node["properties"].items() if item[0] != key]
        if index is not None:
            others.insert(index, (key, value))
        node["properties"] = dict(others)

    def take(self, events):
        """As Mirror's, but keeps nothing besides the graph."""
        for entry in events:
            assert entry["seq"] == self.seq + 1, f"seq {entry['seq']} behind {self.seq}"
            self.seq = entry["seq"]
            if entry["event"].startswith("graph:"):
                name = entry["event"].replace(":", "_").replace("-", "_")
                getattr(self, f"on_{name}")(entry["data"])

    def state_hash(self):
        low = high = 0
        for term in self.terms():
            one = xxh128(term)
            low, high = low + one[0] & MASK, high + one[1] & MASK
        return f"{high:016x}{low:016x}"

    def terms(self):
        places = [(None, self.forest.roots)]
        places += [(id_, node["children"]) for id_, node in self.forest.nodes.items()]
        for parent, children in places:
            previous = None
            for id_ in children:
                yield b"l" + id_bytes(id_) + id_bytes(parent) + id_bytes(previous)
                previous = id_
        for id_, node in self.forest.nodes.items():
            texts = [self.types[id_], node["name"], *self.imported[id_]]
            yield b"n" + id_bytes(id_) + b"".join(map(text_term, texts))
            before = None
            for key, value in node["properties"].items():
                yield (b"p" + id_bytes(id_) + text_term(before) + text_term(key)
                       + text_term(value_text(value)))
                before = key
