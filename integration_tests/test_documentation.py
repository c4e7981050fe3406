"""Runs the programs of the documentation, page by page, against the emulator.

The blocks of a page share one namespace and run in order, in a folder that contains image.png,
video.mp4 and audio.wav, with MIMO_API_KEY and MIMO_BASE_URL set. Each is compiled as a file is, so
`await` stands in functions; below `<!-- notebook -->` stands a cell of a notebook, where `await` may
stand alone, and below `<!-- not run -->` a block that cannot run here. Below `<!-- run -->` stand
commands of the shell; they run in the same folder, which has the repository's `docs` too.

The page shows what a block prints (`page_outputs` has the rules). This writes all outputs that are
missing or wrong into the pages:

    python -m pytest integration_tests/test_documentation.py --update-outputs
"""

import ast
import asyncio
import builtins
import contextlib
import inspect
import io
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
import sample_media
from page_outputs import COLUMNS, agrees, blocks_of, shown_form, with_outputs
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

LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def named(pages):
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


def with_blocks(pages):
    return named(page for page in pages if blocks_of(page.read_text(encoding="utf-8")))


def run(block, page, namespace):
    """What a block prints. Tracebacks name the page and the line in it."""
    if block.kind == "run":
        return run_commands(block.code)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if block.kind == "notebook" else 0
    code = compile("\n" * block.line + block.code, str(page), "exec", flags=flags)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        result = types.FunctionType(code, namespace)()
        if inspect.iscoroutine(result):
            asyncio.run(result)
    return printed.getvalue()


def run_commands(code):
    """What commands print in a shell whose virtual environment is activated, without a key."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MIMO_")}
    environment = {**kept, "PATH": path, "COLUMNS": str(COLUMNS), "PYTHONIOENCODING": "utf-8"}
    process = subprocess.run(
        ["sh", "-ec", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert process.returncode == 0, process.stdout
    return process.stdout


def outputs_of(page, blocks):
    """What each block of a page prints; None for a block that does not run here."""
    # pickle looks up built-ins in the globals, which types.FunctionType does not add.
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    return [None if block.kind == "not run" else run(block, page, namespace) for block in blocks]


@pytest.fixture(scope="session")
def lecture(tmp_path_factory):
    """The video that docs/examples/sample_media.py makes to be planned and cut."""
    return sample_media.make_lecture(tmp_path_factory.mktemp("lecture") / "lecture.mkv")


@pytest.fixture
def reader(media, lecture, tmp_path, monkeypatch):
    """An emulator and a folder with sample media, as a reader of a page has them."""
    for source, name in (
        (media.image, "image.png"),
        (media.video, "video.mp4"),
        (media.audio, "audio.wav"),
        (lecture, "lecture.mkv"),
    ):
        shutil.copy(source, tmp_path / name)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    with MiMoEmulator() as emulator:  # as docs/getting-started.md starts it
        monkeypatch.setenv("MIMO_API_KEY", emulator.api_key)
        monkeypatch.setenv("MIMO_BASE_URL", emulator.base_url)
        yield emulator


@pytest.mark.parametrize("page", with_blocks(PAGES))
def test_a_page_shows_what_its_blocks_print(page, reader, tmp_path, request):
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    printed = outputs_of(page, blocks)
    right = [
        block.output if agrees(block.output, output or "") else shown_form(output or "", tmp_path)
        for block, output in zip(blocks, printed, strict=True)
    ]
    if request.config.getoption("update_outputs"):
        title = "输出" if "zh" in str(page.relative_to(ROOT)) else "Output"
        text = page.read_text(encoding="utf-8")
        page.write_text(with_outputs(text, right, title), encoding="utf-8")
        return
    wrong = [
        f"line {block.line}: the block prints\n\n{output}\nand the page shows {block.output}"
        for block, output in zip(blocks, right, strict=True)
        if block.output != output
    ]
    assert not wrong, "\n".join([*wrong, "--update-outputs writes the outputs into the pages"])


def test_the_readme_sends_every_kind_of_media(reader):
    outputs_of(README, blocks_of(README.read_text(encoding="utf-8")))
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
