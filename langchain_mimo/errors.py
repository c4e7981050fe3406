"""Every error of this package, in one hierarchy, and the one table that picks from it.

MiMoError
├── MiMoConfigurationError (ValueError)       a constructor argument or the environment is wrong
├── MiMoInputError (ValueError)               a message is wrong; raised before anything is sent
│   ├── UnsupportedModalityError              media for a model that takes none
│   ├── MediaError                            a medium MiMo would not take, or may not be opened
│   └── HistoryError                          turns that do not fit together
├── MiMoConnectionError                       the server cannot be reached, or hung up
├── MiMoTimeoutError                          a time limit expired
├── MiMoIncompleteStreamError                 a stream ended before it was whole
└── MiMoAPIError                              the server answered with an error
"""

from __future__ import annotations


class MiMoError(Exception):
    """Base of every error that this package raises."""


class MiMoConfigurationError(MiMoError, ValueError):
    """A constructor argument or an environment variable is missing or wrong."""


class MiMoInputError(MiMoError, ValueError):
    """A message cannot be sent as it is; nothing was sent.

    Attributes:
        message_index: Index of the offending message in the list given, or None.
        block_index: Index of the offending block in its content, or None.
    """

    def __init__(
        self, reason: str, message_index: int | None = None, block_index: int | None = None
    ) -> None:
        self.reason = reason
        self.message_index = message_index
        self.block_index = block_index
        where = "" if message_index is None else f"messages[{message_index}]"
        if where and block_index is not None:
            where += f", block {block_index}"
        super().__init__(f"{where}: {reason}" if where else reason)


class UnsupportedModalityError(MiMoInputError):
    """A medium was given to a model that the catalogue knows not to take it."""


class MediaError(MiMoInputError):
    """A medium is of the wrong kind or size, damaged, changed, or may not be opened."""


class HistoryError(MiMoInputError):
    """Turns that do not fit together, such as a tool result without its call."""
