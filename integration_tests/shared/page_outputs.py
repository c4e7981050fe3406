"""The programs of a documentation page, and the output that the page shows below each.

A block that prints is followed by a block that shows what it printed:

    ```text title="Output"
    The image shows a red square.
    ```

In pages in Chinese its title is "输出". A comment on the line above a block, which no reader sees,
says how the block is meant: `<!-- not run -->`, or `<!-- notebook -->` for a cell of a notebook.
Blocks of Python without it run. Blocks of the shell run with `<!-- run -->` only.

Two rules compare an output with what was printed:

- "…" stands for any text, also for several lines.
- Any white space equals any other, so long lines may be wrapped.

`shown_form` makes the text of such a block: values that differ between runs (folders, ports, ids,
digests, times, cached tokens) or between encoders (sizes, tones) become "…", lines are wrapped at 86 columns,
which fit a page of the site, and a long output ends with "…".
"""

import dataclasses
import itertools
import re
import textwrap

COLUMNS = 86
LINES = 15

BLOCK = re.compile(
    r"(?:^ *<!-- (?P<kind>not run|notebook|run) -->\n)?"
    r'^(?P<indent> *)```(?:python(?: title="[^"\n]*")?|(?<=<!-- run -->\n```)sh)\n'
    r"(?P<code>.*?)^ *```\n"
    r'(?:\n*(?P=indent)```text title="(?:Output|输出)"\n(?P<output>.*?)^ *```\n)?',
    re.MULTILINE | re.DOTALL,
)

VARYING = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:…"),
    (re.compile(r"\b(call|chatcmpl|msg|lc_run-|run|req)([-_])[\w-]{8,}"), r"\1\2…"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "…"),
    (re.compile(r"\b(?=\d*[a-f])[0-9a-f]{12,}\b"), "…"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?"), "…"),
    (re.compile(r"\b[\d,]+(?= (bytes|bit/s)\b)|(?<='size': )\d+|(?<=about )\d+(?= Hz)"), "…"),
    (re.compile(r"(?<='cache_read': )\d+"), "…"),
    (re.compile(r"([A-Za-z0-9+/]{40})[A-Za-z0-9+/]{80,}=*"), r"\1…"),
)


@dataclasses.dataclass(frozen=True)
class Block:
    """A program of a page.

    Attributes:
        line: The number of lines above its code.
        code: Its code, without the indentation of the block.
        kind: "file", "notebook" or "not run" for Python; "run" for commands of the shell.
        output: The output that the page shows, None if it shows none.
    """

    line: int
    code: str
    kind: str
    output: str | None


def blocks_of(text):
    """The programs of a page, in order."""
    return [
        Block(
            line=text.count("\n", 0, match.start("code")),
            code=dedented(match["code"], match["indent"]),
            kind=match["kind"] or "file",
            output=match["output"] and dedented(match["output"], match["indent"]),
        )
        for match in BLOCK.finditer(text)
    ]


def dedented(text, indent):
    return re.sub(f"^{indent}", "", text, flags=re.MULTILINE)


def agrees(shown, printed):
    """Whether the output in a page (None: none) is what was printed."""
    if not (shown or "").strip():
        return not printed.strip()
    pieces = (re.escape(" ".join(piece.split())) for piece in shown.split("…"))
    pattern = r"\s*.*?\s*".join(pieces)
    return re.fullmatch(pattern, " ".join(printed.split()), re.DOTALL) is not None


def shown_form(printed, folder):
    """What a page shows of an output.

    Args:
        printed: The output.
        folder: The folder in which the block ran.
    """
    if not printed.strip():
        return ""
    text = printed.replace(str(folder), "…")
    for pattern, replacement in VARYING:
        text = pattern.sub(replacement, text)
    lines = [
        piece
        for line in text.strip("\n").splitlines()
        for piece in textwrap.wrap(
            line.rstrip(),
            COLUMNS,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
        or [""]
    ]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], "…"]
    return "\n".join(lines) + "\n"


def with_outputs(text, outputs, title):
    """A page with these outputs.

    Args:
        text: The page.
        outputs: For each program the text to show below it, "" or None for nothing.
        title: The title of the output blocks.
    """
    remaining = iter(outputs)

    def with_output(match):
        output, indent = next(remaining), match["indent"]
        block = re.match(r".*?^ *```\n", match[0], re.MULTILINE | re.DOTALL)[0]
        if not output:
            return block
        lines = [f'```text title="{title}"', *output.splitlines(), "```"]
        return block + "\n" + "".join(f"{indent}{line}".rstrip() + "\n" for line in lines)

    new = BLOCK.sub(with_output, text)
    assert not list(itertools.islice(remaining, 1)), "more outputs than blocks"
    return new
