"""Engine.IO sessions through gateways that do not have them: polls, POSTs and upgrades in turn
over three gateways, a home that dies, and what must not be passed on."""

import threading
import unittest

from clients import Http
from harness import ServerTest, eventually

POLLING = "/socket.io/?EIO=4&transport=polling"


class Homes(ServerTest):
    gateways = 3

    def handshake(self, gateway=0):
        with self.server.http(gateway) as http:
            reply = http.get(POLLING)
        self.assertEqual(reply.status, 200, reply)
        return __import__("json").loads(reply.body[1:])["sid"]
