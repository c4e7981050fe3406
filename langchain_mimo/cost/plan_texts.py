"""What plans and estimates say about limits: frames, budgets and segments."""

from __future__ import annotations

import math
from collections.abc import Callable

from langchain_mimo.tokens import CELL, MAX_FRAMES, MediaResolution, VideoTokens

LEAST_SEGMENT_S = 0.1
"""Seconds of the shortest segment that is planned."""


def most_seconds(fps: float) -> float:
    """Return the seconds of video that MiMo samples at a rate, before it leaves frames out."""
    return MAX_FRAMES / fps


def frame_limit(seconds: float, fps: float) -> str | None:
    """Return what MiMo's limit of frames does to a video, as a clause; None if it does nothing."""
    if math.ceil(seconds * fps) <= MAX_FRAMES:
        return None
    interval = seconds / MAX_FRAMES
    shown = f"{interval:.1f}" if interval >= 1 else f"{interval:.2f}"
    looked_at = f"MiMo looks at only {MAX_FRAMES:,} frames, one in {shown} s"
    return f"{looked_at}; plan_segments keeps {fps:g} fps"


def over_budget(
    cost: Callable[[float, int, int], VideoTokens],
    seconds: float,
    size: tuple[int, int],
    budget: int,
    *,
    fits_a_block: bool,
) -> str:
    """Return why a video at the cheapest settings exceeds its budget, and what helps.

    Args:
        cost: The tokens of so many seconds in a size, at the cheapest settings.
        seconds: Length of the video.
        size: Width and height of its frames.
        budget: The budget, in tokens.
        fits_a_block: Whether the whole of it can be prepared.
    """
    tokens = cost(seconds, *size)
    scale = min(1.0, CELL / min(size))
    smallest = cost(seconds, max(1, int(size[0] * scale)), max(1, int(size[1] * scale))).total
    shortest = cost(LEAST_SEGMENT_S, *size).total
    remedies = []
    if shortest <= budget:
        remedies.append("cut it with plan_segments and prepare_video")
    if fits_a_block and smallest <= budget:
        remedies.append(
            f"shrink its frames with prepare_video(fps=0.1, token_budget={int(budget)})"
        )
    parts = f"{tokens.vision} for {tokens.frames} frames"
    parts += f", {tokens.audio} for its audio" if tokens.audio else ""
    parts += f", {tokens.timestamps + tokens.special} for timestamps and markers"
    text = f"more than the budget of {budget}, and no settings cost less ({parts}); "
    if remedies:
        return f"{text}{', or '.join(remedies)}."
    return f"{text}even a segment of {LEAST_SEGMENT_S} s costs {shortest}, so raise budget_tokens."


def no_segments(
    cost: Callable[[float, float, MediaResolution], int],
    *,
    shortest: float,
    overlap: float,
    budget: float,
    longest: tuple[float, str],
    sampling: tuple[float, MediaResolution],
) -> str:
    """Return which limit allows no segment, and what helps.

    Args:
        cost: The tokens of so many seconds, at an fps and a resolution.
        shortest: Seconds of the shortest segment that the overlap allows.
        overlap: Seconds that segments share.
        budget: The budget, in tokens.
        longest: Seconds that a segment may have, and what limits them.
        sampling: The fps and the resolution.
    """
    what = f"the shortest segment with overlap={overlap:g}" if overlap else "the shortest segment"
    remedies = ["lower overlap"] if overlap else []
    if shortest > longest[0]:
        texts = ["raise it" if longest[1].startswith("max_seconds") else "lower fps", *remedies]
        return f"{longest[1]} is less than {what}, {shortest:.4g} s; {', or '.join(texts)}"
    fps, resolution = sampling
    tokens = cost(shortest, fps, resolution)
    if cost(shortest, 0.1, resolution) <= budget:
        remedies.append("lower fps")
    if cost(shortest, fps, "default") <= budget:
        remedies.append('set media_resolution="default"')
    remedies = [f"raise it to {tokens} or more", *remedies]
    return (
        f"budget_tokens={budget:g} is too low: {what}, {shortest:.4g} s, costs {tokens} tokens; "
        f"{', or '.join(remedies)}"
    )
