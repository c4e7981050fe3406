"""Streams as LangChain's content-block events (`stream_events(version="v3")`, LangGraph).

Core has a bridge from chunks to events; it costs eight times as much as the events themselves, and
its JSON reading would take the string that keeps a cut call invalid (`tool_calls`) for arguments.
So ChatMiMo writes the events itself: fragments of calls as they come, and at the end what every
call has become. Both ways of streaming give the same message.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from langchain_core.messages import AIMessageChunk
from langchain_core.utils._merge import merge_dicts

from langchain_mimo._wire.to_langchain.content_blocks import citations
from langchain_mimo.catalogue import PROVIDER

Event: TypeAlias = dict[str, Any]

_REASONING, _TEXT = "reasoning", "text"


class EventWriter:
    """Writes the events of one answer.

    Blocks are numbered in the order in which they begin: one of thoughts, one of text, one for each
    call. Feed it chunks; or, faster, the pieces that a decoder has read.

    Args:
        message_id: The id of the run, for answers that bring none.
    """

    __slots__ = ("_additional", "_blocks", "_message_id", "_pieces", "started")

    def __init__(self, message_id: str | None = None) -> None:
        self._message_id = message_id
        self.started = False
        self._blocks: dict[str | int, int] = {}
        self._pieces: dict[str, list[str]] = {_REASONING: [], _TEXT: []}
        self._additional: dict[str, Any] = {}

    def start_message(self, message_id: str | None, model: str | None) -> list[Event]:
        """Begin the message, once; returns nothing after that."""
        if self.started:
            return []
        self.started = True
        event: Event = {
            "event": "message-start",
            "role": "ai",
            "id": message_id or self._message_id or "",
            "metadata": {"provider": PROVIDER},
        }
        if model:
            event["metadata"]["model"] = model
        return [event]

    def write_delta(self, kind: str, piece: str) -> list[Event]:
        """Add to the thoughts (kind "reasoning") or the text (kind "text")."""
        self._pieces[kind].append(piece)
        delta = {"type": f"{kind}-delta", kind: piece}
        index = self._blocks.get(kind)
        if index is not None:
            return [{"event": "content-block-delta", "index": index, "delta": delta}]
        start = self._begin(kind, {"type": kind, kind: ""})
        return [start, {"event": "content-block-delta", "index": start["index"], "delta": delta}]

    def _begin(self, key: str | int, content: Event) -> Event:
        index = self._blocks[key] = len(self._blocks)
        return {"event": "content-block-start", "index": index, "content": content}

    def write_call_delta(self, call: int, call_id: str | None, name: str | None, piece: str) -> list[Event]:
        """Add to a call's arguments; the first fragment begins its block."""
        events = []
        if call not in self._blocks:
            content = {"type": "tool_call_chunk", "id": call_id, "name": name, "args": ""}
            events.append(self._begin(call, content | {"index": call}))
        if piece:
            delta = {"type": "tool-call-delta", "args": piece}
            index = self._blocks[call]
            events.append({"event": "content-block-delta", "index": index, "delta": delta})
        return events

    def write_chunk(self, chunk: AIMessageChunk) -> list[Event]:
        """Write everything that a chunk says; the last one closes the message."""
        additional = dict(chunk.additional_kwargs)
        events = self.start_message(chunk.id, chunk.response_metadata.get("model_name"))
        if reasoning := additional.pop("reasoning_content", None):
            events += self.write_delta(_REASONING, reasoning)
        if isinstance(chunk.content, str) and chunk.content:
            events += self.write_delta(_TEXT, chunk.content)
        if additional:
            self._additional = merge_dicts(self._additional, additional)
        events += self._calls(chunk)
        if chunk.chunk_position == "last":
            events += self._finish(chunk)
        return events

    def _calls(self, chunk: AIMessageChunk) -> list[Event]:
        """Finish calls: valid ones parsed, others with their text as it is kept in messages."""
        if not chunk.tool_call_chunks:
            return []
        events: list[Event] = []
        valid = {call["id"]: call for call in chunk.tool_calls}
        for call in chunk.tool_call_chunks:
            key = call["index"] or 0
            if key not in self._blocks:
                events += self.write_call_delta(key, call["id"], call["name"], call["args"] or "")
            content: Event
            if (parsed := valid.get(call["id"])) is not None:
                content = {"type": "tool_call", "id": call["id"], "name": call["name"]}
                content["args"] = parsed["args"]
            else:
                content = {"type": "invalid_tool_call", "id": call["id"], "name": call["name"]}
                content |= {"args": call["args"], "error": None}
            index = self._blocks[key]
            events.append({"event": "content-block-finish", "index": index, "content": content})
        return events

    def _finish(self, last: AIMessageChunk) -> list[Event]:
        events: list[Event] = []
        additional = self._additional
        for kind in (_REASONING, _TEXT):
            joined = "".join(self._pieces[kind])
            content: Event = {"type": kind, kind: joined}
            if kind == _TEXT and additional.get("annotations"):
                if kind not in self._blocks:
                    events.append(self._begin(kind, {"type": kind, kind: ""}))
                content["annotations"] = citations(additional["annotations"])
            if kind == _REASONING and joined:
                additional = {"reasoning_content": joined, **additional}
            if kind in self._blocks:
                index = self._blocks[kind]
                event = {"event": "content-block-finish", "index": index, "content": content}
                events.append(event)
        finish: Event = {"event": "message-finish", "metadata": dict(last.response_metadata)}
        if last.usage_metadata is not None:
            finish["usage"] = last.usage_metadata
        if additional:
            finish["additional_kwargs"] = additional
        return [*events, finish]
