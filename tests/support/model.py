"""The graph as a test sees it: an ordered forest in a few lines of Python, with undo by copying."""

import copy


class Refused(Exception):
    """The command must not succeed."""


class Forest:
    """Nodes by id as {"name", "properties", "parent", "children"}; `roots` is a list of ids."""

    def __init__(self):
        self.nodes = {}
        self.roots = []

    def siblings(self, parent):
        return self.nodes[parent]["children"] if parent else self.roots

    def add(self, id_, name, parent, index=None, properties=None):
        self.nodes[id_] = {"name": name, "properties": dict(properties or {}), "parent": parent,
                           "children": []}
        self.insert(id_, parent, index)

    def insert(self, id_, parent, index):
        siblings = self.siblings(parent)
        siblings.insert(len(siblings) if index is None else index, id_)
        self.nodes[id_]["parent"] = parent

    def below(self, id_):
        """The node and all below it, parents first."""
        found, waiting = [], [id_]
        while waiting:
            node = waiting.pop()
            found.append(node)
            waiting.extend(reversed(self.nodes[node]["children"]))
        return found

    def remove(self, id_):
        gone = self.below(id_)
        self.siblings(self.nodes[id_]["parent"]).remove(id_)
        for node in gone:
            del self.nodes[node]

    def move(self, id_, parent, index=None):
        """Index counts among the other siblings."""
        if parent and parent in self.below(id_):
            raise Refused("a node would be its own ancestor")
        if self.nodes[id_]["parent"] == parent and index is None:
            return
        self.siblings(self.nodes[id_]["parent"]).remove(id_)
        self.insert(id_, parent, index)

    def copy(self):
        return copy.deepcopy(self)

    def tree(self, ids=None):
        """Nested tuples (id, name, properties, children); the forests of tests are not deep."""
        return [(i, self.nodes[i]["name"], self.nodes[i]["properties"],
                 self.tree(self.nodes[i]["children"]))
                for i in (self.roots if ids is None else ids)]

    def adopt(self, roots, parent=None):
        """Takes over nodes as the server shows them, ids included."""
        for node in roots:
            self.add(node["id"], node["name"], parent, None, node["properties"])
            self.adopt(node["children"], node["id"])


def served(roots):
    """The server's tree in the shape of Forest.tree()."""
    return [(n["id"], n["name"], n["properties"], served(n["children"])) for n in roots]
