"""A text that a simple regular expression matches."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ATOM = re.compile(
    r"(?P<atom>\\.|\[\^?[^\]]+\]|\.|[^\\\[\](){}^$*+?|.])"
    r"(?P<count>\{(?P<least>\d+)(?:,\d*)?\}|[*+?])?\??"
)
_CLASSES = {r"\d": "0", r"\w": "a", r"\s": " ", ".": "a"}


def matching(pattern: str, candidates: Iterable[str]) -> str:
    """Return the first candidate that `pattern` matches, else a made text, else the first.

    Made texts serve patterns without groups and alternatives: classes, literals and counts.
    """
    offered = list(candidates) or [""]
    try:
        expression = re.compile(pattern)
    except re.error:
        return offered[0]
    for candidate in (*offered, _made(pattern)):
        if expression.search(candidate):
            return candidate
    return offered[0]


def _made(pattern: str) -> str:
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
