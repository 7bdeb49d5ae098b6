"""What a client on a WebSocket costs that is just there. LONG=1: a plain one, too."""

import resource
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bench"))

from harness import BUILD, LONG, ServerTest  # pylint: disable=wrong-import-position
import bench_lines  # pylint: disable=wrong-import-position
import bench_load  # pylint: disable=wrong-import-position

CLIENTS = 5000
HELD_S = 5  # the daemons come to rest, and give back what the joins took besides
KIB = 1024


def is_sanitized():
    return b"__asan_init" in (BUILD / "gatewayd" / "gatewayd").read_bytes()


@unittest.skipIf(is_sanitized(), "SKIPPED: the address sanitizer keeps what was freed")
@unittest.skipIf(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < CLIENTS + 1000,
                 "SKIPPED: the machine allows too few descriptors")
class IdleMemory(ServerTest):
    fresh = True

    def growth(self, kind):
        """Bytes of both daemons for each client."""
        rooms = bench_load.make_rooms(self.server, 100)
        time.sleep(bench_lines.AT_REST_S)
        found = bench_load.run_on(self.server, rooms, kind=kind, hold=HELD_S, subscribers=CLIENTS)
        self.assertEqual(bench_load.problems_of(found), [])
        join = found["join"]
        return sum(held - before for before, held
                   in zip(join["rss_before"], join["rss_held"])) / CLIENTS

    def test_a_socketio_websocket_that_is_just_there_takes_less_than_a_kilobyte(self):
        self.assertLess(self.growth("socketio"), KIB)

    @unittest.skipUnless(LONG, "LONG=1")
    def test_a_plain_websocket_that_is_just_there_takes_less_than_a_kilobyte(self):
        self.assertLess(self.growth("websocket"), KIB)


if __name__ == "__main__":
    unittest.main()
