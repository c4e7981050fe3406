"""Calls of a ChatMiMo on an emulator, in the four ways that LangChain offers."""

import asyncio
import base64
import functools
import io
import operator

from PIL import Image

from langchain_mimo._transport import MiMoTimeouts
from langchain_mimo.chat_models import ChatMiMo

WAYS = ["invoke", "stream", "ainvoke", "astream"]

LIMITS = MiMoTimeouts(connect=5, first_event=0.8, idle=0.8)
"""Short limits; a fault of the emulator would stall for an hour."""


def model_at(emulator, **fields):
    fields = {"model": "mimo-v2.6-flash", "timeout": LIMITS, "max_retries": 0} | fields
    return ChatMiMo(base_url=emulator.base_url, **({"api_key": emulator.api_key} | fields))


def call(model, way, prompt="What is the weather?"):
    """Call the model in one of the four ways, and return one message."""
    if way == "invoke":
        return model.invoke(prompt)
    if way == "ainvoke":
        return asyncio.run(model.ainvoke(prompt))
    if way == "stream":
        return sum_of(list(model.stream(prompt)))

    async def run():
        return [chunk async for chunk in model.astream(prompt)]

    return sum_of(asyncio.run(run()))


def sum_of(chunks):
    return functools.reduce(operator.add, chunks)


def run_agent(agent, way, prompt):
    """Run an agent in one of the four ways."""
    given = {"messages": [("user", prompt)]}
    if way == "invoke":
        return agent.invoke(given)
    if way == "stream":
        return list(agent.stream(given, stream_mode="messages"))
    if way == "ainvoke":
        return asyncio.run(agent.ainvoke(given))

    async def run():
        return [part async for part in agent.astream(given, stream_mode="messages")]

    return asyncio.run(run())


def image_block():
    """A block with a small image that is whole."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    return {"type": "image", "base64": data, "mime_type": "image/png"}


def named(row):
    """The id of a test for a fault and its parameters."""
    return " ".join([row[0], *(f"{key}={value}" for key, value in row[1].items())])
