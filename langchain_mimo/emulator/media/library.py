"""Opens the media of a request: decodes base64, maps URLs to local files, detects the container.

Written from docs/api-facts.md and from the specifications of the file formats. It deliberately
shares no code with the client, so that errors of the client show up here.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from langchain_mimo.emulator.conversation.request import MediaInfo, MediaItem, MediaKind
from langchain_mimo.emulator.media.limits import MAX_BASE64_CHARACTERS, MAX_URL_BYTES, damaged_media
from langchain_mimo.emulator.refusals import (
    AUDIO_FORMAT,
    IMAGE_FORMAT,
    VIDEO_FORMAT,
    param_incorrect,
)

MIME_FORMATS: dict[MediaKind, dict[str, frozenset[str]]] = {
    "image": {
        "image/jpeg": frozenset({"JPEG"}),
        "image/png": frozenset({"PNG"}),
        "image/gif": frozenset({"GIF"}),
        "image/webp": frozenset({"WEBP"}),
        "image/bmp": frozenset({"BMP"}),
    },
    "audio": {
        "audio/mpeg": frozenset({"MP3"}),
        "audio/wav": frozenset({"WAV"}),
        "audio/flac": frozenset({"FLAC"}),
        "audio/mp4": frozenset({"MP4", "MOV"}),
        "audio/ogg": frozenset({"OGG"}),
    },
    "video": {
        "video/mp4": frozenset({"MP4", "MOV"}),
        "video/quicktime": frozenset({"MP4", "MOV"}),
        "video/x-msvideo": frozenset({"AVI"}),
        "video/x-ms-wmv": frozenset({"ASF"}),
    },
}
"""The MIME types that MiMo documents, and the containers that each may hold."""

NOMINAL_INFO: dict[MediaKind, MediaInfo] = {
    "image": MediaInfo("", 1024, 1024),
    "audio": MediaInfo("", duration=3.9, has_audio=True),
    "video": MediaInfo("", 1216, 720, 3.02, has_audio=True),
}
"""What a URL that is not mapped to a file counts as. The token counts are those of the sample
responses in MiMo's documentation: 1024 for the image, 25 for the audio, 1144 video and 19 audio
tokens for the video."""

_FORMAT_REFUSALS: dict[MediaKind, str] = {
    "image": IMAGE_FORMAT,
    "audio": AUDIO_FORMAT,
    "video": VIDEO_FORMAT,
}
_DATA_URL = re.compile(r"data:([^;,]*);base64,", re.IGNORECASE)
_ISO_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")


def detect_container(data: bytes) -> str:
    """Return the container that the first bytes show, in upper case; "" for an unknown one."""
    head = data[:16]
    signatures = (
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"GIF87a", "GIF"),
        (b"GIF89a", "GIF"),
        (b"BM", "BMP"),
        (b"fLaC", "FLAC"),
        (b"OggS", "OGG"),
        (b"ID3", "MP3"),
        (_ASF_HEADER, "ASF"),
    )
    for signature, name in signatures:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF":
        return {b"WEBP": "WEBP", b"WAVE": "WAV", b"AVI ": "AVI"}.get(head[8:12], "")
    if head[4:8] in _ISO_BOXES:
        return "MOV" if head[4:8] != b"ftyp" or head[8:12] == b"qt  " else "MP4"
    # An MPEG audio frame: eleven set bits, and a layer that is not "reserved" (as in AAC's ADTS).
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return "MP3"
    return ""


def check_container(kind: MediaKind, mime_type: str, data: bytes) -> str:
    """Return the container of a media file, checked against its declared kind and MIME type.

    Raises:
        Refusal: The container is not accepted for this kind, or is not what the MIME type says.
    """
    allowed = MIME_FORMATS[kind].get(mime_type)
    container = detect_container(data)
    if allowed is None or not any(container in names for names in MIME_FORMATS[kind].values()):
        raise param_incorrect(_FORMAT_REFUSALS[kind])
    if container not in allowed:
        raise damaged_media()
    return container


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
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
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
        self._cache_size = cache_size
        self._inspected: OrderedDict[tuple[str, MediaKind], MediaInfo] = OrderedDict()
        self._lock = threading.Lock()

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
            raise param_incorrect(_FORMAT_REFUSALS[kind])
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
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise damaged_media()
        path = self._mapped_path(url)
        if path is None:
            digest = hashlib.sha256(url.encode()).hexdigest()
            info = NOMINAL_INFO[kind]
            return MediaItem(kind, url, "", None, digest, info, fps, media_resolution)
        if not path.is_file() or path.stat().st_size > MAX_URL_BYTES[kind]:
            raise damaged_media()
        data = path.read_bytes()
        container = detect_container(data)
        mime_type = next(
            (name for name, formats in MIME_FORMATS[kind].items() if container in formats), ""
        )
        return self._open(kind, url, mime_type, data, fps=fps, media_resolution=media_resolution)

    def _mapped_path(self, url: str) -> Path | None:
        for prefix, folder in self._roots.items():
            if not url.startswith(prefix):
                continue
            rest = urlsplit(url[len(prefix) :]).path.lstrip("/")
            path = (folder / unquote(rest)).resolve()
            if not path.is_relative_to(folder):
                raise damaged_media()
            return path
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
        info = self._inspect(kind, container, data, digest)
        return MediaItem(kind, url, mime_type, data, digest, info, fps, media_resolution)

    def _inspect(self, kind: MediaKind, container: str, data: bytes, digest: str) -> MediaInfo:
        # Imported here for start-up time: text requests need neither Pillow nor PyAV.
        from langchain_mimo.emulator.media.audio_video import inspect_audio_video  # noqa: PLC0415
        from langchain_mimo.emulator.media.images import inspect_image  # noqa: PLC0415

        key = (digest, kind)
        with self._lock:
            known = self._inspected.get(key)
            if known is not None:
                self._inspected.move_to_end(key)
                return known
        if kind == "image":
            info = inspect_image(container, data)
        else:
            info = inspect_audio_video(kind, container, data)
        with self._lock:
            self._inspected[key] = info
            while len(self._inspected) > self._cache_size:
                self._inspected.popitem(last=False)
        return info
