"""Draws the chart of the documentation as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from benchmarks.report import format_number
from benchmarks.sampling import Measure

PANELS = (
    (
        "import",
        "Import",
        ("core before ChatMiMo", "ChatMiMo", "ChatMistralAI", "ChatOpenAI", "ChatDeepSeek"),
    ),
    ("constructor", "Constructor", ("ChatMiMo", "ChatMistralAI", "ChatOpenAI")),
    ("invoke", "One call", None),
    ("ainvoke", "One call, async", None),
    ("stream, 32 per write", "Streaming chunks", None),
    ("astream, 32 per write", "Streaming chunks, async", None),
    ("v3 events", "Content-block events", None),
    ("encode 200 messages, 100 tool rounds", "Encoding 200 messages of an agent", None),
    ("200 streams at once", "200 streams at once", None),
    ("20 MB image, memory", "Memory to send a 20 MB image", None),
)
"""Measure, title, and the subjects to show; None shows all."""

WIDTH, COLUMN, ROW, HEAD, LABEL = 960, 480, 22, 44, 190
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 13px; }
  .note { fill: #57606a; }
  .bar { fill: #afb8c1; } .own { fill: #ff6700; } .floor { fill: #d8dee4; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note { fill: #8d96a0; }
    .bar { fill: #57606a; } .floor { fill: #30363d; }
  }"""


def _panel(measure: Measure, title: str, subjects: tuple[str, ...], left: int, top: int) -> str:
    unit = f"{measure.unit}, {'more' if measure.more_is_better else 'less'} is better"
    parts = [
        f'<text class="title" x="{left}" y="{top + 16}">{escape(title)}</text>',
        f'<text class="note" x="{left}" y="{top + 31}">{escape(unit)}</text>',
    ]
    largest = max(measure.median(each) for each in subjects)
    for at, subject in enumerate(subjects):
        y = top + HEAD + at * ROW
        value = measure.median(subject)
        length = max(1.0, (COLUMN - LABEL - 90) * value / largest)
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


def draw(measures: Mapping[str, Measure], caption: str) -> str:
    """Draw the panels whose measures were taken, two in a row, above a caption."""
    panels = [
        (measures[name], title, shown or tuple(measures[name].samples))
        for name, title, shown in PANELS
        if name in measures
    ]
    parts, top = [], 16
    for at in range(0, len(panels), 2):
        pair = panels[at : at + 2]
        for column, (measure, title, shown) in enumerate(pair):
            parts.append(_panel(measure, title, shown, 16 + column * COLUMN, top))
        top += HEAD + max(len(shown) for _, _, shown in pair) * ROW + 18
    lines = caption.split("\n")
    for at, line in enumerate(lines):
        parts.append(f'<text class="note" x="16" y="{top + 14 + at * 17}">{escape(line)}</text>')
    height = top + 14 + len(lines) * 17
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 16} {height}" role="img" '
        f'aria-label="ChatMiMo beside other chat models"><style>{STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
