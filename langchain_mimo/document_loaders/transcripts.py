"""Reads transcripts: WebVTT and SRT files, and the cues of any speech recogniser."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeGuard

from langchain_core.document_loaders import Blob

from langchain_mimo._checks import number, shown
from langchain_mimo.errors import MediaError, MiMoError

MAX_BYTES = 16 << 20
"""Largest transcript file: some hundred hours of speech."""

_ARROW = "-->"
_TIME = re.compile(r"(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
_OTHER_BLOCKS = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
_SUFFIXES = (".vtt", ".srt")


@dataclass(frozen=True, slots=True)
class Cue:
    """Words and when they are spoken.

    Attributes:
        start_s: Start in seconds.
        end_s: End in seconds, at least `start_s`.
        text: The words, on one line.
    """

    start_s: float
    end_s: float
    text: str


Transcript: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Iterable[Any]
"""The text of a VTT or SRT file, the path of one, cues, or an object with `segments`:
what Whisper returns. A cue is a `Cue`, or a dict or object with `start_s` or `start`, `end_s` or
`end`, and `text`."""

TranscriptSource: TypeAlias = Callable[[Blob], Transcript | None] | Literal["sidecar"]


def transcript_of(blob: Blob, source: TranscriptSource | None, name: str) -> tuple[Cue, ...]:
    """Return the transcript of a media file, sorted by time; empty if it has none.

    Args:
        blob: The file.
        source: A function that returns its transcript or None; or "sidecar" for a file of the same
            name beside it: `talk.vtt`, `talk.srt`, or with a language, `talk.en.vtt`.
        name: What the file is called in errors.

    Raises:
        MediaError: The transcript cannot be read; the error names its file and line.
    """
    if source is None:
        return ()
    if source == "sidecar":
        path = None if blob.data is not None or blob.path is None else sidecar(blob.path)
        return () if path is None else read_file(path)
    try:
        found = source(blob)
        return () if found is None else read_transcript(found, f"the transcript of {name}")
    except MiMoError:
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise MediaError(f"the transcript of {name} cannot be read: {text}") from error


def sidecar(path: str | os.PathLike[str]) -> Path | None:
    """Return the transcript beside a media file, or None.

    Args:
        path: The media file. `talk.vtt` comes before `talk.srt`, and both before those with a
            language, the first of which by name is taken. Links are not followed.
    """
    media = Path(path)
    for suffix in _SUFFIXES:
        exact = media.with_suffix(suffix)
        if exact.is_file() and not exact.is_symlink():
            return exact
    begin = f"{media.stem}."
    try:
        with os.scandir(media.parent) as entries:
            names = sorted(each.name for each in entries if each.is_file(follow_symlinks=False))
    except OSError:
        return None
    for name in names:
        rest = name.removeprefix(begin)
        if rest != name and rest.count(".") == 1 and Path(name).suffix.lower() in _SUFFIXES:
            return media.with_name(name)
    return None


def read_file(path: str | os.PathLike[str]) -> tuple[Cue, ...]:
    """Read a VTT or SRT file.

    Args:
        path: The file, in UTF-8, with or without a byte order mark, or in UTF-16 with one.

    Raises:
        MediaError: It cannot be read, is too large, or is neither; the error names file and line.
    """
    name = repr(str(path))
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or error
        raise MediaError(f"the transcript {name} cannot be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise MediaError(f"the transcript {name} is larger than {MAX_BYTES:,} bytes; shorten it")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MediaError(
            f"the transcript {name}, line {line}, is not {encoding[:6].upper().rstrip('-')}; save "
            "it as UTF-8"
        ) from None
    return read_subtitles(text, f"the transcript {name}")


def read_transcript(transcript: Transcript, name: str) -> tuple[Cue, ...]:
    """Return the cues of a transcript, sorted by time; those without words are left out.

    Args:
        transcript: As `Transcript`.
        name: What it is called in errors.

    Raises:
        MediaError: It is no transcript; the error says which line or cue.
    """
    if isinstance(transcript, os.PathLike) or _is_path(transcript):
        return read_file(transcript.strip() if isinstance(transcript, str) else transcript)
    if isinstance(transcript, str):
        return read_subtitles(transcript, name)
    cues: Any = transcript
    if isinstance(transcript, Mapping):
        cues = transcript.get("segments")
    elif not isinstance(transcript, Iterable):
        cues = getattr(transcript, "segments", None)
    if isinstance(cues, str | bytes) or not isinstance(cues, Iterable):
        raise MediaError(
            f"{name} must be the text of a VTT or SRT file, a Path or cues, got {shown(transcript)}"
        )
    return _sorted(_given_cue(cue, f"{name}, cue {at}") for at, cue in enumerate(cues))


def _is_path(transcript: Transcript) -> TypeGuard[str]:
    """Whether a text is the path of a transcript: one line that ends in .vtt or .srt."""
    if not isinstance(transcript, str) or len(transcript.splitlines()) != 1:
        return False
    return transcript.strip().lower().endswith(_SUFFIXES)


def _given_cue(cue: Any, name: str) -> Cue:
    def field(*names: str) -> Any:
        for each in names:
            value = cue.get(each) if isinstance(cue, Mapping) else getattr(cue, each, None)
            if value is not None:
                return value
        raise MediaError(f"{name}, has no {' or '.join(names)}: {shown(cue)}")

    text = field("text")
    if not isinstance(text, str):
        raise MediaError(f"{name}, has a text that is no string: {shown(text)}")
    try:
        start = number("its start", field("start_s", "start"), 0)
        end = number("its end", field("end_s", "end"), start)
    except MiMoError:
        raise
    except ValueError as error:
        raise MediaError(f"{name}, cannot be used: {error}") from None
    return Cue(float(start), float(end), _clean(text))


def read_subtitles(text: str, name: str) -> tuple[Cue, ...]:
    """Read the text of a VTT or SRT file: hours may be missing, a comma may stand for the point.

    Cue settings, tags, notes, styles and numbers of cues are left out.

    Args:
        text: The text.
        name: What it is called in errors.

    Raises:
        MediaError: A time cannot be read, or a cue ends before it starts, with the line; or the
            text has other lines but no cue.
    """
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
    cues = list(_subtitles(lines, name))
    if not cues and not lines[0].startswith("WEBVTT"):
        first = next((at for at, line in enumerate(lines) if line.strip()), None)
        if first is not None:
            raise MediaError(
                f"{name}, line {first + 1}, is neither VTT nor SRT: {shown(lines[first])}; a cue "
                "begins with a line such as 00:01.500 --> 00:04.000"
            )
    return _sorted(cues)


def _subtitles(lines: list[str], name: str) -> Iterator[Cue]:
    at, is_aside = 0, False
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip():
            is_aside = False
        elif _OTHER_BLOCKS.match(line) and (at == 1 or not lines[at - 2].strip()):
            is_aside = True
        elif _ARROW in line and not is_aside:
            start, end = _span(line, f"{name}, line {at}")
            words = []
            while at < len(lines) and lines[at].strip() and _ARROW not in lines[at]:
                words.append(lines[at])
                at += 1
            if at < len(lines) and _ARROW in lines[at] and words and words[-1].strip().isdigit():
                words.pop()  # the number of the next cue, with no empty line before it
            yield Cue(start, end, _clean(" ".join(words)))


def _span(line: str, name: str) -> tuple[float, float]:
    left, _, right = line.partition(_ARROW)
    start = _TIME.fullmatch(left.strip())
    end = _TIME.match(right.strip())  # settings may follow
    if start is None or end is None:
        raise MediaError(
            f"{name}, has no times that can be read: {shown(line.strip())}; write them as "
            "00:01.500 --> 00:04.000"
        )
    times = _seconds(start), _seconds(end)
    if times[1] < times[0]:
        raise MediaError(f"{name}, ends before it starts: {shown(line.strip())}; correct its times")
    return times


def _seconds(match: re.Match[str]) -> float:
    hours, minutes, seconds, fraction = match.groups()
    whole = 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
    return float(f"{whole}.{fraction or 0}")


def _clean(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", text)).split())


def _sorted(cues: Iterable[Cue]) -> tuple[Cue, ...]:
    spoken = (cue for cue in cues if cue.text)
    return tuple(sorted(spoken, key=lambda cue: (cue.start_s, cue.end_s)))


def cues_within(cues: Iterable[Cue], start_s: float, end_s: float) -> tuple[Cue, ...]:
    """Return the cues of a segment, in seconds from its start, cut at its ends.

    Args:
        cues: Those of the source, in its seconds.
        start_s: Start of the segment.
        end_s: Its end. If it is not after the start, its length is not known, and all are returned.
    """
    if end_s <= start_s:
        return tuple(cues)
    return tuple(
        Cue(max(cue.start_s, start_s) - start_s, min(cue.end_s, end_s) - start_s, cue.text)
        for cue in cues
        if cue.start_s < end_s and (cue.end_s > start_s or cue.start_s >= start_s)
    )
