"""A tool call whose fragments are still arriving."""

from __future__ import annotations

import re

from langchain_mimo._json import SurrogateJoiner
from langchain_mimo._wire.json_values import Place, UnreadableError

_MARKS = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


class OpenCall:
    """A call whose fragments are still arriving.

    Its brackets are counted as they arrive, so that nobody has to parse the same arguments twice.

    Attributes:
        index: Its index among the response's calls, from 0.
        id: The first id that arrived, or None.
        name: Its name so far.
        pieces: The pieces of its arguments.
        joiner: Joins surrogates across the pieces that are given out as events.
        is_complete: Whether the arguments' last bracket is closed.
        is_certain: Whether all pieces before it became complete have a certain owner.
        is_blank: Whether there is nothing but white space so far.
        has_foreign_text: Whether pieces arrived under another id than its own.
        is_unclear: Whether a piece may belong to another call, or one of another may be missing.
        needs_arguments: Whether empty arguments may mean that they went elsewhere.
        moved_to: The index to which its id went on with its name, or None; a fragment with text at
            another index makes these two calls.
        needs_first: A call that must get arguments of its own, since without them this one may be
            its continuation; or None.
        is_released: Whether the call has been given out.
    """

    __slots__ = (
        "_depth", "_in_string", "_is_escaped", "has_foreign_text", "id", "index", "is_blank",
        "is_certain", "is_complete",
        "is_released", "is_unclear", "joiner", "moved_to", "name", "needs_arguments",
        "needs_first", "pieces",
    )  # fmt: skip

    def __init__(self, index: int, call_id: str | None, name: str) -> None:
        self.index = index
        self.id = call_id
        self.name = name
        self.pieces: list[str] = []
        self.joiner = SurrogateJoiner()
        self.is_complete = False
        self.is_certain = False
        self.has_foreign_text = False
        self.is_blank = True
        self.is_unclear = False
        self.needs_arguments = False
        self.moved_to: Place | None = None
        self.needs_first: OpenCall | None = None
        self.is_released = False
        self._depth = 0
        self._in_string = False
        self._is_escaped = False

    @property
    def text(self) -> str:
        """The arguments so far."""
        return "".join(self.pieces)

    def add(self, piece: str) -> None:
        """Add to the arguments.

        Raises:
            UnreadableError: The call has been given out without this piece.
        """
        self.pieces.append(piece)
        if not piece or piece.isspace():
            return
        if self.is_released:
            self.doubt()
        self.is_blank = False
        start = 1 if self._is_escaped else 0
        self._is_escaped = False
        for mark in _MARKS.findall(piece, start):
            if mark[0] == "\\":
                self._is_escaped = len(mark) == 1
            elif mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if mark in "{[" else -1
                self.is_complete = self.is_complete or self._depth <= 0

    def doubt(self) -> None:
        """Note that it is not certain which arguments are this call's.

        Raises:
            UnreadableError: The call has been given out.
        """
        if self.is_released:
            msg = f"further arguments arrived for tool call {self.index}, which was complete"
            raise UnreadableError(msg)
        self.is_unclear = True
