"""The arguments of MiMoMediaParser: checks, and what becomes of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_function
from pydantic import BaseModel

from langchain_mimo._checks import shown
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.document_loaders.journal import MediaJournal
from langchain_mimo.document_loaders.plans import MediaPlan, PlanOptions
from langchain_mimo.document_loaders.prompts import MODALITIES
from langchain_mimo.document_loaders.schemas import MediaDescription, MediaOverview, check_schema
from langchain_mimo.document_loaders.segments import plan_media
from langchain_mimo.document_loaders.transcripts import TranscriptSource
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError
from langchain_mimo.media import MediaInfo
from langchain_mimo.tokens import MESSAGE_MARKS, text_tokens

_STATEMENT = (
    "When you give your final answer, give one JSON object and nothing else. The object must fit "
    "this JSON schema:"
)
"""What stands in front of a schema that a prompt states; only its length counts."""


def check_options(options: Any, llm: BaseChatModel) -> PlanOptions:
    """Return the options of the plan, if they are those of `plan_media` and in range.

    Args:
        options: As given, or None.
        llm: The model; its own `fps` and `media_resolution`, if set, are the defaults.
    """
    if not isinstance(options, Mapping | None):
        raise MiMoConfigurationError(
            f"plan must be a dict of arguments of plan_media, got {shown(options)}"
        )
    given: dict[str, Any] = {}
    if isinstance(llm, ChatMiMo):
        own = {"fps": llm.fps, "media_resolution": llm.media_resolution}
        given |= {name: value for name, value in own.items() if value is not None}
    given |= options or {}
    sample = MediaInfo("image", "PNG", "image/png", None, 100, width=32, height=32)
    try:
        plan_media(sample, **{name: value for name, value in given.items() if name != "hints"})
    except MiMoInputError as error:
        raise MiMoConfigurationError(f"plan: {error}") from None
    return cast("PlanOptions", given)


def schemas_of(schema: Any, *, scenes: bool) -> dict[str, type[BaseModel]]:
    """Return the schema by modality; images have no scenes."""
    if schema is not None:
        if not scenes:
            raise MiMoConfigurationError(
                "scenes=False is for the default schema; leave it out, and pass a schema that "
                "has no list of scenes"
            )
        return dict.fromkeys(MODALITIES, check_schema(schema))
    timed = MediaDescription if scenes else MediaOverview
    return {"image": MediaOverview, "video": timed, "audio": timed}


def check_transcript(transcript: Any) -> TranscriptSource | None:
    """Return where transcripts come from, if it is "sidecar", a function or None."""
    if transcript is None or transcript == "sidecar" or callable(transcript):
        return transcript  # type: ignore[no-any-return]
    raise MiMoConfigurationError(
        "transcript must be a function of the blob, 'sidecar' or None, got "
        f"{shown(transcript)}; for one file, pass lambda blob: cues"
    )


def check_language(language: Any) -> str | None:
    """Return the language to write in, if it is a name or None."""
    if language is None or (isinstance(language, str) and language.strip()):
        return language
    raise MiMoConfigurationError(
        f"language must be a string that is not empty, got {shown(language)}"
    )


def journal_of(journal: Any) -> MediaJournal | None:
    """Return the journal, opened if its path is given."""
    if journal is None or isinstance(journal, MediaJournal):
        return journal
    if isinstance(journal, str | os.PathLike):
        return MediaJournal(journal)
    raise MiMoConfigurationError(f"journal must be a MediaJournal or a path, got {shown(journal)}")


def runnables_of(
    llm: BaseChatModel, schemas: Iterable[type[BaseModel]]
) -> dict[type[BaseModel], Runnable[Any, Any]]:
    """Return the model with each schema.

    Args:
        llm: The model. If it has no method "json_schema", its own default is used.
        schemas: The schemas.

    Raises:
        MiMoConfigurationError: It has no structured output.
    """
    return {schema: _runnable(llm, schema) for schema in schemas}


def _runnable(llm: BaseChatModel, schema: type[BaseModel]) -> Runnable[Any, Any]:
    try:
        return llm.with_structured_output(schema, method="json_schema", include_raw=True)
    except NotImplementedError:
        raise MiMoConfigurationError(
            f"{type(llm).__name__} has no structured output; use a chat model that has it"
        ) from None
    except (TypeError, ValueError):
        if isinstance(llm, ChatMiMo):
            raise
        return llm.with_structured_output(schema, include_raw=True)


def schema_tokens(schema: type[BaseModel]) -> int:
    """Estimate the tokens by which a prompt states a schema, with the marks of two messages.

    Args:
        schema: The schema.
    """
    function = convert_to_openai_function(schema)
    named = {"title": function["name"], "description": function.get("description", "")}
    stated = json.dumps(named | function["parameters"], separators=(",", ":"), ensure_ascii=False)
    return text_tokens(_STATEMENT + stated) + 2 * MESSAGE_MARKS


def check_allowed(plan: MediaPlan, llm: BaseChatModel) -> None:
    """Check that the model may open the file, if it is sent by reference.

    Raises:
        MiMoConfigurationError: It may not.
    """
    if not isinstance(llm, ChatMiMo) or isinstance(plan.location, bytes) or plan.is_remote:
        return
    if all(segment.preparation is not None for segment in plan.segments):
        return
    path = Path(os.path.realpath(plan.location))
    allowed = llm.allowed_media_dirs
    if not any(path.is_relative_to(folder) for folder in allowed):  # type: ignore[union-attr]
        raise MiMoConfigurationError(
            f"{plan.name} cannot be sent, since ChatMiMo opens no files of its folder; pass "
            f"allowed_media_dirs=[{str(path.parent)!r}] to ChatMiMo"
        )
