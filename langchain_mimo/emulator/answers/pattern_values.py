"""Strings that match a simple regular expression."""

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
