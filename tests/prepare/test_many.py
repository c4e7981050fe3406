"""prepare_many: order, bounded work, and errors that end nothing."""

import functools
import threading
import time
from pathlib import Path

import pytest
from media_files import make

from langchain_mimo.errors import MediaError, MiMoConfigurationError, MiMoInputError
from langchain_mimo.media import probe
from langchain_mimo.prepare import Prepared, prepare_many, prepare_video


def result(number):
    return Prepared(None, bytes([number]), "video/mp4", ())


def test_results_come_in_the_order_of_the_calls():
    def call(number):
        time.sleep(0.02 * (number % 3))
        return result(number)

    calls = (functools.partial(call, number) for number in range(12))
    assert list(prepare_many(calls, max_workers=4)) == [result(number) for number in range(12)]


def test_one_bad_file_ends_nothing(tmp_path):
    files = {"a.mp4": make("video.webm"), "b.mp4": b"no video", "c.mp4": make("video.mkv")}
    calls = [
        functools.partial(prepare_video, data, tmp_path / name) for name, data in files.items()
    ]
    first, second, third = prepare_many(calls, max_workers=2)
    assert isinstance(second, MediaError)
    assert "it is text" in str(second)
    for prepared in (first, third):
        assert prepared.notes
        assert probe(prepared.path).duration_s == pytest.approx(2.0, abs=0.1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "c.mp4"]


def test_few_calls_are_ahead_of_the_result():
    lock, running, peak, started = threading.Lock(), 0, 0, 0

    def call(number):
        nonlocal running, peak, started
        with lock:
            running, started = running + 1, started + 1
            peak = max(peak, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        return result(number % 256)

    taken = 0

    def calls():
        nonlocal taken
        for number in range(300):
            taken += 1
            yield functools.partial(call, number)

    results = prepare_many(calls(), max_workers=3)
    for yielded in range(1, 101):
        next(results)
        assert taken <= yielded + 6
    results.close()
    assert peak <= 3
    assert started <= taken <= 106
    assert running == 0


def test_other_errors_are_raised_in_turn_and_nothing_is_started_after():
    started = []

    def call(number):
        started.append(number)
        if number == 3:
            raise MiMoConfigurationError("PyAV is not installed")
        return result(number)

    results = prepare_many((functools.partial(call, n) for n in range(50)), max_workers=1)
    assert [next(results).data for _ in range(3)] == [b"\0", b"\1", b"\2"]
    with pytest.raises(MiMoConfigurationError):
        next(results)
    assert len(started) <= 6
    assert next(results, None) is None


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", True])
def test_invalid_numbers_of_workers_are_refused(workers):
    with pytest.raises(MiMoInputError, match="max_workers"):
        prepare_many([], max_workers=workers)


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ({"output": "part.mp4"}, {"output": "./folder/../part.mp4"}),
        ({"output": "part.mp4"}, {"output": Path("link.mp4")}),
        ({"output": Path("part.mp4")}, {"output": "part.mp4"}),
    ],
)
def test_two_calls_never_write_to_one_output(options, others, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("link.mp4").symlink_to("part.mp4")
    video = make("video.mkv")
    calls = [
        functools.partial(prepare_video, video, "first.mp4"),
        functools.partial(prepare_video, video, **options),
        functools.partial(functools.partial(prepare_video, end_s=1.0), video, others["output"]),
    ]
    text = f"calls[1] and calls[2] write to the same output, {str(tmp_path / 'part.mp4')!r}; give"
    with pytest.raises(MiMoInputError) as caught:
        prepare_many(calls)
    assert str(caught.value).startswith(text)
    assert not Path("first.mp4").exists()

    written = prepare_many((call for call in calls), max_workers=1)
    with pytest.raises(MiMoInputError) as caught:
        list(written)
    assert str(caught.value).startswith(text)
    # Whatever was written, the third call, which ends after a second, has not replaced it.
    assert not Path("part.mp4").exists() or probe("part.mp4").duration_s == pytest.approx(
        2.0, abs=0.1
    )


def test_calls_without_an_output_or_with_a_wrong_one_are_left_to_themselves():
    video = make("video.mkv")
    calls = [
        functools.partial(prepare_video, video, output=output) for output in (None, None, 5, 5)
    ]
    results = list(prepare_many([*calls, lambda: prepare_video(video)]))
    assert [type(result) for result in results] == [Prepared] * 2 + [MediaError] * 2 + [Prepared]


def test_no_call_runs_before_a_result_is_taken():
    started = []
    results = prepare_many([lambda: started.append(1) or result(1)])
    assert not started
    assert next(results) == result(1)
    assert started == [1]


def test_no_calls_have_no_results():
    assert list(prepare_many([])) == []
