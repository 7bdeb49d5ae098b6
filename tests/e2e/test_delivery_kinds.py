"""Four kinds of consumer hear the same sequence while commands pour in and gateways are killed."""

import random
import time
import unittest

from consumer_test import ConsumerTest
from harness import LONG, new_seed
from received import SseReader, WsReader, flaw, settle
from traffic import Traffic
from worker import Worker

SEED = new_seed()
SECONDS = 60 if LONG else 7
RATE = 500


class Killer(Worker):
    """Kills one gateway after the other, at random moments, and starts each again."""

    def __init__(self, server, chance):
        super().__init__()
        self.server, self.chance = server, chance
        self.kills = 0

    def work(self):
        while not self.ending.wait(self.chance.uniform(0.3, 2 if LONG else 1)):
            gateway = self.chance.choice(self.server.gateways)
            gateway.kill()
            self.ending.wait(self.chance.uniform(0, 0.5))
            gateway.start()
            self.kills += 1

    def end(self):
        super().end()
        self.server.await_ready()


class FourKinds(ConsumerTest):
    gateways = 3
    fresh = True

    def test_all_hear_the_same_while_gateways_are_killed(self):
        chance = random.Random(SEED)
        consumers = self.consumers(kinds=(SseReader, WsReader))
        traffic = Traffic(self.server.ports, self.session, RATE, chance, self.root).start()
        killer = Killer(self.server, chance)
        killer.start()
        time.sleep(SECONDS)
        rate = traffic.end()
        killer.end()
        self.http.close()
        history = settle(consumers, self.server.ports[0], self.session)
        away = {c.kind: c.arrivals - 1 for c in consumers}
        print(f"SEED={SEED}: {killer.kills} kills, {rate:.0f} commands/s done, "
              f"{len(history)} events at each of {len(consumers)} consumers, came back: {away}")
        self.assertGreater(rate, RATE / 3)
        self.assertGreater(killer.kills, 3)
        self.assertGreater(sum(away.values()), 3)


class TheCheck(unittest.TestCase):
    """What the proofs rest on must find what they look for."""

    history = [(seq, f"event {seq % 3}") for seq in range(1, 21)]

    def test_a_whole_sequence_has_no_flaw(self):
        self.assertIsNone(flaw(self.history, 0, self.history))
        self.assertIsNone(flaw(self.history[5:9], 5, self.history))

    def test_each_flaw_is_found(self):
        h = self.history
        for got, said in ((h[:4] + h[5:], "seq 5 to 5 are missing"), (h[:4] + h[3:], "came again"),
                          (h[:4] + [h[5], h[4]], "missing"), (h[1:], "seq 1 to 1 are missing"),
                          (h[:4] + [(5, "event 9")], "instead of")):
            self.assertIn(said, flaw(got, 0, h))


if __name__ == "__main__":
    unittest.main()
