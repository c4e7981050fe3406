"""Answers become Documents: times, links, metadata, ids, and what is wrong is marked."""

import json
import logging
import math
from datetime import time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.load import dumps, loads
from langchain_core.vectorstores import InMemoryVectorStore
from pydantic import BaseModel

from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.document_loaders.documents import (
    Described,
    documents_of,
    failure,
    link_to,
    source_times,
)
from langchain_mimo.document_loaders.schemas import MediaDescription, MediaOverview, MediaScene
from langchain_mimo.errors import MediaError, MiMoServerError

KEYS = {
    "source": str, "source_sha256": str, "modality": str, "start_s": float, "end_s": float,
    "segment_index": int, "segment_count": int, "scene_index": int, "link": str, "model": str,
    "prompt_sha256": str, "fps": float, "media_resolution": str, "status": str,
}  # fmt: skip
SEGMENT = MediaSegment(
    60.0, 90.5, 100, modality="video", index=1, count=3, copied=True, fps=2, media_resolution="max"
)
IMAGE = MediaSegment(0.0, 0.0, 9, modality="image", whole=True)
REMOTE = MediaSegment(0.0, 0.0, 0, modality="audio", whole=True)


def described(segment=SEGMENT, source="talks/a b.mp4", key="k"):
    return Described(source, "ab" * 32, segment, "mimo-v2.6-flash", "cd" * 32, key)


def scene(start, end, description="x", **more):
    return {"start_s": start, "end_s": end, "description": description, **more}


def answer(*scenes, **more):
    return json.dumps({"summary": "s", "scenes": scenes, **more})


def documents(text, segment=SEGMENT, schema=MediaDescription):
    return documents_of(text, described(segment), schema)


def check_metadata(document):
    assert {name: type(value) for name, value in document.metadata.items()} == KEYS
    assert list(document.metadata) == list(KEYS)
    assert document.page_content.strip()
    assert len(document.id) == 32
    assert int(document.id, 16) >= 0


def test_each_scene_becomes_a_document_in_seconds_of_the_source():
    first, second = documents(
        answer(
            scene(0, "0:12.25", "A boat comes in.", speech="Ahoy!", text="No 5"),
            scene(12.25, 30.5, "It leaves."),
        )
    )
    assert first.page_content == "A boat comes in.\nspeech: Ahoy!\ntext: No 5"
    assert first.metadata == {
        "source": "talks/a b.mp4", "source_sha256": "ab" * 32, "modality": "video",
        "start_s": 60.0, "end_s": 72.25, "segment_index": 1, "segment_count": 3, "scene_index": 0,
        "link": "talks/a%20b.mp4#t=60,72.25", "model": "mimo-v2.6-flash",
        "prompt_sha256": "cd" * 32, "fps": 2.0, "media_resolution": "max", "status": "ok",
    }  # fmt: skip
    assert (second.metadata["start_s"], second.metadata["end_s"]) == (72.25, 90.5)
    assert second.metadata["scene_index"] == 1
    check_metadata(first)


@pytest.mark.parametrize("segment", [SEGMENT, IMAGE, REMOTE])
def test_an_answer_without_scenes_becomes_one_document(segment):
    for schema, text in (
        (MediaDescription, answer(speech="Hello.", text_on_screen="EXIT")),
        (MediaOverview, json.dumps({"summary": "s", "speech": "Hello.", "text_on_screen": "EXIT"})),
    ):
        (document,) = documents(text, segment, schema)
        check_metadata(document)
        assert document.page_content == "s\nspeech: Hello.\ntext on screen: EXIT"
        assert document.metadata["start_s"] == segment.start_s
        assert document.metadata["end_s"] == segment.end_s
        assert document.metadata["fps"] == float(segment.fps or 0)
        assert document.metadata["status"] == "ok"


def test_words_that_no_scene_has_become_a_document_of_the_segment():
    rows = documents(answer(scene(0, 5), scene(5, 30), speech="Hello.", text_on_screen="EXIT"))
    assert [row.page_content for row in rows] == ["x", "x", "speech: Hello.\ntext on screen: EXIT"]
    assert (rows[2].metadata["start_s"], rows[2].metadata["end_s"]) == (60.0, 90.5)
    assert rows[2].metadata["scene_index"] == 2
    rows = documents(answer(scene(0, 5, speech="Hello.", text="EXIT"), speech="Hello."))
    assert len(rows) == 1


class Goal(MediaScene):
    player: str


class Match(BaseModel):
    goals: list[Goal]
    score: str = ""


def test_a_schema_of_the_users_own():
    text = json.dumps({"goals": [scene(1, 2, player="Ada")], "score": "1:0"})
    goal, match = documents(text, schema=Match)
    assert goal.page_content == "x\nplayer: Ada"
    assert (goal.metadata["start_s"], goal.metadata["end_s"]) == (61.0, 62.0)
    assert match.page_content == "score: 1:0"
    assert match.metadata["scene_index"] == 1
    (only,) = documents('{"goals": [], "score": "0:0"}', schema=Match)
    assert (only.page_content, only.metadata["status"]) == ("score: 0:0", "ok")


WRONG = [
    (31.6, 31.8, "30.5 s"), (0, 31.6, "30.5 s"), (5, 4, "ends before it starts"),
    (-1.1, 4, "at least 0"), (-2, -1, "at least 0"), (float("nan"), 4, "no numbers"),
    (0, float("inf"), "no numbers"), (float("-inf"), 4, "no numbers"), (1e308, 1e308, "30.5 s"),
]  # fmt: skip


@pytest.mark.parametrize(("start", "end", "reason"), WRONG)
def test_times_that_cannot_be_true_are_marked_and_logged(start, end, reason, caplog):
    caplog.set_level(logging.WARNING, "langchain_mimo")
    good, bad = documents(answer(scene(0, 5), scene(start, end, "odd")))
    assert good.metadata["status"] == "ok"
    assert (bad.page_content, bad.metadata["status"]) == ("odd", "error")
    assert (bad.metadata["start_s"], bad.metadata["end_s"]) == (60.0, 90.5)
    (record,) = caplog.records
    assert reason in record.getMessage()
    assert "'talks/a b.mp4', 60 s to 90.5 s: scene 1" in record.getMessage()


def test_times_up_to_a_second_behind_the_end_are_cut():
    rows = documents(answer(scene(30, 31.5), scene(31, 31.2)))
    assert [(row.metadata["start_s"], row.metadata["end_s"]) for row in rows] == [
        (90.0, 90.5),
        (90.5, 90.5),
    ]
    assert {row.metadata["status"] for row in rows} == {"ok"}


def test_times_up_to_a_second_before_the_start_are_cut():
    [document] = documents(answer(scene(-0.5, 4)))
    assert document.metadata["status"] == "ok"
    assert document.metadata["start_s"] == SEGMENT.start_s
    assert document.metadata["end_s"] == SEGMENT.start_s + 4


@pytest.mark.parametrize("kind", [str, timedelta, time])
def test_times_of_a_schema_of_the_users_own_may_be_of_any_type_that_states_seconds(kind):
    class Part(BaseModel):
        start_s: kind
        end_s: kind
        what: str

    class Parts(BaseModel):
        parts: list[Part]

    part = {"start_s": "00:00:01", "end_s": "00:00:03", "what": "x"}
    [document] = documents(json.dumps({"parts": [part]}), schema=Parts)
    assert document.metadata["status"] == "ok"
    times = document.metadata["start_s"], document.metadata["end_s"]
    assert times == (SEGMENT.start_s + 1, SEGMENT.start_s + 3)


def test_what_is_shown_may_begin_before_the_segment_and_end_behind_it():
    audio = MediaSegment(3.0, 6.0, 19, modality="audio", index=1, count=3, copied=True)
    shown = (2.944, 6.016)
    assert source_times(0, 0.5, audio, shown) == (3.0, 3.444)
    assert source_times(0.056, 3.072, audio, shown) == (3.0, 6.0)
    assert source_times(1, 4.05, audio, shown) == (3.944, 6.0)
    with pytest.raises(ValueError, match=r"3\.072 s were shown"):
        source_times(1, 4.1, audio, shown)


def test_a_source_of_unknown_length_has_the_times_of_the_answer():
    (row,) = documents(answer(scene(3600, 3601.5)), REMOTE)
    assert (row.metadata["start_s"], row.metadata["end_s"]) == (3600.0, 3601.5)


def test_an_image_has_no_times():
    (row,) = documents(answer(scene(3, 4)), IMAGE)
    assert (row.metadata["start_s"], row.metadata["end_s"]) == (0.0, 0.0)
    assert row.metadata["link"] == "talks/a%20b.mp4"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"summary": "x"',
        answer({"start_s": "?"}),
        "[" * 100_000,
        "\ud800",
    ],
)
def test_an_answer_that_does_not_fit_keeps_its_text(text, caplog):
    (row,) = documents(text)
    check_metadata(row)
    assert row.metadata["status"] == "error"
    assert row.page_content == (text[:2000] or "The answer of the model was empty.")
    assert "does not fit MediaDescription" in caplog.text


def test_an_answer_that_says_nothing_is_an_error():
    (row,) = documents('{"summary": " ", "scenes": []}')
    assert row.metadata["status"] == "error"
    (row,) = documents(answer(scene(0, 1, " ")))
    assert (row.metadata["status"], row.metadata["end_s"]) == ("error", 61.0)
    check_metadata(row)


NUMBERS = st.floats() | st.integers(-(10**400), 10**400) | st.integers(-5, 700)
SEGMENTS = st.tuples(st.integers(0, 10**8), st.integers(1, 10**6)).map(
    lambda ms: MediaSegment(ms[0] / 1000, (ms[0] + ms[1]) / 1000, 0)
)


@settings(deadline=None)
@given(NUMBERS, NUMBERS, SEGMENTS)
@example(30.5, 31.5, SEGMENT)
def test_times_lie_within_the_segment_or_are_refused(start, end, segment):
    length = segment.end_s - segment.start_s
    is_true = -1 <= start <= end <= length + 1
    try:
        found = source_times(start, end, segment)
    except ValueError:
        assert not is_true
        return
    assert is_true
    assert segment.start_s - 1e-3 <= found[0] <= found[1] <= segment.end_s + 1e-3
    if end <= length:
        assert math.isclose(found[0], segment.start_s + max(start, 0), abs_tol=1e-3)
        assert math.isclose(found[1], segment.start_s + max(end, 0), abs_tol=1e-3)


def test_the_id_follows_source_key_place_and_text():
    def ids(text, **more):
        return [row.id for row in documents_of(text, described(**more), MediaDescription)]

    text = answer(scene(0, 1), scene(1, 2))
    first = ids(text)
    assert len(set(first)) == 2
    assert ids(text) == first
    assert not set(ids(text, source="b.mp4")) & set(first)
    assert not set(ids(text, key="other")) & set(first)
    assert ids(answer(scene(0, 1), scene(1, 2, "y")))[0] == first[0]
    assert ids(answer(scene(0, 1), scene(1, 2, "y")))[1] != first[1]


@pytest.mark.parametrize(
    ("source", "link"),
    [
        ("a b/c#d?.mp4", "a%20b/c%23d%3F.mp4#t=1.5,40"),
        ("a:b.mp4", "a%3Ab.mp4#t=1.5,40"),
        ("a\udcff.mp4", "a%FF.mp4#t=1.5,40"),
        ("/media/ü.mp4", "/media/%C3%BC.mp4#t=1.5,40"),
        ("https://x.org/a.mp4?q=1", "https://x.org/a.mp4?q=1#t=1.5,40"),
        ("https://x.org/a.mp4#t=7", "https://x.org/a.mp4#t=1.5,40"),
        ("https://x.org/a.mp4#xywh=1,2&t=7", "https://x.org/a.mp4#xywh=1,2&t=1.5,40"),
        ("https://x.org/a.mp4#top", "https://x.org/a.mp4#t=1.5,40"),
        ("https://www.youtube.com/watch?v=ab-_", "https://www.youtube.com/watch?v=ab-_&t=1s"),
        ("https://youtube.com/watch?t=9s&v=x#t=9", "https://youtube.com/watch?v=x&t=1s"),
        ("https://m.youtube.com/watch?v=x", "https://m.youtube.com/watch?v=x&t=1s"),
        ("https://youtu.be/x", "https://youtu.be/x?t=1s"),
        ("https://www.youtube.com/embed/x?start=9", "https://www.youtube.com/embed/x?start=1"),
        ("https://notyoutube.com/a.mp4", "https://notyoutube.com/a.mp4#t=1.5,40"),
        ("sha256:ab", ""),
    ],
)  # fmt: skip
def test_links(source, link):
    assert link_to(source, 1.5, 40.0) == link


def test_a_link_to_all_of_a_source_has_no_time():
    assert link_to("a.png", 0.0, 0.0) == "a.png"
    assert link_to("https://youtu.be/x#t=3", 0.0, 0.0) == "https://youtu.be/x#t=3"
    assert link_to("a.mp4", 0.0, 0.1 + 0.2) == "a.mp4#t=0,0.3"
    # An empty fragment would be ignored, and the beginning played.
    assert link_to("a.mp4", 5.0, 5.0) == "a.mp4#t=5,6"
    assert link_to("a.mp4", 5.0001, 5.0002) == "a.mp4#t=5,6"
    assert link_to("https://example.com/a.mp4", 5.5, 5.5) == "https://example.com/a.mp4#t=5.5,6.5"


def test_failures_are_one_sentence_that_is_the_same_in_each_run():
    error = MediaError("'a.mp4' has changed since it was planned; load it again", 0, 0)
    row = failure(described(), error, "error")
    check_metadata(row)
    assert row.page_content == (
        "This segment of the video could not be described: 'a.mp4' has changed since it was "
        "planned; load it again."
    )
    one, two = (
        failure(described(), MiMoServerError("busy", status_code=500, request_id=each), "error")
        for each in "ab"
    )
    assert one.id == two.id
    assert one.page_content == "This segment of the video could not be described: busy."
    secret = failure(described(IMAGE), ValueError("sk-0123456789abcdef is wrong"), "error")
    assert secret.page_content == "This image could not be described: sk-[key] is wrong."
    refused = failure(described(), "x" * 5000, "refused")
    assert refused.page_content == "This segment of the video was refused by the model."
    assert refused.metadata["status"] == "refused"


def test_documents_survive_json_and_stores_that_filter():
    rows = documents(answer(scene(0, 5, "a"), scene(5, 30, "b")))
    assert [loads(dumps(row), allowed_objects=[Document]) for row in rows] == rows
    assert json.loads(json.dumps([row.metadata for row in rows])) == [row.metadata for row in rows]
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    assert store.add_documents(rows) == [row.id for row in rows]
    found = store.similarity_search("b", filter=lambda row: row.metadata["start_s"] >= 65)
    assert [row.id for row in found] == [rows[1].id]
