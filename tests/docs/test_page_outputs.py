"""The rules by which a page shows what its blocks print."""

import re

import pytest
from page_outputs import LINES, agrees, blocks_of, shown_form, with_outputs
from repository import ROOT

PAGE = """\
# Title

```python
print(1)
```

```text title="Output"
1
```

- A list.

  <!-- not run -->
  ```python title="main.py"
  print(2)
  ```

Text.

```text
no output, since no block of Python is above it
```
"""


def test_blocks_are_found_with_their_output():
    first, second = blocks_of(PAGE)
    assert (first.line, first.code, first.kind, first.output) == (3, "print(1)\n", "file", "1\n")
    assert (second.code, second.kind, second.output) == ("print(2)\n", "not run", None)


def test_commands_run_where_the_page_says_so():
    page = "```sh\nls\n```\n\n<!-- run -->\n```sh\npwd\n```\n"
    (block,) = blocks_of(page)
    assert (block.line, block.code, block.kind, block.output) == (6, "pwd\n", "run", None)
    assert blocks_of(with_outputs(page, ["/tmp\n"], "Output"))[0].output == "/tmp\n"


def test_outputs_are_replaced_added_and_removed():
    changed = with_outputs(PAGE, ["", "2\n\n3\n"], "Output")
    assert changed == PAGE.replace('\n```text title="Output"\n1\n```\n', "").replace(
        "  print(2)\n  ```\n",
        '  print(2)\n  ```\n\n  ```text title="Output"\n  2\n\n  3\n  ```\n',
    )
    assert with_outputs(changed, ["1\n", ""], "Output") == PAGE
    assert with_outputs(PAGE, ["1\n", None], "Output") == PAGE


@pytest.mark.parametrize(
    ("shown", "printed", "verdict"),
    [
        (None, "", True),
        (None, "\n", True),
        (None, "1\n", False),
        ("1\n", "", False),
        ("1\n", "1\n", True),
        ("1\n", "12\n", False),
        ("1\n", "21\n", False),
        ("a b\nc\n", "a  b c", True),
        ("ab\n", "a b", False),
        ("at 127.0.0.1:…/v1\n", "at 127.0.0.1:4711/v1\n", True),
        ("at 127.0.0.1:…/v1\n", "at 127.0.0.1:4711/v2\n", False),
        ("a\n…\n", "a\nb\nc\n", True),
        ("a\n…\n", "b\na\n", False),
        ("a\n…\nd\n", "a\nb\nd\n", True),
        ("1.5\n", "125\n", False),
    ],
)
def test_an_output_agrees_with_what_is_printed(shown, printed, verdict):
    assert agrees(shown, printed) is verdict


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("", ""),
        ("\n\n", ""),
        ("a  \n\n  b\n", "a\n\n  b\n"),
        ("/tmp/x/video.mp4", "…/video.mp4\n"),
        ("http://127.0.0.1:4711/v1", "http://127.0.0.1:…/v1\n"),
        ("call_0123456789abcdef chatcmpl-0123456789", "call_… chatcmpl-…\n"),
        ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "…\n"),
        ("e3b0c44298fc1c149afbf4c8996fb924 100000000000", "… 100000000000\n"),
        ("2026-10-09 2026-10-09T12:30:00.123", "2026-10-09 …\n"),
        ("4.0 s, 41,590 bytes, a tone of about 361 Hz", "4.0 s, … bytes, a tone of about … Hz\n"),
        ("{'cache_read': 320, 'video': 320}", "{'cache_read': …, 'video': 320}\n"),
        ("QUJD" * 40, "QUJD" * 10 + "…\n"),
        ("word " * 30, " ".join(["word"] * 17) + "\n" + " ".join(["word"] * 13) + "\n"),
    ],
)
def test_what_varies_is_left_out_and_long_lines_are_wrapped(printed, shown):
    assert shown_form(printed, "/tmp/x") == shown
    assert agrees(shown, printed)


def test_a_long_output_ends_with_an_ellipsis():
    printed = "".join(f"{number}\n" for number in range(100))
    shown = shown_form(printed, "/tmp/x")
    assert shown.splitlines() == [*map(str, range(LINES - 1)), "…"]
    assert agrees(shown, printed)
    assert len(shown_form("a\n" * LINES, "/tmp/x").splitlines()) == LINES


def pages():
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_blocks_that_do_not_run_show_no_output():
    blocks = [block for page in pages() for block in blocks_of(page.read_text(encoding="utf-8"))]
    assert not [block for block in blocks if block.kind == "not run" and block.output]


def test_no_output_depends_on_what_the_emulator_has_cached():
    """Readers run several pages against one emulator. docs/caches.md is about the cache itself."""
    for page in pages():
        assert not re.search(r"'cache_read': \d", page.read_text(encoding="utf-8")), page


def test_the_site_understands_the_first_line_of_every_block():
    """Superfences makes a paragraph of a block whose options it does not know."""
    fence = re.compile(r"^ *```(.+)$", re.MULTILINE)
    firsts = {info for page in pages() for info in fence.findall(page.read_text(encoding="utf-8"))}
    assert not [info for info in firsts if not re.fullmatch(r'[\w-]+( title="[^"]*")?', info)]


def test_every_python_block_is_found():
    for page in pages():
        text = page.read_text(encoding="utf-8")
        python = [block for block in blocks_of(text) if block.kind != "run"]
        assert len(re.findall(r"^ *```python", text, re.MULTILINE)) == len(python), page


def test_pages_whose_programs_need_langchain_say_how_to_install_it():
    for page in pages():
        text = page.read_text(encoding="utf-8")
        code = "".join(block.code for block in blocks_of(text))
        if re.search(r"^from (langchain|langgraph)[. ]", code, re.MULTILINE):
            assert re.search(r"pip install .*\blangchain( |`|$)", text, re.MULTILINE), page


def test_no_block_that_is_copied_has_prompts():
    for page in pages():
        assert not re.search(r"^ *(\$|>>>|PS>) ", page.read_text(encoding="utf-8"), re.MULTILINE), (
            page
        )
