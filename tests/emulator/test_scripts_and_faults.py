"""Invalid scripts and faults raise where they are given, with a one-line message."""

import asyncio
import math
import warnings

import httpx2
import pytest
from langchain_core.messages import AIMessage

from langchain_mimo.emulator import FAULTS, MiMoEmulator, Reply, ResponderError
from langchain_mimo.emulator.faults.parameters import check_parameters

REPLIES = [
    ({"content": 5}, "content must be a string", "5"),
    ({"content": None}, "content must be a string", "None"),
    ({"content": b"x"}, "content must be a string", "b'x'"),
    ({"content": AIMessage("x" * 500)}, "content must be a string", "AIMessage(cont"),
    ({"reasoning": 5}, "reasoning must be a string or None", "5"),
    (
        {"tool_calls": "x"},
        "tool_calls must be a list of tool calls such as [{'name': 'add', 'args': {'a': 1}}]",
        "'x'",
    ),
    (
        {"tool_calls": None},
        "tool_calls must be a list of tool calls such as [{'name': 'add', 'args': {'a': 1}}]",
        "None",
    ),
    (
        {"tool_calls": {"name": "add"}},
        "tool_calls must be a list of tool calls such as [{'name': 'add', 'args': {'a': 1}}]",
        "{'name': 'add'}",
    ),
    (
        {"tool_calls": [{"nam": "x"}]},
        "tool_calls[0] must be a mapping with the key name, and optionally args and id",
        "{'nam': 'x'}",
    ),
    ({"tool_calls": [{"name": "x"}, 5]}, "tool_calls[1] must be a mapping with the key", "5"),
    ({"tool_calls": [{"name": "x", "arg": {}}]}, "tool_calls[0] must", "{'name': 'x', 'arg': {}}"),
    ({"tool_calls": [{"name": 5}]}, "tool_calls[0]['name'] must be a string", "5"),
    ({"tool_calls": [{"name": "x", "id": 5}]}, "tool_calls[0]['id'] must be a string or None", "5"),
    ({"tool_calls": [{"name": "x", "args": [1]}]}, "tool_calls[0]['args'] must be a", "[1]"),
    ({"tool_calls": [{"name": "x", "args": {"a": {1}}}]}, "tool_calls[0]['args']", "{'a': {1}}"),
    ({"finish_reason": 5}, "finish_reason must be a string or None", "5"),
    ({"usage": 5}, "usage must be a mapping that can be encoded as JSON or None", "5"),
    ({"usage": {"prompt_tokens": object}}, "usage must be a mapping that can", "{'prompt_token"),
    ({"annotations": {"url": "x"}}, "annotations must be a list of mappings that", "{'url': 'x'}"),
    ({"annotations": ["x"]}, "annotations must be a list of mappings that can be", "['x']"),
    ({"error_message": 5}, "error_message must be a string or None", "5"),
    ({"message": None}, "message must be a mapping that can be encoded as JSON", "None"),
    ({"pieces": "abc"}, "pieces must be a list of strings or None", "'abc'"),
    ({"pieces": ["a", 5]}, "pieces must be a list of strings or None", "['a', 5]"),
    ({"reasoning_pieces": [None]}, "reasoning_pieces must be a list of strings or None", "[None]"),
    ({"argument_pieces": 0}, "argument_pieces must be an integer >= 1", "0"),
    ({"argument_pieces": True}, "argument_pieces must be an integer >= 1", "True"),
    ({"status": "x"}, "status must be an integer from 200 to 599 or None", "'x'"),
    ({"status": 99}, "status must be an integer from 200 to 599 or None", "99"),
    ({"status": 600}, "status must be an integer from 200 to 599 or None", "600"),
    ({"body": {1, 2}}, "body must be bytes, a string or a value that can be encoded as", "{1, 2}"),
    ({"events": "data: x"}, "events must be a list of mappings that can be encoded", "'data: x'"),
    ({"events": [5]}, "events must be a list of mappings that can be encoded as JSON,", "[5]"),
    ({"events": iter([b"x"])}, "events must be a list of mappings that can be", "<list_iterator"),
    ({"headers": ["x"]}, "headers must be a mapping from header names to strings (the", "['x']"),
    ({"headers": {"x": 5}}, "headers must be a mapping from header names to strings", "{'x': 5}"),
    ({"headers": {"x y": "5"}}, "headers must be a mapping from header names to", "{'x y': '5'}"),
    ({"headers": {"x": "a\r\nb: c"}}, "headers must be a mapping from", "{'x': 'a\\r\\nb: c'}"),
    ({"headers": {"x": "天气"}}, "headers must be a mapping from header names to", "{'x': '天气'}"),
    (
        {"headers": {"Content-Length": "5"}},
        "headers must be a mapping from header names to strings (the emulator sets content-length",
        "{'Content-Length': '5'}",
    ),
    ({"delay": -1}, "delay must be a number of seconds from 0 to 1000000000", "-1"),
    ({"delay": math.nan}, "delay must be a number of seconds from 0 to 1000000000", "nan"),
    ({"pause": math.inf}, "pause must be a number of seconds from 0 to 1000000000", "inf"),
    ({"pause": "1"}, "pause must be a number of seconds from 0 to 1000000000", "'1'"),
]


def one_line(caught):
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert len(text) < 300
    return text


@pytest.mark.parametrize(
    ("fields", "start", "value"), REPLIES, ids=[f"{row[1]}, got {row[2]}" for row in REPLIES]
)
def test_an_invalid_reply(fields, start, value):
    emulator = MiMoEmulator()
    with pytest.raises(ValueError) as caught:
        emulator.reply(**fields)
    text = one_line(caught)
    assert text.startswith(start)
    assert f", got {value}" in text
    assert emulator.pending_replies == []
    with pytest.raises(ValueError):
        Reply(**fields)


def test_a_status_without_a_body():
    with pytest.raises(ValueError, match=r"body and events must be empty for status 204$"):
        MiMoEmulator().reply(status=204, body="x")


def test_fields_that_a_reply_does_not_have():
    emulator = MiMoEmulator()
    with pytest.raises(TypeError, match="no field contents; its fields are content, reasoning"):
        emulator.reply(contents="x")
    with pytest.raises(TypeError, match="got a Reply and status; set every field on the Reply"):
        emulator.reply(Reply("x"), status=500)


def test_pending_replies():
    emulator = MiMoEmulator()
    emulator.reply("one")
    emulator.reply("two")
    assert [reply.content for reply in emulator.pending_replies] == ["one", "two"]
    asyncio.run(ask(emulator))
    assert [reply.content for reply in emulator.pending_replies] == ["two"]
    emulator.reset()
    assert emulator.pending_replies == []


FAULT_VALUES = [
    ("cut_after", {"bytes": "x"}, "bytes of cut_after must be an integer >= 0", "'x'"),
    ("cut_after", {"bytes": -1}, "bytes of cut_after must be an integer >= 0", "-1"),
    ("cut_after", {"bytes": 1.5}, "bytes of cut_after must be an integer >= 0", "1.5"),
    ("cut_after", {"bytes": None}, "bytes of cut_after must be an integer >= 0", "None"),
    ("cut_after", {"reset": "False"}, "reset of cut_after must be True or False", "'False'"),
    ("stall", {"seconds": -1}, "seconds of stall must be a number of seconds from 0 to", "-1"),
    ("stall", {"seconds": math.nan}, "seconds of stall must be a number of seconds from 0", "nan"),
    ("stall", {"seconds": "x"}, "seconds of stall must be a number of seconds from 0 to", "'x'"),
    ("stall", {"after_events": -1}, "after_events of stall must be an integer >= 0 or None", "-1"),
    ("pings_only", {"after_events": None}, "after_events of pings_only must be an", "None"),
    (
        "pings_only",
        {"interval": 0},
        "interval of pings_only must be a number of seconds from 0.00001 to 1000000000",
        "0",
    ),
    ("pings_only", {"text": 5}, "text of pings_only must be a string", "5"),
    (
        "slow_loris",
        {"part": "tail"},
        "part of slow_loris must be one of 'body', 'headers'",
        "'tail'",
    ),
    ("slow_loris", {"size": 0}, "size of slow_loris must be an integer >= 1", "0"),
    ("split_writes", {"interval": -0.1}, "interval of split_writes must be a number of", "-0.1"),
    ("keep_open_after_done", {"seconds": math.inf}, "seconds of keep_open_after_done must", "inf"),
    (
        "rate_limit",
        {"retry_after": "bogus"},
        "retry_after of rate_limit must be one of 'none', 'seconds', 'milliseconds', 'date'",
        "'bogus'",
    ),
    ("rate_limit", {"retry_after": 5}, "retry_after of rate_limit must be one of 'none',", "5"),
    ("rate_limit", {"seconds": 1e300}, "seconds of rate_limit must be a number of", "1e+300"),
    (
        "server_error",
        {"status": 200},
        "status of server_error must be an integer from 500 to 599",
        "200",
    ),
    ("server_error", {"body": 5}, "body of server_error must be a string", "5"),
    ("string_error", {"status": 99}, "status of string_error must be an integer from 400", "99"),
    ("redirect", {"status": 500}, "status of redirect must be an integer from 300 to 399", "500"),
    (
        "redirect",
        {"location": "a\nb"},
        "location of redirect must be a string that is valid as an HTTP header value",
        "'a\\nb'",
    ),
    (
        "garbage",
        {"kind": "x"},
        "kind of garbage must be one of 'text', 'html', 'binary', 'json'",
        "'x'",
    ),
    ("garbage", {"kind": ["text"]}, "kind of garbage must be one of 'text', 'html',", "['text']"),
    ("error_in_stream", {"code": None}, "code of error_in_stream must be a string or an", "None"),
    ("half_tool_call", {"characters": "8"}, "characters of half_tool_call must be an", "'8'"),
    ("half_tool_call", {"finish_reason": 5}, "finish_reason of half_tool_call must be a", "5"),
    ("repetition", {"groups": 0}, "groups of repetition must be an integer from 1 to 10000", "0"),
    ("repetition", {"lines": 1.5}, "lines of repetition must be an integer from 1 to", "1.5"),
    ("repetition", {"place": "x"}, "place of repetition must be one of 'content', 'reason", "'x'"),
    ("tool_call_flood", {"calls": 10**5}, "calls of tool_call_flood must be an integer", "100000"),
    ("whitespace_padding", {"members": -1}, "members of whitespace_padding must be an", "-1"),
    ("stringified_arguments", {"numbers": 1}, "numbers of stringified_arguments must be Tr", "1"),
    ("models_not_found", {"path": None}, "path of models_not_found must be a string", "None"),
    ("moderation", {"status": 200}, "status of moderation must be an integer from 400 to", "200"),
    ("quota", {"times": -1}, "times of quota must be an integer >= 0 or None", "-1"),
    ("quota", {"times": "x"}, "times of quota must be an integer >= 0 or None", "'x'"),
    ("quota", {"skip": -1}, "skip of quota must be an integer >= 0", "-1"),
    ("quota", {"every": 0}, "every of quota must be an integer >= 1", "0"),
]


@pytest.mark.parametrize(
    ("name", "values", "start", "value"),
    FAULT_VALUES,
    ids=[f"{row[0]} {row[1]}" for row in FAULT_VALUES],
)
def test_an_invalid_fault(name, values, start, value):
    with pytest.raises(ValueError) as caught:
        MiMoEmulator().fault(name, **values)
    text = one_line(caught)
    assert text.startswith(start)
    assert f", got {value}" in text


def test_a_fault_name_that_is_not_a_string():
    with pytest.raises(ValueError, match="unknown fault 5"):
        MiMoEmulator().fault(5)


@pytest.mark.parametrize("name", FAULTS)
def test_every_parameter_is_checked_and_its_default_is_valid(name):
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
    (lambda request: 5, "the responder must return a Reply, a str or None, got 5"),
    (
        lambda request: AIMessage("x\n" * 500),
        "the responder must return a Reply, a str or None, got A",
    ),
    (lambda request: is_async(request), "a str or None, got <coroutine object"),  # noqa: PLW0108
    (fails, "the responder failed with KeyError: 'city'"),
    (lambda request: Reply(status=5), "the responder failed with ValueError: status must be an"),
    (lambda request: pytest.fail("no\ngood"), "the responder failed with Failed: no good"),
    (lambda: "x", "the responder failed with TypeError"),
]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(("responder", "piece"), RESPONDERS, ids=[row[1] for row in RESPONDERS])
async def test_a_responder_that_fails(caplog, responder, piece, streaming):
    emulator = MiMoEmulator()
    emulator.respond_with(responder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        response = await ask(emulator, stream=streaming)
    assert response.status_code == 500
    assert response.text.startswith("data:{" if streaming else "{")
    assert len(response.text.splitlines()) == 1
    assert piece in response.text
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
def test_a_responder_that_is_not_a_regular_function(responder):
    with pytest.raises(TypeError, match=r"^responder must be a"):
        MiMoEmulator().respond_with(responder)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/anthropic/v1/messages"])
@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": None}, {"prompt_tokens_details": 5}, {"prompt_tokens": "7"}]
)
async def test_unusual_usage_is_sent_unchanged(path, usage):
    emulator = MiMoEmulator()
    emulator.reply("x", usage=usage)
    body = {
        "model": "mimo-v2.6-flash",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "x"}],
    }
    transport = httpx2.ASGITransport(app=emulator.application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post(path, json=body, headers={"api-key": emulator.api_key})
    assert response.status_code == 200
