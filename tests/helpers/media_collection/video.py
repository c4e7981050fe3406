"""Video: containers, codecs, B-frames, edit lists, rotations, and lengths that nobody wrote."""

import functools
import struct
from fractions import Fraction

from media_collection.registry import add, adder
from media_collection.writing import SIZE, av_file

video = adder("video")


def _written(container, codec="libx264", sound="aac", **options):
    return functools.partial(av_file, container, codec, sound, **options)


_JPEG_AND_PCM = {"codec": "mjpeg", "sound": "pcm_s16le", "pixel_format": "yuvj420p"}

_ACCEPTED = {
    # name: maker, and what differs from 2 s, 96 x 64, 20 frames, with audio, left unchanged
    "h264_aac.mp4": (_written("mp4"), {}),
    "h264_no_b_frames.mp4": (_written("mp4", b_frames=0), {}),
    "h264_key_each_5.mp4": (_written("mp4", gop=5), {}),
    "h264_key_each.mp4": (_written("mp4", gop=1), {}),
    "open_gop.mp4": (_written("mp4", gop=8, video_options={"x264-params": "open-gop=1"}), {}),
    "silent.mp4": (_written("mp4", sound=None, seconds=3.3), {"seconds": 3.3, "frames": 33, "has_audio": False}),
    "index_first.mp4": (_written("mp4", options={"movflags": "faststart"}), {}),
    "fragmented.mp4": (_written("mp4", seconds=4, options={"movflags": "frag_keyframe+empty_moov", "frag_duration": "1000000"}), {"seconds": 4.2, "frames": 40}),
    "partly_fragmented.mp4": (_written("mp4", seconds=4, gop=10, options={"movflags": "frag_keyframe", "frag_duration": "1000000"}), {"seconds": 4.2, "frames": 40}),
    "hybrid.mp4": (_written("mp4", gop=10, options={"movflags": "hybrid_fragmented"}), {"seconds": 2.2}),
    "hevc.mp4": (_written("mp4", "libx265", video_options={"x265-params": "log-level=none"}), {"prepared": None}),
    "mpeg4.mp4": (_written("mp4", "mpeg4"), {"prepared": None}),
    "yuv444.mp4": (_written("mp4", pixel_format="yuv444p"), {"prepared": None}),
    "10_bit.mp4": (_written("mp4", pixel_format="yuv420p10le"), {"prepared": None}),
    "ntsc.mp4": (_written("mp4", seconds=3.7, rate=Fraction(30000, 1001)), {"seconds": 3.7, "frames": 111}),
    "120_frames_per_second.mp4": (_written("mp4", seconds=1, rate=120), {"seconds": 1.0, "frames": 120, "prepared": None}),
    "odd_times.mp4": (_written("mp4", times=[0, 1, 2, 5, 6, 11, 12, 13, 19]), {"frames": 9, "prepared": None}),
    "opus_in.mp4": (_written("mp4", sound="libopus", sample_rate=48000), {"prepared": None}),
    "two_audio_tracks.mp4": (_written("mp4", audio_tracks=2), {"prepared": None}),
    "late_audio.mp4": (_written("mp4", audio_shift=0.5), {"seconds": 2.5}),
    "trimmed.mp4": (_written("mp4", seconds=3, shift=-1.35), {"seconds": 1.65, "frames": 16, "prepared": None}),
    "plain.m4v": (_written("ipod"), {}),
    "plain.3gp": (_written("3gp"), {}),
    "plain.mov": (_written("mov"), {}),
    "pcm.mov": (_written("mov", sound="pcm_s16le"), {"prepared": None}),
    "motion_jpeg.mov": (_written("mov", **_JPEG_AND_PCM), {"prepared": None}),
    "prores.mov": (_written("mov", "prores_ks", "pcm_s16le", pixel_format="yuv422p10le"), {"prepared": None}),
    "animation.mov": (_written("mov", "qtrle", "pcm_s16be", pixel_format="rgb24"), {"prepared": None}),
    "xvid.avi": (_written("avi", "mpeg4", "libmp3lame"), {"prepared": None}),
    "camera.avi": (_written("avi", **_JPEG_AND_PCM), {"prepared": None}),
    "h264.avi": (_written("avi", "libx264", "libmp3lame", b_frames=0), {"prepared": None}),
    "uncompressed.avi": (_written("avi", "rawvideo", "pcm_s16le", pixel_format="bgr24"), {"prepared": None}),
    "silent.avi": (_written("avi", "mpeg4", None), {"has_audio": False, "prepared": None}),
    "wmv2.wmv": (_written("asf", "wmv2", "wmav2", bit_rate=64000), {"prepared": None}),
    "wmv1.wmv": (_written("asf", "wmv1", "wmav1", bit_rate=64000), {"prepared": None}),
    "silent.wmv": (_written("asf", "wmv2", None), {"has_audio": False, "prepared": None}),
}  # fmt: skip

_CONVERTED = {
    "screen_recorder.mkv": (_written("matroska"), {}),
    "one_gop.mkv": (_written("matroska", gop=250, b_frames=3), {}),
    "key_each_10.mkv": (_written("matroska", gop=10, b_frames=1), {}),
    "no_b_frames.mkv": (_written("matroska", b_frames=0), {}),
    "live.mkv": (_written("matroska", options={"live": "1"}), {}),
    "ffv1_flac.mkv": (_written("matroska", "ffv1", "flac"), {}),
    "vp8_opus.webm": (_written("webm", "libvpx", "libopus", sample_rate=48000), {}),
    "vp9_opus.webm": (_written("webm", "libvpx-vp9", "libopus", sample_rate=48000), {}),
    "camera.ts": (_written("mpegts"), {}),
    "one_gop.ts": (_written("mpegts", gop=250, b_frames=3), {}),
    "no_b_frames.ts": (_written("mpegts", b_frames=0), {}),
    "mpeg2.ts": (_written("mpegts", "mpeg2video", "mp2", rate=25), {"frames": 50}),
    "camcorder.mts": (_written("mpegts", gop=250, sound="ac3", sample_rate=48000, options={"mpegts_m2ts_mode": "1"}), {}),
    "dvd.mpg": (_written("dvd", "mpeg2video", "mp2", rate=25), {"frames": 50}),
    "mpeg1.mpg": (_written("mpeg1video", "mpeg1video", None, rate=25), {"frames": 50, "has_audio": False}),
    "old_stream.flv": (_written("flv", "flv", "libmp3lame"), {}),
    "h264.flv": (_written("flv"), {}),
}  # fmt: skip

for _block, _files in (("accepted", _ACCEPTED), ("refused", _CONVERTED)):
    for _name, (_make, _truth) in _files.items():
        _all = {"seconds": 2.0, "shown": SIZE, "frames": 20, "has_audio": True} | _truth
        add(_name, "video", _make, block=_block, **_all)


def rotated(data, degrees):
    """Write a rotation, clockwise, into the header of the first track, as phones do."""
    turned = {
        90: (0, 0x10000, -0x10000, 0),
        180: (-0x10000, 0, 0, -0x10000),
        270: (0, -0x10000, 0x10000, 0),
    }[degrees]
    a, b, c, d = turned
    # The matrix is 40 bytes after the start of a version 0 track header's body.
    at = data.index(b"tkhd") + 4 + 40
    return data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000) + data[at + 36 :]


for _degrees in (90, 180, 270):
    add(
        f"rotated_{_degrees}.mp4",
        "video",
        functools.partial(lambda degrees: rotated(_written("mp4")(), degrees), _degrees),
        prepared=None,
        seconds=2.0,
        shown=SIZE if _degrees == 180 else SIZE[::-1],
        frames=20,
        has_audio=True,
        about="a phone held upright",
    )


@video("cut_after_index.mp4", block="refused", prepared=None, shown=SIZE, about="a broken download")
def _cut_after_index():
    data = _written("mp4", options={"movflags": "faststart"})()
    return data[: len(data) * 2 // 3]


@video("without_index.mp4", block="refused", prepared="refused", about="a camera that lost power")
def _without_index():
    data = _written("mp4")()
    return data[: data.rindex(b"moov") - 4]


@video(
    "without_index.avi",
    prepared=None,
    seconds=2.0,
    shown=SIZE,
    frames=20,
    has_audio=True,
    about="a camera that lost power",
)
def _avi_without_index():
    data = _written("avi", "mpeg4", "libmp3lame")()
    return data[: data.rindex(b"idx1")]


@video(
    "wrong_length.avi",
    prepared=None,
    seconds=2.0,
    shown=SIZE,
    frames=20,
    has_audio=True,
    about="a RIFF length that is too long",
)
def _avi_wrong_length():
    data = bytearray(_written("avi", "mpeg4", "libmp3lame")())
    data[4:8] = struct.pack("<I", len(data) + 4000)
    return bytes(data)


@video(
    "live.wmv",
    prepared=None,
    seconds=2.0,
    shown=SIZE,
    frames=20,
    has_audio=True,
    about="broadcast: no length stated",
)
def _live_wmv():
    data = bytearray(_written("asf", "wmv2", "wmav2", bit_rate=64000)())
    at = data.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    data[at + 88] |= 1
    return bytes(data)


@video(
    "one_frame.mp4",
    prepared=None,
    seconds=0.1,
    shown=SIZE,
    frames=1,
    has_audio=False,
    about="a single frame",
)
def _one_frame():
    return av_file("mp4", audio=None, seconds=0.1)
