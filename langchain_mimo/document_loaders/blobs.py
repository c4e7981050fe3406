"""The media files of a folder as blobs, told by their first bytes, and URLs as blobs."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import unquote, urlsplit

from langchain_core.document_loaders import Blob, BlobLoader
from typing_extensions import override

from langchain_mimo._checks import choice, known_keywords, shown
from langchain_mimo._sqlite_files import is_open_database
from langchain_mimo.document_loaders.blob_patterns import PathPattern, States, excluding
from langchain_mimo.errors import MediaError, MiMoInputError, as_input_error
from langchain_mimo.media import MediaType, identify

Modality: TypeAlias = Literal["image", "video", "audio"]

_MODALITIES: tuple[Modality, ...] = get_args(Modality)

_logger = logging.getLogger("langchain_mimo")

_MIME_TYPES = {
    **dict.fromkeys(("jpg", "jpeg", "jpe", "jfif"), "image/jpeg"),
    **{name: f"image/{name}" for name in ("png", "gif", "webp", "bmp", "heic", "avif", "tiff")},
    **dict.fromkeys(("mp4", "m4v"), "video/mp4"),
    **dict.fromkeys(("mov", "qt"), "video/quicktime"),
    "avi": "video/x-msvideo",
    "wmv": "video/x-ms-wmv",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    **dict.fromkeys(("wav", "wave"), "audio/wav"),
    "flac": "audio/flac",
    **dict.fromkeys(("m4a", "m4b"), "audio/mp4"),
    **dict.fromkeys(("ogg", "oga", "opus"), "audio/ogg"),
}
"""MIME types by what follows the last dot of a URL's path. For files, their bytes decide."""


class MediaBlobLoader(BlobLoader):
    """Yields the images, videos and audio files of a folder, without reading their contents.

    What a file is, its first bytes decide (`media.identify`), not its name. Order: by the names of
    folders and files, character by character, the same on every system. Hidden files and folders,
    whose names begin with ".", and symbolic links are left out; neither pipes nor devices are
    opened. What cannot be read is left out with a line in the log "langchain_mimo".

    Each blob has `path`, absolute; `mimetype`; and in its metadata `source` (the path relative to
    the root, with "/"), `size` (bytes), `mtime_ns` (nanoseconds since 1970) and `modality`
    ("image", "video" or "audio").

    Example:
        ```python
        from langchain_mimo.document_loaders import MediaBlobLoader

        blobs = MediaBlobLoader("media", glob="**/*", exclude=["drafts"])
        for blob in blobs.yield_blobs():
            print(blob.metadata["source"], blob.mimetype)
        ```
    """

    @known_keywords(MiMoInputError)
    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        glob: str = "**/*",
        exclude: str | Iterable[str] = (),
        modalities: str | Iterable[str] = _MODALITIES,
    ) -> None:
        """Check the arguments; the folder is read later, by `yield_blobs`.

        Args:
            root: A folder, or a single file. A leading "~" is expanded. A link is followed here.
            glob: Pattern of the paths beneath the root, with "/": "*" is within a name, "**" is
                any number of folders, "[ab]" one of these characters. Capital and small letters
                differ. Default: all.
            exclude: Patterns of files and folders to leave out. One without "/" counts in every
                folder, as "drafts" and "*.tmp"; one with "/" starts at the root. Default: none.
            modalities: Which of "image", "video" and "audio" to yield. Default: all.

        Raises:
            MiMoInputError: The root does not exist, a pattern has a fault, or a modality is
                unknown.
        """
        with as_input_error():
            self._root = _absolute(root)
            self._glob = PathPattern("glob", glob)
            self._exclude = excluding(exclude)
            self._modalities = _checked_modalities(modalities)
            _check_exists(self._root)

    @override
    def yield_blobs(self) -> Iterator[Blob]:
        """Yield the blobs in the order of their paths.

        Raises:
            MiMoInputError: The root is gone, cannot be read, or is a single file and no media.
            MediaError: The root is a single file that cannot be read.
        """
        with as_input_error():
            _check_exists(self._root)
        if not os.path.isdir(self._root):  # noqa: PTH112
            yield from self._single_file()
            return
        is_empty = True
        for path, names, status in self._walk():
            if (blob := self._blob(path, "/".join(names), status)) is not None:
                is_empty = False
                yield blob
        if is_empty:
            _logger.warning(
                "No media were found in %r: check the root and the patterns", self._root
            )

    def _single_file(self) -> Iterator[Blob]:
        status = os.stat(self._root)  # noqa: PTH116
        if not stat.S_ISREG(status.st_mode):
            raise MiMoInputError(f"root must be a folder or a file, and {self._root!r} is neither")
        found = identify(self._root)
        if found is None or found.refusal:
            reason = "it is no image, video or audio" if found is None else found.refusal
            raise MediaError(f"the root {self._root!r} cannot be used: {reason}")
        if found.kind in self._modalities:
            yield _as_blob(self._root, os.path.basename(self._root), status, found)  # noqa: PTH119

    def _walk(self) -> Iterator[tuple[str, tuple[str, ...], os.stat_result]]:
        """Yield the regular files, with their names beneath the root. A stack, not recursion."""
        start = tuple(pattern.start for pattern in self._exclude)
        open_folders = [iter(self._listed(self._root, _Place((), self._glob.start, start)))]
        while open_folders:
            entry = next(open_folders[-1], None)
            if entry is None:
                open_folders.pop()
                continue
            path, place, status = entry
            if stat.S_ISDIR(status.st_mode):
                open_folders.append(iter(self._listed(path, place)))
            elif self._glob.matches(place.wanted):
                yield path, place.names, status

    def _listed(self, folder: str, place: _Place) -> Iterator[tuple[str, _Place, os.stat_result]]:
        """Return the files and folders in a folder that may count, in order."""
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
        except OSError as error:
            if not place.names:
                raise MiMoInputError(
                    f"root {folder!r} cannot be read: {error.strerror or error}"
                ) from None
            _logger.warning("Left out the folder %r: %s", folder, error.strerror or error)
            return
        for name in names:
            inside = self._entered(place, name)
            if inside is None:
                continue
            path = os.path.join(folder, name)  # noqa: PTH118
            try:
                status = os.lstat(path)
            except OSError as error:  # gone meanwhile, or too long a path
                _logger.warning("Left out %r: %s", path, error.strerror or error)
                continue
            if (reason := _passed_over(status)) is None:
                yield path, inside, status
            else:
                _logger.debug("Left out %r: %s", path, reason)

    def _entered(self, place: _Place, name: str) -> _Place | None:
        """Return the place of a name in a folder; None if no pattern wants it."""
        wanted = self._glob.enter(place.wanted, name)
        unwanted = tuple(
            pattern.enter(states, name)
            for pattern, states in zip(self._exclude, place.unwanted, strict=True)
        )
        is_excluded = any(
            pattern.matches(states) for pattern, states in zip(self._exclude, unwanted, strict=True)
        )
        return None if is_excluded or not wanted else _Place((*place.names, name), wanted, unwanted)

    def _blob(self, path: str, source: str, status: os.stat_result) -> Blob | None:
        """Return the blob of a file; None if it is no media or cannot be read."""
        try:
            found = identify(path)
        except MediaError as error:
            _logger.warning("Left out a file: %s", error)
            return None
        if found is None:
            is_named_so = _suffix(path) in _MIME_TYPES
            level = logging.WARNING if is_named_so else logging.DEBUG
            _logger.log(level, "Left out %r: its first bytes are not those of media", path)
            return None
        if found.refusal is not None:
            _logger.warning("Left out %r: %s", path, found.refusal)
            return None
        return _as_blob(path, source, status, found) if found.kind in self._modalities else None

    @staticmethod
    def from_urls(urls: Iterable[str], *, modality: str | None = None) -> BlobLoader:
        """Return a loader of media URLs, in the order given. Nothing is fetched.

        Each blob has `path`, the URL, and in its metadata `source`, the URL, and `modality`.

        Args:
            urls: URLs that begin with http:// or https://.
            modality: "image", "video" or "audio", of all of them. Default: by the end of each
                URL's path, such as ".mp4".

        Raises:
            MiMoInputError: One of them is no such URL, or its end does not tell what it is.
        """
        with as_input_error():
            if isinstance(urls, str | bytes) or not isinstance(urls, Iterable):
                raise ValueError(f"urls must be a list of URLs, got {shown(urls)}")  # noqa: TRY004
            if modality is not None:
                choice("modality", modality, _MODALITIES)
            return _UrlBlobs(
                tuple(_url_blob(f"urls[{i}]", url, modality) for i, url in enumerate(urls))
            )


@dataclass(frozen=True, slots=True)
class _Place:
    """A file or folder beneath the root.

    Attributes:
        names: Its names from the root on.
        wanted: The states of `glob` behind them.
        unwanted: Those of each pattern of `exclude`.
    """

    names: tuple[str, ...]
    wanted: States
    unwanted: tuple[States, ...]


class _UrlBlobs(BlobLoader):
    """Yields blobs of URLs."""

    def __init__(self, blobs: tuple[Blob, ...]) -> None:
        self._blobs = blobs

    @override
    def yield_blobs(self) -> Iterator[Blob]:
        yield from self._blobs


def _absolute(root: Any) -> str:
    """Return the absolute path of a root.

    Raises:
        ValueError: It is no path.
    """
    text = os.fspath(root) if isinstance(root, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"root must be the path of a folder or a file, got {shown(root)}")
    if urlsplit(text).scheme in ("http", "https"):
        raise ValueError(f"root must be a path, got {shown(root)}; give URLs to from_urls")
    return os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111


def _check_exists(root: str) -> None:
    """Check that there is something at the root.

    Raises:
        ValueError: There is nothing, or it cannot be looked at.
    """
    try:
        os.stat(root)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        parent = next((folder for folder in Path(root).parents if folder.is_dir()), None)
        where = f"; {str(parent)!r} does, correct the path from there on" if parent else ""
        raise ValueError(f"root {root!r} does not exist{where}") from None
    except OSError as error:
        raise ValueError(f"root {root!r} cannot be used: {error.strerror or error}") from None


def _checked_modalities(modalities: Any) -> tuple[str, ...]:
    """Return the modalities.

    Raises:
        ValueError: There are none, or one is unknown.
    """
    given = (modalities,) if isinstance(modalities, str) else modalities
    if not isinstance(given, Iterable) or not (given := tuple(given)):
        raise ValueError(f"modalities must be some of {_MODALITIES}, got {shown(modalities)}")
    for index, each in enumerate(given):
        choice(f"modalities[{index}]", each, _MODALITIES)
    return given


def _passed_over(status: os.stat_result) -> str | None:
    """Return why something is neither a file nor a folder to look into, or None."""
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link"
    attributes = getattr(status, "st_file_attributes", 0)  # of Windows, as is the next
    mount_point = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    if attributes & getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 2):
        return "it is hidden"
    if mount_point is not None and getattr(status, "st_reparse_tag", 0) == mount_point:
        return "it is a junction"
    if not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
        return "it is a pipe, a socket or a device"
    if is_open_database(status):
        return "it is a budget or journal that is in use"
    return None


def _as_blob(path: str, source: str, status: os.stat_result, found: MediaType) -> Blob:
    return Blob(
        path=path,
        mimetype=found.mime_type,
        metadata={
            "source": _as_text(source),
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "modality": found.kind,
        },
    )


def _as_text(name: str) -> str:
    r"""Return a name as text that JSON and databases take: "caf\xe9.mp4" for a byte of Latin-1."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].removeprefix(".").lower()  # noqa: PTH122


def _url_blob(name: str, url: Any, modality: str | None) -> Blob:
    """Return the blob of a URL.

    Raises:
        ValueError: It is no URL of media.
    """
    if not isinstance(url, str):
        raise ValueError(f"{name} must be a URL, got {shown(url)}")  # noqa: TRY004
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or any(map(str.isspace, url)):
        raise ValueError(f"{name} must begin with http:// or https:// and a host, got {shown(url)}")
    mime_type = _MIME_TYPES.get(_suffix(unquote(parts.path)))
    if modality is None:
        if mime_type is None:
            raise ValueError(
                f"{name} does not end like an image, a video or audio, got {shown(url)}; "
                "pass modality="
            )
        modality = mime_type.split("/")[0]
    elif mime_type is not None and not mime_type.startswith(modality):
        mime_type = None
    return Blob(path=url, mimetype=mime_type, metadata={"source": url, "modality": modality})
