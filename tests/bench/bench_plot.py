"""An SVG picture of latency against rate, both logarithmic, without any library."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 230, 40, 60
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a")
STYLE = "font-family:sans-serif;font-size:13px"


class Axis:
    """Values between two powers of ten onto pixels."""

    def __init__(self, values, first, last):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.first, self.last = first, last

    def at(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.first + share * (self.last - self.first)

    def ticks(self):
        return [10.0 ** power for power in range(self.low, self.high + 1)]


def text(x, y, words, anchor="middle", more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more} '
            f'style="{STYLE}">{escape(words)}</text>')


def tick_lines(rates, times):
    parts = []
    for value in rates.ticks():
        x = rates.at(value)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" '
                     'stroke="#d0d7de"/>')
        parts.append(text(x, HEIGHT - BOTTOM + 20, f"{value:,.0f}"))
    for value in times.ticks():
        y = times.at(value)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" '
                     'stroke="#d0d7de"/>')
        parts.append(text(LEFT - 8, y + 4, f"{value:g}", "end"))
    return parts


def curve(points, key, rates, times, colour, dashes):
    """A line through the points with a dot on each."""
    places = [(rates.at(p["rate"]), times.at(p[key])) for p in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
             f'stroke-dasharray="{dashes}"/>']
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return parts


def legend(i, name, colour):
    x, y = WIDTH - RIGHT + 15, TOP + 15 + 24 * i
    return [f'<line x1="{x}" y1="{y}" x2="{x + 22}" y2="{y}" stroke="{colour}" stroke-width="2"/>',
            text(x + 28, y + 4, name, "start")]


def svg(points, title):
    points = [p for p in points if p["rate"] > 0 and p["p50_ms"] > 0]
    if not points:
        raise ValueError("there is nothing to draw")
    rates = Axis([p["rate"] for p in points], LEFT, WIDTH - RIGHT)
    times = Axis([p[key] for p in points for key in ("p50_ms", "p99_ms")], HEIGHT - BOTTOM, TOP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             text(LEFT, 22, title, "start")]
    parts += tick_lines(rates, times)
    for i, name in enumerate(dict.fromkeys(p["name"] for p in points)):
        colour = COLOURS[i % len(COLOURS)]
        mine = sorted((p for p in points if p["name"] == name), key=lambda p: p["rate"])
        parts += curve(mine, "p50_ms", rates, times, colour, "none")
        parts += curve(mine, "p99_ms", rates, times, colour, "5,4")
        parts += legend(i, name, colour)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, "commands per second to a room of 100"),
              text(20, middle, "ms from post to delivery: p50 solid, p99 dashed", "middle",
                   f'transform="rotate(-90 20 {middle})"'), "</svg>"]
    return "\n".join(parts) + "\n"
