"""Audio: containers, codecs, and the lengths that pipes, recorders and speech servers write."""

import functools
import struct

from media_collection.images import photo
from media_collection.registry import add, adder
from media_collection.writing import av_file, image_bytes, tone

audio = adder("audio")

SECONDS = 2.5


def _written(container, codec, seconds=SECONDS, **options):
    return functools.partial(av_file, container, None, codec, seconds=seconds, **options)


def _add_written():
    accepted = {
        "pcm.wav": _written("wav", "pcm_s16le"),
        "stereo.wav": _written("wav", "pcm_s16le", layout="stereo"),
        "six_channels.wav": _written("wav", "pcm_s16le", layout="5.1", sample_rate=16000),
        "24_bit.wav": _written("wav", "pcm_s24le", sample_rate=48000),
        "float.wav": _written("wav", "pcm_f32le"),
        "8_bit.wav": _written("wav", "pcm_u8", sample_rate=8000),
        "a_law.wav": _written("wav", "pcm_alaw", sample_rate=8000),
        "mu_law.wav": _written("wav", "pcm_mulaw", sample_rate=8000),
        "adpcm_ms.wav": _written("wav", "adpcm_ms", sample_rate=8000),
        "adpcm_ima.wav": _written("wav", "adpcm_ima_wav", sample_rate=8000),
        "constant.mp3": _written("mp3", "libmp3lame"),
        "variable.mp3": _written("mp3", "libmp3lame", audio_options={"compression_level": "5"}),
        "mpeg_2.mp3": _written("mp3", "libmp3lame", sample_rate=22050),
        "mpeg_2_5.mp3": _written("mp3", "libmp3lame", sample_rate=8000),
        "no_tags.mp3": _written("mp3", "libmp3lame", options={"write_xing": "0", "id3v2_version": "0"}),
        "id3v1.mp3": _written("mp3", "libmp3lame", options={"write_id3v1": "1"}, metadata={"title": "t"}),
        "plain.flac": _written("flac", "flac"),
        "24_bit.flac": _written("flac", "flac", audio_options={"bits_per_raw_sample": "24"}),
        "aac.m4a": _written("ipod", "aac"),
        "alac.m4a": _written("ipod", "alac"),
        "aac_audio_only.mp4": _written("mp4", "aac"),
        "fragmented.m4a": _written("ipod", "aac", options={"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}),
        "mp3_in.mp4": _written("mp4", "libmp3lame"),
        "aac_audio_only.mov": _written("mov", "aac"),
        "pcm_audio_only.mov": _written("mov", "pcm_s16le"),
        "voice_message.ogg": _written("ogg", "libopus", sample_rate=48000),
        "long_opus.ogg": _written("ogg", "libopus", seconds=20, sample_rate=48000),
        "vorbis.ogg": _written("ogg", "vorbis", layout="stereo", audio_options={"strict": "experimental"}),
        "flac.ogg": _written("ogg", "flac"),
    }  # fmt: skip
    for name, make in accepted.items():
        add(name, "audio", make, seconds=20.0 if name == "long_opus.ogg" else SECONDS)
    converted = {
        "plain.aiff": _written("aiff", "pcm_s16be"),
        "plain.caf": _written("caf", "pcm_s16be"),
        "alac.caf": _written("caf", "alac"),
        "plain.au": _written("au", "pcm_s16be"),
        "plain.aac": _written("adts", "aac"),
        "plain.ac3": _written("ac3", "ac3", sample_rate=48000),
        "plain.mp2": _written("mp2", "mp2"),
        "plain.wv": _written("wv", "wavpack"),
        "plain.tta": _written("tta", "tta"),
        "wmav1.wma": _written("asf", "wmav1", bit_rate=64000),
        "opus_audio_only.webm": _written("webm", "libopus", sample_rate=48000),
        "vorbis_audio_only.mkv": _written("matroska", "vorbis", layout="stereo", audio_options={"strict": "experimental"}),
        "aac_audio_only.mkv": _written("matroska", "aac"),
        "aac_audio_only.ts": _written("mpegts", "aac"),
        "sony.w64": _written("w64", "pcm_s16le"),
    }  # fmt: skip
    for name, make in converted.items():
        add(name, "audio", make, block="refused", seconds=SECONDS)


_add_written()


def wave(
    *, riff=None, length=None, signature=b"RIFF", before=b"", after=b"", order="<", seconds=3.0
):
    """Return a WAV of 16-bit mono at 16,000 Hz whose two lengths may be wrong.

    Args:
        riff: The length that RIFF states. Default: the right one.
        length: The length that the data chunk states. Default: the right one.
        signature: The first four bytes.
        before: Chunks before the format.
        after: Chunks or bytes after the data.
        order: "<" as RIFF, ">" as RIFX.
        seconds: How long it is.
    """
    samples = tone(seconds, 16000)
    data = struct.pack(f"{order}{len(samples)}h", *samples)
    body = before + b"fmt " + struct.pack(order + "IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    stated = len(data) if length is None else length
    whole = b"WAVE" + body + b"data" + struct.pack(order + "I", stated) + data + after
    return signature + struct.pack(order + "I", len(whole) if riff is None else riff) + whole


_SENTINELS = {
    "sox_pipe": (0x7FFFF024, 0x7FFFF000),
    "rec_pipe": (0x7FFFFFFF, 0x7FFFFFDB),
    "arecord_pipe": (0x80000024, 0x80000000),
    "speech_server": (0xFFFFFFFF, 0xFFFFFFFF - 36),
    "ffmpeg_pipe": (0xFFFFFFFF, 0xFFFFFFFF),
}
for _name, (_riff, _length) in _SENTINELS.items():
    add(
        f"{_name}.wav",
        "audio",
        functools.partial(wave, riff=_riff, length=_length),
        prepared="converted",
        seconds=3.0,
        about="a length that means: to the end",
    )


@audio("16_bytes_too_many.wav", prepared="converted", seconds=3.0, about="CubicSDR's lengths")
def _sixteen_too_many():
    return wave(riff=96036 + 16, length=96000 + 16)


@audio("22_bytes_too_many.wav", prepared="converted", seconds=3.0, about="MAUI recorder's lengths")
def _twenty_two_too_many():
    return wave(riff=96036 + 22, length=96000 + 22)


@audio("half.wav", block="refused", seconds=1.5, about="half of a WAV")
def _half_wav():
    data = wave()
    return data[: len(data) // 2]


@audio("list_chunks.wav", seconds=3.0, about="chunks before the format and after the data")
def _list_chunks():
    info = (
        b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf60.16.100\0"
    )
    return wave(before=info, after=info)


@audio("bytes_after_end.wav", seconds=3.0, about="an ID3v1 tag after the data")
def _bytes_after_wav():
    return wave() + b"TAG" + bytes(125)


@audio(
    "zero_riff.wav",
    prepared="converted",
    seconds=3.0,
    about="lengths of 0: a recorder that was switched off",
)
def _zero_lengths():
    return wave(riff=0, length=0)


def _rf64(signature):
    samples = wave()[44:]
    sizes = struct.pack("<QQQI", len(samples) + 72, len(samples), len(samples) // 2, 0)
    header = struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    return (
        signature + b"\xff\xff\xff\xffWAVEds64" + struct.pack("<I", 28) + sizes
        + b"fmt " + header + b"data\xff\xff\xff\xff" + samples
    )  # fmt: skip


for _signature in (b"RF64", b"BW64"):
    add(
        f"{_signature.decode().lower()}.wav",
        "audio",
        functools.partial(_rf64, _signature),
        block="refused",
        seconds=3.0,
        about="WAV with 64-bit lengths",
    )


@audio("rifx.wav", block="refused", seconds=3.0, about="WAV with its bytes the other way round")
def _rifx():
    return wave(signature=b"RIFX", order=">")


def id3(size=200, *, footer=False):
    """Return an ID3v2 tag with padding: its length is written in seven bits a byte."""
    length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    tag = (b"ID3\4\0\x10" if footer else b"ID3\3\0\0") + length + bytes(size)
    return tag + (b"3DI\4\0\x10" + length if footer else b"")


def _tagged(make, tags):
    return tags + make()


_TAGGED = {
    "id3_two_tags.mp3": (_written("mp3", "libmp3lame"), id3() + id3(50), "accepted"),
    "id3_footer.mp3": (_written("mp3", "libmp3lame"), id3(footer=True), "accepted"),
    "id3_large.mp3": (_written("mp3", "libmp3lame"), id3(50_000), "accepted"),
    "id3_two_tags.flac": (_written("flac", "flac"), id3() + id3(50), "accepted"),
    "id3.wav": (wave, id3(), "refused"),
}
for _name, (_make, _tags, _block) in _TAGGED.items():
    add(
        _name,
        "audio",
        functools.partial(_tagged, _make, _tags),
        block=_block,
        prepared=None,
        seconds=3.0 if _name == "id3.wav" else SECONDS,
        about="ID3 tags in front",
    )


@audio(
    "joined.mp3", prepared="converted", seconds=3 * SECONDS, about="parts joined by a speech server"
)
def _joined():
    return _written("mp3", "libmp3lame")() * 3


@audio("joined_without_tags.mp3", seconds=2 * SECONDS, about="parts joined, no Xing header")
def _joined_without_tags():
    return _written("mp3", "libmp3lame", options={"write_xing": "0", "id3v2_version": "0"})() * 2


@audio("joined.ogg", prepared="converted", seconds=2 * SECONDS, about="two Opus streams joined")
def _joined_ogg():
    return _written("ogg", "libopus", sample_rate=48000)() * 2


@audio(
    "late.ogg", prepared="converted", seconds=SECONDS, about="an Ogg cut out of a running stream"
)
def _late_ogg():
    return _written(
        "ogg", "vorbis", layout="stereo", audio_options={"strict": "experimental"}, shift=1000
    )()


@audio(
    "unstated_length.flac",
    prepared="converted",
    seconds=SECONDS,
    about="total samples 0: written to a pipe",
)
def _pipe_flac():
    data = bytearray(_written("flac", "flac")())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    return bytes(data)


@audio("cover.mp3", seconds=SECONDS, about="a cover image in the tag")
def _cover_mp3():
    body = b"\0image/jpeg\0\3\0" + image_bytes(photo(), "JPEG")
    frame = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    length = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    bare = _written("mp3", "libmp3lame", options={"id3v2_version": "0"})()
    return b"ID3\3\0\0" + length + frame + bare


@audio("notes.mid", block="refused", prepared="refused", about="musical notes, not audio")
def _midi():
    return (
        b"MThd"
        + struct.pack(">IHHH", 6, 0, 1, 96)
        + b"MTrk"
        + struct.pack(">I", 4)
        + b"\0\xff\x2f\0"
    )
