"""The decision model against the emulator's scripted replies, and core's middleware with it.

langchain-core has decisions since 1.8, langchain its middleware since 1.5: skipped before.
"""

import json
import subprocess
import sys

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_mimo import ChatMiMo, image_block
from langchain_mimo.errors import MiMoInputError, MiMoInvalidResponseError

try:
    from langchain_core import decisions
except ImportError:
    decisions = None

needs_decisions = pytest.mark.skipif(decisions is None, reason="langchain-core before 1.8")
pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")


def test_an_older_core_is_named_with_the_remedy():
    code = "import sys; sys.modules['langchain_core.decisions'] = None; import langchain_mimo.decisions"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: langchain_mimo.decisions needs langchain-core 1.8 or newer" in out.stderr
    assert 'pip install -U "langchain-core>=1.8"' in out.stderr


def test_the_package_imports_without_decisions():
    code = "import langchain_mimo, langchain_mimo.chat_models, sys; print('langchain_core.decisions' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.fixture
def chat(emulator):
    return ChatMiMo(
        model="mimo-v2.6-flash", base_url=emulator.base_url, api_key=emulator.api_key, max_retries=0
    )


@pytest.fixture
def judge(chat):
    from langchain_mimo.decisions import MiMoDecisionModel  # noqa: PLC0415

    return MiMoDecisionModel(llm=chat)


def questions():
    return {
        "urgent": decisions.Noul(instructions="Urgent?", criteria={"true": "today"}),
        "team 团队": decisions.Choice(
            instructions={"ask": "Which team?"}, criteria={"billing": "Money.", "a b": None}
        ),
        "anger": decisions.Score(instructions="How angry?", criteria=["calm", "cross", "furious"]),
    }


ANSWERS = {
    "q1": 0.9,
    "q2": {"billing": 0.2, "a b": 0.6},
    "q3": {"0": 0.0, "1": 0.5, "2": 0.5},
}


async def ask(judge, is_async, state, asked):
    request = {"state": state, "questions": asked}
    return await judge.ainvoke(request) if is_async else judge.invoke(request)


@needs_decisions
@pytest.mark.parametrize("is_async", [False, True])
async def test_all_questions_in_one_request(judge, emulator, is_async):
    emulator.reply(json.dumps(ANSWERS))
    response = await ask(judge, is_async, "The site is down!", questions())
    assert response.nouls["urgent"].noul == 0.9
    choice = response.choices["team 团队"]
    assert (choice.choice, choice.confidence) == ("a b", pytest.approx(0.75))
    assert choice.probabilities == pytest.approx({"billing": 0.25, "a b": 0.75})
    score = response.scores["anger"]
    assert (score.score, score.legend) == (1.5, {0: "calm", 1: "cross", 2: "furious"})
    assert score.probabilities == {0: 0, 1: 0.5, 2: 0.5}
    assert response.model == judge.model == "mimo-v2.6-flash"
    assert response.usage["input_tokens"] > 50
    assert response.request_id
    [request] = emulator.requests
    body = json.dumps(request.body, ensure_ascii=False)
    assert all(text in body for text in ("The site is down!", "Which team?", "today", "furious"))


@needs_decisions
def test_media_and_messages_in_the_state(judge, emulator, media):
    emulator.reply(json.dumps({"q1": {"top": 0.1, "bottom": 0.5, "left": 0, "right": 1}}))
    image = image_block(media.image.read_bytes())
    call = {"name": "look", "args": {"at": "sun"}, "id": "1", "type": "tool_call"}
    state = {"user": "Ann", "messages": [HumanMessage([image]), AIMessage("", tool_calls=[call])]}
    box = decisions.Box(instructions="The sun.")
    response = judge.invoke({"state": state, "questions": {"sun": box}})
    assert response.boxes["sun"].box.model_dump() == {
        "top": 0.1, "bottom": 0.5, "left": 0, "right": 1,
    }  # fmt: skip
    [request] = emulator.requests
    contents = [message["content"] for message in request.body["messages"]]
    kinds = [part["type"] for parts in contents if isinstance(parts, list) for part in parts]
    assert kinds.count("image_url") == 1
    assert "[State medium 1]" in json.dumps(request.body)
    assert '\\"at\\": \\"sun\\"' in json.dumps(request.body)


@needs_decisions
def test_what_cannot_be_asked_is_refused_before_the_request(judge, emulator):
    with pytest.raises(MiMoInputError, match="at least one question"):
        judge.invoke({"state": "x", "questions": {}})
    box = {"sun": decisions.Box(instructions="The sun.")}
    with pytest.raises(MiMoInputError, match="Box needs an image"):
        judge.invoke({"state": "x", "questions": box})
    state = {"inner": []}
    state["inner"].append(state)
    with pytest.raises(MiMoInputError, match="state: nested too deeply, or contains itself"):
        judge._classify(state, questions())
    assert emulator.requests == []


@needs_decisions
@pytest.mark.parametrize(
    "value", [1.5, -0.1, True, "high", None, {"billing": 0.5}, {"billing": 0, "a b": 0}]
)
def test_answers_without_probabilities_raise(chat, value):
    from langchain_mimo.decisions import _response  # noqa: PLC0415

    key, name = ("q2", "team 团队") if isinstance(value, dict) else ("q1", "urgent")
    asked = questions()
    named = dict(zip(("q1", "q2", "q3"), asked.values(), strict=True))
    result = {"parsing_error": None, "raw": AIMessage("x"), "parsed": {**ANSWERS, key: value}}
    with pytest.raises(MiMoInvalidResponseError, match="is not usable") as caught:
        _response("mimo", result, asked, named)
    assert name in str(caught.value)
    assert caught.value.partial_message.content == "x"


@needs_decisions
@pytest.mark.parametrize("is_async", [False, True])
async def test_the_router_asks_it(judge, chat, emulator, is_async):
    middleware = pytest.importorskip("langchain.agents.middleware")
    agents = pytest.importorskip("langchain.agents")
    if not hasattr(middleware, "ModelRouterMiddleware"):
        pytest.skip("langchain before 1.5")
    pro = chat.model_copy(update={"model": "mimo-v2.6-pro"})
    router = middleware.ModelRouterMiddleware(
        choices={
            "fast": middleware.ModelChoice(model=chat, criteria="Simple."),
            "strong": middleware.ModelChoice(model=pro, criteria="Hard."),
        },
        instructions="Choose.",
        classifier=judge,
    )
    emulator.reply(json.dumps({"q1": {"fast": 0.1, "strong": 0.9}}))
    emulator.reply("Done.")
    agent = agents.create_agent(chat, middleware=[router])
    asked = {"messages": [HumanMessage("Prove it.")]}
    result = await agent.ainvoke(asked) if is_async else agent.invoke(asked)
    assert result["messages"][-1].content == "Done."
    assert result["model_route"].choice == "strong"
    assert [r.body["model"] for r in emulator.requests] == ["mimo-v2.6-flash", "mimo-v2.6-pro"]
    emulator.reply(json.dumps({"q1": {"fast": 0.1, "strong": 0.9}}))
    emulator.reply("Done.")
    pieces = [piece for piece, _ in agent.stream(asked, stream_mode="messages")]
    assert "strong" not in "".join(piece.text for piece in pieces)  # the JSON is not shown


@needs_decisions
@pytest.mark.parametrize(("risk", "runs"), [(0.1, True), (0.9, False)])
def test_auto_mode_asks_it(judge, chat, emulator, risk, runs):
    middleware = pytest.importorskip("langchain.agents.middleware")
    agents = pytest.importorskip("langchain.agents")
    if not hasattr(middleware, "AutoModeMiddleware"):
        pytest.skip("langchain before 1.5")
    ran = []

    def delete(path: str) -> str:
        """Delete a file."""
        ran.append(path)
        return "gone"

    emulator.reply(tool_calls=[{"name": "delete", "args": {"path": "a"}}])
    emulator.reply(json.dumps({"q1": risk}))
    emulator.reply("Done.")
    auto = middleware.AutoModeMiddleware(tools=["delete"], classifier=judge)
    result = agents.create_agent(chat, [delete], middleware=[auto]).invoke(
        {"messages": [HumanMessage("Delete a.")]}
    )
    assert ran == (["a"] if runs else [])
    assert result["messages"][-1].content == "Done."
