"""What every attempt passes before it is sent, as a protocol; no I/O.

There are two gates: `retries.Backoff`, which every request passes, and a budget of the caller
(`langchain_mimo.cost.CallBudget`), which takes its place. A gate decides; the transport waits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from langchain_mimo._threads import Signal

Outcome: TypeAlias = Literal["answered", "refused", "unsent", "unknown"]
"""How an attempt ended: with a usage; with an error response, which costs nothing; before anything
was sent; or in any other way, so that nobody knows what the server did and billed."""

Wait: TypeAlias = "tuple[float | None, Signal | None]"
"""Seconds to wait at most (None for no limit), and a signal that ends the wait when it is set."""


class Call(NamedTuple):
    """What a gate knows about a request.

    Attributes:
        host: Host of the API, with its port if the URL has one.
        key: The API key, or ""; a gate stores its hash only.
        tree: The request's JSON tree.
        text_bytes: Bytes of the request's JSON without its media.
        media_tokens: Estimated tokens of its media: the likely number and the highest possible one.
        is_mimos: Whether the server is MiMo's, so that MiMo's limits and prices apply.
        longest_pause: Seconds that the caller is ready to wait after a 429 of another call.
    """

    host: str
    key: str
    tree: Mapping[str, Any]
    text_bytes: int = 0
    media_tokens: tuple[int, int] = (0, 0)
    longest_pause: float = 0.0
    is_mimos: bool = True


class Ticket(Protocol):
    """An attempt that was let through."""

    def end(self, outcome: Outcome, usage: Mapping[str, Any] | None) -> None:
        """Take how the attempt ended, with the `usage` object of its response; called once."""


Admission: TypeAlias = Generator[Wait, None, Ticket | None]
"""The waiting for a ticket; it begins with the first `next`."""


class Gate(Protocol):
    """Decides when an attempt may be sent."""

    def admit(self, call: Call) -> Admission | Ticket | None:
        """Return the attempt's ticket, if any, when it may be sent now; else how to wait for it.

        The generator yields what to wait for, and returns the ticket. After each wait the gate
        looks again, whatever ended it. Closing the generator gives the place up. It must neither
        block nor sleep.

        Raises:
            MiMoError: The attempt will never be allowed.
        """

    def pause(self, seconds: float, call: Call) -> None:
        """Let nobody with the same key and host start for some seconds, after a 429."""


Measure: TypeAlias = Callable[[], tuple[int, int]]
"""Returns the estimated tokens of a request's media: the likely number and the highest one."""
