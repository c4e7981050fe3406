"""Scripts and faults that cannot be are refused where they are given, in one sentence."""

import asyncio
import math
import warnings

import httpx2
import pytest
from langchain_core.messages import AIMessage

from langchain_mimo.emulator import FAULTS, MiMoEmulator, Reply, ResponderError
from langchain_mimo.emulator.faults.parameters import check_parameters

REPLIES = [
    ({"content": 5}, "content is 5; it must be a text."),
    ({"content": None}, "content is None"),
    ({"content": b"x"}, "content is b'x'"),
    ({"content": AIMessage("x" * 500)}, "content is AIMessage("),
    ({"reasoning": 5}, "reasoning is 5; it must be a text, or None."),
    ({"tool_calls": "x"}, "tool_calls is 'x'; it must be a list of calls such as"),
    ({"tool_calls": None}, "tool_calls is None; it must be a list"),
    ({"tool_calls": {"name": "add"}}, "tool_calls is {'name': 'add'}; it must be a list"),
    ({"tool_calls": [{"nam": "x"}]}, "tool_calls[0] is {'nam': 'x'}; it must be a mapping with"),
    ({"tool_calls": [{"name": "x"}, 5]}, "tool_calls[1] is 5"),
    ({"tool_calls": [{"name": "x", "arg": {}}]}, "tool_calls[0] is"),
    ({"tool_calls": [{"name": 5}]}, "tool_calls[0]['name'] is 5; it must be a text."),
    ({"tool_calls": [{"name": "x", "id": 5}]}, "tool_calls[0]['id'] is 5"),
    ({"tool_calls": [{"name": "x", "args": [1]}]}, "tool_calls[0]['args'] is [1]"),
    ({"tool_calls": [{"name": "x", "args": {"a": {1}}}]}, "tool_calls[0]['args'] is {'a': {1}}"),
    ({"finish_reason": 5}, "finish_reason is 5"),
    ({"usage": 5}, "usage is 5"),
    ({"usage": {"prompt_tokens": object}}, "usage is {"),
    ({"annotations": {"url": "x"}}, "annotations is {'url': 'x'}"),
    ({"annotations": ["x"]}, "annotations is ['x']"),
    ({"error_message": 5}, "error_message is 5"),
    ({"message": None}, "message is None"),
    ({"pieces": "abc"}, "pieces is 'abc'; it must be a list of texts, or None."),
    ({"pieces": ["a", 5]}, "pieces is ['a', 5]"),
    ({"reasoning_pieces": [None]}, "reasoning_pieces is [None]"),
    ({"argument_pieces": 0}, "argument_pieces is 0; it must be a whole number of at least 1."),
    ({"argument_pieces": True}, "argument_pieces is True"),
    ({"status": "x"}, "status is 'x'; it must be a whole number from 200 to 599, or None."),
    ({"status": 99}, "status is 99"),
    ({"status": 600}, "status is 600"),
    ({"status": 204, "body": "x"}, "status is 204, which goes without body"),
    ({"body": {1, 2}}, "body is {1, 2}"),
    ({"events": "data: x"}, "events is 'data: x'"),
    ({"events": [5]}, "events is [5]"),
    ({"events": iter([b"x"])}, "events is <list_iterator"),
    ({"headers": ["x"]}, "headers is ['x']"),
    ({"headers": {"x": 5}}, "headers is {'x': 5}"),
    ({"headers": {"x y": "5"}}, "headers is {'x y': '5'}"),
    ({"headers": {"x": "a\r\nb: c"}}, "headers is"),
    ({"headers": {"x": "天气"}}, "headers is"),
    ({"headers": {"Content-Length": "5"}}, "without content-length"),
    ({"delay": -1}, "delay is -1; it must be a number of seconds from 0 to 1000000000."),
    ({"delay": math.nan}, "delay is nan"),
    ({"pause": math.inf}, "pause is inf"),
    ({"pause": "1"}, "pause is '1'"),
]


def one_sentence(caught):
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert len(text) < 300
    return text


@pytest.mark.parametrize(("fields", "piece"), REPLIES, ids=[row[1] for row in REPLIES])
def test_a_reply_that_cannot_be(fields, piece):
    emulator = MiMoEmulator()
    with pytest.raises(ValueError) as caught:
        emulator.reply(**fields)
    assert piece in one_sentence(caught)
    assert emulator.pending_replies == []
    with pytest.raises(ValueError):
        Reply(**fields)


def test_fields_that_a_reply_does_not_have():
    emulator = MiMoEmulator()
    with pytest.raises(TypeError, match="A reply has no contents; it has: content, reasoning"):
        emulator.reply(contents="x")
    with pytest.raises(TypeError, match="a whole Reply and status beside it"):
        emulator.reply(Reply("x"), status=500)


def test_what_waits_can_be_seen():
    emulator = MiMoEmulator()
    emulator.reply("one")
    emulator.reply("two")
    assert [reply.content for reply in emulator.pending_replies] == ["one", "two"]
    asyncio.run(ask(emulator))
    assert [reply.content for reply in emulator.pending_replies] == ["two"]
    emulator.reset()
    assert emulator.pending_replies == []


FAULT_VALUES = [
    ("cut_after", {"bytes": "x"}, "bytes of cut_after is 'x'; it must be a whole number of at"),
    ("cut_after", {"bytes": -1}, "bytes of cut_after is -1"),
    ("cut_after", {"bytes": 1.5}, "bytes of cut_after is 1.5"),
    ("cut_after", {"bytes": None}, "bytes of cut_after is None"),
    ("cut_after", {"reset": "False"}, "it must be True or False."),
    ("stall", {"seconds": -1}, "seconds of stall is -1"),
    ("stall", {"seconds": math.nan}, "seconds of stall is nan"),
    ("stall", {"seconds": "x"}, "seconds of stall is 'x'"),
    ("stall", {"after_events": -1}, "it must be a whole number of at least 0, or None."),
    ("pings_only", {"after_events": None}, "after_events of pings_only is None"),
    ("pings_only", {"interval": 0}, "it must be a number of seconds from 0.00001 to"),
    ("pings_only", {"text": 5}, "text of pings_only is 5; it must be a text."),
    ("slow_loris", {"part": "tail"}, "it must be one of 'body', 'headers'."),
    ("slow_loris", {"size": 0}, "size of slow_loris is 0"),
    ("split_writes", {"interval": -0.1}, "interval of split_writes is -0.1"),
    ("keep_open_after_done", {"seconds": math.inf}, "is inf"),
    ("rate_limit", {"retry_after": "bogus"}, "it must be one of 'none', 'seconds', 'mill"),
    ("rate_limit", {"retry_after": 5}, "retry_after of rate_limit is 5"),
    ("rate_limit", {"seconds": 1e300}, "seconds of rate_limit is 1e+300"),
    ("server_error", {"status": 200}, "it must be a whole number from 500 to 599."),
    ("server_error", {"body": 5}, "body of server_error is 5"),
    ("string_error", {"status": 99}, "status of string_error is 99"),
    ("redirect", {"status": 500}, "it must be a whole number from 300 to 399."),
    ("redirect", {"location": "a\nb"}, "it must be a text that an HTTP header can carry."),
    ("garbage", {"kind": "x"}, "one of 'text', 'html', 'binary', 'json'."),
    ("garbage", {"kind": ["text"]}, "kind of garbage is ['text']"),
    ("error_in_stream", {"code": None}, "code of error_in_stream is None"),
    ("half_tool_call", {"characters": "8"}, "characters of half_tool_call is '8'"),
    ("half_tool_call", {"finish_reason": 5}, "finish_reason of half_tool_call is 5"),
    ("quota", {"times": -1}, "times of quota is -1"),
    ("quota", {"times": "x"}, "times of quota is 'x'"),
    ("quota", {"skip": -1}, "skip of quota is -1"),
    ("quota", {"every": 0}, "every of quota is 0; it must be a whole number of at least 1."),
]


@pytest.mark.parametrize(
    ("name", "values", "piece"), FAULT_VALUES, ids=[f"{row[0]} {row[1]}" for row in FAULT_VALUES]
)
def test_a_fault_that_cannot_be(name, values, piece):
    with pytest.raises(ValueError) as caught:
        MiMoEmulator().fault(name, **values)
    assert piece in one_sentence(caught)


def test_a_fault_by_no_name():
    with pytest.raises(ValueError, match="There is no fault 5"):
        MiMoEmulator().fault(5)


@pytest.mark.parametrize("name", FAULTS)
def test_every_parameter_is_checked_and_its_default_is_right(name):
    parameters = FAULTS[name].parameters
    check_parameters(name, parameters)
    for parameter in parameters:
        with pytest.raises(ValueError):
            check_parameters(name, {parameter: object()})


async def ask(emulator, **changes):
    body = {"model": "mimo-v2.6-flash", "messages": [{"role": "user", "content": "Hello"}]}
    transport = httpx2.ASGITransport(app=emulator.application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.post(
            "/v1/chat/completions", json=body | changes, headers={"api-key": emulator.api_key}
        )


def fails(request):
    raise KeyError("city")


async def is_async(request):
    return "x"


RESPONDERS = [
    (lambda request: 5, "The responder returned 5; it must return a Reply, a text, or None."),
    (lambda request: AIMessage("x\n" * 500), "The responder returned AIMessage("),
    (lambda request: is_async(request), "returned <coroutine object"),  # noqa: PLW0108
    (fails, "The responder failed with KeyError: 'city'"),
    (lambda request: Reply(status=5), "The responder failed with ValueError: status is 5"),
    (lambda request: pytest.fail("no\ngood"), "The responder failed with Failed: no good"),
    (lambda: "x", "The responder failed with TypeError"),
]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(("responder", "piece"), RESPONDERS, ids=[row[1] for row in RESPONDERS])
async def test_a_responder_that_makes_a_mistake(caplog, responder, piece, streaming):
    emulator = MiMoEmulator()
    emulator.respond_with(responder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = await ask(emulator, stream=streaming)
    assert answer.status_code == 500
    assert answer.text.startswith("data:{" if streaming else "{")
    assert len(answer.text.splitlines()) == 1
    assert piece in answer.text
    (error,) = emulator.responder_errors
    assert isinstance(error, ResponderError)
    (line,) = [record for record in caplog.records if record.name.startswith("langchain_mimo")]
    assert line.getMessage() == str(error)
    assert line.exc_info is None
    emulator.respond_with(None)
    assert (await ask(emulator)).status_code == 200
    emulator.reset()
    assert emulator.responder_errors == []


@pytest.mark.parametrize("responder", [5, "x", Reply("x"), is_async])
def test_what_is_no_responder(responder):
    with pytest.raises(TypeError, match=r"^The responder is"):
        MiMoEmulator().respond_with(responder)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/anthropic/v1/messages"])
@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": None}, {"prompt_tokens_details": 5}, {"prompt_tokens": "7"}]
)
async def test_odd_usage_goes_out_as_it_stands(path, usage):
    emulator = MiMoEmulator()
    emulator.reply("x", usage=usage)
    body = {
        "model": "mimo-v2.6-flash",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "x"}],
    }
    transport = httpx2.ASGITransport(app=emulator.application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post(path, json=body, headers={"api-key": emulator.api_key})
    assert answer.status_code == 200
