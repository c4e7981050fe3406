"""Whether a Matroska or WebM file is complete; everything else is left to PyAV."""

from __future__ import annotations

from langchain_mimo._media.headers.reader import HeaderReader

_SEGMENT = 0x18538067
_MAX_ELEMENTS = 8


def is_truncated_matroska(reader: HeaderReader) -> bool:
    """Whether the segment, which holds everything, states a length that the file does not have.

    A live recording states none.
    """
    offset = 0
    for _ in range(_MAX_ELEMENTS):
        head = reader.read(offset, 12)
        name, width = _number(head, 0, keeps_marker=True)
        length, length_width = _number(head, width, keeps_marker=False)
        if not width or not length_width:
            return False
        content = offset + width + length_width
        is_unknown = length == (1 << 7 * length_width) - 1
        if name == _SEGMENT:
            return not is_unknown and content + length > reader.size
        offset = content + length
    return False


def _number(data: bytes, at: int, *, keeps_marker: bool) -> tuple[int, int]:
    """Return a number of variable length and its bytes; its leading zero bits tell how many."""
    width = 9 - data[at].bit_length() if at < len(data) and data[at] else 0
    if not width or at + width > len(data):
        return 0, 0
    number = int.from_bytes(data[at : at + width], "big")
    return (number if keeps_marker else number & ~(1 << 7 * width)), width
