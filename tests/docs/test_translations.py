"""The Chinese pages match the English ones: headings, code, tables, links."""

import ast
import re

import pytest
from repository import ROOT

PAIRS = {
    "README.md": "README.zh-CN.md",
    "docs/index.md": "docs/zh/index.md",
    "docs/getting-started.md": "docs/zh/getting-started.md",
}
FENCED = re.compile(r"^```(\w+[^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OUTPUTS = {'text title="Output"', 'text title="输出"'}
INDENTED = re.compile(r"(?:^    [^\n]*\n)+", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")


class WithoutProse(ast.NodeTransformer):
    """Replaces every string that contains prose by a placeholder."""

    def visit_Constant(self, node):
        is_prose = isinstance(node.value, str) and (
            " " in node.value or not node.value.isascii() or "\n" in node.value
        )
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


def headings_of(text):
    return [len(marks) for marks in re.findall(r"^(#+) \S", prose_of(text), re.MULTILINE)]


def rows_of(text):
    """The cells of every table row that are not prose."""
    rows = [line.strip("|").split("|") for line in prose_of(text).splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in row if re.fullmatch(r" [✓`\d\w.-]+ ", cell)] for row in rows]


@pytest.fixture(params=PAIRS, ids=str)
def pages(request):
    """The text of an English page and of its translation."""
    names = (request.param, PAIRS[request.param])
    return [(ROOT / name).read_text(encoding="utf-8") for name in names]


def test_the_headings_are_the_same(pages):
    english, chinese = map(headings_of, pages)
    assert chinese == english


def test_the_code_is_the_same(pages):
    english, chinese = map(code_of, pages)
    assert chinese == english


def test_the_tables_hold_the_same_names_and_numbers(pages):
    def figures(text):
        return [[c for c in row if re.search(r"\d|✓|`", c)] for row in rows_of(text)]

    english, chinese = map(figures, pages)
    assert chinese == english


def test_no_link_is_missing(pages):
    english, chinese = ({link.removeprefix("../") for link in LINK.findall(page)} for page in pages)
    translated = {name.removeprefix("docs/") for name in PAIRS.values()} | set(PAIRS.values())
    assert english - translated <= chinese


def test_the_words_are_chinese(pages):
    words = re.sub(r"`[^`]*`|\([^)]*\)", "", prose_of(pages[1]))
    chinese = len(re.findall(r"[\u4e00-\u9fff]", words))
    assert chinese > len(re.findall(r"[A-Za-z]{2,}", words))
