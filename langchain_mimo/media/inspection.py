"""What a medium is and how large, before it is sent, from its headers alone."""

from __future__ import annotations

from dataclasses import dataclass

from langchain_mimo.media import formats
from langchain_mimo.media.readers import Reader
from langchain_mimo.media.references import MediaKind


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found.

    Attributes:
        mime_type: What to state, as MiMo spells it.
        format: The format, or None when the bytes did not tell it.
    """

    mime_type: str
    format: formats.Format | None


def inspect(kind: MediaKind, stated_mime_type: str | None, reader: Reader) -> Inspection:
    """Look at a medium's headers.

    Args:
        kind: The kind of its block.
        stated_mime_type: What the block says it is, or None.
        reader: Its bytes.

    Raises:
        ValueError: It is empty, too long, damaged, or nothing MiMo takes; the text is the reason.
    """
    reason = formats.wrong_length(-(-reader.size // 3) * 4)
    if reason is not None:
        raise ValueError(reason)
    head = reader.read(0, formats.HEAD_BYTES)
    mime_type, found = formats.mime_type_for(kind, head, stated_mime_type)
    return Inspection(mime_type, found)
