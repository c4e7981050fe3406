"""Builds LangChain's content-block events (`stream_events(version="v3")`, LangGraph).

Core has a bridge from chunks to events. It costs eight times as much as the events themselves, and
it would parse the JSON string that keeps a cut call invalid (`tool_calls.FinishedCall.chunk_text`)
as arguments. ChatMiMo therefore builds the events itself: fragments of calls as they arrive, and
each finished call once it is complete. Both ways of streaming give the same message.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from langchain_core.messages import AIMessageChunk

# Private, but there is no public equivalent: adding two AIMessageChunks applies the same rules and
# builds and validates a whole message each time. Core's own rules are needed so that events and
# chunks give equal `additional_kwargs`. If core moves it, importing this module fails.
from langchain_core.utils._merge import merge_dicts

from langchain_mimo._wire.to_langchain.content_blocks import citations, refusals
from langchain_mimo.catalogue import PROVIDER

Event: TypeAlias = dict[str, Any]

_REASONING, _TEXT, _REFUSAL = "reasoning", "text", "refusal"
_DELTA_TYPES = {_REASONING: "reasoning-delta", _TEXT: "text-delta"}


class _RefusalBlock(dict[str, Any]):
    """A refusal block that core's assembler does not drop.

    The assembler (`ChatModelStream`, langchain-core 1.8.3) keeps blocks of the types that it lists,
    and "refusal" is not listed. It reads the type by `get`, and copies the block into the message.
    So `get` names a type that is kept as it is; everything else shows the refusal.
    """

    def get(self, key: str, default: Any = None) -> Any:
        return "non_standard" if key == "type" else super().get(key, default)


class EventWriter:
    """Builds the events of one response.

    Blocks are numbered in the order in which they start: one for the reasoning, one for the text,
    one for each call, and at the end one for a refusal. Feed it chunks or, which is faster, the
    pieces that a decoder has read.

    Args:
        message_id: The id of the run, for responses without an id.

    Attributes:
        started: Whether the `message-start` event has been returned.
    """

    __slots__ = (
        "_additional_kwargs", "_block_indices", "_message_id", "_pieces", "_raw_arguments",
        "started",
    )  # fmt: skip

    def __init__(self, message_id: str | None = None) -> None:
        self._message_id = message_id
        self.started = False
        # By "reasoning", "text", "refusal" or the call's index.
        self._block_indices: dict[str | int, int] = {}
        self._pieces: dict[str, list[str]] = {_REASONING: [], _TEXT: []}
        self._additional_kwargs: dict[str, Any] = {}
        # By call id, so that there is nothing to merge: that would copy those of all calls before.
        self._raw_arguments: dict[str, str] = {}

    def start_message(self, message_id: str | None, model: str | None) -> list[Event]:
        """Return the `message-start` event, or nothing if the message has started.

        Args:
            message_id: The response's id, or None.
            model: The model that the server names, or None.
        """
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
        """Add to the reasoning or the text; the first piece starts its block.

        Args:
            kind: "reasoning" or "text".
            piece: What to add.
        """
        self._pieces[kind].append(piece)
        delta = {"type": _DELTA_TYPES[kind], kind: piece}
        index = self._block_indices.get(kind)
        if index is not None:
            return [{"event": "content-block-delta", "index": index, "delta": delta}]
        start = self._start_block(kind, {"type": kind, kind: ""})
        return [start, {"event": "content-block-delta", "index": start["index"], "delta": delta}]

    def _start_block(self, key: str | int, content: Event) -> Event:
        index = self._block_indices[key] = len(self._block_indices)
        return {"event": "content-block-start", "index": index, "content": content}

    def _start_text(self) -> list[Event]:
        """Start the block of the text, even if there is none, unless it has started."""
        if _TEXT in self._block_indices:
            return []
        return [self._start_block(_TEXT, {"type": _TEXT, _TEXT: ""})]

    def write_call_delta(
        self, call: int, call_id: str | None, name: str | None, piece: str
    ) -> list[Event]:
        """Add to a call's arguments; the first fragment starts its block.

        Args:
            call: The call's index in the response.
            call_id: The call's id, or None while unknown.
            name: The tool's name.
            piece: What to add to the arguments; may be empty.
        """
        events: list[Event] = []
        if call not in self._block_indices:
            if self._additional_kwargs.get("annotations"):
                events += self._start_text()  # citations belong to the text, which precedes calls
            content = {"type": "tool_call_chunk", "id": call_id, "name": name, "args": ""}
            events.append(self._start_block(call, content | {"index": call}))
        if piece:
            delta = {"type": "tool-call-delta", "args": piece}
            index = self._block_indices[call]
            events.append({"event": "content-block-delta", "index": index, "delta": delta})
        return events

    def write_chunk(self, chunk: AIMessageChunk) -> list[Event]:
        """Return the events of a chunk; the last chunk completes the message."""
        additional = dict(chunk.additional_kwargs)
        events = self.start_message(chunk.id, chunk.response_metadata.get("model_name"))
        if reasoning := additional.pop("reasoning_content", None):
            events += self.write_delta(_REASONING, reasoning)
        if isinstance(chunk.content, str) and chunk.content:
            events += self.write_delta(_TEXT, chunk.content)
        self._raw_arguments.update(additional.pop("raw_arguments", {}))
        if additional:
            self._additional_kwargs = merge_dicts(self._additional_kwargs, additional)
        events += self._finish_calls(chunk)
        if chunk.chunk_position == "last":
            events += self._finish_message(chunk)
        return events

    def _finish_calls(self, chunk: AIMessageChunk) -> list[Event]:
        """Finish a chunk's calls: valid ones parsed, others with the text that messages keep."""
        if not chunk.tool_call_chunks:
            return []
        events: list[Event] = []
        valid = {call["id"]: call for call in chunk.tool_calls}
        for call in chunk.tool_call_chunks:
            key = call["index"] or 0
            if key not in self._block_indices:
                events += self.write_call_delta(key, call["id"], call["name"], call["args"] or "")
            content: Event
            if (parsed := valid.get(call["id"])) is not None:
                content = {"type": "tool_call", "id": call["id"], "name": call["name"]}
                content["args"] = parsed["args"]
            else:
                content = {"type": "invalid_tool_call", "id": call["id"], "name": call["name"]}
                content |= {"args": call["args"], "error": None}
            index = self._block_indices[key]
            events.append({"event": "content-block-finish", "index": index, "content": content})
        return events

    def _finish_message(self, last: AIMessageChunk) -> list[Event]:
        events: list[Event] = []
        additional = self._additional_kwargs
        for kind in (_REASONING, _TEXT):
            joined = "".join(self._pieces[kind])
            content: Event = {"type": kind, kind: joined}
            if kind == _TEXT and additional.get("annotations"):
                events += self._start_text()
                content["annotations"] = citations(additional["annotations"])
            if kind == _REASONING and joined:
                additional = {"reasoning_content": joined, **additional}
            if kind in self._block_indices:
                index = self._block_indices[kind]
                event = {"event": "content-block-finish", "index": index, "content": content}
                events.append(event)
        for refusal in refusals(last.response_metadata):
            start = self._start_block(_REFUSAL, {"type": _REFUSAL, _REFUSAL: ""})
            end: Event = {"event": "content-block-finish", "index": start["index"]}
            events += [start, {**end, "content": _RefusalBlock(refusal)}]
        if self._raw_arguments:
            additional = {**additional, "raw_arguments": self._raw_arguments}
        finish: Event = {"event": "message-finish", "metadata": dict(last.response_metadata)}
        if last.usage_metadata is not None:
            finish["usage"] = last.usage_metadata
        if additional:
            finish["additional_kwargs"] = additional
        return [*events, finish]
