"""Runs every Python block of the documentation, page by page, against the emulator.

The blocks of a page share one namespace and run in order, in a folder that contains image.png,
video.mp4 and audio.wav, with MIMO_API_KEY and MIMO_BASE_URL set; `await` works. A block that cannot
run here is fenced as "python notest".
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
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

FENCE = re.compile(
    r"^(?P<indent> *)```python(?P<info>[^\n]*)\n(?P<code>.*?)^ *```", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def blocks_of(page):
    """Yield the line number and the code of each block to run."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if match["info"].strip() != "notest":
            code = re.sub(f"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
            yield text.count("\n", 0, match.start("code")), code


def named(pages):
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


def run(code, page, line, namespace):
    """Run a block; tracebacks name the page and the line in it."""
    compiled = compile("\n" * line + code, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = types.FunctionType(compiled, namespace)()
    if inspect.iscoroutine(result):
        asyncio.run(result)


@pytest.fixture
def reader(media, tmp_path, monkeypatch):
    """An emulator and a folder with sample media, as a reader of a page has them."""
    for source, name in (
        (media.image, "image.png"),
        (media.video, "video.mp4"),
        (media.audio, "audio.wav"),
    ):
        shutil.copy(source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with MiMoEmulator(media_root={"https://example.com/": tmp_path}) as emulator:
        monkeypatch.setenv("MIMO_API_KEY", emulator.api_key)
        monkeypatch.setenv("MIMO_BASE_URL", emulator.base_url)
        yield emulator


@pytest.mark.parametrize("page", named(p for p in PAGES if any(blocks_of(p))))
def test_blocks_run(page, reader):
    # pickle looks up built-ins in the globals, which types.FunctionType does not add.
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    for line, code in blocks_of(page):
        run(code, page, line, namespace)


def test_the_readme_sends_every_kind_of_media(reader):
    test_blocks_run(README, reader)
    successful = [request for request in reader.requests if request.status == 200]
    assert len(successful) == len(reader.requests)
    assert {item.kind for request in successful for item in request.media} == {
        "image",
        "video",
        "audio",
    }
    assert any(request.body.get("stream") for request in successful)
    assert any(request.body.get("tools") for request in successful)


@pytest.mark.parametrize("page", named(PAGES))
def test_links_exist(page):
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
        inputs = [kind in model.inputs for kind in ("text", "image", "video", "audio")]
        assert [cell == "✓" for cell in cells[:4]] == inputs
        assert [cell == "✓" for cell in cells[4:6]] == [model.thinks, model.calls_tools]
        assert [int(cell) for cell in cells[7:]] == [model.context_tokens, model.max_output_tokens]


def table_rows(text):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
