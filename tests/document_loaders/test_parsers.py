"""MiMoMediaParser: one request per segment, paid once, errors as told, nothing left behind."""

import asyncio
import base64
import hashlib
import io
import itertools
import json
import logging
import os
import pickle
import shutil
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import media_files
import numbered_videos
import pytest
from blockbuster import blockbuster_ctx
from describing_models import SCENES, DescribingModel
from langchain_core.document_loaders import Blob
from langchain_core.exceptions import ModelAuthenticationError, ModelNotFoundError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from PIL import Image
from pydantic import BaseModel
from scripted_api import ScriptedAPI

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.cost import CallBudget
from langchain_mimo.document_loaders import (
    Answer,
    MediaJournal,
    MediaScene,
    MiMoMediaLoader,
    MiMoMediaParser,
)
from langchain_mimo.document_loaders.running import Stop, StoppedError
from langchain_mimo.errors import (
    MediaError,
    MiMoBalanceError,
    MiMoBudgetError,
    MiMoConfigurationError,
    MiMoContentFilterError,
    MiMoError,
    MiMoInputError,
    MiMoMediaRejectedError,
    MiMoQuotaError,
    MiMoServerError,
)
from langchain_mimo.tokens import image_tokens

OVERVIEW = '{"summary": "A red square."}'


@pytest.fixture(scope="module")
def video():
    """Twelve seconds with a key frame each second."""
    recipe = numbered_videos.Recipe(frames=120, rate=Fraction(10), gop=10, b_frames=0)
    return numbered_videos.make_numbered(recipe)


@pytest.fixture
def talk(tmp_path, video):
    path = tmp_path / "talk.mp4"
    path.write_bytes(video)
    return Blob(path=str(path), metadata={"source": "talk.mp4"})


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (40, 30), "red").save(path)
    return Blob(path=str(path), metadata={"source": "red.png"})


def parser(llm, **more):
    more.setdefault("plan", {"max_seconds": 3.0})
    return MiMoMediaParser(llm, **more)


def status(documents):
    return [document.metadata["status"] for document in documents]


# ------------------------------------------------------------------------------ what is sent


def test_one_request_for_each_segment_and_documents_in_order(talk):
    llm = DescribingModel(answer=lambda block, text: SCENES)
    documents = parser(llm).parse(talk)
    assert len(llm.seen) == 4
    assert [row.metadata["start_s"] for row in documents] == [0.0, 3.0, 6.0, 9.0]
    assert [row.metadata["segment_index"] for row in documents] == [0, 1, 2, 3]
    assert {row.metadata["segment_count"] for row in documents} == {4}
    assert {row.metadata["source"] for row in documents} == {"talk.mp4"}
    assert {row.metadata["model"] for row in documents} == {"other-1"}


def test_other_models_get_the_frames_of_their_segment_as_base64(talk):
    llm = DescribingModel()
    parser(llm, max_concurrency=1).parse(talk)
    for index, (block, _) in enumerate(llm.seen):
        assert sorted(block) == ["base64", "mime_type", "type"]
        assert (block["type"], block["mime_type"]) == ("video", "video/mp4")
        with av.open(io.BytesIO(base64.b64decode(block["base64"]))) as container:
            numbers = [numbered_videos.number_of(frame) for frame in container.decode(video=0)]
        assert numbers == list(range(30 * index, 30 * index + 30))


def test_a_whole_file_is_sent_to_the_byte_by_what_its_bytes_say(image):
    llm = DescribingModel(answer=OVERVIEW)
    wrong = Blob(path=str(image.path), mimetype="video/mp4")
    (document,) = parser(llm).parse(wrong)
    ((block, _),) = llm.seen
    data = Path(image.path).read_bytes()
    assert block == {
        "type": "image", "base64": base64.b64encode(data).decode(), "mime_type": "image/png",
    }  # fmt: skip
    assert document.metadata["source_sha256"] == hashlib.sha256(data).hexdigest()
    assert (document.page_content, document.metadata["modality"]) == ("A red square.", "image")


def test_what_mimo_does_not_take_is_prepared(tmp_path):
    path = tmp_path / "red.tiff"
    Image.new("RGB", (40, 30), "red").save(path)
    llm = DescribingModel(answer=OVERVIEW)
    parser(llm).parse(Blob(path=str(path)))
    ((block, _),) = llm.seen
    with Image.open(io.BytesIO(base64.b64decode(block["base64"]))) as sent:
        assert (sent.format, sent.size) == ("PNG", (40, 30)) or sent.format == "JPEG"
        assert sent.getpixel((5, 5))[0] > 200


def test_bytes_have_their_hash_for_a_source(video):
    llm = DescribingModel()
    documents = parser(llm).parse(Blob.from_data(video))
    digest = hashlib.sha256(video).hexdigest()
    assert {row.metadata["source"] for row in documents} == {f"sha256:{digest}"}
    assert {row.metadata["link"] for row in documents} == {""}
    assert len(llm.seen) == 4


@pytest.mark.parametrize(
    ("url", "more", "modality"),
    [
        ("https://example.com/a.mp4?x=1", {}, "video"),
        ("https://example.com/a.mp3", {}, "audio"),
        ("HTTPS://example.com/a.png", {}, "image"),
        ("https://example.com/a", {"metadata": {"modality": "audio"}}, "audio"),
        ("https://example.com/a", {"mimetype": "video/mp4"}, "video"),
    ],
)
def test_a_url_is_one_segment_that_is_not_fetched(url, more, modality):
    llm = DescribingModel(
        answer=lambda block, text: OVERVIEW if block["type"] == "image" else SCENES
    )
    (document,) = parser(llm).parse(Blob(path=url, **more))
    ((block, _),) = llm.seen
    assert (block["type"], block["url"]) == (modality, url)
    assert document.metadata["source"] == url
    assert document.metadata["source_sha256"] == ""
    if modality != "image":
        assert (document.metadata["start_s"], document.metadata["end_s"]) == (0.0, 1.0)
        assert document.metadata["link"] == f"{url.replace('HTTPS', 'https')}#t=0,1"


def test_chatmimo_gets_references_with_ranges(talk, tmp_path):
    api = ScriptedAPI(SCENES)
    asked = parser(api.llm(allowed_media_dirs=tmp_path), max_concurrency=1)
    plan = asked.plan(talk)
    assert [segment.copied for segment in plan.segments] == [True] * 4
    message = asked._message(asked.ask(plan, plan.segments[2]), Stop())
    block = message.content[0]
    assert block["url"] == (tmp_path / "talk.mp4").as_uri()
    assert (block["extras"]["start_s"], block["extras"]["end_s"]) == (6.0, 9.0)
    assert "base64" not in block
    documents = asked.parse(talk)
    assert [row.metadata["start_s"] for row in documents] == [0.0, 3.0, 6.0, 9.0]
    sent = [body["messages"][0]["content"][0]["video_url"]["url"] for body in api.bodies]
    assert len(set(sent)) == 4
    for index, url in enumerate(sent):
        with av.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as container:
            numbers = [numbered_videos.number_of(frame) for frame in container.decode(video=0)]
        assert numbers == list(range(30 * index, 30 * index + 30))


@pytest.mark.parametrize("is_async", [False, True])
def test_a_copy_that_fails_its_verification_is_encoded_instead(tmp_path, caplog, is_async):
    path = tmp_path / "padded.mp3"
    path.write_bytes(media_files.make("voice.mp3") + bytes(5000))  # read as a last packet
    api = ScriptedAPI(SCENES)
    asked = parser(
        api.llm(allowed_media_dirs=tmp_path),
        plan={"max_seconds": 1.0},
        journal=tmp_path / "j.db",
        max_concurrency=1,
    )
    plan = asked.plan(Blob(path=str(path)))
    assert all(segment.copied for segment in plan.segments)
    shown = [plan.shown_range(segment) for segment in plan.segments]
    for _ in range(2):
        parse = asked.aparse(Blob(path=str(path))) if is_async else None
        documents = asyncio.run(parse) if is_async else asked.parse(Blob(path=str(path)))
        assert set(status(documents)) == {"ok"}
        assert len(api.bodies) == len(plan.segments), "the second run sends nothing"
    (line,) = (record.getMessage() for record in caplog.records)
    assert "is encoded, because its copy failed: " in line
    assert line.endswith("1 of its packets do not decode")
    for body, (start, end) in zip(api.bodies, shown, strict=True):
        data = body["messages"][0]["content"][0]["input_audio"]["data"]
        with av.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))) as container:
            rate = container.streams.audio[0].rate
            heard = sum(frame.samples for frame in container.decode(audio=0)) / rate
        assert heard == pytest.approx(end - start, abs=0.1)


def test_media_that_mimo_cannot_read_are_sent_once_until_they_are_retried(image, tmp_path):
    error = MiMoMediaRejectedError("corrupted", status_code=400)
    llm = DescribingModel(answer=lambda *_: error)
    asked = parser(llm, journal=tmp_path / "j.db", on_error="document")
    first, again = asked.parse(image), asked.parse(image)
    assert first == again
    assert status(first) == ["refused"]
    assert len(llm.seen) == 1
    raising = parser(llm, journal=tmp_path / "j.db")
    with pytest.raises(MiMoMediaRejectedError, match=r"MiMo cannot read it: .*corrupted"):
        raising.parse(image)
    assert len(llm.seen) == 1
    assert asked.journal.retry_refused() == 1
    asked.parse(image)
    assert len(llm.seen) == 2
    for _ in range(2):  # a URL may hold another file later
        asked.parse(Blob(path="https://example.org/a.png"))
    assert len(llm.seen) == 4


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (9000, 20), (5000, 3), (3, 5000)])
def test_an_image_whose_sides_mimo_refuses_is_converted(tmp_path, size):
    path = tmp_path / "odd.png"
    Image.new("RGB", size, "red").save(path)
    api = ScriptedAPI(OVERVIEW)
    asked = parser(api.llm(allowed_media_dirs=tmp_path))
    plan = asked.plan(Blob(path=str(path)))
    assert not plan.segments[0].whole
    assert status(asked.parse(Blob(path=str(path)))) == ["ok"]
    data = api.body["messages"][0]["content"][0]["image_url"]["url"].partition(",")[2]
    with Image.open(io.BytesIO(base64.b64decode(data))) as sent:
        short, long = sorted(sent.size)
        assert short >= 9
        assert long <= 200 * short
        assert plan.segments[0].tokens == image_tokens(*sent.size)
    for accepted in ((9, 9), (1800, 9)):
        Image.new("RGB", accepted, "red").save(path)
        assert asked.plan(Blob(path=str(path))).segments[0].whole


def test_the_models_own_sampling_is_the_default(talk, tmp_path):
    llm = ScriptedAPI(SCENES).llm(allowed_media_dirs=tmp_path, fps=1, media_resolution="max")
    for plan, expected in (
        ({}, (1, "max")),
        ({"fps": 4}, (4, "max")),
        ({"media_resolution": "default"}, (1, "default")),
    ):
        (segment,) = parser(llm, plan=plan).plan(talk).segments
        assert (segment.fps, segment.media_resolution) == expected


def test_a_folder_that_the_model_does_not_allow_says_what_to_add(talk, tmp_path):
    api = ScriptedAPI(SCENES)
    (tmp_path / "other").mkdir()
    for on_error in ("raise", "skip", "document"):
        for dirs in ((), tmp_path / "other"):
            asked = parser(api.llm(allowed_media_dirs=dirs), on_error=on_error)
            with pytest.raises(MiMoConfigurationError) as caught:
                asked.parse(talk)
            assert f"allowed_media_dirs=['{tmp_path}'] to ChatMiMo" in str(caught.value)
    assert api.bodies == []


def test_prompts_language_transcript_and_times(talk, tmp_path):
    cues = [{"start": 2.5, "end": 4.0, "text": "Ahoy"}, {"start": 8, "end": 8.5, "text": "Bye"}]
    llm = DescribingModel()
    asked = parser(
        llm,
        prompt={"video": "List the boats."},
        language="German",
        transcript=lambda blob: cues if blob.source == "talk.mp4" else None,
        max_concurrency=1,
    )
    asked.parse(talk)
    texts = [text for _, text in llm.seen]
    assert all(text.startswith("List the boats.") for text in texts)
    assert all("Write in German" in text for text in texts)
    assert all("its first moment is 0, its end 3." in text for text in texts)
    assert "2.5-3.0: Ahoy" in texts[0]
    assert "0.0-1.0: Ahoy" in texts[1]
    assert "2.0-2.5: Bye" in texts[2]
    assert "transcript" not in texts[3]


def test_a_broken_transcript_beside_the_file_names_its_line(talk, tmp_path):
    (tmp_path / "talk.srt").write_text("1\n00:00:01,000 --> soon\nx\n")
    llm = DescribingModel()
    with pytest.raises(MediaError, match=r"talk\.srt', line 2, has no times"):
        parser(llm, transcript="sidecar").parse(talk)
    assert llm.seen == []


class Goal(MediaScene):
    player: str


class Match(BaseModel):
    goals: list[Goal]
    score: str


def test_a_schema_of_the_users_own(talk):
    text = json.dumps(
        {"goals": [{"start_s": "0:01", "end_s": 2, "description": "x", "player": "Ada"}],
         "score": "1:0"}
    )  # fmt: skip
    llm = DescribingModel(answer=text, has_methods=False)
    documents = parser(llm, schema=Match, plan={}).parse(talk)
    assert [row.page_content for row in documents] == ["x\nplayer: Ada", "score: 1:0"]
    assert (documents[0].metadata["start_s"], documents[0].metadata["end_s"]) == (1.0, 2.0)


class ToolCaller(DescribingModel):
    """A model whose structured output is a tool call, as langchain-core makes it."""

    def bind_tools(self, tools, **kwargs):
        return self

    def with_structured_output(self, schema, **kwargs):
        return BaseChatModel.with_structured_output(self, schema, **kwargs)


def test_a_model_that_answers_by_tool_calls(talk, tmp_path):
    call = {"name": "MediaDescription", "args": json.loads(SCENES), "id": "1", "type": "tool_call"}
    llm = ToolCaller(answer=AIMessage("", tool_calls=[call]))
    for _ in range(2):
        (document,) = parser(llm, plan={}, journal=tmp_path / "j.db").parse(talk)
        assert (document.page_content, document.metadata["status"]) == ("a scene", "ok")
    assert len(llm.seen) == 1


def test_names_of_files_that_are_not_utf_8(talk, tmp_path, video):
    path = os.path.join(os.fsencode(tmp_path), b"a\xff.mp4")  # noqa: PTH118
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(video)
    name = os.fsdecode(path)
    for llm in (DescribingModel(), ScriptedAPI(SCENES).llm(allowed_media_dirs=tmp_path)):
        documents = parser(llm, journal=tmp_path / "j.db").parse(Blob(path=name))
        assert len(documents) == 4
        assert documents[0].metadata["link"].endswith("/a%FF.mp4#t=0,1")
        assert documents[0].metadata["source"] == name


# ----------------------------------------------------------------------------------- journal


def test_nothing_is_asked_twice(talk, image, tmp_path, video):
    llm = DescribingModel(answer=lambda block, _: OVERVIEW if block["type"] == "image" else SCENES)
    path = tmp_path / "journal.db"
    first = [parser(llm, journal=path).parse(blob) for blob in (talk, image)]
    assert len(llm.seen) == 5
    with MediaJournal(path) as journal:
        again = [parser(llm, journal=journal).parse(blob) for blob in (talk, image)]
    assert again == first
    assert [[row.id for row in rows] for rows in again] == [
        [row.id for row in rows] for rows in first
    ]
    copied = tmp_path / "copy.mp4"
    shutil.copy(talk.path, copied)
    renamed = tmp_path / "renamed.png"
    shutil.move(image.path, renamed)
    for other in (Blob(path=str(copied)), Blob(path=str(renamed)), Blob.from_data(video)):
        documents = parser(llm, journal=path).parse(other)
        assert documents
        assert status(documents) == ["ok"] * len(documents)
    assert len(llm.seen) == 5


def test_two_files_with_the_same_bytes_are_described_once(talk, tmp_path):
    copied = tmp_path / "copy.mp4"
    shutil.copy(talk.path, copied)
    llm = DescribingModel(delay=0.2)
    asked = parser(llm, journal=tmp_path / "journal.db", plan={})
    blobs = [talk, Blob(path=str(copied), metadata={"source": "copy.mp4"})]
    results = {}

    def run(blob):
        results[blob.source] = asked.parse(blob)

    threads = [threading.Thread(target=run, args=(blob,)) for blob in blobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(llm.seen) == 1
    assert {name: [row.metadata["source"] for row in rows] for name, rows in results.items()} == {
        "talk.mp4": ["talk.mp4"],
        "copy.mp4": ["copy.mp4"],
    }
    assert results["talk.mp4"][0].id != results["copy.mp4"][0].id


def test_what_was_paid_is_in_the_journal(talk, tmp_path):
    api = ScriptedAPI(SCENES)
    asked = parser(api.llm(allowed_media_dirs=tmp_path), journal=tmp_path / "j.db", plan={})
    seen = []
    plan = asked.plan(talk)
    asked.describe(plan, plan.segments[0], seen=lambda entry, is_new: seen.append((entry, is_new)))
    asked.describe(plan, plan.segments[0], seen=lambda entry, is_new: seen.append((entry, is_new)))
    (first, is_new), (second, is_known) = seen
    assert (is_new, is_known) == (True, False)
    assert second == first
    assert (first.state, first.text, first.attempts) == ("done", SCENES, 1)
    assert first.usage["input_tokens"] > 0
    assert first.cost is None or first.cost > 0
    assert first.finish_reason == "stop"


OTHERS = [
    ({"fps": 1.0}, {}), ({"media_resolution": "max"}, {}), ({"max_seconds": 6.0}, {}),
    ({}, {"prompt": "x"}), ({}, {"language": "German"}), ({}, {"schema": Match}),
    ({}, {"scenes": False}), ({}, {"transcript": lambda _: "00:01.0 --> 00:02.0\nx"}),
]  # fmt: skip


def keys(llm, talk, plan=None, **more):
    asked = parser(llm, plan={"max_seconds": 3.0, **(plan or {})}, **more)
    planned = asked.plan(talk)
    return {asked.ask(planned, segment).key for segment in planned.segments}


@pytest.mark.parametrize(("plan", "more"), OTHERS)
def test_what_changes_answers_changes_the_key(talk, plan, more):
    before = keys(DescribingModel(), talk)
    assert len(before) == 4
    changed = keys(DescribingModel(), talk, plan, **more)
    # A segment in which nothing is said has no transcript.
    assert len(before & changed) == (3 if "transcript" in more else 0)


def test_what_is_shrunk_less_is_asked_again(tmp_path):
    Image.effect_noise((1500, 1200), 60).save(tmp_path / "a.png")
    llm = DescribingModel(answer=OVERVIEW)
    for budget, sent in [(100, 1), (100, 1), (500, 2), (100_000, 3), (90_000, 3)]:
        plan = {"budget_tokens": budget}
        parser(llm, plan=plan, journal=tmp_path / "j").parse(Blob(path=str(tmp_path / "a.png")))
        assert len(llm.seen) == sent


def test_the_model_and_its_options_are_in_the_key_and_nothing_else(talk, tmp_path):
    def mimo(**fields):
        fields = {"model": "mimo-v2.6-flash", "api_key": "sk-a", **fields}
        return keys(ChatMiMo(allowed_media_dirs=tmp_path, **fields), talk)

    before = mimo()
    for same in (
        {"api_key": "sk-b"}, {"timeout": 5}, {"max_retries": 7}, {"default_headers": {"a": "b"}},
        {"model": "MiMo-V2.6-Flash"}, {"budget": CallBudget(requests_per_minute=1)},
    ):  # fmt: skip
        assert mimo(**same) == before
    for other in (
        {"model": "mimo-v2.6"}, {"temperature": 0.1}, {"top_p": 0.5}, {"thinking": False},
        {"max_completion_tokens": 500}, {"stop": ["x"]}, {"extra_body": {"seed": 1}},
    ):  # fmt: skip
        assert not mimo(**other) & before
    assert mimo(extra_body={"a": 1, "b": 2}) == mimo(extra_body={"b": 2, "a": 1})


def test_options_hide_what_may_be_a_secret(talk):
    class Secretive(DescribingModel):
        model_kwargs: dict

    asked = parser(Secretive(model_kwargs={"user": "sk-hush"}))
    plan = asked.plan(talk)
    assert "hush" not in asked.ask(plan, plan.segments[0]).info.options_json


def test_without_a_journal_the_log_says_that_each_run_pays(talk, caplog):
    caplog.set_level(logging.INFO, "langchain_mimo")
    llm = DescribingModel()
    asked = parser(llm, plan={})
    asked.parse(talk)
    asked.parse(talk)
    assert len(llm.seen) == 2
    assert "has no journal: each run pays for all segments" in caplog.text


# -------------------------------------------------------------------------------------- errors


def bad_files(tmp_path):
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7\n")
    (tmp_path / "empty.mp4").write_bytes(b"")
    paths = [tmp_path / name for name in ("note.txt", "paper.pdf", "empty.mp4", "none.mp4")]
    return [Blob(path=str(path)) for path in (*paths, tmp_path, "http://[1/a.mp4")]


def test_files_that_cannot_be_described(tmp_path, caplog):
    llm = DescribingModel()
    for blob in bad_files(tmp_path):
        with pytest.raises(MediaError) as caught:
            parser(llm).parse(blob)
        assert repr(str(blob.path)) in str(caught.value)
        caplog.clear()
        assert parser(llm, on_error="skip").parse(blob) == []
        assert sum("skipped" in record.getMessage() for record in caplog.records) == 1
        (document,) = parser(llm, on_error="document").parse(blob)
        assert document.metadata["status"] == "error"
        assert document.page_content.startswith("This file could not be described: ")
        assert document.metadata["modality"] == ""
        assert document.metadata["source"] == str(blob.path)
    assert llm.seen == []


def test_bytes_that_cannot_be_described_are_told_apart():
    asked = parser(DescribingModel(), on_error="document")
    (one,), (two,) = (asked.parse(Blob.from_data(data)) for data in (b"hello", b"world"))
    assert one.metadata["source"] == f"sha256:{hashlib.sha256(b'hello').hexdigest()}"
    assert one.id != two.id
    (audio,) = asked.parse(Blob.from_data(b"x", mime_type="audio/mpeg"))
    assert audio.page_content.startswith("This audio could not be described: ")


@pytest.mark.parametrize("change", ["edit", "delete", "same size"])
@pytest.mark.parametrize("mimo", [True, False])
def test_a_file_that_changes_between_plan_and_send(talk, tmp_path, change, mimo):
    api, other = ScriptedAPI(SCENES), DescribingModel()
    llm = api.llm(allowed_media_dirs=tmp_path) if mimo else other
    path = tmp_path / "talk.mp4"
    data = path.read_bytes()
    for on_error in ("raise", "document"):
        asked = parser(llm, on_error=on_error, journal=tmp_path / f"{on_error}.db")
        plan = asked.plan(talk)
        if change == "delete":
            path.unlink()
        elif change == "edit":
            path.write_bytes(data + b"\0")
        else:
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        if on_error == "raise":
            with pytest.raises(MediaError, match=r"talk\.mp4'"):
                asked.describe(plan, plan.segments[1])
        else:
            (document,) = asked.describe(plan, plan.segments[1])
            assert document.metadata["status"] == "error"
            assert document.metadata["start_s"] == 3.0
        path.write_bytes(data)
    assert api.bodies == other.seen == []


def test_an_error_of_the_api(talk, tmp_path, caplog):
    llm = DescribingModel(answer=MiMoServerError("busy", status_code=503, request_id="r1"), delay=0)
    journal = tmp_path / "j.db"
    with pytest.raises(MiMoServerError) as caught:
        parser(llm, journal=journal, plan={}).parse(talk)
    assert caught.value.__notes__ == ["It concerns 'talk.mp4'."]
    assert parser(llm, journal=journal, plan={}, on_error="skip").parse(talk) == []
    assert "'talk.mp4': busy; skipped" in caplog.text
    (document,) = parser(llm, journal=journal, plan={}, on_error="document").parse(talk)
    assert document.page_content == "This video could not be described: busy."
    assert len(llm.seen) == 3  # a failure is asked again
    llm.answer = SCENES
    assert status(parser(llm, journal=journal, plan={}).parse(talk)) == ["ok"]
    with MediaJournal(journal) as opened:
        assert "done" in str(opened.report())


REFUSALS = [
    MiMoContentFilterError("high risk", status_code=421),
    AIMessage("The request was rejected", response_metadata={"finish_reason": "content_filter"}),
    AIMessage([{"type": "refusal", "refusal": "I cannot."}]),
]


@pytest.mark.parametrize("answer", REFUSALS, ids=["error", "finish reason", "block"])
def test_a_refusal_is_paid_and_asked_once(talk, tmp_path, answer):
    llm, journal = DescribingModel(answer=answer), tmp_path / "j.db"
    documents = [
        parser(llm, journal=journal, plan={}, on_error="document").parse(talk) for _ in range(2)
    ]
    assert documents[0] == documents[1]
    assert status(documents[0]) == ["refused"]
    assert documents[0][0].page_content == "This video was refused by the model."
    for _ in range(2):
        with pytest.raises(MiMoContentFilterError):
            parser(llm, journal=journal, plan={}).parse(talk)
        assert parser(llm, journal=journal, plan={}, on_error="skip").parse(talk) == []
    assert len(llm.seen) == 1


@pytest.mark.parametrize("has_journal", [True, False])
@pytest.mark.parametrize(
    "metadata",
    [{"attempts": None}, {"attempts": float("nan")}, {"cost_usd": "1"}, {"model_name": ["x"]}],
    ids=str,
)
def test_strange_metadata_of_other_models_lose_no_answer(image, tmp_path, metadata, has_journal):
    llm = DescribingModel(answer=lambda *_: AIMessage(OVERVIEW, response_metadata=metadata))
    asked = parser(llm, journal=tmp_path / "journal" if has_journal else None)
    told = []
    (document,) = MiMoMediaLoader([image], asked, progress=told.append).load()
    assert document.metadata["status"] == "ok"
    assert [progress.segments_done for progress in told] == [1]
    if has_journal:
        assert asked.journal.report().total.attempts == 1


@pytest.mark.parametrize("on_error", ["raise", "document"])
def test_an_answer_that_does_not_fit_is_paid_and_kept(talk, tmp_path, on_error):
    llm, journal = DescribingModel(answer="A red square."), tmp_path / "j.db"
    for _ in range(2):
        (document,) = parser(llm, journal=journal, plan={}, on_error=on_error).parse(talk)
        assert (document.page_content, document.metadata["status"]) == ("A red square.", "error")
    assert parser(llm, journal=journal, plan={}, on_error="skip").parse(talk) == []
    assert len(llm.seen) == 1


RUN_WIDE = [
    MiMoBalanceError("no money", status_code=402),
    MiMoQuotaError("used up", status_code=429),
    MiMoBudgetError("ceiling"),
    MiMoConfigurationError("wrong"),
    ModelAuthenticationError("wrong key"),
    ModelNotFoundError("no such model"),
]


@pytest.mark.parametrize("error", RUN_WIDE, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("on_error", ["skip", "document"])
def test_errors_that_concern_the_run_are_raised_always(talk, error, on_error):
    with pytest.raises(type(error)):
        parser(DescribingModel(answer=error), on_error=on_error, plan={}).parse(talk)


def test_one_bad_segment_does_not_end_the_others(talk):
    count = itertools.count()

    def answer(block, text):
        return ValueError("of another provider") if next(count) == 1 else SCENES

    documents = parser(
        DescribingModel(answer=answer), on_error="document", max_concurrency=1
    ).parse(talk)
    assert status(documents) == ["ok", "error", "ok", "ok"]
    assert documents[1].page_content == (
        "This segment of the video could not be described: of another provider."
    )


# --------------------------------------------------------------------------------- concurrency


def test_the_window_is_bounded_and_keeps_order(talk):
    llm = DescribingModel(delay=0.05)
    documents = parser(llm, plan={"max_seconds": 1.0}, max_concurrency=3).parse(talk)
    assert [row.metadata["segment_index"] for row in documents] == list(range(12))
    assert 1 < llm.most_active <= 3


async def test_the_async_half_gives_the_same_and_blocks_nothing(talk, tmp_path):
    llm = DescribingModel(delay=0.01)
    expected = parser(llm).parse(talk)
    asked = parser(llm, journal=tmp_path / "j.db", max_concurrency=3)
    with blockbuster_ctx():
        for sent in (8, 8):
            assert [row async for row in asked.alazy_parse(talk)] == expected
            assert len(llm.seen) == sent
    assert await asked.aparse(talk) == expected


def media_threads():
    return [each for each in threading.enumerate() if each.name.startswith("mimo-media")]


def test_leaving_early_sends_nothing_more_and_ends_the_threads(talk, tmp_path):
    llm = DescribingModel(delay=0.05)
    asked = parser(llm, plan={"max_seconds": 1.0}, max_concurrency=2, journal=tmp_path / "j.db")
    for _ in asked.lazy_parse(talk):
        break
    sent = len(llm.seen)
    assert sent <= 4
    assert media_threads() == []
    time.sleep(0.2)
    assert len(llm.seen) == sent
    assert len(asked.parse(talk)) == 12
    assert len(llm.seen) == 12  # what was sent before is known


def test_an_error_ends_the_run_and_keeps_what_was_sent(talk, tmp_path):
    count = itertools.count()

    def answer(block, text):
        return MiMoServerError("busy", status_code=500) if next(count) == 0 else SCENES

    llm = DescribingModel(answer=answer, delay=0.05)
    asked = parser(llm, plan={"max_seconds": 1.0}, max_concurrency=2, journal=tmp_path / "j.db")
    with pytest.raises(MiMoServerError):
        asked.parse(talk)
    failed = len(llm.seen)
    assert failed <= 3
    assert media_threads() == []
    assert len(asked.parse(talk)) == 12
    assert len(llm.seen) == 13


@pytest.mark.parametrize("how", ["cancel", "leave", "error"])
async def test_ending_the_async_half_leaves_nothing_behind(talk, tmp_path, how):
    llm = DescribingModel(delay=0.05 if how != "cancel" else 30)
    asked = parser(llm, plan={"max_seconds": 1.0}, max_concurrency=2, journal=tmp_path / "j.db")
    before = asyncio.all_tasks()
    if how == "cancel":
        task = asyncio.create_task(asked.aparse(talk))
        await llm.started(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    elif how == "leave":
        documents = asked.alazy_parse(talk)
        await anext(documents)
        await documents.aclose()
    else:
        llm.answer = MiMoServerError("busy", status_code=500)
        with pytest.raises(MiMoServerError):
            await asked.aparse(talk)
    assert asyncio.all_tasks() == before
    assert llm.active == 0
    sent = len(llm.seen)
    assert sent <= 4
    llm.delay, llm.answer = 0, SCENES
    assert len(await asyncio.wait_for(asked.aparse(talk), 20)) == 12  # no claim is held


def test_stopping_ends_the_wait_for_another_who_asks(talk, tmp_path):
    llm, stop = DescribingModel(), Stop()
    asked = parser(llm, journal=tmp_path / "j.db", plan={})
    plan = asked.plan(talk)
    ask = asked.ask(plan, plan.segments[0])
    held = asked.journal.claim(ask.key, ask.info)
    errors = []

    def wait():
        try:
            asked.describe(plan, plan.segments[0], stop=stop)
        except StoppedError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(0.2)
    assert thread.is_alive(), "it waits for the answer of another one"
    stop.set()
    thread.join(10)
    held.release()
    assert len(errors) == 1
    assert llm.seen == []


def test_stopping_ends_encoding_and_sends_nothing(tmp_path):
    path = tmp_path / "talk.mkv"
    recipe = numbered_videos.Recipe(container="matroska", frames=200, rate=Fraction(10))
    path.write_bytes(numbered_videos.make_numbered(recipe))
    llm, stop = DescribingModel(), Stop()
    asked = parser(llm, journal=tmp_path / "j.db", plan={})
    plan = asked.plan(Blob(path=str(path)))
    assert plan.segments[0].preparation is not None
    stop.set()
    with pytest.raises(StoppedError):
        asked._message(asked.ask(plan, plan.segments[0]), stop)
    with pytest.raises(StoppedError):
        asked.describe(plan, plan.segments[0], stop=stop)
    assert llm.seen == []
    assert len(asked.describe(plan, plan.segments[0])) == 1


# ----------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"llm": DescribingModel().bind(stop=["x"])}, "llm must be a chat model"),
        ({"llm": "mimo"}, "llm must be a chat model, got 'mimo'"),
        ({"schema": {"type": "object"}}, "schema must be a pydantic class"),
        ({"prompt": ""}, "the prompt for image must be a string that is not empty"),
        ({"prompt": {"film": "x"}}, "prompt must have the keys 'image', 'video' and 'audio' alone"),
        ({"prompt": 7}, "prompt must be a string"),
        ({"plan": {"budget": 5}}, "did you mean 'budget_tokens'?"),
        ({"plan": {"fps": 99}}, "plan: fps must be a number from 0.1 to 10"),
        ({"plan": {"boundaries": "cuts"}}, "plan: boundaries must be"),
        ({"plan": 7}, "plan must be a dict of arguments of plan_media"),
        ({"transcript": "talk.vtt"}, "transcript must be a function of the blob, 'sidecar'"),
        ({"on_error": "ignore"}, "on_error must be 'raise', 'skip' or 'document'"),
        ({"max_concurrency": 0}, "max_concurrency must be an integer >= 1"),
        ({"language": 7}, "language must be a string that is not empty"),
        ({"journal": 7}, "journal must be a MediaJournal or a path"),
        ({"jurnal": "x"}, "did you mean 'journal'?"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments, words):
    with pytest.raises(MiMoConfigurationError) as caught:
        MiMoMediaParser(**{"llm": DescribingModel(), **arguments})
    assert words in str(caught.value)


def test_a_model_without_structured_output():
    class Plain(DescribingModel):
        def with_structured_output(self, schema, **kwargs):
            raise NotImplementedError

    with pytest.raises(MiMoConfigurationError, match="Plain has no structured output"):
        MiMoMediaParser(Plain())


def test_budgets_are_for_chatmimo(talk, tmp_path):
    api, budget = ScriptedAPI(SCENES), CallBudget(max_cost=1.0)
    asked = parser(api.llm(allowed_media_dirs=tmp_path), plan={})
    limited = asked.with_budget(budget)
    assert (limited.llm.budget, asked.llm.budget) == (budget, None)
    limited.parse(talk)
    assert budget.spent.amount > 0
    for llm, given, words in (
        (DescribingModel(), budget, "a budget needs ChatMiMo, and llm is DescribingModel"),
        (api.llm(budget=CallBudget()), budget, "llm has another budget already"),
        (api.llm(), 5, "budget must be a CallBudget, got 5"),
    ):
        with pytest.raises(MiMoConfigurationError, match=words):
            parser(llm).with_budget(given)


def test_parsers_can_be_pickled(talk, tmp_path):
    llm = ChatMiMo(
        model="mimo-v2.6-flash", allowed_media_dirs=tmp_path, base_url="http://127.0.0.1:1"
    )
    asked = parser(llm, journal=tmp_path / "j.db", language="German", transcript="sidecar")
    other = pickle.loads(pickle.dumps(asked))
    plan = asked.plan(talk)
    asks = [each.ask(plan, segment).key for each in (asked, other) for segment in plan.segments]
    assert asks[:4] == asks[4:]
    claim = asked.journal.claim(asks[0], asked.ask(plan, plan.segments[0]).info)
    claim.finish(Answer(SCENES))
    assert other.describe(plan, plan.segments[0])[0].page_content == "a scene"


def test_a_blob_without_data_and_path(tmp_path):
    with pytest.raises(MediaError, match="neither data nor a path"):
        parser(DescribingModel()).parse(Blob(path=""))
    with pytest.raises(MediaError, match="does not say whether it is an image, video or audio"):
        parser(DescribingModel()).parse(Blob(path="https://example.com/page"))
    assert issubclass(MediaError, MiMoError)


@pytest.mark.parametrize("blob", ["x.mp4", None, 7])
async def test_what_is_no_blob_is_one_sentence(blob):
    asked = MiMoMediaParser(DescribingModel(), on_error="skip")
    with pytest.raises(MiMoInputError, match=r"^blob must be a Blob, got .*; pass Blob.from_path"):
        asked.parse(blob)
    with pytest.raises(MiMoInputError, match=r"^blob must be a Blob, got "):
        await asked.aparse(blob)


def test_no_scenes_cannot_be_asked_of_a_schema_of_the_users_own():
    with pytest.raises(MiMoConfigurationError, match="scenes=False is for the default schema"):
        MiMoMediaParser(DescribingModel(), schema=Match, scenes=False)


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_truncated_file_is_described_with_a_warning(tmp_path, caplog, is_cut):
    path = tmp_path / "talk.mkv"
    recipe = numbered_videos.Recipe(container="matroska", frames=200, audio=True)
    whole = numbered_videos.make_numbered(recipe)
    path.write_bytes(whole[: len(whole) // 2] if is_cut else whole)
    blob = Blob.from_path(path, metadata={"source": "talk.mkv"})
    assert MiMoMediaParser(DescribingModel()).plan(blob).segments
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len(warnings) == is_cut
    assert all(each.startswith("'talk.mkv': The file is truncated: ") for each in warnings)
