"""Blocks with a time range, end to end: what arrives is the source from its key frame on."""

import asyncio
import gc
import io
import os
import random
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import media_files
import pytest
from blockbuster import blockbuster_ctx
from conversations import AUDIO_AND_VIDEO
from langchain_core.caches import InMemoryCache
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from numbered_videos import Recipe, audio_seconds, make_numbered, watch
from ranged_blocks import packets, shown

from langchain_mimo._media import known_files, ranged_files
from langchain_mimo._media.cutting import known_indexes
from langchain_mimo._transport.retries import RetryPolicy
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.cost import CallBudget
from langchain_mimo.emulator import MiMoEmulator, Reply
from langchain_mimo.errors import MediaError, MiMoServerError
from langchain_mimo.media import audio_block, probe, video_block

RECIPES = {
    "plain.mp4": Recipe(frames=60, gop=10, b_frames=0),
    "b_frames.mp4": Recipe(frames=80, gop=12, b_frames=3, audio=True),
    "short_groups.mp4": Recipe(frames=70, gop=3, b_frames=2, rate=Fraction(25)),
    "one_group.mp4": Recipe(frames=50, gop=250, audio=True),
    "variable.mp4": Recipe(frames=60, gop=8, gaps=(1, 5, 2), audio=True),
    "ntsc.mov": Recipe("mov", frames=90, gop=12, rate=Fraction(30000, 1001), audio=True),
    "edited.mp4": Recipe(frames=70, gop=10, trim=13, audio=True),
    "late.mov": Recipe("mov", frames=60, gop=5, offset=Fraction(7, 5)),
}
AUDIO = ["voice.wav", "voice.mp3", "bare.mp3", "voice.m4a", "long_opus.ogg"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    for name, recipe in RECIPES.items():
        (folder / name).write_bytes(make_numbered(recipe))
    rotated = bytearray(make_numbered(Recipe(frames=60, gop=6, audio=True)))
    at = rotated.index(b"tkhd") + 44
    one, minus = (0x10000).to_bytes(4, "big"), (-0x10000).to_bytes(4, "big", signed=True)
    rotated[at : at + 20] = bytes(4) + one + bytes(4) + minus + bytes(4)
    (folder / "rotated.mp4").write_bytes(rotated)
    for name in AUDIO:
        (folder / name).write_bytes(media_files.make(name))
    for path in folder.iterdir():
        os.utime(path, (time.time() - 60,) * 2)
    return folder


@pytest.fixture(scope="module")
def server():
    with MiMoEmulator(**AUDIO_AND_VIDEO) as running:
        yield running


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """A temporary folder of this test's own."""
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def make_llm(server, sources, spool):
    server.reset()

    def make(**fields):
        return ChatMiMo(
            **{
                "model": "mimo-v2.6-flash",
                "base_url": server.base_url,
                "api_key": server.api_key,
                "dialect": AUDIO_AND_VIDEO,
                "allowed_media_dirs": [str(sources)],
                "thinking": False,
                "retry_policy": RetryPolicy(max_retries=4, initial_delay=0.0),
                **fields,
            }
        )

    return make


def ask(block):
    return [HumanMessage([{"type": "text", "text": "What happens?"}, block])]


def arrived(server):
    return [item.data for request in server.requests for item in request.media]


def left(folder):
    gc.collect()
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.timeout(300)
def test_200_random_ranges_arrive_frame_exact(server, make_llm, sources):
    """From the key frame at or before the start on, in the order and the size of the source."""
    chance = random.Random(7)
    llm = make_llm()
    watched = {path.name: watch(path.read_bytes()) for path in sources.iterdir()
               if path.suffix in (".mp4", ".mov")}  # fmt: skip
    copied = 0
    for _ in range(200):
        name = chance.choice(sorted(watched))
        seen = watched[name]
        length = float(seen[-1].time - seen[0].time)
        start_s = round(chance.uniform(0, 0.95) * length, chance.choice([1, 3, 9]))
        end_s = start_s + chance.uniform(0.02, 1.1) * (length - start_s)
        try:
            block = video_block(sources / name, start_s=start_s, end_s=end_s)
        except MediaError as error:  # the first group of this one has hidden frames
            if name != "edited.mp4" or "edit list" not in str(error):
                raise
            continue
        server.requests.clear()
        llm.invoke(ask(block))
        from_s, to_s = shown(block)
        assert from_s <= start_s
        assert to_s >= min(end_s, length)
        origin, half = seen[0].time, Fraction(1, 2000)
        inside = [each for each in seen
                  if Fraction(from_s) - half <= each.time - origin < to_s - half]  # fmt: skip
        received = watch(arrived(server)[0])
        assert [each.digest for each in received] == [each.digest for each in inside]
        copied += 1
    assert copied > 180


def without_late_audio(data, seconds):
    """Return an MP4 whose audio ends early."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(out, "w", format="mp4") as target:
        copies = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            late = packet.stream.type == "audio" and packet.pts is not None
            if packet.size and not (late and packet.pts * packet.time_base >= seconds):
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    return out.getvalue()


@pytest.mark.timeout(120)
def test_an_estimate_of_a_range_is_its_bill(server, make_llm, sources, tmp_path):
    """Packets of audio go on behind the last frame, and audio may end before the file does."""
    early = tmp_path / "early.mp4"
    early.write_bytes(without_late_audio((sources / "b_frames.mp4").read_bytes(), 3))
    llm = make_llm(allowed_media_dirs=[str(sources), str(tmp_path)])
    mute, kinds = 0, [sources / name for name in RECIPES if name != "edited.mp4"]
    for path in [*kinds, early]:
        length = probe(path).duration_s
        for start_s, end_s in ((0, 1), (1, 3), (length / 2, None), (0.7 * length, 0.8 * length)):
            message = ask(video_block(path, start_s=start_s, end_s=end_s))
            estimate = llm.estimate(message)
            usage = llm.invoke(message).usage_metadata
            details = usage["input_token_details"]
            billed = details["video"], details.get("audio", 0), usage["input_tokens"]
            expected = estimate.video, estimate.audio, estimate.total
            whole = llm.estimate(ask(video_block(arrived(server)[-1])))
            assert (whole.video, whole.audio, whole.total) == expected, (path, start_s)
            if path.name != "variable.mp4":  # MP4 does not say when its last frame ends
                assert expected == billed, (path, start_s)
            mute += path == early and not estimate.audio
    assert mute == 2


@pytest.mark.parametrize("name", AUDIO)
def test_random_ranges_of_audio_arrive_packet_by_packet(server, make_llm, sources, name):
    chance = random.Random(name)
    llm, whole = make_llm(), packets((sources / name).read_bytes())
    for _ in range(6):
        start_s = chance.uniform(0, 1.5)
        block = audio_block(sources / name, start_s=start_s, end_s=start_s + chance.uniform(0.2, 2))
        server.requests.clear()
        llm.invoke(ask(block))
        part = packets(arrived(server)[0])
        first = whole.index(part[0])
        assert part == whole[first : first + len(part)]
        assert shown(block)[0] <= start_s


def test_audio_of_a_video_stays_in_step(server, make_llm, sources):
    block = video_block(sources / "b_frames.mp4", start_s=2.0, end_s=4.5)
    make_llm().invoke(ask(block))
    [received] = arrived(server)
    from_s, to_s = shown(block)
    assert audio_seconds(received) == pytest.approx(to_s - from_s, abs=0.05)


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
def test_retries_send_the_same_bytes(server, make_llm, sources, spool, way):
    server.reply(status=429, body="")
    server.reply(status=503, body="")
    llm, message = make_llm(), ask(video_block(sources / "b_frames.mp4", start_s=2, end_s=4))
    if way.startswith("a"):
        asyncio.run(collect(llm, message) if way == "astream" else llm.ainvoke(message))
    else:
        list(llm.stream(message)) if way == "stream" else llm.invoke(message)
    received = arrived(server)
    assert len(received) == 3
    assert len(set(received)) == 1
    assert not left(spool)


async def collect(llm, message):
    return [chunk async for chunk in llm.astream(message)]


def test_another_attempt_and_another_process_send_the_same_bytes(server, make_llm, sources):
    """A forced tool call is asked for again in a request of its own."""

    def look(at: int) -> str:
        """Look at a moment of the video."""
        return str(at)

    server.reply("I will not.")
    server.reply(Reply(tool_calls=[{"name": "look", "args": {"at": 1}}]))
    llm = make_llm().bind_tools([look], tool_choice="any")
    llm.invoke(ask(video_block(sources / "b_frames.mp4", start_s=2, end_s=4)))
    script = f"""
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.media import video_block
llm = ChatMiMo(model="mimo-v2.6-flash", base_url={server.base_url!r}, api_key={server.api_key!r},
               allowed_media_dirs=[{str(sources)!r}])
llm.invoke([("user", [video_block({str(sources / "b_frames.mp4")!r}, start_s=2, end_s=4)])])
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    received = arrived(server)
    assert len(received) == 3
    assert len(set(received)) == 1


@pytest.mark.parametrize("api_format", ["openai", "anthropic"])
def test_results_of_tools_carry_ranges_in_both_formats(server, make_llm, sources, api_format):
    base_url = server.base_url if api_format == "openai" else f"{server.root_url}/anthropic"
    llm = make_llm(api_format=api_format, base_url=base_url)
    block = video_block(sources / "plain.mp4", start_s=2, end_s=3)
    call = {"name": "cut", "args": {}, "id": "call_1"}
    llm.invoke(
        [
            HumanMessage("Show me second 2."),
            AIMessage("", tool_calls=[call]),
            ToolMessage([block], tool_call_id="call_1"),
        ]
    )
    [received] = arrived(server)
    assert [each.number for each in watch(received)] == list(range(20, 30))


def test_the_estimate_is_the_bill(server, make_llm, sources):
    budget = CallBudget(requests_per_minute=100)
    llm = make_llm(budget=budget)
    for name, make in (("b_frames.mp4", video_block), ("voice.mp3", audio_block)):
        message = ask(make(sources / name, start_s=0.6, end_s=2.3))
        estimate = llm.estimate(message)
        usage = llm.invoke(message).usage_metadata
        assert abs(estimate.total - usage["input_tokens"]) <= 1
        whole = llm.estimate(ask(make(sources / name)))
        assert estimate.total < whole.total


def test_messages_hold_no_bytes(server, make_llm, sources):
    message = ask(video_block(sources / "b_frames.mp4", start_s=2, end_s=4))
    cache = InMemoryCache()
    llm = make_llm(cache=cache)
    llm.invoke(message)
    llm.invoke(message)
    assert len(server.requests) == 1
    [(prompt, _)] = cache._cache
    assert len(prompt) < 2000
    assert "shown_start_s" in prompt
    restored = load(dumpd(message), allowed_objects="messages")
    assert restored == message
    llm.invoke(ask(video_block(sources / "b_frames.mp4", start_s=2, end_s=5)))
    make_llm().invoke(restored)
    first, longer, again = arrived(server)
    assert first == again != longer


async def test_many_at_once_read_the_file_once(server, make_llm, sources, spool, monkeypatch):
    monkeypatch.setattr(known_files, "SETTLED_NS", 0)
    known_indexes.known.clear()
    built, build = [], ranged_files.build_index
    monkeypatch.setattr(ranged_files, "build_index", lambda *args: built.append(1) or build(*args))
    blocks = [video_block(sources / "variable.mp4", start_s=n / 4, end_s=n / 4 + 2)
              for n in range(20)]  # fmt: skip
    llm = make_llm()
    await asyncio.gather(*(llm.ainvoke(ask(block)) for block in blocks))
    assert len(arrived(server)) == 20
    assert len(built) == 1
    assert not left(spool)
    spans = sorted(len(watch(data)) for data in arrived(server))
    server.requests.clear()
    for block in blocks:
        llm.invoke(ask(block))
    assert sorted(len(watch(data)) for data in arrived(server)) == spans


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_the_event_loop_is_never_blocked(make_llm, sources, way):
    llm = make_llm()
    block = video_block(sources / "b_frames.mp4", start_s=2, end_s=4)
    await llm.ainvoke(ask(block))  # imports
    with blockbuster_ctx(scanned_modules=["langchain_mimo"]):
        if way == "ainvoke":
            await llm.ainvoke(ask(block))
        else:
            assert await collect(llm, ask(block))


def test_nothing_is_left_after_errors(server, make_llm, sources, spool):
    block = video_block(sources / "b_frames.mp4", start_s=2, end_s=4)
    server.fault("server_error", times=None)
    with pytest.raises(MiMoServerError):
        make_llm(retry_policy=RetryPolicy(max_retries=1, initial_delay=0.0)).invoke(ask(block))
    server.clear_faults()
    stream = make_llm().stream(ask(block))
    next(stream)
    stream.close()
    del stream
    assert not left(spool)


async def test_nothing_is_left_after_a_cancellation(make_llm, sources, spool, monkeypatch):
    """While it is copied, the copy ends at the next packet; later, the file is closed."""
    llm, block = make_llm(), video_block(sources / "b_frames.mp4", start_s=2, end_s=4)
    copying, copy = asyncio.Event(), ranged_files.copy_planned
    loop, ticks = asyncio.get_running_loop(), []

    def slow(source, plan, target, tick, **options):
        loop.call_soon_threadsafe(copying.set)
        for _ in range(600):
            time.sleep(0.05)
            ticks.append(1)
            tick(0)
        copy(source, plan, target, tick, **options)

    monkeypatch.setattr(ranged_files, "copy_planned", slow)
    logged = []
    loop.set_exception_handler(lambda _, context: logged.append(context))
    call = asyncio.create_task(llm.ainvoke(ask(block)))
    await copying.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    del call
    gc.collect()
    assert not logged  # such as "exception was never retrieved"
    assert len(ticks) < 100
    assert not left(spool)
    monkeypatch.setattr(ranged_files, "copy_planned", copy)
    chunks = llm.astream(ask(block))
    await anext(chunks)
    await chunks.aclose()
    assert not left(spool)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_copy_has_no_name_while_it_is_written(make_llm, sources, spool, monkeypatch):
    """So a process that is killed leaves nothing."""
    copy, names = ranged_files.copy_planned, []

    def watched(*arguments, **options):
        copy(*arguments, **options)
        names.append(left(spool))

    monkeypatch.setattr(ranged_files, "copy_planned", watched)
    make_llm().invoke(ask(video_block(sources / "b_frames.mp4", start_s=2, end_s=4)))
    assert names == [[]]


def test_a_file_that_changes_is_refused_by_name(make_llm, sources, tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes((sources / "plain.mp4").read_bytes())
    block = video_block(path, start_s=2, end_s=3)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"messages\[0\], block 1: .* has changed since the block"):
        make_llm(allowed_media_dirs=[str(tmp_path)]).invoke(ask(block))
