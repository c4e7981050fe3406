"""Makes mutants: files of the collection, damaged at random."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import media_collection

MAX_SIZE = 400_000
"""Bytes; a longer mutant is cut, so that a case takes milliseconds."""

_EXTREMES = (
    0,
    1,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**64 - 1,
)
_NAMES = re.compile(rb"[A-Za-z][A-Za-z0-9]{2}[A-Za-z0-9 ]")
"""Chunks and boxes have names of four letters; their lengths stand before or after them."""


@dataclass(frozen=True)
class Mutant:
    """A damaged file.

    Attributes:
        seed: The seed of the run.
        number: The number of the case.
        kind: The kind of the file it was made of.
        data: Its bytes.
        how: What was done to which file.
    """

    seed: int
    number: int
    kind: str
    data: bytes
    how: str


def make_mutant(seed: int, number: int) -> Mutant:
    """Return the mutant of a seed and a number."""
    choose = random.Random(f"{seed}:{number}")
    file = choose.choice(media_collection.collection())
    data, how = bytearray(file.data[:MAX_SIZE]), [file.name]
    for _ in range(choose.choice((1, 1, 1, 2, 3))):
        change = choose.choice(_CHANGES)
        change(choose, data)
        how.append(change.__name__.lstrip("_"))
    return Mutant(seed, number, file.kind, bytes(data[:MAX_SIZE]), " ".join(how))


def _place(choose, data):
    """Return an offset; headers and the end, where indexes stand, are more likely."""
    size = max(len(data), 1)
    return choose.choice(
        (
            choose.randrange(size),
            choose.randrange(min(size, 64)),
            choose.randrange(min(size, 1024)),
            size - 1 - choose.randrange(min(size, 1024)),
        )
    )


def _truncated(choose, data):
    del data[_place(choose, data) :]


def _flipped(choose, data):
    for _ in range(choose.choice((1, 2, 8, 40)) if data else 0):
        data[_place(choose, data)] ^= 1 << choose.randrange(8)


def _overwritten(choose, data):
    for _ in range(choose.choice((1, 2, 8)) if data else 0):
        data[_place(choose, data)] = choose.choice((0, 1, 0x7F, 0x80, 0xFF, choose.randrange(256)))


def _extreme_length(choose, data):
    names = [match.start() for match in _NAMES.finditer(bytes(data[:4096]) + bytes(data[-4096:]))]
    if names and choose.random() < 0.8:
        at = choose.choice(names)
        at = (at if at < min(len(data), 4096) else len(data) - 8192 + at) + choose.choice(
            (-4, 4, 8)
        )
    else:
        at = _place(choose, data)
    width = choose.choice((1, 2, 4, 4, 4, 8))
    value = choose.choice((*_EXTREMES, len(data), len(data) + 1, len(data) - 8))
    written = (max(value, 0) % 256**width).to_bytes(width, choose.choice(("little", "big")))
    at = min(max(at, 0), max(len(data) - width, 0))
    data[at : at + width] = written


def _spliced(choose, data):
    other = choose.choice(media_collection.collection()).data
    start = choose.randrange(len(other) or 1)
    piece = other[start : start + choose.choice((4, 64, 1000, 20_000))]
    at = _place(choose, data)
    data[at : at + choose.choice((0, len(piece)))] = piece


def _removed(choose, data):
    at = _place(choose, data)
    del data[at : at + choose.choice((1, 4, 64, 1000, 10_000))]


def _repeated(choose, data):
    at = _place(choose, data)
    piece = data[at : at + choose.choice((4, 64, 1000, 10_000))]
    data[at:at] = piece * choose.choice((1, 2, 8))


def _zeroed(choose, data):
    at = _place(choose, data)
    size = len(data[at : at + choose.choice((4, 64, 1000, 10_000))])
    data[at : at + size] = bytes(size)


def _extended(choose, data):
    data += choose.choice((bytes(500), choose.randbytes(500), bytes(data[:20_000])))


_CHANGES = (
    _truncated, _flipped, _flipped, _overwritten, _extreme_length, _extreme_length, _spliced,
    _removed, _repeated, _zeroed, _extended,
)  # fmt: skip
