r"""Lone surrogates: MiMo's byte-level output can split a character over two deltas.

A JSON text may hold `\ud83d` without its other half; such a string cannot be encoded as UTF-8, so
one of them in a conversation breaks every later request. Halves that meet are joined, all others
become U+FFFD (seen with MiMo, GLM and Kimi: mimo-api.md §7).
"""

from __future__ import annotations

REPLACEMENT = "\ufffd"
_HIGH_FIRST, _HIGH_LAST = "\ud800", "\udbff"


def whole(text: str) -> str:
    """Return `text` with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class SurrogateJoiner:
    """Makes a stream of text pieces whole: a trailing half waits for the next piece."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what of `piece`, and of a half held back before it, is whole."""
        if not self._held and piece.isascii():
            return piece
        piece = self._held + piece
        self._held = ""
        if piece and _HIGH_FIRST <= piece[-1] <= _HIGH_LAST:
            piece, self._held = piece[:-1], piece[-1]
        return whole(piece)

    def flush(self) -> str:
        """Return U+FFFD for a half that never met its other half, else ""."""
        held, self._held = self._held, ""
        return REPLACEMENT if held else ""
