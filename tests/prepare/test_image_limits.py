"""Very large and hostile images: refused before memory is spent, and within the time limit."""

import itertools
import json
import struct
import subprocess
import sys
import zlib

import pytest
from image_checks import decoded, differences
from media_collection.image_files import png, png_chunk, tiff
from media_collection.image_pixels import ramp, scene
from media_collection.writing import image_bytes
from PIL import Image

from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import output, prepare_image

SIDE = 13_000
"""169 million pixels: less than what Pillow itself refuses."""


def zeros(count):
    """Return `count` zero bytes, compressed for PNG."""
    deflater = zlib.compressobj(1)
    parts = [deflater.compress(bytes(1 << 20)) for _ in range(count >> 20)]
    return b"".join([*parts, deflater.compress(bytes(count & 0xFFFFF)), deflater.flush()])


def big_png(side=SIDE):
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zeros((side + 1) * side)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def claiming_png(side=SIDE):
    data = bytearray(png((8, 8), 8, 0, [bytes(8)] * 8))
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def icon():
    inner = claiming_png()
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inner), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + inner


def apple_icon():
    inner = claiming_png()
    block = b"ic07" + struct.pack(">I", len(inner) + 8) + inner
    return b"icns" + struct.pack(">I", len(block) + 8) + block


def gif(side=SIDE):
    start = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    return start + b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\2\2\x4c\x01\0;"


def webp():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = image_bytes(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    return data[:24] + b"\xff\x3f\0\xff\x3f\0" + data[30:]


def huge_jpeg(width, height, **options):
    """Return a small JPEG whose header claims another size."""
    data = bytearray(image_bytes(scene(), "JPEG", **options))
    at = data.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def bmp():
    data = bytearray(image_bytes(scene(), "BMP"))
    data[18:26] = struct.pack("<ii", SIDE, SIDE)
    return bytes(data)


BOMBS = {
    "whole.png": big_png,
    "claimed.png": claiming_png,
    "cut.png": lambda: claiming_png()[:-20],
    "above_pillow.png": lambda: claiming_png(60_000),
    "greatest.png": lambda: claiming_png(2**31 - 1),
    "icon.ico": icon,
    "icon.icns": apple_icon,
    "canvas.gif": gif,
    "greatest.gif": lambda: gif(65_535),
    "canvas.webp": webp,
    "progressive.jpg": lambda: huge_jpeg(SIDE, SIDE, progressive=True),
    "scans.jpg": lambda: huge_jpeg(SIDE, SIDE, subsampling=0).replace(
        b"\xff\xda\0\x0c\3", b"\xff\xda\0\x0c\1"
    ),
    "claimed.bmp": bmp,
    "claimed.tiff": lambda: tiff((SIDE, SIDE), bytes(64), bits=8),
    "claimed.pgm": lambda: b"P5 %d %d 255\n" % (SIDE, SIDE) + bytes(64),
}

MEASURED = """
import json, pathlib, re, sys
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import prepare_image
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
folder = pathlib.Path(sys.argv[1])
prepare_image(folder / "small.png")
said = {}
for source in sorted(folder.iterdir()):
    before = peak()
    try:
        text = str(prepare_image(source, folder.with_name("out-" + source.name)).notes)
    except MediaError as error:
        text = str(error)
    said[source.name] = [text, peak() - before]
print(json.dumps(said))
"""


def measured(tmp_path, files):
    """Prepare images in one process; return what it says to each, and the KiB that it needed."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for name, data in {**files, "small.png": image_bytes(scene(), "PNG")}.items():
        (folder / name).write_bytes(data)
    arguments = [sys.executable, "-W", "ignore", "-c", MEASURED, folder]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=100)
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_too_many_pixels_are_refused_before_they_cost_memory(tmp_path):
    results = measured(tmp_path, {name: make() for name, make in BOMBS.items()})
    assert len(results) == len(BOMBS) + 1
    del results["small.png"]
    for name, (said, needed) in results.items():
        assert "pixels" in said, name
        assert "shrink it with a program you trust" in said, name
        assert needed < 10_000, name


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_the_photo_of_a_large_sensor_is_decoded_at_a_reduced_size(tmp_path):
    # 16,320 x 12,240, as phones with 200 million pixels take them; of one colour, which is small.
    said, needed = measured(tmp_path, {"wide.jpg": wide_jpeg(16_320, 12_240)})["wide.jpg"]
    assert "Decoded at 1/2 of its size, as it has 16,320 x 12,240 pixels." in said
    assert needed < 500_000
    with Image.open(tmp_path / "out-wide.jpg") as image:
        assert image.size == (8160, 6120)


def wide_jpeg(width, height):
    """Return a grey JPEG of one colour without encoding its pixels: each block is one byte."""
    small = image_bytes(Image.new("L", (8, 8), 128), "JPEG")
    data = bytearray(small)
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    scan = data.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
    # A block of the middle grey is the code of a zero difference, 00, and that of its end, 1010.
    blocks = -(-width // 8) * -(-height // 8)
    bits = (b"\x28\xa2\x8a" * (-(-blocks * 6 // 24) + 1))[: -(-blocks * 6 // 8)]
    return bytes(data[:start]) + bits + b"\xff\xd9"


def test_a_jpeg_at_the_limit_shows_the_right_pixels(monkeypatch):
    for module in ("image_opening", "image_sides"):
        monkeypatch.setattr(f"langchain_mimo.prepare.{module}.BOMB_PIXELS", 5000)
    large = scene((160, 120))
    prepared = prepare_image(image_bytes(large, "JPEG", quality=95))
    image = decoded(prepared.data)
    assert image.size == (80, 60)
    assert differences(image, large.resize((80, 60), Image.Resampling.BOX))[1] < 5


def many_frames(count):
    frame = b",\0\0\0\0\1\0\1\0\0\2\2\x4c\x01\0"
    return b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + frame * count + b";"


def test_counting_the_frames_of_a_gif_is_bounded(monkeypatch):
    reads = itertools.count()
    monkeypatch.setattr(output.ProgressMonitor, "check", lambda _: next(reads))
    prepared = prepare_image(many_frames(200_000))
    assert "Used the first of its 1,000 or more frames." in prepared.notes
    assert next(reads) < 50_000


@pytest.mark.parametrize(
    "data",
    [many_frames(3000), image_bytes(scene(), "JPEG"), image_bytes(ramp(), "TIFF")],
    ids=["gif", "jpeg", "tiff"],
)
def test_the_clock_is_asked_whenever_the_file_is_read(monkeypatch, data):
    calls = []
    monkeypatch.setattr(output.ProgressMonitor, "check", lambda _: calls.append(1))
    prepare_image(data)
    total = len(calls)
    for stop in (3, total // 2, total):
        left = itertools.count(1 - stop)

        def check(_monitor, left=left):
            if next(left) >= 0:
                raise MediaError("preparing took longer than time_limit=1 s; raise time_limit")

        monkeypatch.setattr(output.ProgressMonitor, "check", check)
        with pytest.raises(MediaError, match="cannot be prepared: preparing took longer than"):
            prepare_image(data)


def test_the_time_limit_names_what_helps_with_images(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(image_bytes(scene(), "PNG"))
    with pytest.raises(MediaError, match="time_limit=0 s; shrink the source with another program"):
        prepare_image(path, time_limit=0)


@pytest.mark.parametrize(
    "method",
    ["ImageFile.ImageFile.load", "Image.Image.convert", "Image.Image.save", "Image.Image.resize"],
)
@pytest.mark.parametrize("error", [MemoryError, RuntimeError, struct.error, zlib.error, OSError])
def test_whatever_pillow_raises_is_an_error_of_ours(monkeypatch, method, error):
    def fail(*_arguments, **_options):
        raise error("odd")

    data = image_bytes(scene(), "TIFF")
    monkeypatch.setattr(f"PIL.{method}", fail)
    with pytest.raises(MediaError, match=r"odd|there is not enough memory") as raised:
        prepare_image(data, token_budget=12)
    assert type(raised.value) is MediaError


def test_what_the_progress_callback_raises_is_the_programs_own():
    class StopError(Exception):
        pass

    def stop(share):
        if share > 0:
            raise StopError

    with pytest.raises(StopError):
        prepare_image(image_bytes(scene(), "TIFF"), progress=stop)
