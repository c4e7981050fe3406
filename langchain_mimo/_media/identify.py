"""Identifies a file's format by its bytes and decides which MIME type to send."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from langchain_mimo._media import formats
from langchain_mimo._media.formats import (
    ACCEPTED_NAMES,
    Format,
    Preparer,
    is_accepted,
    normalise_mime_type,
)
from langchain_mimo._media.headers.id3 import id3_length
from langchain_mimo._media.headers.mpeg_audio import find_first_frame, looks_like_frames
from langchain_mimo._media.readers import MemoryReader, Reader
from langchain_mimo._media.references import MediaKind
from langchain_mimo._media.unreadable_formats import RAW, SIGNATURES, TEXT, identify_unreadable

HEAD_BYTES = 1024
"""Number of first bytes that identification needs."""

_PADDING_WINDOW = 64 * 1024
"""Bytes behind an ID3 tag in which the first frame is searched: some taggers leave padding."""

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64_HEADER = bytes.fromhex("726966662e91cf11a5d628db04c10000")

# Signatures at the very start of a file that are unambiguous.
_SIGNATURES: tuple[tuple[bytes, Format], ...] = (
    *SIGNATURES,
    (b"\x89PNG\r\n\x1a\n", formats.PNG),
    (b"\xff\xd8\xff", formats.JPEG),
    (b"GIF87a", formats.GIF),
    (b"GIF89a", formats.GIF),
    (b"fLaC", formats.FLAC),
    (_ASF_HEADER, formats.WMV),
    (_W64_HEADER, formats.W64),
    (b"II*\x00", formats.TIFF),
    (b"MM\x00*", formats.TIFF),
    (b"\x00\x00\x01\x00", formats.ICO),
    (b"\x00\x00\x00\x0cjP  ", formats.JPEG_2000),
    (b"8BPS", formats.PHOTOSHOP),
    (b"FLV\x01", formats.FLASH_VIDEO),
    (b"\x00\x00\x01\xba", formats.MPEG_PROGRAM_STREAM),
    (b"\x00\x00\x01\xb3", formats.MPEG_VIDEO),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", formats.MXF),
    (b"nut/multimedia container\x00", formats.NUT),
    (b"YUV4MPEG2 ", formats.YUV4MPEG),
    (b"icns", formats.ICNS),
    (b"#!AMR", formats.AMR),
    (b"caff", formats.CAF),
    (b".snd", formats.AU),
    (b"wvpk", formats.WAVPACK),
    (b"MAC ", formats.MONKEYS_AUDIO),
    (b"TTA1", formats.TRUE_AUDIO),
    (b"MPCK", formats.MUSEPACK),
    (b"MP+", formats.MUSEPACK),
    (b"DSD ", formats.DSF),
    (b"\x7f\xfe\x80\x01", formats.DTS),
    (b"\xfe\x7f\x01\x80", formats.DTS),
    (b"\x1f\xff\xe8\x00", formats.DTS),
    (b"\xff\x1f\x00\xe8", formats.DTS),
    (b"DTSHDHDR", formats.DTS),
)

_CHUNKED = {
    (b"RIFF", b"WEBP"): formats.WEBP,
    (b"RIFF", b"WAVE"): formats.WAV,
    (b"RIFF", b"AVI "): formats.AVI,
    (b"RF64", b"WAVE"): formats.RF64,
    (b"BW64", b"WAVE"): formats.BW64,
    (b"RIFX", b"WAVE"): formats.RIFX,
    (b"FORM", b"AIFF"): formats.AIFF,
    (b"FORM", b"AIFC"): formats.AIFF,
}
_BRANDS = {
    b"avif": formats.AVIF,
    b"avis": formats.AVIF,
    b"crx ": RAW,  # Canon's CR3
    b"qt  ": formats.MOV,
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), formats.M4A),
}
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_QUICKTIME_FIRST_BOXES = frozenset({b"moov", b"mdat", b"wide", b"pnot", b"free", b"skip"})
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_H264_FIRST_UNITS = frozenset({0x67, 0x47, 0x27, 0x09})  # parameters, or the mark of a frame
_H265_FIRST_UNITS = frozenset({32, 33, 35})  # parameters, or the mark of a frame
_TGA_HEADER_BYTES, _TGA_DEPTHS = 18, frozenset({8, 15, 16, 24, 32})
_TAGGABLE = frozenset({formats.MP3.name, formats.FLAC.name})
"""Formats that MiMo is taken to read behind an ID3 tag."""

WITH_AUDIO = frozenset({"audio", "video or audio", "video with audio"})
"""Descriptions of formats from which prepare_audio takes the audio."""


class Identified(NamedTuple):
    """What a file is.

    Attributes:
        format: The format, whether or not MiMo accepts it, or None when it is unknown.
        offset: Where it begins, in bytes; not 0 when ID3 tags precede it.
    """

    format: Format | None
    offset: int


def identify_file(reader: Reader) -> Identified:
    """Identify a file by its first bytes, or by those behind its ID3 tags.

    ID3 tags belong to MP3, but taggers put them in front of anything. What consists of tags alone
    counts as MP3.
    """
    offset = id3_length(reader)
    if offset >= reader.size:
        return Identified(formats.MP3 if offset else None, offset)
    found = _identify_plain(reader.read(offset, HEAD_BYTES))
    if offset and (found is None or found is TEXT):
        window = reader.read(offset, _PADDING_WINDOW)
        found = formats.MP3 if find_first_frame(window) is not None else None
    return Identified(found, offset)


def identify(head: bytes) -> Format | None:
    """Identify a file's format by its first bytes, as far as they tell.

    Args:
        head: The first `HEAD_BYTES` bytes, or the complete file when it is shorter. An ID3 tag
            that does not end within them is taken to belong to an MP3; `identify_file` knows.

    Returns:
        The format, whether or not MiMo accepts it, or None when the signature is unknown.
    """
    return identify_file(MemoryReader(head)).format


def mime_type_for(kind: MediaKind, head: bytes, stated: str | None) -> tuple[str, Format | None]:
    """Decide the MIME type to send by the first bytes alone; see `accepted_mime_type`.

    Args:
        kind: The block's kind.
        head: The first `HEAD_BYTES` bytes.
        stated: The block's MIME type, or None.

    Returns:
        The MIME type to send, and the format if the signature is known.

    Raises:
        ValueError: MiMo would refuse it; the text is the reason, for a MediaError.
    """
    found, offset = identify_file(MemoryReader(head))
    return accepted_mime_type(kind, behind_tags(found, offset), stated), found


def accepted_mime_type(kind: MediaKind, found: Format | None, stated: str | None) -> str:
    """Decide the MIME type to send, or why MiMo would refuse the file.

    A stated MIME type of another kind than the block's (video in an image block) is refused. A
    known signature overrides whatever was stated. An unknown signature is refused in an image
    block; in audio and video blocks it passes under a stated MIME type that MiMo lists, because
    those formats have many variants.

    Args:
        kind: The block's kind.
        found: The format, or None when the signature is unknown.
        stated: The block's MIME type, or None.

    Raises:
        ValueError: MiMo would refuse it; the text is the reason, for a MediaError.
    """
    wanted = normalise_mime_type(stated)
    if wanted is not None and wanted.split("/", 1)[0] != kind:
        raise ValueError(
            f"a block of type {kind!r} states the MIME type {wanted[:80]!r}; use the block type "
            "that matches the file"
        )
    if found is not None:
        if kind in found.mime_types:
            return found.mime_types[kind]
        raise ValueError(refusal_reason(found, kind))
    if kind != "image" and wanted is not None and is_accepted(kind, wanted):
        return wanted
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


def behind_tags(found: Format | None, offset: int) -> Format | None:
    """Return the format as MiMo takes it behind ID3 tags: only MP3 and FLAC are accepted there.

    Args:
        found: The format that begins at `offset`.
        offset: Length of the ID3 tags, in bytes.
    """
    if found is None or not offset or found.name in _TAGGABLE:
        return found
    preparer: Preparer | None = "prepare_audio" if found.description == "audio" else None
    return replace(
        found,
        name=f"{found.name} behind an ID3 tag",
        mime_types={},
        preparer=preparer,
        advice=None if preparer else "remove the tag with a tag editor",
    )


def refusal_reason(found: Format, kind: MediaKind) -> str:
    """Return why a known format cannot be used in a block of this kind, and what to do."""
    accepted_as = next(iter(found.mime_types), None)
    if accepted_as is not None:
        remedy = f"use a block of type {accepted_as!r}"
        if kind == "audio" and found.description in WITH_AUDIO:
            remedy += ", or extract its audio with langchain_mimo.prepare.prepare_audio"
        return f"it is {found.name} ({found.description}) in a block of type {kind!r}; {remedy}"
    return (
        f"it is {found.name} ({found.description}), and MiMo accepts only {ACCEPTED_NAMES[kind]}; "
        f"{_conversion(found, kind)}"
    )


def _conversion(found: Format, kind: MediaKind) -> str:
    """Return what converts a format that MiMo does not accept."""
    if found.preparer is None:
        return found.advice or "convert it to one of these formats with another program"
    if kind == "audio" and found.description in WITH_AUDIO:
        return "convert it with langchain_mimo.prepare.prepare_audio"
    remedy = f"convert it with langchain_mimo.prepare.{found.preparer}"
    needed = found.preparer.removeprefix("prepare_")
    return remedy if needed == kind else f"{remedy} and use a block of type {needed!r}"


def _identify_plain(head: bytes) -> Format | None:
    """Identify a file without ID3 tags by its first bytes."""
    for signature, candidate in _SIGNATURES:
        if head.startswith(signature):
            return candidate
    for recognise in (
        _identify_containers,
        _identify_boxes,
        _identify_short_signatures,
        _identify_bare_video,
        _identify_frames,
        _identify_tga,
    ):
        if (found := recognise(head)) is not None:
            return found
    return identify_unreadable(head)


def _identify_containers(head: bytes) -> Format | None:
    """Identify RIFF, IFF and EBML by the type that follows their length."""
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return formats.WEBM if b"\x42\x82\x84webm" in head[:80] else formats.MATROSKA
    return _CHUNKED.get((head[:4], head[8:12]))


def _identify_boxes(head: bytes) -> Format | None:
    """Identify the MP4 family by the brand in the first box."""
    if head[4:8] in _QUICKTIME_FIRST_BOXES:
        return formats.MOV
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    brands = {head[i : i + 4] for i in range(16, size - 3, 4)}
    if major in _HEIF_BRANDS:
        return formats.AVIF if b"avif" in brands else formats.HEIC
    return _BRANDS.get(major, formats.MP4)


def _identify_short_signatures(head: bytes) -> Format | None:
    """Identify formats whose short signatures need a second check."""
    if head.startswith(b"OggS"):
        return formats.THEORA if b"\x80theora" in head[:128] else formats.OGG
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return formats.BMP
    if len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\r\n#":
        return formats.NETPBM
    if head[:1] == b"\x0a" and head[1:2] in b"\x00\x02\x03\x05" and head[2:3] == b"\x01":
        return formats.PCX if head[3:4] in b"\x01\x02\x04\x08" else None
    for first, spacing in ((0, 188), (4, 192), (0, 204)):  # plain, on Blu-ray, with parity
        if head[first : first + 1] == b"\x47" == head[first + spacing : first + spacing + 1]:
            return formats.MPEG_TRANSPORT_STREAM
    return None


def _identify_tga(head: bytes) -> Format | None:
    """Identify TGA, which has no signature, by whether the fields of its header fit together."""
    if len(head) <= _TGA_HEADER_BYTES:
        return None
    has_map, kind = head[1], head[2]
    if has_map == 0:
        fits = kind in (2, 3, 10, 11) and not any(head[3:8])
    else:
        fits = has_map == 1 and kind in (1, 9) and head[7] in _TGA_DEPTHS
    width, height = head[12] | head[13] << 8, head[14] | head[15] << 8
    fits = fits and head[16] in _TGA_DEPTHS and not head[17] & 0xC0
    return formats.TGA if fits and width and height else None


def _identify_bare_video(head: bytes) -> Format | None:
    """Identify H.264 and H.265 without a container by the type of their first unit."""
    start = {b"\x00\x00\x00\x01": 4, b"\x00\x00\x01": 3}
    at = next((length for code, length in start.items() if head.startswith(code)), None)
    if at is None or len(head) < at + 2 or head[at] & 0x80:
        return None
    if head[at] in _H264_FIRST_UNITS:
        return formats.H264
    return formats.H265 if head[at] >> 1 in _H265_FIRST_UNITS and head[at + 1] == 1 else None


def _identify_frames(head: bytes) -> Format | None:
    """Identify bare frames of audio, each of which begins with a few set bits."""
    if len(head) < 4:
        return None
    if head.startswith(b"\x0b\x77") and len(head) > 5:
        return formats.AC3 if head[5] >> 3 <= 10 else formats.EAC3
    if head[0] == 0x56 and head[1] & 0xE0 == 0xE0:
        following = 3 + ((head[1] & 0x1F) << 8 | head[2])
        sync = head[following : following + 2]
        is_latm = len(sync) < 2 or (sync[0] == 0x56 and sync[1] & 0xE0 == 0xE0)
        return formats.LATM if is_latm else None
    if head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or not looks_like_frames(head):
        return None
    layer = head[1] >> 1 & 3
    return {0: formats.ADTS, 1: formats.MP3}.get(layer, formats.MPEG_AUDIO)
