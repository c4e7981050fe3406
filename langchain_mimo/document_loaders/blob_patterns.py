"""Patterns of paths beneath a folder, matched name by name while the folder is walked.

A pattern is a sequence of names. Reading it is a state machine: a state is how many of its names
are used up, and `**` may use any number of names, so that a path has several states at once. A
folder in no state cannot hold a match, and is not opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TypeAlias

from langchain_mimo._checks import shown

States: TypeAlias = frozenset[int]
"""How many names of a pattern the names of a path may have used up."""

_ANY = "**"


class PathPattern:
    """A pattern such as "talks/**/*.mp4": "*" is within a name, "**" is any number of folders.

    Capital and small letters differ on every system, as do "é" in one character and in two.
    """

    def __init__(self, name: str, pattern: object, *, may_be_hidden: bool = False) -> None:
        """Check the pattern.

        Args:
            name: The argument's name, for the error.
            pattern: The pattern.
            may_be_hidden: Whether it may have names that begin with ".". Default: no.

        Raises:
            ValueError: It is no pattern of paths beneath a folder.
        """
        if not isinstance(pattern, str) or not pattern:
            raise ValueError(f'{name} must be a pattern such as "**/*.mp4", got {shown(pattern)}')
        if problem := _problem(pattern, may_be_hidden=may_be_hidden):
            raise ValueError(f"{name} {problem}, got {shown(pattern)}")
        self._names = tuple(pattern.rstrip("/").split("/"))
        self.start = self._closed({0})

    def enter(self, states: States, name: str) -> States:
        """Return the states behind one more name."""
        following = set()
        for at in states:
            if at < len(self._names):
                if self._names[at] == _ANY:
                    following.add(at)
                elif fnmatchcase(name, self._names[at]):
                    following.add(at + 1)
        return self._closed(following)

    def matches(self, states: States) -> bool:
        """Return whether the names so far are a match."""
        return len(self._names) in states

    def _closed(self, states: Iterable[int]) -> States:
        """Add the states that "**" reaches with no name at all."""
        closed = set(states)
        for at, name in enumerate(self._names):
            if name == _ANY and at in closed:
                closed.add(at + 1)
        return frozenset(closed)


def excluding(patterns: object) -> tuple[PathPattern, ...]:
    """Return the patterns of what is left out; one without "/" counts in every folder.

    Args:
        patterns: One pattern or several.

    Raises:
        ValueError: One of them is no pattern.
    """
    given = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(given, Iterable) or isinstance(given, bytes):
        raise ValueError(f"exclude must be patterns such as 'drafts', got {shown(patterns)}")  # noqa: TRY004
    return tuple(
        PathPattern(f"exclude[{index}]", _anywhere(each), may_be_hidden=True)
        for index, each in enumerate(given)
    )


def _anywhere(pattern: object) -> object:
    """Return a pattern of one name as one of paths in any folder."""
    if not isinstance(pattern, str) or "/" in pattern.rstrip("/"):
        return pattern
    return f"{_ANY}/{pattern}" if pattern else pattern


def _problem(pattern: str, *, may_be_hidden: bool) -> str | None:
    """Return what is wrong with a pattern, or None."""
    if "\\" in pattern:
        return 'must separate names with "/", on Windows too'
    if pattern.startswith("/"):
        return "must be relative to the root; leave out the first slash"
    for name in pattern.rstrip("/").split("/"):
        if name in ("", ".", ".."):
            return f"must not have the name {name!r}"
        if _ANY in name and name != _ANY:
            return 'must have "**" as a whole name, as in "**/*.mp4"'
        if name.startswith(".") and not may_be_hidden:
            return (
                "names a hidden file or folder, and those are left out; make such a folder the root"
            )
    return None
