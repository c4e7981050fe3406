"""Assembles tool calls from the fragments of a stream, however servers use index, id and name.

A fragment has an index, an id, a name and a piece of the arguments, and servers leave out, repeat
or change each of them. What a fragment belongs to is decided in this order:

1. **The index.** A known index stands for the call that began there last. A fragment without an
   index belongs to the call with its id, else to the call that began last.
2. **The name.** A fragment without a name continues its call, whatever its id; so does one that
   repeats the name while the arguments are no complete object. The first id of a call stays.
   A second call at the same index needs a name, and a first call that is complete.
3. **Doubt.** If a piece may belong to another call than the one found, none of these calls is
   certain. They end as invalid calls, with what arrived: a call with the arguments of another one
   is never given out. Empty arguments mean "no arguments" only if no such doubt is possible.

A call is released once a later call has started and its arguments are a complete object, otherwise
at the end of the response. More arguments for a released call make the response unreadable.
Each fragment costs its own length: arguments are joined and parsed once, when a call is released.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_mimo._wire.json_values import Place, items, mapping, place, word
from langchain_mimo._wire.to_langchain.open_call import OpenCall
from langchain_mimo._wire.to_langchain.tool_calls import (
    FinishedCall,
    ReviseCall,
    finish_call,
    read_function,
)


class CallAssembler:
    """Assembles the calls of one response; see the module.

    Args:
        revise: Changes each finished call, or None.
    """

    __slots__ = (
        "_at", "_by_id", "_calls", "_has_news", "_has_strays", "_ids", "_open", "_released",
        "_revise", "_rivals", "_shared_ids",
    )  # fmt: skip

    def __init__(self, revise: ReviseCall | None = None) -> None:
        self._revise = revise
        self._calls: list[OpenCall] = []
        # The call that began last at each index, and the call of each first id.
        self._at: dict[Place, OpenCall] = {}
        self._by_id: dict[str, OpenCall] = {}
        # Calls whose arguments are not complete, by their index in the response; and those of them
        # that were followed by a second call at the same index.
        self._open: dict[int, OpenCall] = {}
        self._rivals: dict[Place, list[OpenCall]] = {}
        # Ids that several calls have, which tell nothing.
        self._shared_ids: set[str] = set()
        # Whether arguments arrived that do not certainly belong to the call they were added to.
        # From then on, no call becomes certain any more.
        self._has_strays = False
        self._released = 0
        self._ids: set[str] = set()
        # Whether `release` can find something new.
        self._has_news = False

    def __bool__(self) -> bool:
        """Whether any call has started."""
        return bool(self._calls)

    @property
    def count(self) -> int:
        """Number of calls that have started."""
        return len(self._calls)

    @property
    def contents(self) -> list[tuple[str, str]]:
        """Name and arguments of each call so far."""
        return [(call.name, call.text) for call in self._calls]

    @staticmethod
    def contents_of(calls: Sequence[Any]) -> list[tuple[str, str]]:
        """Return the same of the calls of a complete message."""
        functions = (read_function(mapping(call, "a tool call")) for call in calls)
        return [(name or "", text) for name, text in functions]

    def feed(self, fragments: object) -> list[tuple[int, str]]:
        """Add the `tool_calls` of one delta.

        Args:
            fragments: The value of `tool_calls`: a list, a lone object, or None.

        Returns:
            For each fragment, the index of its call and the text that it adds to the call's
            arguments. Half a surrogate pair is held back until the other half arrives.

        Raises:
            UnreadableError: It is something else, or continues a call that has been released.
        """
        return [self._add(mapping(each, "a tool call")) for each in items(fragments, "tool_calls")]

    def id_and_name(self, index: int) -> tuple[str | None, str]:
        """Return a call's id, None while unknown, and its name."""
        call = self._calls[index]
        return call.id, call.name

    def _add(self, fragment: Mapping[str, Any]) -> tuple[int, str]:
        where, call_id = fragment.get("index"), fragment.get("id")
        if type(where) is not int:
            where = place(where)
        if call_id is not None:
            call_id = word(call_id)
        name, piece = read_function(fragment)
        if name is None and call_id is None and where in self._at and where not in self._rivals:
            call = self._at[where]  # nearly every fragment
        else:
            call = self._find(where, call_id, name, piece)
        if call.id is None and call_id is not None:
            call.id = call_id
            self._by_id.setdefault(call_id, call)
        if call.is_complete:
            self._has_strays = self._has_strays or not (piece == "" or piece.isspace())
            call.add(piece)
        else:
            call.add(piece)
            if call.is_complete:
                call.is_certain = not self._has_strays
                self._open.pop(call.index, None)
                self._has_news = self._has_news or call.index == self._released
        return call.index, call.joiner.feed(piece)

    def _start(self, where: Place | None, call_id: str | None, name: str | None) -> OpenCall:
        call = OpenCall(len(self._calls), call_id, name or "")
        self._calls.append(call)
        self._open[call.index] = call
        self._has_news = True
        if where is not None:
            self._at[where] = call
        if call_id in self._by_id:
            self._shared_ids.add(call_id)
        elif call_id is not None:
            self._by_id[call_id] = call
        return call

    def _find(
        self, where: Place | None, call_id: str | None, name: str | None, piece: str
    ) -> OpenCall:
        """Return the call that a fragment continues, or a new one that it starts."""
        if call_id in self._shared_ids:
            call_id = None
        of_id = self._by_id.get(call_id) if call_id is not None else None
        has_text = bool(piece) and not piece.isspace()
        if where is None:
            call = of_id or (self._calls[-1] if self._calls else None)
        else:
            call = self._at.get(where)
            if of_id is not None and (call is None or call.id != call_id):
                call = self._at_another_index(where, call, of_id, name, has_text=has_text)
        if call is None:
            self._has_strays = self._has_strays or (name is None and has_text)
            return self._start(where, call_id, name)
        if name is not None:
            call = self._by_name(call, where, call_id, name, has_text=has_text)
        if has_text and call.pieces:
            self._check_owner(call, where, call_id)
        return call

    def _check_owner(self, call: OpenCall, where: Place | None, call_id: str | None) -> None:
        """Doubt a call that exists, and gets a piece which may belong to another one."""
        if where is not None and call.moved_to not in (None, where):
            self._doubt(call)  # two calls with one id and name, at an index each
        if call_id is None or call.id != call_id:
            call.has_foreign_text = call.has_foreign_text or None not in (call_id, call.id)
            self._check_rivals(call, where)
        elif call.has_foreign_text:
            self._doubt(call)  # ids that come back are those of two calls

    def _by_name(
        self,
        call: OpenCall,
        where: Place | None,
        call_id: str | None,
        name: str,
        *,
        has_text: bool,
    ) -> OpenCall:
        """Return the call of a fragment with a name: the one found, or a second one after it."""
        has_its_id = call_id is not None and call.id == call_id
        if not call.name:
            call.name = name
            if not (call.is_blank or has_its_id):
                self._doubt(call)  # arguments first, then a name: perhaps of a second call
            return call
        if not call.is_complete:
            return call if name == call.name else self._renamed(call, where, call_id, name)
        is_end = call_id is None and call.id is not None and not has_text
        if name == call.name and (has_its_id or is_end):
            return call  # the server repeats the name with every fragment
        second = self._start(where, call_id, name)
        # Nothing but the name again may also be the end of the call that is complete.
        second.needs_arguments = name == call.name
        return second

    def _at_another_index(
        self,
        where: Place,
        call: OpenCall | None,
        of_id: OpenCall,
        name: str | None,
        *,
        has_text: bool,
    ) -> OpenCall | None:
        """Return the call of a fragment whose id began at another index, None for a new one."""
        if call is None:
            if name is None or (name == of_id.name and not (of_id.is_complete or of_id.is_blank)):
                self._at[where] = of_id
                of_id.moved_to = None if name is None else where
                return of_id
            of_id.needs_arguments = of_id.needs_arguments or name == of_id.name
            return None
        if of_id in self._rivals.get(where, ()):
            return of_id  # all calls have the same index, and the id tells which
        if name == of_id.name and of_id.is_complete and not has_text:
            return of_id  # the end of a call that another one has followed
        if has_text:
            self._doubt(call, of_id)
        return call

    def _renamed(
        self, call: OpenCall, where: Place | None, call_id: str | None, name: str
    ) -> OpenCall:
        """Return the call of a fragment with another name than its call, which is not complete."""
        if call.id is not None and call_id not in (None, call.id):
            # A second call, if what the first one lacks arrives under its own id.
            call.needs_arguments = True
            if where is not None:
                self._rivals.setdefault(where, []).append(call)
            second = self._start(where, call_id, name)
            second.needs_first = call
            return second
        if call.id is not None and call.is_blank:
            call.name += name  # a name in pieces
        else:
            self._doubt(call)
        return call

    def _check_rivals(self, call: OpenCall, where: Place | None) -> None:
        """Doubt all calls that a piece may belong to, if there are several."""
        if where is None:
            if not self._open or (len(self._open) == 1 and call.index in self._open):
                return
            rivals = [each for each in self._open.values() if each is not call]
            self._open.clear()
        else:
            rivals = [each for each in self._rivals.pop(where, ()) if not each.is_complete]
        if rivals:
            self._doubt(call, *rivals)

    def _doubt(self, *calls: OpenCall) -> None:
        self._has_strays = True
        for call in calls:
            call.doubt()

    def release(self, response_id: str | None) -> list[FinishedCall]:
        """Return the calls that have become complete, in order."""
        released: list[FinishedCall] = []
        while self._has_news and self._released < len(self._calls) - 1:
            call = self._calls[self._released]
            if not call.is_certain or call.is_unclear:
                break
            done = self._finish(call, response_id, cut=False)
            if done.args is None:
                call.is_unclear = True  # for the end; this spares parsing it again
                break
            call.is_released = True
            self._released += 1
            released.append(self._given_out(done))
        self._has_news = False
        return released

    def finish(self, response_id: str | None, *, cut: bool) -> list[FinishedCall]:
        """Return the remaining calls at the end of the response.

        Args:
            response_id: The response's id, from which missing call ids are derived.
            cut: Whether the response was cut.
        """
        remaining = []
        for call in self._calls[self._released :]:
            is_cut = cut or call.needs_arguments or self._has_strays
            done = self._finish(call, response_id, cut=is_cut)
            remaining.append(self._given_out(done))
        self._released = len(self._calls)
        return remaining

    def _finish(self, call: OpenCall, response_id: str | None, *, cut: bool) -> FinishedCall:
        is_continuation = call.needs_first is not None and call.needs_first.is_blank
        return finish_call(
            response_id,
            call.index,
            None if call.id in self._ids else call.id,
            call.name,
            call.text,
            cut=cut,
            is_clear=not (call.is_unclear or is_continuation)
            and (call.is_certain or not self._has_strays),
        )

    def _given_out(self, done: FinishedCall) -> FinishedCall:
        self._ids.add(done.id)
        return self._revise(done) if self._revise else done


def fragments_of(calls: Sequence[Any], first: int) -> list[dict[str, Any]]:
    """Return the calls of a complete message as fragments that leave no doubt.

    Entries of one message are different calls, whatever they say about index, id and name.

    Args:
        calls: The entries of `tool_calls`.
        first: Number of calls that have begun before.
    """
    fragments: list[dict[str, Any]] = []
    ids: set[str | None] = set()
    for index, each in enumerate(calls, first):
        call = mapping(each, "a tool call")
        name, text = read_function(call)
        call_id = word(call.get("id"))
        head = {"index": index, "id": None if call_id in ids else call_id}
        fragments.append({**head, "function": {"name": name, "arguments": ""}})
        fragments.append({"index": index, "function": {"arguments": text}})
        ids.add(call_id)
    return fragments
