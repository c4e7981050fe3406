"""Generates numbers, truth values and strings for the properties of a schema.

They come from what the prompt offers, or from the media that an answer is about.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from langchain_mimo.emulator.answers.moments import (
    describes_media,
    is_told_of_media,
    time_role,
)
from langchain_mimo.emulator.answers.number_values import (
    in_bounds,
    nearest_in_bounds,
    number_in_range,
)
from langchain_mimo.emulator.answers.pattern_values import matching_text
from langchain_mimo.emulator.answers.patterns import Steps
from langchain_mimo.emulator.answers.property_names import (
    DATES,
    FREE_TEXT,
    LINKS,
    is_proper_name,
    name_pattern,
    words_of,
)
from langchain_mimo.emulator.answers.words import PromptValues, mentions

MAX_CHARACTERS = 200_000
"""Characters of all strings and constants of an answer; what comes after them is null or short."""

MAX_TEXT = 200
STRING = r"\"[^\"]+\"|'[^'\n]+'|“[^”]+”|「[^」]+」"
_EXPRESSION_NAME = re.compile(r"expression|formula|equation|calculation", re.IGNORECASE)
_EXPRESSION = re.compile(r"[-(]*\d[\d\s.+\-*/×÷^%()]*[\d)]")
NEGATION = r"(?:no|not|without|don't|disable|off)"
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "12:00:00",
    "email": "user@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class ScalarValues:
    """Finds single values.

    Args:
        offered: The values to use; those that are used are removed.
        shape: Changes each string that has a `pattern`, given the string and the pattern.

    Attributes:
        offered: The values that are left.
        characters: How many characters an answer may still have.
    """

    def __init__(
        self, offered: PromptValues, shape: Callable[[str, str], str] | None = None
    ) -> None:
        self.offered = offered
        self.characters = MAX_CHARACTERS
        self._shape = shape
        self._steps = Steps()

    def number(self, schema: Mapping[str, Any], name: str, *, integer: bool) -> int | float:
        """Return a number for a property."""
        seconds = self._seconds_of_media(name)
        if seconds is not None:
            return nearest_in_bounds(seconds, schema, integer=integer)
        value = self._number_found(name)
        if value is not None:
            value = int(value) if integer or value.is_integer() else value
            if in_bounds(value, schema):
                if value in self.offered.numbers:
                    self.offered.numbers.remove(value)
                return value
        for index, number in enumerate(self.offered.numbers):
            if in_bounds(number, schema) and (not integer or float(number).is_integer()):
                del self.offered.numbers[index]
                return int(number) if integer else number
        default = schema.get("default")
        if isinstance(default, bool) or not isinstance(default, int | float):
            default = None
        if default is not None and in_bounds(default, schema):
            return default
        return number_in_range(schema, integer=integer)

    def _number_found(self, name: str) -> float | None:
        """Return the number that the prompt or a fact gives for a property, or None."""
        found = self._labelled_value(name, r"-?\d+(?:\.\d+)?") or self.offered.facts.get(
            name.lower()
        )
        if not isinstance(found, str | int | float) or isinstance(found, bool):
            return None
        try:
            value = float(found)
        except (ValueError, OverflowError):
            return None
        return value if math.isfinite(value) else None

    def boolean(self, schema: Mapping[str, Any], name: str) -> bool:
        """Return a truth value for a property."""
        phrase = re.sub(r"[_-]+", " ", name)
        if self.offered.text and re.search(
            rf"\b{NEGATION}\s+(?:\w+\s+)?{re.escape(phrase)}", self.offered.text, re.IGNORECASE
        ):
            return False
        found = self._labelled_value(name, r"\w+")
        if found:
            return found.lower() in {"true", "yes", "on", "1"}
        fact = self.offered.facts.get(name.lower())
        if isinstance(fact, bool):
            return fact
        if mentions(self.offered.text, name):
            return True
        default = schema.get("default")
        return default if isinstance(default, bool) else True

    def string(self, schema: Mapping[str, Any], name: str) -> str:
        """Return a text for a property."""
        value = self._string_found(schema, name)
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", MAX_TEXT))
        value = value[:most].ljust(min(least, self.characters), ".")
        self.characters -= len(value)
        pattern = schema.get("pattern")
        return value if self._shape is None or not pattern else self._shape(value, pattern)

    def _string_found(self, schema: Mapping[str, Any], name: str) -> str:
        offered = self.offered
        of_media = None if schema.keys() & {"format", "pattern"} else self._of_media(name)
        if of_media is not None:
            return of_media
        found = self._labelled_value(name, rf"{STRING}|[\w@./:+-]+") or self._followed_by_string(
            name
        )
        if found:
            value = found.strip("\"'“”「」")
            offered.quoted = [one for one in offered.quoted if one != value]
            return value
        if name.lower() in offered.facts:
            return str(offered.facts[name.lower()])
        form = schema.get("format")
        if form in _FORMATS:
            pool = offered.dates if "date" in form or form == "time" else offered.links
            return pool.pop(0) if pool else _FORMATS[form]
        if schema.get("pattern"):
            return self._matching(schema["pattern"], schema)
        return self._free_text(schema, name)

    def _seconds_of_media(self, name: str) -> float | None:
        """Return a time in the media of the request, or None if a property is for others."""
        offered = self.offered
        if offered.moment is not None:
            return offered.moment.seconds_of(name)
        if offered.tells_media and offered.about_media and time_role(name) == "duration":
            return offered.about_media().seconds_of(name) or None
        return None

    def _of_media(self, name: str) -> str | None:
        """Return a text about the media of the request, or None if a property is about others."""
        offered = self.offered
        if offered.moment is not None:
            return offered.moment.text_of(name)
        if offered.about_media is None or not offered.tells_media:
            return None
        if describes_media(name) and offered.descriptions:
            several = len(offered.descriptions) > 1
            return offered.descriptions.pop(0) if several else offered.descriptions[0]
        return offered.about_media().text_of(name) if is_told_of_media(name) else None

    def _free_text(self, schema: Mapping[str, Any], name: str) -> str:
        offered = self.offered
        if _EXPRESSION_NAME.search(name) and (match := _EXPRESSION.search(offered.text)):
            return match.group().strip()
        pool = next((pool for pool in self._pools(name) if pool), None)
        if pool is not None:
            return pool.pop(0)
        default = schema.get("default")
        return default if isinstance(default, str) else offered.text or name or "text"

    def _pools(self, name: str) -> list[list[str]]:
        """Return the lists to take a string from, chosen by the property's name."""
        offered = self.offered
        words = words_of(name)
        last = words[-1] if words else ""
        if last in FREE_TEXT:
            return [offered.quoted, offered.descriptions]
        if LINKS.intersection(words):
            return [offered.links, offered.quoted]
        if DATES.intersection(words) and offered.dates:
            return [offered.dates]
        if is_proper_name(name):
            return [offered.names, offered.quoted, offered.objects]
        return [
            *(offered.quoted, offered.names, offered.objects, offered.dates, offered.links),
            offered.descriptions,
        ]

    def _followed_by_string(self, name: str) -> str | None:
        """Find a quoted string right after the property's name, such as `titled 'x'`."""
        words = words_of(name)
        for label in (name_pattern(name), re.escape(words[-1]) if words else ""):
            if not (label and self.offered.text):
                continue
            pattern = rf"\b{label}(?:d|ed)?\s+({STRING})"
            match = re.search(pattern, self.offered.text, re.IGNORECASE)
            if match:
                return match.group(1)
        return None

    def _matching(self, pattern: str, schema: Mapping[str, Any]) -> str:
        offered = self.offered
        candidates = [*offered.quoted, *offered.names, *offered.dates, *offered.links]
        candidates += [str(number) for number in offered.numbers] + offered.text.split()
        candidates += [str(example) for example in schema.get("examples") or ()]
        candidates.append(str(schema.get("default", "text")))
        return matching_text(pattern, candidates, self._steps)

    def _labelled_value(self, name: str, value: str) -> str | None:
        """Find `name = value`, `name: value`, or, for longer names, `name is value`."""
        if not (name and self.offered.text):
            return None
        link = r"\s*[\"'`]?\s*[=:]\s*" if len(name) < 3 else r"\s*[\"'`]?\s*(?:[=:]|\bis\b)\s*"
        match = re.search(
            rf"(?<!\w){name_pattern(name)}{link}({value})", self.offered.text, re.IGNORECASE
        )
        return match.group(1) if match else None
