"""The load generator against real daemons: its counts are those of the daemons, and trouble shows.

Runs are short and no speed is asserted, because machines that run tests are busy.
"""

import http.server
import json
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bench"))

from harness import ServerTest  # pylint: disable=wrong-import-position
import bench_load  # pylint: disable=wrong-import-position
import bench_plot  # pylint: disable=wrong-import-position
import bench_report  # pylint: disable=wrong-import-position

KINDS = ("socketio", "websocket")


class LoadTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.rooms = bench_load.make_rooms(self.server, 3)

    def load(self, rooms=None, **options):
        options = {"limit": 20, **options}
        return bench_load.run_on(self.server, rooms or self.rooms, **options)

    def seq(self, room):
        return self.http.get(f"/api/v1/sessions/{room[0]}/info").json["seq"]


class Counting(LoadTest):
    def test_posts_are_as_many_as_the_daemons_have_seen(self):
        before = [self.seq(room) for room in self.rooms]
        traffic = self.load(publishers=4, posts=30)["traffic"]
        self.assertEqual((traffic["posted"], traffic["failed"]), (30, 0))
        self.assertEqual(traffic["command"]["n"], 30)
        # Each command raises its session's seq by two: the change, and that it was executed.
        self.assertEqual([self.seq(room) - b for room, b in zip(self.rooms, before)], [20] * 3)

    def test_each_member_hears_each_post_of_its_room_once(self):
        for kind in KINDS:
            with self.subTest(kind):
                found = self.load(kind=kind, subscribers=10, publishers=4, posts=31)
                # Rooms of 4, 3 and 3 members, with 11, 10 and 10 posts.
                self.assertEqual(found["traffic"]["delivered"], 11 * 4 + 10 * 3 + 10 * 3)
                self.assertEqual(bench_load.problems_of(found), [])

    def test_a_pace_is_kept(self):
        traffic = self.load(publishers=4, subscribers=3, rate=50, warm=0.1, time=1)["traffic"]
        self.assertAlmostEqual(traffic["posts_per_s"], 50, delta=15)
        self.assertGreater(traffic["delivery"]["p50_ms"], 0)
        self.assertGreater(min(traffic["cpu_s"]), 0)

    def test_resuming_counts_what_was_missed(self):
        since = self.seq(self.rooms[0])
        self.load(publishers=3, posts=30)
        for kind in KINDS:
            with self.subTest(kind):
                found = self.load(kind=kind, subscribers=6, since=since, events_each=10)
                self.assertEqual(found["join"]["joined"], 6)
                self.assertEqual(found["join"]["events"], 60)

    def test_held_polls_are_clients_of_their_session(self):
        room = self.rooms[:1]
        joined = self.load(room, kind="poll", subscribers=5, hold=0.2)["join"]
        self.assertEqual((joined["joined"], joined["lost"]), (5, 0))
        self.assertEqual(self.load(room, kind="http", subscribers=5)["join"]["joined"], 5)

    def test_full_replies_are_read_to_their_end(self):
        minimal = self.load(publishers=2, posts=20)["traffic"]
        full = self.load(publishers=2, posts=20, header="")["traffic"]
        self.assertEqual((full["posted"], full["failed"]), (20, 0))
        self.assertGreater(full["answer_bytes"], minimal["answer_bytes"])


class ClosesOften(http.server.BaseHTTPRequestHandler):
    """Ends the connection behind every third answer, and says so."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):  # pylint: disable=invalid-name
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.answers += 1
        self.send_response(200)
        self.send_header("Content-Length", "2")
        if self.server.answers % 3 == 0:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Closing(unittest.TestCase):
    def test_a_connection_that_the_server_ends_behind_an_answer_is_opened_again(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ClosesOften)
        server.answers = 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        traffic = bench_load.run_load([server.server_address[1]], [], [("s", "n")],
                                      publishers=1, posts=30)["traffic"]
        self.assertEqual((traffic["posted"], traffic["failed"]), (30, 0))
        self.assertEqual((traffic["reopened"], server.answers), (10, 30))


class Trouble(LoadTest):
    def test_a_refused_subscriber_is_a_problem(self):
        nowhere = [("00000000-0000-4000-8000-000000000000", "-")]
        for kind in KINDS:
            with self.subTest(kind):
                found = self.load(nowhere, kind=kind, subscribers=2)
                self.assertEqual(found["join"]["lost"], 2)
                self.assertTrue(bench_load.problems_of(found))

    def test_a_failed_post_is_a_problem(self):
        found = self.load(publishers=1, posts=5, body="{}")
        self.assertEqual(found["traffic"]["failed"], 5)
        self.assertTrue(bench_load.problems_of(found))

    def test_events_that_do_not_come_are_a_problem(self):
        found = self.load(subscribers=1, publishers=1, posts=3, limit=1,
                          events="graph:node-created")
        self.assertEqual(found["traffic"]["delivered"], 0)
        self.assertIn("0 events arrived instead of", bench_load.problems_of(found)[0])

    def test_a_server_that_is_not_there_ends_the_run(self):
        with self.assertRaises(bench_load.Failed):
            bench_load.run_load([1], [], self.rooms, publishers=1, time=1)


class Showing(unittest.TestCase):
    def test_a_median_is_of_each_number_and_keeps_every_problem(self):
        rounds = [bench_report.line("x", value, "per s", problems=problems, cpu_us=value * 2)
                  for value, problems in ((1, []), (9, ["late"]), (3, []))]
        merged = bench_report.median_of(rounds)
        self.assertEqual((merged["value"], merged["cpu_us"]), (3, 6))
        self.assertEqual((merged["rounds"], merged["problems"]), ([1, 9, 3], ["late"]))

    def test_a_plot_is_an_svg_with_a_curve_for_each_quantile(self):
        points = [{"name": name, "rate": rate, "p50_ms": rate / 100, "p99_ms": rate / 10}
                  for name in ("a", "b <c>") for rate in (10, 100, 1000)]
        root = xml.etree.ElementTree.fromstring(bench_plot.svg(points, "a title"))
        self.assertTrue(root.tag.endswith("svg"))
        curves = [e for e in root if e.tag.endswith("polyline")]
        self.assertEqual(len(curves), 4)
        for x in re.findall(r"([\d.]+),[\d.]+", curves[0].get("points")):
            self.assertTrue(bench_plot.LEFT <= float(x) <= bench_plot.WIDTH - bench_plot.RIGHT)

    def test_the_tool_prints_a_line_and_writes_json(self):
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            done = subprocess.run(
                ["/usr/bin/python3", str(ROOT / "tests/bench/bench.py"), "--quick", "--time", "0.2",
                 "--only", "overhead", "--json", file.name],
                capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = json.loads(Path(file.name).read_text(encoding="utf-8"))
        self.assertIn("load average", done.stdout)
        self.assertEqual(len(found["lines"]), 5, found["lines"])
        self.assertGreater(found["machine"]["cores"], 0)


if __name__ == "__main__":
    unittest.main()
