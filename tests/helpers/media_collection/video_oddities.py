"""Video that differs in one way: what cameras, editors, streamers and broken downloads write."""

import functools
import struct

from media_collection.images import SIZE as PHOTO_SIZE
from media_collection.images import photo
from media_collection.registry import add, adder
from media_collection.writing import SIZE, av_file, image_bytes, with_cover

video = adder("video")

_USUAL = {"seconds": 2.0, "shown": SIZE, "frames": 20, "has_audio": True, "prepared": None}


def _written(container, codec="libx264", sound="aac", **options):
    return functools.partial(av_file, container, codec, sound, **options)


_OPUS = {"sound": "libopus", "sample_rate": 48000}


_ACCEPTED = {
    "vp9_in.mp4": (_written("mp4", "libvpx-vp9", **_OPUS), {}),
    "av1_in.mp4": (_written("mp4", "libsvtav1", video_options={"preset": "13", "svtav1-params": "lp=1"}), {}),
    "hvc1.mov": (_written("mov", "libx265", video_options={"tag": "hvc1", "x265-params": "log-level=none"}), {}),
    "hdr_10_bit.mov": (_written("mov", "libx265", pixel_format="yuv420p10le", video_options={"x265-params": "log-level=none"}), {}),
    "negative_offsets.mp4": (_written("mp4", options={"movflags": "negative_cts_offsets"}), {}),
    "cmaf.mp4": (_written("mp4", gop=10, options={"movflags": "cmaf+frag_keyframe"}), {}),
    "dash_index.mp4": (_written("mp4", gop=10, options={"movflags": "frag_keyframe+empty_moov+default_base_moof+global_sidx"}), {}),
    "smooth_streaming.mp4": (_written("ismv", gop=10), {}),
    "edit_list_off.mp4": (_written("mp4", options={"use_editlist": "0"}), {}),
    "late_start.mp4": (_written("mp4", shift=2.0), {"seconds": None}),
    "late_video.mp4": (_written("mp4", shift=0.7, audio_shift=0.0), {"seconds": None}),
    "audio_longer.mov": (_written("mov", times=range(5), audio_shift=0.0), {"seconds": 2.0, "frames": 5}),
    "odd_sides.mp4": (_written("mp4", size=(97, 63), pixel_format="yuv444p"), {"shown": (97, 63)}),
    "small.mp4": (_written("mp4", size=(16, 16)), {"shown": (16, 16)}),
    "upright.mp4": (_written("mp4", size=(72, 128)), {"shown": (72, 128)}),
    "larger.mp4": (_written("mp4", size=(320, 240), seconds=1), {"shown": (320, 240), "seconds": 1.0, "frames": 10}),
    "timecode.mov": (_written("mov", rate=25, options={"write_tmcd": "on"}, metadata={"timecode": "01:00:00:00"}), {"frames": 50}),
    "high_422.mp4": (_written("mp4", pixel_format="yuv422p"), {}),
    "grey.mp4": (_written("mp4", pixel_format="gray"), {}),
    "one_frame_per_second.mp4": (_written("mp4", rate=1, seconds=4), {"seconds": 4.0, "frames": 4}),
    "slides.mp4": (_written("mp4", sound=None, times=[0, 100, 250]), {"seconds": None, "frames": 3, "has_audio": False}),
    "plain.3g2": (_written("3g2"), {}),
    "alaw.avi": (_written("avi", "mjpeg", "pcm_alaw", pixel_format="yuvj420p", sample_rate=8000), {}),
    "divx3.avi": (_written("avi", "msmpeg4", "libmp3lame"), {}),
    "huffyuv.avi": (_written("avi", "huffyuv", "pcm_s16le", pixel_format="yuv422p"), {}),
    "b_frames.avi": (_written("avi", "mpeg4", "libmp3lame", b_frames=2), {}),
    "audio_first.wmv": (_written("asf", "wmv2", "wmav2", bit_rate=64000, shift=0.5, audio_shift=0.0), {"seconds": None}),
    "late_start.wmv": (_written("asf", "wmv2", "wmav2", bit_rate=64000, shift=5.0), {"seconds": None}),
}  # fmt: skip

_CONVERTED = {
    "av1_opus.webm": (_written("webm", "libsvtav1", video_options={"preset": "13", "svtav1-params": "lp=1"}, **_OPUS), {}),
    "silent.webm": (_written("webm", "libvpx-vp9", None), {"has_audio": False}),
    "alpha.webm": (_written("webm", "libvpx-vp9", None, pixel_format="yuva420p"), {"has_audio": False}),
    "odd_times.mkv": (_written("matroska", times=[0, 1, 2, 5, 6, 11, 12, 13, 19]), {"frames": 9}),
    "hevc.mkv": (_written("matroska", "libx265", video_options={"x265-params": "log-level=none"}), {}),
    "pcm.mkv": (_written("matroska", "mjpeg", "pcm_s16le", pixel_format="yuvj420p"), {}),
    "late_start.mkv": (_written("matroska", shift=3.0), {}),
    "hevc.ts": (_written("mpegts", "libx265", video_options={"x265-params": "log-level=none"}), {}),
    "silent.ts": (_written("mpegts", sound=None), {"has_audio": False}),
    "svcd.vob": (_written("vob", "mpeg2video", "mp2", rate=25, sample_rate=44100), {"frames": 50}),
    "camera.mxf": (_written("mxf", "mpeg2video", "pcm_s16le", rate=25, sample_rate=48000), {"frames": 50}),
    "bare.h264": (_written("h264", "libx264", None, rate=25), {"frames": 50, "has_audio": False}),
    "bare.h265": (_written("hevc", "libx265", None, rate=25, video_options={"x265-params": "log-level=none"}), {"frames": 50, "has_audio": False}),
    "raw.y4m": (_written("yuv4mpegpipe", "wrapped_avframe", None), {"has_audio": False}),
    "plain.nut": (_written("nut", "mpeg4", "libmp3lame"), {}),
}  # fmt: skip

for _block, _files in (("accepted", _ACCEPTED), ("refused", _CONVERTED)):
    for _name, (_make, _truth) in _files.items():
        add(_name, "video", _make, block=_block, **(_USUAL | _truth))


@video("cover.mp4", about="a cover image beside the video", **_USUAL)
def _cover():
    return with_cover(_written("mp4")(), image_bytes(photo(), "JPEG"))


@video("length_0.mp4", about="a length of 0 in the header of the movie", **_USUAL)
def _length_0():
    data = bytearray(_written("mp4")())
    at = data.index(b"mvhd")
    data[at + 20 : at + 24] = bytes(4)
    return bytes(data)


@video("bytes_after_end.mp4", about="bytes after the last box", **_USUAL)
def _bytes_after_end():
    return _written("mp4")() + bytes(200)


@video("free_first.mov", about="a QuickTime file that begins with free space", **_USUAL)
def _free_first():
    return struct.pack(">I", 64) + b"free" + bytes(56) + _moved(_written("mov")(), 64)


def _moved(data, by):
    """Move what the index of an MP4 points at, as its first boxes do when one is put before."""
    data = bytearray(data)
    at = -1
    while (at := data.find(b"stco", at + 1)) >= 0:
        count = struct.unpack_from(">I", data, at + 8)[0]
        for entry in range(at + 12, at + 12 + 4 * count, 4):
            struct.pack_into(">I", data, entry, struct.unpack_from(">I", data, entry)[0] + by)
    return bytes(data)


@video("long_mdat.mp4", about="a 64-bit length of the data", **_USUAL)
def _long_mdat():
    data = _written("mp4")()
    at = data.index(b"mdat") - 4
    size = struct.unpack_from(">I", data, at)[0]
    assert data[at - 4 : at] == b"free", "FFmpeg leaves room for a 64-bit length"
    return data[: at - 8] + struct.pack(">I4sQ", 1, b"mdat", size + 8) + data[at + 8 :]


@video(
    "cut_fragments.mp4",
    about="a recording that broke off, in fragments",
    **_USUAL | {"block": "refused", "seconds": None, "frames": None},
)
def _cut_fragments():
    data = _written("mp4", seconds=4, gop=10, options={"movflags": "frag_keyframe+empty_moov"})()
    return data[: data.rindex(b"mdat") + 200]


@video(
    "cut.mkv",
    block="refused",
    seconds=None,
    shown=SIZE,
    has_audio=True,
    about="a recording that broke off",
)
def _cut_mkv():
    data = _written("matroska", gop=10)()
    return data[: len(data) * 2 // 3]


@video(
    "joined_late.ts",
    block="refused",
    seconds=None,
    shown=SIZE,
    has_audio=True,
    about="a stream joined late: no key frame first",
)
def _joined_late():
    data = _written("mpegts", gop=10)()
    return data[188 * (len(data) // 188 // 3) :]


@video(
    "no_key_frame.ts",
    block="refused",
    prepared="refused",
    has_audio=True,
    about="a stream joined late that has no further key frame: its size is not known",
)
def _no_key_frame():
    data = _written("mpegts", gop=250)()
    return data[188 * (len(data) // 188 // 2) :]


@video(
    "without_length.flv",
    block="refused",
    seconds=2.0,
    shown=SIZE,
    frames=20,
    has_audio=True,
    about="a live stream's length of 0",
)
def _without_length():
    data = bytearray(_written("flv")())
    at = data.index(b"duration") + 8
    data[at + 1 : at + 9] = bytes(8)
    return bytes(data)


@video(
    "moving.gif.mp4",
    block="refused",
    prepared=None,
    seconds=0.5,
    shown=PHOTO_SIZE,
    has_audio=False,
    about="a GIF that was named MP4",
)
def _gif():
    frames = [photo().rotate(10 * index).convert("P") for index in range(5)]
    return image_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


for _name, _data in {
    "error_page.mp4": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "error.mp4": b'{"error": {"message": "link expired"}}',
    "empty.mp4": b"",
    "zeros.mp4": bytes(5000),
    "header_only.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
}.items():
    add(
        _name,
        "video",
        functools.partial(bytes, _data),
        block="refused",
        prepared="refused",
        about="no video at all",
    )
