"""Writes video and audio files with PyAV: small frames that show their number, and a tone."""

from __future__ import annotations

import functools
import io
import math
import os
import pathlib
import tempfile
from array import array
from collections.abc import Sequence
from fractions import Fraction

import av
from PIL import Image

av.logging.set_level(av.logging.PANIC)
os.environ.setdefault("SVT_LOG", "0")  # the AV1 encoder writes to standard error

SIZE = (96, 64)
"""Width and height of frames in pixels."""

RATE = 10
"""Frames per second."""

_BITS = 8
_STEP = 0.25
"""Seconds after which the tone changes its pitch, so that a shift can be heard."""


def av_file(
    container,
    video="libx264",
    audio="aac",
    *,
    seconds=2.0,
    size=SIZE,
    rate=RATE,
    pixel_format="yuv420p",
    gop=None,
    b_frames=None,
    times=None,
    shift=0.0,
    video_options=None,
    sample_rate=44100,
    layout="mono",
    bit_rate=None,
    audio_options=None,
    audio_tracks=1,
    audio_shift=None,
    options=None,
    metadata=None,
):
    """Return the bytes of a file with video, audio or both.

    Args:
        container: FFmpeg's name of the container format.
        video: The video encoder, or None for audio alone.
        audio: The audio encoder, or None for a video without audio.
        seconds: Length of both.
        size: Width and height of the frames.
        rate: Frames per second.
        pixel_format: Of the encoded frames.
        gop: Frames from key frame to key frame. Default: the encoder's.
        b_frames: Most B-frames in a row. Default: the encoder's.
        times: Numbers of the frames, for a variable frame rate: frame n is shown at n / rate.
        shift: Seconds added to all times; negative ones are hidden by an edit list in MP4.
        video_options: Options of the video encoder.
        sample_rate: Samples per second.
        layout: Channels, such as "stereo".
        bit_rate: Bits per second of the audio.
        audio_options: Options of the audio encoder.
        audio_tracks: How many tracks hold the audio.
        audio_shift: Seconds added to the times of audio. Default: `shift`.
        options: Options of the container.
        metadata: Tags of the container.
    """
    with tempfile.TemporaryDirectory() as folder:
        # Not in memory: some containers are completed by going back to their beginning.
        path = pathlib.Path(folder, "file")
        with av.open(str(path), "w", format=container, options=options or {}) as out:
            out.metadata.update(metadata or {})
            packets = []
            streams = []
            if video:
                streams.append(
                    _video_stream(
                        out, video, size, rate, pixel_format, gop, b_frames, video_options
                    )
                )
            sound = [
                _audio_stream(out, audio, sample_rate, layout, bit_rate, audio_options)
                for _ in range(audio_tracks if audio else 0)
            ]
            if video:
                numbers = range(round(seconds * rate)) if times is None else times
                packets += _shifted(
                    _encoded_frames(streams[0], numbers, size, rate, pixel_format), shift
                )
            for stream in sound:
                moved = shift if audio_shift is None else audio_shift
                packets += _shifted(_encoded_tone(stream, seconds, sample_rate, layout), moved)
            for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
                out.mux(packet)
        return path.read_bytes()


def image_bytes(image, name, **options):
    """Return an image as Pillow writes it in the format `name`."""
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def numbered_frame(number, size=SIZE):
    """Return a frame whose upper half shows its number as eight bits, black or white.

    `frame_number` reads it back after any encoding. The lower half moves, so that an encoder has
    something to predict.
    """
    width, height = size
    image = Image.new("RGB", size, (number * 5 % 256, 90, 200 - number * 7 % 200))
    for bit in range(_BITS):
        colour = (235,) * 3 if number >> bit & 1 else (20,) * 3
        left, right = bit * width // _BITS, (bit + 1) * width // _BITS
        image.paste(colour, (left, 0, right, height // 2))
    at = number * 4 % max(width - 8, 1)
    image.paste((250, 250, 80), (at, height * 5 // 8, at + 8, height * 7 // 8))
    return image


def frame_number(image):
    """Return the number that a frame of `numbered_frame` shows, at any size."""
    grey = image.convert("L")
    width, height = grey.size
    points = [
        grey.getpixel(((2 * bit + 1) * width // (2 * _BITS), height // 4)) for bit in range(_BITS)
    ]
    return sum(1 << bit for bit, value in enumerate(points) if value > 127)


def _video_stream(out, codec, size, rate, pixel_format, gop, b_frames, options):
    stream = out.add_stream(codec, rate=rate, options=dict(options or {}))
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    if gop is not None:
        stream.gop_size = gop
    if b_frames is not None:
        stream.max_b_frames = b_frames
    return stream


def _audio_stream(out, codec, sample_rate, layout, bit_rate, options):
    stream = out.add_stream(codec, rate=sample_rate, options=dict(options or {}))
    stream.layout = layout
    if bit_rate:
        stream.bit_rate = bit_rate
    return stream


def _encoded_frames(stream, numbers: Sequence[int], size, rate, pixel_format):
    packets = []
    for number in numbers:
        frame = av.VideoFrame.from_image(numbered_frame(number, size)).reformat(format=pixel_format)
        frame.pts, frame.time_base = number, 1 / Fraction(rate)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _encoded_tone(stream, seconds, sample_rate, layout):
    resampler = av.AudioResampler(stream.format.name, layout, sample_rate)
    samples = tone(seconds, sample_rate)
    packets = []
    for at in range(0, len(samples), 1024):
        piece = samples[at : at + 1024]
        frame = av.AudioFrame("s16", "mono", len(piece))
        frame.planes[0].update(piece.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, at, Fraction(1, sample_rate)
        for resampled in resampler.resample(frame):
            packets += stream.encode(resampled)
    return packets + stream.encode(None)


def _shifted(packets, seconds):
    for packet in packets:
        ticks = round(seconds / packet.time_base)
        packet.pts += ticks
        packet.dts += ticks
    return packets


@functools.cache
def tone(seconds, sample_rate):
    """Return 16-bit samples of a tone that rises every quarter of a second."""
    step = round(_STEP * sample_rate)
    return array(
        "h",
        (
            round(8000 * math.sin(2 * math.pi * (300 + 50 * (at // step)) * at / sample_rate))
            for at in range(round(seconds * sample_rate))
        ),
    )


def with_cover(data, cover, brand="isom"):
    """Return an MP4 or M4A with a cover image, which is a video track of one frame to FFmpeg."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "file")
        with (
            av.open(io.BytesIO(data)) as source,
            av.open(io.BytesIO(cover)) as image,
            av.open(str(path), "w", format="mp4", options={"brand": brand}) as out,
        ):
            streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
            attached = out.add_stream_from_template(image.streams.video[0])
            attached.disposition = av.stream.Disposition.attached_pic
            for packet in source.demux():
                if packet.size:
                    packet.stream = streams[packet.stream.index]
                    out.mux(packet)
            for packet in image.demux():
                if packet.size:
                    packet.stream = attached
                    out.mux(packet)
        return path.read_bytes()
