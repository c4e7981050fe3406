"""Reads what the metadata of Documents say, and refuses what no index of media writes.

Metadata come from a store, and whoever can write there must not choose which files are opened. So
all of them are checked first, by their text and by what the file system says of names and links;
no file is opened here, except by `check_digests`, to compare hashes.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from langchain_core.documents import Document

from langchain_mimo._checks import choice, number, shown
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import file_digest

Modality: TypeAlias = Literal["image", "video", "audio"]

Root: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A folder or a single file, or several."""

MODALITIES = ("image", "video", "audio")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RAW_BYTE = re.compile(r"\\x([89a-f][0-9a-f])")
_UNSEEN = re.compile(r"[\x00-\x20\x7f]|\s")


@dataclass(frozen=True, slots=True)
class Hit:
    """What a Document says about its media.

    Attributes:
        rank: Its place among the Documents, from 0; the first is the best.
        document: The Document.
        source: Its source, as the metadata call it.
        paths: The absolute paths that this may be, one for each root in which there is such a file;
            none for a URL.
        sha256: Of the file; "" for a URL.
        modality: What it is.
        start_s: Start in seconds of the source.
        end_s: End likewise; infinite for the end of the file.
    """

    rank: int
    document: Document
    source: str
    paths: tuple[str, ...]
    sha256: str
    modality: Modality
    start_s: float
    end_s: float

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"documents[{self.rank}] ({shown(self.source)})"


def absolute_path(name: str, path: Any) -> str:
    """Return the absolute path of a folder; "~" is the user's home.

    Args:
        name: The name of the argument, for the error.
        path: The path passed.

    Raises:
        MiMoInputError: It is no path.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise MiMoInputError(f"{name} must be the path of a folder, got {shown(path)}")
    return str(Path(os.path.expanduser(text)).absolute())  # noqa: PTH111 - ~nobody is a name


def checked_roots(root: Any) -> tuple[str, ...]:
    """Return the folders and files under which sources may be, without links.

    Raises:
        MiMoInputError: One of them is no path, or does not exist.
    """
    given = (root,) if isinstance(root, str | os.PathLike) else root
    if not isinstance(given, Iterable) or isinstance(given, bytes) or not (given := tuple(given)):
        raise MiMoInputError(f"root must be a folder or several, got {shown(root)}")
    roots = []
    for each in given:
        real = os.path.realpath(absolute_path("root", each))
        if not os.path.exists(real):  # noqa: PTH110
            raise MiMoInputError(
                f"root {os.fspath(each)!r} does not exist; give the folder that was loaded"
            )
        roots.append(real)
    return tuple(roots)


def checked_documents(documents: Any) -> list[Document]:
    """Return Documents as a list.

    Raises:
        MiMoInputError: Something is no Document.
    """
    if isinstance(documents, Document | str) or not isinstance(documents, Iterable):
        raise MiMoInputError(f"documents must be a list of Documents, got {shown(documents)}")
    listed = list(documents)
    for rank, document in enumerate(listed):
        if not isinstance(document, Document):
            raise MiMoInputError(f"documents[{rank}] must be a Document, got {shown(document)}")
    return listed


def checked_hits(documents: Iterable[Document], roots: tuple[str, ...]) -> list[Hit]:
    """Check the metadata of all Documents; no file is opened.

    Args:
        documents: The Documents, the best first.
        roots: As `checked_roots` returns them.

    Raises:
        MiMoInputError: Something is no Document.
        MediaError: A source is not under the roots, is no file, or other metadata are not those of
            media.
    """
    hits = []
    for rank, document in enumerate(checked_documents(documents)):
        source = document.metadata.get("source")
        try:
            hits.append(_hit(rank, document, source, roots))
        except ValueError as error:
            raise MediaError(f"documents[{rank}] ({shown(source)}): {error}") from None
    return hits


def _hit(rank: int, document: Document, source: Any, roots: tuple[str, ...]) -> Hit:
    """Read the metadata of a Document.

    Raises:
        ValueError: They are not those of media; the text is the reason.
    """
    metadata = document.metadata
    if not isinstance(source, str) or not source:
        raise ValueError("its metadata have no source; use Documents of MiMoMediaLoader")
    try:
        choice("its modality", metadata.get("modality"), MODALITIES)
    except ValueError as error:
        raise ValueError(f"{error}; leave what is no media out of the search") from None
    modality: Modality = metadata["modality"]
    start_s = end_s = 0.0
    if modality != "image":
        start_s, end_s = _times(metadata, is_url="://" in source)
    if "://" in source:
        _check_url(source)
        return Hit(rank, document, source, (), "", modality, start_s, end_s)
    digest = metadata.get("source_sha256")
    if not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
        raise ValueError(f"its source_sha256 must be 64 hexadecimal digits, got {shown(digest)}")
    paths = _paths(source, roots)
    return Hit(rank, document, source, paths, digest, modality, start_s, end_s)


def _times(metadata: Mapping[str, Any], *, is_url: bool) -> tuple[float, float]:
    """Read a time range. Without one, a URL is meant as a whole, since it is shown as a whole.

    Raises:
        ValueError: It is missing or none; the text is the reason.
    """
    for name in () if is_url else ("start_s", "end_s"):
        if name not in metadata:
            raise ValueError(
                f"its metadata have no {name}; index again with MiMoMediaLoader, or state start_s "
                "and end_s in seconds (0 and infinity for a whole file)"
            )
    start_s = float(number("its start_s", metadata.get("start_s", 0.0), 0))
    end_s = metadata.get("end_s", math.inf)
    end_s = float(number("its end_s", end_s, 0, allow_infinity=True))
    if end_s < start_s:
        raise ValueError(f"its end_s must be at least start_s={start_s:g}, got {end_s:g}")
    return start_s, end_s


def _check_url(source: str) -> None:
    try:
        parts = urlsplit(source)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or _UNSEEN.search(source):
        raise ValueError("it is neither a path nor a URL that begins with http:// or https://")


def _paths(source: str, roots: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files under the roots that a source names, with links followed."""
    if source.startswith("sha256:"):
        raise ValueError("it was indexed from bytes that have no file; index a file")
    if "\0" in source or ".." in Path(source).parts:
        raise ValueError('its source must be a path under root without ".."')
    # Bytes of a name that are not UTF-8 are written as "\xe9"; the hash tells which file is meant.
    raw = _RAW_BYTE.sub(lambda byte: chr(0xDC00 + int(byte[1], 16)), source)
    found, reason = [], ""
    for root, name in product(roots, dict.fromkeys((source, raw))):
        folder = root if os.path.isdir(root) else os.path.dirname(root)  # noqa: PTH112, PTH120
        try:
            real = os.path.realpath(os.path.join(folder, name))  # noqa: PTH118
            if not Path(real).is_relative_to(root):
                reason = reason or "it is not under root; pass the folder that was loaded"
            elif not stat.S_ISREG(os.lstat(real).st_mode):
                reason = "it is no file"
            else:
                found.append(real)
        except (OSError, ValueError):
            reason = (
                "there is no such file under root; index again, or pass the folder that was loaded"
            )
    if not found:
        raise ValueError(reason)
    return tuple(dict.fromkeys(found))


def check_digests(hits: Iterable[Hit]) -> list[Hit]:
    """Compare the hashes of files with those of the metadata, and keep the path that fits.

    Each file is read once, and `media.file_digest` remembers its hash until it changes.

    Raises:
        MediaError: A file has changed since it was indexed, or cannot be read; or different files
            of two roots have the same name, which labels and links could not tell apart.
    """
    digest_of = lru_cache(file_digest)
    checked: list[Hit] = []
    digests: dict[str, str] = {}
    for hit in hits:
        fitting = [path for path in hit.paths if digest_of(path) == hit.sha256]
        if hit.paths and not fitting:
            raise changed(hit.source)
        if digests.setdefault(hit.source, hit.sha256) != hit.sha256:
            raise MediaError(
                f"{hit.name}: different files of two roots have this name; use a retriever for "
                "each root, or rename one of them and index again"
            )
        checked.append(replace(hit, paths=tuple(fitting[:1])))
    return checked


def changed(source: str) -> MediaError:
    """Return the error for a file that is not the one that was indexed."""
    return MediaError(f"{shown(source)} has changed since it was indexed; index again")
