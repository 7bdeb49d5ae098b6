"""Stands between graphd's event endpoint and the gateways and eats messages of the bus."""

import shutil
import tempfile
import threading

import zmq

FLAGS_AT, DURABLE = 1, 1  # in the header, docs/wire.md


class Eater:
    """`every` n-th message is lost; so are those that `eats(name, is_durable)` says yes to."""

    def __init__(self, every=0):
        self.every = every
        self.eats = lambda name, is_durable: False
        self.directory = tempfile.mkdtemp(prefix="eater.", dir="/tmp")
        self.endpoint = f"ipc://{self.directory}/events.sock"
        self.context = zmq.Context()
        self.near = self.context.socket(zmq.XPUB)
        # graphd answers each subscription, also one that another gateway has already.
        self.near.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.near.bind(self.endpoint)
        self.far = self.context.socket(zmq.XSUB)
        for s in (self.near, self.far):
            s.setsockopt(zmq.LINGER, 0)
            s.setsockopt(zmq.SNDHWM, 0)
            s.setsockopt(zmq.RCVHWM, 0)
        self.passed = self.eaten = 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def connect(self, events):
        self.far.connect(events)
        self.thread.start()
        return self

    def _is_eaten(self, frames):
        n = self.passed + self.eaten + 1
        if self.every and n % self.every == 0:
            return True
        name = frames[0].decode().rpartition("/")[2]
        flags = frames[1][FLAGS_AT] if len(frames) > 1 else 0
        return self.eats(name, bool(flags & DURABLE))

    def _run(self):
        poller = zmq.Poller()
        poller.register(self.near, zmq.POLLIN)
        poller.register(self.far, zmq.POLLIN)
        try:
            while True:
                ready = dict(poller.poll())
                if self.near in ready:
                    self.far.send_multipart(self.near.recv_multipart())
                if self.far in ready:
                    frames = self.far.recv_multipart()
                    if self._is_eaten(frames):
                        self.eaten += 1
                    else:
                        self.passed += 1
                        self.near.send_multipart(frames)
        except zmq.ContextTerminated:
            self.near.close()
            self.far.close()

    def close(self):
        self.context.term()
        self.thread.join(5)
        shutil.rmtree(self.directory, ignore_errors=True)
