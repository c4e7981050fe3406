"""Text, annotations and `response_metadata` of a response, the same for both API formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_mimo._json import dump_json, join_surrogates
from langchain_mimo._wire.to_langchain.tool_calls import (
    FinishedCall,
)
from langchain_mimo.catalogue import PROVIDER

_ANNOTATION_KEYS = ("type", "url", "title", "summary", "site_name", "publish_time", "logo_url")


def text_of(value: object) -> str:
    """Return a string from the wire, whole; null and anything else are ""."""
    return join_surrogates(value) if isinstance(value, str) else ""


def annotations_of(message: Mapping[str, Any]) -> list[dict[str, str | int | float]]:
    """Return web search annotations: known keys, strings and numbers only.

    What a page's author wrote lands here, so nothing else is copied: a dict with an "lc" key would
    otherwise come alive in a later `loads`.
    """
    annotations = message.get("annotations")
    if not isinstance(annotations, list):
        return []
    return [
        {
            key: join_surrogates(value) if isinstance(value, str) else value
            for key in _ANNOTATION_KEYS
            if isinstance(value := annotation.get(key), str | int | float)
        }
        for annotation in annotations
        if isinstance(annotation, Mapping)
    ]


def answer_metadata(
    *,
    answer_id: str | None,
    model: str | None,
    finish_reason: str | None,
    usage: Mapping[str, Any] | None,
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """Build `response_metadata`, the same for whole answers and streams."""
    metadata: dict[str, Any] = {"model_provider": PROVIDER}
    if model is not None:
        metadata["model_name"] = model
    if finish_reason is not None:
        metadata["finish_reason"] = finish_reason
    if answer_id is not None:
        metadata["id"] = answer_id
    for key in ("system_fingerprint", "error_message"):
        if isinstance(value := extra.get(key), str):
            metadata[key] = value
    if isinstance(usage, Mapping):
        web = usage.get("web_search_usage")
        if isinstance(web, Mapping):
            metadata["web_search_usage"] = {
                key: value
                for key in ("tool_usage", "page_usage")
                if isinstance(value := web.get(key), int)
            }
    return metadata


def raw_arguments(calls: Sequence[FinishedCall]) -> dict[str, str]:
    """Return the argument texts that parsing would not give back, by call id.

    `history` writes a valid call's arguments with `json.dumps`; where the model wrote them
    otherwise, its own text is kept, so that the next request repeats it to the letter and the
    server's prefix cache goes on hitting.
    """
    return {
        call.id: call.text
        for call in calls
        if call.args is not None and dump_json(call.args) != call.text
    }
