"""Tests of format detection by first bytes, MIME type aliases, and size limits."""

import io
import random
import re
import wave

import media_files
import pytest
from media_collection import find
from media_collection.audio import id3
from PIL import Image

from langchain_mimo._media import formats, limits
from langchain_mimo._media.formats import normalise_mime_type
from langchain_mimo._media.headers.track_kinds import read_track_kinds
from langchain_mimo._media.identify import identify, identify_file, mime_type_for
from langchain_mimo._media.inspection import inspect
from langchain_mimo._media.readers import MemoryReader


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


ID3 = b"ID3\x03\x00\x00\x00\x00\x00\x04tags"

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
    ("audio", ftyp(b"qt  "), "audio/mp4"),
    ("audio", b"ID3\x03\x00\x00\x00\x00\x00\x04tags" + b"fLaC\x00\x00\x00\x22", "audio/flac"),
    ("audio", b"ID3\x03\x00\x00\x00\x00\x00\x04tags" * 3 + b"\xff\xfb\x90\x64", "audio/mpeg"),
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
    ("image", b"hello, world", "it is text .no media.*send it as a text block"),
    ("image", b"BMW is a car", "it is text"),
    ("image", "früh".encode()[:-2], "it is text"),
    ("image", "前".encode("utf-16"), "unrecognised file signature"),
    ("image", b" \n\t", "unrecognised file signature"),
    ("image", ftyp(b"isom"), "use a block of type 'video'"),
    ("image", b"ID3\x04\x00", "use a block of type 'audio'"),
    ("video", make_image("PNG"), "use a block of type 'image'"),
    ("video", b"\x1a\x45\xdf\xa3", "prepare_video"),
    ("video", b"FLV\x01\x05", "prepare_video"),
    ("video", b"\x47" + bytes(187) + b"\x47", "transport stream"),
    ("video", b"OggS" + bytes(24) + b"\x80theora", "Theora"),
    ("video", b"what is this\x00", "state its mime_type"),
    ("video", b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", "it is text"),
    ("audio", b'{"error": "not found"}', "it is text"),
    ("audio", b"\x1a\x45\xdf\xa3", "prepare_audio"),
    ("audio", b"\xff\xf1\x50\x80", "raw AAC"),
    ("audio", b"\x56\xe0\x04abcd" + b"\x56\xe0\x04abcd", "raw AAC .LATM.*prepare_audio"),
    ("audio", b"RF64\xff\xff\xff\xffWAVEds64", "RF64, a WAV with 64-bit lengths .*prepare_audio"),
    ("audio", b"BW64\xff\xff\xff\xffWAVEds64", "BW64.*prepare_audio"),
    ("audio", b"RIFX\x00\x00\x00\x00WAVEfmt ", "RIFX.*prepare_audio"),
    ("audio", bytes.fromhex("726966662e91cf11a5d628db04c10000"), "W64.*prepare_audio"),
    ("audio", b"\x0b\x77\x00\x00\x14\x40", "AC-3.*prepare_audio"),
    ("audio", b"\x0b\x77\x00\x00\x14\x80", "E-AC-3.*prepare_audio"),
    ("audio", b"\x7f\xfe\x80\x01\xfc", "DTS.*prepare_audio"),
    ("audio", b"#!AMR-WB\n", "AMR.*prepare_audio"),
    ("audio", b"caff\x00\x01", "Core Audio.*prepare_audio"),
    ("audio", b".snd\x00\x00", "AU.*prepare_audio"),
    ("audio", b"MAC \x96\x0f", "Monkey's Audio.*prepare_audio"),
    ("audio", b"wvpk", "WavPack.*prepare_audio"),
    ("audio", b"TTA1", "True Audio.*prepare_audio"),
    ("audio", b"MPCK", "Musepack.*prepare_audio"),
    ("audio", b"DSD ", "DSF.*prepare_audio"),
    ("audio", b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "WebM.*prepare_audio"),
    ("audio", b"#EXTM3U\n#EXTINF", "M3U .list of files.*another program"),
    ("audio", ID3 + b"\xff\xf1\x50\x80", "raw AAC .ADTS. behind an ID3 tag .*prepare_audio"),
    ("audio", ID3 + silence(), "WAV behind an ID3 tag .*prepare_audio"),
    ("audio", ID3 + b"MAC \x96\x0f", "Monkey's Audio behind an ID3 tag .*prepare_audio"),
    ("image", ID3 + make_image("JPEG"), "JPEG behind an ID3 tag .*remove the tag"),
    ("video", ID3 + ftyp(b"isom"), "MP4 behind an ID3 tag .*remove the tag"),
    ("image", ID3 + b"fLaC", "use a block of type 'audio'"),
    ("video", b"#!AMR-WB\n", "prepare_audio and use a block of type 'audio'"),
    ("audio", b"II*\x00\x08\x00", "prepare_image and use a block of type 'image'"),
    ("audio", b"\xff\xfd\x90\x04", "layer I or II"),
    ("audio", b"FORM\x00\x00\x00\x00AIFF", "AIFF"),
    ("audio", b"MThd\x00\x00\x00\x06", "MIDI"),
    ("audio", b"PK\x03\x04", "ZIP.*extract the files"),
    ("image", b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "DOCX.*its pages as images"),
    ("image", b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/epub+zip", "EPUB.*text block"),
    ("image", b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.o", "OpenDocument"),
    ("image", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "DOC, XLS or PPT"),
    ("image", b"{\\rtf1 a}", "RTF"),
    ("image", b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript.*save it as PNG"),
    ("image", b"\xff\x0a", "JPEG XL.*save it as JPEG or PNG with another program"),
    ("image", b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    ("image", b"II*\x00\x10\x00\x00\x00CR", "camera raw .unprocessed image"),
    ("image", ftyp(b"crx "), "camera raw"),
    ("image", b"FUJIFILMCCD-RAW", "camera raw"),
    ("image", bytes(128) + b"DICM", "DICOM"),
    ("image", media_files.make_image("TGA"), "TGA .image.*prepare_image"),
    ("image", media_files.make_image("TGA", mode="P"), "TGA"),
    ("image", media_files.make_image("TGA", mode="L", compression="tga_rle"), "TGA"),
    ("video", b"7z\xbc\xaf\x27\x1c", "7z .archive"),
    ("video", b"Rar!\x1a\x07\x01\x00", "RAR .archive"),
    ("video", b"a.txt".ljust(257, b"\0") + b"ustar\x00", "tar .archive"),
    ("video", b"\x1f\x8b\x08", "gzip .archive"),
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
    limits.check_base64_length(50 * 2**20, "image")
    with pytest.raises(ValueError, match="at most 52,428,800"):
        limits.check_base64_length(50 * 2**20 + 4, "image")
    with pytest.raises(ValueError, match=r"^it is empty \(0 bytes\); check how it was written$"):
        limits.check_base64_length(0, "image")


TOO_LARGE = {
    "image": "shrink it with langchain_mimo.prepare.prepare_image",
    "video": "shrink it with langchain_mimo.prepare.prepare_video or cut it with "
    "langchain_mimo.cost.plan_segments",
    "audio": "shrink it with langchain_mimo.prepare.prepare_audio or cut it with "
    "langchain_mimo.cost.plan_segments",
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_what_to_do_about_a_large_file_depends_on_its_kind(kind):
    with pytest.raises(ValueError) as raised:
        limits.check_base64_length(50 * 2**20 + 4, kind)
    assert str(raised.value).endswith(f"; {TOO_LARGE[kind]}, or give a public URL")
    for check in (
        lambda: limits.check_base64_length(8, kind, 4),
        lambda: limits.check_url_size(kind, 2**30),
    ):
        with pytest.raises(ValueError) as raised:
            check()
        assert str(raised.value).endswith(f"; {TOO_LARGE[kind]}")


def test_urls_have_their_own_limits():
    limits.check_url_size("video", 300 * 2**20)
    with pytest.raises(ValueError, match="at most"):
        limits.check_url_size("audio", 100 * 2**20 + 1)


# --- complete files -----------------------------------------------------------------------------------

NAMES = {
    # What each file of the collection is called in a block that refuses it.
    "plain.aac": "raw AAC (ADTS)", "id3_aac.aac": "raw AAC (ADTS) behind an ID3 tag",
    "latm.aac": "raw AAC (LATM)", "plain.wma": "WMA", "wmav1.wma": "WMA", "plain.amr": "AMR",
    "plain.aiff": "AIFF", "plain.caf": "Core Audio (CAF)", "plain.au": "AU", "plain.ac3": "AC-3",
    "plain.eac3": "E-AC-3", "plain.mp2": "MPEG layer I or II", "plain.wv": "WavPack",
    "plain.tta": "True Audio", "opus_audio_only.webm": "WebM without a video track",
    "vorbis_audio_only.mkv": "Matroska without a video track",
    "aac_audio_only.ts": "MPEG transport stream without a video track",
    "audio_only.flv": "Flash video without a video track",
    "audio_only.avi": "AVI without a video track", "sony.w64": "W64, Sony's WAV with 64-bit lengths",
    "rf64.wav": "RF64, a WAV with 64-bit lengths", "bw64.wav": "BW64, a WAV with 64-bit lengths",
    "rifx.wav": "RIFX, a big-endian WAV", "id3.wav": "WAV behind an ID3 tag",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["audio", "video"])
@pytest.mark.parametrize("name", NAMES)
def test_audio_that_mimo_refuses_is_named_and_converted_by_prepare_audio(name, kind):
    with pytest.raises(ValueError, match=re.escape(f"it is {NAMES[name]} (audio)")) as raised:
        inspect(kind, None, MemoryReader(find(name).data))
    assert "langchain_mimo.prepare.prepare_audio" in str(raised.value)
    assert "prepare_video" not in str(raised.value)
    assert ("use a block of type 'audio'" in str(raised.value)) == (kind == "video")


MIME_TYPES = {
    "audio_only.mov": "audio/mp4", "aac_audio_only.mov": "audio/mp4", "cover.m4a": "audio/mp4",
    "pcm_audio_only.mov": "audio/mp4", "aac_audio_only.mp4": "audio/mp4", "book.m4b": "audio/mp4",
    "id3_flac.flac": "audio/flac", "id3_two_tags.flac": "audio/flac", "cover.flac": "audio/flac",
    "id3_footer.mp3": "audio/mpeg", "id3_large.mp3": "audio/mpeg", "garbage_before.mp3": "audio/mpeg",
    "cover.mp3": "audio/mpeg", "chained.ogg": "audio/ogg", "wav_sox_pipe.wav": "audio/wav",
}  # fmt: skip


@pytest.mark.parametrize("name", MIME_TYPES)
def test_audio_that_mimo_accepts_has_the_mime_type_of_what_it_holds(name):
    data = find(name).data
    assert inspect("audio", None, MemoryReader(data)).mime_type == MIME_TYPES[name]
    with pytest.raises(ValueError, match="use a block of type 'audio'") as raised:
        inspect("video", None, MemoryReader(data))
    assert "prepare_video" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("h264_aac.mp4", "use a block of type 'video', or extract its audio"),
        ("silent.mp4", "use a block of type 'video'$"),
        ("motion_jpeg.mov", "use a block of type 'video', or extract its audio"),
        ("wmv2.wmv", "use a block of type 'video', or extract its audio"),
        ("silent.wmv", "use a block of type 'video'$"),
        ("v_mkv.mkv", "prepare_audio$"),
        ("silent.webm", "prepare_video and use a block of type 'video'$"),
        ("silent.ts", "prepare_video and use a block of type 'video'$"),
        ("without_index.mp4", "get the complete file$"),
        ("half.wav", "get the complete file, or keep what is there with .*prepare_audio$"),
    ],
)
def test_a_video_in_an_audio_block_is_sent_where_it_belongs(name, remedy):
    with pytest.raises(ValueError, match=remedy):
        inspect("audio", None, MemoryReader(find(name).data))


def test_an_m4a_with_a_video_is_a_video():
    data = find("h264_aac.mp4").data
    renamed = data.replace(b"ftypisom", b"ftypM4A ", 1)
    with pytest.raises(ValueError, match="use a block of type 'video'"):
        inspect("audio", None, MemoryReader(renamed))
    assert inspect("video", None, MemoryReader(renamed)).mime_type == "video/mp4"


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 300_000])
@pytest.mark.parametrize("footer", [False, True])
def test_what_an_id3_tag_precedes_is_found_behind_it(size, footer):
    tags = id3(size, footer=footer) + id3(7)
    for found in (formats.FLAC, formats.WAV, formats.ADTS, formats.MP3, formats.JPEG, formats.MP4):
        start = {
            "FLAC": b"fLaC",
            "WAV": silence(),
            "MP3": b"\xff\xfb\x90\x64",
            "MP4": ftyp(b"isom"),
        }
        start |= {formats.ADTS.name: b"\xff\xf1\x50\x80", "JPEG": make_image("JPEG")}
        identified = identify_file(MemoryReader(tags + start[found.name]))
        assert identified == (found, len(tags))


def test_track_kinds_of_random_bytes_are_unknown_or_a_guess_but_never_an_error():
    for seed in range(200):
        data = random.Random(seed).randbytes(3000)
        for found, head in (
            (formats.MATROSKA, b"\x1a\x45\xdf\xa3"),
            (formats.MPEG_TRANSPORT_STREAM, b"G"),
            (formats.FLASH_VIDEO, b"FLV\x01"),
            (formats.MPEG_PROGRAM_STREAM, b"\0\0\1\xba"),
        ):
            kinds = read_track_kinds(MemoryReader(head + data), found)
            assert kinds is None or any(kinds)
