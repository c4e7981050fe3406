"""Videos of plain colours that change at known seconds, and audio of known tones.

Import it as `coloured_media`: integration_tests/shared is on pytest's pythonpath.
"""

import math
import wave
from array import array

import av
from PIL import Image

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220)}


def coloured_video(path, scenes, rate=10, gop=10, size=(160, 120), codec="libx264", **options):
    """Write a video.

    Args:
        path: Its suffix says the container.
        scenes: Colours with their seconds.
        rate: Frames per second.
        gop: Frames from key frame to key frame.
        size: Width and height.
        codec: FFmpeg's name of the encoder.
        options: More options of it.
    """
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.options = {"bf": "0", "sc_threshold": "0", **options}
        for colour, seconds in scenes:
            image = Image.new("RGB", size, COLOURS[colour])
            for _ in range(round(seconds * rate)):
                out.mux(stream.encode(av.VideoFrame.from_image(image)))
        out.mux(stream.encode())
    return path


def tones(path, *parts, rate=16_000):
    """Write a WAV file of tones: frequencies in Hz, 0 for silence, with their seconds."""
    samples = array("h")
    for frequency, seconds in parts:
        step = 2 * math.pi * frequency / rate
        samples.extend(int(12_000 * math.sin(step * n)) for n in range(round(seconds * rate)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def truth(scenes):
    """Return start, end and colour of each scene."""
    start, rows = 0.0, []
    for colour, seconds in scenes:
        rows.append((round(start, 3), round(start + seconds, 3), colour))
        start += seconds
    return rows
