"""Creates sample media: an image, a video with an audio track, an audio file, and a longer MKV.

To write the four files to a folder: `python docs/examples/sample_media.py output`.
"""

from __future__ import annotations

import math
import sys
import wave
from array import array
from fractions import Fraction
from pathlib import Path

try:
    import av
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream
except ImportError:
    sys.exit('sample_media.py needs PyAV; run pip install ".[av]" in the folder of your clone')
from PIL import Image, ImageDraw

SKY, SEA, SUN = (250, 170, 90), (20, 60, 140), (255, 240, 120)
SAMPLE_RATE = 24_000
MELODY = (262, 330, 392, 523)  # Hz: C, E, G, C


def make_image(path: Path, width: int = 640, height: int = 480) -> Path:
    """Write an image of the sun over the sea, in the format of the path's suffix."""
    _draw_frame(width, height, sun_at=0.5).save(path)
    return path


def make_video(
    path: Path, seconds: float = 4.0, fps: int = 12, width: int = 320, height: int = 240
) -> Path:
    """Write a video of the sun crossing the sky, with the melody as its audio track."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = file.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        frames = round(seconds * fps)
        for number in range(frames):
            image = _draw_frame(width, height, sun_at=(number + 0.5) / frames)
            _write(file, video, av.VideoFrame.from_image(image))
        _write(file, video, None)
        for start, block in _blocks(_melody(seconds), audio.codec_context.frame_size or 1024):
            frame = av.AudioFrame(format="s16", layout="mono", samples=len(block))
            frame.planes[0].update(block.tobytes())
            frame.sample_rate, frame.pts = SAMPLE_RATE, start
            frame.time_base = Fraction(1, SAMPLE_RATE)
            _write(file, audio, frame)
        _write(file, audio, None)
    return path


def make_lecture(path: Path) -> Path:
    """Write a video that is worth planning: longer and larger, as MKV if that is the suffix."""
    return make_video(path, seconds=19.5, width=960, height=540)


def make_audio(path: Path, seconds: float = 4.0) -> Path:
    """Write the melody as a WAV file: 16 bits, mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(_melody(seconds).tobytes())
    return path


def _draw_frame(width: int, height: int, *, sun_at: float) -> Image.Image:
    """Draw one frame; `sun_at` is 0 at the left edge and 1 at the right."""
    image = Image.new("RGB", (width, height), SKY)
    draw = ImageDraw.Draw(image)
    x, y, radius = sun_at * width, height * (0.6 - 0.35 * math.sin(math.pi * sun_at)), height / 8
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=SUN)
    draw.rectangle((0, height * 0.65, width, height), fill=SEA)
    return image


def _melody(seconds: float) -> array[int]:
    """Return the notes of the melody, one after the other, as 16-bit samples."""
    count = round(seconds * SAMPLE_RATE)
    pitches = (MELODY[min(i * len(MELODY) // count, len(MELODY) - 1)] for i in range(count))
    return array(
        "h",
        (
            round(12_000 * math.sin(2 * math.pi * pitch * i / SAMPLE_RATE))
            for i, pitch in enumerate(pitches)
        ),
    )


def _blocks(samples: array[int], size: int) -> list[tuple[int, array[int]]]:
    """Split samples into blocks of at most `size`, each with its start index."""
    return [(start, samples[start : start + size]) for start in range(0, len(samples), size)]


def _write(
    file: av.container.OutputContainer,
    stream: VideoStream | AudioStream,
    frame: av.VideoFrame | av.AudioFrame | None,
) -> None:
    """Encode a frame and write the packets; None flushes the encoder."""
    for packet in stream.encode(frame):
        file.mux(packet)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    print(make_image(folder / "image.png"))
    print(make_video(folder / "video.mp4"))
    print(make_audio(folder / "audio.wav"))
    print(make_lecture(folder / "lecture.mkv"))
