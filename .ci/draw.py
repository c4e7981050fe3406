"""Draw the diagrams of the documentation: `python .ci/draw.py` writes docs/assets/drawings/*.svg.

Every number in them comes from `langchain_mimo.tokens`. They are 440 units wide with text of 12 to
14 units, readable on a phone of 390 pixels, and have a panel of their own in both palettes.
`tests/docs/test_drawings.py` fails when a drawing is not what this program makes.
"""

import math
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from langchain_mimo import tokens

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "assets" / "drawings"
WIDTH = 440
LEFT, RIGHT = 20, WIDTH - 20

STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .note { font-size: 12px; fill: #57606a; }
  .code { font: 12.5px ui-monospace, Menlo, Consolas, monospace; fill: #24292f; }
  .panel { fill: #ffffff; stroke: #d8dee4; }
  .box { fill: #f3f4f6; stroke: #d0d7de; }
  .own { fill: #ffe8d6; stroke: #ff6700; }
  .line { stroke: #8c959f; fill: none; }
  .ink { stroke: #ff6700; fill: none; stroke-width: 2; }
  .grid { stroke: #5c3a1a; stroke-width: 0.5; opacity: 0.55; fill: none; }
  .sky { fill: #ffd0a1; } .sea { fill: #3a6ea5; } .sun { fill: #ffef8a; }
  @media (prefers-color-scheme: dark) {
    text, .code { fill: #e6edf3; } .note { fill: #9da7b1; }
    .panel { fill: #14161d; stroke: #30363d; }
    .box { fill: #21262d; stroke: #444c56; }
    .own { fill: #4a2a10; }
    .sky { fill: #b9793f; } .sea { fill: #1f4b7a; } .sun { fill: #f2dd6b; }
  }"""


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Return a line of text; `kind` is a class of STYLE."""
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{x:g}" y="{y:g}"{place}>{escape(words, quote=False)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str = "box") -> str:
    """Return a rectangle; `kind` is a class of STYLE."""
    size = f'width="{width:g}" height="{height:g}" rx="3"'
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" {size}/>'


def path(points: Iterable[tuple[float, float]], kind: str = "line") -> str:
    """Return a line through points."""
    return f'<path class="{kind}" d="M{" L".join(f"{x:.4g} {y:.4g}" for x, y in points)}"/>'


def arrow(x: float, y: float, length: float = 18) -> Iterator[str]:
    """Yield an arrow that points down."""
    yield path([(x, y), (x, y + length)])
    yield path([(x - 4, y + length - 5), (x, y + length), (x + 4, y + length - 5)])


def scene(x: float, y: float, width: float, height: float, sun: float = 0.5) -> Iterator[str]:
    """Yield an image of the sun over the sea; `sun` is 0 at the left edge and 1 at the right."""
    up = 0.6 - 0.35 * math.sin(math.pi * sun)
    yield box(x, y, width, height, "sky")
    radius = min(height / 8, sun * width, (1 - sun) * width)
    centre = f'cx="{x + sun * width:.4g}" cy="{y + up * height:.4g}"'
    yield f'<circle class="sun" {centre} r="{radius:.3g}"/>'
    yield box(x, y + height * 0.65, width, height * 0.35, "sea")


def wave(x: float, y: float, width: float, height: float, cycles: float) -> str:
    """Return a waveform around the height y."""
    steps = int(cycles * 12)
    return path(
        (
            (
                x + width * i / steps,
                y
                - height
                / 2
                * math.sin(2 * math.pi * cycles * i / steps)
                * (0.4 + 0.6 * math.sin(i / 19) ** 2),
            )
            for i in range(steps + 1)
        ),
        "ink",
    )


def overview() -> Iterator[str]:
    """Yield what goes in, what the package does, and what comes out."""
    quarter = (RIGHT - LEFT + 12) / 4
    centres = [LEFT + quarter * (i + 0.5) - 6 for i in range(4)]
    yield from (box(x - quarter / 2 + 6, 20, quarter - 12, 84) for x in centres)
    yield from (
        path([(centres[0] - 26, y), (centres[0] + end, y)])
        for y, end in ((44, 26), (54, 18), (64, 24))
    )
    yield from scene(centres[1] - 27, 34, 54, 40)
    for i in range(3):
        yield from scene(centres[2] - 34 + i * 24, 40, 20, 28, 0.25 + 0.25 * i)
    yield wave(centres[3] - 30, 54, 60, 30, 5)
    for x, words in zip(centres, ("text", "images", "video", "audio"), strict=True):
        yield text(x, 94, words, anchor="middle")
        yield from arrow(x, 110)
    yield box(LEFT, 134, RIGHT - LEFT, 74, "own")
    yield text(WIDTH / 2, 156, "ChatMiMo", "title", "middle")
    yield text(WIDTH / 2, 176, "checks files and history, estimates the cost,", "note", "middle")
    yield text(WIDTH / 2, 193, "encodes media while they are sent, retries", "note", "middle")
    yield from arrow(WIDTH / 2, 214)
    yield box(LEFT, 238, RIGHT - LEFT, 56)
    yield text(WIDTH / 2, 260, "MiMo", "title", "middle")
    yield text(WIDTH / 2, 280, "Xiaomi's cloud, your own server, or the emulator", "note", "middle")
    for x, words in zip(centres, ("reasoning", "answer", "tool calls", "usage"), strict=True):
        yield from arrow(x, 300)
        yield box(x - quarter / 2 + 6, 324, quarter - 12, 36)
        yield text(x, 347, words, anchor="middle")


def grid(x: float, y: float, width: float, height: float, side: float) -> Iterator[str]:
    """Yield the lines between squares of this side."""
    for i in range(1, math.ceil(width / side)):
        yield path([(x + i * side, y), (x + i * side, y + height)], "grid")
    for i in range(1, math.ceil(height / side)):
        yield path([(x, y + i * side), (x + width, y + i * side)], "grid")


def kept(y: float, seconds: float, start: float, end: float) -> Iterator[str]:
    """Yield a range of a bar that is `seconds` long."""
    scale = (RIGHT - LEFT) / seconds
    yield box(LEFT, y, RIGHT - LEFT, 22)
    yield box(LEFT + start * scale, y, (end - start) * scale, 22, "own")
    yield text(LEFT + (start + end) / 2 * scale, y + 15, "sent", "note", "middle")
    yield text(LEFT + start * scale, y + 38, f"start_s={start:g}", "code", "middle")
    yield text(LEFT + end * scale, y + 38, f"end_s={end:g}", "code", "middle")


def images() -> Iterator[str]:
    """Yield an image as squares of one token, and what sizes cost."""
    columns, rows = math.ceil(1920 / tokens.CELL), math.ceil(1080 / tokens.CELL)
    yield text(LEFT, 32, "An image is cut into squares of 32 × 32 pixels", "title")
    yield from scene(LEFT, 46, 255, 144.5)
    yield from grid(LEFT, 46, 255, 144.5, 255 / columns)
    x = LEFT + 271
    yield text(x, 62, "1920 × 1080", "title")
    yield text(x, 82, f"{columns} × {rows} squares", "note")
    yield text(x, 98, "of one token each:", "note")
    yield text(x, 120, f"{tokens.image_tokens(1920, 1080):,} tokens")
    yield box(x, 142, 32, 32, "own")
    yield text(x + 40, 156, "one square,", "note")
    yield text(x + 40, 171, "one token", "note")
    yield text(LEFT, 222, "Size and tokens", "title")
    sizes = (
        (20, 20, "(enlarged first)"),
        (640, 480, ""),
        (1920, 1080, ""),
        (6000, 4000, "(shrunk first)"),
    )
    for i, (width, height, note) in enumerate(sizes):
        count = tokens.image_tokens(width, height)
        length = max(2, 180 * count / 8192)
        yield box(LEFT + 100, 236 + 24 * i, length, 16, "own")
        yield text(LEFT + 92, 249 + 24 * i, f"{width} × {height}", "note", "end")
        yield text(LEFT + 108 + length, 249 + 24 * i, f"{count:,} {note}", "note")


def video() -> Iterator[str]:
    """Yield a video of 10 seconds: frames, resolution, audio and a range."""
    yield text(LEFT, 32, "A video of 10 seconds, 1920 × 1080, with audio", "title")
    for i in range(10):
        yield from scene(LEFT + i * 40 + 1, 44, 38, 26, (i + 0.5) / 10)
        yield text(LEFT + i * 40, 110, f"{i} s", "note")
    yield wave(LEFT, 84, RIGHT - LEFT, 18, 26)
    yield from frame_rates(142)
    yield from resolutions(312)
    yield text(LEFT, 501, "start_s, end_s: the range that prepare_video keeps", "title")
    yield from kept(513, 10, 3, 7)
    cut = tokens.video_tokens(4, 1920, 1080)
    yield text(
        LEFT,
        575,
        f"{cut.total:,} tokens at fps=2: {cut.vision:,} for the frames, {cut.audio} for",
        "note",
    )
    yield text(
        LEFT, 591, f"the audio, {cut.timestamps + cut.special} for timestamps and markers", "note"
    )


def frame_rates(y: float) -> Iterator[str]:
    """Yield which frames are sampled, and what the 10 seconds cost at three frame rates."""
    yield text(LEFT, y, "fps: how many frames per second MiMo samples", "title")
    for i, fps in enumerate((0.5, 1, 2)):
        counted = tokens.video_tokens(10, 1920, 1080, fps=fps)
        top = y + 14 + 44 * i
        yield text(LEFT, top + 12, f"fps={fps:g}", "code")
        for frame in range(counted.frames):
            yield box(LEFT + 74 + 328 * frame / counted.frames, top, 9, 16, "own")
        yield text(
            RIGHT, top + 31, f"{counted.frames} frames, {counted.total:,} tokens", "note", "end"
        )


def resolutions(y: float) -> Iterator[str]:
    """Yield a frame in the squares that it is seen in, at both resolutions."""
    yield text(LEFT, y, "media_resolution: how many squares a frame has", "title")
    for x, resolution in ((LEFT, "default"), (LEFT + 208, "max")):
        counted = tokens.video_tokens(10, 1920, 1080, media_resolution=resolution)
        pair = counted.vision * tokens.FRAMES_PER_GRID // counted.frames
        yield text(x, y + 22, f'"{resolution}"', "code")
        yield from scene(x, y + 30, 192, 108)
        yield from grid(x, y + 30, 192, 108, math.sqrt(192 * 108 / pair))
        yield text(x, y + 156, f"{pair:,} tokens for two frames", "note")


def audio() -> Iterator[str]:
    """Yield a minute of audio, its tokens, and a range."""
    yield text(LEFT, 32, "One minute of audio: 6.25 tokens per second", "title")
    yield wave(LEFT, 68, RIGHT - LEFT, 44, 30)
    for i in range(6):
        yield text(LEFT + i * 400 / 6, 108, f"{i * 10} s", "note")
    yield text(LEFT, 134, f"{tokens.audio_tokens(60)} tokens, as MP3 or WAV, mono or stereo,")
    yield text(LEFT, 153, "at any sample rate: only the length counts.")
    yield text(LEFT, 188, "start_s, end_s: the range that prepare_audio keeps", "title")
    yield from kept(200, 60, 12, 30)
    yield text(RIGHT, 238, f"{tokens.audio_tokens(18)} tokens", "note", "end")


LABELS = {
    "overview": "Text, images, video and audio go into ChatMiMo, which checks them and encodes "
    "them for MiMo; reasoning, answer, tool calls and usage come out",
    "images": "An image is cut into squares of 32 × 32 pixels, each of one token",
    "video": "fps, media_resolution and ranges of a video, and the tokens they cost",
    "audio": "A minute of audio, its tokens, and a range of it",
}
DRAWINGS = {
    "overview": (overview, 380),
    "images": (images, 346),
    "video": (video, 610),
    "audio": (audio, 256),
}


def drawn(name: str) -> str:
    """Return one drawing as SVG."""
    parts, height = DRAWINGS[name]
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{LABELS[name]}">'
    panel = (
        f'<rect class="panel" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>'
    )
    return "\n".join([f"{head}<style>{STYLE}</style>", panel, *parts(), "</svg>\n"])


if __name__ == "__main__":
    for each in DRAWINGS:
        (FOLDER / f"{each}.svg").write_text(drawn(each), encoding="utf-8")
