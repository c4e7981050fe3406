"""Opens what a program measures: a path of its own or bytes, named in errors."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias

from langchain_mimo._media.local_files import open_trusted_file
from langchain_mimo._media.readers import FileReader, MemoryReader, Reader
from langchain_mimo.errors import MediaError, MiMoConfigurationError

Source: TypeAlias = str | os.PathLike[str] | bytes
"""A local path, or the bytes of a file."""


class OpenedSource(NamedTuple):
    """A file that is being measured.

    Attributes:
        name: What it is called in errors.
        reader: Reads from any place of it.
        file: It as a binary file.
    """

    name: str
    reader: Reader
    file: IO[bytes]


@contextmanager
def opened(source: Source) -> Iterator[OpenedSource]:
    """Open a source, and close it afterwards.

    Raises:
        MediaError: It is a path that cannot be opened.
    """
    if isinstance(source, bytes):
        yield OpenedSource("the given bytes", MemoryReader(source), io.BytesIO(source))
        return
    try:
        descriptor = open_trusted_file(source)
    except ValueError as error:
        raise MediaError(str(error)) from None
    with os.fdopen(descriptor, "rb") as file:
        yield OpenedSource(repr(str(Path(source).absolute())), FileReader(descriptor), file)


@contextmanager
def named(name: str) -> Iterator[None]:
    """Name the file in whatever is raised.

    Raises:
        MediaError: The file cannot be measured; the text names it and says why.
    """
    try:
        yield
    except (MediaError, MiMoConfigurationError, ValueError) as error:
        raise MediaError(f"{name} cannot be measured: {error}") from error
    except OSError as error:
        raise MediaError(f"{name} cannot be read: {error.strerror or error}") from error
