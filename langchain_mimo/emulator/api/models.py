"""Which models serve on the day the emulator pretends, and what each refuses."""

from __future__ import annotations

from datetime import date, datetime, time

from langchain_mimo.catalogue import BEIJING, MODELS, Model, find
from langchain_mimo.emulator.api.fields import Location, string
from langchain_mimo.emulator.refusals import param_incorrect


def simulated_time(day: date | str | None) -> datetime:
    """Return the moment that `as_of` names: now for None, else the day's beginning in Beijing.

    Args:
        day: A date, a datetime (kept; Beijing's zone when it has none), or ISO text such as
            `2026-04-22`.

    Raises:
        ValueError: The text is no ISO date.
    """
    if day is None:
        return datetime.now(BEIJING)
    if isinstance(day, str):
        day = datetime.fromisoformat(day)
    if not isinstance(day, datetime):
        day = datetime.combine(day, time.min)
    return day if day.tzinfo else day.replace(tzinfo=BEIJING)


def available_models(moment: datetime) -> list[Model]:
    """Return the models that serve at `moment`: released, not yet ended, and conversational.

    Speech and transcription models are left out: the emulator does not play them.
    """
    return [model for model in MODELS.values() if _serves(model, moment)]


def find_model(model_id: object, moment: datetime, location: Location = ("model",)) -> Model:
    """Return the model asked for, or refuse: unknown, not lower case, retired, not yet released."""
    name = string(model_id, location)
    model = find(name)
    if model is None or not _serves(model, moment):
        raise param_incorrect(f"Not supported model {name}")
    return model


def _serves(model: Model, moment: datetime) -> bool:
    begun = model.released is None or model.released <= moment.astimezone(BEIJING).date()
    return model.conversational and begun and not model.ended_by(moment)
