"""From what a request says of a medium to the medium itself, opened and measured.

Written from mimo-api.md §3.2 and from the formats' own documents, apart from the client's reading
of them on purpose: what the client gets wrong must show here.
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
"""The MIME names that the platform lists, and the containers that may stand behind each."""

NOMINAL: dict[MediaKind, MediaInfo] = {
    "image": MediaInfo("", 1024, 1024),
    "audio": MediaInfo("", duration=3.9, has_audio=True),
    "video": MediaInfo("", 1216, 720, 3.02, has_audio=True),
}
"""What an address that is not served counts as. The three give the very counts of the official
pages' sample answers: 1024 image tokens; 25 audio tokens; 1144 video and 19 audio tokens."""

_FORMAT_REFUSALS: dict[MediaKind, str] = {
    "image": IMAGE_FORMAT,
    "audio": AUDIO_FORMAT,
    "video": VIDEO_FORMAT,
}
_DATA_URL = re.compile(r"data:([^;,]*);base64,", re.IGNORECASE)
_ISO_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")


def detect_container(data: bytes) -> str:
    """Return the container that the first bytes tell, upper case, or "" when it is none of ours."""
    head = data[:16]
    simple = (
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
    for magic, name in simple:
        if head.startswith(magic):
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
    """Return the container of `data`, or refuse when kind, MIME name and bytes disagree."""
    allowed = MIME_FORMATS[kind].get(mime_type)
    container = detect_container(data)
    if allowed is None or not any(container in names for names in MIME_FORMATS[kind].values()):
        raise param_incorrect(_FORMAT_REFUSALS[kind])
    if container not in allowed:
        raise damaged_media()
    return container


def decode_base64(text: str) -> bytes:
    """Decode strictly (no line breaks, no URL alphabet, right padding), within the size limit."""
    if len(text) > MAX_BASE64_CHARACTERS:
        raise param_incorrect(
            f"The base64 string has {len(text)} characters, "
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
    """Opens media, remembers what it found, and serves mapped addresses from local folders.

    Args:
        roots: From an URL prefix to the folder whose files stand behind it.
        remembered: How many findings are kept, by digest: an agent sends the same file each turn.
    """

    def __init__(
        self, roots: Mapping[str, str | Path] | None = None, *, remembered: int = 128
    ) -> None:
        self._roots = {prefix: Path(folder).resolve() for prefix, folder in (roots or {}).items()}
        self._remembered = remembered
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
        """Open a data URL or an address, or refuse it."""
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
        """Open bytes that came along, or refuse them."""
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
        """Serve an address from its folder, or let it count as nominal: nothing is fetched."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise damaged_media()
        path = self._mapped(url)
        if path is None:
            digest = hashlib.sha256(url.encode()).hexdigest()
            return MediaItem(
                kind,
                url,
                "",
                None,
                digest,
                NOMINAL[kind],
                fps=fps,
                media_resolution=media_resolution,
            )
        if not path.is_file() or path.stat().st_size > MAX_URL_BYTES[kind]:
            raise damaged_media()
        data = path.read_bytes()
        container = detect_container(data)
        mime_type = next(
            (name for name, formats in MIME_FORMATS[kind].items() if container in formats), ""
        )
        return self._open(kind, url, mime_type, data, fps=fps, media_resolution=media_resolution)

    def _mapped(self, url: str) -> Path | None:
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
        # Imported here: a server that only ever sees text needs neither Pillow nor PyAV.
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
            while len(self._inspected) > self._remembered:
                self._inspected.popitem(last=False)
        return info
