"""Opens the media of a request: decodes base64, maps URLs to local files, inspects the bytes.

Written from docs/api-facts.md and from the specifications of the file formats. It deliberately
shares no code with the client, so that errors of the client show up here.
"""

from __future__ import annotations

import binascii
import copy
import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import unquote, urlsplit

from langchain_mimo.emulator.conversation.request import (
    MediaInfo,
    MediaItem,
    MediaKind,
    Scene,
)
from langchain_mimo.emulator.media.containers import (
    FORMAT_REFUSALS,
    MIME_FORMATS,
    check_container,
    detect_container,
)
from langchain_mimo.emulator.media.limits import (
    AUDIO_VIDEO_SHARE,
    MAX_BASE64_CHARACTERS,
    MAX_URL_BYTES,
    Clock,
    Gate,
    damaged_media,
)
from langchain_mimo.emulator.refusals import Refusal, param_incorrect

NOMINAL_INFO: dict[MediaKind, MediaInfo] = {
    "image": MediaInfo("", 1024, 1024),
    "audio": MediaInfo("", duration=3.9, has_audio=True),
    "video": MediaInfo("", 1216, 720, 3.02, has_audio=True),
}
"""What a URL that is not mapped to a file counts as. The token counts are those of the sample
responses in MiMo's documentation: 1024 for the image, 25 for the audio, 1144 video and 19 audio
tokens for the video."""

_Value = TypeVar("_Value")
_DATA_URL = re.compile(r"data:([^;,]*);base64,", re.IGNORECASE)


def decode_base64(text: str) -> bytes:
    """Decode base64 strictly: no line breaks, no URL-safe alphabet, correct padding.

    Raises:
        Refusal: The text is too long, empty or not valid.
    """
    if len(text) > MAX_BASE64_CHARACTERS:
        raise param_incorrect(
            f"The base64 string has {len(text)} characters; "
            f"at most {MAX_BASE64_CHARACTERS} are supported."
        )
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise damaged_media() from None
    if not data:
        raise damaged_media()
    return data


class MediaLibrary:
    """Opens media, and serves mapped URLs from local folders.

    Args:
        roots: Maps URL prefixes to the folders that hold the files.
        cache_size: Number of inspection results kept, by digest; an agent sends the same file with
            every turn.
    """

    def __init__(
        self, roots: Mapping[str, str | Path] | None = None, *, cache_size: int = 128
    ) -> None:
        self._roots = {prefix: Path(folder).resolve() for prefix, folder in (roots or {}).items()}
        self._inspected: _Cache[MediaInfo] = _Cache(cache_size)
        self._scenes: _Cache[tuple[Scene, ...]] = _Cache(cache_size)
        self._gate = Gate()
        self._clock = Clock()

    def for_request(self) -> MediaLibrary:
        """Return this library with the time that one request has; everything else is shared."""
        library = copy.copy(self)
        library._clock = Clock()  # noqa: SLF001 - its own class
        return library

    def from_reference(
        self,
        kind: MediaKind,
        reference: str,
        *,
        fps: float | None = None,
        media_resolution: str | None = None,
    ) -> MediaItem:
        """Open a data URL or an HTTP URL.

        Raises:
            Refusal: MiMo would refuse it.
        """
        if reference[:5].lower() == "data:":
            match = _DATA_URL.match(reference)
            if match is None:
                raise damaged_media()
            return self.from_base64(
                kind,
                match.group(1).strip().lower(),
                reference[match.end() :],
                fps=fps,
                media_resolution=media_resolution,
            )
        return self.from_url(kind, reference, fps=fps, media_resolution=media_resolution)

    def from_base64(
        self,
        kind: MediaKind,
        mime_type: str,
        text: str,
        *,
        fps: float | None = None,
        media_resolution: str | None = None,
    ) -> MediaItem:
        """Open inline media.

        Raises:
            Refusal: MiMo would refuse the media.
        """
        if mime_type not in MIME_FORMATS[kind]:
            raise param_incorrect(FORMAT_REFUSALS[kind])
        data = decode_base64(text)
        return self._open(kind, None, mime_type, data, fps=fps, media_resolution=media_resolution)

    def from_url(
        self,
        kind: MediaKind,
        url: str,
        *,
        fps: float | None = None,
        media_resolution: str | None = None,
    ) -> MediaItem:
        """Open the local file that a URL is mapped to, or return a nominal item for other URLs.

        Nothing is fetched.

        Raises:
            Refusal: The URL is not valid, its file does not exist, or MiMo would refuse the file.
        """
        try:
            data = self._read_mapped(kind, url)
        except Refusal:
            raise
        except Exception:  # noqa: BLE001 - of urllib, of the codecs, or of the file system
            raise damaged_media() from None
        if data is None:
            digest = hashlib.sha256(url.encode()).hexdigest()
            info = NOMINAL_INFO[kind]
            return MediaItem(kind, url, "", None, digest, info, fps, media_resolution)
        container = detect_container(data)
        mime_type = next(
            (name for name, formats in MIME_FORMATS[kind].items() if container in formats), ""
        )
        return self._open(kind, url, mime_type, data, fps=fps, media_resolution=media_resolution)

    def _read_mapped(self, kind: MediaKind, url: str) -> bytes | None:
        """Return the bytes of the file that a URL is mapped to; None if it is not mapped."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise damaged_media()
        for prefix, folder in self._roots.items():
            if not url.startswith(prefix):
                continue
            rest = urlsplit(url[len(prefix) :]).path.lstrip("/")
            path = (folder / unquote(rest)).resolve()
            if not (path.is_relative_to(folder) and path.is_file()):
                raise damaged_media()
            if path.stat().st_size > MAX_URL_BYTES[kind]:
                raise damaged_media()
            return path.read_bytes()
        return None

    def _open(
        self,
        kind: MediaKind,
        url: str | None,
        mime_type: str,
        data: bytes,
        *,
        fps: float | None,
        media_resolution: str | None,
    ) -> MediaItem:
        container = check_container(kind, mime_type, data)
        digest = hashlib.sha256(data).hexdigest()
        info = self._inspected.get((digest, kind)) or self._inspect(kind, container, data, digest)
        scenes = None if kind == "image" else partial(self._find_scenes, kind, data, digest, info)
        return MediaItem(kind, url, mime_type, data, digest, info, fps, media_resolution, scenes)

    def _inspect(self, kind: MediaKind, container: str, data: bytes, digest: str) -> MediaInfo:
        try:
            info = self._look_into(kind, container, data)
        except Refusal:
            raise
        except Exception:  # noqa: BLE001 - Pillow and PyAV raise errors of many types
            raise damaged_media() from None
        self._inspected.put((digest, kind), info)
        return info

    def _look_into(self, kind: MediaKind, container: str, data: bytes) -> MediaInfo:
        # Imported here for start-up time: text requests need neither Pillow nor PyAV.
        from langchain_mimo.emulator.media.audio_video import inspect_audio_video  # noqa: PLC0415
        from langchain_mimo.emulator.media.images import inspect_image  # noqa: PLC0415

        if kind == "image":
            return inspect_image(container, data, self._clock, self._gate)
        with self._gate.admit(AUDIO_VIDEO_SHARE), self._clock.running():
            return inspect_audio_video(kind, container, data, self._clock)

    def _find_scenes(
        self, kind: MediaKind, data: bytes, digest: str, info: MediaInfo
    ) -> tuple[Scene, ...]:
        known = self._scenes.get((digest, kind))
        if known is not None:
            return known
        from langchain_mimo.emulator.media.scenes import find_scenes  # noqa: PLC0415

        try:
            with self._gate.admit(AUDIO_VIDEO_SHARE), self._clock.running():
                scenes = find_scenes(kind, data, info, self._clock)
        except Refusal:
            raise
        except Exception:  # noqa: BLE001 - as above
            raise damaged_media() from None
        self._scenes.put((digest, kind), scenes)
        return scenes


class _Cache(Generic[_Value]):
    """What was found out about files, by their digest and kind; the oldest leave it first.

    Args:
        size: Number of values kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[tuple[str, MediaKind], _Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, MediaKind]) -> _Value | None:
        """Return the value of a file, or None if it is not known."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: tuple[str, MediaKind], value: _Value) -> None:
        """Keep the value of a file."""
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
