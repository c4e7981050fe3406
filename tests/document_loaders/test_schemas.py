"""Schemas of answers: which field has the scenes, which times are understood, how text is made."""

import enum
from collections.abc import Sequence
from datetime import date
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from langchain_mimo.document_loaders.schemas import (
    MediaDescription,
    MediaOverview,
    MediaScene,
    answer_text,
    check_schema,
    fields_of,
    read_answer,
    read_seconds,
    render,
    scenes_field,
    scenes_of,
)
from langchain_mimo.errors import MiMoConfigurationError


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("12.5", 12.5), ("12,5", 12.5), (" 7 ", 7.0), ("7 s", 7.0), ("7s", 7.0), ("7 sec", 7.0),
        ("7 seconds", 7.0), (".5", 0.5), ("5.", 5.0), ("1:05", 65.0), ("01:02:03", 3723.0),
        ("1:02:03.5", 3723.5), ("0:00", 0.0), ("90:00", 5400.0), ("00:01,500", 1.5),
    ],
)  # fmt: skip
def test_times_are_understood(value, seconds):
    assert read_seconds(value) == seconds
    assert MediaScene(start_s=value, end_s=value, description="x").start_s == seconds


@pytest.mark.parametrize(
    "value",
    ["soon", "", "-", "1:2:3:4", "9" * 400 + ":00", "9" * 5000 + ":00", "about 5", None, [1], {}],
)
def test_what_is_no_time_does_not_fit(value):
    text = MediaDescription.model_construct(
        summary="x", scenes=[{"start_s": value, "end_s": 1, "description": "x"}]
    ).model_dump_json(warnings=False)
    assert read_answer(text, MediaDescription) is None


@settings(deadline=None)
@given(st.floats(0, 1e6).map(lambda value: round(value, 3)))
def test_clock_times_and_numbers_are_the_same_seconds(seconds):
    minutes, rest = divmod(round(1000 * seconds), 60_000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
    assert read_seconds(clock) == pytest.approx(seconds, abs=1e-6)
    assert read_seconds(f"{seconds:.3f}") == pytest.approx(seconds, abs=1e-9)


@settings(deadline=None)
@given(st.text())
def test_any_string_is_a_time_or_left_to_pydantic(text):
    value = read_seconds(text)
    assert value is text or value >= 0


class Goal(MediaScene):
    player: str


class Moment(BaseModel):
    start_s: float
    end_s: float
    what: str


class Other(BaseModel):
    start_s: float
    what: str


def schema_with(annotation):
    return type("Schema", (BaseModel,), {"__annotations__": {"title": str, "items": annotation}})


@pytest.mark.parametrize(
    "annotation",
    [list[Goal], list[Moment], list[Moment] | None, tuple[Moment, ...], Sequence[Goal],
     Annotated[list[Goal], 1], list[Annotated[Goal, 1]], list[Moment | Goal]],
)  # fmt: skip
def test_lists_of_models_with_times_are_scenes(annotation):
    assert scenes_field(schema_with(annotation)) == "items"


@pytest.mark.parametrize(
    "annotation",
    [str, list, list[str], list[Other], list[Moment | Other], list[Moment] | str, dict[str, Moment],
     Moment, type[Moment], None],
)  # fmt: skip
def test_other_fields_are_no_scenes(annotation):
    assert scenes_field(schema_with(annotation)) is None


def test_the_default_schemas():
    assert scenes_field(MediaDescription) == "scenes"
    assert scenes_field(MediaOverview) is None
    properties = MediaDescription.model_json_schema()["$defs"]["MediaScene"]["properties"]
    for name in ("start_s", "end_s"):
        assert properties[name]["type"] == "number"
        assert (
            "seconds from the start of the video or audio you were given"
            in (properties[name]["description"])
        )


@pytest.mark.parametrize("schema", [dict, {"type": "object"}, Goal.model_construct(), "x", None])
def test_schemas_are_pydantic_classes(schema):
    with pytest.raises(MiMoConfigurationError, match="schema must be a pydantic class"):
        check_schema(schema)


class Team(BaseModel):
    name: str
    players: list[str] = []


class Mood(enum.Enum):
    GLAD = "glad"


class Report(BaseModel):
    headline: str
    summary: str
    goals: int = 0
    is_final: bool = True
    rating: float | None = None
    mood: Mood = Mood.GLAD
    day: date = date(2026, 11, 26)
    tags: list[str] = []
    home_team: Team | None = None
    teams: list[Team] = []
    by_minute: dict[str, list[int]] = {}


def test_a_line_for_each_field_and_nested_lists_as_bullets():
    report = Report(
        headline="Derby",
        summary="A game.",
        rating=4.5,
        tags=["a", "", "b"],
        home_team=Team(name="Reds", players=["Ada", "Bob"]),
        teams=[Team(name="Reds", players=["Ada"]), Team(name="Blues")],
        by_minute={"first": [1, 2]},
    )
    assert render(fields_of(report)) == (
        "headline: Derby\n"
        "A game.\n"
        "goals: 0\n"
        "is final: yes\n"
        "rating: 4.5\n"
        "mood: glad\n"
        "day: 2026-11-26\n"
        "tags: a, b\n"
        "home team:\n"
        "  name: Reds\n"
        "  players: Ada, Bob\n"
        "teams:\n"
        "  - name: Reds\n"
        "    players: Ada\n"
        "  - name: Blues\n"
        "by minute:\n"
        "  first: 1, 2"
    )


def test_what_is_empty_has_no_line():
    assert render({"a": "", "b": None, "c": [], "d": {}, "e": [{"f": ""}], "g": "  "}) == ""


def test_nested_times_are_shown_and_those_of_the_scene_are_not():
    assert render(
        {"start_s": 1, "end_s": 2, "text": "x", "words": [{"start_s": 1, "word": "hi"}]}
    ) == ("text: x\nwords:\n  - start s: 1\n    word: hi")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.dictionaries(st.text(min_size=1).filter(lambda name: name not in ("start_s", "end_s")), JSON)
)
def test_no_value_is_lost_in_the_text(fields):
    text = render(fields)

    def leaves(value):
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        if isinstance(value, list):
            return [leaf for item in value for leaf in leaves(item)]
        return [value]

    for leaf in leaves(fields):
        if isinstance(leaf, str) and leaf.strip():
            assert leaf.strip() in text
        if isinstance(leaf, int) and not isinstance(leaf, bool):
            assert str(leaf) in text


class Fixtures(BaseModel):
    goals: list[Goal] = Field(alias="tore")
    note: str = ""


def test_answers_are_kept_as_written_when_they_can_be_read_again():
    scene = {"start_s": "0:01", "end_s": 2, "description": "x", "player": "Ada"}
    parsed = Fixtures.model_validate({"tore": [scene]})
    written = '{"tore": [{"start_s": "0:01", "end_s": 2, "description": "x", "player": "Ada"}]}'
    assert answer_text(written, parsed, Fixtures) == written
    for other in ("", f"```json\n{written}\n```", "something else"):
        assert read_answer(answer_text(other, parsed, Fixtures), Fixtures) == parsed
    assert answer_text("no JSON", None, Fixtures) == "no JSON"


def test_scenes_and_the_other_fields_of_an_answer():
    answer = Fixtures.model_validate(
        {"tore": [{"start_s": 1, "end_s": 2, "description": "x", "player": "Ada"}], "note": "n"}
    )
    scenes, others = scenes_of(answer)
    assert [render(fields_of(scene)) for scene in scenes] == ["x\nplayer: Ada"]
    assert others == {"note": "n"}
    assert scenes_of(MediaOverview(summary="s")) == (
        [],
        {"summary": "s", "speech": "", "text_on_screen": ""},
    )
