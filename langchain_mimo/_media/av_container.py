"""Opens a video or audio file with PyAV so that FFmpeg can read nothing but the file's own bytes.

FFmpeg follows playlists, concatenations and references to files and hosts. Here it gets an open
file instead of a name, no protocol at all, and a list of formats that cannot refer to anything
else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from langchain_mimo.errors import MediaError, MiMoConfigurationError, MiMoError
from langchain_mimo.version import install_command

if TYPE_CHECKING:
    from av.container import InputContainer

MAX_FRAME_PIXELS = 64_000_000
"""Most pixels per frame of a video that is decoded (8K has 33 million)."""

AV_TIME_BASE = 1_000_000
"""Ticks per second in which FFmpeg states times of whole files."""

_FORMATS = (
    "mov,matroska,webm,avi,asf,flv,mpegts,mpeg,mpegvideo,ogg,mp3,wav,w64,flac,aac,ac3,aiff,amr,caf,"
    "wv,gif,ivf,h264,hevc,dv,mxf,nut,ape,au,dsf,dts,dtshd,eac3,loas,mpc,mpc8,tta,yuv4mpegpipe"
)
_NO_PROTOCOL = "none"


def import_av() -> Any:
    """Import PyAV and turn its logging off.

    Raises:
        MiMoConfigurationError: PyAV is not installed; the text says how to install it.
    """
    try:
        import av  # noqa: PLC0415 - an optional extra, and slow to import
    except ImportError as error:
        raise MiMoConfigurationError(
            f"PyAV is required but not installed; run {install_command('av')}"
        ) from error
    av.logging.set_level(av.logging.PANIC)
    return av


def new_reformatter() -> Any:
    """Return a converter of frames that goes when its owner does.

    `frame.reformat` and `frame.to_image` of PyAV 19 keep a converter for each thread. A forked
    process frees those of its parent's other threads, and waits forever for their FFmpeg threads.

    Raises:
        MiMoConfigurationError: PyAV is not installed.
    """
    return import_av().video.reformatter.VideoReformatter()


@contextmanager
def ffmpeg_errors(what: str, remedy: str = "get another copy") -> Iterator[None]:
    """Turn whatever PyAV and FFmpeg raise into a `MediaError`.

    PyAV raises its own errors, which are also ValueError, OSError, EOFError and others, and plain
    ones such as OverflowError. Do not call code of the user inside.

    Args:
        what: What cannot be done, for the error: "it cannot be opened as video or audio".
        remedy: What to do.

    Raises:
        MediaError: Anything but an error of this package was raised.
    """
    try:
        yield
    except MiMoError:
        raise
    except Exception as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MediaError(f"{what}: {why}; {remedy}") from error


def packets_of(container: Any, streams: Iterable[Any]) -> Iterator[Any]:
    """Yield the packets of some streams from where the container is now.

    Raises:
        MediaError: FFmpeg cannot read on.
    """
    wanted = tuple(streams)
    indices = {stream.index for stream in wanted}
    packets = container.demux(*wanted)
    while True:
        with ffmpeg_errors("it cannot be read to its end"):
            packet = next(packets, None)
        if packet is None:
            return
        # An empty one marks the end. FFmpeg may find further streams while it reads a damaged file.
        if packet.size and packet.stream.index in indices:
            yield packet


def pixel_format(context: Any) -> str | None:
    """Return the name of a video codec's pixel format, or None if it is not known.

    PyAV 17.1 ends the process when it is asked for `pix_fmt` and there is none.
    """
    return context.format.name if context.format is not None else None


def open_container(file: IO[bytes]) -> InputContainer:
    """Open a video or audio file for reading.

    Args:
        file: A seekable binary file; the container reads from it until it is closed.

    Raises:
        MediaError: FFmpeg does not recognise it, it is a playlist or similar, or its frames are
            larger than `MAX_FRAME_PIXELS`.
        MiMoConfigurationError: PyAV is not installed.
    """
    av = import_av()
    options = {"protocol_whitelist": _NO_PROTOCOL, "format_whitelist": _FORMATS}
    with ffmpeg_errors("it cannot be opened as video or audio", "check the file"):
        container = _opened(av.open, file, options)
    for stream in container.streams.video:
        context = stream.codec_context  # None where FFmpeg does not know the codec
        pixels = (context.width or 0) * (context.height or 0) if context is not None else 0
        if pixels > MAX_FRAME_PIXELS:
            container.close()
            raise MediaError(
                f"its frames have {pixels / 1e6:.0f} million pixels, but at most "
                f"{MAX_FRAME_PIXELS / 1e6:.0f} million are decoded; scale the video down"
            )
    return container


def _opened(av_open: Any, file: IO[bytes], options: dict[str, str]) -> InputContainer:
    """Open a file, with text in metadata that is not UTF-8 ignored.

    PyAV 19 removed `metadata_errors`, because it ignores such text always; before, it raised.
    """
    container: InputContainer
    try:
        container = av_open(file, "r", options=options, metadata_errors="ignore")
    except TypeError as error:
        if "metadata_errors" not in str(error):
            raise
        container = av_open(file, "r", options=options)
    return container
