"""The parser against the emulator: what it says about scenes arrives at the right seconds."""

import asyncio
import io
import re
import shutil
import tempfile
import time

import av
import pytest
from blockbuster import blockbuster_ctx
from coloured_media import coloured_video, tones, truth
from langchain_core.document_loaders import Blob
from PIL import Image
from pydantic import BaseModel

from langchain_mimo import RetryPolicy
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.document_loaders import MediaJournal, MediaScene, MiMoMediaParser
from langchain_mimo.errors import MiMoAuthenticationError, MiMoError

SCENES = [("red", 3.4), ("green", 4.2), ("blue", 4.4), ("red", 7.0), ("green", 5.0)]
FRAME = 0.1
DETAILS = re.compile(r"mainly (red|green|blue)")


@pytest.fixture
def connect(emulator, tmp_path):
    def make(**fields):
        values = {
            "model": "mimo-v2.6-flash", "api_key": emulator.api_key, "base_url": emulator.base_url,
            "allowed_media_dirs": tmp_path, "max_retries": 0,
        }  # fmt: skip
        return ChatMiMo(**{**values, **fields})

    return make


def blob(path):
    return Blob(path=str(path), metadata={"source": path.name})


def merged(documents):
    """Start, end and colour of what was seen, with what continues in the next segment joined."""
    rows = []
    for row in documents:
        start, end = row.metadata["start_s"], row.metadata["end_s"]
        colour = DETAILS.search(row.page_content)[1]
        if rows and rows[-1][2] == colour:
            assert start == pytest.approx(rows[-1][1], abs=1e-3), "segments follow without a gap"
            rows[-1] = (rows[-1][0], end, colour)
        else:
            rows.append((start, end, colour))
    return rows


def assert_true(documents, scenes, tolerance=FRAME):
    found, expected = merged(documents), truth(scenes)
    assert [row[2] for row in found] == [row[2] for row in expected]
    for (start, end, _), (true_start, true_end, _) in zip(found, expected, strict=True):
        assert abs(start - true_start) <= tolerance
        assert abs(end - true_end) <= tolerance


@pytest.mark.parametrize("thinking", [True, False])
def test_times_are_those_of_the_source_across_segments(emulator, connect, tmp_path, thinking):
    path = coloured_video(tmp_path / "a.mp4", SCENES)
    parser = MiMoMediaParser(connect(thinking=thinking), plan={"max_seconds": 5.0})
    plan = parser.plan(blob(path))
    assert len(plan.segments) >= 5
    assert all(segment.copied for segment in plan.segments)
    documents = parser.parse(blob(path))
    assert_true(documents, SCENES)
    assert {row.metadata["status"] for row in documents} == {"ok"}
    assert len(emulator.requests) == len(plan.segments)
    frames = 0
    for request in emulator.requests:
        with av.open(io.BytesIO(request.media[0].data)) as container:
            frames += sum(1 for _ in container.decode(video=0))
    assert frames == 240, "each frame is shown once"


@pytest.mark.parametrize(
    ("name", "more", "plan"),
    [
        ("whole.mp4", {}, {}),
        ("sparse.mp4", {"gop": 1000}, {"max_seconds": 6.0}),
        ("even.mp4", {"gop": 40}, {"max_seconds": 5.0, "boundaries": "even"}),
        ("other.mkv", {}, {"max_seconds": 9.0}),
        ("other.avi", {"codec": "mpeg4"}, {"max_seconds": 9.0}),
        ("frames.mp4", {"rate": 24, "gop": 30}, {"max_seconds": 4.0}),
    ],
)
def test_whole_copied_and_encoded_segments_have_the_same_truth(connect, tmp_path, name, more, plan):
    scenes = (
        SCENES if more.get("rate") != 24 else [(each, 5.0) for each in ("red", "green", "blue")]
    )
    path = coloured_video(tmp_path / name, scenes, **more)
    parser = MiMoMediaParser(connect(), plan=plan)
    segments = parser.plan(blob(path)).segments
    assert segments[-1].end_s == pytest.approx(sum(seconds for _, seconds in scenes), abs=FRAME)
    # MiMo looks at what it samples: encoding to 2 frames per second keeps half a second.
    is_encoded = any(segment.preparation for segment in segments)
    assert_true(parser.parse(blob(path)), scenes, 0.5 + FRAME if is_encoded else FRAME)


def test_nothing_is_sent_twice_whatever_the_file_is_called(emulator, connect, tmp_path):
    path = coloured_video(tmp_path / "a.mp4", SCENES)
    make = lambda: MiMoMediaParser(  # noqa: E731
        connect(), plan={"max_seconds": 10.0}, journal=tmp_path / "journal.db"
    )
    first = make().parse(blob(path))
    sent = len(emulator.requests)
    assert sent == 3
    assert make().parse(blob(path)) == first
    shutil.copy(path, tmp_path / "copy.mp4")
    copied = make().parse(blob(tmp_path / "copy.mp4"))
    path.rename(tmp_path / "renamed.mp4")
    renamed = make().parse(blob(tmp_path / "renamed.mp4"))
    assert len(emulator.requests) == sent
    for rows in (copied, renamed):
        assert [row.page_content for row in rows] == [row.page_content for row in first]
        assert not {row.id for row in rows} & {row.id for row in first}
    with MediaJournal(tmp_path / "journal.db") as journal:
        total = journal.report().to_dict()["total"]
    billed = [request.usage for request in emulator.requests]
    assert total["counts"]["input"] == sum(usage["prompt_tokens"] for usage in billed)
    assert total["counts"]["output"] == sum(usage["completion_tokens"] for usage in billed)
    assert (total["segments"], total["attempts"]) == (3, 3)
    assert total["cost"]["USD"] > 0


def test_an_edited_file_is_described_again(emulator, connect, tmp_path):
    path = coloured_video(tmp_path / "a.mp4", SCENES)
    parser = MiMoMediaParser(connect(), journal=tmp_path / "journal.db")
    before = parser.parse(blob(path))
    time.sleep(0.01)
    coloured_video(path, SCENES[::-1])
    after = parser.parse(blob(path))
    assert len(emulator.requests) == 2
    assert not {row.id for row in after} & {row.id for row in before}
    assert_true(after, SCENES[::-1])


def test_images_and_audio(emulator, connect, tmp_path):
    Image.new("RGB", (64, 48), (220, 20, 20)).save(tmp_path / "red.png")
    tones(tmp_path / "tones.wav", (440, 3), (0, 2), (880, 4))
    parser = MiMoMediaParser(connect(), plan={"max_seconds": 4.0})
    (image,) = parser.parse(blob(tmp_path / "red.png"))
    assert "mainly red" in image.page_content
    assert (image.metadata["modality"], image.metadata["end_s"]) == ("image", 0.0)
    audio = parser.parse(blob(tmp_path / "tones.wav"))
    assert {row.metadata["modality"] for row in audio} == {"audio"}
    times = [(row.metadata["start_s"], row.metadata["end_s"]) for row in audio]
    assert [each for pair in times for each in pair] == pytest.approx(
        [0, 3, 3, 5, 5, 6, 6, 9], abs=0.05
    )
    tones_heard = [re.findall(r"(\d+) Hz", row.page_content)[:1] for row in audio]
    assert tones_heard == [["440"], [], ["880"], ["880"]]
    assert {row.metadata["status"] for row in audio} == {"ok"}
    kinds = [item.kind for request in emulator.requests for item in request.media]
    assert kinds == ["image"] + ["audio"] * (len(kinds) - 1)


def test_bytes_are_cut_and_sent_inline(emulator, connect, tmp_path):
    data = coloured_video(tmp_path / "a.mp4", SCENES).read_bytes()
    llm = connect(allowed_media_dirs=())
    documents = MiMoMediaParser(llm, plan={"max_seconds": 5.0}).parse(Blob.from_data(data))
    assert_true(documents, SCENES)
    assert len(emulator.requests) > 4


def test_a_url_is_sent_as_it_is(emulator, connect):
    url = "https://example.com/talks/a.mp4"
    parser = MiMoMediaParser(connect(), plan={"fps": 1})
    documents = parser.parse(Blob(path=url))
    assert {row.metadata["status"] for row in documents} == {"ok"}
    (request,) = emulator.requests
    assert (request.media[0].url, request.media[0].fps) == (url, 1)
    assert all(row.metadata["link"].startswith(url) for row in documents)


def test_retries_are_counted(emulator, connect, tmp_path):
    path = coloured_video(tmp_path / "a.mp4", SCENES)
    emulator.fault("server_error", times=1)
    llm = connect(max_retries=2, retry_policy=RetryPolicy(initial_delay=0.01))
    parser = MiMoMediaParser(llm, journal=tmp_path / "journal.db")
    assert_true(parser.parse(blob(path)), SCENES)
    assert len(emulator.requests) == 2
    assert parser.journal.report().total.attempts == 2


class Sighting(MediaScene):
    colour: str


class Sightings(BaseModel):
    sightings: list[Sighting]


def test_a_schema_of_the_users_own(connect, tmp_path):
    path = coloured_video(tmp_path / "a.mp4", SCENES)
    parser = MiMoMediaParser(connect(), schema=Sightings, plan={"max_seconds": 10.0})
    documents = parser.parse(blob(path))
    assert_true(documents, SCENES)
    assert all("colour: " in row.page_content for row in documents)


def one_frame(path):
    return coloured_video(path, [("red", 0.1)])


def one_key_frame(path):
    return coloured_video(path, SCENES, gop=1000)


def rotated(path):
    coloured_video(path, SCENES)
    data = bytearray(path.read_bytes())
    identity = b"".join(
        v.to_bytes(4, "big") for v in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    )
    at = data.rindex(identity)  # of the track; that of the movie comes first
    turned = (0, 0x10000, 0, 0xFFFF0000, 0, 0, 120 << 16, 0, 0x40000000)
    data[at : at + 36] = b"".join(value.to_bytes(4, "big") for value in turned)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("make", [one_frame, one_key_frame, rotated])
@pytest.mark.parametrize("seconds", [5.0, 600.0])
def test_unusual_videos(connect, tmp_path, make, seconds):
    path = make(tmp_path / "odd.mp4")
    parser = MiMoMediaParser(connect(), plan={"max_seconds": seconds})
    documents = parser.parse(blob(path))
    assert {row.metadata["status"] for row in documents} == {"ok"}
    if make is not one_frame:
        assert_true(documents, SCENES, 0.6)


def test_a_video_without_its_index_says_so(emulator, connect, tmp_path):
    path = coloured_video(tmp_path / "cut.mp4", SCENES)
    path.write_bytes(path.read_bytes()[:-2000])  # the index is at the end
    with pytest.raises(MiMoError, match=r"cut\.mp4'"):
        MiMoMediaParser(connect()).parse(blob(path))
    rows = MiMoMediaParser(connect(), on_error="document").parse(blob(path))
    assert [row.metadata["status"] for row in rows] == ["error"]
    assert emulator.requests == []


@pytest.mark.parametrize("fault", ["content_filter", "moderation"])
def test_refusals_of_the_server(emulator, connect, tmp_path, fault):
    path = coloured_video(tmp_path / "a.mp4", SCENES)
    emulator.fault(fault, times=None)
    parser = MiMoMediaParser(
        connect(second_chance=False), on_error="document", journal=tmp_path / "journal.db"
    )
    (document,) = parser.parse(blob(path))
    assert document.metadata["status"] == "refused"
    sent = len(emulator.requests)
    emulator.clear_faults()
    assert parser.parse(blob(path)) == [document]
    assert len(emulator.requests) == sent, "a refusal is remembered"


def test_a_failure_is_asked_again_and_its_attempts_are_counted(emulator, connect, tmp_path):
    path = coloured_video(tmp_path / "a.mp4", SCENES)
    emulator.fault("server_error", times=1)
    parser = MiMoMediaParser(connect(), on_error="document", journal=tmp_path / "journal.db")
    (document,) = parser.parse(blob(path))
    assert document.metadata["status"] == "error"
    assert_true(parser.parse(blob(path)), SCENES)
    assert len(emulator.requests) == 2


def test_a_wrong_key_ends_the_run(emulator, connect, tmp_path):
    path = coloured_video(tmp_path / "a.mp4", SCENES)
    llm = connect(api_key="sk-wrong")
    parser = MiMoMediaParser(llm, plan={"max_seconds": 5.0}, on_error="skip", max_concurrency=1)
    with pytest.raises(MiMoAuthenticationError):
        parser.parse(blob(path))
    assert len(emulator.requests) == 1


async def test_the_async_half_blocks_nothing_and_gives_the_same(emulator, connect, tmp_path):
    paths = [coloured_video(tmp_path / "a.mp4", SCENES), coloured_video(tmp_path / "b.mkv", SCENES)]
    parser = MiMoMediaParser(connect(), plan={"max_seconds": 9.0})
    expected = [parser.parse(blob(path)) for path in paths]
    recorded = MiMoMediaParser(
        connect(), plan={"max_seconds": 9.0}, journal=tmp_path / "journal.db"
    )
    with blockbuster_ctx(scanned_modules=["langchain_mimo"]):
        for _ in range(2):
            for path, rows in zip(paths, expected, strict=True):
                assert [row async for row in recorded.alazy_parse(blob(path))] == rows


async def test_cancelling_leaves_no_task_no_draft_and_no_claim(
    emulator, connect, tmp_path, monkeypatch
):
    path = coloured_video(tmp_path / "a.mkv", [("red", 60), ("green", 60)], size=(640, 480))
    drafts = tmp_path / "drafts"
    drafts.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(drafts))
    parser = MiMoMediaParser(connect(), plan={"max_seconds": 30.0}, journal=tmp_path / "journal.db")
    before = asyncio.all_tasks()
    task = asyncio.create_task(parser.aparse(blob(path)))
    while not list(drafts.iterdir()):  # noqa: ASYNC110 - files tell nobody that encoding has begun
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(drafts.iterdir()) == []
    assert asyncio.all_tasks() == before
    assert emulator.requests == []
    documents = await asyncio.wait_for(parser.aparse(blob(path)), 120)
    assert_true(documents, [("red", 60), ("green", 60)], 0.6)
