"""Videos and audio whose scenes are known: colours that follow each other, tones and silence.

Import it as `scene_videos`: tests/helpers is on pytest's pythonpath.
"""

import io
import math
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
from PIL import Image

av.logging.set_level(av.logging.PANIC)

RED, GREEN, BLUE, BLACK = (200, 20, 20), (20, 160, 40), (30, 50, 200), (0, 0, 0)
_SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class SceneVideo:
    """How a video is made. Scenes are colours with the number of their frames."""

    scenes: tuple[tuple[tuple[int, int, int], int], ...]
    rate: Fraction = Fraction(25)
    container: str = "mp4"
    codec: str = "libx264"
    size: tuple[int, int] = (96, 64)
    pixels: str = "yuv420p"
    gop: int = 250
    b_frames: int = 2
    fade: int = 0
    """Frames that each change takes, half of them in the scene before."""
    moves: bool = False
    """A light square moves to and fro."""
    gaps: tuple[int, ...] = (1,)
    """Distances between frames in frames of `rate`, repeated."""
    trim: int = 0
    """Frames before the start that an edit list hides; they are not in `times`."""
    sounds: tuple[tuple[int, float], ...] = ()
    """Pitches in Hz (0: silence) with their seconds, for an audio track."""
    x264: str = "scenecut=0"

    @property
    def times(self):
        """When each frame is shown, and when the last one ends, in seconds."""
        count = sum(frames for _, frames in self.scenes)
        gaps = (self.gaps * count)[:count]
        times = list(accumulate(gaps, initial=0))
        return [(time - times[self.trim]) / self.rate for time in times]

    @property
    def seconds(self):
        """How long it is."""
        return float(self.times[-1])

    @property
    def changes(self):
        """When each scene but the first begins, in seconds."""
        ends = list(accumulate(frames for _, frames in self.scenes))
        return [float(self.times[end]) for end in ends[:-1]]


def make_scene_video(recipe):
    """Encode a video by its recipe."""
    shift = recipe.times[0]
    with tempfile.NamedTemporaryFile() as file:
        with av.open(file.name, "w", format=recipe.container) as out:
            options = {}
            if recipe.codec == "libx264":
                options = {"preset": "veryfast", "x264-params": recipe.x264}
            video = out.add_stream(recipe.codec, rate=recipe.rate, options=options)
            video.width, video.height = recipe.size
            video.pix_fmt = recipe.pixels
            video.gop_size, video.max_b_frames = recipe.gop, recipe.b_frames
            audio = None
            if recipe.sounds:
                audio = out.add_stream(
                    "aac" if recipe.container in {"mp4", "mov"} else "libmp3lame"
                )
                audio.rate, audio.layout = _SAMPLE_RATE, "mono"
            packets = list(_video_packets(video, recipe))
            if audio is not None:
                packets += _audio_packets(audio, recipe.sounds)
            for packet in packets:
                ticks = round(shift / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
                out.mux(packet)
        return Path(file.name).read_bytes()


def make_sounds(sounds, container="wav", codec="pcm_s16le"):
    """Encode an audio file of pitches in Hz (0: silence) with their seconds."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as out:
        stream = out.add_stream(codec, rate=_SAMPLE_RATE)
        stream.layout = "mono"
        for packet in _audio_packets(stream, sounds):
            out.mux(packet)
    return target.getvalue()


def _video_packets(stream, recipe):
    colours = [colour for colour, count in recipe.scenes for _ in range(count)]
    for number, time in enumerate(recipe.times[:-1]):
        side = 2 * (number % 30) if number % 60 < 30 else 60 - 2 * (number % 30)
        window = colours[
            max(0, number - recipe.fade // 2) : number + recipe.fade - recipe.fade // 2
        ]
        window = window or [colours[number]]
        mixed = tuple(sum(channel) // len(window) for channel in zip(*window, strict=True))
        image = Image.new("RGB", recipe.size, mixed)
        if recipe.moves:
            image.paste((200, 200, 200), (side, 20, side + 24, 44))
        frame = av.VideoFrame.from_image(image).reformat(format=recipe.pixels)
        frame.pts, frame.time_base = round((time - recipe.times[0]) * recipe.rate), 1 / recipe.rate
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _audio_packets(stream, sounds):
    resampler = av.AudioResampler(stream.format.name, "mono", _SAMPLE_RATE)
    samples = b"".join(
        int(8000 * math.sin(2 * math.pi * pitch * at / _SAMPLE_RATE)).to_bytes(
            2, "little", signed=True
        )
        for pitch, seconds in sounds
        for at in range(round(seconds * _SAMPLE_RATE))
    )
    for at in range(0, len(samples), 2048):
        piece = samples[at : at + 2048]
        frame = av.AudioFrame("s16", "mono", len(piece) // 2)
        frame.planes[0].update(piece.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts = _SAMPLE_RATE, at // 2
        frame.time_base = Fraction(1, _SAMPLE_RATE)
        for resampled in resampler.resample(frame):
            yield from stream.encode(resampled)
    yield from stream.encode(None)
