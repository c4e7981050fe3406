"""The diagrams of the documentation are what .ci/draw.py makes of the token arithmetic."""

import importlib.util

import pytest
from repository import ROOT

spec = importlib.util.spec_from_file_location("draw", ROOT / ".ci" / "draw.py")
draw = importlib.util.module_from_spec(spec)
spec.loader.exec_module(draw)


@pytest.mark.parametrize("name", draw.DRAWINGS)
def test_the_drawing_is_up_to_date(name):
    saved = (draw.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert saved == draw.drawn(name), "run python .ci/draw.py"


def test_every_drawing_is_shown():
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    for name in draw.DRAWINGS:
        assert f"](assets/drawings/{name}.svg)" in pages
