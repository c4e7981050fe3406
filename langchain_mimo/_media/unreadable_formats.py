"""Formats that neither MiMo nor `langchain_mimo.prepare` reads, and what to do with such files.

They are the files that are most often given as media by mistake: documents, archives, playlists,
web pages that were downloaded in place of a file, images that need another program.
"""

from __future__ import annotations

from langchain_mimo._media.formats import Format

_TEXT_OR_PAGES = "send its text as a text block, or its pages as images"
_EXTRACT = "extract the files in it and use those"
_RENDER = "save it as PNG with another program"
_EXPORT = "save it as JPEG or PNG with another program"
_DOWNLOADED = (
    "if it was downloaded, the server sent a page in place of the file; "
    "a page can be sent as a text block"
)

PDF = Format("PDF", {}, "document", advice=_TEXT_OR_PAGES)
OFFICE = Format("DOCX, XLSX or PPTX", {}, "Office document", advice=_TEXT_OR_PAGES)
OLD_OFFICE = Format("DOC, XLS or PPT", {}, "Office document", advice=_TEXT_OR_PAGES)
OPEN_DOCUMENT = Format("OpenDocument", {}, "Office document", advice=_TEXT_OR_PAGES)
EPUB = Format("EPUB", {}, "book", advice="send its text as a text block")
RTF = Format("RTF", {}, "document", advice=_TEXT_OR_PAGES)
POSTSCRIPT = Format("PostScript", {}, "vector graphics", advice=_RENDER)
SVG = Format("SVG", {}, "vector graphics", advice=f"{_RENDER}, or send its source as a text block")
HTML = Format("HTML", {}, "web page", advice=_DOWNLOADED)
XML = Format("XML", {}, "text", advice="send it as a text block")
TEXT = Format("text", {}, "no media", advice="send it as a text block")
RAW = Format("camera raw", {}, "unprocessed image", advice=_EXPORT)
JPEG_XL = Format("JPEG XL", {}, "image", advice=_EXPORT)
ZIP = Format("ZIP", {}, "archive", advice=_EXTRACT)
TAR = Format("tar", {}, "archive", advice=_EXTRACT)
DICOM = Format("DICOM", {}, "medical image", advice=_EXPORT)
MIDI = Format(
    "MIDI", {}, "musical notes, not audio", advice="render it as audio with another program"
)
M3U = Format(
    "M3U",
    {},
    "list of files",
    advice="use the files that it names, or save its stream as one file with another program",
)

SIGNATURES: tuple[tuple[bytes, Format], ...] = (
    (b"II*\x00\x10\x00\x00\x00CR", RAW),  # Canon's CR2, a TIFF
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"IIU\x00", RAW),
    (b"\x00\x00\x00\x0cJXL ", JPEG_XL),
    (b"\xff\x0a", JPEG_XL),
    (b"MThd", MIDI),
    (b"#EXTM3U", M3U),
    (b"%PDF", PDF),
    (b"{\\rtf", RTF),
    (b"%!PS", POSTSCRIPT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLD_OFFICE),
    (b"\x76\x2f\x31\x01", Format("OpenEXR", {}, "image", advice=_EXPORT)),
    (b"DDS ", Format("DDS", {}, "image", advice=_EXPORT)),
    (b"gimp xcf", Format("XCF", {}, "image of GIMP", advice=_EXPORT)),
    (b"\x1f\x8b", Format("gzip", {}, "archive", advice=_EXTRACT)),
    (b"BZh", Format("bzip2", {}, "archive", advice=_EXTRACT)),
    (b"\xfd7zXZ\x00", Format("xz", {}, "archive", advice=_EXTRACT)),
    (b"\x28\xb5\x2f\xfd", Format("Zstandard", {}, "archive", advice=_EXTRACT)),
    (b"7z\xbc\xaf\x27\x1c", Format("7z", {}, "archive", advice=_EXTRACT)),
    (b"Rar!\x1a\x07", Format("RAR", {}, "archive", advice=_EXTRACT)),
)
"""Signatures at the very start of a file, to be tried before those of `identify`."""

_ZIPPED = (
    (b"mimetypeapplication/epub+zip", EPUB),
    (b"mimetypeapplication/vnd.oasis", OPEN_DOCUMENT),
    (b"[Content_Types].xml", OFFICE),
)
"""Names, and contents of the first file, in the ZIP archives that are documents."""

CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\b\x1b")
"""Characters that no text has."""

_LONGEST_CHARACTER = 4


def identify_unreadable(head: bytes) -> Format | None:
    """Identify by its first bytes what has no signature at the very start, or a shared one.

    Args:
        head: The first bytes of a file that is none of the formats of `identify`.

    Returns:
        The format; `TEXT` for anything that is text; None for other bytes.
    """
    if head.startswith(b"PK\x03\x04"):
        return next((document for mark, document in _ZIPPED if mark in head), ZIP)
    if head[257:262] == b"ustar":
        return TAR
    if head[128:132] == b"DICM":
        return DICOM
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<"):
        return _identify_markup(text)
    if b"%pdf-" in text:
        return PDF
    return TEXT if looks_like_text(head) else None


def refusal_of(found: Format, refusal: str) -> str:
    """Return why a file of a format of this module is refused, and what to do.

    Args:
        found: The format.
        refusal: What cannot be done with it: "MiMo does not read", "cannot be converted".
    """
    advice = found.advice or "convert it with another program"
    return f"it is {found.name} ({found.description}), which {refusal}; {advice}"


def _identify_markup(text: bytes) -> Format:
    if b"<svg" in text:
        return SVG
    return HTML if b"<html" in text or b"<!doctype html" in text else XML


def has_controls(data: bytes) -> bool:
    """Return whether there are control characters that no text has."""
    return bool(CONTROLS & set(data))


def looks_like_text(head: bytes) -> bool:
    """Return whether the first bytes of a file are UTF-8 without control characters.

    The last character may be cut.
    """
    if not head.strip() or has_controls(head) or b"\x7f" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end == len(head) and len(head) - error.start < _LONGEST_CHARACTER
    return True
