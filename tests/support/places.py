"""Where events happen, worked out from the events themselves: what a client that listens to one
part of the graph must hear, and nothing else."""

PATH_NODES = 512  # LIMIT_PATH_NODES
CLOSING = {"command:executed", "command:undo", "command:redo"}


class Places:
    """Takes all durable events of a session from the first on."""

    def __init__(self):
        self.parents = {}
        self.touched = set()  # by the step that is being told
        self.executed = {}    # command_id: where it happened

    def chain(self, node):
        found = []
        while node:
            found.append(node)
            node = self.parents.get(node)
        return found

    def of(self, entry):
        """The nodes an event concerns; None: everybody."""
        name, data = entry["event"], entry["data"]
        if name == "graph:node-created":
            self.parents[data["node_id"]] = data["parent_id"]
            path = self.chain(data["node_id"])
        elif name == "graph:node-deleted":
            path = self.chain(data["node_id"])
            del self.parents[data["node_id"]]
        elif name == "graph:node-unlinked":
            path = self.chain(data["child_id"])
            assert path[1] == data["parent_id"], entry
            self.parents[data["child_id"]] = None
        elif name == "graph:node-linked":
            self.parents[data["child_id"]] = data["parent_id"]
            path = self.chain(data["child_id"])
        elif name in ("graph:node-moved", "graph:property-changed", "graph:property-deleted"):
            path = self.chain(data["node_id"])
        elif name in CLOSING:
            path = None if len(self.touched) > PATH_NODES else sorted(self.touched) or None
            self.executed[data["command_id"]] = path
            self.touched = set()
            return path
        else:
            self.touched = set()
            return None
        self.touched.update(path)
        return path


class Audience:
    """All durable events of a session, each with its place."""

    def __init__(self, entries):
        places = Places()
        self.entries = [(entry, places.of(entry)) for entry in entries]
        self.executed = places.executed

    def below(self, node, since=0):
        """The durable events that concern the node or what is below it."""
        return [entry for entry, path in self.entries
                if entry["seq"] > since and (path is None or node in path)]

    def hears_executing(self, node, command_id):
        """A command that was refused happened nowhere, so everybody hears of it."""
        path = self.executed.get(command_id)
        return path is None or node in path
