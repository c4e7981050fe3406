"""The sentences of errors that are put together from several values."""

from __future__ import annotations

from collections.abc import Iterable

_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")


def joined(text: str, sentence: str) -> str:
    """Return a text and a sentence that follows it; "" adds nothing."""
    if not sentence:
        return text
    return f"{text}{'' if text.endswith(_SENTENCE_ENDS) else '.'} {sentence}"


def with_partial(text: str, partial: object) -> str:
    """Return an error's text with the place of what had arrived, if there is any."""
    is_told = partial is None or "partial_message" in text
    return joined(text, "" if is_told else "What had arrived is in partial_message.")


def timeout_text(
    limit: str,
    seconds: float,
    host: str,
    progress: str,
    *,
    held_back: float | None,
    in_line: bool,
) -> str:
    """Return the text of a time limit that expired.

    Args:
        limit: The field of `MiMoTimeouts`.
        seconds: Its value.
        host: Where no response came from; "" if unknown.
        progress: What had arrived, such as "3 events (120 bytes)".
        held_back: Seconds left of a pause that is longer than the limit; None for another cause.
        in_line: Whether it expired while waiting for a budget.
    """
    source = f" from {host}" if host else ""
    remedy = f"change it with timeout=MiMoTimeouts({limit}=...)"
    if held_back is not None:
        text = (
            f"is shorter than the remaining wait of {held_back:.1f} s after an earlier 429"
            f"{source}, which applies to all callers with this key; nothing was sent; {remedy}"
        )
    elif in_line:
        text = f"expired while waiting for the call budget; nothing was sent; {remedy}"
    elif limit == "connect":
        text = f"expired while connecting to {host}; check the network, or {remedy}"
    else:
        text = f"expired while waiting for a response{source}, after {progress}; {remedy}"
    return f"time limit {limit!r} of {seconds:g} s {text}"


def no_time_text(total: float, pause: float | None) -> str:
    """Return what to do when `total` leaves no time for another attempt.

    Args:
        total: The limit in seconds.
        pause: Seconds to wait before that attempt; None if nobody knows.
    """
    wait = "for the call budget" if pause is None else f"of {pause:.1f} s"
    return (
        f"The next wait {wait} would pass total={total:g} s; raise it with "
        "timeout=MiMoTimeouts(total=...)."
    )


def response_text(
    status: int, code: str | None, message: str, fields: Iterable[tuple[str, object]]
) -> str:
    """Return status, code, message and the other fields of an error response on one line.

    Args:
        status: HTTP status.
        code: The code in the body, if any.
        message: The message; "" for none.
        fields: Pairs of a name and a value; those without a value are left out.
    """
    shown_code = f" (code {code})" if code and code != str(status) else ""
    parts = [f"{status}{shown_code} {message or 'no message'}"]
    parts += [f"{name}: {value}" for name, value in fields if value]
    return "; ".join([*(part.rstrip(".") for part in parts[:-1]), parts[-1]])
