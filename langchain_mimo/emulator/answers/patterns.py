"""Matches the regular expressions of schemas in linear time.

A pattern of a request is never given to Python's `re`: one such as `(a+)+$` would run for years.
It is parsed into a tree here, the tree becomes a nondeterministic automaton (Thompson, 1968), and
all its states are followed at once, so each character costs at most one visit of each state.
Look-around, back-references and word boundaries are not understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

MAX_STATES = 400
"""States of an automaton; patterns that need more are not understood."""

MAX_DEPTH = 50
"""Groups inside one another."""

_CharacterTest: TypeAlias = Callable[[str], bool]
_QUANTIFIER = re.compile(r"(?:([*+?])|\{(\d{1,5})?(,)?(\d{1,5})?\})[?+]?")
_GROUP = re.compile(r"\((?:\?(?::|P?<\w+>))?(?!\?)")
_HEX_2, _HEX_4 = re.compile(r"[0-9a-fA-F]{2}"), re.compile(r"[0-9a-fA-F]{4}")
_UNBOUNDED = -1
_SAMPLES = ("a", "A", "0", *map(chr, range(32, 127)))
_CLASSES: dict[str, _CharacterTest] = {
    "d": str.isdecimal,
    "w": lambda one: one.isalnum() or one == "_",
    "s": str.isspace,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}


class NotUnderstoodError(ValueError):
    """The pattern is invalid, or uses what is not understood here."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a pattern.

    Attributes:
        kind: `character`, `start`, `end`, `sequence`, `choice` or `repeat`.
        parts: The parts inside it.
        test: Whether a character fits, for `character`.
        least: The least number of repetitions, for `repeat`.
        most: The largest one; -1 for any number.
    """

    kind: str
    parts: tuple[Node, ...] = ()
    test: _CharacterTest | None = None
    least: int = 1
    most: int = 1

    def sample(self, room: int) -> str:
        """Return a short text that fits, of at most `room` characters."""
        if self.kind == "character" and self.test is not None:
            return next(filter(self.test, _SAMPLES), "")[:room]
        if self.kind == "choice":
            return self.parts[0].sample(room)
        text = ""
        for part in self.parts * (min(self.least, room) if self.kind == "repeat" else 1):
            text += part.sample(room - len(text))
            if len(text) >= room:
                break
        return text


@dataclass(slots=True)
class Parser:
    """Parses a pattern by recursive descent.

    Attributes:
        pattern: The pattern.
    """

    pattern: str
    _at: int = 0
    _depth: int = 0

    def parse(self) -> Node:
        """Return the tree of the pattern.

        Raises:
            NotUnderstoodError: It has none.
        """
        tree = self._choice()
        if self._at < len(self.pattern):
            raise NotUnderstoodError
        return tree

    def _choice(self) -> Node:
        branches = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Node("choice", tuple(branches))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._repeated(self._atom()))
        return Node("sequence", tuple(parts))

    def _repeated(self, atom: Node) -> Node:
        match = _QUANTIFIER.match(self.pattern, self._at)
        if match is None or match.group() in {"{}", "{,}"}:
            return atom
        self._at = match.end()
        sign, least, comma, most = match.groups()
        if sign:
            return Node("repeat", (atom,), least=sign == "+", most=1 if sign == "?" else _UNBOUNDED)
        low = int(least or 0)
        high = low if not comma else int(most) if most else _UNBOUNDED
        if high != _UNBOUNDED and high < low:
            raise NotUnderstoodError
        return Node("repeat", (atom,), least=low, most=high)

    def _atom(self) -> Node:
        one = self._next()
        if one == "(":
            return self._group()
        if one == "[":
            return Node("character", test=self._set())
        if one == "\\":
            return self._escaped()
        if one in {"^", "$"}:
            return Node("start" if one == "^" else "end")
        if one in {"*", "+", "?"}:
            raise NotUnderstoodError
        if one == ".":
            return Node("character", test=lambda other: other != "\n")
        return Node("character", test=one.__eq__)

    def _group(self) -> Node:
        match = _GROUP.match(self.pattern, self._at - 1)
        self._depth += 1
        if match is None or self._depth > MAX_DEPTH:
            raise NotUnderstoodError
        self._at = match.end()
        inside = self._choice()
        if self._next() != ")":
            raise NotUnderstoodError
        self._depth -= 1
        return inside

    def _escaped(self) -> Node:
        if self._peek() in {"A", "Z", "z"}:
            return Node("start" if self._next() == "A" else "end")
        test = self._escaped_class()
        return Node("character", test=self._escaped_character().__eq__ if test is None else test)

    def _escaped_class(self) -> _CharacterTest | None:
        name = self._peek()
        test = _CLASSES.get(name.lower())
        if test is None:
            return None
        self._at += 1
        return test if name.islower() else lambda one: not test(one)

    def _escaped_character(self) -> str:
        one = self._next()
        if one in {"x", "u"}:
            match = (_HEX_2 if one == "x" else _HEX_4).match(self.pattern, self._at)
            if match is None:
                raise NotUnderstoodError
            self._at = match.end()
            return chr(int(match.group(), 16))
        if one in _CONTROLS:
            return _CONTROLS[one]
        if not one or one.isalnum():
            raise NotUnderstoodError
        return one

    def _set(self) -> _CharacterTest:
        negated = self._peek() == "^"
        self._at += negated
        tests: list[_CharacterTest] = []
        ranges: list[tuple[str, str]] = []
        while not (self._peek() == "]" and (tests or ranges)):
            low = self._set_member(tests)
            if low is None:
                continue
            high = low
            if self._peek() == "-" and self.pattern[self._at + 1 : self._at + 2] not in {"", "]"}:
                self._at += 1
                high = self._set_member(tests) or ""
            if high < low:
                raise NotUnderstoodError
            ranges.append((low, high))
        self._at += 1

        def fits(one: str) -> bool:
            found = any(low <= one <= high for low, high in ranges)
            return (found or any(test(one) for test in tests)) != negated

        return fits

    def _set_member(self, tests: list[_CharacterTest]) -> str | None:
        """Return the next character of a set; None for a class, which joins `tests`."""
        one = self._next()
        if not one:
            raise NotUnderstoodError
        if one != "\\":
            return one
        test = self._escaped_class()
        if test is None:
            return self._escaped_character()
        tests.append(test)
        return None

    def _peek(self) -> str:
        return self.pattern[self._at : self._at + 1]

    def _next(self) -> str:
        self._at += 1
        return self.pattern[self._at - 1 : self._at]


@dataclass(slots=True)
class Steps:
    """How many visits of states are left for the patterns of one answer."""

    left: int = 200_000


@dataclass(slots=True)
class Automaton:
    """A pattern, ready to match.

    Attributes:
        pattern: The pattern.
        steps: The visits that are left; when there are none, nothing matches.

    Raises:
        NotUnderstoodError: The pattern is not understood.
    """

    pattern: str
    steps: Steps = field(default_factory=Steps)
    tree: Node = field(init=False)
    # The test of a character, or "", "start" or "end" for a state that takes none; what follows.
    _tests: list[_CharacterTest | str] = field(default_factory=list)
    _next: list[list[int]] = field(default_factory=list)
    _first: int = field(init=False)
    _last: int = field(init=False)

    def __post_init__(self) -> None:
        """Build the automaton."""
        self.tree = Parser(self.pattern).parse()
        self._last = self._state("")
        self._first = self._add(self.tree, self._last)

    def _state(self, test: _CharacterTest | str, *following: int) -> int:
        if len(self._tests) >= MAX_STATES:
            raise NotUnderstoodError
        self._tests.append(test)
        self._next.append(list(following))
        return len(self._tests) - 1

    def _add(self, node: Node, after: int) -> int:
        """Add the states of a node; return the first of them."""
        if node.kind == "character" and node.test is not None:
            return self._state(node.test, after)
        if node.kind in {"start", "end"}:
            return self._state(node.kind, after)
        if node.kind == "choice":
            return self._state("", *(self._add(part, after) for part in node.parts))
        if node.kind == "sequence":
            for part in reversed(node.parts):
                after = self._add(part, after)
            return after
        return self._add_repeat(node, after)

    def _add_repeat(self, node: Node, after: int) -> int:
        (part,) = node.parts
        if node.most == _UNBOUNDED:
            loop = self._state("")
            self._next[loop] = [self._add(part, loop), after]
            after = loop
        else:
            end = after
            for _ in range(node.most - node.least):
                after = self._state("", self._add(part, after), end)
        for _ in range(node.least):
            after = self._add(part, after)
        return after

    def find(self, text: str, *, anchored: bool = False) -> str | None:
        """Return the longest of the leftmost matches in a text, or None.

        Args:
            text: The text.
            anchored: Only a beginning of the text counts; its end counts as the end of the text.
        """
        starts: dict[int, int] = {}  # per state, where the match began that has come to it
        best: tuple[int, int] | None = None
        for at in range(len(text) + 1):
            if self.steps.left < 0:
                return None
            if best is None and (at == 0 or not anchored):
                starts.setdefault(self._first, at)
            at_end = anchored or at == len(text)
            reached = self._follow(starts, at, at_end=at_end)
            begin = reached.get(self._last)
            if begin is not None and (best is None or begin <= best[0]):
                best = (begin, at)
            if anchored:
                reached = self._follow(starts, at, at_end=at == len(text))
            if at == len(text):
                break
            starts = self._consume(reached, text[at], None if best is None else best[0])
            if not starts and (anchored or best is not None):
                break
        return None if best is None else text[best[0] : best[1]]

    def _follow(self, starts: dict[int, int], at: int, *, at_end: bool) -> dict[int, int]:
        """Return all states that are reached without a character."""
        reached: dict[int, int] = {}
        for state, begin in sorted(starts.items(), key=lambda item: item[1]):
            waiting = [state]
            while waiting:
                one = waiting.pop()
                if one in reached:
                    continue
                self.steps.left -= 1
                if self.steps.left < 0:
                    return {}
                reached[one] = begin
                test = self._tests[one]
                if test == "" or (test == "start" and at == 0) or (test == "end" and at_end):
                    waiting += self._next[one]
        return reached

    def _consume(self, reached: dict[int, int], one: str, only: int | None) -> dict[int, int]:
        """Return the states after a character, with the earliest beginning of each."""
        starts: dict[int, int] = {}
        for state, begin in reached.items():
            test = self._tests[state]
            if isinstance(test, str) or (only is not None and begin > only) or not test(one):
                continue
            for following in self._next[state]:
                starts[following] = min(begin, starts.get(following, begin))
        return starts


def first_fitting(automaton: Automaton, texts: Iterable[str]) -> str | None:
    """Return the first text in which the pattern is found, or None."""
    return next((text for text in texts if automaton.find(text) is not None), None)
