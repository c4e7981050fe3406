"""prepare_image: formats, sizes, borders and budgets."""

import ast
import io
import re
import struct
import zlib

import media_files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import make, make_image
from PIL import Image

from langchain_mimo._media.diagnosis import describe_rejected_media
from langchain_mimo._media.inspection import inspect_source
from langchain_mimo._media.limits import MAX_ASPECT_RATIO, MIN_IMAGE_SIDE
from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._media.references import LocalFile, MediaReference
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import prepare_image
from langchain_mimo.prepare.image_sides import scaled
from langchain_mimo.tokens import image_tokens


def image_of(prepared):
    return Image.open(io.BytesIO(prepared.data))


def noise(size, name="PNG"):
    buffer = io.BytesIO()
    Image.effect_noise(size, 200).convert("RGB").save(buffer, name)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["photo.jpg", "drawing.png", "still.gif", "lossy.webp", "plain.bmp"]
)
def test_an_accepted_image_is_left_unchanged(name):
    prepared = prepare_image(make(name))
    assert prepared.data == make(name)
    assert prepared.mime_type == media_files.ACCEPTED[name][1]


def test_heic_becomes_jpeg(heic):
    prepared = prepare_image(heic)
    assert prepared.mime_type == "image/jpeg"
    red, green, _ = image_of(prepared).convert("RGB").getpixel((30, 20))
    assert red > 240
    assert green < 15


@pytest.mark.parametrize(
    ("name", "mime_type"), [("photo.tiff", "image/png"), ("photo.avif", "image/jpeg")]
)
def test_other_formats_are_converted(name, mime_type):
    prepared = prepare_image(make(name))
    assert prepared.mime_type == mime_type
    assert image_of(prepared).size == (120, 80)
    assert inspect_source("image", prepared.data).mime_type == mime_type


def test_an_image_on_its_side_is_rotated_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    prepared = prepare_image(make_image("JPEG", (40, 20), exif=exif))
    assert image_of(prepared).size == (20, 40)
    assert image_of(prepared).getexif().get(0x0112, 1) == 1
    assert "Rotated upright." in prepared.notes


def test_cmyk_and_sixteen_bits_become_rgb():
    assert image_of(prepare_image(make_image("JPEG", mode="CMYK"))).mode == "RGB"
    tiff = io.BytesIO()
    Image.new("I;16", (20, 20), 32768).save(tiff, "TIFF")
    assert image_of(prepare_image(tiff.getvalue())).convert("L").getpixel((5, 5)) == 128


def test_an_image_is_shrunk_to_a_token_budget():
    prepared = prepare_image(make_image("PNG", (800, 600)), token_budget=100)
    width, height = image_of(prepared).size
    assert image_tokens(width, height) <= 100
    assert image_tokens(width, height) > 80
    assert width / height == pytest.approx(4 / 3, rel=0.05)


def test_an_image_is_shrunk_to_a_byte_limit():
    prepared = prepare_image(noise((400, 300)), max_bytes=20_000)
    assert len(prepared.data) <= 20_000
    assert prepared.mime_type == "image/jpeg"


def test_transparency_is_kept_in_png_and_white_in_jpeg():
    buffer = io.BytesIO()
    Image.new("RGBA", (300, 300), (255, 0, 0, 0)).save(buffer, "TIFF")
    assert image_of(prepare_image(buffer.getvalue())).mode == "RGBA"
    noisy = Image.effect_noise((300, 300), 200).convert("RGBA")
    noisy.putalpha(0)
    buffer = io.BytesIO()
    noisy.save(buffer, "TIFF")
    small = image_of(prepare_image(buffer.getvalue(), max_bytes=5000))
    assert small.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_convert_encodes_even_an_accepted_image():
    prepared = prepare_image(make("drawing.png"), convert=True)
    assert prepared.notes[0].startswith("Source: PNG, 333 x 77")


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        (b"", {}, "it is empty .0 bytes"),
        (b"hello", {}, "it is text .no media., which cannot be converted; send it"),
        (b"%PDF-1.4", {}, "PDF"),
        (make("drawing.png")[:60], {"convert": True}, "damaged"),
        ("no/such/file.heic", {}, "No such file"),
        (
            make("drawing.png"),
            {"token_budget": 1},
            "at its smallest size, more than token_budget=1",
        ),
        (noise((64, 64)), {"max_bytes": 10}, "does not fit in 10 bytes at any size"),
    ],
)
def test_images_that_cannot_be_prepared_are_refused(source, options, reason):
    with pytest.raises(MediaError, match=reason):
        prepare_image(source, **options)


def test_a_decompression_bomb_is_not_decoded():
    def chunk(name, content):
        checked = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checked

    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(99)))
    with pytest.raises(MediaError, match="decompression bomb"):
        prepare_image(bomb, convert=True)


def notes_with(notes, word):
    return [note for note in notes if word in note]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", [(8, 8), (5000, 10), (10, 5000), (402, 2), (3000, 1), (300, 4)])
def test_sides_that_mimo_refuses_are_corrected(size, mode):
    prepared = prepare_image(make_image("PNG", size, mode))
    image = image_of(prepared)
    short, long = sorted(image.size)
    assert short >= MIN_IMAGE_SIDE
    assert long <= MAX_ASPECT_RATIO * short
    too_long = max(size) > MAX_ASPECT_RATIO * min(size)
    assert len(notes_with(prepared.notes, "Added a border")) == too_long
    too_small = -(-max(size) // MAX_ASPECT_RATIO) < MIN_IMAGE_SIDE and min(size) < MIN_IMAGE_SIDE
    assert len(notes_with(prepared.notes, "Enlarged to")) == too_small
    assert (image.width > image.height) == (size[0] > size[1])


@pytest.mark.parametrize("size", [(8, 8), (5000, 10), (402, 2)])
def test_the_call_suggested_for_a_refused_image_corrects_it(tmp_path, size):
    path = tmp_path / "tiny.png"
    path.write_bytes(make_image("PNG", size))
    reference = MediaReference("image", LocalFile(str(path)), None, 0, 0)
    description = describe_rejected_media(reference, MediaPolicy([tmp_path]))
    call = re.search(r"langchain_mimo\.prepare\.(prepare_image)\((.*), convert=True\)", description)
    prepared = prepare_image(ast.literal_eval(call[2]), tmp_path / "prepared.png", convert=True)
    again = MediaReference("image", LocalFile(str(prepared.path)), None, 0, 0)
    assert "refused" in description
    assert "refused" not in describe_rejected_media(again, MediaPolicy([tmp_path]))


def test_a_border_leaves_the_image_in_the_middle():
    buffer = io.BytesIO()
    Image.new("RGB", (5000, 9), "red").save(buffer, "PNG")
    image = image_of(prepare_image(buffer.getvalue()))
    assert image.size == (5000, 25)
    assert [image.getpixel((2500, y)) for y in (0, 12, 24)] == [
        (255, 255, 255), (255, 0, 0), (255, 255, 255)
    ]  # fmt: skip


def test_convert_enlarges_sides_under_32_pixels():
    assert image_of(prepare_image(make_image("PNG", (20, 40)))).size == (20, 40)
    assert image_of(prepare_image(make_image("PNG", (20, 40)), convert=True)).size == (32, 64)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(201, 400))
def test_a_corrected_image_stays_within_the_budget(width, height, budget):
    image = image_of(prepare_image(make_image("PNG", (width, height)), token_budget=budget))
    assert image_tokens(*image.size) <= budget
    assert min(image.size) >= MIN_IMAGE_SIDE
    assert max(image.size) <= MAX_ASPECT_RATIO * min(image.size)


@given(st.integers(1, 9000), st.integers(1, 200), st.floats(0.01, 1))
def test_shrinking_never_makes_an_image_too_long(short, ratio, scale):
    width, height = scaled((short * ratio, short), scale)
    assert width <= MAX_ASPECT_RATIO * height
    assert scaled((short, short * ratio), scale) == (height, width)


@pytest.mark.parametrize(
    ("source", "name", "mime_type"),
    [
        ("photo.jpg", "x.jpeg", "image/jpeg"),
        ("photo.jpg", "x.PNG", "image/png"),
        ("photo.tiff", "x.jpg", "image/jpeg"),
        ("photo.tiff", "x", "image/png"),
        ("still.gif", "x.gif", "image/gif"),
        ("still.gif", "x.png", "image/png"),
    ],
)
def test_the_suffix_of_the_output_chooses_the_format(tmp_path, source, name, mime_type):
    prepared = prepare_image(make(source), tmp_path / name)
    assert prepared.mime_type == mime_type
    assert inspect_source("image", tmp_path / name).mime_type == mime_type


def test_an_image_that_a_border_would_make_too_large_is_refused():
    with pytest.raises(
        MediaError, match=r"140,000 x 8 pixels and is too long: .*; cut it into pieces"
    ):
        prepare_image(make_image("PNG", (140_000, 8), "1"))
