"""A page with the stock bundle in Debian's Chromium: two of them edit together, live, and a gateway's
restart costs them nothing and shows nothing twice."""

import json
import subprocess
import unittest

from harness import ROOT
from project_test import ProjectTest

LIMIT_S = 60


class Browser(ProjectTest):
    fresh = True

    def line(self, process):
        line = process.stdout.readline()
        self.assertTrue(line, "the browser's program ended early")
        return line.strip()

    def play(self, *transports):
        url = f"http://127.0.0.1:{self.server.ports[0]}"
        process = subprocess.Popen(
            ["timeout", str(LIMIT_S), "node", ROOT / "tests" / "e2e" / "browser.mjs", url,
             self.session, *transports],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(self.line(process), "ready")
            self.server.gateways[0].kill()
            self.server.gateways[0].start()
            self.http.close()
            self.server.await_ready()
            self.create(name="in the meantime")
            process.stdin.write("restarted\n")
            process.stdin.flush()
            report = json.loads(self.line(process))
        finally:
            process.stdin.close()
            process.stdout.close()
            status = process.wait(LIMIT_S)
        self.assertEqual(status, 0)
        return report

    def assert_seen_once(self, report):
        created = [e for e in self.durable() if e["event"] == "graph:node-created"]
        names = [e["data"]["name"] for e in created]
        for who in ("ann", "bob"):
            self.assertEqual(report[who]["shown"], names[-4:])
            self.assertEqual(report[who]["seqs"], [e["seq"] for e in created][-4:])
            self.assertEqual([c["recovered"] for c in report[who]["connects"]], [False, True])
        self.assertEqual(names[-4:],
                         ["by ann", "by bob", "in the meantime", "after the restart"])

    def test_two_pages_with_the_upgrade(self):
        self.assert_seen_once(self.play())

    def test_two_pages_on_long_polling(self):
        self.assert_seen_once(self.play("polling"))

    def test_two_pages_on_websocket(self):
        self.assert_seen_once(self.play("websocket"))


if __name__ == "__main__":
    unittest.main()
