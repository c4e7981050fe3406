"""Writes FLAC files block by block, with every kind of subframe, after RFC 9639.

Encoders choose the kinds of subframes themselves, so files of theirs hold few of the combinations.
"""

from dataclasses import dataclass, field

RATE = 44_100
_DEPTH_CODES = {8: 1, 16: 4, 24: 6}
_LPC_PRECISION, _LPC_SHIFT, _LPC_COEFFICIENTS = 5, 2, (5, -3, 1)
_FIXED = {0: (), 1: (1,), 2: (2, -1), 3: (3, -3, 1), 4: (4, -6, 4, -1)}


@dataclass(frozen=True)
class Block:
    """One frame: `samples` by channel, and how its channels are stored.

    `kind` is "constant", "verbatim", "fixed" (with `order`) or "lpc"; samples that are all the same
    are needed for "constant". The lowest `wasted` bits of all samples must be 0. Without `has_rate`,
    STREAMINFO alone states the sample rate.
    """

    samples: tuple[tuple[int, ...], ...]
    kind: str
    order: int = 0
    wasted: int = 0
    side: bool = False
    has_rate: bool = True


@dataclass
class Bits:
    """Collects bits, the highest first."""

    value: int = 1
    words: list = field(default_factory=list)

    def put(self, number: int, bits: int) -> None:
        self.value = self.value << bits | number & (1 << bits) - 1

    def bytes(self) -> bytes:
        length = self.value.bit_length() - 1
        padded = (self.value ^ 1 << length) << -length % 8
        return padded.to_bytes(-(-length // 8), "big")


def remainder(data: bytes, polynomial: int, bits: int) -> int:
    """Return the CRC of some bytes."""
    value, top = 0, 1 << bits
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = value << 1 ^ (polynomial if value << 1 & top else 0)
    return value


def flac_file(blocks: list[Block], depth: int, *, varies: bool) -> bytes:
    """Return a FLAC file; if block sizes do not vary, all but the last one have the same."""
    sizes = [len(block.samples[0]) for block in blocks]
    channels = len(blocks[0].samples)
    info = Bits()
    info.put(min(sizes[:-1] or sizes) if varies else sizes[0], 16)
    info.put(max(sizes), 16)
    info.put(0, 48)  # bytes of frames: unknown
    for number, bits in ((RATE, 20), (channels - 1, 3), (depth - 1, 5), (sum(sizes), 36), (0, 128)):
        info.put(number, bits)
    head = b"fLaC\x80\x00\x00\x22" + info.bytes()
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    return head + b"".join(
        _frame(block, depth, starts[at] if varies else at, varies=varies)
        for at, block in enumerate(blocks)
    )


def _frame(block: Block, depth: int, number: int, *, varies: bool) -> bytes:
    channels, depths = [list(each) for each in block.samples], [depth] * len(block.samples)
    code = len(channels) - 1
    if block.side and len(channels) == 2:  # left, and left minus right with one more bit
        left, right = channels
        channels, depths, code = (
            [left, [a - b for a, b in zip(left, right, strict=True)]],
            [depth, depth + 1],
            8,
        )
    size = len(channels[0])
    head = bytes(
        [0xFF, 0xF8 | varies, 7 << 4 | 9 * block.has_rate, code << 4 | _DEPTH_CODES[depth] << 1]
    )
    head += chr(number).encode() + (size - 1).to_bytes(2, "big")
    bits = Bits()
    for samples, bits_each in zip(channels, depths, strict=True):
        _subframe(bits, samples, bits_each, block)
    frame = head + bytes([remainder(head, 0x107, 8)]) + bits.bytes()
    return frame + remainder(frame, 0x18005, 16).to_bytes(2, "big")


def _subframe(bits: Bits, samples: list[int], depth: int, block: Block) -> None:
    order = {"fixed": block.order, "lpc": len(_LPC_COEFFICIENTS)}.get(block.kind, 0)
    code = {"constant": 0, "verbatim": 1, "fixed": 8 | order, "lpc": 32 | order - 1}[block.kind]
    bits.put(code << 1 | (block.wasted > 0), 8)
    if block.wasted:
        bits.put(1, block.wasted)  # the number less 1, in unary
    samples, depth = [each >> block.wasted for each in samples], depth - block.wasted
    plain = {"constant": 1, "verbatim": len(samples)}.get(block.kind, order)
    for sample in samples[:plain]:
        bits.put(sample, depth)
    if block.kind in ("fixed", "lpc"):
        _predicted(bits, samples, order, block.kind)


def _predicted(bits: Bits, samples: list[int], order: int, kind: str) -> None:
    coefficients, shift = _FIXED.get(order, ()), 0
    if kind == "lpc":
        coefficients, shift = _LPC_COEFFICIENTS, _LPC_SHIFT
        bits.put(_LPC_PRECISION - 1, 4)
        bits.put(shift, 5)
        for each in coefficients:
            bits.put(each, _LPC_PRECISION)
    residual = [
        samples[at] - (sum(c * samples[at - 1 - i] for i, c in enumerate(coefficients)) >> shift)
        for at in range(order, len(samples))
    ]
    longest = max((each.bit_length() for each in residual), default=0)
    bits.put(1, 2)  # Rice codes with 5 bits of parameter
    bits.put(0, 4)  # in one partition
    bits.put(longest, 5)
    for each in residual:
        folded = each << 1 if each >= 0 else ~(each << 1)
        bits.put(1, (folded >> longest) + 1)
        bits.put(folded, longest)
