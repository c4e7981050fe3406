"""Which models are available at the simulated time."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from langchain_mimo.catalogue import BEIJING, MODELS, Model, find
from langchain_mimo.emulator.api.fields import string
from langchain_mimo.emulator.refusals import unsupported_model

_MISSING_ID = "unknown-model"
"""What MiMo's error names when a request has no model."""


def simulated_time(as_of: date | str | None) -> datetime:
    """Return the time that `as_of` stands for.

    Args:
        as_of: A date or an ISO string such as `2026-04-22`, for the start of that day in Beijing;
            a datetime, which is in Beijing's time zone if it has none; None for now.

    Raises:
        ValueError: The string is not an ISO date.
    """
    if as_of is None:
        return datetime.now(BEIJING)
    if isinstance(as_of, str):
        as_of = datetime.fromisoformat(as_of)
    if not isinstance(as_of, datetime):
        as_of = datetime.combine(as_of, time.min)
    return as_of if as_of.tzinfo else as_of.replace(tzinfo=BEIJING)


def available_models(now: datetime) -> list[Model]:
    """Return the models that are released and not yet retired at `now`, sorted by id.

    Speech and transcription models are among them, as in MiMo's list.
    """
    available = [model for model in MODELS.values() if _is_available(model, now)]
    return sorted(available, key=lambda model: model.id)


def model_list(now: datetime) -> dict[str, Any]:
    """Return the body of `GET /v1/models`."""
    entries = [
        {"id": model.id, "object": "model", "owned_by": "xiaomi"} for model in available_models(now)
    ]
    return {"object": "list", "data": entries}


def find_model(model_id: object, now: datetime) -> Model:
    """Return the requested model; None stands for a request without one.

    Raises:
        Refusal: The id is unknown or not in lower case, or the model is not available at `now`.
    """
    name = _MISSING_ID if model_id is None else string(model_id, ("model",))
    model = find(name)
    if model is None or not _is_available(model, now):
        raise unsupported_model(name)
    return model


def _is_available(model: Model, now: datetime) -> bool:
    released = model.released is None or model.released <= now.astimezone(BEIJING).date()
    return released and not model.ended_by(now)
