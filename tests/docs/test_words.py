"""Pages use one word per thing; the glossaries list the words and those that they replace."""

import re

import pytest
from repository import ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
OTHER_WORDS = re.compile(
    r"\b(sounds?|clips?|films?|pictures?|recordings?|thoughts|mends?|anew)\b"
    r"|图像|照片|影片|录像|多媒体|思维链|思考过程|推理模式|答复|回复|应答|函数调用|修补|预估|仿真",
    re.IGNORECASE,
)
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_the_words_of_the_glossary(page):
    text = page.read_text(encoding="utf-8")
    if page.name == "glossary.md":  # the words to avoid have a column of their own
        text = re.sub(r"^\|.*", "", text, flags=re.MULTILINE)
    found = [match[0] for match in OTHER_WORDS.finditer(CODE.sub("", text))]
    assert not found, f"{page.name}: docs/glossary.md has the words to use"
