"""Random sequences of all commands against a model, undone to the start and redone to the end.

SEED repeats one; LONG=1 runs many and longer ones.
"""

import os
import random
import unittest

from harness import LONG, new_seed
from model import Forest, Refused, served
from project_test import NOWHERE, ProjectTest, new_id, walk

SEEDS = 50 if LONG else 3
STEPS = 400 if LONG else 200
CHECK_EVERY = 1 if LONG else 8
DEEPEST = 40


class Player:
    """Makes one random command after another on the server and on the model alike."""

    def __init__(self, test, seed):
        self.test = test
        self.random = random.Random(seed)
        self.forest = Forest()
        self.forest.adopt(test.roots())

    def any_node(self):
        return self.random.choice(list(self.forest.nodes)) if self.forest.nodes else None

    def index(self, parent, without=None):
        """A place among the siblings; now and then none, or one beyond the end."""
        siblings = [i for i in self.forest.siblings(parent) if i != without]
        return self.random.choice([None, 0, len(siblings), len(siblings) + 5,
                                   self.random.randint(0, len(siblings))])

    def depth(self, id_):
        depth = 0
        while id_:
            depth, id_ = depth + 1, self.forest.nodes[id_]["parent"]
        return depth

    def step(self):
        names = ["create"] * 5 + ["delete", "link", "unlink", "move", "move", "reorder", "reorder",
                                  "update", "update", "rename", "delete_property", "kit", "batch",
                                  "load", "refused"]
        return getattr(self, self.random.choice(names))()

    def run(self, command_type, **data):
        return self.test.do(command_type, **{k: v for k, v in data.items() if v is not None})

    def create(self, execute=True, parent=None):
        parent = parent or self.random.choice([None, self.any_node(), self.any_node()])
        if parent and self.depth(parent) > DEEPEST:
            parent = None
        id_, name = new_id(), f"N{self.random.randint(0, 999)}"
        data = {"blueprint_type_id": "no_such_type", "name": name, "parent_id": parent,
                "index": self.index(parent), "node_id": id_,
                "properties": {"notes": self.random.random()} if self.random.random() < .5 else {}}
        if execute:
            self.run("CreateNode", **data)
        self.forest.add(id_, name, parent, data["index"], data["properties"])
        return {k: v for k, v in data.items() if v is not None}

    def delete(self):
        # Branches of a few nodes only, or the forest would never grow.
        small = [i for i in self.forest.nodes if len(self.forest.below(i)) < 6]
        if not small:
            return
        id_ = self.random.choice(small)
        reply = self.run("DeleteNode", node_id=id_)
        self.test.assertEqual(reply["result"]["deleted"], len(self.forest.below(id_)))
        self.forest.remove(id_)

    def place(self, command_type, id_, parent, index, **data):
        try:
            before = self.forest.copy()
            self.forest.move(id_, parent, index)
            if max(map(self.depth, self.forest.below(id_))) > DEEPEST:
                self.forest = before
                return
        except Refused:
            self.test.refuse(409, "WOULD_CYCLE", command_type, **data)
            return
        self.run(command_type, index=index, **data)

    def link(self):
        id_, parent = self.any_node(), self.any_node()
        if id_:
            self.place("LinkNode", id_, parent, self.index(parent, id_), parent_id=parent,
                       child_id=id_)

    def move(self):
        id_ = self.any_node()
        parent = self.random.choice([None, self.any_node()])
        if id_:
            self.place("MoveNode", id_, parent, self.index(parent, id_), node_id=id_,
                       new_parent_id=parent)

    def unlink(self):
        children = [i for i, n in self.forest.nodes.items() if n["parent"]]
        if children:
            id_ = self.random.choice(children)
            self.run("UnlinkNode", parent_id=self.forest.nodes[id_]["parent"], child_id=id_)
            self.forest.move(id_, None)

    def reorder(self):
        id_ = self.any_node()
        if id_:
            parent = self.forest.nodes[id_]["parent"]
            index = self.random.randint(0, len(self.forest.siblings(parent)) + 2)
            self.run("ReorderNode", node_id=id_, new_index=index)
            self.forest.move(id_, parent, index)

    def update(self):
        id_, key = self.any_node(), self.random.choice(["notes", "budget", "x"])
        value = self.random.choice([None, 1, 2.5, "t", [1, {"a": None}], {"b": 1, "a": 2}, True])
        if id_:
            self.test.do("UpdateProperty", node_id=id_, property_id=key, value=value)
            self.forest.nodes[id_]["properties"][key] = value

    def rename(self):
        id_, name = self.any_node(), f"R{self.random.randint(0, 999)}"
        if id_:
            self.run("UpdateProperty", node_id=id_, property_id="name", value=name)
            self.forest.nodes[id_]["name"] = name
            self.forest.nodes[id_]["properties"]["name"] = name

    def delete_property(self):
        owners = [i for i, n in self.forest.nodes.items() if set(n["properties"]) - {"name"}]
        if owners:
            id_ = self.random.choice(owners)
            key = self.random.choice(sorted(set(self.forest.nodes[id_]["properties"]) - {"name"}))
            self.run("DeleteProperty", node_id=id_, property_id=key)
            del self.forest.nodes[id_]["properties"][key]

    def kit(self):
        small = [i for i in self.forest.nodes if len(self.forest.below(i)) < 8]
        if not small:
            return
        kit, target = self.random.choice(small), self.any_node()
        if self.depth(target) > DEEPEST - 8:
            return
        shape = self.forest.copy().tree(self.forest.nodes[kit]["children"])
        made = self.run("ApplyKit", target_id=target, kit_root_id=kit)["result"]["node_ids"]
        shown = {n["id"]: n for n in walk(self.test.roots())}
        self.forest.adopt([shown[i] for i in made], target)
        bare = [self.bare(t) for t in self.forest.tree(made)]
        self.test.assertEqual(bare, [self.bare(t) for t in shape])

    def bare(self, tree):
        _, name, properties, children = tree
        return name, properties, [self.bare(c) for c in children]

    def batch(self):
        made = [self.create(execute=False)]
        for _ in range(self.random.randint(0, 3)):
            child = self.create(execute=False, parent=made[0]["node_id"])
            child["parent_id"] = "$0"
            made.append(child)
        self.run("Batch", commands=[{"command_type": "CreateNode", "data": d} for d in made])

    def load(self):
        if self.random.random() < .8:
            return self.create()
        forest = Forest()
        for i in range(self.random.randint(0, 20)):
            parent = self.random.choice([None, *forest.nodes])
            forest.add(new_id(), f"L{i}", parent)
        nodes = [{"id": i, "type": "no_such_type", "name": forest.nodes[i]["name"],
                  "children": forest.nodes[i]["children"]}
                 for r in forest.roots for i in forest.below(r)]
        self.run("LoadGraph", graph={"nodes": nodes})
        self.forest = forest
        return None

    def refused(self):
        self.test.refuse(404, "NODE_NOT_FOUND", "DeleteNode", node_id=NOWHERE)
        if self.forest.nodes:
            id_ = self.any_node()
            self.test.refuse(409, "NODE_EXISTS", "CreateNode", blueprint_type_id="x", node_id=id_)


class Sequences(ProjectTest):
    def seeds(self):
        first = new_seed()
        return [first + i for i in range(1 if "SEED" in os.environ else SEEDS)]

    def check(self, forest):
        roots = self.roots()
        self.assertEqual(served(roots), forest.tree())
        for node in walk(roots):
            for child in node["children"]:
                self.assertEqual(child["parent_id"], node["id"])
        ids = [node["id"] for node in walk(roots)]
        self.assertEqual(len(ids), len(set(ids)))

    def play(self, seed):
        self.session, self.root = self.new_project()
        player = Player(self, seed)
        hashes = [self.info()["state_hash"]]
        seq = self.info()["seq"]
        for i in range(STEPS):
            player.step()
            info = self.info()
            # A command that found nothing to do is told of by one event, and is none to undo.
            if info["seq"] > seq + 1:
                hashes.append(info["state_hash"])
            seq = info["seq"]
            if i % CHECK_EVERY == 0:
                self.check(player.forest)
        self.check(player.forest)
        self.back_and_forth(hashes, player.forest)

    def back_and_forth(self, hashes, forest):
        minimal = {"Prefer": "return=minimal"}
        for what, order in (("undo", hashes[-2::-1]), ("redo", hashes[1:])):
            for expected in order:
                reply = self.ok(self.post(f"/sessions/{self.session}/{what}", {}, minimal))
                self.assertIs(reply["success"], True)
                self.assertEqual(self.info()["state_hash"], expected)
            self.assertIs(reply[f"{what}_available"], False)
        self.check(forest)

    def test_the_server_and_the_model_agree_and_undo_leads_back(self):
        for seed in self.seeds():
            print(f"SEED={seed} ", end="", flush=True)
            with self.subTest(seed=seed):
                self.play(seed)


class TwoUsers(ProjectTest):
    def test_mine_and_session_undo_interleaved_keep_the_forest_and_the_law(self):
        seed = new_seed()
        print(f"SEED={seed} ", end="", flush=True)
        chance = random.Random(seed)
        for _ in range(STEPS):
            actor = chance.choice(["ann", "bob"])
            what = chance.choice(["create", "create", "update", "move", "undo", "redo"])
            scope = chance.choice(["mine", "session"])
            nodes = [n["id"] for n in walk(self.roots())]
            headers = {"X-Actor": actor, "Prefer": "return=minimal"}
            if what in ("undo", "redo"):
                reply = self._history(what, None, scope, actor)
                self.assertIn(reply.status, (200, 409), reply)
                continue
            data = {"create": ("CreateNode", {"blueprint_type_id": "x",
                                              "parent_id": chance.choice(nodes or [None])}),
                    "update": ("UpdateProperty", {"node_id": chance.choice(nodes or [NOWHERE]),
                                                  "property_id": "notes",
                                                  "value": chance.random()}),
                    "move": ("MoveNode", {"node_id": chance.choice(nodes or [NOWHERE]),
                                          "new_parent_id": chance.choice([None, *nodes])})}[what]
            reply = self.execute(self.session, data[0], headers, **data[1])
            self.assertIn(reply.status, (200, 404, 409), reply)
        end = self.tree()
        ids = [n["id"] for n in walk(end["roots"])]
        self.assertEqual(len(ids), len(set(ids)))
        steps = 0
        while self.info()["undo_available"]:
            self.ok(self.undo())
            steps += 1
        start = self.tree()
        for _ in range(steps):
            self.ok(self.redo())
        self.assertEqual(self.tree()["roots"], end["roots"])
        self.assertEqual(self.tree()["state_hash"], end["state_hash"])
        for _ in range(steps):
            self.ok(self.undo())
        self.assertEqual(self.tree()["state_hash"], start["state_hash"])


if __name__ == "__main__":
    unittest.main()
