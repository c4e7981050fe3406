"""The system message that MiMo recommends for every conversation."""

from __future__ import annotations

from datetime import date
from typing import Literal

from langchain_core.messages import SystemMessage

_WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "zh": ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
}


def system_prompt(language: Literal["en", "zh"] = "en", today: date | None = None) -> SystemMessage:
    """Return the system message that MiMo "strongly recommends" (first-API-call page, 2026-04).

    It is recommended, not enforced; ChatMiMo never adds it by itself.

    Args:
        language: "en" or "zh", the two versions MiMo publishes.
        today: The date to state; the machine's local date by default. Pass one date per
            conversation if the server's prefix cache should still be hit after midnight.

    Returns:
        A `SystemMessage` to put first.

    Raises:
        ValueError: `language` is neither.
    """
    if language not in _WEEKDAYS:
        msg = f'language must be "en" or "zh", got {language!r}'
        raise ValueError(msg)
    day = today or date.today()  # noqa: DTZ011  - the user's local date
    week = _WEEKDAYS[language][day.weekday()]
    if language == "zh":
        return SystemMessage(
            "你是MiMo（中文名称也是MiMo），是小米公司研发的AI智能助手。\n"
            f"今天的日期：{day:%Y-%m-%d} {week}，你的知识截止日期是2024年12月。"
        )
    return SystemMessage(
        "You are MiMo, an AI assistant developed by Xiaomi.\n"
        f"Today's date: {day:%Y-%m-%d} {week}. Your knowledge cutoff date is December 2024."
    )
