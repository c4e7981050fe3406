"""Notes in the place of blocks that cannot be sent (`repair_history=True`).

Without them, one bad file in a tool's result or an old message would end a conversation: it is in
the state, so every later request would fail as the first one did. The note tells the model what was
there and why it is missing. Only the request has it; the messages stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from langchain_mimo._json import join_surrogates
from langchain_mimo._wire.from_langchain.media_blocks import unsupported
from langchain_mimo._wire.from_langchain.media_summary import recount
from langchain_mimo._wire.from_langchain.options import HistoryOptions, MediaDefaults
from langchain_mimo._wire.from_langchain.other_providers import block_type
from langchain_mimo._wire.turns import MediaPart, Part, TextPart, ToolTurn, Turn, UserTurn

if TYPE_CHECKING:
    from langchain_mimo.errors import MiMoInputError

_MAX_REASON = 300
_KINDS = {
    "image_url": "image",
    "input_image": "image",
    "video_url": "video",
    "input_video": "video",
    "audio_url": "audio",
    "input_audio": "audio",
    "input_file": "file",
    "file_data": "file",
    "inline_data": "file",
}
_OPENING = re.compile(r"^the (?:image|video|audio|file|text file) cannot be sent: ")
_PATH = re.compile(r"""(['"])(?:file:)?(?:/|[A-Za-z]:[\\/])[^'"]*?([^'"/\\]*)\1""")


def note_of(block: object, error: MiMoInputError) -> str:
    """Return the note that takes the place of a block.

    Args:
        block: The block.
        error: Why it cannot be sent.
    """
    kind = block_type(block) if isinstance(block, Mapping) else None
    return _note(_KINDS.get(kind or "", kind or "block"), error)


def _note(kind: str, error: MiMoInputError) -> str:
    """Return a note: the reason without its remedy, which is for the program, and without folders.

    The server has no use for the paths of this machine, and did not get them before.
    """
    reason = _OPENING.sub("", error.reason).split("; ", 1)[0]
    reason = _PATH.sub(r"\1\2\1", reason)
    return join_surrogates(f"[{kind[:40]} left out: {reason[:_MAX_REASON]}]")


def left_out(part: MediaPart, error: MiMoInputError) -> TextPart:
    """Return the note that takes the place of a media part."""
    return TextPart(_note(part.reference.kind, error))


def accepted_parts(
    parts: Sequence[Part], options: HistoryOptions, defaults: MediaDefaults
) -> list[Part]:
    """Refuse media that the model does not accept, or replace them with notes.

    Args:
        parts: The parts of a user turn, or the media of a result.
        options: For the model and its inputs.
        defaults: For whether something may be left out of this turn.

    Raises:
        UnsupportedModalityError: The model does not accept a part, and nothing is left out.
    """
    accepted: list[Part] = []
    for part in parts:
        inputs = options.inputs
        error = None if inputs is None else unsupported(part, options.model, inputs)
        if error is None or not isinstance(part, MediaPart):
            accepted.append(part)
        elif defaults.leave_out_unusable:
            accepted.append(left_out(part, error))
        else:
            raise error
    return accepted


def with_repair_remedy(error: MiMoInputError) -> MiMoInputError:
    """Return an error about a block of an earlier turn with what keeps the conversation going.

    Args:
        error: It names message and block. One that names the remedy already is returned as it is.
    """
    if "repair_history" in error.reason:
        return error
    reason = f"{error.reason}; or set repair_history=True to send a note in its place"
    extended = type(error)(reason, error.message_index, error.block_index)
    extended.__dict__ |= {**error.__dict__, "reason": reason}
    extended.__cause__ = error.__cause__
    return extended


def leave_out(turns: Sequence[Turn], error: MiMoInputError) -> bool:
    """Replace the media item that an error is about with a note.

    Args:
        turns: A conversation; the turn with the item is changed.
        error: Why it cannot be sent; it names message, block and item.

    Returns:
        Whether it was found.
    """
    place = (error.message_index, error.block_index, error.item)
    for turn in turns:
        if isinstance(turn, UserTurn) and not isinstance(turn.content, str):
            if (at := _index_of(turn.content, place)) is not None:
                turn.content = _with_note(turn.content, at, error)
                return True
        elif isinstance(turn, ToolTurn):
            if (at := _index_of(turn.media, place)) is not None:
                part = turn.media[at]
                turn.media = _recounted(turn, turn.media, at)
                turn.text = f"{turn.text}\n{left_out(part, error).text}"
                return True
            if (at := _index_of(turn.moved, place)) is not None:
                turn.moved = _recounted(turn, turn.moved, at)
    return False


def _recounted(turn: ToolTurn, media: list[MediaPart], at: int) -> list[MediaPart]:
    """Take one item from the media of a result, and correct the text that counts them."""
    remaining = [*media[:at], *media[at + 1 :]]
    recount(turn, media, remaining)
    return remaining


def _index_of(parts: Sequence[Part], place: tuple[int | None, int | None, int]) -> int | None:
    for at, part in enumerate(parts):
        if isinstance(part, MediaPart):
            reference = part.reference
            if (reference.message_index, reference.block_index, reference.item) == place:
                return at
    return None


def _with_note(parts: Sequence[Part], at: int, error: MiMoInputError) -> str | list[Part]:
    part = parts[at]
    note = left_out(part, error) if isinstance(part, MediaPart) else part
    replaced: list[Part] = [*parts[:at], note, *parts[at + 1 :]]
    if len(replaced) == 1 and isinstance(note, TextPart):
        return note.text
    return replaced
