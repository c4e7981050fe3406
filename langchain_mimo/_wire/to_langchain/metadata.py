"""Text, annotations and `response_metadata` of a response, the same for both API formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_mimo._json import dump_json, join_surrogates
from langchain_mimo._wire.json_values import count, items, plain, word
from langchain_mimo._wire.to_langchain.tool_calls import FinishedCall
from langchain_mimo.catalogue import PROVIDER

_ANNOTATION_KEYS = ("type", "url", "title", "summary", "site_name", "publish_time", "logo_url")


STOCK_REFUSAL = "The request was rejected because it was considered high risk"
"""What MiMo's moderation sends as the content of a response with finish_reason content_filter
(docs/api-facts.md). It is never shown as the answer."""


def read_text(value: object) -> str:
    """Return a string of the response with its surrogates repaired; "" for null and other types."""
    return join_surrogates(value) if isinstance(value, str) else ""


def read_annotations(message: Mapping[str, Any]) -> list[dict[str, str | int | float]]:
    """Return web search annotations, reduced to known keys with strings and numbers.

    Annotations contain text from arbitrary web pages. Copying nothing else keeps out a dict with
    an "lc" key, which a later `langchain_core.load.loads` would turn into an object.
    """
    return [
        {
            key: value
            for key in _ANNOTATION_KEYS
            if (value := plain(annotation.get(key))) is not None
        }
        for annotation in items(message.get("annotations"), "annotations")
        if isinstance(annotation, Mapping)
    ]


def build_response_metadata(
    *,
    response_id: str | None,
    model: str | None,
    finish_reason: str | None,
    usage: object,
    fingerprint: object = None,
    error_message: object = None,
) -> dict[str, Any]:
    """Build `response_metadata`, the same for complete and streamed responses.

    Args:
        response_id: The server's id of the response.
        model: The model that the server names.
        finish_reason: Why the response ended, in the OpenAI format's terms.
        usage: The `usage` object, for counts of web searches.
        fingerprint: The server's `system_fingerprint`.
        error_message: MiMo's `error_message` in the message.

    Returns:
        The metadata; keys whose value is missing are left out.
    """
    metadata: dict[str, Any] = {"model_provider": PROVIDER}
    if model is not None:
        metadata["model_name"] = model
    if finish_reason is not None:
        metadata["finish_reason"] = finish_reason
    if response_id is not None:
        metadata["id"] = response_id
    if fingerprint is not None and (known := word(fingerprint)):
        metadata["system_fingerprint"] = known
    if error_message is not None and (said := word(error_message)):
        metadata["error_message"] = said
    if isinstance(usage, Mapping):
        web_search = usage.get("web_search_usage")
        if isinstance(web_search, Mapping):
            metadata["web_search_usage"] = {
                key: value
                for key in ("tool_usage", "page_usage")
                if (value := count(web_search.get(key))) is not None
            }
    return metadata


def raw_arguments(calls: Sequence[FinishedCall]) -> dict[str, str]:
    """Return, by call id, the argument texts that re-encoding would not reproduce.

    `from_langchain` writes a valid call's arguments with `dump_json`. Where the model wrote them
    differently, its own text is kept: the next request then repeats it byte for byte, and the
    server's prefix cache keeps matching. So it is where nested JSON texts were decoded.
    """
    return {
        call.id: call.raw
        for call in calls
        if call.args is not None and dump_json(call.args) != call.raw
    }
