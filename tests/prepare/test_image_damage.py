"""Damaged images: repaired, with what is missing in grey and counted, or refused."""

import io
import random
import re
import struct
import zlib

import pytest
from image_checks import decoded, differences
from media_collection import collection, find
from media_collection.image_files import png_chunk
from media_collection.image_pixels import scene
from media_collection.writing import image_bytes
from PIL import Image

from langchain_mimo._media.inspection import inspect_source
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import prepare_image

SIZE = (320, 240)
GREY = (128, 128, 128)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def missing_rows(prepared):
    """Return how many rows the notes say are missing, and check the share beside it."""
    for note in prepared.notes:
        if found := re.match(r"(\d+) of its (\d+) rows \((\d+) %\) are missing", note):
            rows, of, share = (int(value) for value in found.groups())
            assert abs(share - 100 * rows / of) <= 0.5
            return rows
    return 0


def check_rows(prepared, whole, *, top=False, tolerance=4.0):
    """Check that the rows that are there are right, and that the others are grey."""
    image, lost = decoded(prepared.data).convert("RGB"), missing_rows(prepared)
    assert image.size == whole.size
    assert inspect_source("image", prepared.data).mime_type == prepared.mime_type
    width, height = image.size
    rest, gap = (0, 0, width, height - lost), (0, height - lost, width, height)
    if top:
        rest, gap = (0, lost, width, height), (0, 0, width, lost)
    # JPEG blurs the edge between the two over a block.
    edge = 8 if prepared.mime_type == "image/jpeg" and lost else 0
    rest = (rest[0], rest[1], rest[2], rest[3] - edge)
    assert differences(image.crop(rest), whole.crop(rest))[1] <= tolerance
    if lost > edge:
        gap = (gap[0], gap[1] + edge, gap[2], gap[3])
        flat = Image.new("RGB", (width, gap[3] - gap[1]), GREY)
        assert differences(image.crop(gap), flat)[1] <= 2
    return lost


JPEGS = {
    "baseline": ("RGB", {}),
    "444": ("RGB", {"subsampling": 0}),
    "grey": ("L", {}),
    "inks": ("CMYK", {}),
    "restarts": ("RGB", {"restart_marker_rows": 1}),
}


def jpeg(name):
    mode, options = JPEGS[name]
    noisy = Image.blend(scene(SIZE), Image.effect_noise(SIZE, 60).convert("RGB"), 0.2)
    return image_bytes(noisy.convert(mode), "JPEG", quality=90, **options)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.77, 0.98])
@pytest.mark.parametrize("name", JPEGS)
def test_a_cut_jpeg_keeps_its_complete_rows(name, share):
    data = jpeg(name)
    whole = decoded(data).convert("RGB")
    scan = data.index(b"\xff\xda")
    prepared = prepare_image(data[: scan + int((len(data) - scan) * share)])
    lost = check_rows(prepared, whole)
    # The rows are about equally long, and a block of 8 or 16 rows is lost with its first byte.
    assert SIZE[1] * (1 - share) - 20 <= lost <= SIZE[1] * (1 - share) + 40
    assert "its end marker is missing" in prepared.notes[1]


@pytest.mark.parametrize("name", JPEGS)
def test_zeros_in_place_of_the_rest_of_a_jpeg_are_not_taken_for_pixels(name):
    data = jpeg(name)
    half = (len(data) + data.index(b"\xff\xda")) // 2
    prepared = prepare_image(data[:half] + bytes(len(data)))
    assert check_rows(prepared, decoded(data).convert("RGB")) > SIZE[1] * 0.3


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize(
    ("damage", "note"),
    [
        (lambda data: data[:-2], "Added its end marker."),
        (lambda data: data[:-1], "Added its end marker."),
        (lambda data: data[:-2] + bytes(5000), "Added its end marker."),
        (lambda data: b"\xff\xd8" + data, "Removed a second start marker."),
        (lambda data: b"\xff\xd8\xff\xd8" + data, "Removed a second start marker."),
        (lambda data: b"\xff\xd8" + data[:-2], "Removed a second start marker. Added its end marker."),
    ],
)  # fmt: skip
def test_a_jpeg_of_which_nothing_is_missing_is_whole(name, damage, note):
    data = jpeg(name)
    prepared = prepare_image(damage(data))
    assert note in prepared.notes
    assert check_rows(prepared, decoded(data).convert("RGB")) == 0


def test_a_cut_progressive_jpeg_is_coarse():
    data = image_bytes(scene(SIZE), "JPEG", quality=90, progressive=True)
    prepared = prepare_image(data[: len(data) * 3 // 4])
    assert [note for note in prepared.notes if "details may be missing everywhere" in note]
    assert differences(decoded(prepared.data), scene(SIZE))[1] < 20


def chunks_of(data):
    at = 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def rebuilt(chunks):
    return data_start + b"".join(png_chunk(name, body) for name, body in chunks)


data_start = b"\x89PNG\r\n\x1a\n"

PNGS = {
    "RGB": scene(SIZE),
    "L": scene(SIZE).convert("L"),
    "P": scene(SIZE).quantize(200),
    "1": scene(SIZE).convert("1"),
    "I;16": Image.frombytes("I;16", SIZE, bytes(range(256)) * (SIZE[0] * SIZE[1] // 128)),
}


def noisy_png(mode):
    return image_bytes(PNGS[mode], "PNG", compress_level=1)


def right_png(mode):
    whole = prepare_image(noisy_png(mode), convert=True)
    return decoded(whole.data).convert("RGB")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("mode", PNGS)
def test_a_cut_png_keeps_its_complete_rows(mode, share):
    data = noisy_png(mode)
    start = data.index(b"IDAT") + 4
    prepared = prepare_image(data[: start + int((len(data) - start) * share)])
    assert 0 < check_rows(prepared, right_png(mode), tolerance=0.0) < SIZE[1] * 0.9


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-12],
        lambda data: data[:-20],
        lambda data: data[: data.index(b"IEND") - 4] + bytes(40),
        lambda data: data.replace(b"IHDR", b"IHDR", 1)[:29] + b"\0\0\0\0" + data[33:],
        lambda data: data[: data.index(b"IEND") - 8] + b"abcd" + data[data.index(b"IEND") - 4 :],
        lambda data: rebuilt(
            [(n, b if n != b"IDAT" else b[:-4] + b"abcd") for n, b in chunks_of(data)]
        ),
    ],
    ids=["no IEND", "no checksum", "zeros at the end", "IHDR", "IDAT", "Adler"],
)
def test_a_png_with_wrong_checksums_alone_is_whole(damage):
    data = noisy_png("RGB")
    assert damage(data) != data
    prepared = prepare_image(damage(data))
    assert prepared.data != data
    assert check_rows(prepared, PNGS["RGB"], tolerance=0.0) == 0
    assert len(prepared.notes) > 1


@pytest.mark.parametrize("is_checked", [True, False])
def test_a_png_with_a_hole_keeps_the_rows_above(is_checked):
    whole = Image.blend(scene(SIZE), Image.effect_noise(SIZE, 60).convert("RGB"), 0.2)
    header, *others = chunks_of(image_bytes(whole, "PNG"))
    pixels = b"".join(body for name, body in others if name == b"IDAT")
    pieces = [pixels[at : at + 4096] for at in range(0, len(pixels), 4096)]
    middle = len(pieces) // 2
    chunks = [png_chunk(b"IDAT", piece) for piece in pieces]
    holed = pieces[middle][:1000] + bytes(40) + pieces[middle][1040:]
    # A checksum shows where the damage begins, unless it was computed after the damage.
    body, checksum = chunks[middle][:8] + holed, chunks[middle][-4:]
    chunks[middle] = body + checksum if is_checked else png_chunk(b"IDAT", holed)
    start, end = data_start + png_chunk(*header), png_chunk(b"IEND", b"")
    prepared = prepare_image(start + b"".join(chunks) + end)
    (note,) = (note for note in prepared.notes if "may be wrong" in note)
    first = int(re.search(r"the rows from (\d+) on", note)[1])
    image = decoded(prepared.data)
    if is_checked:
        assert 0.3 * SIZE[1] < first < 0.7 * SIZE[1]
        box = (0, 0, SIZE[0], first - 1)
        assert differences(image.crop(box), whole.crop(box))[0] == 0
    else:
        assert first == 1


def test_a_damaged_chunk_beside_the_pixels_is_left_out():
    chunks = list(chunks_of(noisy_png("RGB")))
    body = zlib.compress(b"not a profile")
    broken = struct.pack(">I", len(body)) + b"iCCP" + body + b"xxxx"
    parts = [png_chunk(*chunks[0]), broken, *(png_chunk(*chunk) for chunk in chunks[1:])]
    prepared = prepare_image(data_start + b"".join(parts))
    assert check_rows(prepared, PNGS["RGB"], tolerance=0.0) == 0


def bmp(mode="RGB", *, top_down=False, **options):
    data = bytearray(image_bytes(scene((161, 90)).convert(mode), "BMP", **options))
    if top_down:
        start = int.from_bytes(data[10:14], "little")
        row = -(-161 * int.from_bytes(data[28:30], "little") // 32) * 4
        rows = [data[at : at + row] for at in range(start, len(data), row)]
        data[start:] = b"".join(reversed(rows))
        data[22:26] = (-90).to_bytes(4, "little", signed=True)
    return bytes(data)


@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_a_cut_bmp_keeps_its_complete_rows(mode, top_down):
    data = bmp(mode, top_down=top_down)
    whole = decoded(data).convert("RGB")
    row = -(-161 * int.from_bytes(data[28:30], "little") // 32) * 4
    for lacking, lost in ((1, 0), (row + 1, 1), (2 * row, 2), (40 * row, 40)):
        prepared = prepare_image(data[:-lacking])
        found = check_rows(prepared, whole, top=not top_down, tolerance=0.0)
        padding = row - -(-161 * int.from_bytes(data[28:30], "little") // 8)
        assert found == lost + (lacking % row > padding and lost < lacking / row)


def test_two_bytes_of_padding_are_no_row():
    prepared = prepare_image(bmp()[:-1])
    assert "Added 1 missing bytes at its end." in prepared.notes
    assert missing_rows(prepared) == (161 * 3 % 4 == 0)


@pytest.mark.parametrize("name", ["half.gif", "half.webp", "half.avif", "half.tiff"])
def test_what_cannot_be_repaired_is_refused(name):
    with pytest.raises(
        MediaError, match=r"^the given bytes cannot be prepared: it is .*; (get|ch)"
    ):
        prepare_image(find(name).data)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "BMP"])
def test_an_image_of_which_almost_all_is_missing_is_refused(format_name):
    data = image_bytes(scene(SIZE), format_name)
    start = {"JPEG": data.find(b"\xff\xda"), "PNG": data.find(b"IDAT"), "BMP": 54}[format_name]
    with pytest.raises(
        MediaError, match=r"rows are missing; get the complete file$|truncated; get another copy$"
    ):
        prepare_image(data[: start + 20 + len(data) // 50])


def test_a_cut_interlaced_png_is_refused():
    data = find("interlaced.png").data
    with pytest.raises(MediaError, match="it is damaged"):
        prepare_image(data[: len(data) // 2])


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_an_animation_with_a_damaged_later_frame_becomes_its_first(suffix):
    data = find(f"animated.{suffix}").data
    prepared = prepare_image(data[: len(data) * 3 // 4])
    assert prepared.data != data
    right = decoded(data).convert("RGB")
    assert differences(decoded(prepared.data).convert("RGB"), right)[0] == 0


def test_damaged_exif_does_not_matter():
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0garbage"
    data = image_bytes(scene(), "JPEG", exif=exif)
    assert prepare_image(data).data == data
    prepared = prepare_image(data, convert=True)
    assert differences(decoded(prepared.data), decoded(data))[1] < 4


def test_a_path_is_named_in_the_error(tmp_path):
    path = tmp_path / "broken.webp"
    path.write_bytes(find("half.webp").data)
    with pytest.raises(MediaError, match=re.escape(f"{str(path)!r} cannot be prepared: it is")):
        prepare_image(path)


def check_outcome(data, options):
    """Check that an image is prepared, or refused by one sentence."""
    refusal = prepared = None
    try:
        prepared = prepare_image(data, **options)
    except MediaError as error:
        refusal = error
    if refusal is not None:
        assert type(refusal) is MediaError
        assert "\n" not in str(refusal)
    else:
        inspect_source("image", prepared.data)
        Image.open(io.BytesIO(prepared.data)).load()


IMAGES = [file for file in collection("image") if len(file.data) < 60_000]


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("seed", range(6))
def test_no_damage_raises_anything_but_media_error(seed):
    chance = random.Random(seed)
    for _ in range(60):
        data = bytearray(chance.choice(IMAGES).data)
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data) + 1)
            action = chance.randrange(4)
            if action == 0:
                del data[at:]
            elif action == 1:
                data[at : at + 1] = bytes([chance.randrange(256)])
            elif action == 2:
                del data[at : at + chance.randrange(1, 50)]
            else:
                data[at:at] = chance.choice(IMAGES).data[: chance.randrange(200)]
        for options in ({}, {"convert": True}):
            check_outcome(bytes(data), options)
