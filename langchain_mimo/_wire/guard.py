"""The one guard under which responses are decoded: nothing but this package's errors leaves."""

from __future__ import annotations

from langchain_core.messages import AIMessage

from langchain_mimo._wire.json_values import UnreadableError
from langchain_mimo.errors import MiMoInvalidResponseError

DECODING_FAULTS = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
    OverflowError,
)
"""What reading a value of an unexpected form can raise."""


def unreadable_response(fault: Exception, partial: AIMessage | None) -> MiMoInvalidResponseError:
    """Return the error for a response that cannot be read; raise it `from` the fault.

    Args:
        fault: What reading it raised.
        partial: What was read before, or None.
    """
    reason = (
        str(fault)
        if isinstance(fault, UnreadableError)
        else f"it has an unexpected form ({type(fault).__name__})"
    )
    error = MiMoInvalidResponseError(
        f"the response cannot be read: {reason}; what was read is in partial_message. Check that "
        "base_url points to an API of the format in use",
        status_code=200,
    )
    error.partial_message = partial
    return error
