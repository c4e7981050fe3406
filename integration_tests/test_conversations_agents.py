"""Long-running agents: checkpoints on disk, a killed process, cut calls, and summaries."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest
import sample_media
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, SummarizationMiddleware
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from request_bodies import chat_body

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.emulator.conversation.reply import Reply

PROGRAM = pathlib.Path(__file__).parent / "agents" / "ten_rounds.py"
ROUNDS = 10
FATAL_ROUND = 5
IMAGE_ROUNDS = (3, 7)
RUNS = [
    ("openai", "invoke", "v0"),
    ("openai", "ainvoke", "v1"),
    ("openai", "stream", "v1"),
    ("openai", "astream", "v0"),
    ("openai", "events", "v0"),
    ("openai", "aevents", "v0"),
    ("anthropic", "invoke", "v0"),
    ("anthropic", "astream", "v1"),
]


def reasoning(number):
    """Return reasoning that shows any mishandling of white space, quotes or wide characters."""
    return f' Round {number}: 先量一量 😀,\n\t"then" add.\r\n  '


def next_round(request):
    """Reply according to the conversation, so that either process can send the request."""
    messages = chat_body(request)["messages"]
    done = sum(1 for message in messages if message.get("tool_calls"))
    if done == ROUNDS:
        return Reply("All places are measured.", reasoning="Enough.")
    calls = [
        {"name": "measure", "args": {"place": done}},
        {"name": "add", "args": f'{{"a":{done},"b": 1}}'},
    ]
    if done in IMAGE_ROUNDS:
        calls.insert(1, {"name": "photograph", "args": {"place": done}})
    text = "" if done % 2 else f"Round {done}."
    return Reply(text, reasoning=reasoning(done), tool_calls=calls, argument_pieces=3)


def run(emulator, folder, api_format, method, version):
    environment = os.environ | {
        "LANGGRAPH_STRICT_MSGPACK": "true",
        "LC_OUTPUT_VERSION": version,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return subprocess.run(
        [sys.executable, PROGRAM, emulator.base_url, emulator.api_key, folder, api_format, method],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("api_format", "method", "version"), RUNS)
def test_ten_rounds_survive_a_killed_process(api_format, method, version, tmp_path):
    image = sample_media.make_image(tmp_path / "image.png").read_bytes()
    with MiMoEmulator(strict_tool_turns=True) as emulator:
        emulator.respond_with(next_round)
        killed = run(emulator, tmp_path, api_format, method, version)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        before = len(emulator.requests)
        resumed = run(emulator, tmp_path, api_format, method, version)
        assert resumed.returncode == 0, resumed.stderr
        requests = list(emulator.requests)

    assert [request.status for request in requests] == [200] * (ROUNDS + 1)
    assert before == FATAL_ROUND + 1  # no request was repeated
    for number, request in enumerate(requests):
        check_conversation(request, number, image)
    output = json.loads(resumed.stdout)
    assert output["reasoning"] == [*map(reasoning, range(ROUNDS)), "Enough."]
    assert output["calls"] == [3 if n in IMAGE_ROUNDS else 2 for n in range(ROUNDS)] + [0]
    assert output["answer"] == "All places are measured."
    if "invoke" not in method:
        after = [*map(reasoning, range(FATAL_ROUND + 1, ROUNDS)), "Enough."]
        assert output["streamed"] == "".join(after)


def check_conversation(request, number, image):
    messages = chat_body(request)["messages"]
    turns = [message for message in messages if message["role"] == "assistant"]
    assert [turn["reasoning_content"] for turn in turns] == list(map(reasoning, range(number)))
    assert all(isinstance(message["content"], str) for message in turns)
    for place, turn in enumerate(turns):
        arguments = [call["function"]["arguments"] for call in turn["tool_calls"]]
        written = f'{{"a":{place},"b": 1}}'
        if request.path.endswith("/chat/completions"):
            assert arguments[-1] == written  # byte for byte
        else:
            assert json.loads(arguments[-1]) == json.loads(written)
    results = [message for message in messages if message["role"] == "tool"]
    called = [call["id"] for turn in turns for call in turn["tool_calls"]]
    assert [message["tool_call_id"] for message in results] == called
    assert all(isinstance(message["content"], str) for message in results)
    shown = [place for place in IMAGE_ROUNDS if place < number]
    assert [item.data for item in request.media] == [image] * len(shown)


# ------------------------------------------------------------------------------- cut calls


@pytest.fixture
def llm(emulator, api_format):
    with ChatMiMo(
        model="mimo-v2.6-flash",
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        api_format=api_format,
        thinking=True,
        max_retries=0,
    ) as model:
        yield model


@pytest.fixture
def deleted():
    return []


@pytest.fixture
def delete(deleted):
    @tool
    def delete(path: str = "/") -> str:
        """Delete a folder."""
        deleted.append(path)
        return "gone"

    return delete


CUT = {
    "in its arguments": ('{"path": "/a', "length"),
    "before its arguments": ("", "length"),
    "by repetition": ('{"path": "/a/a/a/a', "repetition_truncation"),
    "by the filter": ('{"path": "/a', "content_filter"),
}


def run_agent(agent, method):
    state = {"messages": [HumanMessage("Delete /a/b.")]}
    match method:
        case "invoke":
            return agent.invoke(state)
        case "messages":
            parts = list(agent.stream(state, stream_mode=["messages", "values"]))
            return [part for mode, part in parts if mode == "values"][-1]
        case "updates":
            list(agent.stream(state, stream_mode="updates"))
            return None
        case "events":
            return agent.stream_events(state, version="v3").output


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.filterwarnings("ignore:MiMo's answer is empty")
@pytest.mark.parametrize("method", ["invoke", "messages", "updates", "events"])
@pytest.mark.parametrize("cut", CUT)
def test_an_agent_runs_no_cut_call(llm, emulator, delete, deleted, cut, method):
    arguments, reason = CUT[cut]
    call = {"name": "delete", "args": arguments}
    requests = 2 if reason == "content_filter" else 1  # a second chance, if nothing was streamed
    for _ in range(requests):
        emulator.reply("", reasoning="Away with it.", tool_calls=[call], finish_reason=reason)
    state = run_agent(create_agent(llm, [delete]), method)
    assert deleted == []
    if state is not None:
        last = state["messages"][-1]
        assert last.tool_calls == []
        assert [call["name"] for call in last.invalid_tool_calls] == ["delete"]
        assert last.response_metadata["finish_reason"] == reason


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize("method", ["invoke", "messages", "updates", "events"])
def test_an_agent_runs_the_same_call_when_it_is_complete(llm, emulator, delete, deleted, method):
    call = {"name": "delete", "args": '{"path": "/a/b"}'}
    emulator.reply("", reasoning="Away with it.", tool_calls=[call], argument_pieces=2)
    run_agent(create_agent(llm, [delete]), method)
    assert deleted == ["/a/b"]


def test_a_conversation_continues_after_a_cut_call(llm, emulator, api_format, delete, deleted):
    call = {"name": "delete", "args": '{"path": "/a', "id": "call_1"}
    emulator.reply("", reasoning="Away!", tool_calls=[call], finish_reason="length")
    agent = create_agent(llm, [delete])
    state = agent.invoke({"messages": [HumanMessage("Delete /a/b.")]})
    emulator.reply("Gladly.")
    agent.invoke({"messages": [*state["messages"], HumanMessage("Go on.")]})
    body = chat_body(emulator.requests[-1])
    [turn] = [message for message in body["messages"] if message["role"] == "assistant"]
    assert turn["reasoning_content"] == "Away!"
    # A complete response in the Anthropic format contains nothing of arguments that were cut.
    written = {"openai": '{"path": "/a', "anthropic": '{"invalid_json": ""}'}
    assert turn["tool_calls"][0]["function"]["arguments"] == written[api_format]
    assert deleted == []


# ------------------------------------------------------------------------ streamed reasoning


@tool
def ping(number: int) -> str:
    """Ping."""
    return f"pong {number}"


@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_an_agent_streams_the_reasoning_of_every_turn(llm, emulator, version):
    llm = llm.model_copy(update={"output_version": version})
    replies = [
        {"reasoning": "First I ping.", "tool_calls": [{"name": "ping", "args": {"number": 1}}]},
        {"reasoning": "Again.", "tool_calls": [{"name": "ping", "args": {"number": 2}}]},
        {"content": "Two pongs.", "reasoning": "Enough."},
    ]
    agent = create_agent(llm, [ping])
    state = {"messages": [HumanMessage("Ping twice.")]}
    for is_async in (False, True):
        for reply in replies:
            emulator.reply(**reply)
        if is_async:
            parts = [part async for part in agent.astream(state, stream_mode="messages")]
        else:
            parts = list(agent.stream(state, stream_mode="messages"))
        seen = {}
        for chunk, _ in parts:
            if isinstance(chunk, AIMessageChunk):
                seen.setdefault(chunk.id, []).extend(chunk.content_blocks)
        reasoning = [
            "".join(block["reasoning"] for block in blocks if block["type"] == "reasoning")
            for blocks in seen.values()
        ]
        assert reasoning == ["First I ping.", "Again.", "Enough."]


def test_a_human_changes_a_call(llm, emulator, api_format):
    """LangChain keeps the model's call and reports the edit in its result; older versions edit it."""
    call = {"name": "ping", "args": '{"number":1}', "id": "call_1"}
    emulator.reply("", reasoning="I ping one.", tool_calls=[call])
    middleware = HumanInTheLoopMiddleware(interrupt_on={"ping": True})
    agent = create_agent(llm, [ping], middleware=[middleware], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    agent.invoke({"messages": [HumanMessage("Ping.")]}, config)
    edited = {"name": "ping", "args": {"number": 2}}
    decision = {"decisions": [{"type": "edit", "edited_action": edited}]}
    state = agent.invoke(Command(resume=decision), config)
    assert [request.status for request in emulator.requests] == [200, 200]
    _, turn, result = chat_body(emulator.requests[-1])["messages"]
    assert turn["reasoning_content"] == "I ping one."
    kept = state["messages"][1].tool_calls[0]["args"] == {"number": 1}
    arguments = turn["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"number": 1 if kept else 2}
    if kept and api_format == "openai":
        assert arguments == '{"number":1}'
    assert "pong 2" in result["content"]


# --------------------------------------------------------------------------------- summaries


def test_summaries_by_fraction_of_the_context(llm, emulator):
    """The profile contains the size of the context; here it is set to a small one."""
    llm.profile = {**llm.profile, "max_input_tokens": 600}
    middleware = SummarizationMiddleware(llm, trigger=("fraction", 0.8), keep=("fraction", 0.3))
    agent = create_agent(llm, [ping], middleware=[middleware])
    messages = []
    for number in range(8):
        prompt = HumanMessage(f"Ping {number}, please. " + "Mind the weather. " * 10)
        call = {"name": "ping", "args": {"number": number}, "id": f"call_{number}"}
        reasoning = {"reasoning_content": f"Reasoning {number}."}
        messages += [
            prompt,
            AIMessage("", tool_calls=[call], additional_kwargs=reasoning),
            ToolMessage(f"pong {number}", tool_call_id=f"call_{number}"),
            AIMessage("Done. " * 20),
        ]
    state = agent.invoke({"messages": [*messages, HumanMessage("And now?")]})
    summary, request = [chat_body(each)["messages"] for each in emulator.requests]
    assert [request.status for request in emulator.requests] == [200, 200]
    assert len(summary) == 1
    assert len(request) < len(messages)
    assert "summary" in request[0]["content"]
    for turn in request:
        if turn.get("tool_calls"):
            number = turn["tool_calls"][0]["id"].removeprefix("call_")
            assert turn["reasoning_content"] == f"Reasoning {number}."
    assert state["messages"][-1].text
