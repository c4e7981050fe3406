"""Transcripts: VTT, SRT and cues of any recogniser, tolerant where they are readable."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.document_loaders import Blob

from langchain_mimo.document_loaders.transcripts import (
    MAX_BYTES,
    Cue,
    cues_within,
    read_file,
    read_subtitles,
    read_transcript,
    sidecar,
    transcript_of,
)
from langchain_mimo.errors import MediaError

VTT = """WEBVTT - a talk

NOTE
10:00 --> 11:00 is a comment

STYLE
::cue { color: red }

intro
00:01.500 --> 00:04.000 align:start position:10%
<v Ada>Good <i>morning</i> &amp; welcome
to the talk</v>

01:00:02.000 --> 01:00:03.250
- Bye.
"""
SRT = """1
00:00:01,500 --> 00:00:04,000
{\\an8}Good morning

2
00:00:03,000 --> 00:00:05,000
<font color="red">overlaps</font>
"""


def test_vtt_is_read_without_settings_tags_notes_and_styles():
    assert read_subtitles(VTT, "it") == (
        Cue(1.5, 4.0, "Good morning & welcome to the talk"),
        Cue(3602.0, 3603.25, "- Bye."),
    )


def test_srt_is_read_and_cues_may_overlap():
    assert read_subtitles(SRT, "it") == (
        Cue(1.5, 4.0, "Good morning"),
        Cue(3.0, 5.0, "overlaps"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + SRT,
        SRT.replace("\n", "\r\n"),
        SRT.replace("\n", "\r"),
        SRT.replace(",", "."),
        SRT.replace("00:00:0", "00:0"),
        SRT.replace("00:00:0", "0:0:"),
        SRT.replace(" --> ", "-->"),
        "\n\n" + SRT + "\n\n",
        SRT.replace("\n\n", "\n"),
        "WEBVTT\n\n" + SRT,
    ],
    ids=["bom", "crlf", "cr", "dots", "no-hours", "short", "tight", "blank", "joined", "vtt"],
)
def test_spellings_of_one_transcript(text):
    expected = [(cue.start_s, cue.text) for cue in read_subtitles(SRT, "it")]
    assert [(cue.start_s, cue.text) for cue in read_subtitles(text, "it")] == expected


def test_cues_are_sorted_and_those_without_words_left_out():
    text = "00:05.000 --> 00:06.000\nb\n\n00:01.000 --> 00:02.000\na\n\n00:03.000 --> 00:04.000\n\n"
    assert [cue.text for cue in read_subtitles(text, "it")] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\n00:00:01,000 --> soon\nx", ["line 2", "soon", "00:01.500 --> 00:04.000"]),
        ("00:00:04,000 --> 00:00:01,000\nx", ["line 1", "ends before it starts"]),
        ("ok\n00:99 --> \n", ["line 2", "no times"]),
        ("Dear diary,\nnothing", ["line 1", "neither VTT nor SRT"]),
        (f"{'9' * 5000}:00:01 --> 00:02\nx", ["line 1", "no times"]),
    ],
)
def test_what_is_malformed_is_named_with_its_line(text, words):
    with pytest.raises(MediaError) as caught:
        read_subtitles(text, "the transcript 'a.srt'")
    assert all(word in str(caught.value) for word in [*words, "'a.srt'"])


def test_a_transcript_without_cues_is_empty():
    assert read_subtitles("WEBVTT\n", "it") == ()
    assert read_subtitles("", "it") == ()


EXPECTED = (Cue(1.0, 2.0, "one"), Cue(2.0, 3.5, "two"))


@pytest.mark.parametrize(
    "cues",
    [
        EXPECTED,
        [{"start_s": 2, "end_s": 3.5, "text": "two"}, {"start_s": 1, "end_s": 2, "text": " one "}],
        [
            {"id": 0, "start": 1.0, "end": 2.0, "text": " one"},
            {"start": 2, "end": 3.5, "text": "two"},
        ],
        {"text": "one two", "segments": [{"start": 1, "end": 2, "text": "one"}, EXPECTED[1]]},
        SimpleNamespace(segments=[SimpleNamespace(start=1, end=2, text="one"), EXPECTED[1]]),
        (cue for cue in EXPECTED),
    ],
    ids=["cues", "dicts", "whisper", "result", "objects", "generator"],
)
def test_cues_of_any_recogniser(cues):
    assert read_transcript(cues, "it") == EXPECTED


@pytest.mark.parametrize(
    ("cues", "words"),
    [
        ([{"start": 1, "text": "x"}], "cue 0, has no end_s or end"),
        ([{"start": 1, "end": 2}], "cue 0, has no text"),
        ([EXPECTED[0], {"start": 2, "end": 1, "text": "x"}], "cue 1, cannot be used: its end must"),
        ([{"start": -1, "end": 1, "text": "x"}], "cue 0, cannot be used: its start must"),
        ([{"start": float("nan"), "end": 1, "text": "x"}], "its start must be a number"),
        ([{"start": 0, "end": 1, "text": 7}], "has a text that is no string"),
        ({"text": "x"}, "must be the text of a VTT or SRT file"),
        (7, "must be the text of a VTT or SRT file"),
    ],
)
def test_cues_that_cannot_be_used(cues, words):
    with pytest.raises(MediaError, match=r"the transcript of 'a\.mp4'") as caught:
        read_transcript(cues, "the transcript of 'a.mp4'")
    assert words in str(caught.value)


def test_files_say_their_name_and_line(tmp_path):
    path = tmp_path / "a.srt"
    path.write_bytes(SRT.encode("utf-16"))
    assert len(read_file(path)) == 2
    path.write_bytes(SRT.encode() + b"\n\xff\xfe")
    with pytest.raises(MediaError, match=r"a\.srt', line 9, is not UTF-8; save it as UTF-8"):
        read_file(path)
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(MediaError, match=r"a\.srt' is larger than"):
        read_file(path)
    with pytest.raises(MediaError, match=r"none\.vtt' cannot be read: No such file"):
        read_file(tmp_path / "none.vtt")


def test_which_file_beside_the_media_is_taken(tmp_path):
    media = tmp_path / "talk.final.mp4"
    for name in ("talk.vtt", "talk.final.notes.en.vtt", "talk.final.en.txt"):
        (tmp_path / name).write_text(VTT)
    assert sidecar(media) is None
    for name in (
        "talk.final.en.SRT",
        "talk.final.srt",
        "talk.final.vtt",
    ):  # each wins over the last
        (tmp_path / name).write_text(VTT)
        assert sidecar(media) == tmp_path / name
    assert sidecar(tmp_path / "no folder" / "talk.mp4") is None


@pytest.mark.parametrize("name", ["talk.vtt", "talk.en.srt"])
def test_links_beside_the_media_are_not_followed(tmp_path, name):
    (tmp_path / "secret").write_text(VTT)
    (tmp_path / name).symlink_to("secret")
    assert sidecar(tmp_path / "talk.mp4") is None


def test_sources_of_transcripts(tmp_path):
    media = tmp_path / "talk.mp4"
    (tmp_path / "talk.srt").write_text(SRT)
    blob = Blob(path=str(media))
    assert len(transcript_of(blob, "sidecar", "it")) == 2
    assert transcript_of(Blob(data=b"x"), "sidecar", "it") == ()
    assert transcript_of(blob, lambda _: None, "it") == ()
    assert transcript_of(blob, lambda _: SRT, "it") == read_subtitles(SRT, "it")
    assert transcript_of(blob, lambda _: tmp_path / "talk.srt", "it") == read_subtitles(SRT, "it")
    for path in (str(tmp_path / "talk.srt"), str(tmp_path / "talk.srt") + "\n"):
        assert transcript_of(blob, lambda _, path=path: path, "it") == read_subtitles(SRT, "it")
    with pytest.raises(MediaError, match=r"transcript '.*gone\.VTT' cannot be read: No such file"):
        transcript_of(blob, lambda _: str(tmp_path / "gone.VTT"), "it")
    assert (
        read_transcript("WEBVTT\n\n00:01.000 --> 00:02.000\nsee a.srt", "it")[0].text == "see a.srt"
    )
    with pytest.raises(MediaError, match=r"transcript of 'talk\.mp4' cannot be read: ZeroDivision"):
        transcript_of(blob, lambda _: 1 / 0, "'talk.mp4'")


TIMES = st.integers(0, 10**7).map(lambda ms: ms / 1000)
CUES = st.lists(
    st.tuples(TIMES, TIMES, st.text("abc äß漢", min_size=1).filter(str.strip)).map(
        lambda cue: Cue(min(cue[:2]), max(cue[:2]), " ".join(cue[2].split()))
    )
)


def _clock(seconds, comma):
    milliseconds = round(1000 * seconds)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{comma}{rest % 1000:03}"


@settings(deadline=None)
@given(CUES, st.booleans())
def test_what_is_written_is_read_back(cues, vtt):
    comma = "." if vtt else ","
    text = "WEBVTT\n\n" if vtt else ""
    for number, cue in enumerate(cues):
        times = f"{_clock(cue.start_s, comma)} --> {_clock(cue.end_s, comma)}"
        text += f"{number}\n{times}\n{cue.text}\n\n"
    ordered = sorted(cues, key=lambda cue: (cue.start_s, cue.end_s))
    assert list(read_subtitles(text, "it")) == ordered


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        cues = read_subtitles(text, "it")
    except MediaError:
        return
    assert all(0 <= cue.start_s <= cue.end_s for cue in cues)


@settings(deadline=None)
@given(CUES, TIMES, st.integers(1, 10**6))
def test_a_segment_gets_its_cues_in_its_own_seconds(cues, start, length):
    end = start + length / 1000
    within = cues_within(cues, start, end)
    assert all(0 <= cue.start_s <= cue.end_s <= length / 1000 + 1e-6 for cue in within)
    heard = [cue.text for cue in cues if cue.start_s < end and cue.end_s > start]
    assert [cue.text for cue in within if cue.end_s > cue.start_s] == [
        cue.text for cue in cues if min(cue.end_s, end) - start > max(cue.start_s, start) - start
    ]
    assert set(heard) <= {cue.text for cue in within}


def test_segments_in_a_row_get_each_instant_once():
    cues = (Cue(10.0, 10.0, "x"), Cue(9.0, 11.0, "y"))
    assert [cue.text for cue in cues_within(cues, 0, 10)] == ["y"]
    assert [cue.text for cue in cues_within(cues, 10, 20)] == ["x", "y"]
    assert cues_within(cues, 0, 0) == cues
