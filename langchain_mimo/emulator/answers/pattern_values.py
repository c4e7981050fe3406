"""Strings for the `pattern` of a schema: matching ones, and ones cut to a complete match."""

from __future__ import annotations

from collections.abc import Iterable

from langchain_mimo.emulator.answers.patterns import (
    Automaton,
    NotUnderstoodError,
    Steps,
    first_fitting,
)

_MAX_GENERATED = 1000
"""Characters of a generated text."""


def matching_text(pattern: str, candidates: Iterable[str], steps: Steps | None = None) -> str:
    """Return the first candidate that matches, else a generated text, else the first candidate.

    Args:
        pattern: The pattern. If it is not understood, the first candidate is returned.
        candidates: The texts to choose from.
        steps: The work that is left for patterns.
    """
    texts = list(candidates) or [""]
    try:
        automaton = Automaton(pattern, steps or Steps())
    except NotUnderstoodError:
        return texts[0]
    found = first_fitting(automaton, (*texts, automaton.tree.sample(_MAX_GENERATED)))
    return texts[0] if found is None else found


def complete_match(text: str, pattern: str, steps: Steps | None = None) -> str:
    """Return the longest beginning of a text that is a complete match of a pattern.

    If there is none, return the first match in the text, else one in a generated text, else the
    text; also the text if the pattern is not understood.
    """
    try:
        automaton = Automaton(pattern, steps or Steps())
    except NotUnderstoodError:
        return text
    found = automaton.find(text, anchored=True)
    if found is None:
        found = automaton.find(text)
    if found is None:
        found = automaton.find(automaton.tree.sample(_MAX_GENERATED))
    return text if found is None else found
