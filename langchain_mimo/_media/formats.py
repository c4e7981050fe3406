"""File formats: those that MiMo accepts, their MIME types, and those that can be converted.

Source unless stated otherwise: MiMo's image, video and audio understanding pages, April 2026. The
MIME types are those of its Anthropic-format page. A file's first bytes decide its format (see
`identify`), not its name and not its stated MIME type.
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
        name: The usual name, such as "PNG".
        mime_types: The MIME type to send, by the kind of block that may hold it; empty when MiMo
            accepts it in none.
        description: What it is in plain words, such as "image".
        preparer: The function of `langchain_mimo.prepare` that converts it to a format that MiMo
            accepts, or None.
        advice: What to do where no function converts it, or None.
    """

    name: str
    mime_types: dict[MediaKind, str] = field(default_factory=dict)
    description: str = "file"
    preparer: Preparer | None = None
    advice: str | None = None


def _image(name: str, mime_type: str) -> Format:
    return Format(name, {"image": mime_type}, "image")


def _audio(name: str, mime_type: str) -> Format:
    return Format(name, {"audio": mime_type}, "audio")


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
AVI = Format("AVI", {"video": "video/x-msvideo"}, "video or audio")
WMV = Format("WMV", {"video": "video/x-ms-wmv"}, "video or audio")
MP4 = Format("MP4", {"video": "video/mp4", "audio": "audio/mp4"}, "video or audio")
"""One container for videos and M4A audio; which of them it holds is beyond the first bytes."""

MOV = Format("MOV", {"video": "video/quicktime", "audio": "audio/mp4"}, "video or audio")
"""As MP4; MiMo reads a MOV without video under audio/mp4."""

ACCEPTED = (JPEG, PNG, GIF, WEBP, BMP, MP3, WAV, FLAC, M4A, OGG, MOV, AVI, WMV, MP4)
"""All formats that MiMo's pages list."""

ACCEPTED_NAMES: dict[MediaKind, str] = {
    "image": "JPEG, PNG, GIF, WebP, BMP",
    "video": "MP4, MOV, AVI, WMV",
    "audio": "MP3, WAV, FLAC, M4A, OGG",
}
"""The lists of the pages, for error messages."""


def _to_convert(
    name: str, description: Literal["image", "video", "audio", "video or audio"]
) -> Format:
    """Return a format that MiMo does not accept and `langchain_mimo.prepare` converts."""
    preparer = "video" if description == "video or audio" else description
    return Format(name, {}, description, _PREPARERS[preparer])


_PREPARERS: dict[str, Preparer] = {
    "image": "prepare_image",
    "video": "prepare_video",
    "audio": "prepare_audio",
}

MATROSKA = _to_convert("Matroska", "video or audio")
WEBM = _to_convert("WebM", "video or audio")
NETPBM = _to_convert("Netpbm", "image")
PCX = _to_convert("PCX", "image")
ICNS = _to_convert("ICNS", "image")
HEIC = _to_convert("HEIC", "image")
AVIF = _to_convert("AVIF", "image")
TIFF = _to_convert("TIFF", "image")
ICO = _to_convert("ICO", "image")
JPEG_2000 = _to_convert("JPEG 2000", "image")
TGA = _to_convert("TGA", "image")
PHOTOSHOP = _to_convert("Photoshop", "image")
FLASH_VIDEO = _to_convert("Flash video", "video or audio")
MPEG_PROGRAM_STREAM = _to_convert("MPEG program stream", "video or audio")
MPEG_TRANSPORT_STREAM = _to_convert("MPEG transport stream", "video or audio")
MXF = _to_convert("MXF", "video or audio")
NUT = _to_convert("NUT", "video or audio")
H264 = _to_convert("bare H.264", "video")
H265 = _to_convert("bare H.265", "video")
YUV4MPEG = _to_convert("YUV4MPEG2", "video")
MPEG_VIDEO = _to_convert("MPEG video", "video")
THEORA = _to_convert("OGG with Theora video", "video")
RF64 = _to_convert("RF64, a WAV with 64-bit lengths", "audio")
BW64 = _to_convert("BW64, a WAV with 64-bit lengths", "audio")
W64 = _to_convert("W64, Sony's WAV with 64-bit lengths", "audio")
RIFX = _to_convert("RIFX, a big-endian WAV", "audio")
WMA = _to_convert("WMA", "audio")
ADTS = _to_convert("raw AAC (ADTS)", "audio")
LATM = _to_convert("raw AAC (LATM)", "audio")
AMR = _to_convert("AMR", "audio")
AIFF = _to_convert("AIFF", "audio")
CAF = _to_convert("Core Audio (CAF)", "audio")
AU = _to_convert("AU", "audio")
AC3 = _to_convert("AC-3", "audio")
EAC3 = _to_convert("E-AC-3", "audio")
DTS = _to_convert("DTS", "audio")
MPEG_AUDIO = _to_convert("MPEG layer I or II", "audio")
WAVPACK = _to_convert("WavPack", "audio")
MONKEYS_AUDIO = _to_convert("Monkey's Audio", "audio")
TRUE_AUDIO = _to_convert("True Audio", "audio")
MUSEPACK = _to_convert("Musepack", "audio")
DSF = _to_convert("DSF", "audio")

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
"""File name extensions by MIME type, the usual one first."""

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

_GENERIC_MIME_TYPES = frozenset(
    {"", "*/*", "application/octet-stream", "binary/octet-stream", "application/mp4"}
)


def normalise_mime_type(mime_type: str | None) -> str | None:
    """Return a MIME type in MiMo's spelling, or None when the given one is generic.

    Args:
        mime_type: As stated: in any case, with parameters, under an old or private name.
    """
    if mime_type is None:
        return None
    bare = mime_type.split(";", 1)[0].strip().lower()
    if bare in _GENERIC_MIME_TYPES:
        return None
    return _MIME_ALIASES.get(bare, bare)


def is_accepted(kind: MediaKind, mime_type: str) -> bool:
    """Whether MiMo lists a normalised MIME type for this kind of block."""
    return any(candidate.mime_types.get(kind) == mime_type for candidate in ACCEPTED)
