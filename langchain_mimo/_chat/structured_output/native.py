"""Schemas that MiMo enforces itself: what is sent, and how failures are noticed.

MiMo v2.6 accepts `response_format` of type `json_schema` and constrains decoding by it, which no
page documents (docs/api-facts.md). Three things go wrong:

- A host refuses the format with a 400. The refusal is remembered for the process.
- `pattern` breaks decoding, so it is not sent and checked here instead.
- The response degenerates into white space until the token limit. Reading stops after
  `MAX_WHITESPACE` characters of it.

Every response is therefore validated, and one that fails is followed by a request in JSON mode with
the schema in the prompt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, NoReturn

from langchain_mimo._chat.structured_output.fences import parse_json
from langchain_mimo._chat.summary import Attempt
from langchain_mimo.errors import (
    MiMoContextOverflowError,
    MiMoInvalidRequestError,
    MiMoMediaRejectedError,
)

MAX_WHITESPACE = 1000
"""Characters of white space in a row after which a response counts as degenerate. Deeply indented
JSON has runs of some hundred; the defect has runs of a hundred thousand."""

_SCHEMA_MAPS = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose values are schemas by name: a property may be called "pattern"."""

_REFUSAL_WORDS = ("response_format", "json_schema", "invalid request parameters")

_refusing_endpoints: set[str] = set()


class NativeSchema:
    """A schema that the server is asked to enforce.

    Args:
        schema: The JSON schema as the caller wrote it.

    Attributes:
        sent: The schema as the server takes it.
    """

    __slots__ = ("_schema", "sent")

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self.sent = without_patterns(schema)

    def accepts(self, text: str) -> bool:
        """Return whether a response is JSON that satisfies the schema, `pattern` included."""
        try:
            value = parse_json(text)
        except (ValueError, RecursionError):
            return False
        check = _validator(json.dumps(self._schema))
        return check is None or check(value)


def accepts_native_schema(endpoint: str) -> bool:
    """Return whether an endpoint has not refused a native schema in this process."""
    return endpoint not in _refusing_endpoints


def remember_refusal(endpoint: str) -> None:
    """Send no native schemas to an endpoint any more, until the process ends."""
    _refusing_endpoints.add(endpoint)


def failure_of(
    attempt: Attempt, native: NativeSchema
) -> Literal["refused", "invalid", "whitespace"] | None:
    """Return why a native schema failed, or None.

    Args:
        attempt: The response, or the error.
        native: The schema that was sent.
    """
    if attempt.was_given_out:
        return None
    if attempt.is_padding:
        return "whitespace"
    if attempt.error is not None:
        return "refused" if _may_refuse_schema(attempt.error) else None
    is_final = attempt.finish_reason == "stop" and not (attempt.called or attempt.invalid)
    return "invalid" if is_final and not native.accepts(attempt.text) else None


def has_descriptions(schema: Any) -> bool:
    """Return whether a schema says more than a grammar can enforce, so that it must be prompted."""
    if isinstance(schema, Mapping):
        return "description" in schema or any(map(has_descriptions, schema.values()))
    return isinstance(schema, list) and any(map(has_descriptions, schema))


def without_patterns(schema: Any) -> Any:
    """Return a copy of a schema without the keyword `pattern`, at any depth."""
    if isinstance(schema, list):
        return [without_patterns(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: {name: without_patterns(each) for name, each in value.items()}
        if key in _SCHEMA_MAPS and isinstance(value, Mapping)
        else without_patterns(value)
        for key, value in schema.items()
        if key != "pattern"
    }


def _may_refuse_schema(error: Exception) -> bool:
    """Return whether an error may be about the schema.

    No body of such a refusal is recorded except "Invalid request parameters", so a bad request
    whose cause is not known counts too. One whose cause is known would fail again.
    """
    if not isinstance(error, MiMoInvalidRequestError) or isinstance(
        error, MiMoContextOverflowError | MiMoMediaRejectedError
    ):
        return False
    text = f"{error.message} {error.param or ''}".lower()
    return error.hint is None or any(words in text for words in _REFUSAL_WORDS)


@lru_cache(maxsize=64)
def _validator(schema: str) -> Callable[[Any], bool] | None:
    """Return the check of a schema; None for one that the library cannot read."""
    import jsonschema_rs  # noqa: PLC0415 - 8 ms that most programs need not spend

    try:
        validator = jsonschema_rs.validator_for(json.loads(schema), retriever=_refuse_download)
    except (ValueError, TypeError):
        return None
    return validator.is_valid


def _refuse_download(uri: str) -> NoReturn:
    msg = f"schemas are not downloaded: {uri}"
    raise ValueError(msg)
