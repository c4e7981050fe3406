"""Measures any local image, video or audio file that `langchain_mimo.prepare` can read.

The package's own header readers come first. They need no other package, and whatever the size of a
file they read no more than `headers.reader.MAX_BYTES` of it. Other formats are opened with PyAV or
Pillow, whose headers tell the same; nothing is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import IO

from langchain_mimo._media import formats
from langchain_mimo._media.foreign_headers import (
    exif_rotation,
    measure_container,
    measure_image,
)
from langchain_mimo._media.formats import Format
from langchain_mimo._media.headers.codec_names import codec_name
from langchain_mimo._media.headers.matroska import is_truncated_matroska
from langchain_mimo._media.headers.probe import probe as probe_header
from langchain_mimo._media.headers.reader import (
    AVHeader,
    HeaderReader,
    ImageHeader,
    MediaHeader,
    StreamInfo,
    TruncatedMediaError,
)
from langchain_mimo._media.identify import identify_file
from langchain_mimo._media.inspection import inspect
from langchain_mimo._media.limits import EMPTY
from langchain_mimo._media.local_files import check_source
from langchain_mimo._media.opened_source import OpenedSource, Source, named
from langchain_mimo._media.opened_source import opened as opened_file
from langchain_mimo._media.packet_table import PacketTable, read_packets
from langchain_mimo._media.readers import OffsetReader, Reader
from langchain_mimo._media.references import MediaKind
from langchain_mimo._media.unreadable_formats import refusal_of
from langchain_mimo.errors import MediaError, MiMoConfigurationError

_MATROSKA = (formats.MATROSKA, formats.WEBM)
_WITH_EXIF = (formats.JPEG, formats.PNG, formats.WEBP)


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What the headers of a media file say. None stands for what they do not say.

    Attributes:
        kind: "image", "video" or "audio", by the streams: an MP4 without video is audio.
        format: The format's usual name, such as "MP4", by the bytes and not by the file's name.
        mime_type: The MIME type under which a block of this kind is sent; None if MiMo does not
            take the file as it is.
        refusal: Why MiMo does not take the file as it is, and what to do, in the words of the
            error that a block raises; None if it takes it.
        size: Bytes.
        duration_s: Seconds from the first moment shown to the end of the last, with edit lists
            applied; None for images, and where it is not known exactly.
        duration_range_s: Least and most seconds. Both are `duration_s` where that is known. A
            range stands alone for a truncated file, which holds at most what its header says; for
            an unfinished AVI with too many frames to count; and for a file of which the last
            packets cannot be read. None for images, and where nothing is known.
        width: Pixels of the image or of the first video stream as coded, which is what MiMo's
            prices depend on.
        height: As `width`.
        display_width: Pixels as shown: rotated, and stretched to the aspect ratio that the file
            states.
        display_height: As `display_width`.
        rotation: Degrees clockwise that a player turns the coded pixels: 0, 90, 180 or 270. For
            images, by EXIF (JPEG, PNG, WebP, TIFF) or by the container (HEIC, AVIF).
        frame_rate: Mean frames per second of the first video stream.
        is_variable_frame_rate: Whether the times between its frames differ.
        bit_rate: Mean bits per second of the whole file: its size over its duration.
        frames: Frames of an image, counted up to 1000; more than 1 if it is animated or has pages.
        streams: The streams in the file's order; one for an image.
        source: The path or bytes that were measured; not shown and not compared.
    """

    kind: MediaKind
    format: str
    mime_type: str | None
    refusal: str | None
    size: int
    duration_s: float | None = None
    duration_range_s: tuple[float, float] | None = None
    width: int | None = None
    height: int | None = None
    display_width: int | None = None
    display_height: int | None = None
    rotation: int | None = None
    frame_rate: float | None = None
    is_variable_frame_rate: bool | None = None
    bit_rate: int | None = None
    frames: int | None = None
    streams: tuple[StreamInfo, ...] = ()
    source: Source = field(default=b"", repr=False, compare=False)

    @property
    def has_audio(self) -> bool:
        """Whether there is an audio stream."""
        return any(stream.kind == "audio" for stream in self.streams)

    def key_frames(self) -> list[float]:
        """Return where decoding of a video can start.

        `prepare_video` cuts there without encoding if the video is H.264 in 8-bit 4:2:0 at a
        constant frame rate, its audio AAC or MP3, and the group of frames closed: nothing in it
        refers to frames before. It encodes all else, whatever is listed: other codecs, such as
        HEVC, AV1 and those of WMV, and groups that are open, as in broadcasts.

        The file is read once from beginning to end, without decoding: about as long as copying it
        takes. Frames that are marked as key frames, but do not decode without those before them,
        are left out.

        Returns:
            Seconds from the first moment shown, in ascending order: the values that `start_s` of
            `prepare_video` takes. Empty for images and audio, and for H.264 in AVI or WMV with
            B-frames, whose times are not known before decoding.

        Raises:
            MediaError: PyAV is not installed, the file is gone, or it cannot be read to its end.
        """
        if not any(stream.kind == "video" for stream in self.streams):
            return []
        return list(self.packets().key_frames)

    def packets(self) -> PacketTable:
        """Return what the packets of a video or audio file say: how it divides into segments.

        The file is read once from beginning to end, without decoding: about as long as copying it
        takes. What was read is remembered for the last files, while they do not change.

        Returns:
            The exact length, the key frames, and which time ranges can be copied.

        Raises:
            MediaError: It is an image, PyAV is not installed, the file is gone, or it cannot be
                read to its end.
        """
        with opened_file(self.source) as opened, named(opened.name):
            if self.kind == "image":
                raise MediaError("an image has no packets")
            found, offset = identify_file(opened.reader)
            header, _ = _header(opened, found, offset)
            av_header = header if isinstance(header, AVHeader) else None
            return read_packets(opened.file, self.source, self.kind, found, av_header)


def probe(source: Source) -> MediaInfo:
    """Measure an image, video or audio file from its headers.

    Takes any file that `langchain_mimo.prepare` can read, of any size, and reads a few kilobytes of
    most of them. What MiMo accepts is measured without other packages; most other videos and audio
    need PyAV, which the extra `av` installs. Nothing is decoded and nothing is sent.

    Args:
        source: A local path, or the bytes of a file.

    Returns:
        What the headers say.

    Raises:
        MediaError: The source is not a local file or bytes, cannot be opened or recognised, or
            needs PyAV, which is not installed.
    """
    source = check_source("probe", source)
    with opened_file(source) as opened, named(opened.name):
        if opened.reader.size == 0:
            raise MediaError(EMPTY)
        found, offset = identify_file(opened.reader)
        header, name = _header(opened, found, offset)
        kind, mime_type, refusal = _verdict(opened.reader, found, header)
        if found is formats.WMV and kind == "audio":
            name = formats.WMA.name
        info = MediaInfo(kind, name, mime_type, refusal, opened.reader.size, source=source)
        if isinstance(header, AVHeader):
            return _with_streams(info, header)
        if found in _WITH_EXIF:
            header = replace(header, rotation=exif_rotation(opened.file))
        return _with_image(info, header)


def _header(opened: OpenedSource, found: Format | None, offset: int) -> tuple[MediaHeader, str]:
    """Measure a file by its own header, or with PyAV or Pillow where that does not tell.

    Returns:
        The header, and the format's name.

    Raises:
        MediaError: None of them can read it.
        ValueError: It is damaged, and PyAV or Pillow cannot read it either.
        MiMoConfigurationError: It needs PyAV, which is not installed.
    """
    header, fault = _own_header(opened.reader, found, offset)
    if found is not None and header is not None and _says_something(header):
        return header, found.name
    try:
        foreign, name = _foreign_header(opened.file, found)
    except (MediaError, MiMoConfigurationError):
        if fault is not None:
            raise fault from None
        raise
    is_cut = found in _MATROSKA and is_truncated_matroska(HeaderReader(opened.reader))
    if isinstance(foreign, AVHeader) and (fault is not None or is_cut):
        foreign = foreign.bounded()
    return foreign, found.name if found is not None else name


def _own_header(
    reader: Reader, found: Format | None, offset: int
) -> tuple[MediaHeader | None, ValueError | None]:
    """Return what the file's own header says, and why it cannot be measured completely."""
    if found is None:
        return None, None
    # The frame count of an MP3 may be judged by the tags around its frames, so it is read whole.
    whole = OffsetReader(reader, offset) if offset and found is not formats.MP3 else reader
    try:
        return probe_header(whole, found), None
    except TruncatedMediaError as error:
        return None if error.header is None else error.header.bounded(), error
    except ValueError as error:
        return None, error


def _says_something(header: MediaHeader) -> bool:
    return isinstance(header, ImageHeader) or bool(header.has_video or header.has_audio)


def _foreign_header(file: IO[bytes], found: Format | None) -> tuple[MediaHeader, str]:
    """Measure a file with PyAV or Pillow, and return the header and their name of the format."""
    if found is not None and not found.mime_types and found.preparer is None:
        raise MediaError(refusal_of(found, "cannot be measured"))
    if found is not None and found.description == "image":
        return measure_image(file)
    try:
        return measure_container(file)
    except (MediaError, MiMoConfigurationError) as error:
        if found is not None:
            raise
        try:
            return measure_image(file)
        except MediaError:
            raise error from None


def _verdict(
    reader: Reader, found: Format | None, header: MediaHeader
) -> tuple[MediaKind, str | None, str | None]:
    """Return the kind, the MIME type under which MiMo takes it, and why it does not."""
    refusals: list[tuple[MediaKind, str]] = []
    for kind in _kinds(found, header):
        try:
            return kind, inspect(kind, None, reader).mime_type, None
        except ValueError as error:
            refusals.append((kind, str(error)))
    kind, refusal = refusals[0]
    return kind, None, refusal


def _kinds(found: Format | None, header: MediaHeader) -> list[MediaKind]:
    """Return what a file may be sent as, the likeliest first."""
    if isinstance(header, ImageHeader):
        return ["image"]
    if not header.has_video:
        return ["audio"] if header.has_audio or found in formats.ACCEPTED else ["video"]
    # An audio file with a cover is accepted as audio alone.
    return ["video", "audio"] if header.has_audio else ["video"]


def _with_image(info: MediaInfo, header: ImageHeader) -> MediaInfo:
    """Add what the header of an image says."""
    size = header.width, header.height
    shown = size[::-1] if header.rotation % 180 else size
    codec = codec_name(info.format)
    return replace(
        info,
        width=size[0],
        height=size[1],
        display_width=shown[0],
        display_height=shown[1],
        rotation=header.rotation,
        frames=header.frames,
        streams=(StreamInfo("image", codec, *size, rotation=header.rotation),),
    )


def _with_streams(info: MediaInfo, header: AVHeader) -> MediaInfo:
    """Add what the header of a video or audio file says."""
    seconds, streams = header.duration, _streams(header)
    info = replace(
        info,
        duration_s=seconds,
        duration_range_s=header.duration_range if seconds is None else (seconds, seconds),
        bit_rate=round(info.size * 8 / seconds) if seconds else None,
        streams=streams,
    )
    video = next((stream for stream in streams if stream.kind == "video"), None)
    if video is None or info.kind != "video":
        return info
    shown = header.display_width, header.display_height
    if not all(shown):
        size = video.width, video.height
        shown = size[::-1] if (video.rotation or 0) % 180 else size
    return replace(
        info,
        width=video.width,
        height=video.height,
        display_width=shown[0],
        display_height=shown[1],
        rotation=video.rotation,
        frame_rate=video.frame_rate,
        is_variable_frame_rate=video.is_variable_frame_rate,
    )


def _streams(header: AVHeader) -> tuple[StreamInfo, ...]:
    """Return the streams, with FFmpeg's names of the codecs."""
    streams = header.streams
    if not streams and header.has_audio:
        streams = (StreamInfo("audio", header.audio_codec),)
    return tuple(replace(stream, codec=codec_name(stream.codec)) for stream in streams)
