"""Finds where scenes of a video begin, and where silence begins and ends in audio.

Frames are compared as small RGB images; the difference of two is the mean over all values, from 0
to 1. A step is the difference of a frame to the one before it.

1. A cut is a step of more than `CUT` that is more than twice as high as the steps of the frames
   next to it. Cuts less than `WINDOW` seconds apart are one, at the first of them, if what is
   before them and what is after them differ: a flash and a video that flickers have none.
2. Between cuts, a frame moves if it differs by more than `_MOTION` from the one `WINDOW` seconds
   earlier. A run of moving frames is a fade if it takes at most `_LONGEST_FADE` seconds, if nothing
   moves before and after it, and if these two differ by more than `CUT`. It counts as one change,
   at its highest step. What moves all the time is a moving scene.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from operator import mul, sub

from langchain_mimo.emulator.media.audio_details import SAMPLE_RATE

CUT = 0.08
WINDOW = 0.5
_MOTION = 0.02
_LONGEST_FADE = 5.0
_NEXT = 2.0
"""Key frames without those between may be further apart, in seconds; they are not compared."""

_SILENT_POWER = 10_000
"""Mean square of 16-bit samples below which they are silent: -50 dBFS."""

_WINDOW_SAMPLES = SAMPLE_RATE // 100
_MIN_SILENCE = 0.5
_MIN_AUDIBLE = 0.1


def difference(one: bytes, other: bytes) -> float:
    """Return the mean difference of two small images of the same size, from 0 to 1."""
    if one == other:
        return 0.0
    total: int = sum(map(abs, map(sub, one, other)))
    return total / (255 * len(one))


def scene_starts(times: Sequence[float], looks: Sequence[bytes]) -> list[int]:
    """Return the indices of the frames that begin a scene, without the first frame.

    Args:
        times: When each frame is shown, in seconds, ascending.
        looks: The frames as small images.
    """
    steps = [0.0, *(difference(one, other) for one, other in pairwise(looks))]
    cuts = list(_cuts(times, looks, steps))
    fades = [
        max(range(first + 1, last + 1), key=steps.__getitem__)
        for start, end in pairwise([0, *cuts, len(times)])
        for first, last in _fades(start, end, times, looks)
    ]
    return sorted([*cuts, *fades])


def _cuts(times: Sequence[float], looks: Sequence[bytes], steps: Sequence[float]) -> Iterator[int]:
    """Yield the index of the first frame after each cut."""
    found = [index for index in range(1, len(steps)) if _is_cut(index, times, steps)]
    while found:
        count = 1
        while count < len(found) and times[found[count]] - times[found[count - 1]] < WINDOW:
            count += 1
        if difference(looks[found[0] - 1], looks[found[count - 1]]) > CUT:
            yield found[0]
        del found[:count]


def _is_cut(index: int, times: Sequence[float], steps: Sequence[float]) -> bool:
    next_to_it = [
        steps[other]
        for other in (index - 1, index + 1)
        if other < len(steps) and abs(times[other] - times[index]) <= _NEXT
    ]
    return steps[index] > CUT and steps[index] > 2 * max(next_to_it, default=0.0)


def _fades(
    start: int, end: int, times: Sequence[float], looks: Sequence[bytes]
) -> Iterator[tuple[int, int]]:
    """Yield the frames before and after each fade among the frames from `start` to `end`."""
    back, before, still_from = start, start, times[start] if end > start else 0.0
    moves = False
    for index in range(start, end):
        while back + 1 < index and times[back + 1] <= times[index] - WINDOW:
            back += 1
        moved, moves = moves, difference(looks[back], looks[index]) > _MOTION
        if moves and not moved:
            was_still = times[index] - still_from >= WINDOW
            before = back
        elif moved and not moves:
            still_from = times[index]
            is_short = times[index] - times[before] <= _LONGEST_FADE + 2 * WINDOW
            if was_still and is_short and difference(looks[before], looks[index]) > CUT:
                yield before, index


def silence_changes(samples: array[int]) -> list[float]:
    """Return when silence begins and ends, in seconds after the first sample.

    Silence takes at least 0.5 seconds, what is heard at least 0.1; what is shorter does not count.

    Args:
        samples: Mono 16-bit samples at `SAMPLE_RATE`.
    """
    changes: list[float] = []
    state: bool | None = None
    position = 0
    for audible, group in groupby(_windows(samples)):
        count = sum(1 for _ in group)
        seconds = count * _WINDOW_SAMPLES / SAMPLE_RATE
        if audible is not state and seconds >= (_MIN_AUDIBLE if audible else _MIN_SILENCE):
            if state is not None:
                changes.append(position * _WINDOW_SAMPLES / SAMPLE_RATE)
            state = audible
        position += count
    return changes


def is_silent(samples: array[int]) -> bool:
    """Return whether 16-bit samples are below -50 dBFS."""
    energy: int = sum(map(mul, samples, samples))
    return energy <= _SILENT_POWER * len(samples)


def _windows(samples: array[int]) -> Iterator[bool]:
    """Tell of each hundredth of a second whether something is heard."""
    for at in range(0, len(samples), _WINDOW_SAMPLES):
        yield not is_silent(samples[at : at + _WINDOW_SAMPLES])
