"""Strings for the `pattern` of a schema: matching ones, and ones cut to a complete match."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ATOM = re.compile(
    r"(?P<atom>\\.|\[\^?[^\]]+\]|\.|[^\\\[\](){}^$*+?|.])"
    r"(?P<count>\{(?P<least>\d+)(?:,\d*)?\}|[*+?])?\??"
)
_CLASSES = {r"\d": "0", r"\w": "a", r"\s": " ", ".": "a"}


def matching_text(pattern: str, candidates: Iterable[str]) -> str:
    """Return the first candidate that matches, else a generated text, else the first candidate.

    A text is generated for patterns of classes, literals and counts, without groups and
    alternatives.
    """
    texts = list(candidates) or [""]
    try:
        expression = re.compile(pattern)
    except re.error:
        return texts[0]
    for text in (*texts, _generate(pattern)):
        if expression.search(text):
            return text
    return texts[0]


def complete_match(text: str, pattern: str) -> str:
    """Return the longest beginning of a text that is a complete match of a pattern.

    If there is none, return the first match in the text, else a generated one, else the text.
    """
    try:
        expression = re.compile(pattern)
    except re.error:
        return text
    for end in range(len(text), -1, -1):
        if expression.fullmatch(text[:end]):
            return text[:end]
    found = expression.search(text) or expression.search(_generate(pattern))
    return found.group() if found else text


def _generate(pattern: str) -> str:
    text = ""
    for match in _ATOM.finditer(pattern.removeprefix("^").removesuffix("$")):
        count = match.group("count") or ""
        least = int(match.group("least") or (0 if count in {"*", "?"} else 1))
        text += _character(match.group("atom")) * least
    return text


def _character(atom: str) -> str:
    if atom in _CLASSES:
        return _CLASSES[atom]
    if atom.startswith("\\"):
        return atom[1]
    if not atom.startswith("["):
        return atom
    one = re.compile(atom)
    return next((chr(code) for code in (97, 65, 48, *range(32, 127)) if one.match(chr(code))), "")
