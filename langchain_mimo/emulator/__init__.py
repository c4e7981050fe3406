"""MiMo's API on this machine, strict, to test agents against (`langchain-mimo[emulator]`).

It refuses what MiMo refuses, opens the media it is sent, bills them by the published arithmetic,
and answers by rules that docs/emulator.md lists, or by a script.
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
