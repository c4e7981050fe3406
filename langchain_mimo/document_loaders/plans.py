"""What is known of a media file before it is sent: its hash, its segments, its transcript."""

from __future__ import annotations

import hashlib
import io
import logging
import mimetypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict
from urllib.parse import urlsplit

from langchain_core.document_loaders import Blob

from langchain_mimo._checks import shown
from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.document_loaders.journal import MediaJournal
from langchain_mimo.document_loaders.prompts import MODALITIES
from langchain_mimo.document_loaders.segments import plan_media
from langchain_mimo.document_loaders.transcripts import Cue, TranscriptSource, transcript_of
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import MediaInfo, file_digest, probe
from langchain_mimo.prepare.truncation import note_missing_end
from langchain_mimo.tokens import DEFAULT_FPS, MediaResolution

logger = logging.getLogger("langchain_mimo")


class PlanOptions(TypedDict, total=False):
    """The keyword arguments of `plan_media`, as `plan=` of the parser takes them."""

    budget_tokens: int
    max_seconds: float
    max_bytes: int
    fps: float
    media_resolution: MediaResolution
    boundaries: Literal["keyframes", "scenes", "silences", "even"]
    oversize: Literal["shrink", "split", "raise"]
    hints: list[float]


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """A media file, ready to be described.

    Attributes:
        blob: The file.
        source: What its Documents call it: a path relative to the folder that was loaded, another
            path, a URL, or `sha256:…` for bytes without a name.
        location: Absolute path, bytes or URL.
        sha256: Of its bytes; "" for a URL, which is not fetched.
        size: Bytes; 0 for a URL.
        changed_ns: When the contents and the inode of the file changed (`mtime` and `ctime`), in
            nanoseconds; 0 for bytes and URLs.
        segments: What is sent, one request each.
        cues: Its transcript, in seconds of the source.
        shown: Start and end of what a request shows of each segment that is copied while it is
            sent, by its index: packets of audio begin before and end behind its own.
    """

    blob: Blob
    source: str
    location: str | bytes
    sha256: str
    size: int
    changed_ns: tuple[int, int]
    segments: tuple[MediaSegment, ...]
    cues: tuple[Cue, ...] = ()
    shown: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    def shown_range(self, segment: MediaSegment) -> tuple[float, float]:
        """Return start and end of what a request shows, in seconds of the source."""
        return self.shown.get(segment.index, (segment.start_s, segment.end_s))

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return repr(self.location) if isinstance(self.location, str) else "the given bytes"

    @property
    def is_remote(self) -> bool:
        """Whether it is a URL."""
        return isinstance(self.location, str) and is_url(self.location)

    def check_unchanged(self) -> None:
        """Check that a file is still the one that was planned, by its size and times.

        Raises:
            MediaError: It is gone or was changed.
        """
        if not isinstance(self.location, str) or self.is_remote:
            return
        if _state_of(self.location) != (self.size, self.changed_ns):
            raise changed(self.location)


def plan_blob(
    blob: Blob,
    options: PlanOptions,
    transcript: TranscriptSource | None,
    journal: MediaJournal | None,
    *,
    by_reference: bool,
) -> MediaPlan:
    """Divide a file into segments, hash it, and read its transcript.

    Args:
        blob: The file, bytes, or a URL, which is one segment and not fetched.
        options: Arguments of `plan_media`.
        transcript: Where its transcript comes from.
        journal: Knows hashes of earlier runs.
        by_reference: Whether the model gets references to files, which are copied while they are
            sent.

    Raises:
        MediaError: It cannot be described, or its transcript cannot be read.
    """
    location, shown = location_of(blob), dict[int, tuple[float, float]]()
    if isinstance(location, str) and is_url(location):
        size, changed_ns, sha256 = 0, (0, 0), ""
        segments: Sequence[MediaSegment] = [_remote_segment(blob, location, options)]
    else:
        size, changed_ns = _state_of(location)
        info = probe(location)
        segments = plan_media(info, **options)
        _warn_of_a_missing_end(info, segments, _source_of(blob, location, ""))
        if by_reference and isinstance(location, str):
            shown = _shown_ranges(info, segments)
        sha256 = _digest_of(location, journal)
    source = _source_of(blob, location, sha256)
    cues = transcript_of(blob, transcript, repr(source))
    return MediaPlan(blob, source, location, sha256, size, changed_ns, tuple(segments), cues, shown)


def _warn_of_a_missing_end(info: MediaInfo, segments: Sequence[MediaSegment], source: str) -> None:
    """Log that a file ends before its header says, as one does that was copied in part."""
    if info.duration_s is not None or info.kind == "image" or not segments:
        return
    notes: list[str] = []
    given = info.source
    with io.BytesIO(given) if isinstance(given, bytes) else Path(str(given)).open("rb") as file:
        note_missing_end(file, segments[-1].end_s, None, notes)
    for note in notes:
        logger.warning("%r: %s", source, note)


def _shown_ranges(
    info: MediaInfo, segments: Sequence[MediaSegment]
) -> dict[int, tuple[float, float]]:
    """Return what copies of segments show, by their index."""
    copied = [segment for segment in segments if segment.copied]
    if not copied:
        return {}
    table = info.packets()
    ranges = [(each.index, table.copy_range(each.start_s, each.end_s)) for each in copied]
    return {index: (copy.start_s, copy.end_s) for index, copy in ranges}


def _digest_of(location: str | bytes, journal: MediaJournal | None) -> str:
    if isinstance(location, bytes):
        return digest_of_bytes(location)
    if journal is None:
        return file_digest(location)
    known = journal.digest_of(location)
    if known is None:
        found = _status_of(location)
        known = file_digest(location)
        journal.remember_digest(location, found, known)
    return known


def is_url(location: str) -> bool:
    """Return whether a location is a URL that MiMo fetches itself."""
    return location.lower().startswith(("http://", "https://"))


def unplanned(blob: Blob) -> tuple[str, MediaSegment]:
    """Return what a blob that cannot be planned is called, and a segment that stands for it.

    Args:
        blob: The blob. Its modality is "" if neither metadata nor MIME type tell it.

    Raises:
        MiMoInputError: It is no blob.
    """
    _check_blob(blob)
    sha256 = digest_of_bytes(blob.as_bytes()) if blob.data is not None else ""
    stated = blob.metadata.get("modality") or (blob.mimetype or "").partition("/")[0]
    modality: Any = stated if stated in MODALITIES else ""
    return _source_of(blob, str(blob.path or ""), sha256), MediaSegment(
        0.0, 0.0, 0, modality=modality
    )


def changed(location: str) -> MediaError:
    """Return the error of a file that is not the one that was planned."""
    return MediaError(f"{location!r} has changed since it was planned; load it again")


def location_of(blob: Blob) -> str | bytes:
    """Return where the bytes of a blob are: an absolute path, a URL, or the bytes.

    Raises:
        MediaError: It has neither data nor a path, or its URL cannot be read.
        MiMoInputError: It is no blob.
    """
    _check_blob(blob)
    if blob.data is not None:
        return blob.as_bytes()
    if blob.path is None or not str(blob.path).strip():
        raise MediaError("a blob has neither data nor a path; pass Blob.from_path(...)")
    path = str(blob.path)
    if not is_url(path):
        return str(Path(path).absolute())
    try:
        urlsplit(path)
    except ValueError as error:
        raise MediaError(f"{path!r} cannot be read as a URL: {error}") from None
    return path


def _check_blob(blob: Any) -> None:
    """Check that something is a blob.

    Raises:
        MiMoInputError: It is not.
    """
    if not isinstance(blob, Blob):
        raise MiMoInputError(
            f"blob must be a Blob, got {shown(blob)}; pass Blob.from_path(...)"
        ) from None


def _source_of(blob: Blob, location: str | bytes, sha256: str) -> str:
    """Return what the Documents of a blob call it.

    Args:
        blob: The blob; `source` in its metadata wins over its path.
        location: Where its bytes are.
        sha256: Of its bytes.
    """
    source = blob.source
    if source:
        return str(source)
    return f"sha256:{sha256}" if sha256 and blob.data is not None else str(location)


def _state_of(location: str | bytes) -> tuple[int, tuple[int, int]]:
    """Return size and both times of change of a file; those of bytes are 0.

    Raises:
        MediaError: It is gone, or is no file that can be read.
    """
    if isinstance(location, bytes):
        return len(location), (0, 0)
    status = _status_of(location)
    return status.st_size, (status.st_mtime_ns, status.st_ctime_ns)


def _status_of(path: str) -> os.stat_result:
    try:
        return Path(path).stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"{path!r} cannot be read: {reason}") from None


def _remote_segment(blob: Blob, url: str, options: Mapping[str, Any]) -> MediaSegment:
    """Return the one segment of a URL, whose length is not known.

    Args:
        blob: The blob; its metadata may state the modality.
        url: The URL.
        options: As `PlanOptions`.

    Raises:
        MediaError: Neither metadata, MIME type nor the suffix of the URL tell its modality.
    """
    stated = blob.metadata.get("modality")
    guessed = blob.mimetype or mimetypes.guess_type(urlsplit(url).path)[0] or ""
    modality: Any = stated or guessed.partition("/")[0]
    if modality not in MODALITIES:
        raise MediaError(
            f"{url!r} does not say whether it is an image, video or audio; set its mimetype, or "
            "'modality' in its metadata"
        )
    if modality != "video":
        return MediaSegment(0.0, 0.0, 0, modality=modality, whole=True)
    return MediaSegment(
        0.0,
        0.0,
        0,
        modality="video",
        whole=True,
        fps=float(options.get("fps", DEFAULT_FPS)),
        media_resolution=options.get("media_resolution", "default"),
    )


def digest_of_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
