"""Faults: everything that can go wrong between a client and MiMo, on demand."""

from langchain_mimo.emulator.faults.queue import ArmedFault
from langchain_mimo.emulator.faults.table import FAULTS, Fault

__all__ = ["FAULTS", "ArmedFault", "Fault"]
