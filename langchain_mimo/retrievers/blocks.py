"""From moments to content blocks: references to files, each behind a label."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from langchain_core.documents import Document

from langchain_mimo._checks import known_keywords, shown
from langchain_mimo.document_loaders.blobs import MediaBlobLoader
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import audio_block, image_block, video_block
from langchain_mimo.retrievers.hits import Root, absolute_path, changed
from langchain_mimo.retrievers.moments import (
    Moment,
    Order,
    argument_hint,
    checked_moments,
    moments_of,
)
from langchain_mimo.retrievers.prepared import inline_bytes, prepared_file
from langchain_mimo.tokens import MediaResolution

_BLOCKS: dict[str, Callable[..., dict[str, Any]]] = {
    "image": image_block,
    "video": video_block,
    "audio": audio_block,
}
_MIME_TYPES = {"image": "image/jpeg", "video": "video/mp4", "audio": "audio/mpeg"}
"""Of URLs whose path does not tell: LangChain keeps a URL in a tool message only with a type."""

_TOLERANCE_S = 0.001


@known_keywords(MiMoInputError, argument_hint)
def media_blocks(
    documents: Iterable[Document],
    *,
    root: Root,
    merge_gap_s: float = 2.0,
    pad_s: float = 2.0,
    max_seconds: float | None = None,
    budget_tokens: int | None = None,
    k: int | None = None,
    fps: float | None = None,
    media_resolution: MediaResolution | None = None,
    order: Order = "time",
    prepared_dir: str | os.PathLike[str] | None = None,
    label: bool = True,
) -> list[dict[str, Any]]:
    """Turn Documents into the moments that they describe, as content blocks for a message.

    Put what you ask behind the blocks: then the blocks are the beginning of the prompt, and the
    same moments are read from MiMo's cache when something else is asked.

    Args:
        documents: As for `moments_of`, and so are all arguments but these.
        root: As for `moments_of`.
        merge_gap_s: As for `moments_of`.
        pad_s: As for `moments_of`.
        max_seconds: As for `moments_of`.
        budget_tokens: As for `moments_of`.
        k: As for `moments_of`.
        fps: Frames per second that MiMo samples of videos. Default: the model's setting, or 2; a
            budget counts with 2.
        media_resolution: "default" or "max". Default: the model's setting; a budget counts with
            "default".
        order: As for `moments_of`.
        prepared_dir: Folder for files that have to be converted: ranges of videos that are not
            H.264 in MP4 or MOV, and files that MiMo does not take. It is created, each file is made
            once and used again, and all may be deleted at any time. The model needs it in
            `allowed_media_dirs`. The loader must not find it: put it outside of the folder that is
            loaded, or begin its name with a dot.
        label: Whether a text stands before each block: "[1] talk.mp4, 12.5 s to 40 s", with what
            the block shows.

    Returns:
        Blocks of type "text", "image", "video" and "audio". Those of files are references.

    Raises:
        MediaError: As `moments_of`; or something has to be converted and there is no
            `prepared_dir`, or cannot be converted.
        MiMoInputError: As `moments_of`.
    """
    moments = moments_of(
        documents,
        root=root,
        merge_gap_s=merge_gap_s,
        pad_s=pad_s,
        max_seconds=max_seconds,
        budget_tokens=budget_tokens,
        k=k,
        fps=fps,
        media_resolution=media_resolution,
        order=order,
    )
    return moment_blocks(
        moments,
        fps=fps,
        media_resolution=media_resolution,
        prepared_dir=prepared_dir,
        label=label,
    )


@known_keywords(MiMoInputError, argument_hint)
def moment_blocks(
    moments: Iterable[Moment],
    *,
    fps: float | None = None,
    media_resolution: MediaResolution | None = None,
    prepared_dir: str | os.PathLike[str] | None = None,
    label: bool = True,
    inline: bool = False,
) -> list[dict[str, Any]]:
    """Return the content blocks of moments, as `media_blocks` does.

    Args:
        moments: What `moments_of` returned.
        fps: As for `media_blocks`.
        media_resolution: As for `media_blocks`.
        prepared_dir: As for `media_blocks`.
        label: As for `media_blocks`.
        inline: Whether media are base64, which chat models of other providers take, and not
            references to files, which ChatMiMo alone reads. Ranges are then encoded at each call.

    Raises:
        MediaError: As `media_blocks`.
        MiMoInputError: An argument is out of range, or is not what it should be.
    """
    folder = None if prepared_dir is None else absolute_path("prepared_dir", prepared_dir)
    blocks: list[dict[str, Any]] = []
    for moment in checked_moments(moments):
        if label:
            blocks.append({"type": "text", "text": moment.label})
        create = _inline_block if inline else _block
        blocks.append(create(moment, fps, media_resolution, folder))
    return blocks


def _block(
    moment: Moment,
    fps: float | None,
    media_resolution: MediaResolution | None,
    folder: str | None,
) -> dict[str, Any]:
    create = _BLOCKS[moment.modality]
    options: dict[str, Any] = {}
    if moment.modality == "video":
        sampling = {"fps": fps, "media_resolution": media_resolution}
        options = {name: value for name, value in sampling.items() if value is not None}
    if moment.path is None:
        return create(moment.source, mime_type=_mime_type(moment), **options)
    if moment.form == "prepared":
        return create(prepared_file(moment, folder, fps, media_resolution), **options)
    if moment.form == "copied":
        options |= {"start_s": moment.start_s, "end_s": moment.end_s}
    block = create(moment.path, **options)
    extras = block["extras"]
    if extras["sha256"] != moment.sha256:
        raise changed(moment.source)
    if moment.form == "copied":
        _check_shown(moment, extras["shown_start_s"], extras["shown_end_s"])
    return block


def _inline_block(
    moment: Moment,
    fps: float | None,
    media_resolution: MediaResolution | None,
    folder: str | None,
) -> dict[str, Any]:
    """Return a block that any provider takes: without extras, and with the bytes."""
    if moment.path is None:
        return {"type": moment.modality, "url": moment.source, "mime_type": _mime_type(moment)}
    data = inline_bytes(moment, folder, fps, media_resolution)
    block = _BLOCKS[moment.modality](data)
    return {name: block[name] for name in ("type", "base64", "mime_type")}


def _check_shown(moment: Moment, start_s: float, end_s: float) -> None:
    """Check that a block shows what the moment says: answers are read by it."""
    assert moment.shown_end_s is not None
    wanted = moment.shown_start_s, moment.shown_end_s
    if max(abs(wanted[0] - start_s), abs(wanted[1] - end_s)) > _TOLERANCE_S:
        raise MediaError(
            f"{shown(moment.source)} would be shown from {start_s:.3f} to {end_s:.3f} s and not "
            f"from {wanted[0]:.3f} to {wanted[1]:.3f} s, as its moment says; make the moments again"
        )


def _mime_type(moment: Moment) -> str:
    """Return the MIME type of a URL."""
    loader = MediaBlobLoader.from_urls([moment.source], modality=moment.modality)
    blob = next(iter(loader.yield_blobs()))
    return blob.mimetype or _MIME_TYPES[moment.modality]
