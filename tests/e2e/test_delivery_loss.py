"""The event bus loses messages, by a queue of one message and by somebody who eats every seventh:
clients miss nothing, and a lost end is noticed soon though nothing follows it."""

import random
import time
import unittest

from consumer_test import ConsumerTest
from eater import Eater
from harness import LONG, Server, eventually, new_seed
from received import WsReader, settle
from traffic import Traffic

SEED = new_seed()
SECONDS = 60 if LONG else 2
RATE = 500
TAIL_S = 2
SLACK_S = 0.5


class Loss(ConsumerTest):
    gateways = 2
    fresh = True

    def reads(self):
        return sum(self.server.metric("gatewayd_journal_reads_total", i) for i in range(2))

    def pour(self):
        chance = random.Random(SEED)
        traffic = Traffic(self.server.ports, self.session, RATE, chance, self.root).start()
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            # Steps of many events are what overflows a queue.
            nodes = [{"command_type": "CreateNode",
                      "data": {"blueprint_type_id": "x", "name": f"B{i}"}} for i in range(200)]
            self.do("Batch", commands=nodes)
            time.sleep(0.1)
        return traffic.end()


class TinyQueue(Loss):
    server_options = {"graphd_options": ("--snd-hwm", "1")}

    def test_a_queue_of_one_message_loses_much_and_clients_nothing(self):
        consumers, reads = self.consumers(), self.reads()
        rate = self.pour()
        history = settle(consumers, self.server.ports[0], self.session)
        reads = self.reads() - reads
        print(f"SEED={SEED}: a queue of one, {rate:.0f} commands/s, {len(history)} deliveries to "
              f"each of {len(consumers)}, {reads} readings of what was lost")
        self.assertGreater(reads, 10)


class StoodStill(Loss):
    # A queue that holds the beacons of one moment and no more.
    server_options = {"graphd_options": ("--snd-hwm", "4")}

    def test_a_session_drowned_by_another_while_the_gateway_stood_still_catches_up(self):
        """Its one event and both beacons of the time are lost, and nothing follows them."""
        quiet, root = self.new_project()
        readers = [self.reader(WsReader, self.server.ports[:1], s) for s in (quiet, self.session)]
        readers[0].await_seq(self.info(quiet)["seq"])
        gateway = self.server.gateways[0]
        with self.server.http(1) as self.http:
            gateway.freeze()
            began = time.monotonic()
            for _ in range(60):
                self.do("UpdateProperty", node_id=self.root, property_id="notes", value="x" * 20000)
            self.executed(quiet, "UpdateProperty", node_id=root, property_id="notes", value=1)
            # Below the silence that a connection of the bus ends at.
            while time.monotonic() - began < 2.7:
                self.do("UpdateProperty", node_id=self.root, property_id="notes", value="y" * 20000)
            gateway.thaw()
            thawed, seq = time.monotonic(), self.info(quiet)["seq"]
            eventually(lambda: readers[0].seq == seq, 15, "the quiet session's event")
            print(f"a gateway that stood still: whole after {time.monotonic() - thawed:.2f} s of "
                  "2 readings")


class EverySeventh(Loss):
    @classmethod
    def _new_server(cls):
        cls.eater = Eater(every=7)
        server = Server(gateways=cls.gateways,
                        gateway_options=("--events", cls.eater.endpoint))
        cls.eater.connect(server.events)
        return server.start()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.eater.close)

    def consumers(self):
        # The tap listens at graphd itself, where nobody eats.
        return super().consumers()[:-1]

    def test_every_seventh_message_is_lost_and_clients_miss_nothing(self):
        consumers, reads = self.consumers(), self.reads()
        rate = self.pour()
        history = settle(consumers, self.server.ports[0], self.session)
        reads = self.reads() - reads
        print(f"SEED={SEED}: {self.eater.eaten} of {self.eater.passed + self.eater.eaten} messages "
              f"eaten, {rate:.0f} commands/s, {len(history)} deliveries to each of "
              f"{len(consumers)}, {reads} readings of what was lost")
        self.assertGreater(self.eater.eaten, len(history) / 20)
        self.assertGreater(reads, 10)

    def test_a_lost_end_is_noticed_though_nothing_follows(self):
        """The step's events are eaten and, the second time, the first beacon behind them too."""
        self.eater.every = 0
        reader = self.reader(WsReader)
        for beacons in (0, 1):
            reader.await_seq(self.info()["seq"])
            left = beacons

            def eats(name, is_durable):
                nonlocal left
                if name == "sync" and left:
                    left -= 1
                    return True
                return is_durable
            self.eater.eats = eats
            before = self.eater.eaten
            self.create()
            began = time.monotonic()
            seq = self.info()["seq"]
            eventually(lambda: reader.seq == seq, 10, "the lost events")
            took = time.monotonic() - began
            self.assertEqual(self.eater.eaten - before, 2 + beacons)
            print(f"a lost end: 2 events and {beacons} beacons eaten, whole after {took:.2f} s "
                  "of 2 readings")
            self.assertLess(took, TAIL_S + SLACK_S)


if __name__ == "__main__":
    unittest.main()
