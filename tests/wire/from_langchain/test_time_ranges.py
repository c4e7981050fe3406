"""Time ranges in the extras of blocks, and everywhere else."""

import pytest
from langchain_core.messages import HumanMessage, ToolMessage

from langchain_mimo._media.references import LocalFile, TimeRange
from langchain_mimo._wire.from_langchain.content_blocks import read_content
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo.errors import MediaError, MiMoInputError

EXTRAS = {"size": 9, "sha256": "0" * 64, "start_s": 1, "end_s": 2.5}
SHOWN = {"shown_start_s": 0.0, "shown_end_s": 3.0}


def source(block):
    return read_content([{"type": "text", "text": "?"}, block], 0, MediaDefaults())[
        1
    ].reference.source


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_range_is_read_from_extras(kind, recwarn):
    block = {"type": kind, "url": "file:///a/b", "extras": EXTRAS}
    assert source(block) == LocalFile("/a/b", 9, "0" * 64, TimeRange(1, 2.5))
    block["extras"] = EXTRAS | SHOWN | ({"fps": 2} if kind == "video" else {})
    assert source(block).time_range == TimeRange(1, 2.5, (0.0, 3.0))
    block["extras"] |= {"copy_seconds": 3.01, "copy_has_audio": False}
    assert source(block).time_range == TimeRange(1, 2.5, (0.0, 3.0), 3.01, has_audio=False)
    assert source({**block, "extras": {"start_s": 3}}).time_range == TimeRange(3)
    assert source({**block, "extras": {"end_s": 3}}).time_range == TimeRange(0, 3)
    assert source({**block, "extras": {"start_s": None, "end_s": None}}).time_range is None
    assert not recwarn


def test_messages_of_the_user_and_of_tools_carry_it():
    block = {"type": "video", "url": "file:///a/b", "extras": EXTRAS | SHOWN}
    for message in (HumanMessage([block]), ToolMessage([block], tool_call_id="1")):
        assert source(message.content_blocks[0]).time_range == TimeRange(1, 2.5, (0.0, 3.0))


@pytest.mark.parametrize(
    "location", [{"url": "https://a.example/b.mp4"}, {"base64": "AAAA"},
                 {"url": "data:video/mp4;base64,AAAA"}],
)  # fmt: skip
@pytest.mark.parametrize("key", ["start_s", "end_s"])
def test_ranges_of_what_is_no_file_are_refused(location, key):
    with pytest.raises(MiMoInputError, match=r"ranges are cut out of local files; .*video_block\("):
        source({"type": "video", **location, "extras": {key: 1}})


@pytest.mark.parametrize("key", ["start", "end_time", "start_offset"])
def test_other_names_of_ranges_are_refused_for_files_too(key):
    block = {"type": "video", "url": "file:///a/b", "extras": {key: 1}}
    with pytest.raises(MiMoInputError, match=r"use the block that video_block\(path, start_s=…"):
        source(block)
    block["extras"] |= EXTRAS
    with pytest.raises(MiMoInputError, match=key):
        source(block)
    with pytest.raises(MiMoInputError, match="start_s"):
        source({"type": "video", "url": "file:///a/b", "start_s": 1})


def test_an_image_has_none():
    block = {"type": "image", "url": "file:///a/b", "extras": EXTRAS}
    with pytest.raises(MediaError, match="block 1: an image has no time range; remove start_s"):
        source(block)


@pytest.mark.parametrize(
    "extras",
    [{"start_s": "1"}, {"start_s": float("nan")}, {"end_s": True}, {"start_s": -1}, {"end_s": 0},
     {"start_s": 2, "end_s": 2}, {"end_s": float("inf")}, {"start_s": [1]}, SHOWN,
     {"start_s": 1, "shown_start_s": 1}, {"start_s": 1, "shown_start_s": 3, "shown_end_s": 2},
     {"end_s": 10**400}, {"copy_seconds": 1}, {"copy_has_audio": True},
     {"start_s": 1, "copy_seconds": 1}, {"start_s": 1, "copy_has_audio": False},
     {"start_s": 1, **SHOWN, "copy_seconds": -1}, {"start_s": 1, **SHOWN, "copy_has_audio": 1}],
)  # fmt: skip
def test_what_is_no_range_is_refused_by_its_place(extras):
    with pytest.raises(MediaError, match="the time range of a video block is invalid: ") as caught:
        source({"type": "video", "url": "file:///a/b", "extras": extras})
    assert (caught.value.message_index, caught.value.block_index) == (0, 1)
