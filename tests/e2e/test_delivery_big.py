"""Events longer than any message of the bus, and more of one step than it takes: everybody hears
them, in their place."""

import json
import unittest

import zmq
from clients import MINIMAL
from consumer_test import ConsumerTest
from harness import eventually
from project_test import new_id
from received import settle
from stock import MAKES, Driver, durable_of

VALUE = "v" * 240_000
MESSAGE_BYTES = 1 << 20  # LIMIT_FRAME_BYTES
STEP_EVENTS = 4096       # LIMIT_STEP_EVENTS


class BigEvents(ConsumerTest):
    gateways = 2
    fresh = True

    def create_big(self, n_properties=4):
        properties = {f"p{i}": VALUE for i in range(n_properties)}
        return self.create("x", "Big", parent=self.root, properties=properties)

    def test_every_kind_of_consumer_hears_them_in_order(self):
        consumers = self.consumers()
        big = self.create_big()
        self.do("UpdateProperty", node_id=big, property_id="p1", value="w" * 240_000)
        for i in range(4, 12):
            self.do("UpdateProperty", node_id=big, property_id=f"p{i}", value=VALUE)
        self.do("UpdateProperty", node_id=self.root, property_id="notes", value="small")
        self.do("DeleteNode", node_id=big)
        before = self.info()["seq"]
        self.undo()
        self.do("UpdateProperty", node_id=self.root, property_id="notes", value="after")
        history = settle(consumers, self.server.ports[0], self.session)
        longest = len(str(self.durable(before)[0]))
        print(f"{len(history)} events, the longest of {longest} bytes, at {len(consumers)} consumers")
        self.assertGreater(longest, 5 * MESSAGE_BYTES)

    def test_nobody_is_cut_off_by_one_however_it_listens(self):
        """Alone longer than what a poller may be owed; and many of one command that are it together."""
        clients = [self.driver(make).open(self.server.ports[0], "polling",
                                          auth={"session_id": self.session}) for make in MAKES]
        for client in clients:
            client.await_what("connect")
        seq = self.info()["seq"]
        big = self.create_big()
        for i in range(4, 12):
            self.do("UpdateProperty", node_id=big, property_id=f"p{i}", value=VALUE)
        self.do("DeleteNode", node_id=big)
        self.undo()
        branch = self.create("x", "Branch", parent=self.root)
        for i in range(12):
            self.create("x", f"Leaf {i}", parent=branch, properties={"notes": VALUE})
        self.do("DeleteNode", node_id=branch)
        self.undo()
        last = self.info()["seq"]
        for client in clients:
            eventually(lambda c=client: len(durable_of(c)) == last - seq, 30, "the last event")
            self.assertEqual(sorted(n for n, _ in durable_of(client)), list(range(seq + 1, last + 1)))
            self.assertFalse([e for e in client.heard if e.get("what") == "disconnect"])

    def driver(self, make):
        driver = Driver(make)
        self.addCleanup(driver.end)
        return driver

    def updated(self, socket, node):
        """Of a new child. Who is behind, as after two megabytes, hears no transient event: again,
        until it is not."""
        for _ in range(20):
            child = self.create("x", "Child", parent=node)
            socket.await_event(lambda e: e.get("event") == "node-created"
                               and e["data"]["id"] == child)
            self.do("UpdateProperty", node_id=self.root, property_id="notes", value=child)
            socket.await_event(lambda e: e.get("event") == "property-changed"
                               and e["data"].get("new_value") == child)
            found = [e for e in socket.events()
                     if e["event"] == "node-updated" and e["data"]["id"] == node]
            if found:
                return found[-1]
        raise AssertionError("no node-updated in twenty tries")

    def test_a_parent_too_big_for_a_message_is_told_without_its_node(self):
        """node-updated is kept nowhere: what the bus cannot carry could not be read later."""
        dash = self.websocket(query="names=dash")
        big = self.create_big()
        self.do("UpdateProperty", node_id=big, property_id="p4", value=VALUE)
        updated = self.updated(dash, big)
        self.assertIsNone(updated["data"]["node"])
        self.assertTrue(updated["data"]["node_omitted"])
        small = self.create("x", "Small", parent=self.root)
        updated = self.updated(dash, small)
        self.assertGreaterEqual(len(updated["data"]["node"]["children"]), 1)
        self.assertFalse(updated["data"]["node_omitted"])


class LongSteps(ConsumerTest):
    gateways = 2
    fresh = True

    def load(self, n):
        """A graph of three levels; returns the ids of the two branches."""
        ids = [new_id() for _ in range(n)]
        nodes = [{"id": ids[i], "type": "x", "name": f"N{i}",
                  "parent_id": ids[i % 2 + 1] if i > 2 else ids[0] if i else None}
                 for i in range(n)]
        body = json.dumps({"graph": {"nodes": nodes}, "template_id": "restomod"})
        self.ok(self.post(f"/sessions/{self.session}/load-graph", body, MINIMAL))
        return ids[1:3]

    def deaf_tap(self):
        """Hears what the bus says and asks for nothing."""
        context = zmq.Context()
        tap = context.socket(zmq.SUB)
        tap.setsockopt(zmq.RCVTIMEO, 10_000)
        tap.setsockopt(zmq.RCVHWM, 0)
        tap.setsockopt(zmq.LINGER, 0)
        tap.connect(self.server.events)
        tap.subscribe(f"session_{self.session}/".encode())
        self.addCleanup(context.term)
        self.addCleanup(tap.close)
        self.next_of(tap)  # the sync that answers the subscription
        return tap

    def next_of(self, tap):
        topic, _, body = tap.recv_multipart()
        return topic.partition(b"/")[2].decode(), json.loads(body)

    def hear_until(self, tap, name, seq):
        heard = []
        while not heard or heard[-1][0] != name or heard[-1][1]["seq"] < seq:
            heard.append(self.next_of(tap))
        return heard

    def test_every_kind_of_consumer_hears_a_long_step_between_what_others_do(self):
        consumers, tap = self.consumers(), self.deaf_tap()
        self.do("UpdateProperty", node_id=self.root, property_id="notes", value="before")
        one, _ = self.load(STEP_EVENTS)
        self.do("UpdateProperty", node_id=one, property_id="notes", value="behind")
        self.undo()
        self.undo()
        self.do("UpdateProperty", node_id=self.root, property_id="notes", value="after")
        seq = self.info()["seq"]
        history = settle(consumers, self.server.ports[0], self.session)
        self.assertEqual(len(history), seq)
        heard = self.hear_until(tap, "command:executed", seq)
        print(f"{len(history)} events at {len(consumers)} consumers; the bus carried {len(heard)}")
        self.assertLess(len(heard), 50)
        self.assertGreater(len(history), 2 * STEP_EVENTS)

    def test_who_listens_to_a_part_hears_of_a_long_step_what_concerns_it(self):
        one, other = self.load(10)
        before = self.info()["seq"]
        part = self.websocket(query=f"subtree={other}&names=colon")
        # Copies of one branch below the other, doubled each time.
        for _ in range(11):
            self.do("ApplyKit", target_id=one, kit_root_id=one)
        self.do("ApplyKit", target_id=other, kit_root_id=one)
        self.do("UpdateProperty", node_id=other, property_id="notes", value="end")
        part.await_event(lambda e: e["event"] == "graph:property-changed", timeout=60)
        heard = [e["seq"] for e in part.events() if e["event"] == "graph:node-created"]
        page, wanted, since = {"more": True}, [], before
        while page["more"]:
            page = self.ok(self.get(f"/sessions/{self.session}/events?since={since}&limit=3000"
                                    f"&subtree={other}"))
            wanted += [e["seq"] for e in page["events"] if e["event"] == "graph:node-created"]
            since = page["events"][-1]["seq"]  # of an event or of a mark
        self.assertGreater(len(wanted), STEP_EVENTS)
        self.assertEqual(heard, wanted)


if __name__ == "__main__":
    unittest.main()
