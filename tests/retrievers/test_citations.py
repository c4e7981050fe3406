"""Which citations are kept, converted and dropped."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document

from langchain_mimo.errors import MiMoInputError
from langchain_mimo.retrievers import Citation, CitedAnswer, Moment, checked_answer


def moment(number=1, source="talk.mp4", first=0.0, last=0.0, modality="video"):
    is_url = source.startswith("http")
    return Moment(
        number=number,
        source=source,
        path=None if is_url else f"/media/{source}",
        sha256="" if is_url else "0" * 64,
        modality=modality,
        start_s=first,
        end_s=last or 0.0,
        shown_start_s=first,
        shown_end_s=last,
        form="url" if is_url else "copied",
        tokens=None if is_url else 100,
        is_whole=False,
        documents=(),
    )


MOMENTS = [
    moment(1, "harbour.png", modality="image"),
    moment(2, "talk.mp4", 12.5, 40.0),  # 27.5 s
    moment(3, "talk.mp4", 3600.0, 3660.0),
    moment(4, "song.mp3", 0.0, 200.0, "audio"),
    moment(5, "https://example.com/a.mp4", 0.0, None),
]


def checked(segment, start_s, end_s, quote=None, moments=MOMENTS):
    citation = {"segment": segment, "start_s": start_s, "end_s": end_s, "quote": quote}
    answer = CitedAnswer.model_validate_json(json.dumps({"text": "x", "citations": [citation]}))
    return checked_answer(answer, moments)


@pytest.mark.parametrize(
    ("segment", "start_s", "end_s", "expected"),
    [
        # Seconds of the segment.
        (2, 0, 27.5, (12.5, 40.0)),
        (2, 5, 10, (17.5, 22.5)),
        (3, 5, 10, (3605.0, 3610.0)),
        (4, 5, 10, (5.0, 10.0)),
        (2, 5, 5, (17.5, 17.5)),
        # They could be seconds of the source too.
        (2, 13, 20, (25.5, 32.5)),
        # Seconds of the source, which cannot be others.
        (2, 30, 38, (30.0, 38.0)),
        (2, 20, 38, (20.0, 38.0)),
        (3, 3610, 3620, (3610.0, 3620.0)),
        (2, 28, 28.4, (28.0, 28.4)),
        # Strings.
        (2, "0:05", "0:10", (17.5, 22.5)),
        (3, "01:00:10", "1:00:20.5", (3610.0, 3620.5)),
        (4, "1:40", "2:00", (100.0, 120.0)),
        (2, "5 s", "10,5 seconds", (17.5, 23.0)),
        ("[2]", 5, 10, (17.5, 22.5)),
        ("segment 2", 5, 10, (17.5, 22.5)),
        (2.0, 5, 10, (17.5, 22.5)),
        # Rounded by the model, by at most a second.
        (4, 190, 201, (190.0, 200.0)),
        (4, -1, 5, (0.0, 5.0)),
        (3, 3599.5, 3660.9, (3600.0, 3660.0)),
        # An image has no times, and nobody knows how long a URL is.
        (1, 0, 0, (0.0, 0.0)),
        (1, 3, 7, (0.0, 0.0)),
        (1, "soon", None, (0.0, 0.0)),
        (5, 5000, 5010, (5000.0, 5010.0)),
    ],
)
def test_what_can_be_true_is_kept_in_seconds_of_the_source(segment, start_s, end_s, expected):
    answer = checked(segment, start_s, end_s)
    assert answer.dropped == []
    (citation,) = answer.citations
    assert (citation.start_s, citation.end_s) == expected
    assert MOMENTS[citation.segment - 1].source == citation.source


@pytest.mark.parametrize(
    ("segment", "start_s", "end_s", "reason"),
    [
        (0, 5, 10, "there is no segment 0; 1 to 5 were shown"),
        (6, 5, 10, "there is no segment 6; 1 to 5 were shown"),
        (-2, 5, 10, "there is no segment 0"),
        ("-2", 5, 10, "there is no segment 0"),
        ("the second", 5, 10, "there is no segment 0"),
        (1.5, 5, 10, "there is no segment 0"),
        (True, 5, 10, "there is no segment 0"),
        (None, 5, 10, "there is no segment 0"),
        (10**30, 5, 10, "there is no segment 0"),
        (2, 10, 5, "its end_s, 5, is before its start_s, 10"),
        (2, "0:10", "0:05", "its end_s, 5, is before its start_s, 10"),
        (2, math.nan, 10, "its start_s is no time in seconds"),
        (2, 5, math.inf, "its end_s is no time in seconds"),
        (2, 5, 10**400, "its end_s is no time in seconds"),
        (2, "soon", 10, "its start_s is no time in seconds"),
        (2, 5, "9" * 5000 + ":00", "its end_s is no time in seconds"),
        (2, 5, None, "its end_s is no time in seconds"),
        (2, 5, "0:75", "its end_s is no time in seconds"),
        (4, "0:99:10", 200, "its start_s is no time in seconds"),
        (4, "1:100", 200, "its start_s is no time in seconds"),
        (2, True, 10, "its start_s is no time in seconds"),
        (2, [5], 10, "its start_s is no time in seconds"),
        (2, -5, 10, "its start_s, -5, is before the start of the segment"),
        (5, -5, 10, "its start_s, -5, is before the start of the segment"),
        (2, 50, 60, "50 to 60 s is neither within the 27.5 s of the segment nor within 12.5 to 40"),
        (2, 5, 35, "5 to 35 s is neither"),  # its start is of the segment, its end of the source
        (3, 20, 3620, "20 to 3620 s is neither"),
        (4, 190, 201.1, "190 to 201.1 s is neither"),
    ],
)
def test_what_cannot_be_true_is_dropped_with_the_reason(segment, start_s, end_s, reason):
    answer = checked(segment, start_s, end_s, "so it goes")
    assert answer.citations == []
    (citation,) = answer.dropped
    assert citation.reason.startswith(reason)
    assert citation.quote == "so it goes"
    assert json.loads(json.dumps(citation.model_dump(mode="json"), allow_nan=False))


def test_what_is_cited_twice_is_there_once():
    citations = [
        {"segment": 2, "start_s": 1, "end_s": 3},
        {"segment": 2, "start_s": "0:01", "end_s": "0:03"},
        {"segment": 2, "start_s": 1, "end_s": 3, "quote": "so it goes"},
        {"segment": 2, "start_s": 1, "end_s": 4},
    ]
    answer = CitedAnswer.model_validate({"text": "x", "citations": citations})
    kept = checked_answer(answer, iter(MOMENTS)).citations
    assert [(each.end_s, each.quote) for each in kept] == [
        (15.5, None),
        (15.5, "so it goes"),
        (16.5, None),
    ]


@pytest.mark.parametrize("moments", [[Document("x")], ["talk.mp4"], [*MOMENTS, None]])
def test_only_moments_can_be_cited(moments):
    answer = CitedAnswer(text="x", citations=[])
    with pytest.raises(MiMoInputError, match=r"pass retriever\.moments_for\(documents\)"):
        checked_answer(answer, moments)


def test_numbers_name_one_moment():
    answer = CitedAnswer(text="x", citations=[Citation(segment=1, start_s=1, end_s=2)])
    assert checked_answer(answer, [MOMENTS[3], MOMENTS[3]]).dropped
    with pytest.raises(MiMoInputError, match="two moments have the number 4; pass those of one"):
        checked_answer(answer, [*MOMENTS, moment(4, "b.mp3", 0.0, 20.0, "audio")])


def test_nothing_can_be_cited_where_nothing_was_shown():
    (citation,) = checked(1, 0, 5, moments=[]).dropped
    assert citation.reason == "there is no segment 1; nothing was shown"
    (citation,) = checked(2, 0, 5, moments=MOMENTS[:1]).dropped
    assert citation.reason == "there is no segment 2; only 1 was shown"


@pytest.mark.parametrize(
    ("segment", "start_s", "end_s", "link"),
    [
        (1, 3, 7, "harbour.png"),
        (2, 0, 27.5, "talk.mp4#t=12.5,40"),
        (2, 0, 0, "talk.mp4#t=12.5,13.5"),
        (4, 0, 0, "song.mp3#t=0,1"),
        (5, 5, 10, "https://example.com/a.mp4#t=5,10"),
    ],
)
def test_links_open_the_moment(segment, start_s, end_s, link):
    (citation,) = checked(segment, start_s, end_s).citations
    assert citation.link == link


@pytest.mark.parametrize(
    ("citations", "kept", "dropped"),
    [
        (None, 0, 0),
        ("see segment 2", 0, 0),
        ([], 0, 0),
        ({"segment": 2, "start_s": 1, "end_s": 2}, 1, 0),
        ([{"segment": 2, "start_s": 1, "end_s": 2}, "[2] at 0:05", None, {}], 1, 3),
        ([{"segment": 2, "start_s": 1, "end_s": 2, "quote": ["a"], "sure": True}], 1, 0),
    ],
)
def test_citations_of_any_kind_leave_the_answer_as_it_is(citations, kept, dropped):
    answer = CitedAnswer.model_validate({"text": "Two boats.", "citations": citations})
    result = checked_answer(answer, MOMENTS)
    assert result.text == "Two boats."
    assert (len(result.citations), len(result.dropped)) == (kept, dropped)


def test_citations_keep_their_order_and_quotes():
    citations = [Citation(segment=n, start_s=1, end_s=2, quote=f" {n} ") for n in (4, 2, 9, 3)]
    result = checked_answer(CitedAnswer(text="x", citations=citations), MOMENTS)
    assert [(each.segment, each.quote) for each in result.citations] == [
        (4, "4"),
        (2, "2"),
        (3, "3"),
    ]
    assert [each.segment for each in result.dropped] == [9]


def test_an_answer_is_not_checked_twice():
    result = checked(2, 5, 10)
    with pytest.raises(MiMoInputError, match="answer must be a CitedAnswer, got CheckedAnswer"):
        checked_answer(result, MOMENTS)


def test_the_schema_requires_what_a_citation_needs():
    schema = CitedAnswer.model_json_schema()
    assert schema["required"] == ["text", "citations"]
    citation = schema["$defs"]["Citation"]
    assert citation["required"] == ["segment", "start_s", "end_s"]
    assert citation["properties"]["segment"]["type"] == "integer"
    assert citation["properties"]["start_s"]["type"] == "number"


times = st.one_of(st.floats(), st.floats(-5, 5000), st.integers(), st.text(), st.none())


@settings(deadline=None)
@given(st.one_of(st.integers(-1, 6), st.text(max_size=12), st.floats()), times, times)
def test_every_citation_is_within_what_was_shown_or_dropped(segment, start_s, end_s):
    answer = CitedAnswer.model_validate(
        {"text": "x", "citations": [{"segment": segment, "start_s": start_s, "end_s": end_s}]}
    )
    result = checked_answer(answer, MOMENTS)
    assert len(result.citations) + len(result.dropped) == 1
    for citation in result.citations:
        shown = MOMENTS[citation.segment - 1]
        last = math.inf if shown.shown_end_s is None else shown.shown_end_s
        assert shown.shown_start_s <= citation.start_s <= citation.end_s <= last
    json.dumps([each.model_dump(mode="json") for each in result.dropped], allow_nan=False)


@settings(deadline=None)
@given(
    st.floats(0, 5000).map(lambda value: round(value, 3)),
    st.floats(1, 600).map(lambda value: round(value, 3)),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_seconds_of_the_segment_become_those_of_the_source(first, length, one, other):
    low, high = sorted(round(part * length, 3) for part in (one, other))
    shown = [moment(1, "talk.mp4", first, first + length)]
    (citation,) = checked(1, low, min(high, length), moments=shown).citations
    assert citation.start_s == pytest.approx(first + low, abs=0.002)
    assert citation.end_s == pytest.approx(first + min(high, length), abs=0.002)
