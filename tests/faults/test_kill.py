"""graphd is killed again and again under random commands.

What it had acknowledged must be there, once and whole.

SEED repeats a choice of commands and moments (not the threads' timing); LONG=1 kills 1,000 times.
"""

import collections
import random
import subprocess
import threading
import time
import unittest

from harness import BUILD, LONG, Server, eventually, new_seed
from workload import (API, Composer, HttpClient, Mirror, WebSocketClient, seeded)

KILLS = 1000 if LONG else 200
LIMIT_S = 2400 if LONG else 270
SESSIONS = 4
POINTS = ["before-begin", "after-begin", "before-insert", "after-insert", "before-commit",
          "after-commit", "before-publish", "after-publish", "before-reply", "after-reply",
          "before-checkpoint", "after-checkpoint", "before-snapshot", "after-snapshot"]


class Kills(unittest.TestCase):
    def setUp(self):
        self.seed = new_seed()
        print(f"SEED={self.seed}", flush=True)
        self.chance = random.Random(self.seed)
        self.deaths = collections.Counter()
        self.server = Server(gateways=2, store="sqlite",
                             graphd_options=["--snapshot-steps", "50"],
                             gateway_options=["--deadline-ms", "1500"]).start()
        self.addCleanup(self.server.remove)
        self.http = self.server.http(timeout_s=10)
        self.addCleanup(lambda: self.http.close())
        self.mirrors = [Mirror(self.new_project(i)) for i in range(SESSIONS)]
        for mirror in self.mirrors:
            mirror.catch_up(self.http)
        self.gate = threading.Event()
        self.clients = self.new_clients()

    def new_project(self, i):
        body = {"template_id": "restomod", "project_name": f"P{i}"}
        reply = self.http.post(f"{API}/projects", body)
        self.assertEqual(reply.status, 201, reply)
        return reply.json["session_id"]

    def new_clients(self):
        ports = self.server.ports
        clients = [HttpClient(ports if i % 2 else ports[::-1], patience_s, self.gate,
                              Composer(seeded(self.seed, f"http{i}"), self.mirrors))
                   for i, patience_s in enumerate((8, 8, 0.1, 0.04))]
        clients += [WebSocketClient(ports[i % 2], self.mirrors[i], seeded(self.seed, f"ws{i}"),
                                    self.gate) for i in range(2)]
        for client in clients:
            client.start()
        return clients

    def start(self, point=None):
        graphd = self.server.graphd
        graphd.env.pop("FAILPOINT", None)
        if point:
            graphd.env["FAILPOINT"] = point
        graphd.start()

    def kill(self, why):
        """Counts how it really ended: a failpoint may have been quicker."""
        graphd = self.server.graphd
        status = graphd.process.poll()
        graphd.kill()
        self.assertIn(status, (None, 9), f"graphd ended by itself\n{graphd.log_tail()}")
        self.deaths[graphd.env.get("FAILPOINT", "").split(":")[0] if status == 9 else why] += 1

    def await_death(self, limit_s):
        try:
            self.server.graphd.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            pass

    def rest(self):
        """Every client has its answer and stays quiet, though they may meet the next failpoint."""
        self.gate.clear()
        eventually(self.all_rest, 40, "an answer for every client")

    def all_rest(self):
        for client in self.clients:
            if client.problem:
                raise client.problem
        if not self.server.graphd.is_running():
            self.kill("rest")
            self.start()
        return all(client.idle.is_set() for client in self.clients)

    def open_gate(self):
        for client in self.clients:
            client.idle.clear()
        self.gate.set()

    def die(self, point):
        """One death under load, at the point if it is reached."""
        self.open_gate()
        if not point:
            time.sleep(self.chance.uniform(0.02, 0.15))
        elif "checkpoint" in point:
            time.sleep(0.05)
            self.gate.clear()  # the log is brought home when there is nothing else to do
            self.await_death(1.5)
        else:
            self.await_death(2.5 if "snapshot" in point else 0.8)
        self.kill("moment")

    def recover(self):
        """Starts again; often killed once more on the way."""
        while self.chance.random() < .4:
            point = self.chance.choice([None, "before-begin:1", "after-commit:1", "before-reply:2"])
            self.start(point)
            time.sleep(self.chance.uniform(0.002, 0.08))
            self.kill("recovery")
        self.start(self.next_point)
        eventually(self.is_ready_or_dead, 10, "ready after a kill")
        # It may have met its failpoint with what clients repeated: that was a death too.
        if not self.server.graphd.is_running():
            self.kill("recovery")
            self.start()
            self.server.await_ready(10)

    def is_ready_or_dead(self):
        if not self.server.graphd.is_running():
            return True
        try:
            return self.http.get("/readyz").status == 200
        except OSError:
            return False

    def look(self):
        """The journal of every session against what clients know."""
        for mirror in self.mirrors:
            mirror.catch_up(self.http)
            mirror.check_tree(self.http)
        by_session = {m.session: m for m in self.mirrors}
        for client in self.clients:
            for command in client.done:
                command.check(by_session[command.session])
                self.totals[command.command_type] += 1
                self.repeated += command.attempts > 1
                self.refused += command.refusal is not None
                if not command.refusal and not command.is_history:
                    self.acknowledged.add(command.answer["command_id"])
                elif command.answer and command.answer.get("command_id"):
                    self.taken_back.add((command.session, command.answer["seq"]))
            client.done.clear()
        self.look_for_strangers()

    def look_for_strangers(self):
        """All commands have answers by now, so the journal holds nothing that nobody knows of."""
        for mirror in self.mirrors:
            self.assertLessEqual(set(mirror.executed), self.acknowledged)
            told = {seq for session, seq in self.taken_back if session == mirror.session}
            self.assertEqual(set(mirror.taken_back), told)

    def look_with_patience(self):
        """The last failpoint may be reached while we look: then the looking is done again."""
        try:
            self.look()
        except (OSError, AssertionError):
            if self.server.graphd.is_running():
                raise
            self.kill("looking")
            self.start()
            self.server.await_ready(10)
            self.look()

    def check_listeners(self):
        for client in self.clients:
            if isinstance(client, WebSocketClient):
                end = client.mirror.seq
                eventually(lambda c=client, e=end: c.check_heard() >= e or c.mirror.seq == 0, 10,
                           "the last event at every listener")

    def test_nothing_acknowledged_is_lost_halved_or_doubled(self):
        self.totals = collections.Counter()
        self.repeated = self.refused = 0
        self.acknowledged, self.taken_back = set(), set()
        self.next_point = None
        started, rounds = time.monotonic(), 0
        while sum(self.deaths.values()) < KILLS and time.monotonic() < started + LIMIT_S:
            point, rounds = self.next_point, rounds + 1
            # Every second round ends at a failpoint, all of them in turn.
            self.next_point = None
            if rounds % 2:
                name = POINTS[rounds // 2 % len(POINTS)]
                most = 2 if "checkpoint" in name or "snapshot" in name else 40
                self.next_point = f"{name}:{self.chance.randint(1, most)}"
            self.die(point)
            self.recover()
            self.rest()
            self.look_with_patience()
            self.check_listeners()
        self.end(started, rounds)

    def end(self, started, rounds):
        deaths = sum(self.deaths.values())
        print(f"{deaths} kills in {rounds} rounds and {time.monotonic() - started:.0f} s: "
              f"{dict(sorted(self.deaths.items()))}\n{sum(self.totals.values())} commands, "
              f"{self.repeated} asked more than once, {self.refused} refused: "
              f"{dict(sorted(self.totals.items()))}", flush=True)
        for client in self.clients:
            client.ending = True
        self.gate.set()
        for client in self.clients:
            client.join(10)
            client.close()
        if self.server.graphd.is_running():
            self.server.graphd.kill()
        check = subprocess.run([BUILD / "graphd" / "graphctl", "check",
                                self.server.data / "graph.db"], capture_output=True, text=True,
                               timeout=120)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        self.assertGreaterEqual(deaths, KILLS, "not enough kills in the time there was")
        self.assertGreater(self.repeated, 0)
        for point in POINTS:
            self.assertGreater(self.deaths[point], 0, f"no death at {point}")


if __name__ == "__main__":
    unittest.main()
