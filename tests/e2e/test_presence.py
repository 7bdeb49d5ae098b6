"""Who is here and what they show, over three gateways: joins, leaves and counts, clients that come
back before anybody has noticed, and gateways that die."""

import signal
import time
import unittest
import uuid

from clients import WebSocket
from harness import LONG, eventually
from project_test import ProjectTest
from proxy import Proxy
from stock import DriverTest

GRACE_MS = 1000
LEASE_S = 3  # what is promised
WHO = ("session:connected", "session:disconnected")
PRESENCE_PER_S = 20
TTL_S = 60


def comings_and_goings(listener):
    """(event, client_id, client_count) of each, in the order heard."""
    return [(e["event"], e["data"]["client_id"], e["data"]["client_count"])
            for e in listener.events() if e["event"] in WHO]


def told_of(client_id, name="session:disconnected"):
    return lambda e: e.get("event") == name and e["data"]["client_id"] == client_id


class ThreeGateways(DriverTest, ProjectTest):
    gateways = 3
    server_options = {"graphd_options": ("--grace-ms", str(GRACE_MS)),
                      "gateway_options": ("--drain", "1000")}

    def watcher(self, gateway=0):
        """Somebody who stays, and what it hears from now on."""
        watcher = self.websocket(gateway=gateway)
        watcher.await_event(told_of(watcher.joined["data"]["client_id"], "session:connected"))
        watcher.client_id = watcher.joined["data"]["client_id"]
        return watcher

    def stock(self, port, mode="default", **auth):
        client = self.open(mode, port, auth={"session_id": self.session, **auth})
        client.client_id = client.await_what("connect")["id"]
        return client

    def proxied(self, gateway):
        proxy = Proxy(self.server.ports[gateway])
        self.addCleanup(proxy.close)
        return proxy

    def clients(self, gateway=0):
        with self.server.http(gateway) as http:
            reply = self.ok(http.get(f"/api/v1/sessions/{self.session}/clients"))
        self.assertEqual(reply["total"], len(reply["clients"]))
        return {c["client_id"]: c for c in reply["clients"]}

    def assert_here(self, *clients):
        """Every gateway gives the same list, and it is this one."""
        for gateway, daemon in enumerate(self.server.gateways):
            if daemon.is_running():
                self.assertEqual(set(self.clients(gateway)), {c.client_id for c in clients})


class Counts(ThreeGateways):
    def test_joins_and_leaves_are_told_on_every_gateway_with_the_right_count(self):
        watchers = [self.watcher(gateway) for gateway in range(3)]
        here = list(watchers)
        came = [self.stock(self.server.ports[g], mode) for g, mode in
                enumerate(("polling", "websocket", "default"))]
        for client in came:
            here.append(client)
            for watcher in watchers:
                self.assertEqual(watcher.await_event(told_of(
                    client.client_id, "session:connected"))["data"]["client_count"], len(here))
        self.assert_here(*here)
        for client in came:
            client.close()
            here.remove(client)
            for watcher in watchers:
                self.assertEqual(watcher.await_event(
                    told_of(client.client_id))["data"]["client_count"], len(here))
        self.assert_here(*here)

    def test_a_client_in_two_namespaces_and_by_two_ways_counts_once_each(self):
        watcher = self.watcher()
        client = self.driver.open(self.server.ports[1], "default", auth={})
        self.addCleanup(client.close)
        client.await_what("connect")
        for _ in range(2):  # the second is only answered
            client.emit("join_session", {"session_id": self.session})
            self.assertEqual(client.await_event("joined")["data"]["active_clients"], 2)
        client.emit("leave_session", {"session_id": self.session})
        client.await_event("left")
        self.assertEqual(watcher.await_event("session:disconnected")["data"]["client_count"], 1)
        self.assert_here(watcher)


class Recovering(ThreeGateways):
    """Clients with connection state recovery, whose connection breaks off."""

    def break_off(self, client, proxy):
        """Not between two polls, where nobody would notice."""
        for _ in range(10):
            proxy.cut()
            try:
                return client.await_what("disconnect", 0.5)
            except AssertionError:
                pass
        self.fail("no disconnect")

    def comes_back(self, client):
        again = client.await_what("connect")
        self.assertTrue(again["recovered"], again)
        self.assertEqual(again["id"], client.client_id)

    def flickers(self, watcher, client):
        """Events about the client; a last one of somebody else says that there are no more."""
        marker = self.watcher(gateway=2)
        watcher.await_event(told_of(marker.client_id, "session:connected"))
        heard = [e for e in comings_and_goings(watcher) if e[1] == client.client_id]
        marker.close()
        watcher.await_event(told_of(marker.client_id))
        return heard

    def test_who_comes_back_on_another_gateway_was_never_away_for_the_others(self):
        for mode in ("websocket", "polling", "default"):
            with self.subTest(mode=mode):
                watcher, proxy = self.watcher(), self.proxied(1)
                client = self.stock(proxy.port, mode, recover=True)
                watcher.await_event(told_of(client.client_id, "session:connected"))
                self.create()
                client.await_event("command:executed")
                proxy.target = ("127.0.0.1", self.server.ports[2])
                self.break_off(client, proxy)
                self.comes_back(client)
                self.create()
                client.await_event("command:executed")
                # Beyond the time that it could have been away.
                time.sleep(GRACE_MS / 1000 + 0.3)
                self.assertEqual(self.flickers(watcher, client),
                                 [("session:connected", client.client_id, 2)])
                self.assert_here(watcher, client)
                client.close()
                watcher.await_event(told_of(client.client_id))
                watcher.close()
                eventually(lambda: not self.clients(), what="nobody left")

    def test_who_comes_back_on_the_same_gateway_was_never_away_either(self):
        watcher, proxy = self.watcher(), self.proxied(1)
        client = self.stock(proxy.port, "websocket", recover=True)
        self.create()
        client.await_event("command:executed")
        for _ in range(3):
            self.break_off(client, proxy)
            self.comes_back(client)
        time.sleep(GRACE_MS / 1000 + 0.3)
        self.assertEqual(self.flickers(watcher, client),
                         [("session:connected", client.client_id, 2)])
        self.assert_here(watcher, client)

    def test_who_does_not_come_back_is_away_and_then_announced_gone(self):
        watcher, proxy = self.watcher(), self.proxied(1)
        client = self.stock(proxy.port, "websocket", recover=True)
        self.create()
        client.await_event("command:executed")
        proxy.target = ("127.0.0.1", 1)
        broke = time.monotonic()
        proxy.cut()
        eventually(lambda: self.clients()[client.client_id]["away"], 1, "away")
        self.assertEqual(self.info()["active_clients"], 2)
        gone = watcher.await_event(told_of(client.client_id))
        lasted = time.monotonic() - broke
        self.assertEqual(gone["data"]["client_count"], 1)
        self.assertGreater(lasted, GRACE_MS / 1000 - 0.2)
        self.assertLess(lasted, GRACE_MS / 1000 + 1)
        self.assert_here(watcher)
        # And when it comes after all, it comes anew.
        proxy.target = ("127.0.0.1", self.server.ports[2])
        watcher.await_event(told_of(client.client_id, "session:connected"))
        self.assert_here(watcher, client)

    def test_who_leaves_by_words_is_gone_at_once(self):
        watcher = self.watcher()
        client = self.stock(self.server.ports[1], "websocket", recover=True)
        left = time.monotonic()
        client.close()
        watcher.await_event(told_of(client.client_id))
        self.assertLess(time.monotonic() - left, GRACE_MS / 1000 / 2)

    def test_who_did_not_ask_for_recovery_is_gone_at_once(self):
        watcher, proxy = self.watcher(), self.proxied(1)
        client = self.stock(proxy.port, "websocket")
        proxy.target = ("127.0.0.1", 1)
        broke = time.monotonic()
        proxy.cut()
        watcher.await_event(told_of(client.client_id))
        self.assertLess(time.monotonic() - broke, GRACE_MS / 1000 / 2)

    def test_what_was_joined_by_event_is_kept_too(self):
        watcher, proxy = self.watcher(), self.proxied(1)
        client = self.driver.open(proxy.port, "websocket", auth={"recover": True})
        self.addCleanup(client.close)
        client.client_id = client.await_what("connect")["id"]
        client.emit("join_session", {"session_id": self.session})
        client.await_event("joined")
        self.create()
        client.await_event("command-executed")
        proxy.target = ("127.0.0.1", self.server.ports[0])
        self.break_off(client, proxy)
        self.comes_back(client)
        time.sleep(GRACE_MS / 1000 + 0.3)
        self.assertEqual(self.flickers(watcher, client),
                         [("session:connected", client.client_id, 2)])


class PlainWebSockets(ThreeGateways):
    """A WebSocket that names itself by client_id may come back too."""

    def named(self, client_id, gateway, port=None):
        ws = self.closing(WebSocket(port or self.server.ports[gateway],
                                    f"session_id={self.session}&client_id={client_id}"))
        ws.client_id = ws.joined["data"]["client_id"]
        self.assertEqual(ws.client_id, client_id)
        return ws

    def test_it_is_the_one_it_was_and_nobody_hears_of_it(self):
        watcher, proxy, name = self.watcher(), self.proxied(1), str(uuid.uuid4())
        first = self.named(name, 1, proxy.port)
        watcher.await_event(told_of(name, "session:connected"))
        proxy.cut()
        first.await_end()
        again = self.named(name, 2)
        self.assertEqual(again.joined["data"]["active_clients"], 2)
        time.sleep(GRACE_MS / 1000 + 0.3)
        self.assertEqual(len(comings_and_goings(watcher)), 2)
        self.assert_here(watcher, again)
        left = time.monotonic()
        again.close()  # a close frame is a word
        watcher.await_event(told_of(name))
        self.assertLess(time.monotonic() - left, GRACE_MS / 1000 / 2)

    def test_the_end_of_a_connection_that_was_replaced_is_nobodys_end(self):
        watcher, name = self.watcher(), str(uuid.uuid4())
        first = self.named(name, 1)
        for gateway in (1, 2):
            newer = self.named(name, gateway)
            first.close()
            watcher.ask("ping")
            self.assert_here(watcher, newer)
            first = newer
        self.assertEqual(len(comings_and_goings(watcher)), 2)

    def test_a_name_that_is_no_uuid_is_not_taken(self):
        ws = self.websocket(query="client_id=ann")
        uuid.UUID(ws.joined["data"]["client_id"])


class Trouble(ThreeGateways):
    """Gateways and graphd that die or fall silent."""

    fresh = True

    def test_clients_of_a_killed_gateway_are_gone_within_3_s_unless_they_are_elsewhere(self):
        watcher, other = self.watcher(0), self.watcher(1)
        proxy = self.proxied(2)
        lost = [self.watcher(2) for _ in range(5)] + [self.stock(self.server.ports[2], "polling")]
        away = self.stock(self.server.ports[2], "websocket", recover=True)
        returns = self.stock(proxy.port, "websocket", recover=True)
        self.create()
        for client in (returns, away):
            client.await_event("command:executed")
        self.assert_here(watcher, other, *lost, away, returns)
        proxy.target = ("127.0.0.1", self.server.ports[1])
        killed = time.monotonic()
        self.server.gateways[2].kill()
        proxy.cut()
        returns.await_what("disconnect")
        self.assertTrue(returns.await_what("connect")["recovered"])
        gone = {}
        while len(gone) < len(lost) + 1:
            heard = watcher.await_event("session:disconnected")
            gone[heard["data"]["client_id"]] = time.monotonic() - killed
        print(f"gone {min(gone.values()):.2f} to {max(gone.values()):.2f} s after the kill")
        self.assertEqual(set(gone), {c.client_id for c in [*lost, away]})
        self.assertLess(max(gone.values()), LEASE_S)
        self.assertEqual(heard["data"]["client_count"], 3)
        self.assert_here(watcher, other, returns)
        time.sleep(GRACE_MS / 1000 + 0.3)
        self.assertEqual([e for e in comings_and_goings(watcher) if e[1] == returns.client_id],
                         [("session:connected", returns.client_id, 10)])
        self.server.gateways[2].start()  # for the clean end

    def test_a_gateway_that_was_silent_and_is_back_has_its_clients_counted_again(self):
        watcher, proxy = self.watcher(0), self.proxied(1)
        stays = self.watcher(1)
        moves = self.stock(proxy.port, "websocket", recover=True)
        self.create()
        moves.await_event("command:executed")
        self.server.gateways[1].freeze()
        proxy.target = ("127.0.0.1", self.server.ports[2])
        proxy.cut()
        moves.await_what("disconnect")
        moves.await_what("connect")
        watcher.await_event(told_of(stays.client_id))
        self.server.gateways[1].thaw()
        self.assertEqual(watcher.await_event(told_of(
            stays.client_id, "session:connected"))["data"]["client_count"], 3)
        self.assert_here(watcher, stays, moves)
        # The one that moved was reported by both for a moment; nobody heard of it.
        time.sleep(GRACE_MS / 1000 + 0.3)
        self.assertEqual(len([e for e in comings_and_goings(watcher) if e[1] == moves.client_id]),
                         1)
        self.assert_here(watcher, stays, moves)

    def test_clients_of_a_gateway_that_drains_move_without_being_missed(self):
        watcher, proxy = self.watcher(0), self.proxied(1)
        clients = [self.stock(proxy.port, mode, recover=True)
                   for mode in ("websocket", "polling", "default")]
        plain = self.watcher(1)
        self.create()
        for client in clients:
            client.await_event("command:executed")
        proxy.target = ("127.0.0.1", self.server.ports[2])
        self.server.gateways[1].signal(signal.SIGTERM)
        for client in clients:
            client.await_what("disconnect", 15)
            self.assertTrue(client.await_what("connect")["recovered"])
        watcher.await_event(told_of(plain.client_id), 15)
        self.server.gateways[1].wait()
        time.sleep(GRACE_MS / 1000 + 0.3)
        for client in clients:
            self.assertEqual(
                len([e for e in comings_and_goings(watcher) if e[1] == client.client_id]), 1)
        self.assert_here(watcher, *clients)
        self.server.gateways[1].start()


class Shown(ThreeGateways):
    """presence:update, from one client to all others."""

    def shown_to(self, listener, client_id):
        return [e["data"]["data"] for e in listener.events()
                if e["event"] == "presence:update" and e["data"]["client_id"] == client_id]

    def moves(self, show):
        """200 updates in a second; returns how long they took."""
        began = time.monotonic()
        for i in range(200):
            show({"x": i})
            time.sleep(max(0, began + (i + 1) / 200 - time.monotonic()))
        return time.monotonic() - began

    def check_coalesced(self, client_id, listeners, show):
        took = self.moves(show)
        for listener in listeners:
            eventually(lambda at=listener: {"x": 199} in self.shown_to(at, client_id), 2,
                       "the last one")
            shown = [d["x"] for d in self.shown_to(listener, client_id)]
            self.assertEqual(shown[0], 0)
            self.assertEqual(shown, sorted(set(shown)))
            # The first and the last one, and as many between as the time holds.
            self.assertLessEqual(len(shown), PRESENCE_PER_S * took + 2)
            self.assertGreater(len(shown), PRESENCE_PER_S / 2)

    def test_a_cursor_that_moves_fast_is_shown_20_times_a_second_and_where_it_stops(self):
        mover = self.watcher(1)
        listeners = [self.watcher(0), self.watcher(2), self.stock(self.server.ports[2])]
        self.check_coalesced(mover.client_id, listeners, lambda data: mover.send(
            {"id": 1, "do": "presence", "data": data}))

    def test_the_same_from_a_stock_client(self):
        mover = self.stock(self.server.ports[2], "websocket")
        listeners = [self.watcher(0), self.stock(self.server.ports[1], "polling")]
        self.check_coalesced(mover.client_id, listeners, lambda data: mover.emit("presence", data))

    def test_who_leaves_shows_nothing_any_more(self):
        watcher, mover = self.watcher(0), self.watcher(1)
        for i in range(5):
            mover.send({"id": i, "do": "presence", "data": {"x": i}})
        mover.close()
        watcher.await_event(told_of(mover.client_id))
        self.watcher(2)
        after = watcher.names()[watcher.names().index("session:disconnected"):]
        self.assertNotIn("presence:update", after)

    def test_who_is_away_shows_what_it_showed_and_goes_on_where_it_comes_back(self):
        watcher, proxy = self.watcher(0), self.proxied(1)
        client = self.stock(proxy.port, "websocket", recover=True)
        self.create()
        client.await_event("command:executed")
        client.emit("presence", {"x": 1})
        watcher.await_event("presence:update")
        proxy.target = ("127.0.0.1", self.server.ports[2])
        proxy.cut()
        client.await_what("disconnect")
        client.await_what("connect")
        client.emit("presence", {"x": 2})
        self.assertEqual(watcher.await_event("presence:update")["data"]["data"], {"x": 2})
        self.assertEqual(self.shown_to(watcher, client.client_id), [{"x": 1}, {"x": 2}])

    @unittest.skipUnless(LONG, "it takes a minute")
    def test_what_nobody_renews_is_taken_back_after_a_minute(self):
        watcher, mover = self.watcher(0), self.watcher(1)
        mover.ask("presence", data={"x": 1})
        self.assertEqual(watcher.await_event("presence:update")["data"]["data"], {"x": 1})
        shown = time.monotonic()
        self.assertIsNone(watcher.await_event("presence:update", TTL_S + 5)["data"]["data"])
        self.assertAlmostEqual(time.monotonic() - shown, TTL_S, delta=2)


if __name__ == "__main__":
    unittest.main()
