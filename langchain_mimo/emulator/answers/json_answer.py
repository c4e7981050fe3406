"""JSON answers: an object that fits the schema, the example or the keys in the prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from langchain_mimo.emulator.answers.media_values import about_media, describe_all, media_facts
from langchain_mimo.emulator.answers.pattern_values import complete_match
from langchain_mimo.emulator.answers.patterns import Steps
from langchain_mimo.emulator.answers.schema_values import value_for
from langchain_mimo.emulator.answers.tool_calls import MAX_EARLIER, Task
from langchain_mimo.emulator.answers.words import PromptValues, both_ends, json_facts
from langchain_mimo.emulator.conversation.json_schema import schema_fault
from langchain_mimo.emulator.conversation.request import Conversation
from langchain_mimo.emulator.encoding import dump

_CONTEXT_CHARACTERS = 150
"""Characters read on each side of the word JSON."""

_CUT = "\ue0c7"
"""Marks a string that a pattern cut; a character that no prompt contains."""

_CUT_STRING = re.compile(rf'"{_CUT}((?:[^"\\]|\\.)*)"')
_MAX_TRIES = 300
_SCHEMA_KEYS = frozenset({"properties", "$defs", "$ref", "anyOf", "allOf", "oneOf", "$schema"})
_WRAPPERS = ("schema", "parameters", "json_schema", "input_schema")
_KEYS = (
    re.compile(
        r"(?<!\w)((?:[\"'`“‘]?\w+[\"'`”’]?(?:\s*,\s*(?:and\s+)?|\s+and\s+)){0,40}[\"'`“‘]?\w+[\"'`”’]?)"
        r"\s+(?:keys?|fields?|properties|attributes)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:keys?|fields?|properties|attributes)\b(?:\s+(?:are|named|called))?\s*[:：]?\s*"
        r"((?:[\"'`“‘]?\w+[\"'`”’]?(?:\s*,\s*(?:and\s+)?|\s+and\s+)){0,40}[\"'`“‘]?\w+[\"'`”’]?)",
        re.IGNORECASE,
    ),
)
_QUOTED_KEY = re.compile(r"[\"'`“‘](\w+)[\"'`”’]")
_NO_KEYS = frozenset(
    re.findall(
        r"\w+",
        "a an and as exactly following in is json object only required result return the these "
        "three two with",
    )
)
_JSON_CLAUSE = re.compile(
    r"[,;]?\s*\b(?:(?:as|in|into|using|return\w*|respond\w*|reply|answer|give)\b[\w\s]*)?\bjson\b.*",
    re.IGNORECASE | re.DOTALL,
)
_JSON_REQUEST = re.compile(
    r"\b(?:respond|reply|answer|return|output|produce|give|write|format)\w*\b[^.\n]*\bjson\b"
    r"|\bjson\b[^.\n]*\b(?:only|respond|reply|answer|return|output|schema)\b",
    re.IGNORECASE,
)


def json_answer(conversation: Conversation, task: Task) -> str | None:
    """Return a JSON answer, or None if neither the request nor the prompt asks for JSON.

    A schema of the request constrains the answer. JSON mode gives an object that fits what the
    prompt describes; if the word JSON is not in the prompt, an object with a key of the model's
    own. Without both, the prompt must ask for JSON and contain a schema.
    """
    if conversation.json_schema is not None:
        offered = _offered_values(task)
        return _constrained(conversation.json_schema, offered, thinking=conversation.thinking)
    prompt = f"{conversation.system_text}\n{task.text}"
    if conversation.json_mode:
        full_text = "\n".join(
            turn.text for turn in conversation.turns if turn.role in {"system", "user"}
        )
        value = None
        if "json" in full_text.lower():
            offered = _offered_values(task)
            value = _value_for_prompt(prompt, offered)
            if value is None:
                value = _value_for_prompt(full_text, offered)
        return _dump({"answer": _without_json_instructions(task.text)} if value is None else value)
    if not _asks_for_json(prompt):
        return None
    schema = next(iter(schemas_in(prompt)), None)
    if schema is None:
        return None
    return _dump(value_for(schema, _offered_values(task)))


def _constrained(schema: Mapping[str, Any], offered: PromptValues, *, thinking: bool) -> str:
    """Return the answer under the grammar that MiMo makes of a schema.

    The grammar takes a `pattern` for the whole string, so an unanchored one cuts strings. With
    thinking on, such a string was seen to lose its end, which makes the answer invalid JSON.
    """
    steps = Steps()

    def shaped(text: str, pattern: str) -> str:
        matching = complete_match(text, pattern, steps)
        return text if matching == text else _CUT + matching

    answer = _dump(value_for(schema, offered, shaped))
    return _CUT_STRING.sub(r'"\1' if thinking else r'"\1"', answer)


def schemas_in(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON schemas in a text, without their wrappers."""
    for found in _objects_in(text):
        schema = _as_schema(found)
        if schema is not None and schema_fault(schema) is None:
            yield schema


def keys_in(text: str) -> list[str]:
    """Return the keys that a text names in words."""
    for sentence in re.split(r"(?<=[.?!])\s+|\n", both_ends(text)):
        if not re.search(r"\b(?:keys?|fields?|properties|attributes)\b", sentence, re.IGNORECASE):
            continue
        quoted = _QUOTED_KEY.findall(sentence)
        if quoted:
            return list(dict.fromkeys(quoted))
        for pattern in reversed(_KEYS):
            match = pattern.search(sentence)
            words = re.findall(r"\w+", match.group(1)) if match else []
            keys = [word for word in words if word.lower() not in _NO_KEYS]
            if keys:
                return list(dict.fromkeys(keys))
    return []


def _asks_for_json(text: str) -> bool:
    """Return whether the text around the word JSON asks for it."""
    contexts = (
        text[max(0, match.start() - _CONTEXT_CHARACTERS) : match.end() + _CONTEXT_CHARACTERS]
        for match in re.finditer("json", text, re.IGNORECASE)
    )
    return any(_JSON_REQUEST.search(context) for context in islice(contexts, _MAX_TRIES))


def _value_for_prompt(text: str, offered: PromptValues) -> Any:
    """Return a value for the first schema, example or list of keys in a text, or None."""
    schema = next(iter(schemas_in(text)), None)
    if schema is not None:
        return value_for(schema, offered)
    example = next((found for found in _objects_in(text) if found), None)
    if example is not None:
        return value_for(_schema_of(example), offered)
    keys = keys_in(text)
    if keys:
        return value_for(
            {"type": "object", "properties": {k: {} for k in keys}, "required": keys}, offered
        )
    return None


def _offered_values(task: Task) -> PromptValues:
    """Return the values to answer with: of the prompt, of tool results and of media."""
    offered = PromptValues.read(_without_json_instructions(task.text))
    offered.facts = json_facts(task.results)
    for text in (*task.results[: -MAX_EARLIER - 1 : -1], *task.earlier[:MAX_EARLIER]):
        if offered.has_values():
            break
        offered.fill_gaps(PromptValues.read(text))
    offered.descriptions = describe_all(task.media)
    if task.media:
        offered.facts = media_facts(task.media[0]) | offered.facts
        offered.about_media = partial(about_media, task.media)
        offered.tells_media = True
    return offered


def _without_json_instructions(text: str) -> str:
    """Remove JSON objects and sentences about JSON from a prompt."""
    for start, end in reversed(list(_object_spans(text))):
        text = text[:start] + text[end:]
    kept = [
        sentence
        for sentence in re.split(r"(?<=[.?!])\s+|\n+", text)
        if sentence.strip() and "json" not in sentence.lower()
    ]
    return " ".join(kept) or _JSON_CLAUSE.sub("", both_ends(text)).strip()


def _as_schema(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an object, or what it wraps, if it looks like a JSON schema, else None."""
    for name in _WRAPPERS:
        inner = value.get(name)
        if isinstance(inner, Mapping):
            found = _as_schema(inner)
            if found is not None:
                return found
    kind = value.get("type")
    if _SCHEMA_KEYS & value.keys() or (kind == "object" and len(value) > 1):
        return dict(value)
    return None


def _schema_of(example: Any) -> dict[str, Any]:
    """Return a schema that fits an example; its strings may name types ("string", "int")."""
    if isinstance(example, Mapping):
        return {
            "type": "object",
            "properties": {name: _schema_of(value) for name, value in example.items()},
            "required": list(example),
        }
    if isinstance(example, list):
        return {"type": "array", "items": _schema_of(example[0]) if example else {}}
    if isinstance(example, bool):
        return {"type": "boolean"}
    if isinstance(example, int):
        return {"type": "integer"}
    if isinstance(example, float):
        return {"type": "number"}
    names = {"int": "integer", "float": "number", "bool": "boolean", "number": "number"}
    named = re.match(r"\W*(int|float|bool|number)", str(example), re.IGNORECASE)
    return {"type": names[named.group(1).lower()] if named else "string"}


def _objects_in(text: str) -> Iterator[dict[str, Any]]:
    for start, end in _object_spans(text):
        yield json.loads(text[start:end])


def _object_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each JSON object in a text."""
    decoder = json.JSONDecoder()
    position = text.find("{")
    for _ in range(_MAX_TRIES):
        if position < 0:
            return
        try:
            _, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            position = text.find("{", position + 1)
            continue
        yield position, end
        position = text.find("{", end)


def _dump(value: Any) -> str:
    return dump(value).decode()
