"""Draws the chart of the documentation as SVG."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from xml.sax.saxutils import escape

from benchmarks.measures.concurrency import GROWTH, GROWTH_NAME, OWN_POOL, RARER, at_once
from benchmarks.report import format_number
from benchmarks.sampling import Measure
from benchmarks.subjects import HTTPX2, LEANEST, MODELS

PANELS = (
    ("import", "Import", ("core before ChatMiMo", *MODELS)),
    ("constructor", "Constructor", MODELS[:3] + MODELS[4:5]),
    ("invoke", "One call", None),
    ("ainvoke", "One call, async", None),
    ("stream, 32 per write", "Streaming chunks, 32 events per write", None),
    ("stream, 1 per write", "Streaming chunks, one event per write", None),
    ("v3 events", "Content-block events", None),
    ("v3 events, async", "Content-block events, async", None),
    ("encode 200 messages, 100 tool rounds", "Encoding 200 messages of an agent", None),
    ("20 MB image, memory", "Memory to send a 20 MB image", None),
    ("100 streams at once", "100 streams at once", None),
    (
        "1000 streams at once",
        "1,000 streams at once",
        ("ChatMiMo", RARER, HTTPX2, OWN_POOL, LEANEST),
    ),
)
"""Measure, title, and the subjects to show; None shows all."""

COLUMN, ROW, HEAD, LABEL, BAR, MARGIN = 500, 22, 44, 236, 180, 8
LINES_HEIGHT = 160
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 14px; }
  .note { fill: #57606a; }
  .bar { fill: #afb8c1; } .own { fill: #ff6700; } .floor { fill: #d8dee4; }
  .line { fill: none; stroke-width: 2; } .line.own { stroke: #ff6700; fill: none; }
  .line.floor { stroke: #8c959f; fill: none; } .axis { stroke: #afb8c1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note { fill: #8d96a0; }
    .bar { fill: #57606a; } .floor { fill: #30363d; } .axis { stroke: #57606a; }
  }"""


def _bars(measure: Measure, title: str, subjects: tuple[str, ...], left: int, top: int) -> str:
    unit = f"{measure.unit}, {'more' if measure.more_is_better else 'less'} is better"
    parts = [
        f'<text class="title" x="{left}" y="{top + 16}">{escape(title)}</text>',
        f'<text class="note" x="{left}" y="{top + 33}">{escape(unit)}</text>',
    ]
    largest = max(measure.median(each) for each in subjects)
    for at, subject in enumerate(subjects):
        y = top + HEAD + at * ROW
        value = measure.median(subject)
        length = max(1.0, BAR * value / largest)
        after = left + LABEL + length + 6
        own = subject.startswith("ChatMiMo")
        kind = "own" if own else "bar" if subject.startswith("Chat") else "floor"
        label = "langchain-core alone" if subject.startswith("core before") else subject
        parts += [
            f'<text x="{left + LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{kind}" x="{left + LABEL}" y="{y}" width="{length:.1f}" height="16"/>',
            f'<text class="note" x="{after:.1f}" y="{y + 13}">{format_number(value)}</text>',
        ]
    return "\n".join(parts)


def _growth(measure: Measure, left: int, top: int) -> str:
    """Draw what one stream costs among 100, 400 and 1,600, one line for each subject."""
    names = ("ChatMiMo", HTTPX2)
    values = {name: [measure.median(at_once(name, count)) for count in GROWTH] for name in names}
    largest = max(map(max, values.values()))
    right, bottom = left + COLUMN - 150, top + HEAD + LINES_HEIGHT
    step = (right - left - 30) / (len(GROWTH) - 1)
    places = [left + 30 + at * step for at in range(len(GROWTH))]
    parts = [
        f'<text class="title" x="{left}" y="{top + 16}">Time of one stream among many</text>',
        f'<text class="note" x="{left}" y="{top + 33}">ms, less is better</text>',
        f'<path class="axis" d="M{left + 10} {bottom}H{right + 10}"/>',
    ]
    for place, count in zip(places, GROWTH, strict=True):
        parts.append(
            f'<text class="note" x="{place:.0f}" y="{bottom + 17}" text-anchor="middle">'
            f"{count:,}</text>"
        )
    for name in names:
        heights = [bottom - LINES_HEIGHT * value / largest for value in values[name]]
        points = [f"{x:.0f} {y:.1f}" for x, y in zip(places, heights, strict=True)]
        kind = "own" if name == "ChatMiMo" else "floor"
        label = f"{name} {format_number(values[name][-1])}"
        parts += [
            f'<path class="line {kind}" d="M{"L".join(points)}"/>',
            f'<text x="{right + 6}" y="{heights[-1] + 4:.1f}">{escape(label)}</text>',
        ]
    return "\n".join(parts)


def draw(measures: Mapping[str, Measure], caption: str) -> str:
    """Draw the panels whose measures were taken, two in a row, above a caption."""
    panels = [
        (measures[name], title, shown or tuple(measures[name].samples))
        for name, title, shown in PANELS
        if name in measures
    ]
    parts, top = [], MARGIN
    for at in range(0, len(panels), 2):
        row = panels[at : at + 2]
        for column, (measure, title, shown) in enumerate(row):
            parts.append(_bars(measure, title, shown, MARGIN + column * COLUMN, top))
        top += HEAD + max(len(shown) for _, _, shown in row) * ROW + 18
    if GROWTH_NAME in measures:
        parts.append(_growth(measures[GROWTH_NAME], MARGIN, top))
        top += HEAD + LINES_HEIGHT + 40
    lines = [line for text in caption.split("\n") for line in textwrap.wrap(text, 130)]
    for at, line in enumerate(lines):
        y = top + 14 + at * 17
        parts.append(f'<text class="note" x="{MARGIN}" y="{y}">{escape(line)}</text>')
    height = top + 14 + len(lines) * 17
    width = 2 * (COLUMN + MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="ChatMiMo beside other chat models"><style>{STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
