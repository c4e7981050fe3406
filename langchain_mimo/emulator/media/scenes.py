"""Watches a video, or listens to audio: its scenes, and what is seen and heard in them.

A video is decoded whole if its frames have at most `SCENE_PIXELS` together. Of a larger one, key
frames are decoded, and then every frame between two key frames that differ: a scene that begins and
ends between two alike ones is missed. What is beyond the limits belongs to the last scene.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any

import av
from av.video.reformatter import VideoReformatter
from PIL import Image

from langchain_mimo.emulator.conversation.request import MediaInfo, MediaKind, Scene
from langchain_mimo.emulator.media.audio_details import SAMPLE_RATE, dominant_pitch, loudness
from langchain_mimo.emulator.media.audio_video import audible, moving, open_container, track_of
from langchain_mimo.emulator.media.colours import main_colours
from langchain_mimo.emulator.media.limits import (
    MAX_SCENES,
    SCENE_AUDIO_SAMPLES,
    SCENE_AUDIO_SECONDS,
    SCENE_FRAME_PIXELS,
    SCENE_PIXELS,
    Clock,
)
from langchain_mimo.emulator.media.packets import (
    AudioStart,
    Reader,
    Track,
    frame_pixels,
    read_packets,
    tolerant,
)
from langchain_mimo.emulator.media.scene_changes import (
    CUT,
    difference,
    is_silent,
    scene_starts,
    silence_changes,
)

_SIDE = 16
"""Frames are compared as squares of this side, in pixels."""

_FRAMES_PER_CHECK = 16
_Look = tuple[float, bytes]
"""When a frame is shown, in seconds of the container, and the frame as a small RGB image."""


@dataclass(slots=True)
class _Counter:
    """Counts the packets of a video, and decodes nothing."""

    track: Track
    is_done: bool = True

    def take(self, frame: Any) -> None:
        """Do nothing: no frame is decoded."""


def find_scenes(kind: MediaKind, data: bytes, info: MediaInfo, clock: Clock) -> tuple[Scene, ...]:
    """Return the scenes of a video or audio file, without gaps from 0 to its duration.

    Args:
        kind: `video` or `audio`.
        data: The bytes of the file.
        info: What opening the file showed.
        clock: The time that is left; it must be running.

    Raises:
        Refusal: The time is over, or the file exceeds another limit of the emulator.
    """
    with open_container(info.format, data, clock) as source:
        streams = audible(source)[:1]
        audio = [
            AudioStart(track_of(stream), SCENE_AUDIO_SECONDS, SCENE_AUDIO_SAMPLES)
            for stream in streams
        ]
        video = [_Counter(track_of(stream)) for stream in moving(source)[:1] if kind == "video"]
        readers: list[Reader] = [*video, *audio]
        read_packets(source, readers, clock)
        # While it is open: PyAV 19 tells nothing of the streams of a closed file.
        starts = [reader.track.first for reader in readers if reader.track.has_times]
        heard = _Heard(audio[0] if audio else None, min(starts, default=0.0))
        if not video:
            changes = [heard.start + seconds for seconds in silence_changes(heard.samples)]
            return _listen(_ranges(changes, info.duration), heard, clock)
        looks = _looks(info.format, data, video[0].track, clock)
        if not looks:  # what is large and has no key frames
            return _listen(_ranges([], info.duration), heard, clock)
        zero = min([*starts, looks[0][0]])
        return _watch([(time - zero, look) for time, look in looks], info.duration, heard, clock)


class _Heard:
    """The decoded audio of a file."""

    def __init__(self, audio: AudioStart | None, zero: float) -> None:
        self.samples = audio.samples if audio else array("h")
        first = audio.first if audio else None
        self.start = 0.0 if first is None else max(0.0, first - zero)
        """Seconds after the start of the file at which the first sample is heard."""

    def between(self, start: float, end: float) -> str:
        """Describe what is heard from one second to another; "" for silence."""
        first, last = (max(0, round((time - self.start) * SAMPLE_RATE)) for time in (start, end))
        samples = self.samples[first:last]
        if is_silent(samples):
            return ""
        level, pitch = loudness(samples), dominant_pitch(samples)
        what = f"a tone of about {pitch} Hz" if pitch else "audio without a steady tone"
        return f"{what}, {level}"


def _listen(ranges: list[tuple[float, float]], heard: _Heard, clock: Clock) -> tuple[Scene, ...]:
    scenes = []
    for start, end in ranges:
        clock.check()
        scenes.append(Scene(start, end, "", heard.between(start, end)))
    return tuple(scenes)


def _watch(looks: list[_Look], duration: float, heard: _Heard, clock: Clock) -> tuple[Scene, ...]:
    times = [time for time, _ in looks]
    starts = scene_starts(times, [look for _, look in looks])
    clock.check()
    ranges = _ranges([times[index] for index in starts], duration)
    scenes = []
    for scene in _listen(ranges, heard, clock):
        # Its middle: the start of a scene may be in a fade.
        middle = (scene.start + scene.end) / 2
        inside = [look for time, look in looks if scene.start <= time <= max(middle, scene.start)]
        image = Image.frombytes("RGB", (_SIDE, _SIDE), inside[-1] if inside else looks[-1][1])
        scenes.append(Scene(scene.start, scene.end, f"mainly {main_colours(image)}", scene.heard))
    return tuple(scenes)


def _ranges(changes: list[float], duration: float) -> list[tuple[float, float]]:
    """Return the ranges between changes; the last takes in what is beyond the limit."""
    inside = [time for time in changes if 0 < time < duration][: MAX_SCENES - 1]
    return list(pairwise([0.0, *inside, duration]))


def _looks(container: str, data: bytes, track: Track, clock: Clock) -> list[_Look]:
    """Return the frames of a video as small images, with their times, in order."""

    def decode(whole: Container[int], alone: Container[int] = ()) -> list[_Look]:
        with open_container(container, data, clock) as source:
            stream = track_of(moving(source)[0]).stream
            return _take(_frames(source, stream, whole, alone), stream.time_base, clock)

    weight = max(
        track.stream.codec_context.width * track.stream.codec_context.height, SCENE_FRAME_PIXELS
    )
    if track.count * weight <= SCENE_PIXELS:
        return decode(range(-1, track.keys))
    step = ceil(track.keys * weight / SCENE_PIXELS)
    key_numbers = range(0, track.keys, max(step, 1))
    keys = decode((), key_numbers)
    changed = _changed_groups(keys, key_numbers, track, SCENE_PIXELS // weight)
    looks = dict(keys) | dict(decode(changed)) if changed else dict(keys)
    return sorted(looks.items())


def _changed_groups(keys: list[_Look], numbers: range, track: Track, most_frames: int) -> set[int]:
    """Return the groups of frames between key frames that differ, for so many frames."""
    frames_per_group = track.count / max(track.keys, 1)
    groups: set[int] = set()
    for (_, one), (_, other), number in zip(keys, keys[1:], numbers, strict=False):
        if difference(one, other) > CUT:
            groups.update(range(number, number + numbers.step))
        if len(groups) * frames_per_group >= most_frames:
            break
    return groups


def _take(frames: Iterator[Any], time_base: Fraction, clock: Clock) -> list[_Look]:
    """Make frames small; the times are put in order, as some of AVI are not."""
    reformatter = VideoReformatter()
    times, looks, pixels = [], [], 0
    for number, frame in enumerate(tolerant(frames)):
        if number % _FRAMES_PER_CHECK == 0:
            clock.check()
        pixels += max(frame_pixels(frame), SCENE_FRAME_PIXELS)
        if pixels > 2 * SCENE_PIXELS:
            break
        if frame.pts is None:
            continue
        small = reformatter.reformat(frame, _SIDE, _SIDE, "rgb24", interpolation="AREA")
        (plane,) = small.planes
        rows = memoryview(plane)
        looks.append(
            b"".join(
                rows[at : at + 3 * _SIDE]
                for at in range(0, _SIDE * plane.line_size, plane.line_size)
            )
        )
        # Not frame.time: those that a decoder holds to the end do not know their time base.
        times.append(float(frame.pts * time_base))
    return list(zip(sorted(times), looks, strict=True))


def _frames(
    source: Any, stream: Any, whole: Container[int], alone: Container[int]
) -> Iterator[Any]:
    """Decode groups of frames, each with the key frame after it.

    A group is a key frame and the packets up to the next one; those before the first have the
    number -1. Frames shown before a key frame may come after it and need both groups.

    Args:
        source: The container, as PyAV opened it.
        stream: Its video stream.
        whole: Numbers of the groups that are decoded.
        alone: Numbers of the groups of which only the key frame is decoded.
    """
    group, is_open, until = -1, -1 in whole, None
    for packet in source.demux(stream):
        if not packet.size:
            continue
        if packet.is_keyframe and not packet.is_discard:
            group += 1
            until = packet.pts if is_open and group not in whole else None
            if not is_open and group in alone:
                yield from _decoded(stream, packet)
                yield from _drained(stream)
                continue
            is_open = is_open or group in whole
        elif until is not None and not (packet.pts is not None and packet.pts < until):
            yield from _drained(stream)
            is_open, until = False, None
        if is_open or packet.is_discard:
            yield from _decoded(stream, packet)
    yield from _drained(stream)


def _decoded(stream: Any, packet: Any) -> list[Any]:
    try:
        return list(stream.codec_context.decode(packet))
    except (av.FFmpegError, ValueError):
        return []


def _drained(stream: Any) -> list[Any]:
    """Return what a decoder still holds, and prepare it for another group."""
    frames = _decoded(stream, None)
    stream.codec_context.flush_buffers()
    return frames
