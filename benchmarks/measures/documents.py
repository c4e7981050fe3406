"""Measures what making Documents of media costs beside the requests themselves."""

from __future__ import annotations

import itertools
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.messages import HumanMessage

from benchmarks.media_files import make_images, make_videos
from benchmarks.sampling import Measure, sample
from benchmarks.subjects import model_factory
from benchmarks.worker import Context

IMAGE = "describe an image"
VIDEO = "describe six seconds of a video"

REQUEST = "ChatMiMo, structured output"
"""The floor: the same image, question and schema, sent with `with_structured_output`."""

FIRST_RUN = "MiMoMediaParser"
SECOND_RUN = "MiMoMediaParser, again"
COPIED, ENCODED = "copied from MP4", "encoded from Matroska"

_TIMES = 20
"""Calls in each sample; an image is described once only, as the journal remembers it."""


def measure(context: Context) -> list[Measure]:
    llm = model_factory("ChatMiMo")(context.url("description"))
    with TemporaryDirectory() as name:
        folder = Path(name)
        llm = llm.model_copy(update={"allowed_media_dirs": [folder]})
        return [_images(llm, folder, context.rounds), _videos(llm, folder, context.rounds)]


def _images(llm: Any, folder: Path, rounds: int) -> Measure:
    from langchain_core.documents.base import Blob

    from langchain_mimo import image_block
    from langchain_mimo.document_loaders import MediaOverview, MiMoMediaParser

    images = make_images(folder, rounds * _TIMES + 2)
    blobs = itertools.cycle([Blob.from_path(path) for path in images])
    parser = MiMoMediaParser(llm, journal=folder / "journal")
    known = Blob.from_path(images[0])
    message = HumanMessage(content=["Describe the image.", image_block(images[0])])
    runnable = llm.with_structured_output(MediaOverview)
    actions = {
        REQUEST: partial(runnable.invoke, [message]),
        FIRST_RUN: lambda: parser.parse(next(blobs)),
        SECOND_RUN: partial(parser.parse, known),
    }
    return _sample(Measure(IMAGE, "ms of CPU"), actions, rounds, times=_TIMES)


def _videos(llm: Any, folder: Path, rounds: int) -> Measure:
    """Describe the segments of a video, without a journal: each time they are sent."""
    from langchain_core.documents.base import Blob

    from langchain_mimo.document_loaders import MiMoMediaParser

    seconds = 60
    parser = MiMoMediaParser(llm, plan={"max_seconds": 6.0})
    videos = dict(zip((COPIED, ENCODED), make_videos(folder, seconds), strict=True))
    actions = {name: partial(parser.parse, Blob.from_path(path)) for name, path in videos.items()}
    segments = len(parser.parse(Blob.from_path(videos[COPIED])))
    return _sample(Measure(VIDEO, "ms of CPU"), actions, rounds, share=segments)


def _sample(
    measure: Measure, actions: Any, rounds: int, *, times: int = 1, share: int = 1
) -> Measure:
    return sample(
        measure,
        actions,
        rounds,
        times=times,
        convert=lambda taken: taken * 1e3 / share,
        clock=time.process_time,  # what a parser adds is less than the network varies
    )
