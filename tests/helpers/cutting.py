"""What the tests of cutting share: indexed sources, random spans, and copies of them."""

import io
import tempfile
from contextlib import closing
from fractions import Fraction
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st

from langchain_mimo._media.av_container import open_container
from langchain_mimo._media.cutting.copying import CopyTarget, copy_span
from langchain_mimo._media.cutting.index import IndexedFile, build_index, streams_to_cut
from langchain_mimo._media.cutting.planning import CannotCopyError
from langchain_mimo._media.cutting.times import Span, exact

FEW_EXAMPLES = settings(max_examples=max(1, settings.default.max_examples // 3), deadline=None)
"""For tests that encode a video per example: a third of what the profile asks for."""


def no_tick(share: float) -> None:
    """A clock that never runs out."""


def index_bytes(data: bytes, kind: str = "video") -> IndexedFile:
    """Index a file in memory."""
    file = io.BytesIO(data)
    with closing(open_container(file)) as container:
        index = build_index(container, streams_to_cut(container, kind), no_tick)
    return IndexedFile(file, index)


def copy_bytes(source: IndexedFile, span: Span, mode: str, kind: str = "video"):
    """Copy a span to an MP4 and return the plan and the bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.mp4"
        plan = copy_span(source, span, mode, CopyTarget(path, "mp4", kind), no_tick)
        return plan, path.read_bytes()


def try_copy(source: IndexedFile, span: Span, mode: str):
    """Copy a span; return the plan, the bytes and None, or None twice and why there is no copy."""
    try:
        return *copy_bytes(source, span, mode), None
    except CannotCopyError as error:
        return None, None, str(error)


@st.composite
def spans(draw, source: IndexedFile, times: list[Fraction]):
    """Draw a span of a source: often from frame to frame, stated as a float; else anywhere.

    Args:
        draw: Given by hypothesis.
        source: The source.
        times: When its frames are shown, on the time line of the container.
    """
    index = source.index
    edges = [float(time - index.start) for time in times if time >= index.start]
    edges.append(index.duration)
    first = draw(st.integers(0, len(edges) - 2))
    last = draw(st.integers(first + 1, len(edges) - 1))
    start, end = edges[first], edges[last]
    if draw(st.booleans()):
        start = max(0.0, start - draw(st.floats(0, 0.2)))
        end = min(index.duration, end + draw(st.floats(0, 0.2)))
    stop = index.end if end == index.duration else index.start + exact(end)
    return Span(index.start + exact(start), stop)


def inside(seen, span: Span):
    """Return the frames that start in a span; times count to the nearest microsecond."""
    half = Fraction(1, 2_000_000)
    return [each for each in seen if span.start - half <= each.time < span.end - half]
