"""What the name of a property says about its values."""

from __future__ import annotations

import re

_WORDS_OF_NAME = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
FREE_TEXT = frozenset(
    re.findall(
        r"\w+",
        "query question text prompt message content description input body note thought reason "
        "summary answer explanation comment",
    )
)
PROPER_NAMES = frozenset(
    re.findall(
        r"\w+",
        "name city location place country town region state address author person company customer "
        "destination origin recipient title who where",
    )
)
LINKS = frozenset(("email", "mail", "url", "uri", "link", "website"))
DATES = frozenset(("date", "day", "time", "datetime", "when", "start", "end", "deadline"))


def is_proper_name(property_name: str) -> bool:
    """Return whether a property's name suggests a proper name: city, customer_name and so on."""
    words = words_of(property_name)
    return bool(words) and words[-1] in PROPER_NAMES


def name_pattern(name: str) -> str:
    """Return a pattern for an identifier, also with spaces for its underscores."""
    return re.sub(r"[_-]+", r"[\\s_-]+", re.escape(name).replace(r"\-", "-"))


def words_of(name: str) -> list[str]:
    """Return the words of an identifier, in lower case: `customerName` is customer and name."""
    return [word.lower() for word in _WORDS_OF_NAME.findall(name)]
