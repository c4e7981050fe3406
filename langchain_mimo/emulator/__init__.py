"""A strict local emulator of MiMo's API, to test agents with (extra `emulator`).

It refuses what MiMo refuses, decodes the media in a request, counts their tokens by the published
arithmetic, and answers by the rules in docs/emulator-specification.md or from a script.
"""

from langchain_mimo.emulator.conversation.records import Disconnect, RecordedMedium, RecordedRequest
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.faults import FAULTS, Fault
from langchain_mimo.emulator.script import Responder, ResponderError
from langchain_mimo.emulator.server import MiMoEmulator

__all__ = [
    "FAULTS",
    "Disconnect",
    "Fault",
    "MiMoEmulator",
    "RecordedMedium",
    "RecordedRequest",
    "Reply",
    "Responder",
    "ResponderError",
]
