"""Every Python block of the README and of docs/ is run, page by page, against the emulator.

The blocks of a page share one namespace and run in order, in a folder that holds picture.png,
clip.mp4 and sound.wav, with MIMO_API_KEY and MIMO_BASE_URL set; `await` works. A block that cannot
be run here is fenced as "python notest".
"""

import ast
import asyncio
import builtins
import inspect
import re
import shutil
import types

import pytest
from repository import ROOT

from langchain_mimo import catalogue
from langchain_mimo.emulator import MiMoEmulator

README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "README.zh-CN.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

FENCE = re.compile(
    r"^(?P<indent> *)```python(?P<info>[^\n]*)\n(?P<code>.*?)^ *```", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def blocks_of(page):
    """Yield the line and the code of each block that is to be run."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if match["info"].strip() != "notest":
            code = re.sub(f"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
            yield text.count("\n", 0, match.start("code")), code


def named(pages):
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


def run(code, page, line, namespace):
    """Run a block; errors name the page and its own line."""
    compiled = compile("\n" * line + code, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = types.FunctionType(compiled, namespace)()
    if inspect.iscoroutine(outcome):
        asyncio.run(outcome)


@pytest.fixture
def newcomer(media, tmp_path, monkeypatch):
    """The place of somebody who follows a page."""
    for source, name in (
        (media.image, "picture.png"),
        (media.video, "clip.mp4"),
        (media.audio, "sound.wav"),
    ):
        shutil.copy(source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with MiMoEmulator(media_root={"https://example.com/": tmp_path}) as emulator:
        monkeypatch.setenv("MIMO_API_KEY", emulator.api_key)
        monkeypatch.setenv("MIMO_BASE_URL", emulator.base_url)
        yield emulator


@pytest.mark.parametrize("page", named(p for p in PAGES if any(blocks_of(p))))
def test_blocks_run(page, newcomer):
    # pickle looks for the built-ins in the globals, where a function made by hand has none.
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    for line, code in blocks_of(page):
        run(code, page, line, namespace)


def test_the_readme_asks_about_every_kind_of_medium(newcomer):
    test_blocks_run(README, newcomer)
    answered = [request for request in newcomer.requests if request.status == 200]
    assert len(answered) == len(newcomer.requests)
    assert {medium.kind for request in answered for medium in request.media} == {
        "image",
        "video",
        "audio",
    }
    assert any(request.body.get("stream") for request in answered)
    assert any(request.body.get("tools") for request in answered)


@pytest.mark.parametrize("page", named(PAGES))
def test_links_lead_somewhere(page):
    broken = [
        link
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert not broken


def test_the_readme_shows_the_two_commands_and_the_models():
    text = README.read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
    rows = {row[0]: row[1:] for row in table_rows(text) if row[0].startswith("`mimo-")}
    assert set(rows) == {f"`{name}`" for name in catalogue.current_ids()}
    for name, cells in rows.items():
        model = catalogue.MODELS[name.strip("`")]
        takes = [kind in model.inputs for kind in ("text", "image", "video", "audio")]
        assert [cell == "✓" for cell in cells[:4]] == takes
        assert [cell == "✓" for cell in cells[4:6]] == [model.thinks, model.calls_tools]
        assert [int(cell) for cell in cells[7:]] == [model.context_tokens, model.max_output_tokens]


def table_rows(text):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
