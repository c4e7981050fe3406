"""Real media files of every format, encoded with Pillow and PyAV.

Import it as `media_files`: tests/helpers is on pytest's pythonpath.
"""

import functools
import io
import math
import pathlib
import tempfile
from fractions import Fraction

import av
from PIL import Image

av.logging.set_level(av.logging.PANIC)


def make_image(name, size=(120, 80), mode="RGB", **options):
    """Return an image of a gradient, which does not compress to almost nothing."""
    image = Image.linear_gradient("L").resize(size).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def animation(frames, size=(16, 16)):
    """Return a GIF of `frames` frames."""
    images = [Image.new("P", size, index % 256) for index in range(frames)]
    buffer = io.BytesIO()
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], optimize=False)
    return buffer.getvalue()


def make_video(
    container,
    video="libx264",
    audio="aac",
    *,
    seconds=2.0,
    size=(96, 64),
    rate=10,
    pixel_format="yuv420p",
    sample_rate=44100,
    bit_rate=None,
    options=None,
    audio_options=None,
    key_every=None,
    to_file=False,
):
    """Return a video, a video without audio (`audio=None`), or audio (`video=None`)."""
    target = tempfile.mktemp() if to_file else io.BytesIO()
    with av.open(target, "w", format=container, options=options or {}) as out:
        packets = []
        video_stream = out.add_stream(video, rate=rate) if video else None
        audio_stream = (
            out.add_stream(audio, rate=sample_rate, options=audio_options or {}) if audio else None
        )
        if video_stream:
            video_stream.width, video_stream.height = size
            video_stream.pix_fmt = pixel_format
            if key_every:
                video_stream.gop_size = key_every
            if "libvpx" in video:  # its threads spin: with those of another encoder, for minutes
                video_stream.codec_context.thread_count = 1
        if audio_stream:
            audio_stream.layout = "mono"
            if bit_rate:
                audio_stream.bit_rate = bit_rate
        if video_stream:
            packets += _encode_frames(video_stream, seconds, size, rate, pixel_format)
        if audio_stream:
            packets += _encode_tone(audio_stream, seconds, sample_rate)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            out.mux(packet)
    if not to_file:
        return target.getvalue()
    data = pathlib.Path(target).read_bytes()
    pathlib.Path(target).unlink()
    return data


def _encode_frames(stream, seconds, size, rate, pixel_format):
    for index in range(round(seconds * rate)):
        image = Image.new("RGB", size, (index * 20 % 256, 90, 200 - index * 7 % 200))
        frame = av.VideoFrame.from_image(image).reformat(format=pixel_format)
        frame.pts, frame.time_base = index, 1 / Fraction(rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _encode_tone(stream, seconds, sample_rate):
    resampler = av.AudioResampler(stream.format.name, "mono", sample_rate)
    total, at = round(seconds * sample_rate), 0
    while at < total:
        count = min(1024, total - at)
        frame = av.AudioFrame("s16", "mono", count)
        wave = (int(8000 * math.sin((at + i) * 0.06)) for i in range(count))
        samples = b"".join(value.to_bytes(2, "little", signed=True) for value in wave)
        frame.planes[0].update(samples.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, at, Fraction(1, sample_rate)
        for resampled in resampler.resample(frame):
            yield from stream.encode(resampled)
        at += count
    yield from stream.encode(None)


ACCEPTED = {
    # name: kind, MIME type, function that returns the bytes
    "photo.jpg": ("image", "image/jpeg", lambda: make_image("JPEG")),
    "progressive.jpg": ("image", "image/jpeg", lambda: make_image("JPEG", progressive=True)),
    "drawing.png": ("image", "image/png", lambda: make_image("PNG", (333, 77))),
    "still.gif": ("image", "image/gif", lambda: make_image("GIF", mode="P")),
    "moving.gif": ("image", "image/gif", lambda: animation(5)),
    "lossy.webp": ("image", "image/webp", lambda: make_image("WEBP")),
    "lossless.webp": ("image", "image/webp", lambda: make_image("WEBP", lossless=True)),
    "transparent.webp": ("image", "image/webp", lambda: make_image("WEBP", mode="RGBA", exif=b"Exif\0\0")),
    "plain.bmp": ("image", "image/bmp", lambda: make_image("BMP")),
    "video.mp4": ("video", "video/mp4", lambda: make_video("mp4")),
    "silent.mp4": ("video", "video/mp4", lambda: make_video("mp4", audio=None, seconds=3.3)),
    "ntsc.mp4": ("video", "video/mp4", lambda: make_video("mp4", seconds=3.7, rate=Fraction(30000, 1001))),
    "index_first.mp4": ("video", "video/mp4", lambda: make_video("mp4", options={"movflags": "faststart"}, to_file=True)),
    "fragmented.mp4": ("video", "video/mp4", lambda: make_video("mp4", seconds=4, options={"movflags": "frag_keyframe+empty_moov", "frag_duration": "1000000"})),
    "partly_fragmented.mp4": ("video", "video/mp4", lambda: make_video("mp4", seconds=4, audio=None, options={"movflags": "frag_keyframe", "frag_duration": "1000000"})),
    "hevc.mp4": ("video", "video/mp4", lambda: make_video("mp4", "libx265")),
    "colourful.mp4": ("video", "video/mp4", lambda: make_video("mp4", pixel_format="yuv444p")),
    "video.mov": ("video", "video/quicktime", lambda: make_video("mov")),
    "motion_jpeg.mov": ("video", "video/quicktime", lambda: make_video("mov", "mjpeg", "pcm_s16le", pixel_format="yuvj420p")),
    "video.avi": ("video", "video/x-msvideo", lambda: make_video("avi", "mpeg4", "libmp3lame")),
    "long_audio.avi": ("video", "video/x-msvideo", lambda: make_video("avi", "mjpeg", "pcm_s16le", pixel_format="yuvj420p", seconds=3.3)),
    "video.wmv": ("video", "video/x-ms-wmv", lambda: make_video("asf", "wmv2", "wmav2", bit_rate=64000)),
    "silent.wmv": ("video", "video/x-ms-wmv", lambda: make_video("asf", "wmv2", None, seconds=3.3)),
    "voice.wav": ("audio", "audio/wav", lambda: make_video("wav", None, "pcm_s16le", seconds=2.5)),
    "bytes.wav": ("audio", "audio/wav", lambda: make_video("wav", None, "pcm_u8", seconds=3.14, sample_rate=8000)),
    "small.wav": ("audio", "audio/wav", lambda: make_video("wav", None, "adpcm_ms", seconds=3.14, sample_rate=8000)),
    "floats.wav": ("audio", "audio/wav", lambda: make_video("wav", None, "pcm_f32le", seconds=1.5)),
    "voice.mp3": ("audio", "audio/mpeg", lambda: make_video("mp3", None, "libmp3lame", seconds=2.5)),
    "slow.mp3": ("audio", "audio/mpeg", lambda: make_video("mp3", None, "libmp3lame", seconds=2.5, sample_rate=22050)),
    "bare.mp3": ("audio", "audio/mpeg", lambda: make_video("mp3", None, "libmp3lame", seconds=6, options={"write_xing": "0", "id3v2_version": "0"})),
    "voice.flac": ("audio", "audio/flac", lambda: make_video("flac", None, "flac", seconds=2.5)),
    "voice.m4a": ("audio", "audio/mp4", lambda: make_video("ipod", None, "aac", seconds=2.5)),
    "lossless.m4a": ("audio", "audio/mp4", lambda: make_video("ipod", None, "alac", seconds=2.5)),
    "audio_only.mp4": ("audio", "audio/mp4", lambda: make_video("mp4", None, "aac", seconds=2.5)),
    "opus.ogg": ("audio", "audio/ogg", lambda: make_video("ogg", None, "libopus", seconds=2.5, sample_rate=48000)),
    "long_opus.ogg": ("audio", "audio/ogg", lambda: make_video("ogg", None, "libopus", seconds=20, sample_rate=48000)),
    "flac.ogg": ("audio", "audio/ogg", lambda: make_video("ogg", None, "flac", seconds=2.5)),
}  # fmt: skip

REFUSED = {
    # name: function that returns the bytes
    "video.mkv": lambda: make_video("matroska"),
    "video.webm": lambda: make_video("webm", "libvpx", "libopus", sample_rate=48000),
    "video.flv": lambda: make_video("flv"),
    "video.ts": lambda: make_video("mpegts"),
    "photo.tiff": lambda: make_image("TIFF"),
    "photo.avif": lambda: make_image("AVIF"),
    "voice.aiff": lambda: make_video("aiff", None, "pcm_s16be"),
}


@functools.cache
def make(name):
    """Return the bytes of the file with this name."""
    return (REFUSED.get(name) or ACCEPTED[name][2])()
