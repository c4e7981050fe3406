"""What `from langchain_mimo import …` gives, and what importing the package costs."""

import subprocess
import sys
from datetime import date

import pytest

import langchain_mimo
from langchain_mimo import system_prompt


@pytest.mark.parametrize("name", langchain_mimo.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(langchain_mimo, name).__doc__
    assert name in dir(langchain_mimo)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="'ChatMimo'"):
        langchain_mimo.ChatMimo  # noqa: B018


def test_no_public_name_is_also_a_module():
    # Importing such a module by its path would put it in the place of the name.
    code = """
import importlib, pkgutil, langchain_mimo
modules = {info.name for info in pkgutil.iter_modules(langchain_mimo.__path__)}
print(sorted(modules & set(langchain_mimo.__all__)))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_package_itself_imports_nothing():
    code = "import sys, langchain_mimo; print('langchain_core' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Today's date: 2026-11-21 Saturday."),
        ("zh", "今天的日期：2026-11-21 星期六，"),
    ],
)
def test_the_recommended_system_message(language, words):
    message = system_prompt(language, date(2026, 11, 21))
    assert message.type == "system"
    assert words in message.content
    assert "MiMo" in message.content


def test_a_language_mimo_has_no_prompt_for():
    with pytest.raises(ValueError, match="'fr'"):
        system_prompt("fr")
