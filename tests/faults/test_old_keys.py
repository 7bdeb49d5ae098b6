"""A key is used once, also when ten thousand others came since: over a kill, and until a fold."""

import json
import unittest

import zmq

from harness import Server
from test_graphctl import graphctl

KEYS = 10200  # LIMIT_KEYS, and some whose answers are no longer held in memory
WINDOW = 1000


class OldKeys(unittest.TestCase):
    def setUp(self):
        self.server = Server(store="sqlite", graphd_options=["--snapshot-steps", "3000"]).start()
        self.addCleanup(self.server.remove)
        self.context = zmq.Context()
        self.addCleanup(self.context.destroy, linger=0)
        self.connect()

    def connect(self):
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.connect(self.server.requests)

    def send(self, command, args, key=None, session=""):
        caller = {"minimal": True, **({"key": key} if key else {})}
        self.socket.send_multipart([b"", b"GRAPH/1", b"1", command.encode(), session.encode(),
                                    json.dumps(caller).encode(), json.dumps(args).encode()])

    def take(self):
        self.assertTrue(self.socket.poll(10000), "no answer")
        return json.loads(self.socket.recv_multipart()[-1])

    def ask(self, *request, **of):
        self.send(*request, **of)
        return self.take()

    def rename(self, i, name=None):
        args = {"node_id": self.root, "property_id": "name", "value": name or f"name {i}"}
        return {"command": "UpdateProperty", "args": args, "key": f"key {i}",
                "session": self.session}

    def seq(self):
        return self.ask("GetSession", {}, session=self.session)["seq"]

    def check(self, answers):
        seq = self.seq()
        for i in (0, 3, KEYS - 10001, KEYS - 10000, KEYS - 1):
            self.assertEqual(self.ask(**self.rename(i)), answers[i])
            self.assertEqual(self.ask(**self.rename(i, "other"))["error"]["code"],
                             "IDEMPOTENCY_MISMATCH")
        self.assertEqual(self.seq(), seq)

    def test_the_first_answer_comes_however_many_keys_there_were_since(self):
        made = self.ask("CreateProject", {"template_id": "restomod", "project_name": "P"})
        self.session = made["session_id"]
        self.root = self.ask("GetTree", {}, session=self.session)["roots"][0]["id"]
        answers = []
        for i in range(KEYS):
            self.send(**self.rename(i))
            if i >= WINDOW:
                answers.append(self.take())
        while len(answers) < KEYS:
            answers.append(self.take())
        self.check(answers)
        self.server.restart_graphd(kill=True)
        self.connect()
        self.check(answers)
        # What a fold takes away is the past, and with it answers that only the past has.
        self.server.graphd.stop()
        graphctl("compact", self.server.data / "graph.db", "--keep-steps", 100)
        self.server.graphd.start()
        self.server.await_ready()
        self.connect()
        seq = self.seq()
        self.assertEqual(self.ask(**self.rename(KEYS - 10000)), answers[KEYS - 10000])
        self.assertEqual(self.seq(), seq)
        self.assertGreater(self.ask(**self.rename(0))["seq"], seq)


if __name__ == "__main__":
    unittest.main()
