"""Tells by the first bytes what a media file is, and whether MiMo takes it under its MIME type."""

from __future__ import annotations

from langchain_mimo.emulator.conversation.request import MediaKind
from langchain_mimo.emulator.media.limits import damaged_media
from langchain_mimo.emulator.refusals import (
    AUDIO_FORMAT,
    IMAGE_FORMAT,
    VIDEO_FORMAT,
    param_incorrect,
)

MIME_FORMATS: dict[MediaKind, dict[str, frozenset[str]]] = {
    "image": {
        "image/jpeg": frozenset({"JPEG"}),
        "image/png": frozenset({"PNG"}),
        "image/gif": frozenset({"GIF"}),
        "image/webp": frozenset({"WEBP"}),
        "image/bmp": frozenset({"BMP"}),
    },
    "audio": {
        "audio/mpeg": frozenset({"MP3"}),
        "audio/wav": frozenset({"WAV"}),
        "audio/flac": frozenset({"FLAC"}),
        "audio/mp4": frozenset({"MP4", "MOV"}),
        "audio/ogg": frozenset({"OGG"}),
    },
    "video": {
        "video/mp4": frozenset({"MP4", "MOV"}),
        "video/quicktime": frozenset({"MP4", "MOV"}),
        "video/x-msvideo": frozenset({"AVI"}),
        "video/x-ms-wmv": frozenset({"ASF"}),
    },
}
"""The MIME types that MiMo documents, and the containers that each may hold."""

FORMAT_REFUSALS: dict[MediaKind, str] = {
    "image": IMAGE_FORMAT,
    "audio": AUDIO_FORMAT,
    "video": VIDEO_FORMAT,
}
"""What MiMo says to other formats of a kind."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"fLaC", "FLAC"),
    (b"OggS", "OGG"),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "ASF"),
)
_RIFF_FORMS = {b"WEBP": "WEBP", b"WAVE": "WAV", b"AVI ": "AVI"}
_ISO_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
_IMAGE_BRANDS = frozenset(
    {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
)
"""HEIF and AVIF have the boxes of MP4: ISO/IEC 23008-12, annex B."""

_TAG_HEADER_BYTES = 10
_TAG_HAS_FOOTER = 0x10
_MAX_TAGS = 100


def detect_container(data: bytes) -> str:
    """Return the container that the first bytes show, in upper case; "" for an unknown one.

    RF64 and BW64, the forms of WAV for more than 4 GB, count as unknown: whether MiMo opens them is
    not known. The same is true of ID3 tags in front of anything but MP3.
    """
    head = data[:16]
    if head.startswith(b"ID3"):
        start = _end_of_tags(data)
        return "" if _starts_other_audio(data[start : start + 4]) else "MP3"
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF":
        return _RIFF_FORMS.get(head[8:12], "")
    if head[4:8] in _ISO_BOXES:
        return _iso_container(head)
    return "MP3" if _is_mp3(head) else ""


def check_container(kind: MediaKind, mime_type: str, data: bytes) -> str:
    """Return the container of a media file, checked against its declared kind and MIME type.

    Raises:
        Refusal: The container is not accepted for this kind, or is not what the MIME type says.
    """
    allowed = MIME_FORMATS[kind].get(mime_type)
    container = detect_container(data)
    if allowed is None or not any(container in names for names in MIME_FORMATS[kind].values()):
        raise param_incorrect(FORMAT_REFUSALS[kind])
    if container not in allowed:
        raise damaged_media()
    return container


def _iso_container(head: bytes) -> str:
    if head[4:8] != b"ftyp" or head[8:12] == b"qt  ":
        return "MOV"
    return "" if head[8:12] in _IMAGE_BRANDS else "MP4"


def _is_mp3(head: bytes) -> bool:
    # Eleven set bits and layer III; other layers are MP1 and MP2, or AAC's ADTS.
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 == 0x02


def _end_of_tags(data: bytes) -> int:
    """Return where the ID3v2 tags end that a file begins with: ID3v2.4.0, section 3."""
    at = 0
    for _ in range(_MAX_TAGS):
        if data[at : at + 3] != b"ID3" or at + _TAG_HEADER_BYTES > len(data):
            break
        size = 0
        for byte in data[at + 6 : at + _TAG_HEADER_BYTES]:
            size = size << 7 | byte & 0x7F
        footer = _TAG_HEADER_BYTES if data[at + 5] & _TAG_HAS_FOOTER else 0
        at += _TAG_HEADER_BYTES + size + footer
    return at


def _starts_other_audio(head: bytes) -> bool:
    """Return whether another audio format begins here: FLAC, or AAC in ADTS."""
    is_adts = len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
    return is_adts or head in {b"fLaC", b"RIFF", b"OggS"}
