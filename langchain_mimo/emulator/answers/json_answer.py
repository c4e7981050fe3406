"""JSON answers: an object that fits the schema, the example or the keys that a prompt gives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

from langchain_mimo.emulator.answers.schema_values import value_for
from langchain_mimo.emulator.answers.tool_calls import Question
from langchain_mimo.emulator.answers.words import Material, facts_of, readable
from langchain_mimo.emulator.conversation.request import Conversation

_AROUND = 150
_MAX_TRIES = 300
_SCHEMA_KEYS = frozenset({"properties", "$defs", "$ref", "anyOf", "allOf", "oneOf", "$schema"})
_WRAPPERS = ("schema", "parameters", "json_schema", "input_schema")
_KEYS = (
    re.compile(
        r"((?:[\"'`“‘]?\w+[\"'`”’]?(?:\s*,\s*(?:and\s+)?|\s+and\s+))*[\"'`“‘]?\w+[\"'`”’]?)"
        r"\s+(?:keys?|fields?|properties|attributes)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:keys?|fields?|properties|attributes)\b(?:\s+(?:are|named|called))?\s*[:：]?\s*"
        r"((?:[\"'`“‘]?\w+[\"'`”’]?(?:\s*,\s*(?:and\s+)?|\s+and\s+))*[\"'`“‘]?\w+[\"'`”’]?)",
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
_DEMAND = re.compile(
    r"\b(?:respond|reply|answer|return|output|produce|give|write|format)\w*\b[^.\n]*\bjson\b"
    r"|\bjson\b[^.\n]*\b(?:only|respond|reply|answer|return|output|schema)\b",
    re.IGNORECASE,
)


def json_answer(conversation: Conversation, question: Question) -> str | None:
    """Return a JSON answer, or None when the prompt does not ask for JSON.

    In JSON mode the word JSON in the prompt is enough (without it MiMo does not write JSON either);
    outside it, the prompt must ask for JSON and show a schema.
    """
    prompt = f"{conversation.system_text}\n{question.text}"
    if conversation.json_mode:
        everything = "\n".join(
            turn.text for turn in conversation.turns if turn.role in {"system", "user"}
        )
        if "json" not in everything.lower():
            return None
        value = _value(prompt, question)
        if value is None:
            value = _value(everything, question)
        return _dumps({"answer": _topic(question.text)} if value is None else value)
    if not _demands_json(prompt):
        return None
    schema = next(iter(schemas_in(prompt)), None)
    return None if schema is None else _dumps(value_for(schema, _material(question)))


def schemas_in(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON schemas that stand in a text, taken out of their wrappers."""
    for found in _objects_in(text):
        schema = _as_schema(found)
        if schema is not None:
            yield schema


def keys_in(text: str) -> list[str]:
    """Return the keys that a text asks for in words."""
    for sentence in re.split(r"(?<=[.?!])\s+|\n", readable(text)):
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


def _demands_json(text: str) -> bool:
    """Whether a text asks for JSON, in the words around that word."""
    around = (
        text[max(0, match.start() - _AROUND) : match.end() + _AROUND]
        for match in re.finditer("json", text, re.IGNORECASE)
    )
    return any(_DEMAND.search(words) for words in islice(around, _MAX_TRIES))


def _value(text: str, question: Question) -> Any:
    schema = next(iter(schemas_in(text)), None)
    material = _material(question)
    if schema is not None:
        return value_for(schema, material)
    example = next((found for found in _objects_in(text) if found), None)
    if example is not None:
        return value_for(_schema_of(example), material)
    keys = keys_in(text)
    if keys:
        return value_for(
            {"type": "object", "properties": {k: {} for k in keys}, "required": keys}, material
        )
    return None


def _material(question: Question) -> Material:
    material = Material.of(_topic(question.text))
    material.facts = facts_of(question.results)
    for text in (*reversed(question.results), *question.earlier):
        if material.has_values():
            break
        material.fall_back_on(Material.of(text))
    return material


def _topic(text: str) -> str:
    """Return a question without its sentences about JSON and without JSON objects."""
    for found in reversed(list(_spans(text))):
        text = text[: found[0]] + text[found[1] :]
    kept = [
        sentence
        for sentence in re.split(r"(?<=[.?!])\s+|\n+", text)
        if sentence.strip() and "json" not in sentence.lower()
    ]
    return " ".join(kept) or _JSON_CLAUSE.sub("", text).strip()


def _as_schema(value: Mapping[str, Any]) -> dict[str, Any] | None:
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
    """Return a schema that an example fits; its strings may name types ("string", "int")."""
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
    for start, end in _spans(text):
        yield json.loads(text[start:end])


def _spans(text: str) -> Iterator[tuple[int, int]]:
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


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()
