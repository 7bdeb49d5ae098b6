"""What is measured of this project. Each function is one round and returns lines for the table."""

import contextlib
import sys
import time

from bench_load import API, make_big_room, make_rooms, problems_of, run_on
from bench_report import line
from harness import Server

FAN_OUT = [  # words, subscribers, rooms, publishers, posts per second (0: as fast as answered)
    ("room of 1,000", 1000, 1, 32, 0),
    ("room of 100", 100, 1, 32, 0),
    ("100 rooms of 10", 1000, 100, 64, 0),
    ("room of 100, 200 posts/s", 100, 1, 4, 200),
]
LIVE_KINDS = ("socketio", "websocket")
LABELS = {"socketio": "Socket.IO", "websocket": "WebSocket", "http": "kept-alive HTTP",
          "poll": "Socket.IO poll held"}
# Where a daemon's warnings are expected: the descriptors that the machine's hard limit leaves it.
EXPECTED_WARNINGS = ("file descriptors",)


class Settings:
    """How long and how much. Quick runs show that everything works and roughly how fast."""

    def __init__(self, time_s, quick):
        self.time_s = time_s
        self.warm_s = 0.2 if quick else 1
        self.connections = 1000 if quick else 5000
        self.events = 10_000 if quick else 100_000
        self.memory_nodes = 20_000 if quick else 100_000
        self.sessions = 500 if quick else 5000
        self.gateways = (1, 2) if quick else (1, 2, 3, 4)
        self.hold_s = 0.5 if quick else 5
        self.rates = (100, 1000) if quick else (50, 100, 200, 500, 1000, 2000, 5000, 10000)

    def timing(self):
        return {"time": self.time_s, "warm": self.warm_s}


@contextlib.contextmanager
def running(gateways=1):
    """Daemons on a fresh durable store, which must also end well and have nothing to complain of."""
    server = Server(gateways=gateways, store="sqlite")
    try:
        yield server.start()
        server.stop()
        print_warnings(server)
    finally:
        server.remove()


def print_warnings(server):
    for daemon in server.daemons():
        words = [text for text in daemon.log().splitlines()
                 if (" warn " in text or " fatal " in text)
                 and not any(expected in text for expected in EXPECTED_WARNINGS)]
        if words:
            print(f"{daemon.name} warned {len(words)} times, first: {words[0]}", file=sys.stderr)


def cpu_each(found, n):
    """CPU microseconds of graphd and of all gateways together for each of n."""
    graphd_s, *gateways_s = found["traffic"]["cpu_s"]
    return {"graphd_us": graphd_s * 1e6 / max(n, 1), "gateways_us": sum(gateways_s) * 1e6 / max(n, 1)}


def command_line(name, found, **more):
    traffic = found["traffic"]
    return line(name, traffic["posts_per_s"], "commands/s", traffic["command"],
                problems_of(found), **cpu_each(found, traffic["command"]["n"]), **more)


def delivery_line(name, found, **more):
    traffic = found["traffic"]
    cpu = cpu_each(found, traffic["delivery"]["n"])
    return line(name, traffic["deliveries_per_s"], "deliveries/s", traffic["delivery"],
                problems_of(found), cpu_us=sum(cpu.values()), **cpu, **more)


def commands(settings):
    lines = []
    with running() as server:
        for nodes in (100, 10_000, 100_000):
            room = make_big_room(server, nodes)
            for connections in (1, 16, 64):
                found = run_on(server, [room], publishers=connections, **settings.timing())
                lines.append(command_line(
                    f"commands, {nodes:,} nodes, connections: {connections}", found))
    return lines


def full_replies(settings):
    lines = []
    with running() as server:
        room = make_big_room(server, 6000)
        for words, header, connections in (("minimal replies", "Prefer: return=minimal", 1),
                                           ("full replies", "", 1), ("full replies", "", 16)):
            found = run_on(server, [room], publishers=connections, header=header,
                           **settings.timing())
            lines.append(command_line(f"{words}, 6,000 nodes, connections: {connections}", found,
                                      answer_bytes=found["traffic"]["answer_bytes"]))
    return lines


def fan_out(settings, spec):
    """One of FAN_OUT, for both kinds of subscribers."""
    words, subscribers, rooms, publishers, rate = spec
    lines = []
    with running() as server:
        for kind in LIVE_KINDS:
            found = run_on(server, make_rooms(server, rooms), kind=kind, subscribers=subscribers,
                           publishers=publishers, rate=rate, **settings.timing())
            lines.append(delivery_line(f"{words}, {LABELS[kind]}", found,
                                       compares=words if kind == "socketio" else None))
    return lines


def connects(settings):
    """Connect and join; then the same with a seq to resume from and ten events to catch up on."""
    lines = []
    with running() as server:
        rooms = make_rooms(server, 100)
        with server.http() as http:
            since = http.get(f"{API}/sessions/{rooms[0][0]}/info").json["seq"]
        posted = run_on(server, rooms, publishers=16, posts=10 * len(rooms))
        for words, more in (("connects", {}), ("resumes", {"since": since, "events_each": 10})):
            for kind in LIVE_KINDS:
                found = run_on(server, rooms, kind=kind, subscribers=settings.connections, **more)
                join = found["join"]
                lines.append(line(
                    f"{words}, {LABELS[kind]}", join["joins_per_s"], f"{words}/s", join["latency"],
                    problems_of(posted) + problems_of(found),
                    graphd_us=join["cpu_s"][0] * 1e6 / settings.connections,
                    gateways_us=join["cpu_s"][1] * 1e6 / settings.connections))
    return lines


# The daemons look every 1.5 s whether they are (common/resident.h), and a heartbeat brings back what
# it runs through, each second: libraries' pages, which no connection is to be charged with.
AT_REST_S = 5


def idle_line(settings, kind):
    """What each of many connections makes the daemons grow by, when nothing is said on them."""
    with running() as server:
        rooms = make_rooms(server, 100)
        time.sleep(AT_REST_S)
        found = run_on(server, rooms, kind=kind, hold=settings.hold_s,
                       subscribers=settings.connections)
    join = found["join"]
    graphd_kib, gateway_kib = ((held - before) / settings.connections / 1024
                               for held, before in zip(join["rss_held"], join["rss_before"]))
    return line(f"memory, {settings.connections:,} idle connections, {LABELS[kind]}",
                graphd_kib + gateway_kib, "KiB/connection", problems=problems_of(found),
                graphd_kib=graphd_kib, gateway_kib=gateway_kib,
                idle_cpu_percent=sum(join["idle_cpu_s"]) / settings.hold_s * 100)


def idle(settings):
    lines = [idle_line(settings, kind) for kind in LABELS]
    lines.append(line("CPU, the same connections, Socket.IO", lines[0]["idle_cpu_percent"],
                      "% of a core"))
    with running() as server:
        time.sleep(AT_REST_S)
        rss = sum(daemon.rss_bytes() for daemon in server.daemons())
        lines.append(line("memory, both daemons without work", rss / 2**20, "MiB"))
    return lines


def await_answer(server, path, limit_s=60):
    """Seconds until the gateway answers it with success; it may not even listen yet."""
    started = time.perf_counter()
    while time.perf_counter() - started < limit_s:
        with contextlib.suppress(OSError), server.http() as http:
            if http.get(path).status == 200:
                return time.perf_counter() - started
        time.sleep(0.001)
    raise AssertionError(f"{path} was not answered within {limit_s} s")


def cold_start(server, session, words):
    """Both processes from nothing to being ready, and on to the first answer from the journal."""
    server.stop()
    server.graphd.start()
    server.gateways[0].start()
    ready_s = await_answer(server, "/readyz")
    loaded_s = await_answer(server, f"{API}/sessions/{session}/info")
    return [line(f"cold start, {words}", ready_s * 1000, "ms"),
            line("first answer of that session", loaded_s * 1000, "ms")]


def replay(settings):
    lines = []
    with running() as server:
        rooms = make_rooms(server, 1)
        posted = run_on(server, rooms, publishers=64, posts=settings.events)
        for kind in LIVE_KINDS:
            found = run_on(server, rooms, kind=kind, subscribers=1, since=0,
                           events_each=settings.events)
            lines.append(line(f"replay of {settings.events:,} events, {LABELS[kind]}",
                              settings.events / found["join"]["seconds"], "events/s",
                              problems=problems_of(posted) + problems_of(found)))
        lines += cold_start(server, rooms[0][0], f"{settings.events:,} events in the journal")
    with running() as server:
        lines += cold_start(server, make_rooms(server, 1)[0][0], "empty")[:1]
    return lines


def overhead(settings):
    """One pace with none, one and many listeners, so that batches are of one size, in turns."""
    numbers = (0, 1, 100)
    lines, cpu = [], dict.fromkeys(numbers, 0)
    with running() as server:
        rooms = make_rooms(server, 1)
        for subscribers in numbers * 2:
            found = run_on(server, rooms, subscribers=subscribers, publishers=16, rate=1000,
                           **settings.timing())
            lines.append(command_line(f"1,000 commands/s, {subscribers} subscribers", found))
            cpu[subscribers] += lines[-1]["graphd_us"]
    problems = [p for fields in lines for p in fields["problems"]]
    return lines + [line(f"graphd CPU per command, 100 against {few}",
                         cpu[100] / max(cpu[few], 1e-9), "ratio", problems=problems)
                    for few in (0, 1)]


def rss_of_graphd(server):
    return server.graphd.rss_bytes()


def memory(settings):
    """Nodes are counted after a restart: what loading them took besides is not theirs."""
    with running() as server:
        session, _ = make_big_room(server, settings.memory_nodes)
        server.stop()
        server.start()
        before = rss_of_graphd(server)
        await_answer(server, f"{API}/sessions/{session}/info")
        per_node = (rss_of_graphd(server) - before) / settings.memory_nodes
    with running() as server:
        rooms = make_rooms(server, 1)
        before = rss_of_graphd(server)
        found = run_on(server, rooms, publishers=16, posts=settings.sessions,
                       url=f"{API}/projects",
                       body='{"template_id":"restomod","project_name":"Bench"}')
        per_session = (rss_of_graphd(server) - before) / settings.sessions
    return [line(f"memory, each of {settings.memory_nodes:,} nodes", per_node, "bytes/node"),
            line(f"memory, each of {settings.sessions:,} sessions of one node",
                 per_session / 1024, "KiB/session", problems=problems_of(found))]


def gateways(settings):
    """One room spread over the gateways at one pace: what each of them adds to graphd's work."""
    lines = []
    for n in settings.gateways:
        with running(gateways=n) as server:
            found = run_on(server, make_rooms(server, 1), subscribers=400, publishers=16, rate=500,
                           **settings.timing())
            per_command = cpu_each(found, found["traffic"]["command"]["n"])["graphd_us"]
            lines.append(delivery_line(f"room of 400, 500 posts/s, gateways: {n}", found,
                                       graphd_us_per_command=per_command))
    return lines


def latency_curve(settings):
    """Points for the plot: name of the curve, posts per second, p50 and p99."""
    points = []
    with running() as server:
        for kind in LIVE_KINDS:
            for rate in settings.rates:
                found = run_on(server, make_rooms(server, 1), kind=kind, subscribers=100,
                               publishers=64, rate=rate, **settings.timing())
                points.append(point(f"this project, {LABELS[kind]}", rate, found))
    return points


def point(name, rate, found):
    traffic = found["traffic"]
    # A server that falls behind is drawn at the rate it kept up with.
    return {"name": name, "rate": min(rate, traffic["posts_per_s"]),
            "p50_ms": traffic["delivery"]["p50_ms"], "p99_ms": traffic["delivery"]["p99_ms"],
            "problems": problems_of(found)}


MEASUREMENTS = {
    "commands": commands,
    "replies": full_replies,
    "connects": connects,
    "idle": idle,
    "replay": replay,
    "overhead": overhead,
    "memory": memory,
    "gateways": gateways,
}
