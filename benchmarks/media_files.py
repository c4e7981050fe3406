"""Creates media files: an image, a video and an audio file of 20 MB each, without a codec, since
none is decoded; small images; and videos that are cut."""

from __future__ import annotations

import os
import struct
import wave
from pathlib import Path
from typing import Any

SIZE = 20_000_000
KINDS = ("image", "video", "audio")
MIME_TYPES = {"image": "image/png", "video": "video/mp4", "audio": "audio/wav"}


def make(kind: str, folder: Path) -> Path:
    """Write the file of a kind into a folder; returns its path."""
    path = folder / {"image": "image.png", "video": "video.mp4", "audio": "audio.wav"}[kind]
    if kind == "image":
        from PIL import Image

        side = int((SIZE / 3) ** 0.5)
        image = Image.frombytes("RGB", (side, side), os.urandom(3 * side * side))
        image.save(path, compress_level=0)
    elif kind == "audio":
        with wave.open(str(path), "wb") as audio:
            audio.setparams((1, 2, 24000, 0, "NONE", ""))
            audio.writeframes(os.urandom(SIZE))
    else:
        path.write_bytes(_video())
    return path


def make_images(folder: Path, count: int) -> list[Path]:
    """Write small images that all differ."""
    from PIL import Image

    paths = [folder / f"{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.new("RGB", (64, 64), (*divmod(number, 256), number * 37 % 256)).save(path)
    return paths


def make_videos(folder: Path, seconds: int) -> tuple[Path, Path]:
    """Write 1280 x 720 video at 2 Mbit/s as MP4, which can be copied, and as Matroska."""
    import av
    from PIL import Image

    base = Image.effect_noise((320, 180), 60).convert("RGB")
    paths = folder / "video.mp4", folder / "video.mkv"
    with av.open(str(paths[0]), "w") as mp4:
        options = {"g": "50", "preset": "ultrafast"}
        video: Any = mp4.add_stream("libx264", rate=25, options=options)
        video.width, video.height, video.pix_fmt, video.bit_rate = 1280, 720, "yuv420p", 2_000_000
        for number in range(25 * seconds):
            image = base.transform(base.size, 0, (1, 0, number % 160, 0, 1, number % 90))
            mp4.mux(video.encode(av.VideoFrame.from_image(image.resize((1280, 720)))))
        mp4.mux(video.encode(None))
    with av.open(str(paths[0])) as mp4, av.open(str(paths[1]), "w") as matroska:
        copy: Any = matroska.add_stream_from_template(mp4.streams.video[0])
        for packet in mp4.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                matroska.mux(packet)
    return paths


def _box(name: bytes, *contents: bytes) -> bytes:
    body = b"".join(contents)
    return struct.pack(">I", 8 + len(body)) + name + body


def _video() -> bytes:
    """Return an MP4 with a complete header and ten seconds of frames that are noise."""
    matrix = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    times = struct.pack(">III", 0, 0, 0)
    mvhd = struct.pack(">II", 1000, 10_000) + struct.pack(">IH10x", 1 << 16, 1 << 8) + matrix
    mvhd = times + mvhd + bytes(24) + struct.pack(">I", 2)
    tkhd = struct.pack(">IIIIII8xHHHH", 7, 0, 0, 1, 0, 10_000, 0, 0, 0, 0) + matrix
    tkhd += struct.pack(">II", 640 << 16, 480 << 16)
    mdhd = times + struct.pack(">IIHH", 1000, 10_000, 0x55C4, 0)
    hdlr = struct.pack(">II4s12x", 0, 0, b"vide") + b"video\0"
    avc1 = bytes(6) + struct.pack(">H16xHHII4xH32xHh", 1, 640, 480, 72 << 16, 72 << 16, 1, 24, -1)
    stsd = struct.pack(">II", 0, 1) + _box(b"avc1", avc1)
    stts = struct.pack(">IIII", 0, 1, 300, 33)
    stsz = struct.pack(">III", 0, SIZE // 300, 300)
    stsc = struct.pack(">IIIII", 0, 1, 1, 300, 1)
    stco = struct.pack(">III", 0, 1, 48)
    tables = _box(b"stbl", _box(b"stsd", stsd), _box(b"stts", stts), _box(b"stsc", stsc))
    tables = _box(b"stbl", tables[8:], _box(b"stsz", stsz), _box(b"stco", stco))
    vmhd = _box(b"vmhd", struct.pack(">I8x", 1))
    mdia = _box(b"mdia", _box(b"mdhd", mdhd), _box(b"hdlr", hdlr), _box(b"minf", vmhd, tables))
    moov = _box(b"moov", _box(b"mvhd", mvhd), _box(b"trak", _box(b"tkhd", tkhd), mdia))
    ftyp = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    return ftyp + _box(b"mdat", os.urandom(SIZE)) + moov
