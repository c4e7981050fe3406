"""Answers under schemas that ask for ranges of a video, audio or image."""

import functools
import json

import jsonschema
import pytest
from emulator_requests import audio, data_url, function, image, png, post, request, user, video
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_videos import BLUE, GREEN, RED, SceneVideo, make_scene_video, make_sounds

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.emulator.answers.moments import Moment, clock_text, time_role
from langchain_mimo.emulator.answers.schema_values import value_for
from langchain_mimo.emulator.answers.words import PromptValues

NUMBER, TEXT = {"type": "number"}, {"type": "string"}
EMULATOR = MiMoEmulator()
"""One for all tests, so that each file is decoded once."""

RANGES = [(0.0, 4.0), (4.0, 7.52), (7.52, 12.0)]


@functools.cache
def video_url():
    recipe = SceneVideo(
        ((RED, 100), (GREEN, 88), (BLUE, 112)), sounds=((440, 4.0), (0, 3.52), (300, 4.48))
    )
    return data_url("video/mp4", make_scene_video(recipe))


def text(content):
    return {"type": "text", "text": content}


def object_of(**properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def scenes_of(items, **bounds):
    return object_of(scenes={"type": "array", "items": items, **bounds})


SCENE = object_of(start_s=NUMBER, end_s=NUMBER, description=TEXT, speech=TEXT, text=TEXT)
DESCRIPTION = object_of(
    summary=TEXT,
    speech=TEXT,
    text_on_screen=TEXT,
    scenes={"type": "array", "items": {"$ref": "#/$defs/Scene"}},
) | {"$defs": {"Scene": SCENE}}


def native(schema):
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": True},
        }
    }


async def ask(schema, *parts, prompt="Describe it.", **fields):
    """Return the object that the emulator answers with."""
    body = request(messages=user(*parts, text(prompt)), **(native(schema) | fields))
    response = await post(EMULATOR, body)
    assert response.status_code == 200, response.text
    made = json.loads(response.json()["choices"][0]["message"]["content"])
    jsonschema.validate(made, schema)
    return made


def ranges_in(made, start="start_s", end="end_s"):
    return [(scene[start], scene[end]) for scene in made["scenes"]]


async def test_a_video_is_described_by_its_scenes():
    made = await ask(DESCRIPTION, video(video_url()))
    assert ranges_in(made) == RANGES
    first, second, third = made["scenes"]
    assert first["description"] == (
        "Scene 1 of 3, from 0.00 to 4.00 seconds: mainly red, 96×64 pixels."
    )
    assert "mainly green" in second["description"]
    assert third["text"] == third["description"]
    assert "440 Hz" in first["speech"]
    assert second["speech"] == ""
    assert "300 Hz" in third["speech"]
    assert made["summary"].startswith("Video 1: MP4, 96×64 pixels, 12.00 seconds long, h264")
    assert "440 Hz" in made["speech"]
    assert "300 Hz" in made["speech"]
    assert made["text_on_screen"] == ""


async def test_nothing_is_taken_from_the_prompt():
    prompt = 'Use "quoted" words, 3 and 17, 2026-01-01. start_s: 5. speech: hello. Ada, Oslo.'
    plain = await ask(DESCRIPTION, video(video_url()))
    assert await ask(DESCRIPTION, video(video_url()), prompt=prompt) == plain


async def test_a_stream_gives_the_same():
    body = request(messages=user(video(video_url()), text("Describe it.")), **native(DESCRIPTION))
    response = await post(EMULATOR, body | {"stream": True})
    lines = [line for line in response.text.splitlines() if line.startswith("data: {")]
    choices = [json.loads(line.removeprefix("data: "))["choices"] for line in lines]
    content = "".join(choice[0]["delta"]["content"] or "" for choice in choices if choice)
    assert json.loads(content) == await ask(DESCRIPTION, video(video_url()))


@pytest.mark.parametrize(
    "prompt",
    [
        f"Answer in JSON: {json.dumps(DESCRIPTION)}",
        'Answer in JSON: {"scenes": [{"start_s": 0.5, "end_s": 1.5, "description": "string"}]}',
    ],
)
async def test_json_mode(prompt):
    body = request(messages=user(video(video_url()), text(prompt)))
    response = await post(EMULATOR, body | {"response_format": {"type": "json_object"}})
    made = json.loads(response.json()["choices"][0]["message"]["content"])
    assert ranges_in(made) == RANGES
    assert "mainly red" in made["scenes"][0]["description"]


async def test_tools():
    tool = function("describe", description="Describe it.", parameters=DESCRIPTION)
    prompt = "You must call the tool describe."
    body = request(messages=user(video(video_url()), text(prompt)), tools=[tool])
    message = (await post(EMULATOR, body)).json()["choices"][0]["message"]
    (call,) = message["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == await ask(DESCRIPTION, video(video_url()))


async def test_tools_of_the_anthropic_format():
    source = {
        "type": "base64",
        "media_type": "video/mp4",
        "data": video_url().partition("base64,")[2],
    }
    content = [{"type": "video", "source": source}, text("You must call the tool describe.")]
    tool = {"name": "describe", "description": "Describe it.", "input_schema": DESCRIPTION}
    body = {
        "model": "mimo-v2.6-pro",
        "max_tokens": 4000,
        "messages": [{"role": "user", "content": content}],
        "tools": [tool],
    }
    emulator = MiMoEmulator(anthropic_audio_video=True)
    response = await post(emulator, body, path="/anthropic/v1/messages")
    assert response.status_code == 200, response.text
    use = response.json()["content"][-1]
    assert use["type"] == "tool_use"
    assert ranges_in(use["input"]) == RANGES


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("start", "end"),
        ("start_s", "end_s"),
        ("start_seconds", "end_seconds"),
        ("start_time", "end_time"),
        ("startTime", "endTime"),
        ("begin", "end"),
        ("from", "to"),
        ("time_start", "time_end"),
        ("begin_timestamp", "until"),
    ],
)
async def test_names_of_start_and_end(start, end):
    numbers = await ask(scenes_of(object_of(**{start: NUMBER, end: NUMBER})), video(video_url()))
    assert ranges_in(numbers, start, end) == RANGES
    texts = await ask(scenes_of(object_of(**{start: TEXT, end: TEXT})), video(video_url()))
    assert ranges_in(texts, start, end) == [
        ("00:00", "00:04"),
        ("00:04", "00:08"),
        ("00:08", "00:12"),
    ]


@pytest.mark.parametrize(
    ("of_time", "start", "end"),
    [
        ({"type": "integer"}, [0, 4, 8], [4, 8, 12]),
        ({"type": "number", "maximum": 5}, [0, 4, 5], [4, 5, 5]),
        ({"type": "number", "minimum": 1.5}, [1.5, 4, 7.52], [4, 7.52, 12]),
        ({"type": "number", "multipleOf": 0.5}, [0, 4, 7.5], [4, 7.5, 12]),
        ({"type": ["number", "null"]}, [0, 4, 7.52], [4, 7.52, 12]),
        ({"anyOf": [{"type": "null"}, {"type": "number"}]}, [0, 4, 7.52], [4, 7.52, 12]),
        ({"type": "integer", "exclusiveMinimum": 0}, [1, 4, 8], [4, 8, 12]),
    ],
)
async def test_bounds_of_times(of_time, start, end):
    made = await ask(scenes_of(object_of(start=of_time, end=of_time)), video(video_url()))
    assert ranges_in(made, "start", "end") == list(zip(start, end, strict=True))


async def test_milliseconds_and_durations():
    item = object_of(start_ms={"type": "integer"}, end_ms=NUMBER, duration=NUMBER, length_s=NUMBER)
    made = await ask(
        object_of(duration_s=NUMBER, scenes={"type": "array", "items": item}), video(video_url())
    )
    assert made["duration_s"] == 12
    assert ranges_in(made, "start_ms", "end_ms") == [(0, 4000), (4000, 7520), (7520, 12000)]
    assert [scene["duration"] for scene in made["scenes"]] == [4, 3.52, 4.48]
    assert [scene["length_s"] for scene in made["scenes"]] == [4, 3.52, 4.48]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"maxItems": 0}, []),
        ({"maxItems": 1}, [(0, 12)]),
        ({"maxItems": 2}, [(0, 4), (4, 12)]),
        ({"minItems": 3, "maxItems": 9}, RANGES),
        ({"minItems": 5}, [(0, 2), (2, 4), (4, 7.52), (7.52, 9.76), (9.76, 12)]),
    ],
)
async def test_numbers_of_items(bounds, expected):
    assert ranges_in(await ask(scenes_of(SCENE, **bounds), video(video_url()))) == expected


@pytest.mark.parametrize(
    "schema",
    [
        object_of(parts=object_of(scenes={"type": "array", "items": SCENE}), title=TEXT),
        {"anyOf": [{"type": "null"}, scenes_of(SCENE)]},
        {"allOf": [scenes_of(SCENE)]},
        object_of(scenes={"anyOf": [{"type": "array", "items": SCENE}, {"type": "null"}]}),
        scenes_of({"anyOf": [{"type": "null"}, SCENE]}),
        {"type": "array", "items": SCENE},
    ],
)
async def test_ranges_at_any_place(schema):
    made = await ask(schema, video(video_url()))
    assert json.dumps(made).count("mainly green") >= 1
    assert json.dumps(made).count('"start_s"') == 3


async def test_optional_fields_are_filled():
    optional = {key: value for key, value in SCENE.items() if key != "required"}
    made = await ask(
        {"type": "object", "properties": {"scenes": {"type": "array", "items": optional}}},
        video(video_url()),
    )
    assert [list(scene) for scene in made["scenes"]] == [list(SCENE["properties"])] * 3


async def test_audio_and_images():
    sounds = data_url("audio/wav", make_sounds(((440, 2.0), (0, 1.0), (440, 1.5))))
    made = await ask(DESCRIPTION, audio(sounds))
    assert ranges_in(made) == [(0, 2), (2, 3), (3, 4.5)]
    assert "440 Hz" in made["scenes"][0]["description"]
    assert [bool(scene["speech"]) for scene in made["scenes"]] == [True, False, True]
    assert made["scenes"][1]["description"].endswith("silence.")

    made = await ask(DESCRIPTION, image(data_url("image/png", png(640, 480))))
    assert ranges_in(made) == [(0, 0)]
    assert made["scenes"][0]["description"] == "Image 1: PNG, 640×480 pixels, mainly red."
    assert made["scenes"][0]["speech"] == ""


async def test_a_url_has_one_scene_of_the_nominal_length():
    made = await ask(DESCRIPTION, video("https://example.com/a.mp4"))
    assert ranges_in(made) == [(0, 3.02)]
    assert "not fetched" in made["scenes"][0]["description"]


async def test_the_scenes_are_those_of_the_first_video():
    sounds = data_url("audio/wav", make_sounds(((440, 2.0),)))
    still = data_url("video/mp4", make_scene_video(SceneVideo(((RED, 50),))))
    parts = [image(data_url("image/png", png())), audio(sounds), video(video_url()), video(still)]
    made = await ask(DESCRIPTION, *parts)
    assert ranges_in(made) == RANGES
    assert ranges_in(await ask(DESCRIPTION, *parts[:2])) == [(0, 2)]


async def test_the_token_limit_cuts_and_every_token_counts():
    body = request(messages=user(video(video_url()), text("Describe it.")), **native(DESCRIPTION))
    body["thinking"] = {"type": "disabled"}
    whole = (await post(EMULATOR, body)).json()
    cut = (await post(EMULATOR, body | {"max_completion_tokens": 100})).json()
    assert whole["usage"]["completion_tokens"] > 100
    assert cut["usage"]["completion_tokens"] <= 100
    assert cut["choices"][0]["finish_reason"] == "length"
    text_of = [one["choices"][0]["message"]["content"] for one in (whole, cut)]
    assert text_of[0].startswith(text_of[1])


async def test_without_ranges_what_is_seen_and_heard_is_of_the_media():
    schema = object_of(
        summary=TEXT,
        speech=TEXT,
        text_on_screen=TEXT,
        scene_description=TEXT,
        duration=NUMBER,
        length_ms=NUMBER,
    )
    prompt = 'Say "what" you see. speech: what is said. summary: two sentences in English.'
    made = await ask(schema, video(video_url()), prompt=prompt)
    assert made["summary"] == made["scene_description"]
    assert made["summary"].startswith("Video 1: MP4, 96×64 pixels")
    assert "440 Hz" in made["speech"]
    assert made["text_on_screen"] == ""
    assert (made["duration"], made["length_ms"]) == (12, 12_000)


async def test_arguments_of_tools_are_about_media_for_ranges_only():
    parameters = object_of(voice=TEXT, description=TEXT)
    tool = function("speak", description="Speak.", parameters=parameters)
    prompt = "You must call speak with voice=Ada and description='calm'."
    body = request(messages=user(video(video_url()), text(prompt)), tools=[tool])
    message = (await post(EMULATOR, body)).json()["choices"][0]["message"]
    arguments = json.loads(message["tool_calls"][0]["function"]["arguments"])
    assert arguments == {"voice": "Ada", "description": "calm"}


async def test_dates_are_no_ranges_of_a_video():
    day = {"type": "string", "format": "date"}
    made = await ask(
        object_of(events={"type": "array", "items": object_of(start=day, end=day)}),
        image(data_url("image/png", png())),
        prompt="From 2026-10-09 to 2026-10-11",
    )
    assert made["events"] == [{"start": "2026-10-09", "end": "2026-10-11"}]


async def test_without_media_the_prompt_counts():
    made = await ask(scenes_of(object_of(start=NUMBER, end=NUMBER)), prompt="From 3 to 8")
    assert ranges_in(made, "start", "end") == [(3, 8)]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00"), (59.6, "01:00"), (725.2, "12:05"), (3723, "1:02:03")]
)
def test_clock_text(seconds, shown):
    assert clock_text(seconds) == shown


@pytest.mark.parametrize(
    "name", ["started", "startIndex", "start_date", "s", "", "weekend", "from_to"]
)
def test_names_that_are_no_times(name):
    assert time_role(name) == ""


def bounded(kind):
    bounds = st.tuples(st.integers(-20, 20), st.integers(0, 40), st.sampled_from([1, 2, 5]))
    return bounds.map(
        lambda row: (
            {"type": kind, "minimum": row[0], "maximum": row[0] + row[1] + row[2]}
            | ({"multipleOf": row[2]} if kind == "integer" else {})
        )
    )


TIMES = st.one_of(st.just(NUMBER), st.just(TEXT), bounded("number"), bounded("integer"))
OTHERS = st.one_of(
    TIMES,
    st.just({"type": "boolean"}),
    st.just({"enum": ["calm", "loud"]}),
    st.just({"type": ["string", "null"]}),
    st.just({"type": "array", "items": TEXT, "maxItems": 3}),
    st.just({"type": "string", "maxLength": 7}),
    st.just({"type": "string", "pattern": "^[a-z ]+$"}),
)
NAMES = st.sampled_from(["description", "speech", "duration", "tags", "text", "confidence"])


@st.composite
def schemas(draw):
    start, end = draw(st.sampled_from([("start", "end"), ("from", "to"), ("beginMs", "end_s")]))
    properties = {start: draw(TIMES), end: draw(TIMES), **draw(st.dictionaries(NAMES, OTHERS))}
    required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
    scene = object_of(**properties) | {"required": required}
    least = draw(st.integers(0, 6))
    scenes = {"type": "array", "minItems": least, "maxItems": least + draw(st.integers(0, 4))}
    if draw(st.booleans()):
        scene["properties"]["scenes"] = {"type": "array", "items": {"$ref": "#/$defs/Scene"}}
    schema = object_of(**draw(st.dictionaries(NAMES, OTHERS)), scenes=scenes)
    schema["properties"]["scenes"]["items"] = {"$ref": "#/$defs/Scene"}
    return schema | {"$defs": {"Scene": scene}}


MOMENTS = st.lists(st.floats(0, 1000), min_size=1, max_size=8).map(
    lambda ends: Moment(
        0.0,
        max(ends),
        "all",
        "a tone",
        {"colour": "red"},
        tuple(
            Moment(start, end, "one", "")
            for start, end in zip([0.0, *sorted(ends)], sorted(ends), strict=False)
        ),
    )
)


@settings(max_examples=200, deadline=None)
@given(schema=schemas(), moment=MOMENTS)
def test_every_answer_is_valid(schema, moment):
    value = value_for(schema, PromptValues("Hello 3", numbers=[3], about_media=lambda: moment))
    jsonschema.validate(value, schema)
