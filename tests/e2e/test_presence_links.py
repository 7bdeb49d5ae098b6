"""Who is here, when a gateway's links to graphd break off one by one: what listeners were told ends
up right, whichever of the announcements the gateway did not hear."""

import unittest

from harness import Server, eventually, free_port
from proxy import Proxy
from test_presence import ThreeGateways

NOWHERE = ("127.0.0.1", 1)


class Link(Proxy):
    """The way of one gateway to one endpoint of graphd."""

    def __init__(self, port):
        super().__init__(port)
        self.whole = self.target

    def breaks_off(self):
        self.target = NOWHERE
        self.cut()

    def is_back(self):
        self.target = self.whole


class LinkedServer(Server):
    """Over TCP, each gateway by links of its own."""

    def _graphd_arguments(self, store):
        self.bound = [free_port() for _ in range(3)]
        self.requests, self.events, self.feed = (f"tcp://127.0.0.1:{p}" for p in self.bound)
        self.asking, self.hearing = [], []
        return super()._graphd_arguments(store)

    def _gateway_arguments(self, port):
        arguments = super()._gateway_arguments(port)
        for option, to, links in (("--requests", self.bound[0], self.asking),
                                  ("--feed", self.bound[2], self.hearing)):
            links.append(Link(to))
            arguments[arguments.index(option) + 1] = f"tcp://127.0.0.1:{links[-1].port}"
        return arguments

    def remove(self):
        super().remove()
        for link in self.asking + self.hearing:
            link.close()


class Links(ThreeGateways):
    fresh = True
    server_type = LinkedServer

    def hears(self, watcher, event, *clients):
        """Of all of them, in whichever order."""
        left = {c.client_id for c in clients}
        while left:
            left.discard(watcher.await_event(event, 15)["data"]["client_id"])

    def test_who_came_and_left_while_events_were_not_heard_is_told_of(self):
        watcher, leaves = self.watcher(0), self.watcher(1)
        self.hears(watcher, "session:connected", leaves)
        self.server.hearing[0].breaks_off()
        comes = self.watcher(1)
        leaves.close()
        self.hears(comes, "session:disconnected", leaves)
        self.server.hearing[0].is_back()
        self.hears(watcher, "session:connected", comes)
        self.hears(watcher, "session:disconnected", leaves)
        self.assert_here(watcher, comes)

    def is_given_up(self, gateway, watchers, clients):
        self.server.asking[gateway].breaks_off()
        for watcher in watchers:
            self.hears(watcher, "session:disconnected", *clients)

    def test_those_who_were_announced_gone_on_their_own_gateway_are_told_to_be_here_again(self):
        elsewhere, watchers = self.watcher(1), [self.watcher(0), self.watcher(0)]
        self.hears(elsewhere, "session:connected", watchers[1])
        self.is_given_up(0, [*watchers, elsewhere], watchers)
        self.server.hearing[0].breaks_off()
        self.server.asking[0].is_back()
        self.hears(elsewhere, "session:connected", *watchers)
        self.server.hearing[0].is_back()
        for watcher in watchers:
            self.hears(watcher, "session:connected", *watchers)
        self.assert_here(*watchers, elsewhere)

    def test_who_is_back_before_a_gateway_heard_that_it_was_gone_is_announced_to_the_others(self):
        lost, deaf, watcher = (self.watcher(gateway) for gateway in range(3))
        self.hears(deaf, "session:connected", watcher)
        self.server.hearing[1].breaks_off()
        self.is_given_up(0, [watcher], [lost])
        self.server.hearing[1].is_back()
        eventually(lambda: self.clients(1).get(lost.client_id, {}).get("away"),
                   what="graphd reminded of who was lost")
        self.server.asking[0].is_back()
        self.hears(watcher, "session:connected", lost)
        self.assert_here(lost, deaf, watcher)


if __name__ == "__main__":
    unittest.main()
