"""Reads single values of JSON that servers, users and other libraries wrote."""

from __future__ import annotations


def string_or_empty(value: object) -> str:
    """Return the value if it is a string, else ""."""
    return value if isinstance(value, str) else ""
