"""prepare_many: runs prepare calls in parallel."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

from langchain_mimo._checks import integer, known_keywords
from langchain_mimo._threads import ThreadJob, Workers
from langchain_mimo.errors import MediaError, MiMoInputError, as_input_error
from langchain_mimo.prepare.output import Prepared


@known_keywords(MiMoInputError)
def prepare_many(
    calls: Iterable[Callable[[], Prepared]], *, max_workers: int | None = None
) -> Iterator[Prepared | MediaError]:
    """Run prepare calls in threads, and yield their results in the order of the calls.

        calls = [
            functools.partial(prepare_video, path, folder / f"{number}.mp4", start_s=a, end_s=b)
            for number, (a, b) in enumerate(ranges)
        ]
        for prepared in prepare_many(calls): ...

    The result is an iterator: no call runs before the first result is taken.

    FFmpeg and Pillow let other threads run while they decode and encode.

    Calls are taken from `calls` as workers become free, at most twice as many as there are workers
    ahead of the result that is yielded. So any number of calls needs the memory of a few: give each
    an `output`, or use its result before the next.

    Args:
        calls: Functions without arguments, such as `functools.partial(prepare_video, …)`.
        max_workers: Calls that run at a time, at least 1. Default: the number of cores.

    Yields:
        For each call its result, or the MediaError that it raised.

    Raises:
        MiMoInputError: `max_workers` is not an integer or is less than 1, or two calls have the
            same `output`, which is found in `functools.partial` of a prepare function: at once for
            calls in a list, tuple or another sequence; of others, when the second one is taken from
            `calls`, before it runs.
        Exception: What else a call raises, such as MiMoConfigurationError without PyAV, is raised
            when its turn comes. No further calls are started, and those that run are waited for.
    """
    with as_input_error():
        workers = integer(
            "max_workers", os.cpu_count() or 1 if max_workers is None else max_workers, 1
        )
    if isinstance(calls, Sequence):
        deque(_distinct(calls), maxlen=0)
    return _results(_distinct(calls), workers)


def _distinct(calls: Iterable[Callable[[], Prepared]]) -> Iterator[Callable[[], Prepared]]:
    """Yield the calls.

    Raises:
        MiMoInputError: The next one has the output of an earlier one.
    """
    earlier: dict[str, int] = {}
    for number, call in enumerate(calls):
        path = _output(call)
        if path is not None:
            first = earlier.setdefault(path, number)
            if first != number:
                raise MiMoInputError(
                    f"calls[{first}] and calls[{number}] write to the same output, {path!r}; give "
                    "each its own"
                )
        yield call


def _output(call: Callable[[], Prepared]) -> str | None:
    """Return the file to which a partial call of a prepare function writes, with links resolved."""
    if not isinstance(call, partial) or not str(call.func.__module__).startswith(__package__):
        return None
    output = call.keywords.get("output", call.args[1] if len(call.args) > 1 else None)
    try:
        return os.path.realpath(os.fspath(output))  # type: ignore[arg-type]
    except (TypeError, ValueError):  # the call itself says what is wrong with it
        return None


def _results(
    calls: Iterator[Callable[[], Prepared]], workers: int
) -> Iterator[Prepared | MediaError]:
    crew = Workers(workers, "prepare_many")
    try:
        pending = deque(crew.start(call) for call in islice(calls, 2 * workers))
        while pending:
            yield _result(crew, pending.popleft())
            pending.extend(crew.start(call) for call in islice(calls, 1))
    finally:
        crew.close()


def _result(crew: Workers, job: ThreadJob[Prepared]) -> Prepared | MediaError:
    try:
        return crew.result_of(job)
    except MediaError as error:
        return error
