"""A request to the API, as the rest of the package hands it to the transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._transport.destination import Destination
from langchain_mimo._transport.gates import Gate, Measure
from langchain_mimo._transport.response_head import ResponseHead
from langchain_mimo._transport.retries import RetryPolicy
from langchain_mimo._transport.timeouts import MiMoTimeouts

MAX_RESPONSE_BYTES = 64 << 20
"""Default of the largest response, in bytes; the longest answers of MiMo have less than 1 MiB."""

STREAM_FACTOR = 8


@dataclass(slots=True)
class ApiRequest:
    """A request to the API, with its time limits and retries.

    Attributes:
        url: Full URL of the endpoint.
        headers: Headers, including the API key. Host, Content-Type, Content-Length and Accept are
            added.
        tree: JSON tree, with `DeferredMedia` leaves in place of media.
        timeouts: Time limits.
        retry: Which failures are retried, and when.
        media: Which files may be opened.
        max_response_bytes: Largest response, in bytes after decompression; a stream, which repeats
            a frame around every token, may have `STREAM_FACTOR` times as many.
        on_head: Called with the headers of each accepted response, before its body is read.
        gate: What each attempt passes before it is sent. Default: the pause after a 429, which all
            requests with the same key and host share.
        is_mimos: Whether the server is MiMo's; for a gate.
        measure: For a gate that counts tokens: returns those of the request's media.
    """

    _destination: Destination | None = field(default=None, init=False, repr=False, compare=False)
    url: str
    headers: Mapping[str, str] = field(repr=False)
    tree: dict[str, Any] = field(repr=False)
    timeouts: MiMoTimeouts = field(default_factory=MiMoTimeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    media: MediaPolicy = field(default_factory=MediaPolicy)
    max_response_bytes: int = MAX_RESPONSE_BYTES
    on_head: Callable[[ResponseHead], None] | None = None
    gate: Gate | None = None
    measure: Measure | None = None
    is_mimos: bool = True

    def key(self) -> str:
        """Return the API key that the server reads, or ""."""
        return self.destination().key

    def destination(self, known: Destination | None = None) -> Destination:
        """Return URL and headers, checked and prepared.

        Args:
            known: That of an earlier request, which is used again if both are the same.

        Raises:
            MiMoConfigurationError: The URL or a header cannot be sent.
        """
        if self._destination is None:
            if known is None or not known.serves(self.url, self.headers):
                known = Destination(self.url, self.headers)
            self._destination = known
        return self._destination
