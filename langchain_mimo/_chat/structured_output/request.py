"""Decides how a request asks for JSON: by a parameter, by an instruction, or by both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from langchain_mimo._chat.structured_output.fences import parse_json
from langchain_mimo._chat.structured_output.native import (
    ClassSchema,
    NativeSchema,
    has_descriptions,
)
from langchain_mimo._chat.structured_output.schema import AnswerSchema, refuse_any_answer
from langchain_mimo._chat.summary import Attempt
from langchain_mimo._wire.bound_tools import wire_name
from langchain_mimo._wire.json_schemas import with_tags
from langchain_mimo._wire.turns import SystemTurn, TextPart, Turn, UserTurn


@dataclass(frozen=True, slots=True)
class FormatPlan:
    """How a response format is carried out.

    Attributes:
        response_format: The `response_format` to send, or None to leave it out.
        instruction: A system turn to append to the conversation, or None.
        native: The schema that MiMo is asked to enforce, or None.
        fallback: The plan for the next attempt when `native` fails, or None.
        answer: The pydantic class that the caller passed, for `additional_kwargs["parsed"]`; or
            None.
    """

    response_format: dict[str, Any] | None = None
    instruction: SystemTurn | None = None
    native: NativeSchema | None = None
    fallback: FormatPlan | None = None
    answer: AnswerSchema | None = None


def plan_response_format(
    response_format: Any,
    turns: Sequence[Turn],
    *,
    server: Literal["json_schema", "json_object", "nothing"] = "json_object",
    native: bool = False,
    has_tools: bool = False,
) -> FormatPlan:
    """Decide which `response_format` a request states, and which instruction it adds.

    Args:
        response_format: None; `{"type": "text"}`; `{"type": "json_object"}`, with an optional
            "schema" that is then stated in the prompt; `{"type": "json_schema", "json_schema":
            {"name", "schema", "strict"}}`, as `create_agent`'s ProviderStrategy binds it; or a
            pydantic class, a TypedDict, a plain JSON schema or one as in "json_schema" there.
        turns: The conversation.
        server: What the server enforces: MiMo's chat completions "json_object", vLLM and SGLang
            "json_schema", the Anthropic format "nothing" (only the prompt can ask).
        native: Whether to ask a "json_object" server for a schema all the same: MiMo enforces one
            on some models, without promising it.
        has_tools: Whether the request has tools. The instruction then allows calls before the final
            answer.

    Returns:
        The plan. Where the server does not enforce a schema, a system turn at the end of the
        conversation states it, so everything before stays a prefix that MiMo's cache can serve.
        Without a schema such a turn is added when no system or user turn says "JSON", which MiMo
        requires, and in the Anthropic format, which has no JSON mode.

    Raises:
        MiMoConfigurationError: The response format is none of these.
    """
    if response_format is None:
        return FormatPlan()
    if isinstance(response_format, type):
        answer = AnswerSchema(response_format)
        plan = plan_response_format(
            answer.bound_format("json_schema", None),
            turns,
            server=server,
            native=native,
            has_tools=has_tools,
        )
        return replace(plan, answer=answer if answer.is_pydantic else None)
    wanted = _normalise(response_format)
    if server == "json_schema":
        return FormatPlan(_enforced(wanted))
    if wanted["type"] == "text":
        return FormatPlan(None if server == "nothing" else wanted)
    instruction = None
    schema = wanted.get("json_schema", wanted).get("schema")
    if schema is not None or server == "nothing" or not _mentions_json(turns):
        instruction = SystemTurn(_instruction(schema, has_tools=has_tools))
    if server == "nothing":
        return FormatPlan(None, instruction)
    prompted = FormatPlan({"type": "json_object"}, instruction)
    return _native_plan(wanted, prompted) if native and "json_schema" in wanted else prompted


def parsed_answer(answer: AnswerSchema, attempt: Attempt) -> dict[str, Any]:
    """Return the entry for `additional_kwargs`: the final answer as an instance of the class.

    Args:
        answer: The class.
        attempt: The response.

    Returns:
        `{"parsed": ...}`, or {} where the response is no final answer or does not fit.
    """
    if attempt.finish_reason != "stop" or attempt.called or attempt.invalid:
        return {}
    try:
        return {"parsed": answer.build(parse_json(attempt.text))}
    except (ValueError, TypeError, RecursionError):
        return {}


def _native_plan(wanted: dict[str, Any], prompted: FormatPlan) -> FormatPlan:
    """Ask the server for the schema, and fall back to the prompt.

    A grammar enforces names and types and carries no descriptions. A schema that has some is
    therefore in the prompt too.
    """
    named = wanted["json_schema"]
    native = NativeSchema(named["schema"])
    return FormatPlan(
        {"type": "json_schema", "json_schema": {**named, "schema": native.sent}},
        prompted.instruction if has_descriptions(native.sent) else None,
        native,
        prompted,
    )


def _enforced(wanted: dict[str, Any]) -> dict[str, Any]:
    """Turn a schema beside "json_object" into one that the server enforces."""
    if "schema" not in wanted:
        return wanted
    schema = wanted["schema"]
    return {
        "type": "json_schema",
        "json_schema": {"name": wire_name(str(schema.get("title", "answer"))), "schema": schema},
    }


def _normalise(response_format: Any) -> dict[str, Any]:
    """Return one of OpenAI's three formats, or "json_object" with our "schema" beside it."""
    if isinstance(response_format, Mapping):
        kind = response_format.get("type")
        schema = response_format.get("json_schema")
        if kind in ("text", "json_object"):
            return dict(response_format)
        if kind == "json_schema" and isinstance(schema, Mapping) and "schema" in schema:
            # LangChain names it after a class, such as `Box[int]`.
            name = wire_name(str(schema.get("name", "answer")))
            inner = schema["schema"]
            refuse_any_answer(inner)
            tagged = with_tags(inner)
            if isinstance(inner, ClassSchema):
                tagged = ClassSchema(tagged, inner.build)
            named = {**schema, "name": name, "schema": tagged}
            return {**response_format, "json_schema": named}
        response_format = dict(response_format)
    return AnswerSchema(response_format).bound_format("json_schema", None)


def _instruction(schema: Any, *, has_tools: bool) -> str:
    sentences = ["When you give your final answer, give one JSON object and nothing else."]
    if has_tools:
        sentences.append("Until then you may call tools.")
    if schema is not None:
        text = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        sentences.append(f"The object must fit this JSON schema:\n{text}")
    return " ".join(sentences)


def _mentions_json(turns: Sequence[Turn]) -> bool:
    """Return whether a system or user turn says "JSON", as MiMo requires for JSON mode."""
    for turn in turns:
        texts: Sequence[str] = ()
        if isinstance(turn, SystemTurn):
            texts = (turn.text,)
        elif isinstance(turn, UserTurn):
            content = turn.content
            texts = (
                (content,)
                if isinstance(content, str)
                else [part.text for part in content if isinstance(part, TextPart)]
            )
        if any("json" in text.lower() for text in texts):
            return True
    return False
