"""One budget for requests, tokens, concurrent calls and money, shared by whatever gets it.

`ChatMiMo(budget=CallBudget(...))` hands the budget to the transport, which lets every attempt of
every request pass it (`_transport.gates` is the protocol). This module decides what an attempt
needs; `lines` decides who is next; a `BudgetStore` (`windows`, `budget_file`) keeps the state.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from typing import Any

from langchain_core.rate_limiters import BaseRateLimiter
from typing_extensions import override

from langchain_mimo._checks import integer, known_keywords, number, warn_once
from langchain_mimo._threads import Signal
from langchain_mimo._transport.gates import Admission, Call, Wait
from langchain_mimo._wire.json_values import count
from langchain_mimo.catalogue import Currency, Price
from langchain_mimo.cost.budget_terms import Terms, Ticket, one_at_a_time, terms_of
from langchain_mimo.cost.call_needs import (
    BYTES_PER_TOKEN,
    account_name,
    highest_cost,
)
from langchain_mimo.cost.ledger import Ledger
from langchain_mimo.cost.lines import FREE, Lines
from langchain_mimo.cost.prices import (
    Money,
    check_prices,
    list_price,
)
from langchain_mimo.cost.share_path import share_path
from langchain_mimo.cost.windows import (
    Ask,
    BudgetStore,
    Later,
    MemoryStore,
    Spending,
)
from langchain_mimo.errors import (
    MiMoBudgetError,
    MiMoConfigurationError,
    as_configuration_error,
    as_input_error,
)

_MANY = 1000


class CallBudget(BaseRateLimiter):
    """Keeps all calls that share it within the limits of an account, and below a ceiling of cost.

    Give one budget to every `ChatMiMo(budget=...)` that uses the account. Every attempt passes it:
    retries, repeated requests for a forced tool, broken streams. Calls are served in the order in
    which they came; threads and event loops may share a budget, and a call that is cancelled leaves
    its place. MiMo counts requests and tokens for each account and model, and so does the budget;
    an account is a key at a host. The pause after a 429 stops all models of the account, and
    `max_cost` is a ceiling over everything. Limits that are not passed are those of the catalogue
    for the model of the call.

    It is a LangChain rate limiter too: as `rate_limiter=` of any model it counts requests alone, so
    only `requests_per_minute`, `share` and `pause` have an effect there.

    Example:
        ```python
        from langchain_mimo import ChatMiMo
        from langchain_mimo.cost import CallBudget

        budget = CallBudget(max_concurrency=20, max_cost=5.0)
        llm = ChatMiMo(model="mimo-v2.6-flash", api_key="sk-...", budget=budget)
        ```
    """

    @known_keywords(MiMoConfigurationError)
    def __init__(
        self,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        max_concurrency: int | None = None,
        max_cost: float | Money | None = None,
        prices: Mapping[str, Price] | None = None,
        share: str | os.PathLike[str] | None = None,
    ) -> None:
        """Check the limits.

        Args:
            requests_per_minute: Requests per minute for each account and model, at least 1.
                Default: what the catalogue knows of MiMo's model; none for other servers, and
                for `rate_limiter=`.
            tokens_per_minute: Tokens of input and output per minute, likewise.
            max_concurrency: Requests in progress for each account and model, at least 1. Default:
                no limit; MiMo has one, but does not publish it.
            max_cost: Ceiling of what all calls together may cost, at least 0: US dollars, or
                `Money`. Default: none.
            prices: Prices by model id, which replace those of the catalogue.
            share: A file that all processes of this host share, created when it is missing, for
                its owner alone. It counts one currency. Default: the budget belongs to this
                process.

        Raises:
            MiMoConfigurationError: A limit is of the wrong type or too small, or the file cannot be
                used.
            MiMoInputError: `prices` is not a dict of model ids to `Price`.
        """
        with as_configuration_error():
            self._requests = _limit("requests_per_minute", requests_per_minute)
            self._tokens = _limit("tokens_per_minute", tokens_per_minute)
            self._concurrency = _limit("max_concurrency", max_concurrency)
            self._share = None if share is None else share_path(share)
            money = max_cost
            if money is not None and not isinstance(money, Money):
                money = Money(number("max_cost", money, 0))
        self._max_cost: float | None = None if money is None else money.amount
        currency = None if money is None else money.currency
        check_prices(prices)
        self._prices = dict(prices or {})
        self._store: BudgetStore = MemoryStore()
        if self._share is not None:
            from langchain_mimo.cost.budget_file import FileStore  # noqa: PLC0415 - imports sqlite3

            self._store = store = FileStore(self._share, currency=currency)
            currency = store.currency
        self._currency: Currency = currency or "USD"
        self._lines = Lines(self._store)
        self._terms: dict[int, Terms] = {}

    def __repr__(self) -> str:
        """Return the limits that were passed."""
        passed = (
            f"{name}={value!r}" for name, value in self._limits().items() if value is not None
        )
        return f"CallBudget({', '.join(passed)})"

    def _limits(self) -> dict[str, Any]:
        return {
            "requests_per_minute": self._requests,
            "tokens_per_minute": self._tokens,
            "max_concurrency": self._concurrency,
            "max_cost": None if self._max_cost is None else self._money(self._max_cost),
            "share": self._share,
        }

    def __reduce__(self) -> Any:
        """Pickle a budget with a file, which other processes open too.

        Raises:
            MiMoConfigurationError: It has none, so that the copy would be another budget.
        """
        if self._share is None:
            raise MiMoConfigurationError(
                "a CallBudget without share= cannot be pickled: the copy would allow the same "
                "limits once more; pass share= with the path of a file"
            )
        return _rebuilt, ({**self._limits(), "prices": self._prices},)

    def __copy__(self) -> CallBudget:
        """Return the budget itself, as `__deepcopy__` does."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> CallBudget:
        """Return the budget itself, since copies of a model share it."""
        return self

    # What the caller sees

    @property
    def spent(self) -> Money:
        """What the attempts cost whose usage and price are known, with `max_cost` or without.

        Raises:
            MiMoError: Another program has locked the file of the budget for some seconds.
        """
        return self._money(self._spending().spent)

    @property
    def reserved(self) -> Money:
        """What those that run, or ended without a usage, may cost at most; 0 without `max_cost`."""
        spending = self._spending()
        return self._money(spending.lost + spending.running)

    @property
    def ledger(self) -> Ledger:
        """A copy of what was paid for, by model, with one response for each attempt.

        Attempts that leave no message are in it. With `share`, it is of all processes since the
        file was created.
        """
        ledger = Ledger(prices=self._prices, currency=self._currency)
        ledger.add_rows(self._lines.call(self._store.rows))
        return ledger

    def _spending(self) -> Spending:
        spending: Spending = self._lines.call(self._store.spending)
        return spending

    def _money(self, amount: float) -> Money:
        return Money(max(amount, 0.0), self._currency)

    # LangChain's rate limiter

    @override
    def acquire(self, *, blocking: bool = True) -> bool:
        """Wait until one more request may start, on an account and model that are not known.

        Args:
            blocking: False returns at once.

        Returns:
            Whether the request may start.
        """
        entering = self._enter_unknown(waits=blocking)
        try:
            while True:
                seconds, woken = next(entering)
                (woken or Signal()).wait(seconds)
        except StopIteration as end:
            return bool(end.value)
        finally:
            entering.close()

    @override
    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Do the same in an event loop."""
        entering = self._enter_unknown(waits=blocking)
        try:
            while True:
                seconds, woken = next(entering)
                await (woken or Signal()).wait_in_loop(seconds)
        except StopIteration as end:
            return bool(end.value)
        finally:
            entering.close()

    def _enter_unknown(self, *, waits: bool) -> Generator[Wait, None, bool]:
        ask = Ask("", "", self._requests)
        answer = self._lines.enter_now(ask)
        if answer is None:
            answer = yield from self._lines.enter(ask, waits=waits)
        if isinstance(answer, Later):
            return False
        self._lines.settle(answer, FREE)
        return True

    # The transport's gate

    def admit(self, call: Call) -> Admission | Ticket:
        """Let an attempt of `ChatMiMo` pass, as `_transport.gates.Gate` says.

        Raises:
            MiMoBudgetError: The attempt will never be allowed.
        """
        model = call.tree.get("model")
        model = model if isinstance(model, str) else ""
        # A hash, so that no key is kept.
        name = hash((call.host, call.key, call.is_mimos, model))
        terms = self._terms.get(name) or self._new_terms(name, call, model)
        ask = self._ask(call, model, terms)
        answer = self._lines.enter_now(ask)
        if answer is None:
            return self._in_line(ask, terms)
        if isinstance(answer, Spending):
            raise self._too_costly(ask, answer)
        return Ticket(self._lines, terms, answer)

    def _in_line(self, ask: Ask, terms: Terms) -> Admission:
        answer = yield from self._lines.enter(ask)
        if isinstance(answer, Spending):
            raise self._too_costly(ask, answer)
        return Ticket(self._lines, terms, answer)

    def pause(self, seconds: float, call: Call | None = None) -> None:
        """Let no request start for some seconds.

        Args:
            seconds: How long, at least 0. 0 ends all pauses, also those after a 429, and in the
                file of the budget. A shorter pause than the one that runs changes nothing.
            call: For the transport; leave it out. Default: the pause is for all accounts.

        Raises:
            MiMoInputError: `seconds` is not a finite number >= 0.
        """
        with as_input_error():
            number("seconds", seconds, 0)
        if call is None:
            self._lines.pause("", seconds)
        elif seconds:  # a server that asks for no wait ends no pause
            self._lines.pause(account_name(call.host, call.key), seconds)

    def _ask(self, call: Call, model: str, terms: Terms) -> Ask:
        """Return what an attempt needs.

        Raises:
            MiMoBudgetError: It is larger than a window, or its price is not known.
        """
        limit = call.tree.get("max_completion_tokens", call.tree.get("max_tokens"))
        asked = None if limit is None else count(limit)
        output = terms.output if asked is None else asked
        tokens = call.text_bytes // BYTES_PER_TOKEN + call.media_tokens[0]
        if terms.tokens is not None:
            if (least := tokens + (asked or 0)) > terms.tokens:
                raise MiMoBudgetError(
                    f"the request needs about {least:,} tokens, more than the {terms.tokens:,} "
                    f"that {model or 'the model'} may use per minute; shorten it, lower "
                    "max_completion_tokens, or raise tokens_per_minute of the CallBudget"
                )
            if asked is None and tokens + output > terms.tokens:
                warn_once(one_at_a_time(model, output, terms.tokens), f"one at a time {model}")
            tokens = min(tokens + output, terms.tokens)
        cost = 0.0
        if self._max_cost is not None:
            price = terms.price or self._no_price(model, terms.name)
            cost = highest_cost(call, price, output)
        return Ask(
            terms.account,
            terms.window,
            terms.requests,
            terms.tokens,
            self._concurrency,
            tokens,
            cost,
            self._max_cost,
        )

    def _new_terms(self, name: int, call: Call, model: str) -> Terms:
        terms = terms_of(
            call,
            model,
            requests=self._requests,
            tokens=self._tokens,
            prices=self._prices,
            currency=self._currency,
        )
        if len(self._terms) >= _MANY:
            self._terms.clear()
        self._terms[name] = terms
        return terms

    # Errors

    def _too_costly(self, ask: Ask, spending: Spending) -> MiMoBudgetError:
        money = self._money
        return MiMoBudgetError(
            f"the request could cost up to {money(ask.cost)} and so pass max_cost="
            f"{money(self._max_cost or 0.0)}, of which {money(spending.spent)} is spent and "
            f"{money(spending.lost)} reserved for requests that ended without a usage; lower "
            "max_completion_tokens, or raise max_cost"
        )

    def _no_price(self, model: str, name: str) -> Price:
        others = [
            currency
            for currency in ("USD", "CNY")
            if currency != self._currency and list_price(name, self._prices, currency=currency)
        ]
        also = (
            f"; its price in {others[0]} is known: pass max_cost=Money(..., {others[0]!r})"
            if others
            else ""
        )
        raise MiMoBudgetError(
            f"max_cost needs the price of {name!r} in {self._currency}, which is unknown; pass "
            f"prices={{{model!r}: Price(...)}} to the CallBudget{also}"
        )


def _rebuilt(arguments: dict[str, Any]) -> CallBudget:
    return CallBudget(**arguments)


def _limit(name: str, value: int | None) -> int | None:
    return None if value is None else integer(name, value, 1)
