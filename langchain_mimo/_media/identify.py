"""Identifies a file's format by its first bytes and decides which MIME type to send."""

from __future__ import annotations

from langchain_mimo._media.formats import (
    ACCEPTED_NAMES,
    AVI,
    AVIF,
    BMP,
    FLAC,
    GIF,
    HEIC,
    JPEG,
    M4A,
    MATROSKA,
    MOV,
    MP3,
    MP4,
    OGG,
    PNG,
    THEORA,
    TIFF,
    WAV,
    WEBP,
    WMV,
    Format,
    is_accepted,
    normalise_mime_type,
)
from langchain_mimo._media.references import MediaKind

HEAD_BYTES = 1024
"""Number of first bytes that `identify` needs."""

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")

# Signatures at the very start of a file that are unambiguous.
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
    (b"\x00\x00\x01\x00", Format("ICO", {}, "image", "prepare_image")),
    (b"\x00\x00\x00\x0cjP  ", Format("JPEG 2000", {}, "image", "prepare_image")),
    (b"\x00\x00\x00\x0cJXL ", Format("JPEG XL", {}, "image", "prepare_image")),
    (b"\xff\x0a", Format("JPEG XL", {}, "image", "prepare_image")),
    (b"8BPS", Format("Photoshop", {}, "image", "prepare_image")),
    (b"FLV\x01", Format("Flash video", {}, "video", "prepare_video")),
    (b"\x00\x00\x01\xba", Format("MPEG program stream", {}, "video", "prepare_video")),
    (b"\x00\x00\x01\xb3", Format("MPEG video", {}, "video", "prepare_video")),
    (b"#!AMR", Format("AMR", {}, "audio", "prepare_audio")),
    (b"caff", Format("Core Audio", {}, "audio", "prepare_audio")),
    (b"wvpk", Format("WavPack", {}, "audio", "prepare_audio")),
    (b"MThd", Format("MIDI", {}, "musical notes, not audio")),
    (b"%PDF", Format("PDF", {}, "document")),
    (b"PK\x03\x04", Format("ZIP", {}, "archive or office document")),
    (b"\x1f\x8b", Format("gzip", {}, "archive")),
)

_RIFF_FORMS = {b"WEBP": WEBP, b"WAVE": WAV, b"AVI ": AVI}
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_QUICKTIME_FIRST_BOXES = frozenset({b"moov", b"mdat", b"wide", b"pnot", b"free", b"skip"})
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


def identify(head: bytes) -> Format | None:
    """Identify a file's format by its first bytes.

    Args:
        head: The first `HEAD_BYTES` bytes, or the complete file when it is shorter.

    Returns:
        The format, whether or not MiMo accepts it, or None when the signature is unknown.
    """
    for signature, candidate in _SIGNATURES:
        if head.startswith(signature):
            return candidate
    for recognise in (
        _identify_chunked,
        _identify_boxes,
        _identify_short_signatures,
        _identify_mpeg_audio,
    ):
        if (found := recognise(head)) is not None:
            return found
    return _identify_document(head)


def mime_type_for(kind: MediaKind, head: bytes, stated: str | None) -> tuple[str, Format | None]:
    """Decide the MIME type to send, or why MiMo would refuse the file.

    A stated MIME type of another kind than the block's (video in an image block) is refused. A
    known signature overrides whatever was stated. An unknown signature is refused in an image
    block; in audio and video blocks it passes under a stated MIME type that MiMo lists, because
    those formats have many variants.

    Args:
        kind: The block's kind.
        head: The first `HEAD_BYTES` bytes.
        stated: The block's MIME type, or None.

    Returns:
        The MIME type to send, and the format if the signature is known.

    Raises:
        ValueError: MiMo would refuse it; the text is the reason, for a MediaError.
    """
    wanted = normalise_mime_type(stated)
    if wanted is not None and wanted.split("/", 1)[0] != kind:
        raise ValueError(
            f"a block of type {kind!r} states the MIME type {wanted[:80]!r}; use the block type "
            "that matches the file"
        )
    found = identify(head)
    if found is not None:
        if kind in found.mime_types:
            return found.mime_types[kind], found
        raise ValueError(refusal_reason(found, kind))
    if kind != "image" and wanted is not None and is_accepted(kind, wanted):
        return wanted, None
    accepted = ACCEPTED_NAMES[kind]
    if kind == "image" or wanted is None:
        hint = "" if kind == "image" else ", or state its mime_type if you know it is one of these"
        raise ValueError(
            f"unrecognised file signature; MiMo accepts {accepted} in a block of type {kind!r}; "
            f"check the file{hint}"
        )
    raise ValueError(
        f"unrecognised file signature, and MIME type {wanted[:80]!r} is not supported by MiMo; "
        f"convert the file to one of {accepted}"
    )


def refusal_reason(found: Format, kind: MediaKind) -> str:
    """Return why a known format cannot be used in a block of this kind, and what to do."""
    accepted_as = next(iter(found.mime_types), None)
    if accepted_as is not None:
        remedy = f"use a block of type {accepted_as!r}"
        if kind == "audio" and accepted_as == "video":
            remedy += ", or extract its audio with langchain_mimo.prepare.prepare_audio"
        return f"it is {found.name} ({found.description}) in a block of type {kind!r}; {remedy}"
    preparer = "prepare_audio" if found is MATROSKA and kind == "audio" else found.preparer
    remedy = (
        f"convert it with langchain_mimo.prepare.{preparer}"
        if preparer is not None
        else "convert it to one of these formats first"
    )
    return (
        f"it is {found.name} ({found.description}), and MiMo accepts only {ACCEPTED_NAMES[kind]}; "
        f"{remedy}"
    )


def _identify_chunked(head: bytes) -> Format | None:
    """Identify the RIFF and IFF families by the type that follows their length."""
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF_FORMS.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Format("AIFF", {}, "audio", "prepare_audio")
    return None


def _identify_boxes(head: bytes) -> Format | None:
    """Identify the MP4 family by the brand in the first box."""
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


def _identify_short_signatures(head: bytes) -> Format | None:
    """Identify formats whose short signatures need a second check."""
    if head.startswith(b"OggS"):
        return THEORA if b"\x80theora" in head[:128] else OGG
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return BMP
    if head[:1] == b"\x47" and head[188:189] == b"\x47":
        return Format("MPEG transport stream", {}, "video", "prepare_video")
    return None


def _identify_mpeg_audio(head: bytes) -> Format | None:
    """Identify a bare MPEG audio frame: eleven set bits, then version, layer and rates."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer, version = head[1] >> 1 & 3, head[1] >> 3 & 3
    if layer == 0:
        is_adts = head[1] & 0xF6 == 0xF0
        return Format("raw AAC", {}, "audio", "prepare_audio") if is_adts else None
    if version == 1 or head[2] >> 4 in (0, 15) or head[2] >> 2 & 3 == 3:
        return None
    return MP3 if layer == 1 else Format("MPEG layer I or II", {}, "audio", "prepare_audio")


def _identify_document(head: bytes) -> Format | None:
    """Identify the documents that are most often sent as images by mistake."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:HEAD_BYTES].lower()
    if not text.startswith(b"<"):
        return Format("PDF", {}, "document") if b"%pdf-" in text else None
    if b"<svg" in text:
        return Format("SVG", {}, "vector graphics")
    if b"<html" in text or b"<!doctype html" in text:
        return Format("HTML", {}, "web page")
    return Format("XML", {}, "text")
