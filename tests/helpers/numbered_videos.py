"""Small videos whose frames say their number, so that a test knows which frame it sees.

A number is written in eight blocks of light and dark grey, which survive encoding. Import it as
`numbered_videos`: tests/helpers is on pytest's pythonpath.
"""

import functools
import hashlib
import io
import itertools
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from hypothesis import strategies as st

av.logging.set_level(av.logging.PANIC)

WIDTH, HEIGHT = 64, 48
_COLUMNS = 4
_SAMPLE_RATE = 44100


def numbered_frame(number: int) -> av.VideoFrame:
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    rows = []
    for row in range(2):
        bits = (number >> (row * _COLUMNS + column) & 1 for column in range(_COLUMNS))
        line = b"".join(bytes([215 if bit else 40]) * (WIDTH // _COLUMNS) for bit in bits)
        rows += [line.ljust(frame.planes[0].line_size, b"\0")] * (HEIGHT // 2)
    frame.planes[0].update(b"".join(rows))
    for plane in frame.planes[1:]:
        plane.update(b"\x80" * plane.buffer_size)
    return frame


def number_of(frame: av.VideoFrame) -> int:
    """Read the number of a frame of any size."""
    plane = frame.planes[0]
    data, width, height = bytes(plane), frame.width, frame.height
    number = 0
    for bit in range(2 * _COLUMNS):
        x = (bit % _COLUMNS) * width // _COLUMNS + width // (2 * _COLUMNS)
        y = (bit // _COLUMNS) * height // 2 + height // 4
        number |= (data[y * plane.line_size + x] > 128) << bit
    return number


@dataclass(frozen=True)
class Recipe:
    """How a video is made. Times are in frames of `rate`, unless they are fractions of seconds."""

    container: str = "mp4"
    frames: int = 30
    rate: Fraction = Fraction(10)
    b_frames: int = 2
    gop: int = 10
    open_gop: bool = False
    trim: int = 0
    """Frames before the start that an edit list hides, and as much audio."""
    offset: Fraction = Fraction(0)
    audio: bool = False
    gaps: tuple[int, ...] = ()
    """Distances between frames, repeated; none: every frame lasts 1."""
    codec: str = "libx264"
    x264: str = ""
    """More parameters of x264."""


def make_numbered(recipe: Recipe) -> bytes:
    """Encode a video by its recipe; with `trim`, the shown frames begin with that number."""
    with tempfile.NamedTemporaryFile() as file:
        with av.open(file.name, "w", format=recipe.container) as out:
            for packet in _packets(out, recipe):
                out.mux(packet)
        return Path(file.name).read_bytes()


def _packets(out, recipe):
    options = {}
    if recipe.codec == "libx264":
        params = f"keyint={recipe.gop}:min-keyint={recipe.gop}:scenecut=0:bframes={recipe.b_frames}"
        params += f":b-adapt=0:b-pyramid=normal:open-gop={int(recipe.open_gop)}"
        options["x264-params"] = f"{params}:{recipe.x264}" if recipe.x264 else params
        options["preset"] = "veryfast"
    video = out.add_stream(recipe.codec, rate=recipe.rate, options=options)
    video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    if recipe.codec != "libx264":
        video.gop_size, video.max_b_frames = recipe.gop, recipe.b_frames
    audio = None
    if recipe.audio:
        audio = out.add_stream(
            "libmp3lame" if recipe.container == "avi" else "aac", rate=_SAMPLE_RATE
        )
        audio.layout = "mono"
    packets = []
    times, time = [], 0
    gaps = itertools.cycle(recipe.gaps or (1,))
    for number in range(recipe.frames):
        frame = numbered_frame(number)
        frame.pts, frame.time_base = time, 1 / recipe.rate
        times.append(time)
        time += next(gaps)
        packets += video.encode(frame)
    packets += video.encode(None)
    if audio is not None:
        packets += _tone(audio, float(time / recipe.rate))
    shift = recipe.offset - (times[recipe.trim] / recipe.rate if recipe.trim else 0)
    for packet in packets:
        ticks = round(shift / packet.time_base)
        packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
    return sorted(packets, key=lambda packet: packet.dts * packet.time_base)


def _tone(stream, seconds):
    """Encode a square wave whose amplitude tells the time: it grows with each tenth of a second."""
    resampler = av.AudioResampler(stream.format.name, "mono", _SAMPLE_RATE)
    for at in range(0, round(seconds * _SAMPLE_RATE), 1024):
        frame = av.AudioFrame("s16", "mono", 1024)
        samples = _square_wave(1 + (at * 10 // _SAMPLE_RATE) % 60)
        frame.planes[0].update(samples.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, at, Fraction(1, _SAMPLE_RATE)
        for resampled in resampler.resample(frame):
            yield from stream.encode(resampled)
    yield from stream.encode(None)


@functools.cache
def _square_wave(level):
    wave = (500 * level if i // 32 % 2 else -500 * level for i in range(1024))
    return b"".join(value.to_bytes(2, "little", signed=True) for value in wave)


@dataclass(frozen=True)
class Seen:
    """A decoded frame: its time in seconds on the time line of the container, number and hash."""

    time: Fraction
    number: int
    digest: str


def watch(data: bytes) -> list[Seen]:
    """Decode a video from its beginning with PyAV alone, as a player does."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        base = stream.time_base
    times = sorted(frame.pts for frame in frames)  # AVI gives B-frames each other's times
    return [
        Seen(time * base, number_of(frame), _digest(frame))
        for time, frame in zip(times, frames, strict=True)
    ]


def _digest(frame):
    rows = []
    for plane in frame.planes:
        data = bytes(plane)
        rows += [data[at : at + plane.width] for at in range(0, len(data), plane.line_size)]
    return hashlib.blake2b(b"".join(rows), digest_size=8).hexdigest()


def packet_count(data: bytes) -> int:
    """Count the video packets in a file, shown or not."""
    with av.open(io.BytesIO(data)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def audio_seconds(data: bytes) -> float:
    """Decode the audio and return how long it lasts."""
    with av.open(io.BytesIO(data)) as container:
        if not container.streams.audio:
            return 0.0
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


RATES = [Fraction(10), Fraction(25), Fraction(30000, 1001)]
CONTAINERS = ["mp4", "mov", "matroska", "mpegts", "avi", "flv"]


@st.composite
def recipes(draw, containers=CONTAINERS):
    """Draw recipes of every kind that a container can hold."""
    container = draw(st.sampled_from(containers))
    fewest = 15 if container == "mpegts" else 3  # FFmpeg does not recognise a few packets
    frames = draw(st.integers(fewest, 40))
    has_edits = container in ("mp4", "mov")
    return Recipe(
        container=container,
        frames=frames,
        rate=draw(st.sampled_from(RATES)),
        b_frames=draw(st.integers(0, 4)),
        gop=draw(st.sampled_from([3, 5, 8, 12, 250])),
        open_gop=draw(st.booleans()),
        trim=draw(st.integers(0, frames - 2)) if has_edits and draw(st.booleans()) else 0,
        offset=draw(st.sampled_from([Fraction(0), Fraction(0), Fraction(7, 5), Fraction(17, 50)])),
        audio=draw(st.booleans()),
        gaps=draw(st.sampled_from([(), (), (1, 1, 2), (1, 5, 2)])) if container != "avi" else (),
    )
