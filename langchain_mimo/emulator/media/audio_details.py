"""Measures decoded audio: loudness, and the pitch of a steady tone."""

from __future__ import annotations

import math
from array import array

SAMPLE_RATE = 8000
"""Samples per second of the audio that is measured here."""

_PITCH_WINDOW = 2048
_MIN_PITCH = 50
_MAX_PITCH = 1000
_MIN_CORRELATION = 0.85
_FULL_SCALE = 32768.0


def loudness(samples: array[int]) -> str:
    """Describe the loudness of 16-bit samples: a word, and the mean power in dBFS."""
    power = sum(value * value for value in samples) / max(len(samples), 1)
    if power < 1:
        return "silent"
    level = 20 * math.log10(math.sqrt(power) / _FULL_SCALE)
    word = "loud" if level > -15 else "quiet" if level < -35 else "of medium loudness"
    return f"{word} ({level:.1f} dBFS)"


def dominant_pitch(samples: array[int]) -> int:
    """Return the pitch of a steady tone in Hz, or 0 if there is none; uses autocorrelation."""
    start = max(0, (len(samples) - _PITCH_WINDOW) // 2)
    window = samples[start : start + _PITCH_WINDOW]
    size = len(window) - SAMPLE_RATE // _MIN_PITCH
    energy = sum(value * value for value in window[:size]) if size > 0 else 0
    if size <= 0 or energy < size * 100:  # too short, or nearly silent
        return 0

    def correlation(lag: int) -> float:
        return sum(a * b for a, b in zip(window[:size], window[lag : lag + size], strict=True))

    lags = range(SAMPLE_RATE // _MAX_PITCH, SAMPLE_RATE // _MIN_PITCH)
    values = {lag: correlation(lag) / energy for lag in lags}
    peak = _first_peak(values)
    if peak is None:
        return 0
    # A parabola through the peak and its neighbours gives a period between two whole lags.
    left, middle, right = (values.get(peak + step, values[peak]) for step in (-1, 0, 1))
    curvature = left - 2 * middle + right
    shift = (left - right) / (2 * curvature) if curvature else 0.0
    return round(SAMPLE_RATE / (peak + shift))


def _first_peak(values: dict[int, float]) -> int | None:
    # Multiples of the period correlate as well as the period itself, so the first peak counts.
    for lag, value in values.items():
        before, after = values.get(lag - 1, value), values.get(lag + 1)
        if after is not None and value >= _MIN_CORRELATION and before <= value >= after:
            return lag
    return None
