"""What docs/human-in-the-loop.md says about decisions, reasoning and checkpoints on disk."""

import re
from typing import get_args

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain.agents.middleware.human_in_the_loop import DecisionType
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from repository import ROOT

THREAD = {"configurable": {"thread_id": "1"}}
PROMPT = {"messages": [{"role": "user", "content": "Tell Ann when the demo is."}]}


@pytest.mark.parametrize(
    ("decision", "to"),
    [
        ({"type": "approve"}, ["ann@example.com"]),
        (
            {
                "type": "edit",
                "edited_action": {"name": "send_email", "args": {"to": "bob@example.com"}},
            },
            ["bob@example.com"],
        ),
        ({"type": "reject", "message": "Not now."}, []),
        ({"type": "respond", "message": "Ann was told by phone."}, []),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)
def test_a_decision_of_another_day_keeps_the_reasoning(emulator, model, tmp_path, decision, to):
    sent = []

    def send_email(to: str) -> str:
        """Send an email."""
        sent.append(to)
        return "Sent."

    def agent(checkpointer):
        return create_agent(
            model(emulator),
            [send_email],
            middleware=[HumanInTheLoopMiddleware(interrupt_on={"send_email": True})],
            checkpointer=checkpointer,
        )

    emulator.reply(
        reasoning="Ann should know.",
        tool_calls=[{"name": "send_email", "args": {"to": "ann@example.com"}}],
    )
    path = str(tmp_path / "threads.sqlite")
    with SqliteSaver.from_conn_string(path) as checkpointer:
        state = agent(checkpointer).invoke(PROMPT, THREAD)
    actions = state["__interrupt__"][0].value["action_requests"]
    assert [action["args"] for action in actions] == [{"to": "ann@example.com"}]
    assert sent == []

    with SqliteSaver.from_conn_string(path) as checkpointer:
        state = agent(checkpointer).invoke(Command(resume={"decisions": [decision]}), THREAD)
    assert sent == to
    assert [request.status for request in emulator.requests] == [200, 200]
    assert "Ann should know." in str(emulator.requests[1].body)
    assert decision.get("message", "") in str(emulator.requests[1].body["messages"][-1])
    assert state["messages"][-1].text


def test_the_page_lists_every_decision():
    page = (ROOT / "docs" / "human-in-the-loop.md").read_text(encoding="utf-8")
    assert re.findall(r'^\| `{"type": "(\w+)"', page, re.MULTILINE) == list(get_args(DecisionType))
