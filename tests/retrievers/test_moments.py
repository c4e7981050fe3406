"""Moments and blocks of real files: what is shown, in which form, and what is left out."""

import json
import logging
import math
import shutil
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from moment_samples import Found, described
from numbered_videos import Recipe, make_numbered

from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import video_block
from langchain_mimo.retrievers import (
    MiMoMediaRetriever,
    media_blocks,
    moment_blocks,
    moments_of,
)
from langchain_mimo.tokens import audio_tokens, image_tokens, video_tokens


def shown(moments):
    return [(m.number, m.source, m.shown_start_s, m.shown_end_s, m.form) for m in moments]


def test_moments_are_joined_padded_and_ordered_by_source_and_time(folder):
    documents = [
        described(folder, "tone.wav", 5.0, 6.0),
        described(folder, "talk.mp4", 15.0, 16.0),
        described(folder, "talk.mp4", 3.5, 4.0, "second"),
        described(folder, "photo.png"),
        described(folder, "talk.mp4", 1.0, 2.0, "first"),
        described(folder, "talk.mp4", 3.5, 4.0, "second"),
    ]
    moments = moments_of(documents, root=folder, pad_s=1)
    assert shown(moments) == [
        (1, "photo.png", 0.0, 0.0, "whole"),
        (2, "talk.mp4", 0.0, 5.0, "copied"),
        (3, "talk.mp4", 12.5, 17.0, "copied"),
        (4, "tone.wav", pytest.approx(4, abs=0.1), pytest.approx(7, abs=0.1), "copied"),
    ]
    assert [(m.start_s, m.end_s) for m in moments] == [(0, 0), (0, 5), (14, 17), (4, 7)]
    assert [m.label for m in moments[:3]] == [
        *("[1] photo.png", "[2] talk.mp4, 0 s to 5 s", "[3] talk.mp4, 12.5 s to 17 s"),
    ]
    assert [m.link for m in moments[:3]] == ["photo.png", "talk.mp4#t=0,5", "talk.mp4#t=14,17"]
    assert moments[1].documents == (documents[4], documents[2])
    assert moments[1].description == "first\n\nsecond"
    assert moments.left_out == ()


def test_tokens_are_those_of_what_is_shown(folder):
    documents = [
        described(folder, "photo.png"),
        described(folder, "talk.mp4", 14.0, 17.0),
        described(folder, "tone.wav", 0.0, 20.0),
    ]
    moments = moments_of(documents, root=folder, pad_s=0, fps=1)
    video = video_tokens(4.5, 64, 48, fps=1, mute=True).total
    assert [m.tokens for m in moments] == [image_tokens(120, 80), video, audio_tokens(20)]
    assert moments.tokens == sum(m.tokens for m in moments)


def test_rank_order_numbers_the_best_first(folder):
    documents = [
        described(folder, "talk.mp4", 15.0, 16.0),
        described(folder, "photo.png"),
        described(folder, "talk.mp4", 1.0, 2.0),
    ]
    moments = moments_of(documents, root=folder, order="rank", pad_s=0)
    assert [m.label for m in moments] == [
        *("[1] talk.mp4, 15 s to 16 s", "[2] photo.png", "[3] talk.mp4, 0 s to 2 s"),
    ]


def test_a_dict_of_a_moment_is_json(folder):
    moment = moments_of([described(folder, "talk.mp4", 3.0, 4.0)], root=folder, pad_s=0)[0]
    assert json.loads(json.dumps(moment.to_dict())) == {
        "number": 1,
        "source": "talk.mp4",
        "source_sha256": moment.sha256,
        "modality": "video",
        "start_s": 3.0,
        "end_s": 4.0,
        "shown_start_s": 2.5,
        "shown_end_s": 4.0,
        "link": "talk.mp4#t=3,4",
    }


def test_files_with_the_same_bytes_are_shown_once(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    shutil.copy(folder / "talk.mp4", tmp_path / "copy.mp4")
    documents = [described(tmp_path, name, 1.0, 2.0) for name in ("talk.mp4", "copy.mp4")]
    for each in (documents, documents[::-1]):
        (moment,) = moments_of(each, root=tmp_path)
        assert (moment.source, len(moment.documents)) == ("copy.mp4", 2)


def test_what_a_budget_leaves_out_is_told(folder, caplog):
    documents = [
        described(folder, "talk.mp4", 1.0, 2.0),
        described(folder, "talk.mp4", 8.0, 20.0),
        described(folder, "photo.png"),
    ]
    with caplog.at_level(logging.WARNING, "langchain_mimo"):
        moments = moments_of(documents, root=folder, pad_s=0, max_seconds=6)
    assert [m.source for m in moments] == ["photo.png", "talk.mp4"]
    ((left, reason),) = [(each.document, each.reason) for each in moments.left_out]
    assert left is documents[1]
    assert reason == "the moments would last 14.5 s, more than max_seconds=6"
    assert caplog.messages == [
        f"1 of 3 Documents are not shown; the first is documents[1] ('talk.mp4'): {reason}"
    ]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((0.0, math.inf), (0.0, None)),
        ((Decimal("1.5"), Fraction(2)), (1.5, 2.0)),
    ],
)
def test_what_is_left_out_is_json(folder, times, expected):
    documents = [described(folder, "photo.png"), described(folder, "talk.mp4", *times)]
    ((left),) = moments_of(documents, root=folder, k=1).left_out
    facts = json.loads(json.dumps(left.to_dict(), allow_nan=False))
    assert (facts["start_s"], facts["end_s"]) == expected


def test_times_of_images_are_read_by_nobody(folder):
    documents = [
        described(folder, "talk.mp4", 0.0, 1.0),
        described(folder, "photo.png", status="refused"),
    ]
    documents[1].metadata |= {"start_s": b"x", "end_s": {"a": 1}}
    ((left),) = moments_of(documents, root=folder).left_out
    assert json.loads(json.dumps(left.to_dict()))["start_s"] is None


def test_what_moderation_refused_is_not_shown(folder):
    documents = [
        described(folder, "talk.mp4", 1.0, 2.0, status="refused"),
        described(folder, "photo.png"),
    ]
    moments = moments_of(documents, root=folder)
    assert [m.source for m in moments] == ["photo.png"]
    assert [each.reason for each in moments.left_out] == ["MiMo's moderation refused it"]


def test_the_start_of_a_copy_survives_rounding(folder):
    # A key frame at 1/3 s is 0.333 in metadata, where the frames before it are not meant.
    path = folder / "thirds.mp4"
    path.write_bytes(make_numbered(Recipe(frames=12, rate=Fraction(3), gop=1, b_frames=0)))
    for n in range(1, 11):
        start, end = round(n / 3, 3), round((n + 1) / 3, 3)
        (moment,) = moments_of([described(folder, path.name, start, end)], root=folder, pad_s=0)
        assert moment.shown_start_s == pytest.approx(n / 3, abs=1e-6)
        assert moment.shown_end_s == pytest.approx((n + 1) / 3, abs=1e-6)
        assert moment_blocks([moment])[1]["extras"]["shown_start_s"] == moment.shown_start_s


def test_a_moment_without_length_shows_something(folder):
    for at in (0.0, 7.0, 20.0):
        (moment,) = moments_of([described(folder, "talk.mp4", at, at)], root=folder, pad_s=0)
        assert moment.shown_end_s - moment.shown_start_s > 0.09
        assert len(moment_blocks([moment])) == 2


ranges = st.tuples(st.integers(0, 20_000), st.integers(0, 20_000)).map(sorted)


@given(
    found=st.lists(
        st.tuples(st.sampled_from(["talk.mp4", "tone.wav", "tone.m4a"]), ranges),
        min_size=1,
        max_size=6,
    ),
    pad_s=st.sampled_from([0, 0.1, 2]),
    seed=st.randoms(use_true_random=False),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_blocks_show_what_their_moments_say_whatever_the_rank(folder, found, pad_s, seed):
    documents = [described(folder, name, a / 1000, b / 1000) for name, (a, b) in found]
    moments = moments_of(documents, root=folder, pad_s=pad_s)
    blocks = moment_blocks(moments)  # raises if a block shows something else
    for moment, block in zip(moments, blocks[1::2], strict=True):
        extras = block["extras"]
        assert extras["sha256"] == moment.sha256
        if moment.form == "copied":
            assert extras["shown_start_s"] == pytest.approx(moment.shown_start_s, abs=1e-3)
            assert extras["shown_end_s"] == pytest.approx(moment.shown_end_s, abs=1e-3)
        else:
            assert moment.is_whole
            assert "start_s" not in extras
    other = seed.sample(documents, len(documents))
    again = media_blocks(other, root=folder, pad_s=pad_s)
    assert json.dumps(again) == json.dumps(blocks)
    retriever = MiMoMediaRetriever(retriever=Found(documents=other), root=folder, pad_s=pad_s)
    assert retriever.as_blocks(retriever.invoke("x")) == blocks


def test_blocks_are_labelled_references(folder):
    documents = [described(folder, "talk.mp4", 3.0, 4.0), described(folder, "photo.png")]
    blocks = media_blocks(documents, root=folder, pad_s=0, fps=1, media_resolution="max")
    assert blocks[:2] == [
        {"type": "text", "text": "[1] photo.png"},
        {
            "type": "image",
            "url": (folder / "photo.png").as_uri(),
            "mime_type": "image/png",
            "extras": blocks[1]["extras"],
        },
    ]
    expected = video_block(
        folder / "talk.mp4", start_s=3.0, end_s=4.0, fps=1, media_resolution="max"
    )
    assert blocks[2:] == [{"type": "text", "text": "[2] talk.mp4, 2.5 s to 4 s"}, expected]
    bare = media_blocks(documents, root=folder, pad_s=0, label=False)
    assert [block["type"] for block in bare] == ["image", "video"]


@pytest.mark.parametrize(
    ("times", "where", "link"),
    [
        ({}, "", ""),
        ({"start_s": 5.0}, ", seen at 5 s", "#t=5,6"),
        ({"start_s": 5.0, "end_s": 5.0}, ", seen at 5 s", "#t=5,6"),
        ({"start_s": 5.0, "end_s": 9.0}, ", seen at 5 s to 9 s", "#t=5,9"),
    ],
)
def test_urls_say_where_something_is_seen(folder, times, where, link):
    url = "https://example.com/a.mp4"
    document = Document("x", metadata={"source": url, "modality": "video", **times})
    (moment,) = moments_of([document], root=folder)
    assert (moment.label, moment.link) == (f"[1] {url}{where}", f"{url}{link}")


def test_labels_are_one_line(folder):
    moment = moments_of([described(folder, "photo.png")], root=folder)[0]
    label = replace(moment, source="a\n[2] b.png" + "x" * 400).label
    assert label == "[1] a [2] b.png" + "x" * 189 + "…"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"pad_s": -1}, "pad_s must be a number >= 0, got -1"),
        ({"merge_gap_s": "2"}, "merge_gap_s must be a number"),
        ({"budget_tokens": 0}, "budget_tokens must be an integer >= 1, got 0"),
        ({"max_seconds": float("nan")}, "max_seconds must be a number"),
        ({"k": 0}, "k must be an integer >= 1"),
        ({"fps": 11}, "fps must be a number from 0.1 to 10"),
        ({"media_resolution": "high"}, "media_resolution must be 'default' or 'max'"),
        ({"order": "best"}, "order must be 'time' or 'rank'"),
        ({"budget": 3}, "did you mean 'budget_tokens'"),
        ({"pads": 3}, "did you mean 'pad_s'"),
    ],
)
def test_wrong_arguments_are_named(folder, options, reason):
    for function in (moments_of, media_blocks):
        with pytest.raises(MiMoInputError, match=reason):
            function([], **{"root": folder} | options)


def test_nothing_found_is_nothing_shown(folder):
    assert moments_of([], root=folder) == []
    assert media_blocks([], root=folder) == []


def test_a_block_that_shows_something_else_than_its_moment_is_refused(folder):
    (moment,) = moments_of([described(folder, "talk.mp4", 3.0, 4.0)], root=folder, pad_s=0)
    other = replace(moment, shown_start_s=0.0)
    with pytest.raises(MediaError, match=r"from 2\.500 to 4\.000 s and not from 0\.000 to 4\.000"):
        moment_blocks([other])
