"""FLAC and MP3 files of copied frames: what their headers state, and that checksums are right."""

import io
import tempfile
from array import array
from pathlib import Path

import av
import media_files
import pytest
from cutting import FEW_EXAMPLES, index_bytes, no_tick
from flac_files import RATE, Block, flac_file
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo._media.cutting import flac_copies
from langchain_mimo._media.cutting.copying import CopyTarget, copy_planned
from langchain_mimo._media.cutting.flac_copies import write_flac
from langchain_mimo._media.cutting.mp3_copies import write_mp3
from langchain_mimo._media.cutting.ranges import plan_range
from langchain_mimo.media import probe


def crc_by_bits(data, polynomial, bits):
    """Divide polynomials as in a textbook."""
    value = int.from_bytes(data, "big") << bits
    for at in range(value.bit_length() - 1, bits - 1, -1):
        if value >> at & 1:
            value ^= polynomial << (at - bits)
    return value


def copied(name, start_s, end_s, write):
    data = media_files.make(name)
    source = index_bytes(data, "audio")
    plan = plan_range("audio", source.index, start_s, end_s)
    out = io.BytesIO()
    write(source, plan.streams[0], out, no_tick)
    return source.index, plan.streams[0], out.getvalue()


@pytest.mark.parametrize(("start_s", "end_s"), [(0, 1), (0.7, 1.9), (1.5, None)])
def test_a_flac_states_its_length_and_its_frames_are_counted_from_0(start_s, end_s):
    index, plan, data = copied("voice.flac", start_s, end_s, write_flac)
    length = sum(index.audio.durations[each] for each in plan.ordinals) * index.audio.time_base
    assert probe(data).duration_s == pytest.approx(float(length))
    assert data[26:42] == bytes(16)  # no MD5 of the audio, which would be that of the whole
    with av.open(io.BytesIO(data)) as container:
        frames = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    assert len(frames) == len(plan.ordinals)
    for number, frame in enumerate(frames):
        assert frame[4] == number
        assert crc_by_bits(frame[:-2], 0x18005, 16) == int.from_bytes(frame[-2:], "big")


@given(numbers=st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**36 - 1)),
       varies=st.booleans(), body=st.binary(min_size=20, max_size=60))  # fmt: skip
def test_a_frame_with_any_number_keeps_its_audio_and_gets_its_checksums(numbers, varies, body):
    head = bytes([0xFF, 0xF8 | varies, 0x69, 0x18])
    number, sample = numbers
    old = head + flac_copies._coded(7) + b"\x10"
    old += bytes([crc_by_bits(old, 0x107, 8)]) + body
    old += crc_by_bits(old, 0x18005, 16).to_bytes(2, "big")
    new = flac_copies._renumbered(old, number, sample)
    coded = flac_copies._coded(sample if varies else number)
    assert new.startswith(head + coded + b"\x10")
    header = 4 + len(coded) + 1
    assert new[header] == crc_by_bits(new[:header], 0x107, 8)
    assert new[header + 1 : -2] == body
    assert int.from_bytes(new[-2:], "big") == crc_by_bits(new[:-2], 0x18005, 16)
    assert flac_copies._coded_length(coded[0]) == len(coded)
    if number < 0xD800:  # Python knows the same code, for characters
        assert flac_copies._coded(number) == chr(number).encode()


SHAPES = {
    "silence": lambda length, top, random: [0] * length,
    "level": lambda length, top, random: [random.randint(-top, top - 1)] * length,
    "ramp": lambda length, top, random: [at % 30 - 15 for at in range(length)],
    "noise": lambda length, top, random: [random.randint(-top, top - 1) for _ in range(length)],
}


def flac_blocks(random, depth):
    """Make the blocks of a FLAC file, with every kind of subframe."""
    channels, varies, size = random.choice([1, 1, 2, 6]), random.random() < 0.5, None
    has_rate = random.random() < 0.7
    blocks = []
    for _ in range(random.randint(2, 40)):
        size = random.randint(16, 600) if varies or not size else size
        shape, wasted = random.choice(sorted(SHAPES)), random.choice([0, 0, 1, 3])
        kinds = ["verbatim", "fixed", "lpc"] + ["constant"] * 3 * (shape in ("silence", "level"))
        top = min(1 << (depth - 1 - wasted), 1 << 20)
        drawn = (SHAPES[shape](size, top, random) for _ in range(channels))
        samples = tuple(tuple(each << wasted for each in channel) for channel in drawn)
        side = shape != "noise" and random.random() < 0.5
        kind, order = random.choice(kinds), random.randint(0, 4)
        blocks.append(Block(samples, kind, order, wasted, side, has_rate))
    return blocks, varies


def decoded(data, depth):
    """Return the samples of a FLAC file, interleaved, as FFmpeg decodes them."""
    samples = array("i")
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(audio=0):
            code = {"s16": "h", "s32": "i"}[frame.format.name]
            count = frame.samples * frame.layout.nb_channels
            samples.extend(array(code, bytes(frame.planes[0])).tolist()[:count])
    unused = (16 if depth <= 16 else 32) - depth
    return [each >> unused for each in samples]


@FEW_EXAMPLES
@given(random=st.randoms(use_true_random=False), depth=st.sampled_from([8, 16, 24]))
def test_what_is_planned_of_any_flac_is_copied_sample_by_sample(random, depth):
    blocks, varies = flac_blocks(random, depth)
    channels = len(blocks[0].samples)
    whole = [
        each for block in blocks for moment in zip(*block.samples, strict=True) for each in moment
    ]
    content, length = flac_file(blocks, depth, varies=varies), len(whole) // channels / RATE
    assert decoded(content, depth) == whole, "the helper's file is wrong"
    source = index_bytes(content, "audio")
    start_s, end_s = random.uniform(0, length * 0.95), random.choice([None, length * 0.97])
    plan = plan_range("audio", source.index, start_s, end_s)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.flac"
        copy_planned(source, plan, CopyTarget(path, "flac", "audio"), no_tick)
        copy = decoded(path.read_bytes(), depth)
    first, end = round(plan.start * RATE), min(length, end_s or length) * RATE
    assert first <= start_s * RATE
    assert first + len(copy) // channels >= round(end)
    assert copy == whole[first * channels : first * channels + len(copy)]


@pytest.mark.parametrize("name", ["voice.mp3", "slow.mp3", "bare.mp3"])
@pytest.mark.parametrize(("start_s", "end_s"), [(0, 1), (0.7, 1.9), (1.5, None)])
def test_an_mp3_states_its_frames_and_no_delay(name, start_s, end_s):
    index, plan, data = copied(name, start_s, end_s, write_mp3)
    tag = data.index(b"Xing")
    assert tag < 40
    assert int.from_bytes(data[tag + 8 : tag + 12], "big") == len(plan.ordinals)
    assert int.from_bytes(data[tag + 12 : tag + 16], "big") == len(data)
    length = sum(index.audio.durations[each] for each in plan.ordinals) * index.audio.time_base
    assert probe(data).duration_s == pytest.approx(float(length))
    with av.open(io.BytesIO(data)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0))
        assert heard / container.streams.audio[0].rate == pytest.approx(float(length), abs=0.001)


def encoded_silence(codec, file_format, rate, layout, **options):
    """Encode two seconds of a tone, two of digital silence, and one of a tone."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=file_format) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout, options=options)
        for at in range(0, 5 * rate, 960):
            level = 0 if 2 * rate <= at < 4 * rate else 9000
            frame = av.AudioFrame("s16", layout, 960)
            channels = frame.layout.nb_channels
            tone = array("h", (level * (-1) ** (i // 20) for i in range(960)))
            frame.planes[0].update(array("h", (x for x in tone for _ in range(channels))).tobytes())
            frame.sample_rate, frame.pts = rate, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


TAGS = [b"", b"TAG" + bytes(125), b"APETAGEX\xd0\x07\0\0\x20" + bytes(19) + b"TAG" + bytes(125)]


@pytest.mark.parametrize(
    ("codec", "file_format", "rate", "options"),
    [
        ("libmp3lame", "mp3", 44_100, {}),
        ("libmp3lame", "mp3", 22_050, {"q": "9"}),
        ("libmp3lame", "mp3", 8_000, {"joint_stereo": "0"}),
        ("libopus", "ogg", 48_000, {"application": "voip", "dtx": "1"}),
    ],
)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("tag", TAGS)
def test_ranges_with_digital_silence_are_copied(codec, file_format, rate, layout, options, tag):
    data = encoded_silence(codec, file_format, rate, layout, **options)
    source = index_bytes(data + (tag if file_format == "mp3" else b""), "audio")
    for start_s, end_s in ((0, 2.5), (2.2, 3.1), (3.5, None)):
        plan = plan_range("audio", source.index, start_s, end_s)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "copy"
            copy_planned(source, plan, CopyTarget(path, file_format, "audio"), no_tick)
            with av.open(str(path)) as container:
                heard = sum(frame.samples for frame in container.decode(audio=0)) / rate
        assert heard == pytest.approx(float(plan.end - plan.start), abs=0.12)
