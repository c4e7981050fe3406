"""The names that `from langchain_mimo import …` offers, and what importing the package loads."""

import subprocess
import sys
from datetime import date

import pytest

import langchain_mimo
from langchain_mimo import system_prompt


@pytest.mark.parametrize("name", langchain_mimo.__all__)
def test_every_public_name_exists_and_is_documented(name):
    assert getattr(langchain_mimo, name).__doc__
    assert name in dir(langchain_mimo)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'ChatMimo'"):
        langchain_mimo.ChatMimo  # noqa: B018


def test_no_public_name_is_also_a_module():
    # Importing such a module by its path would replace the public name.
    code = """
import importlib, pkgutil, langchain_mimo
modules = {info.name for info in pkgutil.iter_modules(langchain_mimo.__path__)}
print(sorted(modules & set(langchain_mimo.__all__)))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_importing_the_package_does_not_import_langchain_core():
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
def test_the_recommended_system_prompt(language, words):
    message = system_prompt(language, date(2026, 11, 21))
    assert message.type == "system"
    assert words in message.content
    assert "MiMo" in message.content


def test_a_language_without_a_system_prompt_is_refused():
    with pytest.raises(ValueError, match="'fr'"):
        system_prompt("fr")
