"""Audio that differs in one way: chunks, tags, covers, and lengths that are only nearly right."""

import functools
import struct

from media_collection.audio import SECONDS, id3, wave
from media_collection.images import photo
from media_collection.registry import add, adder
from media_collection.writing import av_file, image_bytes, tone, with_cover

audio = adder("audio")


def _written(container, codec, seconds=SECONDS, **options):
    return functools.partial(av_file, container, None, codec, seconds=seconds, **options)


_MP3 = _written("mp3", "libmp3lame")
_OPUS = {"sample_rate": 48000}


def _add_written():
    files = {
        "high_bit_rate.mp3": ("accepted", _written("mp3", "libmp3lame", bit_rate=320000)),
        "low_bit_rate.mp3": ("accepted", _written("mp3", "libmp3lame", bit_rate=32000, sample_rate=24000)),
        "stereo.mp3": ("accepted", _written("mp3", "libmp3lame", layout="stereo")),
        "no_xing.mp3": ("accepted", _written("mp3", "libmp3lame", options={"write_xing": "0"})),
        "low_bit_rate.mp4": ("accepted", _written("mp4", "aac", bit_rate=24000, sample_rate=22050)),
        "opus_audio_only.mp4": ("accepted", _written("mp4", "libopus", **_OPUS)),
        "flac_audio_only.mp4": ("accepted", _written("mp4", "flac")),
        "ac3_audio_only.mp4": ("accepted", _written("mp4", "ac3", **_OPUS)),
        "index_first.m4a": ("accepted", _written("ipod", "aac", options={"movflags": "faststart"})),
        "book.m4b": ("accepted", _written("ipod", "aac", metadata={"title": "chapter"})),
        "stereo_opus.ogg": ("accepted", _written("ogg", "libopus", layout="stereo", **_OPUS)),
        "16_khz_opus.ogg": ("accepted", _written("ogg", "libopus", sample_rate=16000)),
        "plain.opus": ("accepted", _written("opus", "libopus", **_OPUS)),
        "plain.oga": ("accepted", _written("oga", "flac")),
        "late_opus.ogg": ("accepted", _written("ogg", "libopus", shift=1000, **_OPUS)),
        "short.wav": ("accepted", _written("wav", "pcm_s16le", seconds=0.2)),
        "32_bit.wav": ("accepted", _written("wav", "pcm_s32le")),
        "double.wav": ("accepted", _written("wav", "pcm_f64le", sample_rate=16000)),
        "mp3_in.wav": ("accepted", _written("wav", "libmp3lame")),
        "g722.wav": ("accepted", _written("wav", "g722", sample_rate=16000)),
        "16_bit_odd_rate.flac": ("accepted", _written("flac", "flac", sample_rate=11025)),
        "plain.spx.mka": ("refused", _written("matroska", "libopus", **_OPUS)),
        "plain.eac3": ("refused", _written("eac3", "eac3", **_OPUS)),
        "mu_law.caf": ("refused", _written("caf", "pcm_mulaw", sample_rate=8000)),
        "compressed.aifc": ("refused", _written("aiff", "pcm_alaw", sample_rate=8000)),
        "stereo.aac": ("refused", _written("adts", "aac", layout="stereo")),
        "latm.aac": ("refused", _written("latm", "aac")),
        "audio_only.flv": ("refused", _written("flv", "libmp3lame")),
        "audio_only.avi": ("refused", _written("avi", "libmp3lame")),
    }  # fmt: skip
    for name, (block, make) in files.items():
        seconds = 0.2 if name == "short.wav" else SECONDS
        add(name, "audio", make, block=block, prepared=None, seconds=seconds)


_add_written()


@audio("cover.m4a", seconds=SECONDS, prepared=None, about="a cover image")
def _cover_m4a():
    return with_cover(_written("ipod", "aac")(), image_bytes(photo(), "JPEG"), "M4A ")


@audio("cover.flac", seconds=SECONDS, about="a cover image in a block before the audio")
def _cover_flac():
    data = _written("flac", "flac")()
    cover = image_bytes(photo(), "PNG")
    body = (
        struct.pack(">II", 3, 9)
        + b"image/png"
        + bytes(4)
        + struct.pack(">IIIII", 120, 80, 24, 0, len(cover))
        + cover
    )
    block = b"\x06" + len(body).to_bytes(3, "big") + body
    return data[:4] + bytes([data[4] & 0x7F]) + data[5:42] + block + data[42:]


@audio("id3v1_after.flac", seconds=SECONDS, prepared=None, about="a tag after the audio")
def _tag_after():
    return _written("flac", "flac")() + b"TAG" + bytes(125)


@audio(
    "wrong_xing.mp3",
    seconds=2 * SECONDS,
    prepared=None,
    about="a frame count that is too small by half",
)
def _wrong_xing():
    bare = _written("mp3", "libmp3lame", options={"write_xing": "0", "id3v2_version": "0"})()
    return _MP3() + bare


@audio(
    "cut.mp3",
    seconds=SECONDS * 0.6,
    prepared=None,
    about="a broken download: a frame count that is too large",
)
def _cut_mp3():
    data = _MP3()
    return data[: len(data) * 6 // 10]


@audio("garbage_before.mp3", seconds=SECONDS, prepared=None, about="bytes before the first frame")
def _garbage_before():
    bare = _written("mp3", "libmp3lame", options={"id3v2_version": "0"})()
    return id3(20) + bytes(300) + bare


@audio("ape_after.mp3", seconds=SECONDS, prepared=None, about="an APE tag after the audio")
def _ape_after():
    return _MP3() + b"APETAGEX" + struct.pack("<IIIQ", 2000, 32, 0, 0) + b"TAG" + bytes(125)


@audio(
    "speech_server.mp3",
    seconds=3 * 0.5,
    prepared=None,
    about="many short parts, each with its own header",
)
def _speech_server():
    return _written("mp3", "libmp3lame", seconds=0.5, sample_rate=24000)() * 3


@audio(
    "one_second_too_many.wav",
    block="refused",
    seconds=3.0,
    about="lengths that promise more than a second more",
)
def _one_second_too_many():
    return wave(riff=96036 + 64000, length=96000 + 64000)


@audio(
    "wrong_riff.wav", seconds=3.0, prepared=None, about="a RIFF length of 0, a right data length"
)
def _wrong_riff():
    return wave(riff=0)


@audio(
    "odd_data.wav", seconds=3.0, prepared=None, about="an odd length of 8-bit data and its padding"
)
def _odd_data():
    samples = bytes(128 + value // 256 for value in tone(3.0, 8000)[:-1])
    header = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    body = b"WAVEfmt " + header + b"data" + struct.pack("<I", len(samples)) + samples + b"\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body


@audio("broadcast.wav", seconds=3.0, prepared=None, about="a broadcast chunk of 600 bytes")
def _broadcast():
    return wave(before=b"bext" + struct.pack("<I", 602) + bytes(602))


@audio("junk.wav", seconds=3.0, prepared=None, about="a large empty chunk before the data")
def _junk():
    return wave(before=b"JUNK" + struct.pack("<I", 4000) + bytes(4000))


@audio(
    "mp4_length_0.m4a",
    seconds=SECONDS,
    prepared=None,
    about="a length of 0 in the header of the movie",
)
def _length_0():
    data = bytearray(_written("ipod", "aac")())
    at = data.index(b"mvhd")
    data[at + 20 : at + 24] = bytes(4)
    return bytes(data)


@audio("cut.m4a", block="refused", prepared=None, about="a broken download")
def _cut_m4a():
    data = _written("ipod", "aac", options={"movflags": "faststart"})()
    return data[: len(data) * 2 // 3]


@audio("cut.ogg", block="refused", seconds=1.0, prepared=None, about="a broken download")
def _cut_ogg():
    data = _written("ogg", "libopus", **_OPUS)()
    return data[: len(data) * 2 // 3]


@audio("cut.flac", seconds=None, prepared=None, about="a broken download")
def _cut_flac():
    data = _written("flac", "flac")()
    return data[: len(data) * 2 // 3]


for _name, _data in {
    "error_page.mp3": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "empty.wav": b"",
    "header_only.wav": b"RIFF\x24\0\0\0WAVE",
    "no_audio.wav": b"RIFF\x24\0\0\0WAVEfmt "
    + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    + b"data\0\0\0\0",
    "tag_only.mp3": id3(100),
}.items():
    add(
        _name,
        "audio",
        functools.partial(bytes, _data),
        block="refused",
        prepared="refused",
        about="no audio at all",
    )


@audio(
    "absurd_rate.wav", block="refused", prepared="refused", about="536 million samples per second"
)
def _absurd_rate():
    data = bytearray(wave())
    data[24:28] = struct.pack("<I", 536_886_912)
    return bytes(data)


@audio(
    "absurd_block.wav",
    block="refused",
    prepared="refused",
    about="RIFX with 65,535 channels",
)
def _absurd_block():
    data = bytearray(wave(signature=b"RIFX", order=">"))
    data[22:24] = b"\xff\xff"
    return bytes(data)
