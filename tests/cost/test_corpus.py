"""The plan of a corpus: its tokens are those of the files' estimates, and nothing ends it."""

import dataclasses
import os

import media_collection
import pytest
from media_files import make, make_video

from langchain_mimo.catalogue import PRICES, AccountLimits, Price
from langchain_mimo.cost import Money, UnreadableFile, estimate_file, plan_corpus, plan_segments
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import probe

MODEL = "mimo-v2.6-flash"
KINDS = ("image", "video", "audio", "marks")


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """A folder with every file of the collection, of all formats and faults."""
    folder = tmp_path_factory.mktemp("collection")
    for file in media_collection.collection():
        (folder / file.name).write_bytes(file.data)
    return folder


@pytest.fixture
def folder(tmp_path):
    """A folder with a photo, a video of a subfolder, audio, and a text."""
    (tmp_path / "b").mkdir()
    (tmp_path / "a.png").write_bytes(make("drawing.png"))
    (tmp_path / "b" / "talk.mp4").write_bytes(make_video("mp4", seconds=10))
    (tmp_path / "c.wav").write_bytes(make("voice.wav"))
    (tmp_path / "notes.txt").write_text("not media")
    return tmp_path


@pytest.mark.parametrize("options", [{}, {"fps": 0.5, "media_resolution": "max"}], ids=str)
def test_every_file_costs_what_its_estimate_says(collection, options):
    corpus = plan_corpus(collection, model=MODEL, output_tokens=7, **options)
    planned = {file.path.name: file for file in corpus.files}
    refused = {file.path.name: file.reason for file in corpus.unreadable}
    said, cost = {}, 0.0
    for path in collection.iterdir():
        try:
            estimate = estimate_file(path, model=MODEL, output_tokens=7, **options)
        except MediaError as error:
            said[path.name] = str(error)
            continue
        tokens = planned[path.name].tokens
        assert [getattr(tokens, kind) for kind in KINDS] == [
            getattr(estimate, kind) for kind in KINDS
        ], path.name
        assert (tokens.low, tokens.high) == (estimate.low, estimate.high), path.name
        assert planned.pop(path.name).requests == 1
        cost += estimate.cost_usd
    assert not planned
    assert set(said) == set(refused)
    assert all(said[name].endswith(reason) for name, reason in refused.items())
    assert len(corpus.files) > 50
    assert len(refused) > 20
    assert corpus.likely.amount == pytest.approx(cost)
    assert corpus.low < corpus.likely < corpus.high


@pytest.mark.parametrize("limit", [{"segment_seconds": 0.3}, {"segment_tokens": 60}], ids=str)
def test_segments_cost_what_their_plan_says(collection, limit):
    corpus = plan_corpus(collection, model=MODEL, **limit)
    cut = [file for file in corpus.files if file.requests > 1 and file.tokens.note is None]
    assert len(cut) > 20
    for file in cut:
        segments = plan_segments(
            file.path,
            budget_tokens=limit.get("segment_tokens", 10**6),
            max_seconds=limit.get("segment_seconds", 10**6),
        )
        assert file.requests == len(segments)
        assert file.tokens.low == file.tokens.total == file.tokens.high
        # Segments are equal but for the last digits of their ends.
        assert abs(file.tokens.total - sum(s.tokens for s in segments)) <= len(segments), file
        assert file.advice


def test_unknown_lengths_give_a_range_of_segments(collection):
    whole = plan_corpus(collection, model=MODEL)
    unknown = {f.path for f in whole.files if f.tokens.note and f.kind != "image"}
    assert unknown
    for file in plan_corpus(sorted(unknown), model=MODEL, segment_seconds=0.5).files:
        assert 0 <= file.tokens.low <= file.tokens.total <= file.tokens.high


def test_folders_patterns_and_files_count_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = ["a.png", "b/talk.mp4", "c.wav"]
    for paths in (
        ".",
        folder,
        [folder, "a.png", str(folder / "b")],
        ["*.png", "**/*.mp4", "c.wav", "./c.wav", "b/../c.wav"],
        iter(["c.wav", "a.png", "b"]),
        ["**"],
    ):
        corpus = plan_corpus(paths, model=MODEL)
        assert sorted(os.path.relpath(file.path) for file in corpus.files) == names
        assert corpus.requests == 3


def test_what_cannot_be_read_is_listed_and_ends_nothing(folder):
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "broken.png").write_bytes(make("drawing.png")[:20])
    (folder / "lost.jpg").symlink_to(folder / "nowhere.jpg")
    os.mkfifo(folder / "pipe.wav")
    corpus = plan_corpus([folder, folder / "gone.mp4", str(folder / "*.mkv")], model=MODEL)
    assert len(corpus.files) == 3
    reasons = {file.path.name: file.reason for file in corpus.unreadable}
    assert set(reasons) == {
        *("empty.mp4", "broken.png", "lost.jpg", "pipe.wav", "notes.txt", "gone.mp4", "*.mkv")
    }
    assert reasons["gone.mp4"] == "there is no such file"
    assert reasons["*.mkv"] == "no file matches it"
    assert all(reasons.values())
    assert not any(str(folder) in reason for reason in reasons.values())
    shown = str(corpus)
    assert "Not counted: 7." in shown
    assert "- and 2 more, in unreadable" in shown


def test_folders_that_link_to_themselves_end(folder):
    (folder / "b" / "loop").symlink_to(folder, target_is_directory=True)
    assert len(plan_corpus(folder, model=MODEL).files) == 3


def test_money_tokens_bytes_and_hours_by_hand(folder):
    corpus = plan_corpus(folder, model=MODEL, prompt_tokens=100, output_tokens=1_000)
    media = {name: estimate_file(folder / name, model=MODEL) for name in ("a.png", "c.wav")}
    video = estimate_file(folder / "b" / "talk.mp4", model=MODEL)
    total = sum(estimate.total for estimate in (*media.values(), video))
    assert corpus.tokens == {
        "image": media["a.png"].image,
        "video": video.video,
        "audio": media["c.wav"].audio + video.audio,
        "marks": media["c.wav"].marks + video.marks,
        "text": 300,
        "output": 3_000,
    }
    assert corpus.total_tokens == total + 3_300
    expected = ((total + 300) * 0.14 + 3_000 * 0.28) / 1e6
    assert corpus.likely.amount == pytest.approx(expected)
    sizes = [file.stat().st_size for file in (folder / "a.png", folder / "c.wav")]
    sizes.append((folder / "b" / "talk.mp4").stat().st_size)
    assert corpus.upload_bytes == sum((size + 2) // 3 * 4 for size in sizes)
    assert corpus.seconds == pytest.approx(10 + probe(folder / "c.wav").duration_s)
    assert corpus.hours_by_requests == pytest.approx(3 / 100 / 60)
    assert corpus.hours_by_tokens == pytest.approx(corpus.total_tokens / 1e7 / 60)
    assert (corpus.binding, corpus.hours) == ("requests", corpus.hours_by_requests)


def test_the_limit_that_binds_is_named(folder):
    limits = AccountLimits(requests_per_minute=1_000, tokens_per_minute=10)
    corpus = plan_corpus(folder, model=MODEL, limits=limits)
    assert corpus.binding == "tokens"
    assert corpus.hours == corpus.hours_by_tokens > corpus.hours_by_requests
    only = plan_corpus(folder, model=MODEL, limits=AccountLimits(requests_per_minute=1))
    assert (only.binding, only.hours, only.hours_by_tokens) == ("requests", 3 / 60, None)
    none = plan_corpus(folder, model=MODEL, limits=AccountLimits())
    assert (none.binding, none.hours) == (None, None)
    assert "no limits per minute are known" in str(none)


def test_prices_of_every_tier_and_currency(folder):
    usd, cny, half = (
        plan_corpus(folder, model=MODEL, **options).likely
        for options in ({}, {"currency": "CNY"}, {"tier": "batch"})
    )
    ratio = PRICES[MODEL, "realtime", "CNY"].input / PRICES[MODEL, "realtime", "USD"].input
    assert (cny.amount, cny.currency) == (pytest.approx(usd.amount * ratio), "CNY")
    assert half.amount == pytest.approx(usd.amount / 2)
    assert plan_corpus(folder, model=MODEL, tier="batch").hours is None


def test_unknown_prices_are_unknown_and_own_ones_count(folder):
    corpus = plan_corpus(folder, model="mimo-v9")
    assert (corpus.low, corpus.likely, corpus.high, corpus.price_as_of) == (None,) * 4
    assert "Cost: unknown, because no price of 'mimo-v9' is known." in str(corpus)
    misspelt = str(plan_corpus(folder, model="mimo-v2.6-flas"))
    assert "no price of 'mimo-v2.6-flas' is known; did you mean 'mimo-v2.6-flash'?" in misspelt
    day = PRICES[MODEL, "realtime", "USD"].as_of
    own = {"mimo-v9": Price(0, 1.0, 1.0, day)}
    assert plan_corpus(folder, model="mimo-v9", prices=own).likely.amount == pytest.approx(
        corpus.total_tokens / 1e6
    )


def test_what_exceeds_the_context_window_is_cut(tmp_path):
    path = tmp_path / "talk.mp4"
    path.write_bytes(make_video("mp4", seconds=10))
    (whole,) = plan_corpus(path, model=MODEL).files
    room = whole.tokens.total // 3
    (file,) = plan_corpus(path, model=MODEL, prompt_tokens=1_048_576 - room).files
    assert file.requests == len(plan_segments(path, budget_tokens=room)) > 2
    assert whole.requests == 1


def test_the_limit_of_frames_is_said_of_a_file(tmp_path):
    path = tmp_path / "talk.mp4"
    path.write_bytes(make_video("mp4", seconds=300, size=(32, 32), rate=1))
    line = "Videos of which MiMo looks at only 2,048 frames: 1; segment_seconds cuts them."
    corpus = plan_corpus(path, model=MODEL, fps=10)
    (file,) = corpus.files
    assert file.requests == 1
    assert file.tokens.frame_limit == (
        "MiMo looks at only 2,048 frames, one in 0.15 s; plan_segments keeps 10 fps"
    )
    assert line in str(corpus).splitlines()
    cut = plan_corpus(path, model=MODEL, fps=10, segment_seconds=200)
    assert (cut.files[0].requests, cut.files[0].tokens.frame_limit) == (2, None)
    assert cut.files[0].tokens.video > file.tokens.video
    assert line not in str(cut)
    assert line not in str(plan_corpus(path, model=MODEL, fps=5))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"paths": 7}, "paths must be paths of files or folders, got 7"),
        ({"paths": b"a.png"}, "paths must be paths of files or folders, got b'a.png'"),
        ({"paths": ["a.png", 7]}, "paths must be paths of files or folders, got 7"),
        ({"paths": {"a.png": 1}}, "paths must be paths of files or folders, got {'a.png': 1}"),
        ({"paths": ["a.png", ""]}, "paths must be paths of files or folders, got ''"),
        ({"paths": ""}, "paths must be paths of files or folders, got ''"),
        ({"paths": "a\0b.png"}, "paths must be paths of files or folders, got 'a"),
        ({"model": ""}, "model must be a model id, got ''"),
        ({"model": None}, "model must be a model id, got None"),
        ({"fps": 0}, "fps must be a number from 0.1 to 10, got 0"),
        ({"media_resolution": "low"}, "media_resolution must be 'default' or 'max', got 'low'"),
        ({"segment_seconds": 0}, "segment_seconds must be a number >= 0.1, got 0"),
        ({"segment_tokens": 0}, "segment_tokens must be an integer >= 1, got 0"),
        ({"output_tokens": -1}, "output_tokens must be an integer >= 0, got -1"),
        ({"prompt_tokens": 1_048_576}, "prompt_tokens and output_tokens leave nothing of the"),
        ({"tier": "fast"}, "tier must be 'realtime' or 'batch', got 'fast'"),
        ({"currency": "EUR"}, "currency must be 'USD' or 'CNY', got 'EUR'"),
        ({"prices": 1}, "prices must be a dict"),
        ({"limits": 100}, "limits must be a catalogue.AccountLimits, got 100"),
        ({"limits": AccountLimits(0)}, "requests_per_minute must be a number >= 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, complaint):
    with pytest.raises(MiMoInputError) as caught:
        plan_corpus(**({"paths": [], "model": MODEL} | arguments))
    assert str(caught.value).startswith(complaint)


def test_an_empty_corpus_costs_nothing_and_says_so(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".DS_Store").write_bytes(b"x")
    corpus = plan_corpus(tmp_path, model=MODEL)
    assert (corpus.requests, corpus.likely, corpus.hours) == (0, Money(0.0), 0.0)
    assert "Cost: 0.00 USD" in str(corpus)
    reason = "empty: it has no files, apart from hidden ones"
    assert [(file.path, file.reason) for file in corpus.unreadable] == [(tmp_path, reason)]
    assert str(corpus).splitlines()[-1] == f"- {tmp_path}: {reason}"
    nothing = plan_corpus([], model=MODEL)
    assert (nothing.requests, nothing.likely, nothing.unreadable) == (0, Money(0.0), ())
    assert str(nothing).splitlines()[-1] == "Nothing is planned: no files have to be sent."


def test_hidden_files_count_only_when_named(folder):
    (folder / ".thumbs").mkdir()
    for name in (".a.png", ".thumbs/b.png"):
        (folder / name).write_bytes(make("drawing.png"))
    assert len(plan_corpus([folder, str(folder / "**")], model=MODEL).files) == 3
    named = plan_corpus([folder, folder / ".a.png", folder / ".thumbs"], model=MODEL)
    assert len(named.files) == 5


def test_links_to_files_count_and_linked_folders_count_once(folder):
    (folder / "twin.png").symlink_to(folder / "a.png")
    for name in ("loop", "other"):  # `glob` takes for ever to follow two of them
        (folder / "b" / name).symlink_to(folder, target_is_directory=True)
    for paths in (
        folder,
        str(folder / "**"),
        str(folder / "**" / "*.*"),
        [folder, folder / "b" / "loop"],
    ):
        names = sorted(file.path.name for file in plan_corpus(paths, model=MODEL).files)
        assert names == ["a.png", "c.wav", "talk.mp4", "twin.png"]


@pytest.mark.parametrize("pattern", ["*.mkv", "**/x", "gone/*.png", "*b", "**/b", "gone/**"])
def test_a_pattern_without_files_says_so(folder, pattern):
    corpus = plan_corpus(str(folder / pattern), model=MODEL)
    assert [file.reason for file in corpus.unreadable] == ["no file matches it"]


@pytest.mark.parametrize(
    "url", ["https://host/a.png", "HTTP://host/a.mp4", "s3://b/k*.wav", "file:///a.png", "data:image/png;base64,AA"]
)  # fmt: skip
def test_urls_are_listed_as_such(url, folder):
    corpus = plan_corpus([url, folder / "a.png"], model=MODEL)
    assert len(corpus.files) == 1
    assert [file.reason for file in corpus.unreadable] == [
        "URLs cannot be planned; download the file and give its path"
    ]


@pytest.mark.parametrize("pattern", ["b/*.png", "*/*.png", "**/*.png", "b/**", "b/*/x.png"])
def test_folders_that_cannot_be_read_are_listed_with_patterns(folder, pattern, monkeypatch):
    def scan(path, scandir=os.scandir):
        if str(path).rstrip("/").endswith("/b"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)  # root may read everything
    corpus = plan_corpus(str(folder / pattern), model=MODEL)
    reasons = [(file.path, file.reason) for file in corpus.unreadable]
    assert reasons == [(folder / "b", "it cannot be read: Permission denied")]


def test_a_path_in_a_folder_that_may_not_be_entered_says_so(folder, monkeypatch):
    def lstat(path, **kwargs):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "lstat", lstat)
    (file,) = plan_corpus(folder / "a.png", model=MODEL).unreadable
    assert file.reason == "it cannot be read: Permission denied"


def test_the_table_of_a_corpus(folder):
    limits = AccountLimits(requests_per_minute=2, tokens_per_minute=10)
    corpus = plan_corpus(folder, model=MODEL, limits=limits, output_tokens=1_000_000)
    kinds, summary = str(corpus).split("\n\n")
    assert [line.split()[0] for line in kinds.splitlines()] == [
        *("files", "image", "video", "audio", "all,")
    ]
    assert kinds.splitlines()[-1].split()[5] == "3"
    price = f"{corpus.likely} (realtime, prices of {corpus.price_as_of})."
    assert summary.splitlines()[1:3] == [
        f"Cost: {price}",
        f"Time at the limits per minute: 1.5 min by requests, {corpus.hours:,.1f} h by tokens.",
    ]


@pytest.mark.parametrize(
    ("path", "reason", "line"),
    [
        ("a.png", "'a.png' cannot be read: it is gone", "- 'a.png' cannot be read: it is gone"),
        ("a.png", "it is gone", "- a.png: it is gone"),
        ("https://example.com/a.mp4", "its size is not known", "- https://example.com/a.mp4: its"),
    ],
)
def test_what_is_not_counted_names_its_path_once(path, reason, line):
    given = (UnreadableFile(path, reason),)
    estimate = dataclasses.replace(plan_corpus([], model=MODEL), unreadable=given)
    assert line in str(estimate)
    assert str(estimate).count(path) == 1
