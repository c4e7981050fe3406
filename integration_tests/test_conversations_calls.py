"""Tool calls in every shape of stream, complete and truncated."""

import pytest
from conversations import accepted_bodies, openai_only
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from langchain_mimo.emulator import MiMoEmulator

ID = "045bd1a4-688a-4e53-9de2-7631205e0182_5f467b0704184928936bafb270896022"


@pytest.fixture
def emulator():
    with MiMoEmulator(strict_tool_turns=True) as running:
        yield running


def fragment(index=..., call_id=..., name=..., arguments=...):
    """One fragment of a call; arguments that are not given are absent."""
    call, function = {}, {}
    for target, key, value in (
        (call, "index", index),
        (call, "id", call_id),
        (function, "name", name),
        (function, "arguments", arguments),
    ):
        if value is not ...:
            target[key] = value
    return call | {"function": function}


TWO = [("a", "f", {"x": 1}), ("b", "g", {"y": 2})]
ONE = TWO[:1]
SHAPES = {
    "index missing": (
        [
            fragment(call_id="a", name="f", arguments=""),
            fragment(arguments='{"x": 1}'),
            fragment(call_id="b", name="g", arguments='{"y": 2}'),
        ],
        TWO,
    ),
    "index null": ([fragment(None, "a", "f", '{"x": '), fragment(None, None, None, "1}")], ONE),
    "index as a string": (
        [fragment("0", "a", "f", '{"x": '), fragment("0", None, None, "1}")],
        ONE,
    ),
    "index repeated for a second call": (
        [fragment(0, "a", "f", '{"x": 1}'), fragment(0, "b", "g", '{"y": 2}')],
        TWO,
    ),
    "id missing": (
        [fragment(0, name="f", arguments='{"x": 1}'), fragment(1, name="g", arguments='{"y": 2}')],
        [(None, "f", {"x": 1}), (None, "g", {"y": 2})],
    ),
    "id repeated": ([fragment(0, "a", "f", '{"x": '), fragment(0, "a", None, "1}")], ONE),
    'id empty or "null"': (
        [
            fragment(0, "a", "f", '{"x"'),
            fragment(0, "", None, ": "),
            fragment(0, "null", None, "1}"),
        ],
        ONE,
    ),
    "name repeated": (
        [fragment(0, "a", "f", ""), fragment(0, None, "f", '{"x": 1'), fragment(0, None, "f", "}")],
        ONE,
    ),
    'name empty or "null"': (
        [
            fragment(0, "a", "f", '{"x"'),
            fragment(0, None, "", ": "),
            fragment(0, None, "null", "1}"),
        ],
        ONE,
    ),
    "interleaved": (
        [
            fragment(0, "a", "f", ""),
            fragment(1, "b", "g", ""),
            fragment(1, None, None, '{"y": '),
            fragment(0, None, None, '{"x": '),
            fragment(1, None, None, "2}"),
            fragment(0, None, None, "1}"),
        ],
        TWO,
    ),
    "empty arguments": ([fragment(0, "a", "f", "")], [("a", "f", {})]),
    "arguments missing": ([fragment(0, "a", "f")], [("a", "f", {})]),
}


def events_of(fragments):
    frame = {"id": ID, "model": "mimo-v2.6-flash", "object": "chat.completion.chunk"}
    nothing = dict.fromkeys(("content", "role", "tool_calls", "reasoning_content"))

    def event(reason=None, **delta):
        return frame | {"choices": [{"delta": nothing | delta, "finish_reason": reason}]}

    yield event(role="assistant", content="")
    yield event(reasoning_content="Calling.")
    for each in fragments:
        yield event(tool_calls=[each])
    yield event("tool_calls")
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    yield frame | {"choices": [], "usage": usage}
    yield "data: [DONE]\n\n"


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.no_bill("the scripted events state a usage of their own")
@openai_only
async def test_calls_are_assembled_from_any_fragments(model, emulator, shape, version):
    fragments, expected = SHAPES[shape]
    llm = model(emulator, output_version=version)
    messages = []
    for way in range(3):
        emulator.reply(events=list(events_of(fragments)))
        total = None
        match way:
            case 0:
                for chunk in llm.stream("x"):
                    total = chunk if total is None else total + chunk
                    check_only_complete_calls(total, expected)
            case 1:
                async for chunk in llm.astream("x"):
                    total = chunk if total is None else total + chunk
                    check_only_complete_calls(total, expected)
            case 2:
                total = llm.stream_events("x", version="v3").output
        messages.append(total)
    for message in messages:
        assert message.invalid_tool_calls == []
        assert [(call["name"], call["args"]) for call in message.tool_calls] == [
            case[1:] for case in expected
        ]
        for call, (call_id, _, _) in zip(message.tool_calls, expected, strict=True):
            assert call["id"] == call_id or (call_id is None and call["id"].startswith("call_"))
        blocks = [block for block in message.content_blocks if block["type"] == "tool_call"]
        assert [block["name"] for block in blocks] == [case[1] for case in expected]
    ids = [[call["id"] for call in message.tool_calls] for message in messages]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids[0])) == len(ids[0])


def check_only_complete_calls(message, expected):
    for call, (_, name, args) in zip(message.tool_calls, expected, strict=False):
        assert (call["name"], call["args"]) == (name, args)


def test_a_complete_call_runs_and_a_truncated_one_does_not(model, emulator):
    ran = []

    @tool
    def note(text: str) -> str:
        """Note a text."""
        ran.append(text)
        return "noted"

    calls = [
        {"name": "note", "args": '{"text": "a"}', "id": "1"},
        {"name": "note", "args": '{"text": "b', "id": "2"},
    ]
    agent = create_agent(model(emulator), [note])
    for mode in ("values", ["values", "messages"]):
        ran.clear()
        emulator.reply("", reasoning="Two.", tool_calls=calls, finish_reason="length")
        list(agent.stream({"messages": [HumanMessage("Note a and b.")]}, stream_mode=mode))
        assert ran == ["a"]
        results = [m for m in accepted_bodies(emulator)[-1]["messages"] if m["role"] == "tool"]
        assert [result["tool_call_id"] for result in results] == ["1", "2"]
        assert "arguments" in results[1]["content"]  # LangChain's own text
