"""Videos and audio that exist as packets alone: any length, key frames and sizes, without a file."""

import dataclasses
import itertools
from fractions import Fraction

from hypothesis import strategies as st

from langchain_mimo._media import formats
from langchain_mimo._media.cutting.index import Index, StreamIndex
from langchain_mimo._media.cutting.key_frames import GroupStart
from langchain_mimo._media.headers.reader import AVHeader
from langchain_mimo._media.packet_table import PacketTable
from langchain_mimo.media import MediaInfo, StreamInfo

AUDIO_TICKS = 1024
SAMPLE_RATE = 48_000


@dataclasses.dataclass(frozen=True, slots=True)
class SyntheticInfo(MediaInfo):
    """What the headers of such a file would say; its packets are in `table`."""

    table: PacketTable | None = dataclasses.field(default=None, repr=False, compare=False)

    def packets(self):
        return self.table


def video_stream(groups, rate, sizes, reordered=False):
    """Return the index of a video.

    Args:
        groups: Frames of each group.
        rate: Frames per second.
        sizes: Bytes of the packets, repeated.
        reordered: Whether B-frames are decoded behind the frame after them.
    """
    stream = StreamIndex(0, "video", "h264", Fraction(1, 90_000))
    step, at = round(90_000 / rate), 0
    sizes = itertools.cycle(sizes)
    for frames in groups:
        order = list(range(frames))
        if reordered:
            for pair in range(1, frames - 1, 2):
                order[pair], order[pair + 1] = order[pair + 1], order[pair]
        for place, number in enumerate(order):
            stream.pts.append((at + number) * step)
            stream.durations.append(step)
            stream.sizes.append(next(sizes))
            stream.starts.append(GroupStart.NONE if place else GroupStart.CLOSED)
            stream.hidden.append(0)
        at += frames
    return stream


def audio_stream(seconds, size, position=1, codec="aac"):
    """Return the index of audio of about that length."""
    stream = StreamIndex(position, "audio", codec, Fraction(1, SAMPLE_RATE), SAMPLE_RATE, 2)
    for number in range(max(1, int(seconds * SAMPLE_RATE / AUDIO_TICKS))):
        stream.pts.append(number * AUDIO_TICKS)
        stream.durations.append(AUDIO_TICKS)
        stream.sizes.append(size)
        stream.starts.append(GroupStart.CLOSED)
        stream.hidden.append(0)
    return stream


def info_of(*streams, size=(1280, 720), refusal=None):
    """Return what stands for a file with these streams, MP4 or M4A."""
    index = Index(
        {each.position: each for each in streams},
        Fraction(0),
        max(each.end for each in streams),
    )
    video = index.video
    found = formats.MP4 if video is not None else formats.M4A
    table = PacketTable(index, b"", found, AVHeader(pixel_format="yuv420p"))
    kinds = [StreamInfo(each.kind, each.codec) for each in streams]
    return SyntheticInfo(
        "video" if video is not None else "audio",
        "MP4",
        "video/mp4" if video is not None else "audio/mp4",
        refusal,
        size=sum(sum(each.sizes) for each in streams) + 4096,
        duration_s=index.duration,
        width=size[0] if video is not None else None,
        height=size[1] if video is not None else None,
        frame_rate=float(index.frame_rate or 0) or None,
        streams=tuple(kinds),
        table=table,
    )


@st.composite
def synthetic_videos(draw):
    """Draw a video with groups of any length and packets of any size, with or without audio."""
    rate = draw(st.sampled_from([2, 5, 25, Fraction(30000, 1001)]))
    groups = draw(st.lists(st.integers(1, 60), min_size=1, max_size=20))
    sizes = draw(st.lists(st.integers(100, 300_000), min_size=1, max_size=12))
    streams = [video_stream(groups, rate, sizes, reordered=draw(st.booleans()))]
    if draw(st.booleans()):
        seconds = float(sum(groups) / rate) * draw(st.floats(0.5, 1.3))
        streams.append(audio_stream(seconds, draw(st.integers(50, 2000))))
    return info_of(*streams, size=draw(st.sampled_from([(1280, 720), (320, 240), (1080, 1920)])))
