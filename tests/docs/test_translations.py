"""The Chinese pages match the English ones: headings, code, names, numbers, tables and links.

Section by section, a Chinese page has the names in backticks and the numbers of the English one, so
a change of an English page fails here until its translation follows.
"""

import ast
import os
import posixpath
import re
from collections import Counter

import pytest
from repository import ROOT

CHINESE = ROOT / "docs" / "zh"
PAIRS = {"README.md": "README.zh-CN.md"} | {
    f"docs/{page.name}": f"docs/zh/{page.name}" for page in sorted(CHINESE.glob("*.md"))
}
FRONT_PAGES = {"README.md", "docs/index.md"}  # their translations list more pages
FENCED = re.compile(r"^```(\w+[^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OUTPUTS = {'text title="Output"', 'text title="输出"'}
INDENTED = re.compile(r"(?:^    [^\n]*\n)+", re.MULTILINE)
LINK = re.compile(r"(!?)\[[^\]]*\]\((?!https?://)([^)]+)\)")
NAME = re.compile(r"`([^`]+)`")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
PROSE = re.compile(r"[ \n]|[^\x00-\x7f]|[.:?!]$")
HEADING = re.compile(r"^(?=#+ \S)", re.MULTILINE)


class WithoutProse(ast.NodeTransformer):
    """Replaces every string that contains prose by a placeholder."""

    def visit_Constant(self, node):
        is_prose = isinstance(node.value, str) and PROSE.search(node.value)
        return ast.Constant("…") if is_prose else node


def code_of(text):
    """Every code block, without comments and prose."""
    blocks = [code_block(info, code) for info, code in FENCED.findall(text)]
    shell = [("indented", without_comments(code)) for code in INDENTED.findall(prose_of(text))]
    return blocks + shell


def code_block(info, code):
    if info in OUTPUTS:  # a program that asks in Chinese prints something else
        return ("output",)
    if info.startswith("python"):
        return info, ast.dump(WithoutProse().visit(ast.parse(code)))
    return info, without_comments(code)


def without_comments(code):
    return [re.sub(r"(^|\s+)#.*", "", line).strip() for line in code.splitlines()]


def prose_of(text):
    return FENCED.sub("", text)


def sections_of(text):
    """The prose below each heading, with it and without links' targets."""
    return HEADING.split(LINK.sub(lambda link: link[0].split("](")[0], prose_of(text)))


def headings_of(text):
    """The level of each heading, and the names in it."""
    headings = re.findall(r"^(#+) (.+)$", prose_of(text), re.MULTILINE)
    return [(len(marks), sorted(NAME.findall(words))) for marks, words in headings]


def shape_of(section):
    """The first sign of each paragraph, table and list of a section, and how many items a list has."""
    text = re.sub(r"^<a id=.*|^\[English$|^<!--.*", "", section, flags=re.MULTILINE)
    blocks = [block for block in re.split(r"\n\s*\n", text) if block.strip()]
    return [
        (
            sign if (sign := block.strip()[0]) in "#|-!>" else "",
            len(re.findall(r"^- ", block, re.MULTILINE)),
        )
        for block in blocks
    ]


def names_of(section):
    return {re.sub(r"\s+", " ", name) for name in NAME.findall(section)}


def rows_of(text):
    """For each table row, each cell's names and numbers."""
    rows = [line.strip("|").split("|") for line in prose_of(text).splitlines() if line[:1] == "|"]
    return [
        [(sorted(NAME.findall(cell)), Counter(NUMBER.findall(cell))) for cell in row]
        for row in rows
    ]


def links_of(name):
    """The pages and drawings that a page links, from the repository's root."""
    text = prose_of((ROOT / name).read_text(encoding="utf-8"))
    folder = posixpath.dirname(name)
    return Counter(
        posixpath.normpath(posixpath.join(folder, link)) for _, link in LINK.findall(text)
    )


def in_chinese(link):
    """The same link to the page's translation, if there is one."""
    page, mark, anchor = link.partition("#")
    return PAIRS.get(page, page) + mark + anchor


@pytest.fixture(params=PAIRS, ids=str)
def names(request):
    """The names of an English page and of its translation."""
    return request.param, PAIRS[request.param]


@pytest.fixture
def pages(names):
    return [(ROOT / name).read_text(encoding="utf-8") for name in names]


def test_the_headings_are_the_same(pages):
    english, chinese = map(headings_of, pages)
    assert chinese == english


def test_the_code_is_the_same(pages):
    english, chinese = map(code_of, pages)
    assert chinese == english


def test_each_section_has_the_same_paragraphs_names_and_numbers(names, pages):
    for english, chinese in zip(*map(sections_of, pages), strict=True):
        title = english.partition("\n")[0]
        assert names_of(chinese) == names_of(english), title
        if names[0] not in FRONT_PAGES:
            assert shape_of(chinese) == shape_of(english), title
        missing = set(NUMBER.findall(english)) - set(NUMBER.findall(chinese))
        assert not missing, title


def test_the_tables_hold_the_same_names_and_numbers(pages):
    english, chinese = map(rows_of, pages)
    assert len(chinese) == len(english)
    for row, translated in zip(english, chinese, strict=True):
        assert translated == row


def test_the_links_lead_to_the_same_pages_in_chinese_where_there_are_such(names):
    page, translation = names
    expected = Counter(map(in_chinese, links_of(page).elements()))
    found = links_of(translation)
    if page in FRONT_PAGES:
        assert not expected.keys() - found.keys() - {translation}
        assert not found.keys() & PAIRS.keys() - FRONT_PAGES
    else:
        assert found == expected + Counter([page])


def test_the_english_page_is_linked_below_the_title(names):
    page, translation = names
    text = (ROOT / translation).read_text(encoding="utf-8")
    target = os.path.relpath(page, posixpath.dirname(translation))
    assert text.split("\n\n")[1] == f"[English]({target})"


def test_links_say_which_pages_are_in_english(names):
    page, translation = names
    text = prose_of((ROOT / translation).read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)]+)\)（英文）", text):
        target = posixpath.join(posixpath.dirname(translation), link.partition("#")[0])
        assert posixpath.normpath(target) not in PAIRS.values(), link
    if page not in FRONT_PAGES:  # where tables and lists would repeat it too often
        unmarked = re.sub(
            r"\]\(\.\./[^)]+\.md[^)]*\)（英文）|^\[English\].*|!\[.*", "", text, flags=re.MULTILINE
        )
        assert "](../" not in unmarked


def test_the_words_are_chinese(pages):
    words = re.sub(r"`[^`]*`|\([^)]*\)", "", prose_of(pages[1]))
    chinese = len(re.findall(r"[\u4e00-\u9fff]", words))
    assert chinese > len(re.findall(r"[A-Za-z]{2,}", words))
