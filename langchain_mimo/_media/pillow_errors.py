"""Makes one error of everything that Pillow and its plugins raise about an image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from langchain_mimo.errors import MediaError, MiMoError


class UndecodableImageError(MediaError):
    """Pillow cannot decode the image. The public functions raise it as a `MediaError`."""


@contextmanager
def pillow_errors(
    problem: str = "it is damaged and cannot be decoded", remedy: str = "get another copy"
) -> Iterator[None]:
    """Turn whatever is raised inside into an `UndecodableImageError`.

    Which exceptions a damaged image raises depends on the plugin, the codec library and where the
    damage is: OSError, SyntaxError, struct.error, zlib.error, RuntimeError and others have been
    seen. No list is complete, so there is none.

    Args:
        problem: What is wrong; the text of the exception follows.
        remedy: What to do.

    Raises:
        UndecodableImageError: Something was raised inside.
        MediaError: There is not enough memory.
    """
    try:
        yield
    except MiMoError:
        raise
    except MemoryError as error:
        raise MediaError(
            "there is not enough memory to decode it; shrink it with another program"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UndecodableImageError(f"{problem}: {reason}; {remedy}") from error
