"""Short messages and histories, and the turns built from them."""

from __future__ import annotations

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.turns import ToolTurn

OMNI = frozenset({"text", "image", "audio", "video"})
IMAGE = {"type": "image", "url": "https://example.com/a.png"}
VIDEO = {"type": "video", "url": "https://example.com/a.mp4"}


def options(**changes):
    return HistoryOptions("mimo-v2.6-pro", OMNI, **changes)


def turns_of(messages, **changes):
    return clean_history(messages, options(**changes)).turns


def ai(*ids, text="", reasoning=None, **kwargs):
    """An assistant message with one call for each id."""
    calls = [{"name": f"tool_{id_}", "args": {"id": id_}, "id": id_} for id_ in ids]
    additional = {} if reasoning is None else {"reasoning_content": reasoning}
    return AIMessage(text, tool_calls=calls, additional_kwargs=additional, **kwargs)


def result(id_, content="ok", **kwargs):
    return ToolMessage(content, tool_call_id=id_, **kwargs)


def shape(turns):
    """The kinds of turns, such as ["user", "assistant", "tool:call_1"]."""
    return [
        f"tool:{turn.call_id}" if isinstance(turn, ToolTurn) else type(turn).__name__[:-4].lower()
        for turn in turns
    ]


TWO_ROUNDS = [
    HumanMessage("q"),
    ai("a", reasoning="First.\n"),
    result("a"),
    ai("b", reasoning=" Second. "),
    result("b"),
    ai(text="answer", reasoning="Third."),
    HumanMessage("more"),
]
