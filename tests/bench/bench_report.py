"""Lines of the table: medians over rounds, the table itself, and what machine it was made on."""

import os
import platform
import statistics
import subprocess
import time
from pathlib import Path

# Heading, field of a line, format of its number.
COLUMNS = [
    ("value", "value", None),
    ("unit", "unit", None),
    ("p50 ms", "p50_ms", "{:.2f}"),
    ("p99 ms", "p99_ms", "{:.2f}"),
    ("p99.9 ms", "p999_ms", "{:.2f}"),
    ("graphd us", "graphd_us", "{:.2f}"),
    ("gateways us", "gateways_us", "{:.2f}"),
]


def line(name, value, unit, latency=None, problems=(), **more):
    """One line of one round. latency: a histogram as the load generator prints it."""
    fields = {"name": name, "value": value, "unit": unit, "problems": list(problems), **more}
    if latency:
        fields.update({key: latency[key] for key in ("p50_ms", "p99_ms", "p999_ms")})
    return fields


def median_of(rounds):
    """The line whose numbers are the medians of the same line in each round."""
    merged = dict(rounds[0], problems=[p for one in rounds for p in one["problems"]])
    for key, value in rounds[0].items():
        if isinstance(value, (int, float)):
            merged[key] = statistics.median(one[key] for one in rounds)
    if len(rounds) > 1:
        merged["rounds"] = [one["value"] for one in rounds]
    return merged


def number(value):
    """Three digits that matter, thousands kept whole."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(fields, key, form):
    value = fields.get(key)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return form.format(value) if form else number(value)


def format_row(cells, widths):
    """Names and units to the left, numbers to the right."""
    parts = [text.ljust(width) if i in (0, 2) else text.rjust(width)
             for i, (text, width) in enumerate(zip(cells, widths))]
    return "  ".join(parts).rstrip()


def print_table(lines):
    rows = [[""] + [heading for heading, _, _ in COLUMNS]]
    for fields in lines:
        rows.append([fields["name"]] + [cell(fields, key, form) for _, key, form in COLUMNS])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print(format_row(row, widths))


def print_problems(lines):
    """Returns whether there were any."""
    bad = [fields for fields in lines if fields["problems"]]
    for fields in bad:
        print(f"DO NOT QUOTE {fields['name']}: {'; '.join(fields['problems'])}")
    return bool(bad)


def cpu_model():
    for text in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if text.startswith("model name"):
            return text.split(":", 1)[1].strip()
    return platform.machine()


def fsync_ms(directory):
    """Median time to bring 4 KiB to this disk, which every durable figure rests on."""
    return statistics.median(time_fsyncs(directory, 50))


def time_fsyncs(directory, n):
    path = Path(directory) / "fsync"
    took = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(n):
            started = time.perf_counter()
            file.seek(0)
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - started) * 1000)
    path.unlink()
    return took


def machine():
    compiler = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=False)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": cpu_model(),
        "kernel": platform.release(),
        "compiler": (compiler.stdout.splitlines() or ["?"])[0],
        "load_average": os.getloadavg()[0],
        "fdatasync_ms": fsync_ms("/tmp"),
    }


def print_machine(before, load_after):
    print(f"{before['cores']} cores ({before['cpu']}), load average {before['load_average']:.2f} "
          f"before and {load_after:.2f} after, {before['fdatasync_ms']:.2f} ms for an fdatasync "
          "of 4 KiB")
    print("The load generator runs on the same cores. Figures compare only within one run.")


def print_ratios(lines):
    """This project beside each peer on the lines that both have."""
    ours = {fields["compares"]: fields for fields in lines
            if fields.get("compares") and not fields.get("peer")}
    for fields in lines:
        mine = ours.get(fields.get("compares"))
        if not fields.get("peer") or not mine or not fields["value"]:
            continue
        words = (f"{mine['name']} / {fields['peer']}: {mine['value'] / fields['value']:.2f}x, "
                 f"p50 {mine['p50_ms'] / max(fields['p50_ms'], 1e-3):.2f}x, "
                 f"p99 {mine['p99_ms'] / max(fields['p99_ms'], 1e-3):.2f}x")
        if fields.get("cpu_us"):
            words += f", CPU {mine['cpu_us'] / fields['cpu_us']:.2f}x"
        print(words)
