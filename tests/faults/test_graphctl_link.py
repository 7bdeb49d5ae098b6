"""graphctl and a graphd that comes late, ends in the middle of an answer, or is another one."""

import json
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import zmq

from test_graphctl import GRAPHCTL

PIECES = 400  # more frames than libzmq takes over without looking whether its link still stands


class Fake:
    """Says what a test wants said, as graphd would."""

    def __init__(self, context, endpoint):
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 10000
        self.socket.bind(endpoint)

    def take(self, wait_ms):
        """The peer and the number of the next request; None when none comes."""
        if not self.socket.poll(wait_ms):
            return None
        peer, _, _, number, *_ = self.socket.recv_multipart()
        return peer, number

    def say(self, request, status, body):
        peer, number = request
        self.socket.send_multipart([peer, b"", b"GRAPH/1", number, status, body])

    def end(self):
        self.socket.close()


class Link(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.endpoint = "ipc://" + str(Path(directory.name) / "requests")
        self.context = zmq.Context()
        self.addCleanup(self.context.term)

    def ask(self):
        ctl = subprocess.Popen([GRAPHCTL, "metrics", "--requests", self.endpoint],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(ctl.wait)
        self.addCleanup(ctl.kill)
        return ctl

    def test_an_answer_that_came_before_the_end_is_heard_to_the_last(self):
        text = "x" * 99 + "\n"
        for _ in range(5):
            fake = Fake(self.context, self.endpoint)
            ctl = self.ask()
            request = fake.take(10000)
            # It sees the answer and the end of the link at one moment.
            ctl.send_signal(signal.SIGSTOP)
            fake.say(request, b"PART", b'{"metrics":"')
            for _ in range(PIECES):
                fake.say(request, b"PART", json.dumps(text)[1:-1].encode())
            fake.say(request, b"OK", b'"}')
            fake.end()
            time.sleep(0.1)  # nothing tells when the kernel has it all
            ctl.send_signal(signal.SIGCONT)
            out, err = ctl.communicate(timeout=20)
            self.assertEqual((ctl.returncode, err), (0, ""))
            self.assertEqual(out, PIECES * text)

    def test_an_answer_that_breaks_off_is_none_and_that_is_said_at_once(self):
        fake = Fake(self.context, self.endpoint)
        ctl = self.ask()
        request = fake.take(10000)
        for _ in range(PIECES):
            fake.say(request, b"PART", b"[")
        began = time.monotonic()
        fake.end()
        _, err = ctl.communicate(timeout=20)
        self.assertEqual(ctl.returncode, 1)
        self.assertIn("no answer from " + self.endpoint, err)
        self.assertLess(time.monotonic() - began, 5)

    def test_a_question_is_not_put_again_to_who_comes_next(self):
        fake = Fake(self.context, self.endpoint)
        ctl = self.ask()
        fake.take(10000)
        fake.end()
        following = Fake(self.context, self.endpoint)
        self.addCleanup(following.end)
        ctl.communicate(timeout=20)
        self.assertIsNone(following.take(500))

    def test_one_that_comes_a_moment_later_is_waited_for(self):
        ctl = self.ask()
        served = threading.Event()

        def serve():
            time.sleep(1)
            fake = Fake(self.context, self.endpoint)
            request = fake.take(10000)
            fake.say(request, b"OK", b'{"metrics":"late\\n"}')
            served.wait(10)
            fake.end()

        thread = threading.Thread(target=serve)
        thread.start()
        out, err = ctl.communicate(timeout=20)
        served.set()
        thread.join()
        self.assertEqual((ctl.returncode, out, err), (0, "late\n", ""))

    def test_nobody_is_waited_for_some_seconds_and_no_longer(self):
        began = time.monotonic()
        _, err = self.ask().communicate(timeout=20)
        self.assertIn("no answer from", err)
        self.assertLess(time.monotonic() - began, 10)


if __name__ == "__main__":
    unittest.main()
