"""`fps` and `media_resolution` of videos, and time ranges, which MiMo cannot select."""

from __future__ import annotations

import warnings

import pytest
from block_samples import MP4, URL, VIDEO, only
from langchain_core.language_models._utils import _normalize_messages
from langchain_core.messages import HumanMessage
from langchain_core.messages.content import create_video_block
from langchain_core.prompts import ChatPromptTemplate

from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo.errors import MiMoInputError

SAMPLING = {
    "top level": {**VIDEO, "fps": 1, "media_resolution": "max"},
    "extras": {**VIDEO, "extras": {"fps": 1, "media_resolution": "max"}},
    "metadata": {**VIDEO, "metadata": {"fps": 1, "media_resolution": "max"}},
    "factory": create_video_block(url=URL, fps=1, media_resolution="max"),
    "sibling": {
        "type": "video_url",
        "video_url": {"url": URL},
        "fps": 1,
        "media_resolution": "max",
    },
    "inside video_url": {
        "type": "video_url",
        "video_url": {"url": URL, "fps": 1, "media_resolution": "max"},
    },
    "inside source": {
        "type": "video",
        "source": {"type": "url", "url": URL, "fps": 1, "media_resolution": "max"},
    },
    "v0 file": {
        "type": "file",
        "source_type": "url",
        "mime_type": "video/mp4",
        "url": URL,
        "metadata": {"fps": 1, "media_resolution": "max"},
    },
    "top level wins": {
        **VIDEO,
        "fps": 1,
        "media_resolution": "max",
        "extras": {"fps": 2, "media_resolution": "default"},
        "metadata": {"fps": 3},
    },
}


@pytest.mark.parametrize("block", SAMPLING.values(), ids=SAMPLING)
def test_sampling_is_read(block):
    part = only(block, MediaDefaults(5, "default"))
    assert (part.fps, part.media_resolution) == (1, "max")
    (message,) = _normalize_messages([HumanMessage([block])])
    part = only(message.content[0], MediaDefaults(5, "default"))
    assert (part.fps, part.media_resolution) == (1, "max")


def test_gemini_fps():
    block = {
        "type": "media",
        "mime_type": "video/mp4",
        "data": MP4,
        "video_metadata": {"fps": 0.5},
    }
    assert only(block).fps == 0.5


def test_defaults_apply_to_videos_only():
    defaults = MediaDefaults(0.1, "max")
    assert (only(VIDEO, defaults).fps, only(VIDEO, defaults).media_resolution) == (0.1, "max")
    image = only({"type": "image", "url": URL}, defaults)
    assert (image.fps, image.media_resolution) == (None, None)
    assert (only(VIDEO).fps, only(VIDEO).media_resolution) == (None, None)


BAD_FPS = [0, 0.05, 10.1, -1, float("nan"), float("inf"), True, "20", "fast", [1]]


@pytest.mark.parametrize("fps", BAD_FPS, ids=repr)
def test_bad_fps(fps):
    with pytest.raises(
        MiMoInputError, match=r"messages\[3\], block 0: fps must be a number from 0.1 to 10"
    ):
        only({**VIDEO, "fps": fps})
    with pytest.raises(MiMoInputError, match=r"^fps must be"):
        MediaDefaults(fps=fps)


@pytest.mark.parametrize(("fps", "sent"), [("2", 2), ("0.5", 0.5)])
def test_fps_may_be_spelled_as_a_template_value(fps, sent):
    prompt = ChatPromptTemplate([("human", [{**VIDEO, "fps": "{fps}"}])])
    [block] = prompt.invoke({"fps": fps}).to_messages()[0].content
    assert block["fps"] == fps
    assert only(block).fps == sent
    assert MediaDefaults(fps=fps).fps == sent


def test_a_subclass_of_float_becomes_a_float():
    class FloatSubclass(float):
        pass

    assert type(only({**VIDEO, "fps": FloatSubclass(2)}).fps) is float
    assert type(only({**VIDEO, "fps": 2}).fps) is int


def test_bad_resolution():
    with pytest.raises(
        MiMoInputError, match=r"block 0: media_resolution must be 'default' or 'max'"
    ):
        only({**VIDEO, "media_resolution": "high"})
    with pytest.raises(MiMoInputError, match="media_resolution"):
        MediaDefaults(media_resolution="MAX")


@pytest.mark.parametrize("key", ["start", "end", "start_offset", "end_time"])
@pytest.mark.parametrize("place", ["top", "extras", "video_metadata"])
def test_time_ranges_are_refused(key, place):
    block = {**VIDEO, key: 3} if place == "top" else {**VIDEO, place: {key: 3}}
    with pytest.raises(MiMoInputError, match=r"prepare_video\(start_s=…, end_s=…\)"):
        only(block)


def test_a_null_time_range_is_ignored():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert only({**VIDEO, "start": None}).reference.kind == "video"
