"""While graphd is away the gateway says so, and when it is back everything goes on by itself."""

import os
import signal
import time
import unittest

from harness import STORE, eventually
from project_test import API, ProjectTest


class Away(ProjectTest):
    fresh = True
    server_options = {"gateway_options": ("--deadline-ms", "1000")}

    def ask(self):
        return self.http.get(f"{API}/sessions/{self.session}")

    def test_requests_are_answered_unavailable_and_health_is_told_apart(self):
        self.server.graphd.kill()
        reply = eventually(lambda: (r := self.ask()).status == 503 and r, 10, "an answer of 503")
        self.assert_error(reply, 503, "BACKEND_UNAVAILABLE")
        self.assertIn("retry-after", reply.headers)
        self.assertEqual(self.http.get("/healthz").status, 200)
        eventually(lambda: self.http.get("/readyz").status == 503, 10, "/readyz to say so")
        # What needs no graphd is served on.
        self.assertEqual(self.http.get(f"{API}/icons/catalog").status, 200)
        self.server.graphd.start()
        self.server.await_ready()
        self.assertEqual(self.new_project()[0].count("-"), 4)

    def test_a_graphd_that_hangs_is_waited_for_until_the_deadline_and_no_longer(self):
        ann = self.websocket()
        os.kill(self.server.graphd.pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            self.assert_error(self.ask(), 503, "BACKEND_UNAVAILABLE")
            self.assertLess(time.monotonic() - started, 3)
            started = time.monotonic()
            answer = ann.ask("execute", command_type="CreateNode",
                             data={"blueprint_type_id": "phase"})
            self.assertEqual(answer["error"]["code"], "BACKEND_UNAVAILABLE")
            self.assertLess(time.monotonic() - started, 3)
        finally:
            os.kill(self.server.graphd.pid, signal.SIGCONT)
        self.server.await_ready()
        self.assertEqual(eventually(lambda: (r := self.ask()).status == 200 and r, 10,
                                    "an answer").json["session_id"], self.session)

    @unittest.skipUnless(STORE == "sqlite", "the memory store forgets with its process")
    def test_live_clients_hear_what_comes_after_a_restart(self):
        ann = self.websocket()
        before = self.create("phase", "Before")
        ann.await_event("command:executed")
        self.server.restart_graphd(kill=True)
        after = self.create("phase", "After")
        created = ann.await_event("graph:node-created")
        self.assertEqual(created["data"]["node_id"], after)
        self.assertEqual(self.children(self.root), [before, after])
        self.assertNotIn("session:resync", ann.names())


class Endpoints(ProjectTest):
    fresh = True

    def test_a_gateway_that_was_given_the_wrong_endpoint_is_not_ready_and_says_why(self):
        gateway, said = self.server.gateways[0], self.server.gateways[0].arguments
        for option, endpoint, words in (
                ("--feed", self.server.events, "its --bind-events was given as --feed"),
                ("--events", self.server.feed, "its --bind-feed was given as --events"),
                ("--events", self.server.events, None)):
            gateway.stop()
            gateway.arguments = [*said, option, endpoint]
            gateway.start()
            if words:
                eventually(lambda: words in gateway.log(), 10, words)
                eventually(lambda: self.readiness() == 503, 10, "/readyz to say so")
            else:
                self.server.await_ready()

    def readiness(self):
        try:
            with self.server.http() as http:
                return http.get("/readyz").status
        except OSError:
            return None


if __name__ == "__main__":
    unittest.main()
