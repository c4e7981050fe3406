"""Tools: media that they return, tools of every kind, web search, forced choices."""

import json
import warnings
from functools import reduce
from operator import add
from typing import Annotated

import pytest
from conversations import AUDIO_AND_VIDEO, accepted_bodies, openai_only
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import MiMoInputError, UnsupportedModalityError
from langchain_mimo.media import audio_block, image_block, video_block

DAY = "2026-10-01"  # mimo-v2.5 is not retired yet


@pytest.fixture
def emulator():
    with MiMoEmulator(strict_tool_turns=True, as_of=DAY, **AUDIO_AND_VIDEO) as running:
        yield running


# -------------------------------------------------------------------------- media from tools


@pytest.fixture
def observe(media):
    """A tool that returns the kinds of media that its argument lists."""

    @tool
    def observe(kinds: list[str]) -> list[dict]:
        """Look and listen."""
        blocks = {
            "image": lambda: image_block(media.image.read_bytes()),
            "video": lambda: video_block(media.video.read_bytes(), fps=1),
            "audio": lambda: audio_block(media.audio.read_bytes()),
            "text": lambda: {"type": "text", "text": "Here it is."},
        }
        return [blocks[kind]() for kind in kinds]

    return observe


RETURNED_KINDS = [
    [["image"]],
    [["video"]],
    [["audio"]],
    [["text", "image"], []],
    [["image", "audio"], ["text"], ["video", "text"]],
]


@pytest.mark.parametrize("tool_media", ["user", "inline"])
@pytest.mark.parametrize("returned", RETURNED_KINDS, ids=str)
async def test_media_that_tools_return_reach_the_model(
    model, emulator, observe, media, returned, tool_media
):
    llm = model(emulator, tool_media=tool_media, dialect=AUDIO_AND_VIDEO)
    assert llm.profile["image_tool_message"] is True
    agent = create_agent(llm, [observe])
    state = {"messages": [HumanMessage("What do you see and hear?")]}
    for is_async in (False, True):
        emulator.reset()
        calls = [{"name": "observe", "args": {"kinds": kinds}} for kinds in returned]
        emulator.reply("", reasoning="I look.", tool_calls=calls)
        result = await agent.ainvoke(state) if is_async else agent.invoke(state)
        request = emulator.requests[-1]
        messages = accepted_bodies(emulator)[-1]["messages"]
        results = [message for message in messages if message["role"] == "tool"]
        expected = [kind for kinds in returned for kind in kinds if kind != "text"]
        assert [item.kind for item in request.media] == expected
        files = {"image": media.image, "video": media.video, "audio": media.audio}
        for item in request.media:
            assert item.data == files[item.kind].read_bytes()
            assert item.fps == (1 if item.kind == "video" else None)
        if tool_media == "user":
            assert all(isinstance(result["content"], str) for result in results)
            assert [m["role"] for m in messages[-len(returned) - 1 :]] == [
                *["tool"] * len(returned),
                "user",
            ]
            labels = [part["text"] for part in messages[-1]["content"] if part["type"] == "text"]
            calls_with_media = [
                result["tool_call_id"]
                for result, kinds in zip(results, returned, strict=True)
                if set(kinds) - {"text"}
            ]
            assert labels == [
                f"Media from tool call {call_id} (observe):" for call_id in calls_with_media
            ]
        else:
            assert messages[-1]["role"] == "tool"
            assert [isinstance(result["content"], list) for result in results] == [
                bool(set(kinds) - {"text"}) for kinds in returned
            ]
        # The emulator describes each of them.
        assert len(result["messages"][-1].text) > 20


def test_models_that_document_no_media_in_tool_messages_get_them_from_the_user(model, media):
    """`tool_media="inline"` applies only to models that document it."""
    result = ToolMessage([image_block(media.image.read_bytes())], tool_call_id="1")
    call = {"name": "observe", "args": {}, "id": "1"}
    reasoning = {"reasoning_content": "Look."}
    history = [HumanMessage("?"), AIMessage("", tool_calls=[call], additional_kwargs=reasoning)]
    with MiMoEmulator(as_of="2026-05-01") as emulator:
        llm = model(emulator, model="mimo-v2-omni", tool_media="inline")
        llm.invoke([*history, result])
        [body] = accepted_bodies(emulator)
    assert [message["role"] for message in body["messages"]][-2:] == ["tool", "user"]
    assert isinstance(body["messages"][-2]["content"], str)


def test_a_file_that_a_tool_returns_is_read_when_sent(model, emulator, media):
    """LangGraph writes a list with a video in it as JSON; the state contains no base64."""

    @tool
    def video() -> list[dict]:
        """Record a video."""
        return [video_block(media.video, fps=1)]

    llm = model(emulator, allowed_media_dirs=[str(media.folder)], dialect=AUDIO_AND_VIDEO)
    emulator.reply("", reasoning="I look.", tool_calls=[{"name": "video", "args": {}}])
    state = create_agent(llm, [video]).invoke({"messages": [HumanMessage("What goes on?")]})
    accepted_bodies(emulator)
    [item] = emulator.requests[-1].media
    assert item.data == media.video.read_bytes()
    assert len(str(state["messages"])) < 10_000


def test_a_text_only_model_gets_no_image_from_a_tool(model, emulator, observe):
    llm = model(emulator, model="mimo-v2.5-pro")
    assert llm.profile["image_tool_message"] is False
    call = {"name": "observe", "args": {"kinds": ["image"]}}
    emulator.reply("", reasoning="I look.", tool_calls=[call])
    with pytest.raises(UnsupportedModalityError, match=r"mimo-v2\.5-pro does not accept image"):
        create_agent(llm, [observe]).invoke({"messages": [HumanMessage("What do you see?")]})


# ------------------------------------------------------------------------------ kinds of tools


def by_function(city: str, days: int = 1) -> str:
    """Forecast the weather.

    Args:
        city: Where.
        days: How many.
    """


class ByModel(BaseModel):
    """Forecast the weather."""

    city: str = Field(description="Where.")
    days: int = 1


class ByTypedDict(TypedDict):
    """Forecast the weather."""

    city: Annotated[str, ..., "Where."]
    days: Annotated[int, 1, "How many."]


@tool
def by_tool(city: str, days: int = 1) -> str:
    """Forecast the weather."""


BY_SCHEMA = {
    "title": "by_schema",
    "description": "Forecast the weather.",
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
BY_OPENAI = {
    "type": "function",
    "function": {
        "name": "by_openai",
        "description": "Forecast the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
BY_ANTHROPIC = {
    "name": "by_anthropic",
    "description": "Forecast the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
KINDS = [by_function, ByModel, ByTypedDict, by_tool, BY_SCHEMA, BY_OPENAI, BY_ANTHROPIC]
NAMES = [
    *("by_function", "ByModel", "ByTypedDict", "by_tool", "by_schema", "by_openai", "by_anthropic")
]


@pytest.mark.parametrize("strict", [None, False, True])
@pytest.mark.filterwarnings("ignore:The Anthropic format has no strict tools")
def test_tools_of_every_kind(model, emulator, api_format, strict):
    bound = model(emulator).bind_tools(KINDS, strict=strict)
    for name in NAMES:
        message = bound.invoke(f"Call {name} for the city 'Ulm'.")
        assert [call["name"] for call in message.tool_calls] == [name]
        assert message.tool_calls[0]["args"]["city"] == "Ulm"
    for body in accepted_bodies(emulator):
        functions = [each["function"] for each in body["tools"]]
        assert [function["name"] for function in functions] == NAMES
        sent = strict if api_format == "openai" else None
        assert [function.get("strict") for function in functions] == [sent] * len(NAMES)


@openai_only
@pytest.mark.parametrize("parallel", [False, True])
def test_parallel_tool_calls_is_not_sent_in_mimos_chat_format(model, parallel):
    """Supervisors and middleware set it for every model; `strict_parameters` would refuse it."""
    with MiMoEmulator(strict_parameters=True) as emulator:
        llm = model(emulator).bind_tools([by_tool], parallel_tool_calls=parallel)
        with pytest.warns(UserWarning, match="parallel_tool_calls, so it is not sent"):
            assert llm.invoke("Use by_tool for 'Ulm'.").tool_calls
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            llm.invoke("Use by_tool for 'Ulm'.")
        for body in accepted_bodies(emulator):
            assert "parallel_tool_calls" not in body


@pytest.mark.parametrize("api_format", ["anthropic"])
@pytest.mark.parametrize(("parallel", "calls"), [(None, 2), (True, 2), (False, 1)])
def test_parallel_tool_calls_in_the_anthropic_format(model, emulator, parallel, calls):
    llm = model(emulator).bind_tools([by_tool, ByModel], parallel_tool_calls=parallel)
    assert len(llm.invoke("Use by_tool and ByModel for 'Ulm'.").tool_calls) == calls
    switch = {"type": "auto", "disable_parallel_tool_use": True} if calls == 1 else None
    assert accepted_bodies(emulator)[0].get("tool_choice") == switch


def test_tools_and_a_response_format_at_once(model, emulator, api_format):
    """As `create_agent` binds them: calls first, the object at the end."""
    response_format = {"type": "json_schema", "json_schema": {"name": "B", "schema": BY_SCHEMA}}
    llm = model(emulator).bind_tools([by_tool], response_format=response_format)
    call = llm.invoke("Use by_tool for 'Ulm'.")
    assert call.tool_calls
    result = ToolMessage("Rain.", tool_call_id=call.tool_calls[0]["id"])
    final = llm.invoke([HumanMessage("Use by_tool for 'Ulm'."), call, result])
    assert set(json.loads(final.text)) >= {"city"}
    for body in accepted_bodies(emulator):
        mode = "json_schema" if api_format == "openai" else None
        assert body.get("response_format", {}).get("type") == mode
        assert '"city"' in body["messages"][-1]["content"]


def test_a_tool_choice_must_name_a_bound_tool(model, emulator):
    with pytest.raises(MiMoInputError, match="the bound tools are: by_tool"):
        model(emulator).bind_tools([by_tool], tool_choice="rm").invoke("x")
    assert emulator.requests == []


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
def test_a_code_fence_is_removed_from_events_too(model, emulator):
    emulator.reply('```json\n{"a": 1}\n```', pieces=["``", "`json\n", '{"a": 1}', "\n```"])
    llm = model(emulator).bind(response_format={"type": "json_object"})
    message = llm.stream_events("JSON!", version="v3").output
    assert message.text == '{"a": 1}'
    assert message.response_metadata["code_fence_removed"] is True


# --------------------------------------------------------------------------------- web search


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize("version", ["v0", "v1"])
@openai_only
def test_a_search_has_citations_and_usage(model, emulator, version):
    search = {"type": "web_search", "max_keyword": 2, "limit": 1, "force_search": True}
    llm = model(emulator, output_version=version).bind_tools([search, by_tool])
    prompt = "What is the latest news of Ulm?"
    messages = [
        llm.invoke(prompt),
        reduce(add, llm.stream(prompt)),
        llm.stream_events(prompt, version="v3").output,
    ]
    for body in accepted_bodies(emulator):
        assert body["tools"][0] == search
    for message in messages:
        [text] = [block for block in message.content_blocks if block["type"] == "text"]
        assert text["text"]
        assert [note["type"] for note in text["annotations"]] == ["citation", "citation"]
        for note in text["annotations"]:
            assert note["url"].startswith("https://example.com/")
            assert note["title"]
            assert note["cited_text"]
            assert note["extras"]["site_name"] == "example.com"
        used = message.response_metadata["web_search_usage"]
        assert used == {"tool_usage": 2, "page_usage": 2}
    # A search is not a call that a program runs; its message is sent back as plain text.
    llm.invoke([HumanMessage(prompt), *messages[1:2], HumanMessage("Thanks.")])
    turn = accepted_bodies(emulator)[-1]["messages"][1]
    assert turn == {"role": "assistant", "content": messages[1].text}


@openai_only
def test_a_failed_search_is_reported(model, emulator):
    emulator.reply("I cannot search.", error_message="The plugin is off.")
    llm = model(emulator).bind_tools([{"type": "web_search"}])
    assert llm.invoke("?").response_metadata["error_message"] == "The plugin is off."
    emulator.reply("I cannot search.", error_message="The plugin is off.")
    streamed = reduce(add, llm.stream("?"))
    assert streamed.response_metadata["error_message"] == "The plugin is off."


# ------------------------------------------------------------------------------ forced choices

CALLED = {"reasoning": "I will.", "tool_calls": [{"name": "by_tool", "args": {"city": "Ulm"}}]}
REFUSED = {"content": "No need.", "reasoning": "I will not."}
OTHER = {"reasoning": "This.", "tool_calls": [{"name": "ByModel", "args": {"city": "Ulm"}}]}


@pytest.mark.parametrize(
    ("choice", "replies", "honoured"),
    [
        ("any", [CALLED], True),
        ("required", [OTHER], True),
        (True, [REFUSED, CALLED], True),
        ("any", [REFUSED, REFUSED], False),
        ("by_tool", [CALLED], True),
        ("by_tool", [OTHER, CALLED], True),
        ({"type": "function", "function": {"name": "by_tool"}}, [REFUSED, CALLED], True),
        ("by_tool", [OTHER, OTHER], False),
    ],
)
@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize("way", ["invoke", "stream", "events"])
def test_a_forced_choice_is_requested_checked_and_reported(
    model, emulator, api_format, choice, replies, honoured, way
):
    for reply in replies:
        emulator.reply(**reply)
    llm = model(emulator).bind_tools([by_tool, ByModel], tool_choice=choice)
    ways = {
        "invoke": lambda: llm.invoke("Hm?"),
        "stream": lambda: reduce(add, llm.stream("Hm?")),
        "events": lambda: llm.stream_events("Hm?", version="v3").output,
    }
    message = ways[way]()
    bodies = accepted_bodies(emulator)
    assert len(bodies) == len(replies)
    assert not any("tool_choice" in body for body in bodies)
    report = message.response_metadata["forced_tool_choice"]
    assert report["attempts"] == len(replies)
    assert report["honoured"] is honoured
    final = [call["name"] for call in replies[-1].get("tool_calls", [])]
    assert [call["name"] for call in message.tool_calls] == final
    reasoning = [reply["reasoning"] for reply in replies]
    assert message.additional_kwargs["reasoning_content"] == "\n\n".join(reasoning)
    assert message.text == replies[-1].get("content", "")
    usage = message.usage_metadata
    if api_format == "openai":  # the other format does not count reasoning
        assert usage["output_tokens"] > usage["output_token_details"]["reasoning"] > 0
    assert usage["output_tokens"] > len(replies)


def test_no_forced_choice_means_no_report(model, emulator):
    message = model(emulator).bind_tools([by_tool], tool_choice="auto").invoke("Hello")
    assert "forced_tool_choice" not in message.response_metadata
    message = model(emulator).bind_tools([by_tool], tool_choice="none").invoke("Use by_tool.")
    assert message.tool_calls == []
    assert "tools" not in accepted_bodies(emulator)[-1]
