"""Moments that no copy can show, as files that `langchain_mimo.prepare` makes once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from langchain_mimo._checks import shown
from langchain_mimo.errors import MediaError
from langchain_mimo.media import file_digest
from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_video
from langchain_mimo.retrievers.hits import changed
from langchain_mimo.retrievers.moments import Moment
from langchain_mimo.tokens import MediaResolution

_PREPARE: dict[str, Any] = {
    "image": prepare_image,
    "video": prepare_video,
    "audio": prepare_audio,
}


def prepared_file(
    moment: Moment,
    folder: str | None,
    fps: float | None,
    media_resolution: MediaResolution | None,
) -> Path:
    """Return the file of a moment, which is made unless it is there.

    Its name is made of the hash of the source, the time range and the settings. It is written
    beside and then renamed, so that it is whole whenever it is there.

    Args:
        moment: The moment.
        folder: The absolute path of where prepared files are; it is created.
        fps: As for `prepare_video`; None for its default.
        media_resolution: Likewise.

    Raises:
        MediaError: There is no folder, the file cannot be made, or the source was changed.
    """
    assert moment.path is not None
    if folder is None:
        where = "" if moment.is_whole else f" from {moment.start_s:g} to {moment.end_s:g} s"
        raise MediaError(
            f"{shown(moment.source)} cannot be shown{where} without converting it; pass "
            "prepared_dir=, a folder for converted files that is among the model's "
            "allowed_media_dirs"
        )
    options = _options(moment, moment.start_s, moment.end_s, fps, media_resolution)
    target = Path(folder) / _name(moment, options)
    if not target.is_file():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MediaError(
                f"prepared_dir {shown(folder)} cannot be created: {error.strerror or error}"
            ) from None
        _PREPARE[moment.modality](moment.path, target, **options)
        if file_digest(moment.path) != moment.sha256:
            target.unlink(missing_ok=True)
            raise changed(moment.source)
    return target


def inline_bytes(
    moment: Moment,
    folder: str | None,
    fps: float | None,
    media_resolution: MediaResolution | None,
) -> bytes:
    """Return what a moment shows, as the bytes of a file of its own.

    Args:
        moment: The moment.
        folder: As for `prepared_file`; None makes them in memory each time.
        fps: As for `prepare_video`; None for its default.
        media_resolution: Likewise.

    Raises:
        MediaError: The file cannot be read or made, or the source was changed.
    """
    assert moment.path is not None
    if moment.form == "whole":
        data = _bytes_of(Path(moment.path), moment.source)
        if hashlib.sha256(data).hexdigest() != moment.sha256:
            raise changed(moment.source)
        return data
    if moment.form == "prepared" and folder is not None:
        return _bytes_of(prepared_file(moment, folder, fps, media_resolution), moment.source)
    end_s = moment.end_s if moment.shown_end_s is None else moment.shown_end_s
    options = _options(moment, moment.shown_start_s, end_s, fps, media_resolution)
    prepared = _PREPARE[moment.modality](moment.path, **options)
    if file_digest(moment.path) != moment.sha256:
        raise changed(moment.source)
    data = prepared.data
    assert isinstance(data, bytes)
    return data


def _bytes_of(path: Path, source: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"{shown(source)} cannot be read: {error.strerror or error}") from None


def _options(
    moment: Moment,
    start_s: float,
    end_s: float,
    fps: float | None,
    media_resolution: MediaResolution | None,
) -> dict[str, Any]:
    """Return the arguments of `prepare` for a time range of a moment's source."""
    options: dict[str, Any] = {}
    if not moment.is_whole:
        options |= {"start_s": start_s, "end_s": end_s}
    if moment.modality == "video":
        sampling = {"fps": fps, "media_resolution": media_resolution}
        options |= {name: value for name, value in sampling.items() if value is not None}
    return options


def _name(moment: Moment, options: dict[str, Any]) -> str:
    """Return the name of a prepared file; without a suffix, `prepare` chooses the format."""
    settings = json.dumps([moment.modality, options], sort_keys=True)
    digest = hashlib.sha256(settings.encode()).hexdigest()
    times = f"{round(1000 * moment.start_s)}-{round(1000 * moment.end_s)}"
    suffix = ".mp4" if moment.modality == "video" else ""
    return f"{moment.sha256[:32]}-{times}-{digest[:12]}{suffix}"
