"""What MiMo accepts, its limits, and how a file is known by its first bytes.

Source unless said otherwise: MiMo's image-, video- and audio-understanding pages, April 2026; the
MIME types are those of its Anthropic-format page. The first bytes decide what a medium is; names
and stated MIME types do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from langchain_mimo.media.references import MediaKind

MAX_BASE64_CHARACTERS = 50 * (1 << 20)
"""Characters of base64 that one medium may have. The pages say 50 MB and not which MB: the client
refuses only what is too long by either reading."""

MAX_INLINE_BYTES = MAX_BASE64_CHARACTERS // 4 * 3
"""Bytes of a file whose base64 just fits."""

SAFE_INLINE_BYTES = 50 * 10**6 // 4 * 3
"""Bytes of a file whose base64 fits by the stricter reading of MB too, 10**6 characters: 37.5 MB.
`langchain_mimo.prepare` aims at this, since what it makes is to be taken whichever MB is meant.
What lies between the two is sent with a warning."""

MAX_URL_BYTES: dict[MediaKind, int] = {
    "image": 50 * (1 << 20),
    "video": 300 * (1 << 20),
    "audio": 100 * (1 << 20),
}
"""Bytes that a medium given by URL may have, likewise by the larger reading of MB."""

HEAD_BYTES = 1024
"""First bytes that suffice for `identify`."""

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


def _picture(name: str, mime_type: str) -> Format:
    return Format(name, {"image": mime_type}, "a picture")


def _sound(name: str, mime_type: str) -> Format:
    return Format(name, {"audio": mime_type}, "a sound")


def _clip(name: str, mime_type: str) -> Format:
    return Format(name, {"video": mime_type}, "a video")


JPEG = _picture("JPEG", "image/jpeg")
PNG = _picture("PNG", "image/png")
GIF = _picture("GIF", "image/gif")
WEBP = _picture("WebP", "image/webp")
BMP = _picture("BMP", "image/bmp")
MP3 = _sound("MP3", "audio/mpeg")
WAV = _sound("WAV", "audio/wav")
FLAC = _sound("FLAC", "audio/flac")
M4A = _sound("M4A", "audio/mp4")
OGG = _sound("OGG", "audio/ogg")
MOV = _clip("MOV", "video/quicktime")
AVI = _clip("AVI", "video/x-msvideo")
WMV = _clip("WMV", "video/x-ms-wmv")
MP4 = Format("MP4", {"video": "video/mp4", "audio": "audio/mp4"}, "a video or a sound")
"""The same container holds clips and M4A sound; which it is stands behind its first bytes."""

FILM = _clip("MP4 with a video track", "video/mp4")
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

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")

# First bytes that stand at the very start and leave no doubt.
_SIGNATURES: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"fLaC", FLAC),
    (b"ID3", MP3),
    (_ASF_HEADER, WMV),
    (b"\x1a\x45\xdf\xa3", MATROSKA),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"\x00\x00\x01\x00", Format("ICO", {}, "a picture", "prepare_image")),
    (b"\x00\x00\x00\x0cjP  ", Format("JPEG 2000", {}, "a picture", "prepare_image")),
    (b"\x00\x00\x00\x0cJXL ", Format("JPEG XL", {}, "a picture", "prepare_image")),
    (b"\xff\x0a", Format("JPEG XL", {}, "a picture", "prepare_image")),
    (b"8BPS", Format("Photoshop", {}, "a picture", "prepare_image")),
    (b"FLV\x01", Format("Flash video", {}, "a video", "prepare_video")),
    (b"\x00\x00\x01\xba", Format("MPEG program stream", {}, "a video", "prepare_video")),
    (b"\x00\x00\x01\xb3", Format("MPEG video", {}, "a video", "prepare_video")),
    (b"#!AMR", Format("AMR", {}, "a sound", "prepare_audio")),
    (b"caff", Format("Core Audio", {}, "a sound", "prepare_audio")),
    (b"wvpk", Format("WavPack", {}, "a sound", "prepare_audio")),
    (b"MThd", Format("MIDI", {}, "notes and not a sound")),
    (b"%PDF", Format("PDF", {}, "a document")),
    (b"PK\x03\x04", Format("ZIP", {}, "an archive or an office document")),
    (b"\x1f\x8b", Format("gzip", {}, "an archive")),
)

_RIFF_FORMS = {b"WEBP": WEBP, b"WAVE": WAV, b"AVI ": AVI}
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_QUICKTIME_FIRST_BOXES = frozenset({b"moov", b"mdat", b"wide", b"pnot", b"free", b"skip"})
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


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


def identify(head: bytes) -> Format | None:
    """Tell what a file is by its first bytes.

    Args:
        head: The first `HEAD_BYTES` bytes, or the whole file when it is shorter.

    Returns:
        The format, whether or not MiMo takes it, or None when the bytes say nothing.
    """
    for signature, candidate in _SIGNATURES:
        if head.startswith(signature):
            return candidate
    recognisers = (_identify_chunked, _identify_boxes, _identify_plain, _identify_mpeg_audio)
    return next(filter(None, (r(head) for r in recognisers)), None) or _identify_markup(head)


def _identify_chunked(head: bytes) -> Format | None:
    """Tell the members of the RIFF and IFF families apart by the type behind their length."""
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF_FORMS.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Format("AIFF", {}, "a sound", "prepare_audio")
    return None


def _identify_boxes(head: bytes) -> Format | None:
    """Tell the members of the MP4 family apart by the brand in their first box."""
    if head[4:8] in _QUICKTIME_FIRST_BOXES:
        return MOV
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    brands = {head[i : i + 4] for i in range(16, size - 3, 4)}
    if major in (b"avif", b"avis"):
        return AVIF
    if major in _HEIF_BRANDS:
        return AVIF if b"avif" in brands else HEIC
    if major == b"qt  ":
        return MOV
    return M4A if major in (b"M4A ", b"M4B ", b"M4P ") else MP4


def _identify_plain(head: bytes) -> Format | None:
    """Recognise what short signatures alone would mistake for something else."""
    if head.startswith(b"OggS"):
        return THEORA if b"\x80theora" in head[:128] else OGG
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return BMP
    if head[:1] == b"\x47" and head[188:189] == b"\x47":
        return Format("MPEG transport stream", {}, "a video", "prepare_video")
    return None


def _identify_mpeg_audio(head: bytes) -> Format | None:
    """Recognise a bare MPEG audio frame: twelve set bits, then version, layer and rates."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer, version = head[1] >> 1 & 3, head[1] >> 3 & 3
    if layer == 0:
        is_adts = head[1] & 0xF6 == 0xF0
        return Format("raw AAC", {}, "a sound", "prepare_audio") if is_adts else None
    if version == 1 or head[2] >> 4 in (0, 15) or head[2] >> 2 & 3 == 3:
        return None
    return MP3 if layer == 1 else Format("MPEG layer I or II", {}, "a sound", "prepare_audio")


def _identify_markup(head: bytes) -> Format | None:
    """Recognise the texts that are most often sent as pictures by mistake."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:HEAD_BYTES].lower()
    if not text.startswith(b"<"):
        return Format("PDF", {}, "a document") if b"%pdf-" in text else None
    if b"<svg" in text:
        return Format("SVG", {}, "a drawing made of text")
    if b"<html" in text or b"<!doctype html" in text:
        return Format("HTML", {}, "a web page")
    return Format("XML", {}, "a text")


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


def mime_type_for(kind: MediaKind, head: bytes, stated: str | None) -> tuple[str, Format | None]:
    """Decide what a medium is, or say why MiMo would refuse it.

    The rule: a stated MIME type of another family than the block (video in an image block) is
    refused. Known first bytes decide against whatever was stated. Unknown first bytes are refused
    in an image block; in audio and video blocks they pass under a stated MIME type that MiMo lists,
    because the variants of those formats are many.

    Args:
        kind: The block's kind.
        head: The first `HEAD_BYTES` bytes.
        stated: The block's MIME type, or None.

    Returns:
        The MIME type to send, and the format when the bytes told it.

    Raises:
        ValueError: MiMo would refuse it; the text is the reason, for a MediaError.
    """
    wanted = normalise_mime_type(stated)
    if wanted is not None and wanted.split("/", 1)[0] != kind:
        raise ValueError(
            f"a block of type {kind!r} states the MIME type {wanted[:80]!r}; use the block type "
            f"that fits the medium."
        )
    found = identify(head)
    if found is not None:
        if kind in found.mime_types:
            return found.mime_types[kind], found
        raise ValueError(refusal(found, kind))
    if kind != "image" and wanted is not None and is_accepted(kind, wanted):
        return wanted, None
    listed = ACCEPTED_NAMES[kind]
    if kind == "image" or wanted is None:
        hint = "" if kind == "image" else ", or state its mime_type if you know it is one of these"
        raise ValueError(
            f"its first bytes are not those of any {kind} MiMo takes ({listed}); check the "
            f"file{hint}."
        )
    raise ValueError(
        f"its first bytes say nothing and its MIME type {wanted[:80]!r} is none that MiMo takes "
        f"({listed})."
    )


def refusal(found: Format, kind: MediaKind) -> str:
    """Say why a known format cannot stand in a block of this kind, and what to do."""
    accepted_as = next(iter(found.mime_types), None)
    if accepted_as is not None:
        is_film = kind == "audio" and accepted_as == "video"
        sound = ", or take its sound with langchain_mimo.prepare.prepare_audio" if is_film else ""
        return (
            f"it is {found.name}, {found.nature}, in a block of type {kind!r}; use a block of "
            f"type {accepted_as!r}{sound}."
        )
    preparer = "prepare_audio" if found is MATROSKA and kind == "audio" else found.preparer
    remedy = (
        f"convert it with langchain_mimo.prepare.{preparer}."
        if preparer is not None
        else "it has to become one of these first."
    )
    return (
        f"it is {found.name}, {found.nature}, and MiMo takes only {ACCEPTED_NAMES[kind]}; {remedy}"
    )


def wrong_length(encoded_length: int, limit: int | None = None) -> str | None:
    """Say why base64 of this length would be refused, or return None when it fits.

    Args:
        encoded_length: Characters of base64.
        limit: Most that the server takes; None for MiMo's own limit.
    """
    if encoded_length == 0:
        return "it is empty."
    if encoded_length <= (MAX_BASE64_CHARACTERS if limit is None else limit):
        return None
    if limit is not None:
        return (
            f"its base64 has {encoded_length:,} characters and media_limits allows {limit:,} (a "
            f"file of {limit // 4 * 3:,} bytes); shrink or cut it with langchain_mimo.prepare."
        )
    return (
        f"its base64 has {encoded_length:,} characters and MiMo takes at most "
        f"{MAX_BASE64_CHARACTERS:,} (a file of {MAX_INLINE_BYTES:,} bytes); shrink or cut it with "
        "langchain_mimo.prepare, or give a public URL."
    )


def doubtful_length(kind: MediaKind, encoded_length: int) -> str | None:
    """Say why base64 of this length may be refused, or return None when it surely fits."""
    if encoded_length <= SAFE_INLINE_BYTES // 3 * 4:
        return None
    return (
        f"has {encoded_length:,} characters of base64; MiMo takes 50 MB, and if that is 50 million "
        f"it refuses this. langchain_mimo.prepare.prepare_{kind} makes it small enough."
    )


def too_large_for_url(kind: MediaKind, size: int) -> str | None:
    """Say why a medium of `size` bytes by URL would be refused, or return None when it fits."""
    if size <= MAX_URL_BYTES[kind]:
        return None
    return (
        f"it has {size:,} bytes and MiMo takes at most {MAX_URL_BYTES[kind]:,} by URL; shrink or "
        "cut it with langchain_mimo.prepare."
    )
