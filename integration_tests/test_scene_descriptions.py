"""Times of scenes, from a video through the client to the emulator and back."""

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from pydantic import BaseModel
from scene_videos import BLUE, GREEN, RED, SceneVideo, make_scene_video, make_sounds

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.media import audio_block, video_block

THREE = SceneVideo(((RED, 100), (GREEN, 88), (BLUE, 112)), gop=25)


class Scene(BaseModel):
    """A scene."""

    start_s: float
    end_s: float
    description: str
    speech: str | None = None


class Description(BaseModel):
    """The description of a file."""

    summary: str
    scenes: list[Scene]


@pytest.fixture
def llm(emulator, tmp_path):
    return ChatMiMo(
        model="mimo-v2.6-flash",
        base_url=emulator.base_url,
        api_key=emulator.api_key,
        allowed_media_dirs=[tmp_path],
    )


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("streamed", [False, True])
def test_every_method_returns_the_scenes(llm, tmp_path, method, streamed):
    path = tmp_path / "three.mp4"
    path.write_bytes(make_scene_video(replace(THREE, sounds=((440, 4.0), (0, 8.0)))))
    model = llm.with_structured_output(Description, method=method)
    prompt = "Describe the video."
    if method == "json_mode":
        prompt += f" Answer in JSON: {Description.model_json_schema()}".replace("'", '"')
    message = [("user", [video_block(path), {"type": "text", "text": prompt}])]
    made = list(model.stream(message))[-1] if streamed else model.invoke(message)
    assert [(scene.start_s, scene.end_s) for scene in made.scenes] == [
        (0.0, 4.0),
        (4.0, 7.52),
        (7.52, 12.0),
    ]
    assert ["red" in made.scenes[0].description, "blue" in made.scenes[2].description] == [True] * 2
    assert "440 Hz" in made.scenes[0].speech
    assert made.scenes[1].speech == ""
    assert made.summary.startswith("Video 1: MP4, 96×64 pixels, 12.0")


@pytest.mark.parametrize(
    "recipe",
    [
        THREE,
        replace(THREE, rate=Fraction(30000, 1001), b_frames=3),
        replace(THREE, gaps=(1, 2)),
        replace(THREE, container="mov", moves=True, sounds=((440, 12.0),)),
    ],
    ids=["plain", "ntsc", "variable rate", "mov with audio"],
)
def test_scenes_of_ranges_are_those_of_the_whole_video(llm, tmp_path, recipe):
    path = tmp_path / f"video.{recipe.container}"
    path.write_bytes(make_scene_video(recipe))
    model = llm.with_structured_output(Description, method="json_schema")
    chance = random.Random(19)
    found = 0
    for _ in range(6):
        start = chance.uniform(0, recipe.seconds - 1.5)
        end = chance.uniform(start + 1, recipe.seconds)
        block = video_block(path, start_s=start, end_s=end)
        shown_start, shown_end = (block["extras"][f"shown_{side}_s"] for side in ("start", "end"))
        inside = [time for time in recipe.changes if shown_start + 0.001 < time < shown_end - 0.001]
        scenes = model.invoke([("user", [block])]).scenes
        starts = [shown_start + scene.start_s for scene in scenes[1:]]
        assert starts == pytest.approx(inside, abs=float(1 / recipe.rate))
        assert shown_start + scenes[-1].end_s == pytest.approx(shown_end, abs=0.1)
        found += len(inside)
    assert found >= 3


def test_scenes_of_audio_lie_between_silences(llm, tmp_path):
    path = tmp_path / "tones.wav"
    path.write_bytes(make_sounds(((440, 3.0), (0, 1.0), (300, 2.0))))
    model = llm.with_structured_output(Description, method="json_schema")
    made = model.invoke([("user", [audio_block(path)])])
    assert [(scene.start_s, scene.end_s) for scene in made.scenes] == [(0, 3), (3, 4), (4, 6)]
    assert "440 Hz" in made.scenes[0].description
    assert made.scenes[1].description.endswith("silence.")
