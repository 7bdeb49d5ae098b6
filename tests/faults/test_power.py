"""Power is cut under load: a loop-mounted ext4 throws its unsynced writes away (EXT4_IOC_SHUTDOWN).

Needs root and loop devices; skipped loudly without. LONG=1 cuts 100 times.
"""

import ctypes
import fcntl
import os
import random
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import BUILD, LONG, Server, eventually, new_seed
from workload import API, Composer, HttpClient, Mirror, seeded

CUTS = 100 if LONG else 20
EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2  # the file system's own journal is not flushed either
DISK_BYTES = 64 * 1024 * 1024


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60)


class Disk:
    """A small ext4 in a file, that can lose its power."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="graphd-power.", dir="/tmp"))
        self.image = self.directory / "image"
        self.mounted_on = None
        with open(self.image, "wb") as image:
            image.truncate(DISK_BYTES)

    def make(self):
        """None, or why it cannot be had."""
        try:
            result = run("mkfs.ext4", "-q", "-F", self.image)
        except FileNotFoundError:
            return "there is no mkfs.ext4"
        return result.stderr.strip() or "mkfs.ext4 failed" if result.returncode else None

    def mount(self, where):
        result = run("mount", "-o", "loop", self.image, where)
        if result.returncode == 0:
            self.mounted_on = where
        return result.stderr.strip() if result.returncode else None

    def cut(self):
        fd = os.open(self.mounted_on, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, ctypes.c_uint32(NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def unmount(self):
        if self.mounted_on:
            if run("umount", self.mounted_on).returncode != 0:
                run("umount", "-l", self.mounted_on)
            self.mounted_on = None

    def remove(self):
        self.unmount()
        self.image.unlink(missing_ok=True)
        self.directory.rmdir()


class PowerCuts(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("SKIPPED LOUDLY: only root can mount a loop device")
        self.seed = new_seed()
        print(f"SEED={self.seed}", flush=True)
        self.chance = random.Random(self.seed)
        self.disk = Disk()
        self.addCleanup(self.disk.remove)
        # The sockets stay where they are: only the data is on the disk that fails.
        self.server = Server(store="sqlite", graphd_options=["--snapshot-steps", "100"],
                             gateway_options=["--deadline-ms", "1500"])
        self.addCleanup(self.server.remove)
        self.addCleanup(self.disk.unmount)
        self.addCleanup(self.server.graphd.kill)
        self.where = self.server.directory / "disk"
        self.where.mkdir()
        problem = self.disk.make() or self.disk.mount(self.where)
        if problem:
            self.skipTest(f"SKIPPED LOUDLY: no loop-mounted ext4 here: {problem}")
        arguments = self.server.graphd.arguments
        arguments[arguments.index("--store") + 1] = f"sqlite:{self.where}/graph.db"

    def begin(self):
        self.server.start()
        self.http = self.server.http(timeout_s=10)
        self.addCleanup(self.http.close)
        self.mirrors = []
        for i in range(3):
            body = {"template_id": "restomod", "project_name": f"P{i}"}
            reply = self.http.post(f"{API}/projects", body)
            self.assertEqual(reply.status, 201, reply)
            self.mirrors.append(Mirror(reply.json["session_id"]))
            self.mirrors[-1].catch_up(self.http)
        self.gate = threading.Event()
        self.clients = [HttpClient(self.server.ports, 8, self.gate,
                                   Composer(seeded(self.seed, f"http{i}"), self.mirrors))
                        for i in range(4)]
        for client in self.clients:
            self.addCleanup(client.close)
            client.start()

    def cut_power(self):
        """Under load; afterwards the file system recovers by its own journal, and graphd by its.

        Without power nothing leaves the machine any more, so graphd stands still before the disk
        goes. The shutdown of a live ext4 takes some milliseconds, in which an fdatasync whose
        transaction was just thrown away may return 0 to a process that is still running.
        """
        for client in self.clients:
            client.idle.clear()
        self.gate.set()
        time.sleep(self.chance.uniform(0.05, 0.4))
        self.server.graphd.freeze()
        self.disk.cut()
        self.server.graphd.kill()
        self.gate.clear()
        self.disk.unmount()
        self.assertIsNone(self.disk.mount(self.where))
        self.server.graphd.start()
        eventually(self.all_rest, 40, "an answer for every client")

    def all_rest(self):
        for client in self.clients:
            if client.problem:
                raise client.problem
        self.assertTrue(self.server.graphd.is_running(), self.server.graphd.log_tail())
        return all(client.idle.is_set() for client in self.clients)

    def look(self):
        by_session = {m.session: m for m in self.mirrors}
        n = 0
        for mirror in self.mirrors:
            mirror.catch_up(self.http)
            mirror.check_tree(self.http)
        for client in self.clients:
            for command in client.done:
                command.check(by_session[command.session])
                n += 1
            client.done.clear()
        return n

    def test_what_was_acknowledged_survives_the_loss_of_power(self):
        self.begin()
        commands = 0
        for _ in range(CUTS):
            self.cut_power()
            commands += self.look()
        for client in self.clients:
            client.ending = True
        self.gate.set()
        self.server.graphd.stop()
        print(f"{CUTS} power cuts, {commands} commands", flush=True)
        self.assertGreater(commands, CUTS)
        check = run(BUILD / "graphd" / "graphctl", "check", self.where / "graph.db")
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)


if __name__ == "__main__":
    unittest.main()
