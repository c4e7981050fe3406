"""Plans a corpus of files: how many requests it takes, what they cost and how long they take."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from langchain_mimo import catalogue
from langchain_mimo._checks import choice, integer, known_keywords, number, shown
from langchain_mimo._media.headers.reader import AVHeader
from langchain_mimo.catalogue import (
    FPS_RANGE,
    MEDIA_RESOLUTIONS,
    AccountLimits,
    Currency,
    Price,
    Tier,
)
from langchain_mimo.cost.corpus_paths import found_files
from langchain_mimo.cost.corpus_result import CorpusEstimate, CorpusFile, UnreadableFile
from langchain_mimo.cost.estimate import estimate_header
from langchain_mimo.cost.files import MeasuredFile, measure
from langchain_mimo.cost.media_estimate import MediaEstimate
from langchain_mimo.cost.planning import plan_segments
from langchain_mimo.cost.prices import (
    CURRENCIES,
    TIERS,
    Money,
    check_prices,
    list_price,
    token_cost,
)
from langchain_mimo.errors import MiMoError, MiMoInputError, as_input_error
from langchain_mimo.tokens import DEFAULT_FPS, MediaResolution

_Path: TypeAlias = str | os.PathLike[str]


@known_keywords(MiMoInputError)
def plan_corpus(
    paths: _Path | Iterable[_Path],
    *,
    model: str,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "default",
    segment_seconds: float | None = None,
    segment_tokens: int | None = None,
    prompt_tokens: int = 0,
    output_tokens: int = 0,
    limits: AccountLimits | None = None,
    tier: Tier = "realtime",
    currency: Currency = "USD",
    prices: Mapping[str, Price] | None = None,
) -> CorpusEstimate:
    """Plan what it takes to send files to a model once, each in a request of its own.

    Only the files' headers are read; nothing is sent. A file costs what `estimate_file` says about
    it, and one that is cut what `plan_segments` says about its segments, without overlap. Of a
    video that fits into one request, MiMo looks at 2,048 frames, and `tokens.frame_limit` of its
    file says so; `segment_seconds` cuts it. Nothing is assumed to come from the prompt cache.

    Args:
        paths: A file, a folder with all that is in it, a pattern such as "talks/**/*.mp4", or
            several of them. A file that is named twice counts once. Hidden files and folders, whose
            names begin with ".", count only if they are named. Links to files count as files; links
            to folders count if a pattern or a path names them, not within a folder.
        model: Model id, for the price, the context window and the limits.
        fps: Frames sampled per second of video, 0.1 to 10. Default: 2, MiMo's own.
        media_resolution: "default" or "max". Default: "default", MiMo's own.
        segment_seconds: Longest segment of video and audio. Default: only what does not fit into
            one request is cut.
        segment_tokens: Most tokens of a segment. Default: what the model's context window leaves.
        prompt_tokens: Tokens of text with each request. Default: none.
        output_tokens: Tokens of reasoning and answer of each response. Default: none.
        limits: Limits of the account. Default: those of the catalogue, for the realtime tier; no
            limits of the batch API are published.
        tier: "realtime" or "batch". Default: "realtime".
        currency: "USD" or "CNY". Default: "USD".
        prices: Prices by model id, which replace those of the catalogue. Default: none.

    Returns:
        Files, requests, tokens, money, hours and bytes. What cannot be measured, such as an empty
        folder or a URL, is in `unreadable` with the reason, and is not counted.

    Raises:
        MiMoInputError: An argument has a wrong type or value.
    """
    if isinstance(paths, bytes | Mapping) or not isinstance(paths, str | os.PathLike | Iterable):
        raise MiMoInputError(f"paths must be paths of files or folders, got {shown(paths)}")
    with as_input_error():
        if not isinstance(model, str) or not model:
            raise ValueError(f"model must be a model id, got {shown(model)}")
        number("fps", fps, *FPS_RANGE)
        choice("media_resolution", media_resolution, MEDIA_RESOLUTIONS)
        if segment_seconds is not None:
            number("segment_seconds", segment_seconds, 0.1)
        if segment_tokens is not None:
            integer("segment_tokens", segment_tokens, 1)
        prompt_tokens = integer("prompt_tokens", prompt_tokens, 0)
        output_tokens = integer("output_tokens", output_tokens, 0)
        choice("tier", tier, TIERS)
        choice("currency", currency, CURRENCIES)
        room = _room(model, prompt_tokens + output_tokens)
        limits = _limits(model, tier, limits)
    check_prices(prices)
    cutter = _Cutter(
        fps, media_resolution, segment_seconds or math.inf, min(segment_tokens or room, room)
    )
    files, unreadable = _measured(
        [paths] if isinstance(paths, str | os.PathLike) else paths, cutter
    )
    return corpus_estimate(
        files,
        unreadable,
        model=model,
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        limits=limits,
        tier=tier,
        currency=currency,
        prices=prices,
    )


def corpus_estimate(
    files: Iterable[CorpusFile],
    unreadable: Iterable[UnreadableFile],
    *,
    model: str,
    prompt_tokens: int = 0,
    output_tokens: int = 0,
    limits: AccountLimits | None = None,
    tier: Tier = "realtime",
    currency: Currency = "USD",
    prices: Mapping[str, Price] | None = None,
) -> CorpusEstimate:
    """Price files that are measured already. The arguments are those of `plan_corpus`.

    Raises:
        MiMoInputError: `limits` or `prices` are none.
    """
    with as_input_error():
        limits = _limits(model, tier, limits)
    check_prices(prices)
    files = tuple(files)
    price = list_price(model, prices, tier=tier, currency=currency)
    requests = sum(file.requests for file in files)

    def cost(tokens: Callable[[MediaEstimate], int]) -> Money | None:
        if price is None:
            return None
        sent = sum(tokens(file.tokens) for file in files) + prompt_tokens * requests
        return Money(token_cost(price, sent, 0, output_tokens * requests), currency)

    return CorpusEstimate(
        model=model,
        tier=tier,
        files=files,
        unreadable=tuple(unreadable),
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        limits=limits,
        low=cost(lambda media: media.low),
        likely=cost(lambda media: media.total),
        high=cost(lambda media: media.high),
        price_as_of=None if price is None else price.as_of,
    )


def _room(model: str, taken: int) -> int:
    """Return the tokens of a model's context window that are left for media.

    Raises:
        ValueError: There are none.
    """
    known = catalogue.find(model)
    if known is None:
        return 2**53
    if taken >= known.context_tokens:
        raise ValueError(
            f"prompt_tokens and output_tokens leave nothing of the {known.context_tokens} tokens "
            f"of {model!r} for media, got {taken}"
        )
    return known.context_tokens - taken


def _limits(model: str, tier: Tier, limits: AccountLimits | None) -> AccountLimits:
    """Return the limits that count.

    Raises:
        ValueError: `limits` are no limits.
    """
    if limits is None:
        known = catalogue.find(model)
        return known.limits if known and tier == "realtime" else AccountLimits()
    if not isinstance(limits, AccountLimits):
        raise ValueError(f"limits must be a catalogue.AccountLimits, got {shown(limits)}")  # noqa: TRY004
    for name in ("requests_per_minute", "tokens_per_minute"):
        if (limit := getattr(limits, name)) is not None:
            number(name, limit, 1)
    return limits


def _measured(
    paths: Iterable[_Path], cutter: _Cutter
) -> tuple[list[CorpusFile], list[UnreadableFile]]:
    """Measure every file once; what cannot be measured does not end it."""
    files: list[CorpusFile] = []
    unreadable: list[UnreadableFile] = []
    for path, missing in found_files(paths):
        if missing is not None:
            unreadable.append(UnreadableFile(path, missing))
            continue
        try:
            files.append(cutter.plan(path))
        except (MiMoError, OSError) as error:
            unreadable.append(UnreadableFile(path, _without_name(str(error), path)))
    return files, unreadable


def _without_name(text: str, path: Path) -> str:
    """Return why a file cannot be measured, without its name."""
    for name in {repr(str(path.absolute())), repr(str(path))}:
        text = text.replace(f"{name} ", "").replace(f" {name}", "")
    return text


@dataclass(frozen=True, slots=True)
class _Cutter:
    """How files are cut into requests.

    Attributes:
        fps: Frames sampled per second.
        media_resolution: "default" or "max".
        longest: Most seconds of a segment.
        budget: Most tokens of a segment.
    """

    fps: float
    media_resolution: MediaResolution
    longest: float
    budget: int

    def plan(self, path: Path) -> CorpusFile:
        """Measure a file and count what its requests cost.

        Raises:
            MediaError: It cannot be measured, or neither be sent nor prepared.
            MiMoInputError: Even the shortest segment exceeds the budget.
        """
        file = measure("plan_corpus", path)
        whole = self._tokens(file, file.header)
        requests, tokens = 1, whole
        if file.kind != "image":
            requests, tokens = self._cut(file, whole)
        options: dict[str, object] = {}
        if file.kind == "video":
            options = {"fps": self.fps, "media_resolution": self.media_resolution}
        advice = file.advice(**options)
        if advice is None and requests > 1:
            advice = f"Cut it into {requests} segments with plan_segments."
        return CorpusFile(path, file.kind, file.info.size, requests, tokens, advice)

    def _tokens(self, file: MeasuredFile, header: object) -> MediaEstimate:
        why = "its header does not state it"
        return estimate_header(file.kind, header, why, self.fps, self.media_resolution)  # type: ignore[arg-type]

    def _cut(self, file: MeasuredFile, whole: MediaEstimate) -> tuple[int, MediaEstimate]:
        """Return the requests of a video or audio file, and the tokens of its segments."""
        least, most = whole.duration_range or (0.0, 0.0)
        likely = whole.duration or 0.0
        fits = whole.high <= self.budget and most <= min(self.longest, file.longest_s)
        if fits or self._segments(file, whole, most) == 1:
            return 1, whole
        sums = {s: self._sum(file, whole, s) for s in {least, likely, most}}
        media = sums[likely]
        return self._segments(file, whole, likely), replace(
            whole,
            video=media.video,
            audio=media.audio,
            marks=media.marks,
            low=sums[least].low,
            high=sums[most].high,
            frame_limit=media.frame_limit,
        )

    def _segments(self, file: MeasuredFile, whole: MediaEstimate, seconds: float) -> int:
        """Return the number of segments of the file if it lasts so many seconds."""
        if not seconds:
            return 1
        info = replace(
            file.info,
            duration_s=seconds,
            duration_range_s=(seconds, seconds),
            width=whole.width,
            height=whole.height,
        )
        return len(
            plan_segments(
                info,
                budget_tokens=self.budget,
                max_seconds=self.longest,
                fps=self.fps,
                media_resolution=self.media_resolution,
            )
        )

    def _sum(self, file: MeasuredFile, whole: MediaEstimate, seconds: float) -> MediaEstimate:
        """Return the tokens of all segments of the file if it lasts so many seconds."""
        count = self._segments(file, whole, seconds)
        header = file.header if isinstance(file.header, AVHeader) else AVHeader()
        length = seconds / count
        one = self._tokens(file, replace(header, duration=length, duration_range=None))
        return MediaEstimate(
            video=one.video * count,
            audio=one.audio * count,
            marks=one.marks * count,
            low=one.low * count,
            high=one.high * count,
            frame_limit=one.frame_limit,
        )
