"""Tests of image_block, video_block and audio_block."""

import base64
import hashlib
import inspect
import io
import os
import pickle
import re
import subprocess
import sys

import pytest
from PIL import Image
from repository import ROOT

from langchain_mimo._media.opening import MediaPolicy, open_media
from langchain_mimo._media.references import DeferredMedia, MediaReference, parse_file_url
from langchain_mimo._wire.tool_definitions import wire_tools
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import audio_block, image_block, video_block

MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x64" + bytes(413)


def png(mode="RGB", size=(3, 2)):
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def cat(tmp_path):
    path = tmp_path / "a cat #1 猫.png"
    path.write_bytes(png())
    return path


def test_a_url_is_stored_unchanged():
    assert image_block("https://a.example/cat.png") == {
        "type": "image",
        "url": "https://a.example/cat.png",
    }
    assert audio_block("HTTP://a.example/x", mime_type="audio/mp3") == {
        "type": "audio",
        "url": "HTTP://a.example/x",
        "mime_type": "audio/mpeg",
    }
    assert video_block("https://a.example/v", fps=0.5, media_resolution="max") == {
        "type": "video",
        "url": "https://a.example/v",
        "extras": {"fps": 0.5, "media_resolution": "max"},
    }


@pytest.mark.parametrize(
    ("make", "megabytes"), [(image_block, 50), (video_block, 300), (audio_block, 100)]
)
def test_the_size_of_a_url_is_checked_against_its_limit(make, megabytes):
    url = "https://a.example/x"
    assert make(url, size=megabytes * 2**20) == make(url)
    with pytest.raises(MediaError, match=r"by URL; shrink it with langchain_mimo.prepare.prepare_"):
        make(url, size=megabytes * 2**20 + 1)


@pytest.mark.parametrize("convert", [str, lambda path: path, lambda path: path.as_uri()])
def test_a_path_becomes_a_reference(cat, convert):
    assert image_block(convert(cat)) == {
        "type": "image",
        "url": cat.as_uri(),
        "mime_type": "image/png",
        "extras": {"size": len(png()), "sha256": hashlib.sha256(png()).hexdigest()},
    }


def test_a_relative_path_is_made_absolute(cat, monkeypatch):
    monkeypatch.chdir(cat.parent)
    assert image_block(cat.name)["url"] == cat.as_uri()


def test_a_reference_can_be_opened_again(cat):
    block = image_block(cat)
    file = parse_file_url(block["url"], **block["extras"])
    leaf = DeferredMedia(MediaReference("image", file, block["mime_type"], 0, 0))
    with open_media(leaf, MediaPolicy([cat.parent])) as opened:
        assert b"".join(opened.slices()) == base64.b64encode(png())


def test_a_changed_file_gives_a_different_block(cat):
    first = image_block(cat)
    cat.write_bytes(png(size=(2, 3)))
    assert image_block(cat) != first


def test_blocks_of_the_same_file_are_equal(cat):
    assert image_block(cat) == image_block(cat)


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_become_base64(wrap):
    assert image_block(wrap(png())) == {
        "type": "image",
        "base64": base64.b64encode(png()).decode(),
        "mime_type": "image/png",
    }
    assert audio_block(wrap(MP3), mime_type="audio/mpeg3")["mime_type"] == "audio/mpeg"


def test_a_file_object_is_read(cat):
    with cat.open("rb") as reader:
        assert base64.b64decode(image_block(reader)["base64"]) == png()


def test_a_data_url_becomes_base64():
    url = "data:image/jpg;base64," + base64.b64encode(png()).decode()
    assert image_block(url) == image_block(png())


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"]
)
@pytest.mark.parametrize(
    ("mime_type", "name"), [(None, "PNG"), ("image/jpg", "JPEG"), ("image/webp", "WEBP")]
)
def test_a_pil_image_of_any_mode_is_saved(mode, mime_type, name):
    block = image_block(Image.new(mode, (5, 4)), mime_type=mime_type)
    image = Image.open(io.BytesIO(base64.b64decode(block["base64"])))
    assert (image.format, image.size) == (name, (5, 4))
    assert block["mime_type"] == f"image/{name.lower()}"


@pytest.mark.parametrize("mode", ["I", "I;16"])
@pytest.mark.parametrize("mime_type", ["image/png", "image/jpeg", "image/webp"])
def test_16_bit_greys_are_scaled_to_8_bits(mode, mime_type):
    image = Image.new("I", (64, 8), 0)
    for x in range(64):
        image.paste(x * 65535 // 63, (x, 0, x + 1, 8))
    image = image.convert(mode)
    back = Image.open(
        io.BytesIO(base64.b64decode(image_block(image, mime_type=mime_type)["base64"]))
    )
    grey = back.convert("L")
    for x in range(0, 64, 7):
        assert abs(grey.getpixel((x, 4)) - x * 255 / 63) < 6


def test_a_pil_image_of_floats_is_refused():
    with pytest.raises(MediaError, match="mode F"):
        image_block(Image.new("F", (1, 1)))


def test_a_pil_image_keeps_its_pixels_and_transparency():
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 40))
    back = Image.open(io.BytesIO(base64.b64decode(image_block(image)["base64"])))
    assert back.getpixel((0, 0)) == (10, 20, 30, 40)


def test_a_pil_image_is_rotated_by_its_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 2)).save(tmp_path / "x.jpg", exif=exif)
    with Image.open(tmp_path / "x.jpg") as image:
        block = image_block(image)
    assert Image.open(io.BytesIO(base64.b64decode(block["base64"]))).size == (2, 4)


BAD = [
    (image_block, "nowhere/cat.png", {}, "nowhere/cat.png': No such file or directory; check the"),
    (image_block, "~/cat.png", {}, "expanduser"),
    (image_block, "{folder}", {}, "it is a folder; give the path of a file"),
    (image_block, "{folder}/pipe", {}, "it is a pipe; give the path of a file"),
    (image_block, "{folder}/x\0y", {}, "check the path"),
    (image_block, "", {}, "image_block got an empty string; give a URL or the path"),
    (image_block, {"type": "image"}, {}, "got a content block; put it into the message as it is"),
    (image_block, base64.b64encode(bytes(300)).decode(), {}, "for base64, give data:"),
    (image_block, "C:\\images\\cat.png", {}, "it is a path of Windows, and this is another"),
    (image_block, "www.example.com/cat.png", {}, "a URL begins with https://"),
    (image_block, "ftp://a.example/cat.png", {}, "URL scheme 'ftp'"),
    (image_block, "s3://bucket/cat.png", {}, "URL scheme 's3'"),
    (image_block, "file://host/share/cat.png", {}, "on the host 'host'"),
    (image_block, "data:image/png,abc", {}, "data:<MIME type>;base64"),
    (image_block, "{folder}/text.png", {}, "it is text .no media., and MiMo accepts only"),
    (image_block, "{folder}/empty.png", {}, "it is empty"),
    (image_block, "{folder}/voice.mp3", {}, "in a block of type 'image'; use audio_block\\(path\\)"),
    (audio_block, "{folder}/voice.mp3", {"mime_type": "video/mp4"}, "states the MIME type"),
    (video_block, "{folder}/video.mkv", {}, "prepare_video"),
    (image_block, b"", {}, "it is empty"),
    (image_block, b"%PDF-1.4", {}, "PDF"),
    (image_block, io.StringIO("text"), {}, 'mode "rb"'),
    (image_block, 5, {}, "not int"),
    (image_block, None, {}, "not NoneType"),
    (audio_block, Image.new("L", (1, 1)), {}, "not Image"),
    (image_block, Image.new("L", (1, 1)), {"mime_type": "image/gif"}, "not as 'image/gif'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "source", "options", "reason"), BAD)
def test_unusable_sources_are_refused_in_one_line(tmp_path, make, source, options, reason):
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "voice.mp3").write_bytes(MP3)
    (tmp_path / "video.mkv").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(60))
    os.mkfifo(tmp_path / "pipe")
    if isinstance(source, str):
        source = source.format(folder=tmp_path)
    with pytest.raises(MediaError, match=reason) as raised:
        make(source, **options)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("make", [image_block, video_block, audio_block])
@pytest.mark.parametrize("source", ["https://a.example/x", b"GIF89a", "cat.gif"])
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"mime_type": 5}, "mime_type must be a string or None, got 5"),
        ({"mime_type": b"image/png"}, "mime_type must be a string or None, got b'image/png'"),
        ({"size": "5"}, "size must be an integer >= 0, got '5'"),
        ({"size": -1}, "size must be an integer >= 0, got -1"),
        ({"size": 1.5}, "size must be an integer >= 0, got 1.5"),
        ({"size": True}, "size must be an integer >= 0, got True"),
    ],
)
def test_arguments_of_the_wrong_type_are_refused(make, source, options, reason):
    with pytest.raises(MiMoInputError, match=f"^{make.__name__}'s {reason}"):
        make(source, **options)


@pytest.mark.parametrize("source", ["https://a.example/x", b"", "no_such_file.mp4"])
@pytest.mark.parametrize(
    ("make", "options", "reason"),
    [
        (video_block, {"fps": 30}, "video_block's fps must be a number from 0.1 to 10, got 30"),
        (video_block, {"fps": 0}, "from 0.1 to 10, got 0"),
        (video_block, {"fps": True}, "from 0.1 to 10, got True"),
        (video_block, {"fps": "fast"}, "from 0.1 to 10, got 'fast'"),
        (video_block, {"fps": "30"}, "from 0.1 to 10, got 30"),
        (video_block, {"fps": "nan"}, "from 0.1 to 10, got nan"),
        (video_block, {"media_resolution": "high"}, "must be 'default' or 'max', got 'high'"),
        (video_block, {"media_resolution": 1}, "must be 'default' or 'max', got 1"),
        (video_block, {"fsp": 2}, "video_block has no argument 'fsp'; did you mean 'fps'?"),
        (
            video_block,
            {"start": 2},
            "'start'; a time range is video_block(path, start_s=…, end_s=…)",
        ),
        (video_block, {"start_s": -2}, "video_block's start_s must be a number >= 0, got -2"),
        (video_block, {"resolution": "max"}, 'MiMo calls it media_resolution, "default" or "max"'),
        (video_block, {"x": 2}, "it takes mime_type, size, fps, media_resolution, start_s"),
        (audio_block, {"duration": 2}, "a time range is audio_block(path, start_s=…, end_s=…)"),
        (
            audio_block,
            {"start_s": 2, "end_s": 1},
            "end_s must be greater than start_s, got start_s",
        ),
        (audio_block, {"fps": 2}, "audio_block has no argument 'fps'; it is for videos"),
        (image_block, {"media_resolution": "max"}, "it is for videos"),
        (image_block, {"detail": "high"}, "prepare_image(path, token_budget=…)"),
        (image_block, {"mimetype": "image/png"}, "did you mean 'mime_type'?"),
        (image_block, {"start_s": 2}, "has no argument 'start_s'; an image has no time range"),
    ],
)
def test_values_out_of_range_and_unknown_arguments_are_refused(make, options, reason, source):
    with pytest.raises(MiMoInputError, match=re.escape(reason)):
        make(source, **options)


@pytest.mark.parametrize("make", [image_block, video_block, audio_block])
def test_their_signatures_are_their_own(make):
    """Type checkers, editors and tools read them, and must not see what names mistakes."""
    parameters = inspect.signature(make).parameters
    assert not [each for each in parameters.values() if each.kind is each.VAR_KEYWORD]
    [tool] = wire_tools([make])
    assert list(tool["function"]["parameters"]["properties"]) == list(parameters)
    assert pickle.loads(pickle.dumps(make)) is make


@pytest.mark.parametrize(("fps", "sent"), [("2", 2), ("0.5", 0.5), (" 1 ", 1), (10, 10)])
def test_fps_may_be_spelled_as_a_template_value(fps, sent):
    assert video_block("https://a.example/x", fps=fps)["extras"] == {"fps": sent}


def test_a_file_object_at_its_end_is_named():
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40)).save(buffer, "PNG")
    with pytest.raises(MediaError, match=r"at its end; call its seek\(0\)"):
        image_block(buffer)
    buffer.seek(0)
    assert image_block(buffer)["mime_type"] == "image/png"
    buffer.close()
    with pytest.raises(
        MediaError, match=r"image_block cannot read the file object: .* closed file"
    ):
        image_block(buffer)


def test_a_binary_file_opened_as_text_is_named(tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(bytes(range(128, 256)))
    with path.open(encoding="utf-8") as file, pytest.raises(MediaError, match='mode "rb"'):
        image_block(file)


def test_an_endless_file_object_is_not_read_completely():
    class Endless:
        def read(self, size):
            self.requested = size
            return bytes(size)

    endless = Endless()
    with pytest.raises(MediaError, match="at most"):
        image_block(endless)
    assert endless.requested < 40 * 10**6


def test_pillow_is_imported_only_for_a_pil_image():
    code = (
        "import sys, langchain_mimo.media as m, langchain_mimo._media.opening;"
        f"m.audio_block({MP3!r}); sys.exit('PIL' in sys.modules or 'av' in sys.modules)"
    )
    completed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert completed.returncode == 0
