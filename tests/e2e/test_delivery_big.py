"""Events longer than any message of the bus: everybody hears them, in their place."""

import unittest

from consumer_test import ConsumerTest
from received import settle

VALUE = "v" * 240_000
MESSAGE_BYTES = 1 << 20  # LIMIT_FRAME_BYTES


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


if __name__ == "__main__":
    unittest.main()
