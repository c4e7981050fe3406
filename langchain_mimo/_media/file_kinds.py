"""Tells by its bytes what a file in a message is: an image, a video, audio, text, or none of them.

Blocks of type `file` say nothing about it, and the MIME types that they state are often wrong:
langchain-core writes application/pdf over that of every OpenAI file block (langchain#36939).
"""

from __future__ import annotations

import binascii
import codecs
from typing import get_args

from langchain_mimo._media.identify import (
    HEAD_BYTES,
    WITH_AUDIO,
    identify_file,
    refusal_reason,
)
from langchain_mimo._media.inspection import identify_by_tracks, inspect_headers
from langchain_mimo._media.limits import EMPTY
from langchain_mimo._media.readers import Base64Reader, Reader
from langchain_mimo._media.references import InlineBase64, MediaKind
from langchain_mimo._media.unreadable_formats import CONTROLS, PDF, has_controls, refusal_of

MAX_TEXT_BYTES = 8 * (1 << 20)
"""Most bytes of a text file that are read. The largest context, 1,048,576 tokens, holds less."""

_KINDS: tuple[MediaKind, ...] = get_args(MediaKind)
_WITH_ARTICLE = {"image": "an image", "video": "a video", "audio": "audio"}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def media_kind(source: InlineBase64, stated: str | None = None) -> MediaKind | None:
    """Return what kind of media a file is, by its headers.

    Args:
        source: The file.
        stated: What its MIME type says, tried first; the bytes decide.

    Returns:
        The kind under which MiMo accepts it; that of a format that MiMo accepts when the file is
        damaged; None for all other files.

    Raises:
        ValueError: The beginning is not valid base64; the text is the reason, for a MediaError.
    """
    reader = Base64Reader(source)
    found, _ = identify_file(reader)
    if found is None or not found.mime_types:
        return None
    kinds = sorted(_KINDS, key=lambda kind: (kind != stated, kind not in found.mime_types))
    for kind in kinds:
        try:
            inspect_headers(kind, None, reader)
        except ValueError:
            continue
        return kind
    return next(kind for kind in kinds if kind in found.mime_types)


def accepted_as(source: InlineBase64, kind: MediaKind) -> bool:
    """Return whether a file's first bytes are those of a format that a kind of block accepts."""
    try:
        found, _ = identify_file(Base64Reader(source))
    except ValueError:
        return False
    return found is not None and kind in found.mime_types


def unreadable_reason(source: InlineBase64) -> str | None:
    """Return what a file is that MiMo does not read, and what to do.

    Returns:
        The reason, or None if the file is not known or begins like text: some signatures are words.
    """
    reader = Base64Reader(source)
    found, _ = identify_file(reader)
    if found is None or found.mime_types:
        return None
    if found is not PDF and not has_controls(reader.read(0, HEAD_BYTES)):
        return None
    if found.preparer is not None:
        kind = next(kind for kind in _KINDS if found.preparer == f"prepare_{kind}")
        return refusal_reason(found, kind)
    return refusal_of(found, "MiMo does not read")


def unopenable_reason(kind: MediaKind, reader: Reader) -> str | None:
    """Return why Pillow or FFmpeg cannot open a file as a kind of media, and what to do.

    Args:
        kind: What it was to be opened as.
        reader: The file.

    Returns:
        The reason: it is empty, of another kind, damaged, or neither; None if that is not known.
    """
    if reader.size == 0:
        return EMPTY
    _, found, _, fault = identify_by_tracks(reader)
    if found is None:
        return None
    if not found.mime_types and found.preparer is None:
        return refusal_of(found, "cannot be converted")
    possible = [each for each in _KINDS if each in found.mime_types] or [
        each for each in _KINDS if found.preparer == f"prepare_{each}"
    ]
    if kind not in possible and not (kind == "audio" and found.description in WITH_AUDIO):
        remedy = f"use langchain_mimo.prepare.prepare_{possible[0]}"
        return f"it is {found.name} ({found.description}), not {_WITH_ARTICLE[kind]}; {remedy}"
    return None if fault is None else str(fault)


def text_of(source: InlineBase64) -> str | None:
    """Return the text of a file, or None if it is not text.

    It is UTF-8, or UTF-16 with a byte order mark, without control characters.

    Raises:
        ValueError: It has more than `MAX_TEXT_BYTES`; the text is the reason, for a MediaError.
    """
    size = Base64Reader(source).size
    if size > MAX_TEXT_BYTES:
        raise ValueError(
            f"its text has {size:,} bytes, but at most {MAX_TEXT_BYTES:,} are sent; shorten it"
        )
    try:
        data = binascii.a2b_base64(source.text[source.start :].encode("ascii"), strict_mode=True)
        text = data.decode("utf-16" if data[:2] in _UTF_16 else "utf-8-sig")
    except ValueError:  # includes binascii.Error and UnicodeError
        return None
    return None if any(chr(control) in text for control in CONTROLS) else text
