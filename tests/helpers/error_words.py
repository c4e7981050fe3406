"""The index by words of docs/errors.md and of its translation.

What the first cells of its tables have in backticks are parts of messages; so are the first cells
of the table of connections. "…" stands for what varies.
"""

import functools
import re

from repository import ROOT

PAGES = [ROOT / "docs" / "errors.md", ROOT / "docs" / "zh" / "errors.md"]


def parts_by_area(page):
    """The parts of messages that the tables of a page list."""
    text = page.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)
    return [part for row in rows for part in re.findall(r"`([^`]+)`", row)]


def parts_of_connections(page):
    """The parts of messages that the table of connections lists."""
    text = page.read_text(encoding="utf-8")
    table = text.partition("### `MiMoConnectionError`")[2].partition("\n### ")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    cells = [re.split(r" \(a `|（`", row)[0].replace("`", "") for row in rows[1:]]
    return [cell.removeprefix("… ").strip("()") for cell in cells]


@functools.cache
def patterns_of(page):
    """One pattern for each part that a page lists."""
    parts = (*parts_by_area(page), *parts_of_connections(page))
    return [re.compile(".*?".join(map(re.escape, part.split("…"))), re.DOTALL) for part in parts]


def is_found_by_its_words(message):
    """Whether both pages list a part of a message."""
    return all(any(pattern.search(message) for pattern in patterns_of(page)) for page in PAGES)
