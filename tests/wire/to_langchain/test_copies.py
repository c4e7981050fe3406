"""Copies equal what LangChain's constructors make of the same values, and share nothing."""

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk
from pydantic import BaseModel

from langchain_mimo._wire.to_langchain.copies import (
    copied,
    generation_chunk_of,
    generation_of,
    message_without_calls,
)

USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def slots_of(model):
    """Return everything that pydantic stores in a model."""
    return {name: getattr(model, name) for name in BaseModel.__slots__}


def assert_equal(copy, constructed):
    assert type(copy) is type(constructed)
    assert copy == constructed
    assert slots_of(copy) == slots_of(constructed)
    assert list(copy.__dict__) == list(constructed.__dict__)
    assert copy.model_dump() == constructed.model_dump()
    assert copy.model_dump(exclude_unset=True) == constructed.model_dump(exclude_unset=True)
    assert repr(copy) == repr(constructed)


@pytest.mark.parametrize("content", ["", "Hello"])
@pytest.mark.parametrize("additional", [{}, {"reasoning_content": "Well"}])
@pytest.mark.parametrize("usage", [None, USAGE])
@pytest.mark.parametrize("message_id", [None, "1"])
def test_messages_without_calls(content, additional, usage, message_id):
    metadata = {"model_provider": "xiaomi", "finish_reason": "stop"}
    constructed = AIMessage(
        content=content,
        additional_kwargs=additional,
        tool_calls=[],
        invalid_tool_calls=[],
        usage_metadata=usage,
        response_metadata=metadata,
        id=message_id,
    )
    copy = message_without_calls(content, additional, usage, metadata, message_id)
    assert_equal(copy, constructed)
    assert copy.text == constructed.text == content
    assert copy.content_blocks == constructed.content_blocks


@pytest.mark.parametrize(
    ("build", "constructor", "message"),
    [
        (generation_of, ChatGeneration, AIMessage("Hello", id="1")),
        (generation_of, ChatGeneration, AIMessage("")),
        (generation_chunk_of, ChatGenerationChunk, AIMessageChunk("Hello", id="1")),
        (generation_chunk_of, ChatGenerationChunk, AIMessageChunk("")),
    ],
)
def test_generations(build, constructor, message):
    copy, constructed = build(message), constructor(message=message)
    assert_equal(copy, constructed)
    assert copy.message is message
    assert type(copy.text) is type(constructed.text)


def test_copies_share_no_state():
    first, second = (message_without_calls("a", {}, None, {}, None) for _ in range(2))
    first.tool_calls.append({"name": "f", "args": {}, "id": "1", "type": "tool_call"})
    first.name = "changed"
    first.additional_kwargs["x"] = 1
    first.more = 1  # messages allow further fields
    assert_equal(
        second,
        AIMessage(
            content="a",
            additional_kwargs={},
            tool_calls=[],
            invalid_tool_calls=[],
            usage_metadata=None,
            response_metadata={},
            id=None,
        ),
    )
    chunk = AIMessageChunk("a")
    one, other = generation_chunk_of(chunk), generation_chunk_of(chunk)
    one.generation_info = {"x": 1}
    assert other.generation_info is None
    assert "generation_info" not in other.model_fields_set


def test_a_copy_keeps_further_and_private_values():
    original = AIMessage("a", further=[1])
    assert_equal(copied(original, {"content": "b"}), AIMessage("b", further=[1]))
