"""Who is here, over three gateways, when graphd is restarted: nobody hears of those who stay, and
everybody of those who do not."""

import time
import unittest

from harness import eventually
from test_presence import GRACE_MS, ThreeGateways, comings_and_goings, told_of


class Restarts(ThreeGateways):
    fresh = True

    def test_a_restart_of_graphd_is_not_heard_of_and_the_counts_are_as_before(self):
        watchers = [self.watcher(gateway) for gateway in range(3)]
        client = self.stock(self.server.ports[1], "default", recover=True)
        for watcher in watchers:
            watcher.await_event(told_of(client.client_id, "session:connected"))
        before = [comings_and_goings(w) for w in watchers]
        for kill in (True, False):
            self.server.restart_graphd(kill=kill)
            eventually(lambda: len(self.clients()) == 4, what="everybody counted again")
            self.assert_here(*watchers, client)
        self.assertEqual([comings_and_goings(w) for w in watchers], before)
        # Every gateway hears graphd again.
        self.create()
        for watcher in watchers:
            watcher.await_event("command:executed")
        last = self.watcher(2)
        self.assertEqual(watchers[0].await_event(told_of(
            last.client_id, "session:connected"))["data"]["client_count"], 5)

    def is_cut_off(self, client, proxy):
        """Its gateway knows that it is gone, and it will not be back."""
        proxy.target = ("127.0.0.1", 1)
        proxy.cut()
        client.await_what("disconnect")

    def hears_gone(self, watcher, clients, left):
        """All of them, once each and with the right counts, and nobody else."""
        gone = {}
        while len(gone) < len(clients):
            heard = watcher.await_event("session:disconnected", 15)["data"]
            self.assertNotIn(heard["client_id"], gone)
            gone[heard["client_id"]] = heard["client_count"]
        self.assertEqual(set(gone), {c.client_id for c in clients})
        self.assertEqual(list(gone.values()), list(range(left + len(clients) - 1, left - 1, -1)))

    def test_who_leaves_while_graphd_is_away_is_announced_when_it_is_back(self):
        for kill in (True, False):
            with self.subTest(kill=kill):
                watchers = [self.watcher(gateway) for gateway in range(3)]
                proxy = self.proxied(2)
                leaves = self.watcher(1)
                breaks = self.stock(proxy.port, "websocket", recover=True)
                for watcher in watchers:
                    watcher.await_event(told_of(breaks.client_id, "session:connected"))
                self.server.graphd.kill() if kill else self.server.graphd.stop()
                leaves.close()
                self.is_cut_off(breaks, proxy)
                self.server.graphd.start()
                self.server.await_ready()
                for watcher in watchers:
                    self.hears_gone(watcher, [leaves, breaks], 3)
                self.assert_here(*watchers)
                for watcher in watchers:
                    watcher.close()
                breaks.close()
                eventually(lambda: not self.clients(), what="nobody left")

    def test_who_was_away_when_graphd_died_is_announced_gone(self):
        watcher, proxy = self.watcher(0), self.proxied(1)
        client = self.stock(proxy.port, "websocket", recover=True)
        watcher.await_event(told_of(client.client_id, "session:connected"))
        self.is_cut_off(client, proxy)
        self.server.restart_graphd(kill=True)
        self.hears_gone(watcher, [client], 1)
        self.assert_here(watcher)

    def test_clients_of_a_gateway_that_dies_with_graphd_are_announced_gone(self):
        watcher, proxy = self.watcher(0), self.proxied(2)
        lost = [self.watcher(2) for _ in range(3)]
        returns = self.stock(proxy.port, "websocket", recover=True)
        self.create()
        returns.await_event("command:executed")
        watcher.await_event(told_of(returns.client_id, "session:connected"))
        self.server.graphd.kill()
        self.server.gateways[2].kill()
        proxy.target = ("127.0.0.1", self.server.ports[1])
        proxy.cut()
        returns.await_what("disconnect")
        self.server.graphd.start()
        self.hears_gone(watcher, lost, 2)
        returns.await_what("connect", 15)
        self.assert_here(watcher, returns)
        self.server.gateways[2].start()  # for the clean end

    def test_a_gateway_that_is_late_after_a_restart_has_its_clients_announced_again(self):
        watcher, late = self.watcher(0), self.watcher(1)
        watcher.await_event(told_of(late.client_id, "session:connected"))
        self.server.gateways[1].freeze()
        self.server.graphd.kill()
        self.server.graphd.start()
        self.hears_gone(watcher, [late], 1)
        self.server.gateways[1].thaw()
        self.assertEqual(watcher.await_event(told_of(
            late.client_id, "session:connected"))["data"]["client_count"], 2)
        self.assert_here(watcher, late)

    def test_a_graphd_that_stood_still_has_missed_nobody_and_counts_nobody_who_gave_up(self):
        watchers = [self.watcher(gateway) for gateway in range(3)]
        proxy = self.proxied(2)
        away = self.stock(proxy.port, "websocket", recover=True)
        for watcher in watchers:
            watcher.await_event(told_of(away.client_id, "session:connected"))
        self.server.graphd.freeze()
        proxy.target = ("127.0.0.1", self.server.ports[0])
        proxy.cut()
        gives_up = self.closing(self.server.websocket(f"session_id={self.session}", joins=False))
        refused = gives_up.await_event(lambda e: "error" in e)
        self.assertEqual(refused["error"]["code"], "BACKEND_UNAVAILABLE")
        self.server.graphd.thaw()
        self.server.await_ready()
        away.await_what("connect")
        eventually(lambda: self.clients().keys() == {c.client_id for c in [*watchers, away]},
                   what="those who stay, and nobody else")
        time.sleep(GRACE_MS / 1000 + 0.3)
        self.assert_here(*watchers, away)
        known = {c.client_id for c in [*watchers, away]}
        for watcher in watchers:
            self.assertFalse([e for e in comings_and_goings(watcher)
                              if e[0] == "session:disconnected" and e[1] in known])

    def test_who_came_while_a_gateway_heard_nothing_is_told_of_there_once(self):
        watcher, goes = self.watcher(0), self.watcher(1)
        watcher.await_event(told_of(goes.client_id, "session:connected"))
        self.server.gateways[0].freeze()
        # Longer than a connection of the bus is kept without a word.
        time.sleep(4)
        goes.close()
        comes = self.watcher(1)
        self.server.gateways[0].thaw()
        heard = watcher.await_event(told_of(comes.client_id, "session:connected"), 15)["data"]
        self.assertEqual(heard["project_id"], self.info()["project_id"])
        self.assertEqual(heard["session_id"], self.session)
        last = self.watcher(1)
        watcher.await_event(told_of(last.client_id, "session:connected"))
        here = {c.client_id for c in (watcher, comes, last)}
        eventually(lambda: self.clients().keys() == here, what="the end of who has left")
        last = self.watcher(1)
        watcher.await_event(told_of(last.client_id, "session:connected"))
        told = comings_and_goings(watcher)
        for event, client in (("session:connected", comes), ("session:disconnected", goes),
                              ("session:connected", last)):
            self.assertEqual([e[:2] for e in told].count((event, client.client_id)), 1, told)


if __name__ == "__main__":
    unittest.main()
