"""The same message from every method, what streams show meanwhile, and why responses end."""

from functools import reduce
from operator import add

import pytest
from langchain_core import exceptions as core_exceptions
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import content as core_content
from langchain_core.messages import message_chunk_to_message

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MiMoContentFilterError

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
    pytest.mark.filterwarnings("ignore:MiMo's answer is empty"),
]

USAGE = {
    "prompt_tokens": 1260,
    "completion_tokens": 103,
    "total_tokens": 1363,
    "prompt_tokens_details": {"cached_tokens": 64, "video_tokens": 1144, "audio_tokens": 19},
    "completion_tokens_details": {"reasoning_tokens": 14},
}
ANNOTATION = {"type": "url_citation", "url": "https://a.example", "title": "A", "summary": "s"}


def call(name, args, call_id):
    return {"name": name, "args": args, "id": call_id}


REPLIES = {
    "text": {"content": "Hello there, world."},
    "text in Chinese": {"content": "你好，世界。😀", "reasoning": "用户在打招呼。"},
    "reasoning only": {"content": "", "reasoning": "Good morning."},
    "a table": {"content": "| a |\n|---|\n| 1 |\n", "reasoning": "A table.\n\n"},
    "calls": {
        "content": "Looking.",
        "reasoning": "Three calls.",
        "tool_calls": [
            call("one", '{"x": 1}', "a"),
            call("two", "{}", "b"),
            call("one", '{"x":[1,2]}', "c"),
        ],
    },
    "a call without arguments": {"tool_calls": [call("one", "", "a")]},
    "a cut call": {
        "tool_calls": [call("one", '{"x": 1}', "a"), call("two", '{"path": "/a', "b")],
        "finish_reason": "length",
    },
    "an invalid call first": {"tool_calls": [call("one", "{", "a"), call("two", "{}", "b")]},
    "annotations": {
        "content": "So it is.",
        "annotations": [ANNOTATION, ANNOTATION | {"title": "B"}],
    },
    "filtered": {"content": "I", "finish_reason": "content_filter"},
    "repetition": {"content": "and and and", "finish_reason": "repetition_truncation"},
    "length": {"content": "Once upon a", "finish_reason": "length"},
    "no usage details": {
        "content": "Hi.",
        "usage": {"prompt_tokens_details": None, "completion_tokens_details": None},
    },
    "all modalities": {"content": "A video.", "usage": USAGE},
}


NOT_IN_THE_ANTHROPIC_FORMAT = {
    "a cut call": "a complete response has arguments as an object, and an empty one if they were cut",
    "an invalid call first": "as above",
    "annotations": "the format has no web search",
}


@pytest.fixture
def llm(emulator, api_format):
    with ChatMiMo(
        model="mimo-v2.6-pro",
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        api_format=api_format,
        max_retries=0,
        second_chance=False,  # a call that streams nothing would ask again for a filtered response
    ) as model:
        yield model


def facts(message):
    """Return everything in a message except its id, which differs between responses."""
    metadata = dict(message.response_metadata)
    assert metadata.pop("id") == message.id
    metadata.pop("output_version", None)
    return {
        "text": message.text,
        "additional_kwargs": message.additional_kwargs,
        "tool_calls": message.tool_calls,
        "invalid_tool_calls": [{**call, "error": None} for call in message.invalid_tool_calls],
        "usage_metadata": message.usage_metadata,
        "response_metadata": metadata,
    }


def plain(blocks):
    """Return the blocks without stream indices and without invalid calls, which have a field."""
    return [
        {
            key: value
            for key, value in block.items()
            if key not in ("index", "id") or "args" in block
        }
        for block in blocks
        if block["type"] != "invalid_tool_call"
    ]


@pytest.mark.parametrize(
    ("api_format", "name"),
    [
        *(("openai", name) for name in REPLIES),
        *(("anthropic", name) for name in REPLIES if name not in NOT_IN_THE_ANTHROPIC_FORMAT),
    ],
)
async def test_every_method_gives_the_same_message(llm, emulator, api_format, name):
    # Otherwise the emulator's prefix cache would change the usage of the second request.
    reply = {"usage": {"prompt_tokens_details": {"cached_tokens": 0}}} | REPLIES[name]
    messages = []
    for method in range(7):
        emulator.reply(**reply)
        model = llm if method < 6 else llm.model_copy(update={"output_version": "v1"})
        match method:
            case 0:
                message = model.invoke("x")
            case 1:
                message = await model.ainvoke("x")
            case 2 | 6:
                message = message_chunk_to_message(reduce(add, model.stream("x")))
            case 3:
                chunks = [chunk async for chunk in model.astream("x")]
                message = message_chunk_to_message(reduce(add, chunks))
            case 4:
                message = model.stream_events("x", version="v3").output
            case 5:
                message = await (await model.astream_events("x", version="v3"))
        messages.append(message)
    complete = messages[0]
    assert isinstance(complete.content, str)
    for message in messages:
        assert facts(message) == facts(complete)
        assert plain(message.content_blocks) == plain(complete.content_blocks)
    for message in messages[:4]:
        assert message.content == complete.content
    if name == "all modalities":
        counts = {"input_tokens": 1260, "output_tokens": 103, "total_tokens": 1363}
        details = {
            "input_token_details": {"cache_read": 64, "video": 1144, "audio": 19},
            "output_token_details": {"reasoning": 14},
        }
        if api_format == "anthropic":
            details = {"input_token_details": {"cache_read": 64}}
        assert complete.usage_metadata == counts | details


@pytest.mark.parametrize("api_format", ["openai"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", [n for n in REPLIES if n not in NOT_IN_THE_ANTHROPIC_FORMAT])
def test_both_formats_give_the_same_message(llm, emulator, name, streamed):
    """Except for the id, and for counts that the Anthropic format does not have."""
    uncached = {"prompt_tokens_details": {"cached_tokens": 0}}
    results = []
    with llm.model_copy(update={"api_format": "anthropic"}) as other:
        for model in (llm, other):
            emulator.reply(**{"usage": uncached} | REPLIES[name])
            message = reduce(add, model.stream("x")) if streamed else model.invoke("x")
            seen = facts(message)
            usage = seen.pop("usage_metadata")
            # Arguments are text in one format, kept byte for byte, and an object in the other.
            seen["additional_kwargs"].pop("raw_arguments", None)
            kept = {key: count for key, count in usage.items() if "details" not in key}
            results.append((seen, kept, plain(message.content_blocks)))
    paths = [request.path for request in emulator.requests]
    assert paths == ["/v1/chat/completions", "/anthropic/v1/messages"]
    assert results[0] == results[1]


# --------------------------------------------------------------------------- while streaming

STREAMED = {
    "content": "Looking.",
    "reasoning": "Two calls.",
    "reasoning_pieces": ["Two ", "calls."],
    "pieces": ["Look", "ing."],
    "tool_calls": [call("one", '{"x": 1}', "a"), call("two", "{}", "b")],
    "argument_pieces": 3,
}


@pytest.mark.parametrize("output_version", ["v0", "v1"])
async def test_events_v2(llm, emulator, output_version):
    llm.output_version = output_version
    emulator.reply(**STREAMED)
    events = [event async for event in llm.astream_events("x", version="v2")]
    chunks = [e["data"]["chunk"] for e in events if e["event"] == "on_chat_model_stream"]
    blocks = [block for chunk in chunks for block in chunk.content_blocks]
    reasoning = [block["reasoning"] for block in blocks if block["type"] == "reasoning"]
    text = [block["text"] for block in blocks if block["type"] == "text"]
    assert [each for each in reasoning if each] == ["Two ", "calls."]
    assert [each for each in text if each] == ["Look", "ing."]
    end = next(event for event in events if event["event"] == "on_chat_model_end")
    message = end["data"]["output"]
    assert [call["name"] for call in message.tool_calls] == ["one", "two"]
    kinds = [block["type"] for block in message.content_blocks]
    assert kinds == ["reasoning", "text", "tool_call", "tool_call"]


async def test_events_v3(llm, emulator):
    emulator.reply(**STREAMED)
    stream = llm.stream_events("x", version="v3")
    assert list(stream.reasoning) == ["Two ", "calls."]
    assert list(stream.text) == ["Look", "ing."]
    assert [call["name"] for call in stream.output.tool_calls] == ["one", "two"]
    emulator.reply(**STREAMED)
    stream = await llm.astream_events("x", version="v3")
    assert [piece async for piece in stream.reasoning] == ["Two ", "calls."]
    assert [piece async for piece in stream.text] == ["Look", "ing."]
    emulator.reply(**STREAMED)
    events = list(llm.stream_events("x", version="v3"))
    fragments = [
        event["delta"]["args"]
        for event in events
        if event["event"] == "content-block-delta" and event["delta"]["type"] == "tool-call-delta"
    ]
    assert len(fragments) > 2
    assert "".join(fragments) == '{"x": 1}{}'


def test_usage_is_counted_once_by_every_method(llm, emulator, api_format):
    for _ in range(3):
        emulator.reply("Hi.", usage=USAGE)
    with get_usage_metadata_callback() as counted:
        llm.invoke("x")
        list(llm.stream("x"))
        assert llm.stream_events("x", version="v3").output
    [total] = counted.usage_metadata.values()
    assert total["input_tokens"] == 3 * USAGE["prompt_tokens"]
    media = {"video": 3432, "audio": 57} if api_format == "openai" else {}
    assert total["input_token_details"] == {"cache_read": 192} | media


@pytest.mark.parametrize("api_format", ["openai"])  # the Anthropic format has no such switch
def test_usage_can_be_left_out(llm, emulator):
    list(llm.stream("x"))
    assert emulator.requests[-1].body["stream_options"] == {"include_usage": True}
    list(llm.stream("x", stream_usage=False))
    assert "stream_options" not in emulator.requests[-1].body


# -------------------------------------------------------------------------- finish reasons


@pytest.mark.filterwarnings("default:MiMo's answer is empty")
@pytest.mark.parametrize("method", ["invoke", "stream", "events"])
def test_reasoning_that_used_up_the_budget_causes_a_warning(llm, method):
    prompt = "Tell me a story."
    send = {
        "invoke": lambda: llm.invoke(prompt, max_tokens=3),
        "stream": lambda: reduce(add, llm.stream(prompt, max_tokens=3)),
        "events": lambda: llm.stream_events(prompt, max_tokens=3, version="v3").output,
    }
    with pytest.warns(UserWarning, match="reasoning used up max_completion_tokens"):
        message = send[method]()
    assert message.response_metadata["finish_reason"] == "length"
    assert message.text == ""
    assert message.additional_kwargs["reasoning_content"]


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter", "repetition_truncation"])
def test_the_finish_reason_is_in_the_metadata(llm, emulator, reason):
    for _ in range(2):
        emulator.reply("Some text", finish_reason=reason)
    for message in (llm.invoke("x"), reduce(add, llm.stream("x"))):
        assert message.response_metadata["finish_reason"] == reason
        assert message.response_metadata["model_name"] == "mimo-v2.6-pro"
        assert message.response_metadata["model_provider"] == "mimo"
        refusals = [block for block in message.content_blocks if block["type"] == "refusal"]
        core_has_refusals = hasattr(core_content, "RefusalContentBlock")
        assert bool(refusals) == (core_has_refusals and reason == "content_filter")


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_moderation_refuses(llm, emulator, stream):
    """Status 421, also for a stream (docs/api-facts.md)."""
    error = {
        "code": "421",
        "message": "Moderation Block",
        "param": "The request was rejected because it was considered high risk",
        "type": "content_filter",
    }
    body = {"error": error}
    emulator.reply(status=421, body=body)
    with pytest.raises(MiMoContentFilterError, match="high risk") as caught:
        list(llm.stream("x")) if stream else llm.invoke("x")
    assert caught.value.is_retryable is False
    refusal = getattr(core_exceptions, "ModelRefusalError", core_exceptions.ModelError)
    assert isinstance(caught.value, refusal)
    assert len(emulator.requests) == 1
