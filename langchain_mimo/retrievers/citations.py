"""Answers with citations: what the model is asked for, and which of it can be true.

The model states times in seconds of the segment that it was given, because it is wrong by minutes
when it is asked for times of the whole file. `checked_answer` compares each citation with the
moment that was shown, and adds the moment's start. It also understands what models write instead:
"mm:ss", "hh:mm:ss", and seconds of the source.

Citations are read leniently, so that a wrong one is dropped with a reason and does not lose an
answer that was paid for. The docstrings and descriptions of `Citation` and `CitedAnswer` are part
of what the model reads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field, model_validator

from langchain_mimo._checks import shown
from langchain_mimo.document_loaders.documents import SHORTEST_LINK_S, link_to
from langchain_mimo.document_loaders.schemas import read_seconds
from langchain_mimo.errors import MiMoInputError
from langchain_mimo.retrievers.moments import Moment, checked_moments

_TOLERANCE_S = 1.0
"""Seconds by which a citation may lie outside of what was shown, as models round."""

_MOST_SEGMENTS = 10**9

_NUMBER = re.compile(r"[^\d-]{0,20}?(\d{1,9})\D?")
"""The number of a segment as a string: "2", "[2]", "segment 2"."""

_NO_CLOCK = re.compile(r":(?:[6-9]\d|\d{3})")
"""Minutes or seconds of a clock above 59, which is no time: "0:75" may mean 0:07.5 or 1:15."""


class Citation(BaseModel):
    """Where the answer is seen or heard."""

    segment: int = Field(
        description="The number in brackets in front of the image, video or audio.",
        json_schema_extra={"minimum": 1},
    )
    start_s: float = Field(
        description="Where it starts, in seconds from the start of this video or audio as you were "
        "given it: its first moment is 0, whatever times its label states. 0 for an image."
    )
    end_s: float = Field(description="Where it ends, likewise.")
    quote: str | None = Field(
        default=None, description="The words that are said or written there, word for word."
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        given = data if isinstance(data, Mapping) else {}
        quote = given.get("quote")
        return {
            "segment": _segment(given.get("segment")),
            "start_s": _time(given.get("start_s")),
            "end_s": _time(given.get("end_s")),
            "quote": quote.strip() or None if isinstance(quote, str) else None,
        }


class CitedAnswer(BaseModel):
    """An answer, and where it is seen or heard."""

    text: str = Field(description="The answer, without times.")
    citations: list[Citation] = Field(
        description="For each statement of the answer, where it is seen or heard; empty if nothing "
        "that you were given answers the question."
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        citations = data.get("citations")
        if isinstance(citations, Mapping):
            citations = [citations]
        return {**data, "citations": citations if isinstance(citations, list | tuple) else []}


class CheckedCitation(BaseModel):
    """A citation that can be true, in seconds of the source.

    Attributes:
        segment: The number of the moment.
        source: The source of the moment: a path relative to the folder that was loaded, or a URL.
        start_s: Start in seconds of the source; 0 for an image.
        end_s: End, likewise.
        quote: Words that are said or written there, as the model states them; not checked.
        link: Opens the moment in a browser or player: "talk.mp4#t=12.5,40".
    """

    segment: int
    source: str
    start_s: float
    end_s: float
    quote: str | None
    link: str


class DroppedCitation(BaseModel):
    """A citation that cannot be true.

    Attributes:
        segment: The number that the model stated; 0 if that was none.
        start_s: Its start as the model stated it, in seconds; None if that was no time.
        end_s: Its end, likewise.
        quote: Words, as the model stated them.
        reason: Why it cannot be true.
    """

    segment: int
    start_s: float | None
    end_s: float | None
    quote: str | None
    reason: str


class CheckedAnswer(BaseModel):
    """An answer whose citations were checked against what was shown.

    Attributes:
        text: The answer.
        citations: The citations that can be true, in seconds of their sources.
        dropped: The others, with reasons.
    """

    text: str
    citations: list[CheckedCitation]
    dropped: list[DroppedCitation]


def checked_answer(answer: CitedAnswer, moments: Iterable[Moment]) -> CheckedAnswer:
    """Check the citations of an answer, and convert their times to those of the sources.

    Times are read as seconds of the moment as it was shown, if they lie within it, and else as
    seconds of the source, if they lie within the range that was shown. Only then may they lie up to
    a second outside; they are moved to its edge. An image has no times: they are 0.

    Args:
        answer: What the model wrote.
        moments: What it was shown, as `moments_of` returned it.

    Returns:
        The text, the citations that can be true, each once, and those that cannot, each with a
        reason.

    Raises:
        MiMoInputError: The answer is no `CitedAnswer`; one that was checked must not be checked
            again, since its times are already those of the sources. Or moments are something
            else, such as Documents, or two of them have the same number.
    """
    if not isinstance(answer, CitedAnswer):
        raise MiMoInputError(f"answer must be a CitedAnswer, got {shown(answer)}")
    by_number: dict[int, Moment] = {}
    for moment in checked_moments(moments):
        if by_number.setdefault(moment.number, moment) != moment:
            raise MiMoInputError(
                f"two moments have the number {moment.number}; pass those of one moments_of, since "
                "citations name them by number"
            )
    kept: dict[tuple[Any, ...], CheckedCitation] = {}
    dropped: list[DroppedCitation] = []
    for citation in answer.citations:
        try:
            moment = _moment(citation, by_number)
            checked = _converted(citation, moment, *_times(citation, moment))
            place = checked.segment, checked.start_s, checked.end_s, checked.quote
            kept.setdefault(place, checked)
        except ValueError as error:
            dropped.append(_dropped(citation, str(error)))
    return CheckedAnswer(text=answer.text, citations=list(kept.values()), dropped=dropped)


def _moment(citation: Citation, by_number: Mapping[int, Moment]) -> Moment:
    """Return the moment that a citation names.

    Raises:
        ValueError: It was not shown.
    """
    if citation.segment in by_number:
        return by_number[citation.segment]
    there_are = "nothing was shown"
    if by_number:
        last = max(by_number)
        there_are = "only 1 was shown" if last == 1 else f"1 to {last} were shown"
    raise ValueError(f"there is no segment {citation.segment}; {there_are}")


def _times(citation: Citation, moment: Moment) -> tuple[float, float]:
    """Return the start and end of a citation in seconds of the source.

    Raises:
        ValueError: They cannot be true; the text is the reason.
    """
    if moment.modality == "image":
        return 0.0, 0.0
    start_s, end_s = citation.start_s, citation.end_s
    for name, value in (("start_s", start_s), ("end_s", end_s)):
        if not math.isfinite(value):
            raise ValueError(f"its {name} is no time in seconds")
    if end_s < start_s:
        raise ValueError(f"its end_s, {end_s:g}, is before its start_s, {start_s:g}")
    if start_s < -_TOLERANCE_S:
        raise ValueError(f"its start_s, {start_s:g}, is before the start of the segment")
    first = moment.shown_start_s
    last = math.inf if moment.shown_end_s is None else moment.shown_end_s
    for tolerance in (0.0, _TOLERANCE_S):
        for offset in (first, 0.0):  # seconds of the segment, then of the source
            start, end = start_s + offset, end_s + offset
            if first - tolerance <= start and end <= last + tolerance:
                return min(max(start, first), last), min(max(end, first), last)
    raise ValueError(
        f"{start_s:g} to {end_s:g} s is neither within the {last - first:g} s of the segment nor "
        f"within {first:g} to {last:g} s of {shown(moment.source)}, which it shows"
    )


def _converted(citation: Citation, moment: Moment, start_s: float, end_s: float) -> CheckedCitation:
    start_s, end_s = round(start_s, 3), round(end_s, 3)
    # Both 0 are a link to the whole source, which is right for images alone.
    is_start = moment.modality != "image" and end_s == 0
    link_end_s = SHORTEST_LINK_S if is_start else end_s
    return CheckedCitation(
        segment=moment.number,
        source=moment.source,
        start_s=start_s,
        end_s=end_s,
        quote=citation.quote,
        link=link_to(moment.source, start_s, link_end_s),
    )


def _dropped(citation: Citation, reason: str) -> DroppedCitation:
    start_s, end_s = (
        value if math.isfinite(value) else None for value in (citation.start_s, citation.end_s)
    )
    return DroppedCitation(
        segment=citation.segment,
        start_s=start_s,
        end_s=end_s,
        quote=citation.quote,
        reason=reason,
    )


def _segment(value: Any) -> int:
    """Return the number of a segment; 0 if it is none."""
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip())
        return int(match[1]) if match else 0
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 < value < _MOST_SEGMENTS and value % 1 == 0 else 0


def _time(value: Any) -> float:
    """Return a time in seconds; NaN if it is none."""
    if isinstance(value, str) and _NO_CLOCK.search(value):
        return math.nan
    number = read_seconds(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        return math.nan
    try:
        return float(number)
    except OverflowError:
        return math.inf
