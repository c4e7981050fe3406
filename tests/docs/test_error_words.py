"""An error is found by its words: the tables of docs/errors.md list what the package says.

Each mistake in tests/first_contact and integration_tests/first_contact is looked up there too.
"""

import ast
import functools

import pytest
from error_words import PAGES, is_found_by_its_words, parts_by_area
from repository import ROOT

SAID_BY_OTHERS = {
    "Permission denied",
    "Address already in use",
    "Extra inputs are not permitted",
    "Not supported model",
}
"""Texts of the operating system and of MiMo's servers."""


@functools.cache
def texts_of_the_package():
    """All strings in the package but docstrings; what f-strings insert is "…"."""
    return [
        text
        for path in (ROOT / "langchain_mimo").rglob("*.py")
        for text in strings_of(ast.parse(path.read_text(encoding="utf-8")))
    ]


def strings_of(tree):
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if node not in docstrings:
                yield text
            case ast.JoinedStr(values=values):
                yield "".join(
                    part.value if isinstance(part, ast.Constant) else "…" for part in values
                )


def test_the_index_lists_what_the_package_says():
    parts = parts_by_area(PAGES[0])
    assert len(parts) > 100
    unknown = [
        piece
        for part in parts
        if part not in SAID_BY_OTHERS
        for piece in map(str.strip, part.split("…"))
        if piece and not any(piece in text for text in texts_of_the_package())
    ]
    assert not unknown


def test_both_pages_list_the_same_words_once():
    english, chinese = map(parts_by_area, PAGES)
    assert chinese == english
    assert len(set(english)) == len(english)


@pytest.mark.parametrize(
    "words",
    [
        "no folder is allowed",
        "its base64 has",
        "needs a model",
        "no API key for",
        "has no argument",
        "Invalid API Key",
        "used up max_completion_tokens",
        "empty body",
        "Permission denied",
        "has no result before",
        "without a finish_reason",
        "time_limit",
        "Matroska",
        "time limit",
        "has changed since",
    ],
)
def test_words_that_readers_searched_for_are_found(words):
    assert all(words in page.read_text(encoding="utf-8") for page in PAGES)


def test_other_words_are_not_found():
    assert not is_found_by_its_words("it went wrong")
