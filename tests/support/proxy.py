"""A TCP proxy in front of a gateway, for connections that are to break off in the middle."""

import selectors
import socket
import struct
import threading


class Proxy:
    def __init__(self, port, near=0):
        self.target = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", near))
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.wake, self.waker = socket.socketpair()
        self.selector.register(self.wake, selectors.EVENT_READ)
        self.other = {}
        self.ended = set()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _connect(self):
        return socket.create_connection(self.target, 5)

    def _accept(self):
        near, _ = self.listener.accept()
        try:
            far = self._connect()
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            self.other[one] = other
            self.selector.register(one, selectors.EVENT_READ)

    def _drop(self, one):
        """Both ends by RST, as a cable or a box in between does it."""
        for end in (one, self.other.get(one)):
            if end is not None and self.other.pop(end, None) is not None:
                if end in self.ended:
                    self.ended.remove(end)
                else:
                    self.selector.unregister(end)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()

    def _forward(self, one):
        try:
            data = one.recv(65536)
            if data:
                self._pass(one, data)
            else:
                self._end(one)
        except OSError:
            self._drop(one)

    def _pass(self, one, data):
        self.other[one].sendall(data)

    def _end(self, one):
        """It says no more; what it said is still on its way, and it may be answered."""
        other = self.other[one]
        self.selector.unregister(one)
        self.ended.add(one)
        other.shutdown(socket.SHUT_WR)
        if other in self.ended:
            for end in (one, other):
                del self.other[end]
                self.ended.remove(end)
                end.close()

    def _run(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj is self.wake:
                    wish = self.wake.recv(1)
                    for one in list(self.other):
                        self._drop(one)
                    if wish == b"e":
                        return
                elif key.fileobj in self.other:
                    self._forward(key.fileobj)

    def cut(self):
        """Breaks all that is open; what comes afterwards is taken again."""
        self.waker.sendall(b"c")

    def close(self):
        self.waker.sendall(b"e")
        self.thread.join(5)
        for s in (self.listener, self.wake, self.waker):
            s.close()
        self.selector.close()


class Spread(Proxy):
    """In front of several gateways: each connection goes to the next one that takes it."""

    def __init__(self, ports):
        self.targets = [("127.0.0.1", port) for port in ports]
        self.turn = 0
        super().__init__(ports[0])

    def _connect(self):
        for _ in self.targets[1:]:
            self.turn += 1
            try:
                return socket.create_connection(self.targets[self.turn % len(self.targets)], 5)
            except OSError:
                pass
        self.turn += 1
        return socket.create_connection(self.targets[self.turn % len(self.targets)], 5)


class MidUpgrade(Proxy):
    """Once told to, it ends the next WebSocket of a Socket.IO client right behind the answer to its
    probe, and what polling is owed comes when the client has seen that."""

    def __init__(self, port):
        self.breaks = False
        self.websocket = None  # the client's end of it
        self.far = set()  # ends at the gateway
        self.waiting = []  # those that are not read for the time being
        super().__init__(port)

    def _connect(self):
        far = super()._connect()
        self.far.add(far)
        return far

    def _forward(self, one):
        if self.websocket and one in self.far and self.other[one] is not self.websocket:
            self.selector.unregister(one)
            self.waiting.append(one)
        else:
            super()._forward(one)

    def _pass(self, one, data):
        if self.breaks and b"transport=websocket" in data:
            self.breaks, self.websocket = False, one
        super()._pass(one, data)
        # By FIN, so that it is certain to be read before the end.
        if self.other[one] is self.websocket and b"3probe" in data:
            self.websocket.shutdown(socket.SHUT_WR)

    def _end(self, one):
        if one is self.websocket:
            self._drop(one)
        else:
            super()._end(one)

    def _drop(self, one):
        is_over = self.websocket in (one, self.other.get(one))
        super()._drop(one)
        if self.websocket and is_over:
            self.websocket = None
            for far in self.waiting:
                self.selector.register(far, selectors.EVENT_READ)
            self.waiting = []
