"""Identifies a file's format by its first bytes, and picks the MIME type to send."""

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
"""First bytes that suffice for `identify`."""


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
        is_video = kind == "audio" and accepted_as == "video"
        audio = ", or take its sound with langchain_mimo.prepare.prepare_audio" if is_video else ""
        return (
            f"it is {found.name}, {found.nature}, in a block of type {kind!r}; use a block of "
            f"type {accepted_as!r}{audio}."
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
