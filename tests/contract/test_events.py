"""/sessions/{id}/events in its four forms, replay from a seq, and filters."""

import http.client
import json
import threading
import time
import unittest

from harness import STORE
from project_test import API, NOWHERE, ProjectTest, RESERVED, event_names


class Page(ProjectTest):
    def page(self, query):
        return self.ok(self.get(f"/sessions/{self.session}/events?{query}"))

    def test_a_page_holds_what_lies_behind_a_seq_in_order(self):
        for i in range(5):
            self.create("phase", f"P{i}")
        whole = self.page("since=0")
        seqs = [e["seq"] for e in whole["events"]]
        self.assertEqual(seqs, list(range(1, self.info()["seq"] + 1)))
        self.assertEqual(whole["seq"], self.info()["seq"])
        self.assertEqual(whole["log_id"], self.info()["log_id"])
        self.assertEqual((whole["first_seq"], whole["more"]), (1, False))
        for entry in whole["events"]:
            self.assert_event_is_whole(entry)
        for since in (1, 3, whole["seq"] - 1, whole["seq"]):
            part = self.page(f"since={since}")
            self.assertEqual(part["events"], [e for e in whole["events"] if e["seq"] > since])
            self.assertNotIn("resync", part)
        beyond = self.page(f"since={whole['seq'] + 1}")
        self.assertEqual([e["event"] for e in beyond["events"]], ["session:resync"])

    def test_a_page_can_be_cut_anywhere(self):
        self.do("Batch", commands=[{"command_type": "CreateNode", "data": {
            "blueprint_type_id": "phase"}}] * 20)
        whole, since, found = self.page("since=0")["events"], 0, []
        while True:
            page = self.page(f"since={since}&limit=7")
            self.assertLessEqual(len(page["events"]), 7)
            found += page["events"]
            if not page["more"]:
                break
            since = found[-1]["seq"]
        self.assertEqual(found, whole)

    def test_what_is_odd_is_refused_by_name(self):
        for query, field in (("since=x", "since"), ("since=-1", "since"), ("limit=0", "limit"),
                             ("limit=-1", "limit"), ("limit=10001", "limit"), ("wait=x", "wait"),
                             ("wait=-1", "wait")):
            with self.subTest(query=query):
                reply = self.get(f"/sessions/{self.session}/events?{query}")
                self.assert_error(reply, 400, "INVALID_REQUEST", field)
        self.assertEqual(self.get(f"/sessions/{self.session}/events?events=nope").status, 400)
        self.assert_error(self.get(f"/sessions/{NOWHERE}/events"), 404, "INVALID_SESSION")

    def test_another_sessions_numbers_lead_nowhere(self):
        other, _ = self.new_project()
        for entry in self.page("since=0")["events"]:
            self.assertNotIn(other, json.dumps(entry))

    def test_a_long_poll_waits_for_the_next_event(self):
        seq = self.info()["seq"]
        started = time.monotonic()
        empty = self.page(f"since={seq}&wait=300")
        self.assertGreaterEqual(time.monotonic() - started, 0.25)
        self.assertEqual(empty["events"], [])
        found = []

        def wait():
            with self.server.http() as http:
                found.append(http.get(
                    f"{API}/sessions/{self.session}/events?since={seq}&wait=20000").json)
        poller = threading.Thread(target=wait)
        poller.start()
        # An answer that came too early would be empty and fail below.
        time.sleep(0.2)
        self.create("phase", "P")
        poller.join(10)
        self.assertFalse(poller.is_alive())
        self.assertEqual(found[0]["events"][0]["event"], "graph:node-created")
        self.assertEqual(found[0]["events"][0]["seq"], seq + 1)

    def test_a_long_poll_does_not_wait_for_what_is_there(self):
        started = time.monotonic()
        self.assertTrue(self.page("since=0&wait=20000")["events"])
        self.assertLess(time.monotonic() - started, 5)


class Streams(ProjectTest):
    def ndjson(self, since, count):
        """Lines of the stream until so many entries with a seq have come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.ports[0], timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", f"{API}/sessions/{self.session}/events?since={since}",
                           headers={"Accept": "application/x-ndjson"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["content-type"].startswith("application/x-ndjson"))
        found = []
        while len(found) < count:
            line = answer.readline()
            self.assertTrue(line, "the stream ended")
            if line.strip():
                entry = json.loads(line)
                if entry.get("event") not in RESERVED:
                    found.append(entry)
        return found

    def test_json_lines_bring_the_past_and_go_on(self):
        self.create("phase", "P")
        whole = self.durable()
        self.assertEqual(self.ndjson(0, len(whole)), whole)
        self.assertEqual(self.ndjson(2, len(whole) - 2), whole[2:])

    def test_an_event_stream_names_its_place_and_resumes_there(self):
        self.create("phase", "P")
        whole = self.durable()
        stream = self.closing(self.server.sse(self.session, "since=0"))
        self.assertTrue(stream.headers["content-type"].startswith("text/event-stream"))
        self.assertIn("no-", stream.headers["cache-control"])
        heard = [stream.await_event(e["event"]) for e in whole]
        self.assertEqual([e["seq"] for e in heard], [e["seq"] for e in whole])
        self.assertEqual([e["data"] for e in heard], [e["data"] for e in whole])
        stream.close()
        self.create("phase", "Q")
        again = self.closing(self.server.sse(
            self.session, "since=0", headers={"Last-Event-ID": str(whole[-1]["seq"])}))
        self.assertEqual(again.await_event("graph:node-created")["seq"], whole[-1]["seq"] + 1)
        again.await_event("command:executed")
        self.assertEqual([e["seq"] for e in again.events() if e["event"] not in RESERVED],
                         [whole[-1]["seq"] + 1, whole[-1]["seq"] + 2])

    def test_who_resumes_at_an_id_that_never_was_one_begins_anew(self):
        """A browser cannot choose its Last-Event-ID, and an error would be the end of it for good."""
        seq = self.info()["seq"]
        for last in ("none", "-1", "1.5", f"{self.session}:1", "1e3", "9" * 15, "9" * 16, "9" * 40):
            with self.subTest(last=last):
                stream = self.closing(self.server.sse(self.session, headers={"Last-Event-ID": last}))
                resync = stream.await_event("session:resync")
                self.assertEqual((resync["seq"], resync["data"]["seq"]), (seq, seq))
                self.assertEqual(resync["data"]["graph"]["roots"], self.roots())
                page = self.ok(self.get(f"/sessions/{self.session}/events?since=0",
                                        {"Last-Event-ID": last}))
                self.assertEqual(([e["event"] for e in page["events"]], page["resync"]),
                                 (["session:resync"], True))

    def test_an_empty_id_to_resume_at_is_none(self):
        page = self.ok(self.get(f"/sessions/{self.session}/events?since=1", {"Last-Event-ID": ""}))
        self.assertEqual([e["seq"] for e in page["events"]], [2])

    def test_a_since_that_is_no_number_is_refused(self):
        for accept in ("text/event-stream", "application/x-ndjson", "application/json"):
            reply = self.get(f"/sessions/{self.session}/events?since=none", {"Accept": accept})
            self.assert_error(reply, 400, "INVALID_REQUEST", "since")

    def test_a_stream_of_an_ended_session_says_so_and_ends(self):
        stream = self.closing(self.server.sse(self.session))
        self.do("CreateNode", blueprint_type_id="phase")
        stream.await_event("command:executed")
        self.ok(self.http.delete(f"{API}/sessions/{self.session}"))
        stream.await_event("session:closed")
        stream.await_end()

    def test_an_unknown_session_has_no_stream(self):
        stream = self.closing(self.server.sse(NOWHERE))
        self.assertEqual(stream.status, 404)

    def test_what_is_refused_is_a_problem_document_for_who_wants_one(self):
        for kind in ("text/event-stream", "application/x-ndjson", "application/json"):
            for path, status in ((f"{NOWHERE}/events?wait=10", 404),
                                 (f"{NOWHERE}/events?events=graph:*", 404),
                                 (f"{self.session}/events?events=nonsense", 400)):
                with self.subTest(kind=kind, path=path):
                    accept = {"Accept": f"{kind}, application/problem+json"}
                    reply = self.get(f"/sessions/{path}", accept)
                    self.assertEqual((reply.status, reply.json["status"]), (status, status))
                    self.assertEqual(reply.headers["content-type"], "application/problem+json")


class Replay(ProjectTest):
    def test_everything_behind_since_comes_once_and_in_order_and_then_goes_on(self):
        for i in range(10):
            self.create("phase", f"P{i}")
        whole = self.durable()
        for since in (0, 5, whole[-1]["seq"]):
            ann = self.websocket(query=f"since={since}")
            last = self.create("phase", "now") and self.info()["seq"]
            ann.await_event(lambda e, n=last: e.get("seq") == n
                            and e["event"] == "command:executed")
            heard = [e for e in ann.events() if e["event"] not in RESERVED
                     and e["event"] != "command:executing"]
            self.assertEqual(heard, self.durable(since)[:len(heard)])
            self.assertEqual(heard[-1]["seq"], last)

    def test_joins_during_a_storm_of_commands_miss_and_repeat_nothing(self):
        stop = threading.Event()

        def storm():
            with self.server.http() as http:
                while not stop.is_set():
                    http.post(f"{API}/commands/execute", {
                        "session_id": self.session, "command_type": "CreateNode",
                        "data": {"blueprint_type_id": "phase"}}, {"Prefer": "return=minimal"})
        thread = threading.Thread(target=storm)
        thread.start()
        try:
            clients = [self.websocket(query="since=0") for _ in range(10)]
        finally:
            stop.set()
            thread.join()
        last = self.info()["seq"]
        whole = self.durable_all()
        for client in clients:
            client.await_event(lambda e: e.get("seq") == last and e["event"] == "command:executed")
            heard = [(e["seq"], e["event"]) for e in client.events()
                     if e["event"] not in RESERVED and e["event"] != "command:executing"]
            self.assertEqual(heard, [(e["seq"], e["event"]) for e in whole])

    def durable_all(self):
        found = []
        while True:
            page = self.ok(self.get(f"/sessions/{self.session}/events?limit=10000&since="
                                    f"{found[-1]['seq'] if found else 0}"))
            found += page["events"]
            if not page["more"]:
                return found

    def test_another_history_is_answered_with_one_resync(self):
        self.create("phase", "P")
        info = self.info()
        for query in (f"since=1&log_id={NOWHERE}", f"since={info['seq'] + 50}"):
            with self.subTest(query=query):
                ann = self.websocket(query=query)
                resync = ann.await_event("session:resync")
                self.assertEqual(resync["data"]["log_id"], info["log_id"])
                self.assertEqual(resync["data"]["seq"], info["seq"])
                self.assertEqual(resync["data"]["graph"]["roots"], self.roots())
                ann.ask("ping")
                self.assertEqual(ann.names().count("session:resync"), 1)
        ann = self.websocket(query=f"since=1&log_id={info['log_id']}")
        ann.await_event(lambda e: e.get("seq") == info["seq"] and e["event"] == "command:executed")
        self.assertNotIn("session:resync", ann.names())


class ReplayAfterARestart(ProjectTest):
    fresh = True

    @unittest.skipUnless(STORE == "sqlite", "the memory store forgets with its process")
    def test_a_client_resumes_after_graphd_was_killed(self):
        self.create("phase", "P")
        whole = self.durable()
        self.server.restart_graphd(kill=True)
        ann = self.websocket(query="since=0")
        ann.await_event(lambda e: e.get("seq") == whole[-1]["seq"]
                        and e["event"] == "command:executed")
        heard = [e for e in ann.events() if e["event"] not in RESERVED]
        self.assertEqual(heard, whole)


class Filters(ProjectTest):
    def last(self):
        """Makes one event of each kind and returns the closing seq."""
        node = self.create("phase", "P")
        return self.do("UpdateProperty", node_id=node, property_id="notes", value="x")["seq"]

    def test_only_what_was_asked_for_comes(self):
        rows = {"graph:*": {"graph:node-created", "graph:property-changed"},
                "graph:property-changed": {"graph:property-changed"},
                "command:executed,graph:node-created": {"command:executed", "graph:node-created"},
                "property-changed": {"graph:property-changed"}}
        listeners = {f: self.websocket(query=f"events={f}") for f in rows}
        streams = {f: self.closing(self.server.sse(self.session, f"events={f}")) for f in rows}
        self.assertEqual({s.status for s in streams.values()}, {200})
        self.last()
        for filter_, names in rows.items():
            for listener in (listeners[filter_], streams[filter_]):
                with self.subTest(filter=filter_, listener=type(listener).__name__):
                    for name in event_names([e for e in self.durable()[-4:]]):
                        if name in names:
                            listener.await_event(name)
                    heard = {n for n in listener.names() if n not in RESERVED}
                    self.assertEqual(heard, names)

    def test_a_filtered_client_can_prove_that_it_lost_nothing(self):
        ann = self.websocket(query="events=graph:node-deleted")
        last = self.last()
        mark = ann.await_event(lambda e: e["event"] == "seq" and e["seq"] >= last, 15)
        self.assertEqual(mark["seq"], last)
        self.assertEqual({n for n in ann.names() if n not in RESERVED}, set())

    def test_a_page_is_filtered_too(self):
        self.last()
        page = self.ok(self.get(f"/sessions/{self.session}/events?since=0&events=graph:*"))
        names = {e["event"] for e in page["events"]}
        self.assertTrue(names)
        self.assertTrue(all(n.startswith("graph:") for n in names))
        self.assertEqual(page["seq"], self.info()["seq"])


class DashNames(ProjectTest):
    def test_a_page_has_them_too(self):
        self.create()
        for more in ("", "&wait=10", "&events=node-*", "&limit=1"):
            page = self.ok(self.get(f"/sessions/{self.session}/events?since=1&names=dash{more}"))
            self.assertEqual(page["events"][0]["event"], "node-created", more)

    def test_the_older_names_carry_the_same_payloads(self):
        ann, bob = self.websocket(query="names=dash"), self.websocket()
        node = self.create("phase", "P")
        self.do("UpdateProperty", node_id=node, property_id="notes", value="x")
        self.undo()
        self.redo()
        self.execute(self.session, "DeleteNode", node_id=NOWHERE)
        last = self.do("DeleteNode", node_id=node)["seq"]
        for client in (ann, bob):
            client.await_event(lambda e: e.get("seq") == last
                               and e["event"].endswith("executed")
                               and e["data"].get("command_type") == "DeleteNode")
        renamed = {"command:failed": "command-executed", "command:undo": "undo",
                   "command:redo": "redo"}

        def dash(name):
            name = renamed.get(name, name.removeprefix("graph:"))
            return name.replace(":", "-")
        colon = [(dash(e["event"]), e["seq"], e["data"]) for e in bob.events()
                 if e["event"] not in RESERVED]
        dashed = [(e["event"], e["seq"], e["data"]) for e in ann.events()
                  if e["event"] not in ("joined", "session-connected", "node-updated", "seq")]
        self.assertEqual(dashed, colon)

    def test_parents_whose_children_changed_are_told_to_dash_clients_only(self):
        ann, bob = self.websocket(query="names=dash"), self.websocket()
        node = self.create("phase", "P")
        updated = ann.await_event("node-updated")
        self.assertEqual(updated["data"]["id"], self.root)
        self.assertEqual(updated["data"]["node"]["children"], [node])
        self.assert_event_is_whole(updated)
        bob.await_event("command:executed")
        bob.ask("ping")
        self.assertNotIn("node-updated", bob.names())
        other = self.create("phase", "Q")
        self.do("MoveNode", node_id=node, new_parent_id=other)
        parents = set()
        while parents != {self.root, other}:
            update = ann.await_event("node-updated")
            if update["data"]["node"]["children"] in ([other], [node]):
                parents.add(update["data"]["id"])


if __name__ == "__main__":
    unittest.main()
