"""Small files that cost much to open: decompression bombs, absurd tables, endless scans.

`python hostile_media.py NAME …` opens the files with the emulator, three at once of each name, and
prints a line of JSON per name: what it says to them, and by how many MB the memory in use grew.
"""

import base64
import io
import json
import pathlib
import struct
import sys
import threading
import zlib

from PIL import Image


def chunk(name, data):
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def deflated(size):
    """Return this many zeros, compressed."""
    packer = zlib.compressobj(9)
    whole, rest = divmod(size, 1 << 20)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(whole)]
    return b"".join([*parts, packer.compress(bytes(rest)), packer.flush()])


def png(width, height, *, rows=None, before=b""):
    """Return a black PNG with three bytes per pixel.

    Args:
        width: In pixels.
        height: In pixels.
        rows: How many rows it really has. Default: `height`.
        before: Chunks before the pixels.
    """
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", deflated((width * 3 + 1) * (height if rows is None else rows)))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + chunk(b"IEND", b"")


def gif(frames):
    """Return a GIF of so many frames of one pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b";"


def jpeg(side, scans):
    """Return a progressive JPEG whose last scan is repeated."""
    buffer = io.BytesIO()
    Image.new("L", (side, side)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def webp(side):
    """Return an animated WebP with a large canvas and one small frame."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "WEBP", lossless=True)
    frame = bytes(6) + struct.pack("<I", 15)[:3] * 2 + b"\x64\0\0\0" + buffer.getvalue()[12:]
    size = struct.pack("<I", side - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size * 2
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6) + b"ANMF" + struct.pack("<I", len(frame))
    return b"RIFF" + struct.pack("<I", len(body + frame)) + body + frame


def wav(size, *, channels=1, rate=1):
    """Return a silent WAV of 8 bits."""
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels, channels, 8)
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + form
    return head + b"data" + struct.pack("<I", size) + bytes(size)


def video(width, height, codec="libx264"):
    """Return an MP4 of three black frames."""
    import av  # noqa: PLC0415

    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as out:
        stream = out.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "x264-params": "log-level=none"}
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for index in range(3):
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target.getvalue()


def sample_table(count):
    """Return an MP4 that states so many samples of one byte."""
    from media_collection.writing import av_file  # noqa: PLC0415

    data = bytearray(av_file("mp4", audio=None, seconds=1.0))
    sizes, chunks = data.find(b"stsz"), data.find(b"stsc")
    data[sizes + 8 : sizes + 16] = struct.pack(">II", 1, count)
    data[chunks + 16 : chunks + 20] = struct.pack(">I", count)
    return bytes(data)


def fragment_table(count):
    """Return a fragmented MP4 whose fragment states so many samples."""
    from media_collection.writing import av_file  # noqa: PLC0415

    options = {"movflags": "frag_keyframe+empty_moov"}
    data = bytearray(av_file("mp4", audio=None, seconds=1.0, options=options))
    run = data.find(b"trun")
    data[run + 4 : run + 12] = struct.pack(">II", 0, count)
    return bytes(data)


def late_frame(seconds):
    """Return an MP4 of three frames, the last of which comes so much later."""
    from media_collection.writing import av_file  # noqa: PLC0415

    return av_file("mp4", audio=None, times=[0, 1, 10 * seconds])


FILES = {
    # name: kind, MIME type, function that returns the bytes
    "64 million pixels": ("image", "image/png", lambda: png(8000, 8000)),
    "4 billion pixels": ("image", "image/png", lambda: png(60_000, 60_000, rows=1)),
    "text of 1.2 GB": (
        *("image", "image/png"),
        lambda: png(16, 16, before=chunk(b"zTXt", b"k\0\0" + deflated(60 << 20)) * 20),
    ),
    "profile of 200 MB": (
        *("image", "image/png"),
        lambda: png(16, 16, before=chunk(b"iCCP", b"k\0\0" + deflated(200 << 20))),
    ),
    "two million frames": ("image", "image/gif", lambda: gif(1_700_000)),
    "2000 scans": ("image", "image/jpeg", lambda: jpeg(4000, 2000)),
    "canvas of 62 million pixels": ("image", "image/webp", lambda: webp(7900)),
    "canvas of 256 million pixels": ("image", "image/webp", lambda: webp(16_000)),
    "one sample a second": ("audio", "audio/wav", lambda: wav(300_000)),
    "255 channels": ("audio", "audio/wav", lambda: wav(30_000_000, channels=255, rate=192_000)),
    "frames of 67 million pixels": ("video", "video/mp4", lambda: video(8192, 8192)),
    "MPEG-4 frames of 64 million pixels": (
        *("video", "video/mp4"),
        lambda: video(8000, 8000, "mpeg4"),
    ),
    "80 million samples": ("video", "video/mp4", lambda: sample_table(80_000_000)),
    "2 million samples": ("video", "video/mp4", lambda: sample_table(1_900_000)),
    "80 million samples in a fragment": (
        *("video", "video/mp4"),
        lambda: fragment_table(80_000_000),
    ),
    "a gap of 100,000 seconds": ("video", "video/mp4", lambda: late_frame(100_000)),
}


def _verdict(library, kind, mime_type, text):
    from langchain_mimo.emulator.refusals import Refusal  # noqa: PLC0415

    try:
        item = library.for_request().from_base64(kind, mime_type, text)
        if item.find_scenes is not None:
            item.find_scenes()
    except Refusal as refusal:
        return refusal.error["param"]
    info = item.info
    return f"{info.width} x {info.height}, {info.duration:g} s, {info.details[0]}"


def _memory(name):
    """Return a value of /proc/self/status in MB."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(name))


def _open(name):
    from langchain_mimo.emulator.media.library import MediaLibrary  # noqa: PLC0415

    kind, mime_type, make = FILES[name]
    text = base64.b64encode(make()).decode()
    library = MediaLibrary(cache_size=0)
    verdicts = []
    threads = [
        threading.Thread(target=lambda: verdicts.append(_verdict(library, kind, mime_type, text)))
        for _ in range(3)
    ]
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = _memory("VmRSS")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (verdict,) = set(verdicts)
    return {"name": name, "verdict": verdict, "megabytes": _memory("VmHWM") - before}


if __name__ == "__main__":
    from langchain_mimo.emulator.media import audio_video, images, scenes  # noqa: F401 - not counted

    Image.init()
    for _name in sys.argv[1:] or FILES:
        sys.stdout.write(json.dumps(_open(_name)) + "\n")
        sys.stdout.flush()
