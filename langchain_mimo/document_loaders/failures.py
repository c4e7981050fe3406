"""What a segment or file that cannot be described becomes: an error, nothing, or a Document."""

from __future__ import annotations

import logging
from typing import Literal, TypeAlias

from langchain_core import exceptions as core
from langchain_core.documents import Document

from langchain_mimo.document_loaders.documents import Described, Status, failure, reason_of
from langchain_mimo.document_loaders.requests import UNREADABLE, is_refusal
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoBalanceError,
    MiMoBudgetError,
    MiMoConfigurationError,
    MiMoContentFilterError,
    MiMoMediaRejectedError,
    MiMoQuotaError,
)

OnError: TypeAlias = Literal["raise", "skip", "document"]

logger = logging.getLogger("langchain_mimo")

CONCERN_THE_RUN = (
    MiMoConfigurationError,
    MiMoBudgetError,
    MiMoBalanceError,
    MiMoQuotaError,
    core.ModelAuthenticationError,
    core.ModelPermissionDeniedError,
    core.ModelNotFoundError,
)
"""Errors that every other segment would meet too; they are raised whatever `on_error` says."""

_REFUSED_STATUS = 421
_UNREADABLE_STATUS = 400


def handled(
    error: BaseException, described: Described, on_error: OnError, status: Status = "error"
) -> list[Document]:
    """Return the Documents of what failed.

    Args:
        error: Why it failed.
        described: The segment, or the file.
        on_error: "raise"; "skip", with a line in the log; or "document".
        status: "error" or "refused".

    Raises:
        BaseException: The error, with a note that names the segment, if `on_error` is "raise" or it
            concerns the whole run.
    """
    if on_error == "raise" or isinstance(error, CONCERN_THE_RUN):
        error.add_note(f"It concerns {described.name}.")
        raise error
    done = "skipped" if on_error == "skip" else f'a Document with the status "{status}"'
    logger.warning("%s: %s; %s", described.name, reason_of(error), done)
    return [] if on_error == "skip" else [failure(described, error, status)]


def status_of(error: BaseException) -> Status:
    """Return the status of a segment that failed with an error."""
    return "refused" if is_refusal(error) else "error"


def refusal(reason: str | None, described: Described) -> MiMoAPIError:
    """Return the error of a segment that moderation refused, or whose media MiMo cannot read.

    Args:
        reason: What the server said.
        described: The segment.
    """
    if reason is not None and reason.startswith(UNREADABLE):
        return MiMoMediaRejectedError(
            f"{described.name} was refused: {reason}",
            status_code=_UNREADABLE_STATUS,
            hint="Convert it with langchain_mimo.prepare, or use journal.retry_refused().",
        )
    return MiMoContentFilterError(
        f"{described.name} was refused: {reason or 'no reason was given'}",
        status_code=_REFUSED_STATUS,
        hint='Leave it out with on_error="skip", or keep a Document of it with "document".',
    )
