"""Tests of format detection by first bytes, MIME type aliases, and size limits."""

import io
import wave

import pytest
from PIL import Image

from langchain_mimo._media import formats, limits
from langchain_mimo._media.formats import normalise_mime_type
from langchain_mimo._media.identify import identify, mime_type_for


def make_image(name):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(buffer, name)
    return buffer.getvalue()


def silence():
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setparams((1, 2, 8000, 0, "NONE", ""))
        writer.writeframes(bytes(1600))
    return buffer.getvalue()


def ftyp(major, *compatible):
    brands = major + bytes(4) + b"".join(compatible)
    return (len(brands) + 8).to_bytes(4, "big") + b"ftyp" + brands


HEADS = [
    ("image", make_image("PNG"), "image/png"),
    ("image", make_image("JPEG"), "image/jpeg"),
    ("image", make_image("GIF"), "image/gif"),
    ("image", make_image("WEBP"), "image/webp"),
    ("image", make_image("BMP"), "image/bmp"),
    ("audio", silence(), "audio/wav"),
    ("audio", b"ID3\x04\x00\x00", "audio/mpeg"),
    ("audio", b"\xff\xfb\x90\x64", "audio/mpeg"),
    ("audio", b"\xff\xf3\x40\xc4", "audio/mpeg"),
    ("audio", b"fLaC\x00\x00\x00\x22", "audio/flac"),
    ("audio", b"OggS\x00\x02" + bytes(22) + b"\x01\x1e\x01vorbis", "audio/ogg"),
    ("audio", ftyp(b"M4A ", b"isom"), "audio/mp4"),
    ("audio", ftyp(b"isom", b"mp42"), "audio/mp4"),
    ("video", ftyp(b"isom", b"mp42"), "video/mp4"),
    ("video", ftyp(b"mp42"), "video/mp4"),
    ("video", ftyp(b"3gp5"), "video/mp4"),
    ("video", ftyp(b"qt  "), "video/quicktime"),
    ("video", b"\x00\x00\x00\x08wide", "video/quicktime"),
    ("video", b"RIFF\x00\x10\x00\x00AVI LIST", "video/x-msvideo"),
    ("video", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "video/x-ms-wmv"),
]


@pytest.mark.parametrize(("kind", "head", "mime_type"), HEADS)
@pytest.mark.parametrize("stated", [None, "application/octet-stream", "{kind}/anything"])
def test_the_signature_decides_the_mime_type(kind, head, mime_type, stated):
    stated = stated and stated.format(kind=kind)
    decided, found = mime_type_for(kind, head[:1024], stated)
    assert decided == mime_type
    assert found is identify(head)


REFUSED = [
    ("image", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    ("image", b"\xef\xbb\xbf\n<?xml version='1.0'?>\n<svg/>", "SVG"),
    ("image", b"<!DOCTYPE html><html>", "HTML"),
    ("image", b"  <HTML><head>", "HTML"),
    ("image", b"<?xml version='1.0'?><rss/>", "XML"),
    ("image", b"%PDF-1.7\n", "PDF"),
    ("image", b"\n\n%PDF-1.7\n", "PDF"),
    ("image", b"II*\x00\x08\x00", "prepare_image"),
    ("image", b"\x00\x00\x01\x00\x01\x00", "ICO"),
    ("image", ftyp(b"heic", b"mif1"), "HEIC"),
    ("image", ftyp(b"mif1", b"heic"), "HEIC"),
    ("image", ftyp(b"mif1", b"avif"), "AVIF"),
    ("image", ftyp(b"avif", b"mif1"), "AVIF"),
    ("image", b"MZ\x90\x00", "unrecognised file signature"),
    ("image", b"\x7fELF", "unrecognised file signature"),
    ("image", b"hello, world", "unrecognised file signature"),
    ("image", b"BMW is a car", "unrecognised file signature"),
    ("image", ftyp(b"isom"), "use a block of type 'video'"),
    ("image", b"ID3\x04\x00", "use a block of type 'audio'"),
    ("video", make_image("PNG"), "use a block of type 'image'"),
    ("video", b"\x1a\x45\xdf\xa3", "prepare_video"),
    ("video", b"FLV\x01\x05", "prepare_video"),
    ("video", b"\x47" + bytes(187) + b"\x47", "transport stream"),
    ("video", b"OggS" + bytes(24) + b"\x80theora", "Theora"),
    ("video", b"what is this", "state its mime_type"),
    ("audio", b"\x1a\x45\xdf\xa3", "prepare_audio"),
    ("audio", b"\xff\xf1\x50\x80", "raw AAC"),
    ("audio", b"\xff\xfd\x90\x04", "layer I or II"),
    ("audio", b"FORM\x00\x00\x00\x00AIFF", "AIFF"),
    ("audio", b"MThd\x00\x00\x00\x06", "MIDI"),
    ("audio", b"PK\x03\x04", "ZIP"),
    ("audio", b"RIFF\x00\x00\x00\x00RMID", "state its mime_type"),
]


@pytest.mark.parametrize(("kind", "head", "reason"), REFUSED)
def test_formats_that_mimo_refuses_are_refused_with_the_reason(kind, head, reason):
    with pytest.raises(ValueError, match=reason):
        mime_type_for(kind, head, None)


@pytest.mark.parametrize(
    ("kind", "stated"),
    [("image", "video/mp4"), ("image", "application/pdf"), ("image", "text/html"),
     ("audio", "video/mp4"), ("video", "image/png"), ("video", "audio/ogg")],
)  # fmt: skip
def test_a_stated_mime_type_of_another_kind_is_refused(kind, stated):
    head = next(head for other, head, _ in HEADS if other == kind)
    with pytest.raises(ValueError, match="states the MIME type"):
        mime_type_for(kind, head, stated)


def test_unknown_signatures_pass_under_a_listed_mime_type_except_in_image_blocks():
    assert mime_type_for("audio", b"\x00\x00\x00\x00junk", "audio/mpeg3") == ("audio/mpeg", None)
    assert mime_type_for("video", b"\x00\x00\x00\x00junk", "video/avi") == ("video/x-msvideo", None)
    with pytest.raises(ValueError, match=r"'video/webm' is not supported by MiMo"):
        mime_type_for("video", b"\x00\x00\x00\x00junk", "video/webm")
    with pytest.raises(ValueError, match="check the file"):
        mime_type_for("image", b"\x00\x00\x00\x00junk", "image/png")


@pytest.mark.parametrize(
    ("stated", "normalised"),
    [
        (None, None),
        ("", None),
        ("application/octet-stream", None),
        ("image/jpg", "image/jpeg"),
        ("IMAGE/PNG; charset=binary", "image/png"),
        ("audio/x-m4a", "audio/mp4"),
        ("audio/m4a", "audio/mp4"),
        ("audio/mpeg3", "audio/mpeg"),
        ("audio/mp3", "audio/mpeg"),
        ("audio/x-wav", "audio/wav"),
        ("audio/vnd.wave", "audio/wav"),
        ("application/ogg", "audio/ogg"),
        ("video/avi", "video/x-msvideo"),
        ("video/x-m4v", "video/mp4"),
        ("video/quicktime", "video/quicktime"),
        ("image/tiff", "image/tiff"),
    ],
)
def test_mime_types_are_normalised(stated, normalised):
    assert normalise_mime_type(stated) == normalised


def test_every_alias_normalises_to_an_accepted_mime_type():
    for alias in formats._MIME_ALIASES:
        normalised = normalise_mime_type(alias)
        assert formats.is_accepted(normalised.split("/")[0], normalised), alias


def test_base64_may_have_52428800_characters():
    limits.check_base64_length(50 * 2**20)
    with pytest.raises(ValueError, match="at most 52,428,800"):
        limits.check_base64_length(50 * 2**20 + 4)
    with pytest.raises(ValueError, match=r"^it is empty$"):
        limits.check_base64_length(0)


def test_urls_have_their_own_limits():
    limits.check_url_size("video", 300 * 2**20)
    with pytest.raises(ValueError, match="at most"):
        limits.check_url_size("audio", 100 * 2**20 + 1)
