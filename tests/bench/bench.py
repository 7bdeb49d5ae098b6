"""Measure everything once per round, print medians as one table. Called by scripts/bench."""

import argparse
import functools
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

# pylint: disable=wrong-import-position
import bench_lines
import bench_peers
import bench_report
from bench_plot import svg

NAMES = list(bench_lines.MEASUREMENTS)
NAMES.insert(NAMES.index("connects"), "fanout")


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help="less of everything; ends within a minute")
    parser.add_argument("--time", type=float, metavar="S", help="seconds per measurement (3)")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help="measure everything so often, show medians (3)")
    parser.add_argument("--only", metavar="LIST", default=",".join(NAMES),
                        help=f"some of {','.join(NAMES)}")
    parser.add_argument("--peers", action="store_true",
                        help="also socket.io and ws on Node, and nchan")
    parser.add_argument("--json", metavar="FILE", help="write everything found to it")
    parser.add_argument("--plot", metavar="FILE", help="draw latency against rate into it, as SVG")
    chosen = parser.parse_args()
    chosen.time = chosen.time or (0.4 if chosen.quick else 3)
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 3)
    chosen.only = chosen.only.split(",")
    unknown = set(chosen.only) - set(NAMES)
    if unknown:
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    return chosen


def fan_out(chosen):
    """Each room's peers directly behind it, so that a machine that slows down slows all of them."""
    for spec in bench_lines.FAN_OUT:
        yield spec[0], functools.partial(bench_lines.fan_out, spec=spec)
        if chosen.peers:
            yield f"peers, {spec[0]}", functools.partial(bench_peers.fan_out, spec=spec)


def measurements(chosen):
    """What makes up a round, in order."""
    for name in chosen.only:
        if name == "fanout":
            yield from fan_out(chosen)
            continue
        yield name, bench_lines.MEASUREMENTS[name]
        if chosen.peers and name == "idle":
            yield "peers, idle", bench_peers.idle


def progress(words):
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def measure(chosen, settings):
    """Medians of the lines, in the order in which they were measured."""
    rounds = {}
    for i in range(chosen.rounds):
        for name, function in measurements(chosen):
            progress(f"round {i + 1} of {chosen.rounds}: {name}")
            for fields in function(settings):
                rounds.setdefault(fields["name"], []).append(fields)
    return [bench_report.median_of(each) for each in rounds.values()]


def plot(chosen, settings):
    progress("latency against rate")
    points = bench_lines.latency_curve(settings)
    if chosen.peers:
        points += bench_peers.latency_curve(settings)
    title = f"{os.cpu_count()} cores, load generator included"
    Path(chosen.plot).write_text(svg(points, title), encoding="utf-8")
    return points


def main():
    chosen = options()
    settings = bench_lines.Settings(chosen.time, chosen.quick)
    machine = bench_report.machine()
    if chosen.peers:
        bench_peers.install()
    lines = measure(chosen, settings)
    points = plot(chosen, settings) if chosen.plot else []
    machine["load_average_after"] = os.getloadavg()[0]
    bench_report.print_machine(machine, machine["load_average_after"])
    print(f"{chosen.time:g} s for each measurement, {chosen.rounds} rounds, medians.")
    bench_report.print_table(lines)
    bench_report.print_ratios(lines)
    if chosen.json:
        found = {"machine": machine, "time_s": chosen.time, "rounds": chosen.rounds,
                 "lines": lines, "latency_against_rate": points}
        Path(chosen.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if bench_report.print_problems(lines) else 0


if __name__ == "__main__":
    sys.exit(main())
