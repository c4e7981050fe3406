"""Pages use one word per thing; docs/glossary.md lists the words and those that they replace."""

import re

import pytest
from repository import ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
OTHER_WORDS = re.compile(
    r"\b(sounds?|clips?|films?|pictures?|recordings?|thoughts|mends?|anew)\b", re.IGNORECASE
)
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_the_words_of_the_glossary(page):
    text = page.read_text(encoding="utf-8")
    if page.name == "glossary.md":  # the words to avoid have a column of their own
        text = re.sub(r"^\|.*", "", text, flags=re.MULTILINE)
    found = [match[0] for match in OTHER_WORDS.finditer(CODE.sub("", text))]
    assert not found, f"{page.name}: docs/glossary.md has the words to use"
