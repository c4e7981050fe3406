r"""Strict JSON for tool-call arguments, and repair of lone surrogates.

MiMo generates bytes, so one character can be split over two deltas: a JSON text then contains
`\ud83d` without its other half. Such a string cannot be encoded as UTF-8, and one of them in a
conversation breaks every later request. Adjacent halves are joined; every other lone surrogate
becomes U+FFFD (seen with MiMo, GLM and Kimi: docs/api-facts.md).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

MAX_DEPTH = 100
"""Most levels of objects and arrays in the arguments of a call and in content blocks. No tool needs
as many; recursion over more would exhaust Python's stack, and orjson writes at most 254."""

REPLACEMENT = "\ufffd"
_HIGH_FIRST, _HIGH_LAST = "\ud800", "\udbff"

_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _reused_encoder() -> Callable[[Any, int], Iterable[str]] | None:
    """Return what `_ENCODER` makes anew for each call, without its note of circular references."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # as in PyPy
        return None
    write: Callable[[Any, int], Iterable[str]] = make(
        None,
        _ENCODER.default,
        json.encoder.encode_basestring,
        None,
        _ENCODER.key_separator,
        _ENCODER.item_separator,
        _ENCODER.sort_keys,
        _ENCODER.skipkeys,
        _ENCODER.allow_nan,
    )
    return write


_write = _reused_encoder()


def _reject_constant(name: str) -> Any:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        msg = "a number is too large"
        raise ValueError(msg)
    return number


_NESTED = (dict, list, tuple)  # a tuple: `dict | list | tuple` would be built for each test


def is_too_deep(value: object, limit: int = MAX_DEPTH) -> bool:
    """Return whether objects and arrays are nested more than `limit` levels deep."""
    level = [value] if isinstance(value, _NESTED) else []
    for _ in range(limit):
        if not level:
            return False
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, _NESTED)
        ]
    return bool(level)


def object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object that `json.loads` has read, for its `object_pairs_hook`.

    Raises:
        ValueError: A key occurs more than once: which of its values is meant is not certain.
    """
    result = dict(pairs)
    if len(result) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        msg = f"the key {twice[:100]!r} occurs more than once"
        raise ValueError(msg)
    return result


def strict_json(text: str) -> Any:
    """Parse JSON strictly.

    Raises:
        ValueError: The text is not JSON, or contains NaN, Infinity or a number as large, like
            1e999, or an object with a key that occurs more than once.
        RecursionError: It is nested too deeply.
    """
    return json.loads(
        text,
        parse_constant=_reject_constant,
        parse_float=_finite_float,
        object_pairs_hook=object_of_pairs,
    )


def clean_json(text: str) -> Any:
    """Parse JSON strictly and repair lone surrogates in its strings.

    Raises:
        ValueError: As `strict_json`.
        RecursionError: It is nested too deeply.
    """
    value = strict_json(text)
    return without_lone_surrogates(value) if "\\u" in text or not text.isascii() else value


def without_lone_surrogates(value: Any) -> Any:
    """Return parsed JSON with the lone surrogates in its strings repaired.

    Raises:
        ValueError: Two keys of an object become the same one.
        RecursionError: It is nested too deeply.
    """
    written = dump_json(value)
    clean = join_surrogates(written)
    return value if clean == written else strict_json(clean)


def strict_object(text: str) -> dict[str, Any] | None:
    """Parse a JSON object strictly.

    Args:
        text: The JSON text; white space around the object is allowed.

    Returns:
        The object, or None for anything else, including an object with NaN or Infinity, and one
        that is nested more than `MAX_DEPTH` levels deep.
    """
    if not text.startswith("{") and not text.lstrip().startswith("{"):
        return None
    try:
        value = strict_json(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and not is_too_deep(value) else None


def dump_json(value: Any) -> str:
    """Write JSON the way models write call arguments: spaces after separators, no escapes.

    Raises:
        TypeError: JSON has no such value.
        ValueError: The value contains itself.
        RecursionError: It is nested too deeply.
    """
    if _write is not None:
        try:
            return "".join(_write(value, 0))
        except RecursionError:
            pass  # `_ENCODER` tells a value that contains itself apart
    return _ENCODER.encode(value)


def join_surrogates(text: str) -> str:
    """Return `text` with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class SurrogateJoiner:
    """Joins surrogates across the pieces of a stream.

    A high surrogate at the end of a piece is held until the next piece arrives.

    Attributes:
        held: The surrogate held, or "". While it is "", ASCII text need not be fed.
    """

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = ""

    def feed(self, piece: str) -> str:
        """Return the complete characters of the held surrogate, if any, followed by `piece`."""
        if not self.held and piece.isascii():
            return piece
        piece = self.held + piece
        self.held = ""
        if piece and _HIGH_FIRST <= piece[-1] <= _HIGH_LAST:
            piece, self.held = piece[:-1], piece[-1]
        return join_surrogates(piece)

    def flush(self) -> str:
        """Return U+FFFD if a surrogate is still held at the end of the stream, else ""."""
        held, self.held = self.held, ""
        return REPLACEMENT if held else ""
