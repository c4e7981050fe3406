"""Histories as other providers' packages store them in a checkpoint."""

from __future__ import annotations

import copy
import json
import warnings
from dataclasses import asdict

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage, messages_from_dict
from repository import PROVIDER_HISTORIES, ROOT

from langchain_mimo._wire.from_langchain.assistant import MEDIA_BLOCK_TYPES
from langchain_mimo._wire.from_langchain.content_blocks import READERS
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.from_langchain.other_providers import (
    IGNORED_KEYS,
    PROVIDER_BLOCKS,
    block_type,
    plain_reasoning,
)
from langchain_mimo._wire.turns import (
    AssistantTurn,
    MediaPart,
    SystemTurn,
    ToolCall,
    ToolTurn,
    UserTurn,
)
from langchain_mimo.errors import MiMoInputError

OMNI = HistoryOptions("mimo-v2.6-pro", frozenset({"text", "image", "audio", "video"}))


def load(name):
    stored = json.loads((PROVIDER_HISTORIES / f"{name}.json").read_text(encoding="utf-8"))
    return messages_from_dict(stored["messages"])


def summary(turns):
    """Return turns as tuples that are easy to compare and read."""
    lines = []
    for turn in turns:
        match turn:
            case SystemTurn():
                lines.append((turn.role, turn.text))
            case UserTurn():
                content = turn.content
                if isinstance(content, list):
                    content = [
                        part.reference.kind if isinstance(part, MediaPart) else part.text
                        for part in content
                    ]
                lines.append(("user", content))
            case AssistantTurn():
                calls = [(call.id, call.name, call.arguments) for call in turn.calls]
                lines.append(("assistant", turn.text, turn.reasoning, calls))
            case ToolTurn():
                lines.append(("tool", turn.call_id, turn.text, turn.is_error))
    return lines


EXPECTED = {
    "openai_chat": [
        ("developer", "Be brief."),
        ("user", "Weather in Paris and Oslo?"),
        (
            "assistant",
            "",
            " ",
            [
                ("call_a1", "weather", '{"city": "Paris"}'),
                ("call_a2", "weather", '{"city": "Oslo"}'),
            ],
        ),
        ("tool", "call_a1", "18 °C", False),
        ("tool", "call_a2", "4 °C", False),
        ("assistant", "Paris 18 °C, Oslo 4 °C.", None, []),
        ("user", ["And here?", "image"]),
        ("assistant", "I cannot tell.", None, []),
        ("user", "Why?"),
    ],
    "openai_responses": [
        ("user", "Look up MiMo and add 2 and 3."),
        (
            "assistant",
            "MiMo is a model.",
            "**Searching**\n\n**Adding**",
            [("call_b1", "add", '{"a": 2, "b": 3}')],
        ),
        ("tool", "call_b1", "5", False),
        ("assistant", "No more.", None, []),
        ("user", "Go on."),
    ],
    "openai_responses_v0": [
        ("user", "Add 2 and 3."),
        ("assistant", "Adding.", "I should add.", [("call_b2", "add", '{"a": 2, "b": 3}')]),
        ("tool", "call_b2", "5", False),
    ],
    "anthropic": [
        ("system", "You are kind.\nBe brief."),
        ("user", ["What is this?", "image"]),
        (
            "assistant",
            "Let me look. And search.",
            "I should look closer.",
            [("toolu_1", "zoom", '{"x": 1}'), ("toolu_2", "crop", "{}")],
        ),
        ("tool", "toolu_1", "closer", False),
        ("tool", "toolu_2", "cannot crop", True),
        ("user", ["Media from tool call toolu_1 (zoom):", "image"]),
        ("user", "Well?"),
        ("assistant", "A cat.", None, []),
        ("user", "Thanks."),
    ],
    "anthropic_untyped_calls": [
        ("user", "Pick a colour."),
        ("assistant", "Hmm.", " ", [("foo", "color_picker", '{"fav_color": "green"}')]),
        ("tool", "foo", "great pick", False),
        ("user", "which one?"),
    ],
    "gemini": [
        ("user", ["video", "What happens?"]),
        ("assistant", "Looking.", "Let me call it.", [("3f1e", "find", '{"q": "cat"}')]),
        ("tool", "3f1e", "found", False),
        ("assistant", "A cat jumps.", None, []),
        ("user", "Sure?"),
    ],
    "gemini_v1": [
        ("user", "Find it."),
        ("assistant", "", "Call find.", [("3f1e", "find", '{"q": "cat"}')]),
        ("tool", "3f1e", "found", False),
    ],
    "deepseek": [
        ("user", "How many r in strawberry?"),
        (
            "assistant",
            "",
            "Count them.\n\nUse the tool. ",
            [("call_00_x", "count", '{"word": "strawberry", "letter": "r"}')],
        ),
        ("tool", "call_00_x", "3", False),
        ("assistant", "Three.", None, []),
        ("user", "Thanks."),
    ],
    "bedrock_converse": [
        ("user", ["Read this.", "image"]),
        ("assistant", "One moment.", "I need the tool.", [("tooluse_1", "ocr", '{"page": 1}')]),
        ("tool", "tooluse_1", '{"text": "héllo"}', False),
        ("assistant", "It says héllo.", None, []),
        ("user", "Fine."),
    ],
    "standard_v1": [
        ("user", ["Hear this", "audio"]),
        ("assistant", "I listen.", "First. Second.", [("c1", "play", '{"n": 1}')]),
        ("tool", "c1", "played", False),
        ("assistant", "Done.", None, []),
    ],
    "legacy_functions": [
        ("user", "Add."),
        ("assistant", "", " ", [("call_1_0", "add", '{"a": 1}')]),
        ("tool", "call_1_0", "1", False),
        ("user", "Go on."),
        ("assistant", "Yes.", None, []),
        ("developer", "Be quick."),
    ],
    "mistral": [
        ("user", "Think."),
        ("assistant", "Done.", "Thinking.", [("abc123def", "f", "{}")]),
        ("tool", "abc123def", "(no output)", False),
    ],
}


def test_every_fixture_has_an_expectation():
    assert {path.stem for path in PROVIDER_HISTORIES.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_history(name):
    messages = load(name)
    before = copy.deepcopy(messages)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clean = clean_history(messages, OMNI)
    assert summary(clean.turns) == EXPECTED[name]
    assert not clean.disable_thinking
    assert messages == before
    assert all(turn.signature is None for turn in clean.turns if isinstance(turn, AssistantTurn))


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize(
    "secret", ["ErUB", "CpcB", "gAAAA", "EmwKAhgB", "srvtoolu", "EqoB", "rs_1"]
)
def test_signatures_of_other_providers_are_not_sent(name, secret):
    assert secret not in repr([asdict(turn) for turn in clean_history(load(name), OMNI).turns])


def test_gemini_fps_is_kept():
    (video, _) = clean_history(load("gemini"), OMNI).turns[0].content
    assert video.fps == 0.5


def test_own_signature_is_kept():
    message = AIMessage(
        [{"type": "reasoning", "reasoning": "Hm.", "extras": {"signature": "s"}}],
        tool_calls=[{"name": "f", "args": {}, "id": "c"}],
        response_metadata={"model_provider": "mimo"},
    )
    clean = clean_history([message, ToolMessage("1", tool_call_id="c")], OMNI)
    assert clean.turns[0].signature == "s"


# --- The table ---------------------------------------------------------------------------------


def test_user_rows_and_readers_agree():
    rows = {row.type for row in PROVIDER_BLOCKS if row.role == "user" and row.becomes != "result"}
    own_types = {
        "text", "text-plain", "non_standard", "image", "video", "audio", "image_url", "video_url",
        "input_audio",
    }  # fmt: skip
    assert rows <= set(READERS)
    # A user message may quote the text blocks of an assistant.
    assert set(READERS) - rows - own_types == {"output_text", "refusal"}


def test_rows_are_unique_and_explained():
    assert all(row.note and row.origin for row in PROVIDER_BLOCKS)
    keys = [(row.role, row.type, row.origin) for row in PROVIDER_BLOCKS]
    assert len(keys) == len(set(keys))
    conversions = {}
    for row in PROVIDER_BLOCKS:
        assert conversions.setdefault((row.role, row.type), row.becomes) == row.becomes


DROPPED = [
    row.type for row in PROVIDER_BLOCKS if row.role == "assistant" and row.becomes == "dropped"
]


@pytest.mark.parametrize("kind", DROPPED)
def test_dropped_rows_send_nothing(kind):
    content = [{"type": kind, "id": "x", "data": "SECRET"}, {"type": "text", "text": "answer"}]
    wrapped = [{"type": "non_standard", "value": content[0]}, content[1]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for blocks in (content, wrapped):
            turns = clean_history([HumanMessage("q"), AIMessage(blocks)], OMNI).turns
            assert turns[1] == AssistantTurn("answer")


CALLS = {
    "tool_use": {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
    "tool_call": {"type": "tool_call", "id": "c", "name": "f", "args": {"a": 1}},
    "Responses": {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "c",
        "name": "f",
        "arguments": '{"a": 1}',
    },
    "Gemini": {"type": "function_call", "id": "c", "name": "f", "args": {"a": 1}},
    "Bedrock": {"toolUse": {"toolUseId": "c", "name": "f", "input": {"a": 1}}},
    "wrapped": {
        "type": "non_standard",
        "value": {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
    },
}


@pytest.mark.parametrize("block", CALLS.values(), ids=CALLS)
def test_calls_in_blocks_are_not_duplicated(block):
    tool_result = ToolMessage("1", tool_call_id="c")
    alone = clean_history([AIMessage([block]), tool_result], OMNI).turns
    assert alone[0].calls == [ToolCall("c", "f", '{"a": 1}')]
    both = AIMessage([block], tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c"}])
    assert clean_history([both, tool_result], OMNI).turns[0].calls == [
        ToolCall("c", "f", '{"a": 1}')
    ]


def test_custom_tool_call_has_one_argument():
    block = {"type": "custom_tool_call", "call_id": "c", "name": "sh", "input": "ls"}
    turns = clean_history([AIMessage([block]), ToolMessage("x", tool_call_id="c")], OMNI).turns
    assert turns[0].calls == [ToolCall("c", "sh", '{"__arg1": "ls"}')]


def test_streamed_call_without_arguments():
    block = {"type": "tool_use", "id": "c", "name": "f", "input": ""}
    turns = clean_history([AIMessage([block]), ToolMessage("x", tool_call_id="c")], OMNI).turns
    assert turns[0].calls == [ToolCall("c", "f", "{}")]


def test_unknown_block_of_an_assistant_is_refused():
    with pytest.raises(MiMoInputError, match=r"messages\[1\], block 1: .*'hologram'"):
        clean_history([HumanMessage("q"), AIMessage(["a", {"type": "hologram"}])], OMNI)


def test_unknown_non_standard_block_is_ignored_with_a_warning():
    message = AIMessage([{"type": "non_standard", "value": {"type": "hologram"}}, "a"])
    with pytest.warns(UserWarning, match="'hologram'"):
        turns = clean_history([message], OMNI).turns
    assert turns == [AssistantTurn("a")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clean_history([message], OMNI)


@pytest.mark.parametrize("kind", sorted(MEDIA_BLOCK_TYPES))
def test_media_in_assistant_messages(kind):
    message = AIMessage([{"type": "text", "text": "Here: "}, {"type": kind, "url": "https://x"}])
    with pytest.raises(MiMoInputError, match=r"messages\[0\], block 1: .*user message"):
        clean_history([message], OMNI)
    repair = HistoryOptions("mimo-v2.6-pro", repair_history=True)
    text = clean_history([message], repair).turns[0].text
    assert text.startswith("Here: [")
    assert text.endswith(f" left out: MiMo accepts no {kind} block in an assistant message]")


REASONING = [
    ("plain", "plain"),
    ({"text": "t", "signature": "s"}, "t"),
    ({"reasoningText": {"text": "t", "signature": "s"}}, "t"),
    ({"summary": [{"text": "a"}, {"text": "b"}]}, "a\n\nb"),
    ({"summary": [], "content": [{"type": "reasoning_text", "text": "a"}]}, "a"),
    ({"summary": [], "encrypted_content": "x"}, ""),
    ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
    ({"redacted_content": "x"}, ""),
    (None, ""),
    (7, ""),
]


@pytest.mark.parametrize(("value", "text"), REASONING)
def test_plain_reasoning(value, text):
    assert plain_reasoning(value) == text


def test_block_type_of_untyped_blocks():
    assert block_type({"cachePoint": {}}) == "cachePoint"
    assert block_type({"a": 1, "b": 2}) is None
    assert block_type({"type": 3}) is None


# --- docs/other-providers.md -------------------------------------------------------------------

PAGE = ROOT / "docs" / "other-providers.md"


def test_the_page_matches_the_table():
    documented = {"assistant": [], "user": []}
    role = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            role = "user" if "user" in line else "assistant"
        if line.startswith("| `"):
            types, origin, becomes, note = (cell.strip() for cell in line.strip("| ").split("|"))
            documented[role] += [
                (each.strip(" `"), origin, becomes, note) for each in types.split(",")
            ]
    for role, rows in documented.items():
        expected = [
            (r.type, r.origin, r.becomes, r.note) for r in PROVIDER_BLOCKS if r.role == role
        ]
        assert sorted(rows) == sorted(expected)


def test_the_page_lists_the_ignored_keys():
    keys = PAGE.read_text(encoding="utf-8").strip().splitlines()[-1]
    assert {key.strip(" `") for key in keys.split(",")} == IGNORED_KEYS


# --- Text outside of content -------------------------------------------------------------------


@pytest.mark.parametrize(
    "additional",
    [
        {"refusal": "I must not."},
        {"audio": {"id": "a", "data": "UklG", "transcript": "I must not."}},
    ],
)
def test_text_in_additional_kwargs_replaces_empty_content(additional):
    [turn] = clean_history([AIMessage("", additional_kwargs=additional)], OMNI).turns
    assert turn == AssistantTurn("I must not.")
    [turn] = clean_history([AIMessage("Yes.", additional_kwargs=additional)], OMNI).turns
    assert turn == AssistantTurn("Yes.")


@pytest.mark.parametrize("audio", [None, "x", {"id": "a"}, {"transcript": None}])
def test_audio_without_a_transcript_adds_no_text(audio):
    [turn] = clean_history([AIMessage("", additional_kwargs={"audio": audio})], OMNI).turns
    assert turn == AssistantTurn("")
