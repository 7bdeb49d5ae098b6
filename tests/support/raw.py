"""Bytes as they are: for requests that no HTTP library would send."""

import re
import socket


class Answer:
    """status is None when the connection ended without one."""

    def __init__(self, data, closed):
        self.data = data
        self.closed = closed
        self.statuses = [int(s) for s in re.findall(rb"HTTP/1\.[01] (\d{3}) ", data)]
        self.status = self.statuses[0] if self.statuses else None

    def __repr__(self):
        return f"<{self.statuses} closed={self.closed} {self.data[:300]!r}>"


def exchange(port, data, timeout_s=2.0, pieces=1):
    """Sends bytes and reads until the peer closes or is silent for so long."""
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        size = -(-len(data) // pieces) or 1
        try:
            for i in range(0, len(data), size):
                s.sendall(data[i:i + size])
        except OSError:
            pass
        s.settimeout(timeout_s)
        received = b""
        try:
            while chunk := s.recv(65536):
                received += chunk
            return Answer(received, True)
        except TimeoutError:
            return Answer(received, False)
        except OSError:
            return Answer(received, True)


def request(method, target, headers=(), body=b"", host=True, version=b"HTTP/1.1"):
    """A request of bytes; headers are whole lines."""
    lines = [method + b" " + target + b" " + version]
    lines += [b"Host: 127.0.0.1"] if host else []
    return b"\r\n".join([*lines, *headers, b"", b""]) + body
