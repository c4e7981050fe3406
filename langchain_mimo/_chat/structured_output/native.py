"""Schemas that MiMo enforces itself: what is sent, and how failures are noticed.

MiMo v2.6 accepts `response_format` of type `json_schema` and constrains decoding by it, which no
page documents (docs/api-facts.md). Three things go wrong:

- A server refuses the format with a 400. Refusals are remembered for the process.
- `pattern` breaks decoding, so it is not sent and checked here instead.
- The response degenerates into white space until the token limit. Reading stops after
  `MAX_WHITESPACE` characters of it.

Every response is therefore validated, and one that fails is followed by a request in JSON mode with
the schema in the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from langchain_mimo._chat.structured_output.fences import parse_json
from langchain_mimo._chat.structured_output.validation import first_mismatch
from langchain_mimo._chat.summary import Attempt
from langchain_mimo._wire.json_schemas import map_subschemas
from langchain_mimo._wire.nested_json import decode_nested
from langchain_mimo.errors import (
    MiMoContextOverflowError,
    MiMoError,
    MiMoInvalidRequestError,
    MiMoMediaRejectedError,
)

MAX_WHITESPACE = 1000
"""Characters of white space in a row after which a response counts as degenerate. Deeply indented
JSON has runs of some hundred; the defect has runs of a hundred thousand."""

_REFUSAL_WORDS = ("response_format", "json_schema", "invalid request parameters")

MAX_REFUSALS = 2
"""Refusals in a row after which an endpoint gets no native schema until the process ends."""

_refusals: dict[str, int] = {}
"""By endpoint."""


class ClassSchema(dict[str, Any]):
    """The JSON schema of a pydantic class, which may take answers that its schema does not.

    Args:
        schema: The JSON schema.
        build: Creates an instance of a value; raises ValueError or TypeError if it does not fit.
    """

    def __init__(self, schema: Mapping[str, Any], build: Callable[[Any], Any]) -> None:
        super().__init__(schema)
        self.build = build


class NativeSchema:
    """A schema that the server is asked to enforce.

    Args:
        schema: The JSON schema as the caller wrote it; if it is a `ClassSchema`, what its class
            takes is accepted too, since another request would be billed for the same object.

    Attributes:
        sent: The schema as the server takes it.
    """

    __slots__ = ("_schema", "sent")

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self.sent = without_patterns(schema)

    def accepts(self, text: str) -> bool:
        """Return whether a response is JSON that satisfies the schema, `pattern` included.

        What the pydantic class takes is accepted too.
        """
        try:
            value = parse_json(text)
        except (ValueError, RecursionError):
            return False
        if first_mismatch(self._schema, decode_nested(value, self._schema)) is None:
            return True
        if not isinstance(self._schema, ClassSchema):
            return False
        try:
            self._schema.build(value)
        except (ValueError, TypeError):
            return False
        return True


def accepts_native_schema(endpoint: str) -> bool:
    """Return whether an endpoint has not refused native schemas in this process."""
    return _refusals.get(endpoint, 0) < MAX_REFUSALS


def remember_refusal(endpoint: str, error: MiMoError | None) -> None:
    """Remember that an endpoint refused a schema and took the same request without it.

    Args:
        endpoint: The URL.
        error: The refusal. One that names the format counts at once; any other only the second
            time in a row, since MiMo rejects valid requests now and then.
    """
    is_clear = error is not None and _names_format(error)
    _refusals[endpoint] = MAX_REFUSALS if is_clear else _refusals.get(endpoint, 0) + 1


def remember_success(endpoint: str) -> None:
    """Remember that an endpoint took a schema."""
    _refusals.pop(endpoint, None)


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


def without_patterns(schema: Mapping[str, Any], _keyword: str = "") -> dict[str, Any]:
    """Return a copy of a schema without the keyword `pattern`, at any depth."""
    result = map_subschemas(schema, without_patterns)
    result.pop("pattern", None)
    return result


def _may_refuse_schema(error: Exception) -> bool:
    """Return whether an error may be about the schema.

    No body of such a refusal is recorded except "Invalid request parameters", so a bad request
    whose cause is not known counts too. One whose cause is known would fail again.
    """
    if not isinstance(error, MiMoInvalidRequestError) or isinstance(
        error, MiMoContextOverflowError | MiMoMediaRejectedError
    ):
        return False
    return error.hint is None or _names_format(error)


def _names_format(error: Exception) -> bool:
    text = f"{getattr(error, 'message', '')} {getattr(error, 'param', '') or ''}".lower()
    return any(words in text for words in _REFUSAL_WORDS)
