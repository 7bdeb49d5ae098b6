"""A reader that stands still, and a tap that does: the gateway's memory stays within the bound of
one client's queue, the others do not notice, and afterwards nothing is missing."""

import signal
import statistics
import time
import unittest

from audience import ENDS_ONLY, Audience, stamp
from clients import API, MINIMAL, Http
from harness import GIVES_MEMORY_BACK, LONG, eventually
from project_test import ProjectTest
from received import TapReader, whole_history
from worker import Worker

EVENTS_PER_S = 10_000 if LONG else 4_000
STEPS_PER_S = 20
PHASE_S = 30 if LONG else 1.3
PHASE_STEPS = 20
PAIRS = 2
MOST_PAIRS = 6   # on a machine that does other things too
HEAR_ALL = 4
LISTENERS = HEAR_ALL + ENDS_ONLY
QUEUE_BYTES = 1 << 20   # LIMIT_QUEUE_BYTES
PAGE_BYTES = 4 << 20    # what a page of events holds at most, kept while it is given out
SLACK_MS = 50


class Pump(Worker):
    """Steps of many events at an even rate; the id of each says when it was sent."""

    def __init__(self, port, session, nodes):
        super().__init__()
        self.port, self.session, self.nodes = port, session, nodes
        self.events = self.steps = 0
        self.rests = False

    def commands(self, n):
        size = EVENTS_PER_S // STEPS_PER_S - 1
        return [{"command_type": "UpdateProperty", "data": {
            "node_id": self.nodes[i % len(self.nodes)], "property_id": "notes",
            "value": n * size + i}} for i in range(size)]

    def work(self):
        with Http(self.port) as http:
            at = time.monotonic()
            while not self.ending.wait(max(0, at - time.monotonic())):
                at = (time.monotonic() if self.rests else at) + 1 / STEPS_PER_S
                if self.rests:
                    continue
                commands = self.commands(self.steps)
                reply = http.post(f"{API}/commands/execute", {
                    "session_id": self.session, "command_type": "Batch",
                    "command_id": stamp(), "data": {"commands": commands}}, MINIMAL)
                assert reply.status == 200, reply
                self.events += len(commands) + 1
                self.steps += 1


class Stopped(ProjectTest):
    """The listeners are on the gateway that the reader is on; commands come over the other one."""

    gateways = 2
    fresh = True
    server_options = {"env": GIVES_MEMORY_BACK}

    def setUp(self):
        super().setUp()
        nodes = [self.create("task", f"N{i}") for i in range(10)]
        self.listeners = Audience("listeners", self.server.ports[0], self.session, HEAR_ALL)
        self.addCleanup(self.listeners.close)
        self.pump = Pump(self.server.ports[1], self.session, nodes)

    def phase(self):
        """The listeners' p99 and the most that the gateway had in memory meanwhile."""
        self.listeners.found()
        most, events, began = 0, self.pump.events, time.monotonic()
        last = self.pump.steps + PHASE_STEPS
        while time.monotonic() < began + PHASE_S or self.pump.steps < last:
            self.assertTrue(self.pump.is_alive(), self.pump.problem)
            most = max(most, self.server.gateways[0].rss_bytes())
            time.sleep(0.05)
        self.rates.append((self.pump.events - events) / (time.monotonic() - began))
        found = self.listeners.found()
        self.assertGreater(found["n"], 10 * LISTENERS)
        return found["p99_ms"], most

    def catch_up(self, reader):
        """Whoever reads in Python need not be as fast as the gateways."""
        self.pump.rests = True
        seq = self.info()["seq"]
        eventually(lambda: self.seq_of(reader) >= seq, 180 if LONG else 60,
                   "the one that was stopped is up to date")
        self.pump.rests = False

    def alternate(self, stop, cont, reader):
        without, within, growth, self.rates = [], [], [], []
        self.pump.start()
        self.phase()  # to get warm
        while len(within) < PAIRS or (len(within) < MOST_PAIRS and self.is_slow(without, within)):
            p99, base = self.phase()
            without.append(p99)
            stop()
            p99, most = self.phase()
            cont()
            within.append(p99)
            growth.append(most - base)
            # A phase may be longer than an idle connection is kept.
            self.http.close()
            self.catch_up(reader)
        self.pump.end()
        return without, within, max(growth), statistics.median(self.rates)

    @staticmethod
    def is_slow(without, within):
        """Other work spoils a reading, but cannot make one look good: the best ones are compared."""
        return min(within) > 2 * min(without) + SLACK_MS

    def check(self, who, all_without, all_within, growth, rate):
        without, within = min(all_without), min(all_within)
        print(f"{who} stopped for {PHASE_S} s at {rate:.0f} events/s: p99 of {LISTENERS} others "
              f"{without:.1f} ms without, {within:.1f} ms with ({within / without - 1:+.0%}), "
              f"gateway grew by {growth / 1024:.0f} KiB in {len(all_within)} readings")
        self.assertFalse(self.is_slow(all_without, all_within), (all_without, all_within))
        # On a machine that is too slow those who hear all are behind as well.
        self.assertLess(growth, (1 + HEAR_ALL) * QUEUE_BYTES + PAGE_BYTES)

    def seq_of(self, reader):
        if isinstance(reader, TapReader):
            return reader.seq
        found = reader.found()
        self.assertIsNone(found["problem"])
        return found["seq"]

    def test_a_reader_that_stands_still_costs_the_others_nothing(self):
        reader = Audience("follower", self.server.ports[0], self.session, 0)
        self.addCleanup(reader.close)
        reads = self.server.metric("gatewayd_journal_reads_total")
        figures = self.alternate(
            lambda: reader.signal(signal.SIGSTOP), lambda: reader.signal(signal.SIGCONT), reader)
        tree = self.tree()
        eventually(lambda: self.seq_of(reader) >= tree["seq"], 30, "the reader's last event")
        found = reader.found()
        self.assertEqual((found["seq"], found["state_hash"], found["resyncs"], found["problem"]),
                         (tree["seq"], tree["state_hash"], 0, None))
        self.check("a reader", *figures)
        # It was behind indeed: what did not fit into its queue came from the journal.
        self.assertGreater(self.server.metric("gatewayd_journal_reads_total"), reads)

    def test_a_tap_that_stands_still_costs_nobody_anything(self):
        tap = TapReader(self.server, self.session)
        tap.start()
        self.addCleanup(tap.close)
        tap.await_arrival()
        figures = self.alternate(
            lambda: tap.process.send_signal(signal.SIGSTOP),
            lambda: tap.process.send_signal(signal.SIGCONT), tap)
        tap.await_seq(self.info()["seq"])
        tap.check(whole_history(self.server.ports[1], self.session))
        self.assertEqual(tap.arrivals, 1)
        self.check("a tap", *figures)


if __name__ == "__main__":
    unittest.main()
