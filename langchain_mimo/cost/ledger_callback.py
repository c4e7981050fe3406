"""Fills a ledger from any LangChain program."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import LLMResult

from langchain_mimo._checks import known_keywords, shown
from langchain_mimo.cost.ledger import Ledger
from langchain_mimo.cost.ledger_rows import tags_of
from langchain_mimo.errors import MiMoInputError, MiMoTimeoutError, as_input_error

SELF_HOSTED = " (self-hosted)"
"""Follows the id of a model that a server of one's own runs: MiMo's prices are not its."""

MAX_RUNS = 10_000
"""Runs that are remembered: those in progress, and the latest of those that were counted."""

_TAGS_OF_CORE = re.compile(
    r"(seq:step(:\d+)?|map:key:.*|condition:\d+|branch:(\d+|default)|retry:attempt:\d+|langsmith:.*)$",
    re.DOTALL,
)
"""Tags that LangChain adds to runs inside of chains and graphs; they are not the program's."""


@dataclass(slots=True)
class _Run:
    model: str | None = None
    tags: tuple[str, ...] = ()
    is_self_hosted: bool = False
    is_counted: bool = False


class LedgerCallback(BaseCallbackHandler):
    """Counts every response of a program's models in a ledger, each once.

    It works wherever LangChain takes callbacks: `invoke`, `stream`, `batch` and their async
    counterparts, events, chains and agents. A call of ChatMiMo that took several requests counts
    with the tokens of all of them, also when it failed in the end. Responses from LangChain's own
    cache cost nothing and are not counted. Tokens of models that are not MiMo's are counted, and
    their price is unknown.

    A `CallBudget` has a ledger of its own, which counts attempts. Both may be used together, but
    merging their ledgers would count each response twice.

    Args:
        ledger: The ledger to fill. Default: a new one.
        tags: Tags of each response that it counts, besides the tags of the run.
        metadata: Keys of the run's metadata that become tags, as "key=value".

    Attributes:
        ledger: The ledger.

    Raises:
        MiMoInputError: An argument is of a wrong type.

    Example:
        ```python
        from langchain_mimo import ChatMiMo
        from langchain_mimo.cost import LedgerCallback

        callback = LedgerCallback()
        llm = ChatMiMo(model="mimo-v2.6-flash", callbacks=[callback])
        llm.invoke("Name a colour.", {"tags": ["colours"]})
        print(callback.ledger)
        ```
    """

    run_inline = True
    """In async programs too: a dictionary is changed, and nothing waits."""

    @known_keywords(MiMoInputError)
    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        tags: Iterable[str] = (),
        metadata: Iterable[str] = (),
    ) -> None:
        super().__init__()
        if not (ledger is None or isinstance(ledger, Ledger)):
            raise MiMoInputError(f"ledger must be a Ledger, got {shown(ledger)}")
        self.ledger = Ledger() if ledger is None else ledger
        with as_input_error():
            self._tags = tags_of("tags", tags)
            self._keys = tags_of("metadata", metadata)
        self._runs: dict[UUID, _Run] = {}
        self._lock = threading.Lock()

    def __eq__(self, other: object) -> bool:
        """Whether two callbacks fill one ledger: LangChain then calls only one of them."""
        return isinstance(other, LedgerCallback) and other.ledger is self.ledger

    def __hash__(self) -> int:
        """Return the same for callbacks that fill one ledger."""
        return hash((LedgerCallback, id(self.ledger)))

    def __deepcopy__(self, memo: dict[int, Any]) -> LedgerCallback:
        """Return itself: copies of a model, and of its callbacks, fill the same ledger."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickles keep; in another process the copy fills a ledger of its own."""
        kept = ("ledger", "_tags", "_keys")
        return {name: value for name, value in vars(self).items() if name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled callback."""
        LedgerCallback.__init__(self, state["ledger"])
        vars(self).update(state)

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002 - core's signature
        messages: list[Any],  # noqa: ARG002
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Remember what a run says about its model and tags."""
        metadata = kwargs.get("metadata") or {}
        params = kwargs.get("invocation_params") or {}
        is_ours = params.get("_type") == "mimo-chat"
        named = [f"{key}={metadata[key]}" for key in self._keys if key in metadata]
        run = _Run(
            params.get("model") if is_ours else metadata.get("ls_model_name"),
            tuple(named),
            is_self_hosted=is_ours and params.get("server", "mimo") != "mimo",
        )
        with self._lock:
            self._remember(run_id, run)

    def on_llm_start(
        self,
        serialized: dict[str, Any],
        prompts: list[str],  # noqa: ARG002 - core's signature
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """As `on_chat_model_start`, for models that complete texts."""
        self.on_chat_model_start(serialized, [], run_id=run_id, **kwargs)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Count a response."""
        message = _message(response)
        usage = None if message is None else message.usage_metadata
        if usage is not None and usage.get("total_cost") == 0:
            self._take(run_id)  # LangChain's cache responded; nothing was sent
            return
        self._count(run_id, message, usage, kwargs.get("tags"))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Count what a call was billed before it failed, if it may have been billed."""
        usage = getattr(error, "usage_metadata", None)
        message = _message(kwargs.get("response"))
        partial = getattr(error, "partial_message", None) or message
        if usage is not None or _may_be_billed(error, message):
            searches = getattr(error, "web_searches", 0)
            self._count(run_id, partial, usage, kwargs.get("tags"), searches)
        else:
            self._take(run_id)

    def _count(
        self,
        run_id: UUID,
        message: AIMessage | None,
        usage: Mapping[str, Any] | None,
        tags: list[str] | None,
        web_searches: int | None = None,
    ) -> None:
        run = self._take(run_id)
        if run is None:
            return
        metadata = {} if message is None else message.response_metadata
        if web_searches is None:
            web_searches = (metadata.get("web_search_usage") or {}).get("tool_usage") or 0
        model = run.model or metadata.get("model_name") or metadata.get("model") or "unknown"
        own = (tag for tag in tags or () if not _TAGS_OF_CORE.match(tag))
        self.ledger.add(
            f"{model}{SELF_HOSTED if run.is_self_hosted else ''}",
            usage,
            tags=(*self._tags, *run.tags, *own),
            web_searches=web_searches,
        )

    def _take(self, run_id: UUID) -> _Run | None:
        """Return what is known about a run that ends, or None if it ended before."""
        with self._lock:
            run = self._runs.pop(run_id, None) or _Run()
            self._remember(run_id, _Run(is_counted=True))
        return None if run.is_counted else run

    def _remember(self, run_id: UUID, run: _Run) -> None:
        self._runs[run_id] = run
        if len(self._runs) > MAX_RUNS:
            del self._runs[next(iter(self._runs))]


def _message(response: LLMResult | None) -> AIMessage | None:
    """Return the message of a response; usage of several generations is in the first."""
    generations = response.generations if response is not None else []
    first = generations[0][0] if generations and generations[0] else None
    message = getattr(first, "message", None)
    return message if isinstance(message, AIMessage) else None


def _may_be_billed(error: BaseException, message: AIMessage | None) -> bool:
    """Whether a server may have billed a call that failed without stating its usage."""
    if isinstance(error, MiMoTimeoutError):
        return error.attempts > 0 and error.limit != "connect"
    if getattr(error, "partial_message", None) is not None:
        return True
    # A program that stops reading or is cancelled: the server has begun, and nobody knows more.
    return not isinstance(error, Exception) or bool(message and (message.content or message.id))
