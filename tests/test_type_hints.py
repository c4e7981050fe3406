"""Type hints resolve at run time, as LangChain's tools, fallbacks and agents need them."""

import importlib
import inspect
import json
import subprocess
import sys
import typing

import pytest
from langchain_core.tools import tool
from langchain_core.utils.function_calling import convert_to_openai_tool

import langchain_mimo
from langchain_mimo import ChatMiMo

MODULES = (
    *("langchain_mimo", "langchain_mimo.catalogue", "langchain_mimo.chat_models"),
    *("langchain_mimo.cost", "langchain_mimo.emulator", "langchain_mimo.errors"),
    *("langchain_mimo.media", "langchain_mimo.prepare", "langchain_mimo.tokens"),
)


def public_objects():
    """Yield every public class, function, method and property getter with a name for reports."""
    for module in map(importlib.import_module, MODULES):
        names = getattr(module, "__all__", None) or [n for n in vars(module) if n[0] != "_"]
        for name in names:
            value = getattr(module, name)
            if not getattr(value, "__module__", "").startswith("langchain_mimo"):
                continue
            yield f"{module.__name__}.{name}", value
            for attribute, member in list(vars(value).items()) if inspect.isclass(value) else ():
                function = getattr(member, "__func__", getattr(member, "fget", member))
                if inspect.isfunction(function) and not attribute.startswith("_"):
                    yield f"{module.__name__}.{name}.{attribute}", function


OBJECTS = {name: value for name, value in public_objects() if callable(value)}


@pytest.mark.parametrize("name", OBJECTS)
def test_hints_of_public_names_resolve(name):
    typing.get_type_hints(OBJECTS[name])


def test_there_are_public_objects():
    assert len(OBJECTS) > 100
    assert {"langchain_mimo.ChatMiMo.bind_tools", "langchain_mimo.image_block"} <= set(OBJECTS)


def test_hints_resolve_without_pillow_pyav_and_the_http_client():
    code = """
import sys, typing
import langchain_core.language_models.chat_models
known = set(sys.modules)
from langchain_mimo import ChatMiMo, image_block
for value in (ChatMiMo, ChatMiMo.bind_tools, ChatMiMo.estimate, image_block):
    typing.get_type_hints(value)
print(sorted({"PIL", "av", "httpx", "httpx2", "starlette"} & set(sys.modules) - known))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"sunny in {city}"


def test_tools_bind_to_a_model_with_fallbacks():
    first, second = (
        ChatMiMo(model=f"mimo-v2.6-{name}", api_key="sk-x") for name in ("flash", "pro")
    )
    bound = first.with_fallbacks([second]).bind_tools([get_weather])
    for runnable in (bound.runnable, *bound.fallbacks):
        assert runnable.kwargs["tools"][0]["function"]["name"] == "get_weather"


FUNCTIONS = (
    *("image_block", "video_block", "audio_block", "plan_segments"),
    *("prepare_image", "prepare_video", "prepare_audio"),
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_our_functions_become_tools(name):
    function = getattr(langchain_mimo, name)
    for schema in (convert_to_openai_tool(function), convert_to_openai_tool(tool(function))):
        assert schema["function"]["name"] == name
        assert schema["function"]["parameters"]["properties"]
        json.dumps(schema)
