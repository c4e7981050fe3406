"""What MiMo accepts, its limits, and how a file is known by its first bytes.

Source unless said otherwise: MiMo's image-, video- and audio-understanding pages, April 2026; the
MIME types are those of its Anthropic-format page. The first bytes decide what a medium is; names
and stated MIME types do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from langchain_mimo._media.references import MediaKind

Preparer: TypeAlias = Literal["prepare_image", "prepare_video", "prepare_audio"]


@dataclass(frozen=True, slots=True)
class Format:
    """A file format.

    Attributes:
        name: What people call it, such as "PNG".
        mime_types: The MIME type to state, by the kind of block it may stand in; empty when MiMo
            takes it in none.
        nature: What it is in plain words, such as "a picture".
        preparer: The function of `langchain_mimo.prepare` that turns it into what MiMo takes, or
            None.
    """

    name: str
    mime_types: dict[MediaKind, str] = field(default_factory=dict)
    nature: str = "a file"
    preparer: Preparer | None = None


def _image(name: str, mime_type: str) -> Format:
    return Format(name, {"image": mime_type}, "a picture")


def _audio(name: str, mime_type: str) -> Format:
    return Format(name, {"audio": mime_type}, "a sound")


def _video(name: str, mime_type: str) -> Format:
    return Format(name, {"video": mime_type}, "a video")


JPEG = _image("JPEG", "image/jpeg")
PNG = _image("PNG", "image/png")
GIF = _image("GIF", "image/gif")
WEBP = _image("WebP", "image/webp")
BMP = _image("BMP", "image/bmp")
MP3 = _audio("MP3", "audio/mpeg")
WAV = _audio("WAV", "audio/wav")
FLAC = _audio("FLAC", "audio/flac")
M4A = _audio("M4A", "audio/mp4")
OGG = _audio("OGG", "audio/ogg")
MOV = _video("MOV", "video/quicktime")
AVI = _video("AVI", "video/x-msvideo")
WMV = _video("WMV", "video/x-ms-wmv")
MP4 = Format("MP4", {"video": "video/mp4", "audio": "audio/mp4"}, "a video or a sound")
"""The same container holds clips and M4A sound; which it is stands behind its first bytes."""

VIDEO = _video("MP4 with a video track", "video/mp4")
"""What an MP4 turns out to be once its tracks are known."""

ACCEPTED = (JPEG, PNG, GIF, WEBP, BMP, MP3, WAV, FLAC, M4A, OGG, MOV, AVI, WMV, MP4)
"""Everything MiMo's pages list."""

ACCEPTED_NAMES: dict[MediaKind, str] = {
    "image": "JPEG, PNG, GIF, WebP, BMP",
    "video": "MP4, MOV, AVI, WMV",
    "audio": "MP3, WAV, FLAC, M4A, OGG",
}
"""The lists of the pages, for error messages."""

MATROSKA = Format("Matroska or WebM", {}, "a video or a sound", "prepare_video")
HEIC = Format("HEIC", {}, "a picture", "prepare_image")
AVIF = Format("AVIF", {}, "a picture", "prepare_image")
TIFF = Format("TIFF", {}, "a picture", "prepare_image")
THEORA = Format("OGG with Theora video", {}, "a video", "prepare_video")

_MIME_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-bmp": "image/bmp",
    "image/x-ms-bmp": "image/bmp",
    "audio/mp3": "audio/mpeg",
    "audio/mpeg3": "audio/mpeg",
    "audio/mpg": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-mpeg-3": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/x-pn-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/x-ogg": "audio/ogg",
    "audio/vorbis": "audio/ogg",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "video/mov": "video/quicktime",
    "video/x-quicktime": "video/quicktime",
    "video/avi": "video/x-msvideo",
    "video/msvideo": "video/x-msvideo",
    "video/vnd.avi": "video/x-msvideo",
    "video/wmv": "video/x-ms-wmv",
    "video/x-ms-asf": "video/x-ms-wmv",
    "video/m4v": "video/mp4",
    "video/x-m4v": "video/mp4",
}

_MIME_TYPES_THAT_SAY_NOTHING = frozenset(
    {"", "*/*", "application/octet-stream", "binary/octet-stream", "application/mp4"}
)


def normalise_mime_type(mime_type: str | None) -> str | None:
    """Return a MIME type as MiMo spells it, or None when the given one says nothing.

    Args:
        mime_type: As stated: any case, with parameters, under an old or private name.
    """
    if mime_type is None:
        return None
    bare = mime_type.split(";", 1)[0].strip().lower()
    if bare in _MIME_TYPES_THAT_SAY_NOTHING:
        return None
    return _MIME_ALIASES.get(bare, bare)


def is_accepted(kind: MediaKind, mime_type: str) -> bool:
    """Whether a normalised MIME type is one that MiMo lists for this kind of block."""
    return any(candidate.mime_types.get(kind) == mime_type for candidate in ACCEPTED)


SUFFIXES: dict[str, tuple[str, ...]] = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png",),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "image/bmp": (".bmp", ".dib"),
    "video/mp4": (".mp4", ".m4v"),
    "video/quicktime": (".mov", ".qt"),
    "video/x-msvideo": (".avi",),
    "video/x-ms-wmv": (".wmv", ".asf"),
    "audio/mpeg": (".mp3",),
    "audio/wav": (".wav", ".wave"),
    "audio/flac": (".flac",),
    "audio/mp4": (".m4a", ".mp4", ".m4b"),
    "audio/ogg": (".ogg", ".oga", ".opus"),
}
"""How the names of files end that are of a MIME type, the usual ending first."""
