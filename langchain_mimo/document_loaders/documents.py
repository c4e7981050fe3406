"""Turns the answer about a segment into Documents. Nothing is opened or sent here.

The times of an answer are seconds of the segment that was shown. They are converted to seconds of
the source and cut at the ends of the segment. A scene whose times cannot be true keeps its text,
gets the times of its segment and the status "error", and the log says why.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from langchain_core.documents import Document
from pydantic import BaseModel

from langchain_mimo._checks import mask_keys
from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.document_loaders.schemas import (
    MediaDescription,
    fields_of,
    read_answer,
    read_seconds,
    render,
    scenes_of,
)

logger = logging.getLogger("langchain_mimo")

TOLERANCE_S = 1.0
"""Seconds by which a time may lie outside its segment, and is cut there."""

_MAX_RAW_TEXT = 2000
"""Characters of an answer that does not fit its schema which its Document keeps."""

_MAX_REASON = 300

SHORTEST_LINK_S = 1.0
"""Seconds that a link to a point in time plays: a media fragment must not be empty."""

_YOUTUBE = frozenset({"youtube.com", "youtube-nocookie.com", "youtu.be"})

Status = Literal["ok", "refused", "error"]


@dataclass(frozen=True, slots=True)
class Described:
    """What all Documents of a segment have in common.

    Attributes:
        source: Path relative to the folder that was loaded, another path, or a URL.
        sha256: Of the file's bytes; "" for a URL.
        segment: What was shown.
        model: The model that was asked.
        prompt_sha256: Of the text that was sent with it.
        key: The segment's key in the journal.
        shown: Start and end of what was shown, in seconds of the source, where they are not those
            of the segment.
    """

    source: str
    sha256: str
    segment: MediaSegment
    model: str
    prompt_sha256: str
    key: str
    shown: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        """The segment as errors and the log call it."""
        segment, where = self.segment, ""
        if segment.count > 1:
            where = f", {segment.start_s:.10g} s to {segment.end_s:.10g} s"
        return f"{self.source!r}{where}"

    def document(
        self,
        content: str,
        scene_index: int = 0,
        times: tuple[float, float] | None = None,
        status: Status = "ok",
    ) -> Document:
        """Return a Document with all keys of the metadata.

        Args:
            content: Its text.
            scene_index: Its place in the segment, from 0.
            times: Start and end in seconds of the source. Default: those of the segment.
            status: "ok", "refused" or "error".
        """
        segment = self.segment
        start, end = times or (segment.start_s, segment.end_s)
        start, end = round(float(start), 3), round(float(end), 3)
        metadata: dict[str, Any] = {
            "source": self.source,
            "source_sha256": self.sha256,
            "modality": segment.modality,
            "start_s": start,
            "end_s": end,
            "segment_index": segment.index,
            "segment_count": segment.count,
            "scene_index": scene_index,
            "link": link_to(self.source, start, end),
            "model": self.model,
            "prompt_sha256": self.prompt_sha256,
            "fps": float(segment.fps or 0.0),
            "media_resolution": segment.media_resolution or "",
            "status": status,
        }
        identity = json.dumps([self.source, self.key, scene_index, content])
        digest = hashlib.sha256(identity.encode()).hexdigest()
        return Document(id=digest[:32], page_content=content, metadata=metadata)


def documents_of(text: str, described: Described, schema: type[BaseModel]) -> list[Document]:
    """Return the Documents of an answer: one per scene, or one for the segment.

    An answer with scenes gets one more Document, behind those of its scenes, for what it says
    about the whole segment: of the default schema, words that are in no scene; of a schema of the
    user's own, all other fields.

    Args:
        text: The JSON that the model wrote.
        described: What was shown.
        schema: What the answer should fit. If it does not, one Document with the status "error"
            has the beginning of the text.
    """
    answer = read_answer(text, schema)
    if answer is None:
        logger.warning(
            "%s: the answer does not fit %s; its text is kept", described.name, schema.__name__
        )
        content = text.strip()[:_MAX_RAW_TEXT] or "The answer of the model was empty."
        return [described.document(content, status="error")]
    scenes, others = scenes_of(answer)
    documents = [_scene(scene, index, described) for index, scene in enumerate(scenes)]
    if scenes and type(answer) is MediaDescription:
        others = _in_no_scene(answer)
    content = render(others)
    if content or not scenes:
        status: Status = "ok" if content else "error"
        if not content:
            logger.warning("%s: the answer says nothing", described.name)
        content = content or "The model described nothing here."
        documents.append(described.document(content, len(scenes), status=status))
    return documents


def _in_no_scene(answer: MediaDescription) -> dict[str, str]:
    """Return the words of a default answer that none of its scenes repeats."""
    words = {}
    if not any(scene.speech.strip() for scene in answer.scenes):
        words["speech"] = answer.speech
    if not any(scene.text.strip() for scene in answer.scenes):
        words["text_on_screen"] = answer.text_on_screen
    return words


def _scene(scene: Any, index: int, described: Described) -> Document:
    content = render(fields_of(scene))
    try:
        times = source_times(scene.start_s, scene.end_s, described.segment, described.shown)
    except ValueError as error:
        reason: str | None = str(error)
        times = described.segment.start_s, described.segment.end_s
    else:
        reason = None if content else "it says nothing"
    if reason is not None:
        logger.warning("%s: scene %d cannot be used: %s", described.name, index, reason)
    content = content or "The model described nothing here."
    return described.document(content, index, times, "ok" if reason is None else "error")


def source_times(
    start_s: Any,
    end_s: Any,
    segment: MediaSegment,
    shown: tuple[float, float] | None = None,
) -> tuple[float, float]:
    """Convert times of what was shown to times of the source.

    Args:
        start_s: Start of a scene, in seconds from the start of what was shown.
        end_s: Its end, likewise.
        segment: The segment. An image has no times; where the length is not known, any are true.
        shown: Start and end of what was shown, in seconds of the source. Default: the segment.

    Returns:
        Start and end in seconds of the source, within the segment, to the millisecond.

    Raises:
        ValueError: A time is none, lies more than a second outside of what was shown, or the end
            comes before the start.
    """
    if segment.modality == "image":
        return 0.0, 0.0
    try:
        start, end = float(read_seconds(start_s)), float(read_seconds(end_s))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"its times are {start_s!r} and {end_s!r}, which are no numbers") from None
    if not (math.isfinite(start) and math.isfinite(end)):
        raise ValueError(f"its times are {start} and {end}, which are no numbers")
    span = f"it is said to last from {start:.10g} s to {end:.10g} s"
    if start < -TOLERANCE_S or end < -TOLERANCE_S:
        raise ValueError(f"{span}, and times are at least 0")
    if start > end:
        raise ValueError(f"{span}, and ends before it starts")
    start, end = max(start, 0.0), max(end, 0.0)
    if segment.end_s <= segment.start_s:
        return round(start, 3), round(end, 3)
    first, last = shown or (segment.start_s, segment.end_s)
    if end > last - first + TOLERANCE_S:
        raise ValueError(f"{span}, and {last - first:.10g} s were shown")
    start, end = (min(max(first + each, segment.start_s), segment.end_s) for each in (start, end))
    return round(start, 3), round(end, 3)


def failure(described: Described, error: BaseException | str, status: Status) -> Document:
    """Return the Document of a segment that could not be described: one sentence.

    Args:
        described: The segment.
        error: Why. What differs from run to run, such as the id of a request, is left out.
        status: "refused" or "error".
    """
    what = "was refused by the model" if status == "refused" else "could not be described"
    segment = described.segment
    kind: str = segment.modality or "file"
    if segment.count > 1:
        kind = f"segment of the {kind}"
    reason = "" if status == "refused" else f": {reason_of(error)}"
    return described.document(f"This {kind} {what}{reason.rstrip('.')}.", status=status)


def reason_of(error: BaseException | str) -> str:
    """Return why something failed, in the same words in each run.

    Args:
        error: The error, or its text.
    """
    text = error if isinstance(error, str) else ""
    for name in ("reason", "message"):
        text = text or getattr(error, name, None) or ""
    text = str(text) or (f"{error}" if isinstance(error, ValueError) else type(error).__name__)
    return mask_keys(" ".join(text.split()))[:_MAX_REASON]


def link_to(source: str, start_s: float, end_s: float) -> str:
    """Return a link to a time range: a media fragment, or the parameter that YouTube takes.

    Args:
        source: A relative or absolute path, or a URL, whose own fragment of a time is replaced.
            Bytes that have no source, `sha256:…`, have no link.
        start_s: Start in seconds.
        end_s: End in seconds; if it is the start, the link plays a second. If both are 0, the link
            is one to the whole source.
    """
    if source.startswith("sha256:"):
        return ""
    is_whole = start_s == end_s == 0
    start, end = _number(start_s), _number(end_s)
    times = f"t={start},{_number(start_s + SHORTEST_LINK_S) if end == start else end}"
    if not source.lower().startswith(("http://", "https://")):
        # Names of files may have bytes that are not UTF-8.
        return quote(source, errors="surrogateescape") + ("" if is_whole else f"#{times}")
    if is_whole:
        return source
    try:
        url = urlsplit(source)
    except ValueError:  # the URL of a file that could not be described
        return source
    host = (url.hostname or "").removeprefix("www.").removeprefix("m.").removeprefix("music.")
    if host in _YOUTUBE:
        name = "start" if url.path.startswith("/embed/") else "t"
        kept = [pair for pair in parse_qsl(url.query, True) if pair[0] not in ("t", "start")]
        value = f"{int(start_s)}" if name == "start" else f"{int(start_s)}s"
        return urlunsplit(url._replace(query=urlencode([*kept, (name, value)]), fragment=""))
    kept_parts = [
        part for part in url.fragment.split("&") if "=" in part and not part.startswith("t=")
    ]
    return urlunsplit(url._replace(fragment="&".join([*kept_parts, times])))


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
