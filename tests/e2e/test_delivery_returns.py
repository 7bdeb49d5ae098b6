"""Consumers are cut off again and again, gateways and graphd are killed: everybody resumes, and
nobody misses an event, hears one twice or has to begin anew."""

import random
import unittest

from consumer_test import ConsumerTest
from harness import LONG, new_seed
from received import PollReader, SseReader, WsReader, settle
from stock import MODES
from traffic import Traffic

SEED = new_seed()
CUTS, GATEWAY_KILLS, GRAPHD_KILLS = (880, 100, 20) if LONG else (44, 5, 2)
RATE = 200


class Returns(ConsumerTest):
    gateways = 2
    fresh = True
    # Killing graphd must not lose what was acknowledged.
    server_options = {"store": "sqlite"}

    def cut(self, consumers, chance):
        """One that is connected is cut off; it counts when it is back."""
        consumer = chance.choice(consumers)
        before = consumer.arrivals
        consumer.cut()
        consumer.await_arrival(before + 1)
        # A connection that has not brought anything yet would resume from where the last one did.
        if chance.random() < .5:
            consumer.await_news(consumer.seq)

    def kill_gateway(self, _, chance):
        gateway = chance.choice(self.server.gateways)
        gateway.kill()
        gateway.start()
        self.server.await_ready()

    def kill_graphd(self, consumers, chance):
        """It counts when commands are done again and heard of."""
        consumer = chance.choice(consumers)
        self.server.graphd.kill()
        seq = consumer.seq
        self.server.graphd.start()
        consumer.await_news(seq)

    def test_everybody_resumes_every_time(self):
        chance = random.Random(SEED)
        consumers = self.consumers(MODES, (WsReader, WsReader, SseReader, PollReader))
        traffic = Traffic(self.server.ports, self.session, RATE, chance, self.root).start()
        troubles = ([self.cut] * CUTS + [self.kill_gateway] * GATEWAY_KILLS
                    + [self.kill_graphd] * GRAPHD_KILLS)
        chance.shuffle(troubles)
        for trouble in troubles:
            trouble(consumers, chance)
        traffic.end()
        self.http.close()
        self.server.await_ready()
        history = settle(consumers, self.server.ports[0], self.session)
        for consumer in consumers:
            consumer.await_arrival()
        returns = sum(c.arrivals - 1 for c in consumers)
        print(f"SEED={SEED}: {CUTS} cuts, {GATEWAY_KILLS} + {GRAPHD_KILLS} kills, {returns} "
              f"returns of {len(consumers)} consumers, {len(history)} events: no gap, no double, "
              "no resync")
        self.assertGreaterEqual(returns, CUTS + GATEWAY_KILLS)


if __name__ == "__main__":
    unittest.main()
