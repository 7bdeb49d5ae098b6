"""A test case about clients that filter what they hear: what they must hear, and until when."""

from places import Audience
from project_test import RESERVED, ProjectTest

TRANSIENT = {"command:executing", "command:failed", "presence:update", "session:connected",
             "session:disconnected"}


def durable_of(client):
    return [{key: e[key] for key in ("event", "seq", "data")} for e in client.events()
            if e["event"] not in RESERVED | TRANSIENT]


class SubtreeTest(ProjectTest):
    gateways = 2

    def all_events(self, since=0, query=""):
        """All pages; a page whose end was filtered out says with a mark where the next begins."""
        found = []
        while True:
            page = self.ok(self.get(f"/sessions/{self.session}/events?since={since}{query}"))
            found += [e for e in page["events"] if e["event"] != "seq"]
            if not page["more"]:
                return found
            self.assertGreater(page["events"][-1]["seq"], since)
            since = page["events"][-1]["seq"]

    def audience(self):
        return Audience(self.all_events())

    def await_seq(self, client, seq, limit_s=10):
        """Until an event or a mark has told that seq; what came before has come then."""
        def is_told():
            return any((e.get("seq") or 0) >= seq for e in client.events()
                       if e["event"] not in TRANSIENT | {"joined"})
        with client.condition:
            self.assertTrue(client.condition.wait_for(is_told, limit_s),
                            f"seq {seq} was not told; heard {client.events()[-5:]}")
