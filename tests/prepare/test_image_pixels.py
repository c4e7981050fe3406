"""prepare_image shows the right pixels, whatever the mode, depth, profile and orientation."""

import base64
import io

import pytest
from image_checks import decoded, differences, on_white
from media_collection import find, image_colours
from media_collection.image_pixels import RIGHT
from PIL import Image

from langchain_mimo import image_block
from langchain_mimo._media.inspection import inspect_source
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import prepare_image
from langchain_mimo.tokens import image_tokens

assert image_colours  # it adds to RIGHT

JPEG_TOLERANCE = 4
"""Mean difference that JPEG makes in images of hard edges, such as those here."""

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def check(name, prepared, *, tolerance=0.0, background="kept"):
    """Decode a result and compare it with the right pixels, resized to its size."""
    right = RIGHT[name]
    image = decoded(prepared.data)
    assert image.mode in ("RGB", "RGBA")
    assert "icc_profile" not in image.info
    assert inspect_source("image", prepared.data).mime_type == prepared.mime_type
    expected = right.image if background == "kept" else on_white(right.image)
    is_resized = image.size != expected.size
    if is_resized:
        assert abs(image.width / image.height - expected.width / expected.height) < 0.1
        expected = expected.resize(image.size)
    greatest, mean = differences(image, expected)
    if right.mean or is_resized or prepared.mime_type == "image/jpeg" or tolerance:
        lossy = JPEG_TOLERANCE if prepared.mime_type == "image/jpeg" else 0
        assert mean <= right.tolerance + lossy + tolerance
    else:
        assert greatest <= right.tolerance


@pytest.mark.parametrize("name", RIGHT)
def test_the_block_says_what_the_table_says(name):
    file = find(name)
    if file.block == "accepted":
        assert base64.b64decode(image_block(file.data)["base64"]) == file.data
    else:
        with pytest.raises(MediaError):
            image_block(file.data)


@pytest.mark.parametrize("name", RIGHT)
def test_pixels(name):
    file = find(name)
    prepared = prepare_image(file.data)
    if file.prepared == "unchanged":
        assert prepared.data == file.data
        assert prepared.notes[0] == "Left unchanged: MiMo accepts it."
    else:
        assert prepared.data != file.data
        check(name, prepared)


@pytest.mark.parametrize("name", RIGHT)
def test_pixels_when_it_is_converted(name):
    check(name, prepare_image(find(name).data, convert=True))


@pytest.mark.parametrize("name", RIGHT)
def test_pixels_within_a_token_budget(name):
    prepared = prepare_image(find(name).data, token_budget=12)
    image = decoded(prepared.data)
    assert image_tokens(*image.size) <= 12
    check(name, prepared, tolerance=6)


@pytest.mark.parametrize("name", RIGHT)
def test_pixels_within_a_byte_limit(name):
    prepared = prepare_image(find(name).data, max_bytes=3000, convert=True)
    assert len(prepared.data) <= 3000
    is_jpeg = prepared.mime_type == "image/jpeg"
    check(name, prepared, tolerance=12, background="white" if is_jpeg else "kept")


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (["16_in_16.png", "16_in_16.tiff"], "Reduced its 16-bit greys to 8 bits."),
        (["12_in_16.png", "12_in_16.tiff"], "Its 16-bit greys use 12 bits: scaled 0 to 4,095 to the range 0 to 255."),
        (["12_in_16_rgb.png"], "It is almost black: its 16-bit colours use 12 bits or fewer, of which only the highest are kept. Scale them with the program that wrote them."),
        (["int32_small.tiff"], "Scaled its integer greys, 7 to 400, to the range 0 to 255."),
        (["float_unit.tiff"], "Scaled its float greys, 0 to 1, to the range 0 to 255."),
        (["nan.tiff", "int16_nodata.tiff"], "600 of its pixels have no value: they are black."),
        (["scene_cmyk.tiff", "scene_cmyk.jpg"], "Converted its colours from CMYK without a colour profile."),
        (["red_ink.tiff", "red_ink.jpg"], "Converted its colours from its CMYK profile to sRGB."),
        (["exchanged.tiff"], "Converted its colours from its RGB profile to sRGB."),
        (["grey_profile_on_rgb.tiff"], "Dropped its colour profile: it is for 'GRAY', not for RGB."),
        (["cut_profile.tiff", "empty_profile.tiff"], "Dropped its colour profile, which is damaged."),
        ([f"turned_{n}.{s}" for n in (2, 4) for s in ("jpg", "tiff")], "Mirrored upright."),
        ([f"turned_{n}.{s}" for n in (3, 6, 8) for s in ("png", "tiff")], "Rotated upright."),
        ([f"turned_{n}.{s}" for n in (5, 7) for s in ("webp", "tiff")], "Mirrored and rotated upright."),
        (["apple.png"], "Converted it from the PNG variant of Apple's Xcode."),
    ],
)  # fmt: skip
def test_notes_say_what_was_done(names, note):
    for name in names:
        assert note in prepare_image(find(name).data).notes, name


def test_nothing_is_said_of_what_has_no_effect():
    notes = prepare_image(find("srgb_profile.tiff").data).notes
    assert notes == ("Source: TIFF, 192 x 128 pixels.",)
    notes = prepare_image(find("opaque.tiff").data, max_bytes=3000).notes
    assert not [note for note in notes if "transparent" in note]


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_an_animation_is_left_unchanged_with_a_note(suffix):
    data = find(f"animated.{suffix}").data
    prepared = prepare_image(data)
    assert prepared.data == data
    assert "an animation of 3 frames; which of them MiMo looks at is not" in prepared.notes[1]
    assert "Used the first of its 3 frames." in prepare_image(data, convert=True).notes


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "La", "RGBa", "PA", "HSV", "YCbCr", "RGBX"])
@pytest.mark.parametrize("mime_type", ["image/png", "image/jpeg"])
def test_a_pil_image_of_any_mode_is_saved_in_its_colours(mode, mime_type):
    shown = RIGHT["veiled.tiff"].image if mode in ("RGBa", "PA") else RIGHT["exchanged.tiff"].image
    if mode == "La":
        shown = RIGHT["veiled_grey.tiff"].image
        image = shown.convert("LA").convert("La")
    elif mode == "LAB":
        image, shown = decoded(find("scene_lab.tiff").data), RIGHT["scene_lab.tiff"].image
    else:
        image = shown.convert(mode)
        shown = image.convert("RGBA") if mode == "PA" else shown  # of 256 colours
    block = image_block(image, mime_type=mime_type)
    saved = decoded(base64.b64decode(block["base64"]))
    expected = shown if mime_type == "image/png" else on_white(shown)
    assert differences(saved, expected)[1] < (20 if mode == "PA" else 6)


@pytest.mark.parametrize("mime_type", ["image/png", "image/jpeg", "image/webp"])
def test_a_pil_image_keeps_the_profile_that_fits_it_alone(mime_type):
    inks = decoded(find("red_ink.tiff").data)
    for image in (inks, inks.convert("RGB")):
        data = base64.b64decode(image_block(image, mime_type=mime_type)["base64"])
        assert "icc_profile" not in decoded(data).info
    exchanged = decoded(find("exchanged.tiff").data)
    data = base64.b64decode(image_block(exchanged, mime_type=mime_type)["base64"])
    assert decoded(data).info["icc_profile"] == exchanged.info["icc_profile"]


def test_a_pil_image_of_great_integers_is_refused_rather_than_clipped():
    with pytest.raises(MediaError, match="cannot save a PIL image of mode I as image/png; scale"):
        image_block(decoded(find("int32.tiff").data))


def test_a_pil_image_that_does_not_load_is_refused():
    half = find("baseline.jpg").data[:-300]
    with pytest.raises(MediaError, match="image_block cannot save the PIL image: image file is tr"):
        image_block(Image.open(io.BytesIO(half)))
