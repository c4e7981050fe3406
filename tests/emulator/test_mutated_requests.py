"""Thousands of broken requests: each is answered or refused in MiMo's form, never with a traceback.

The mutations are random and seeded. `make test` runs a share of them, `make fuzz` all.
"""

import copy
import json
import os
import random
import sys
import time

import pytest
from emulator_requests import (
    CALL,
    KEY,
    RESULT,
    assistant,
    audio,
    data_url,
    function,
    image,
    png,
    post,
    request,
    video,
)

from langchain_mimo.emulator import MiMoEmulator

SCHEMA = {
    "type": "object",
    "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    "properties": {
        "city": {"type": "string", "minLength": 1, "maxLength": 40, "pattern": "^[A-Z].*$"},
        "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10, "multipleOf": 2},
        "kind": {"enum": ["a", "b", None], "default": "a"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
        "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "node": {"$ref": "#/$defs/Node"},
        "both": {"allOf": [{"properties": {"x": {"type": "number"}}}, {"required": ["x"]}]},
        "pair": {"prefixItems": [{"const": 1}, {"type": ["boolean", "null"]}]},
    },
    "required": ["city", "count"],
}
PARTS = [
    {"type": "text", "text": "call f for 'Paris', 7 times, then answer in JSON"},
    image(data_url("image/png", png())),
    image("https://x.example/a.png"),
    audio("https://x.example/a.wav"),
    video("https://x.example/a.mp4", fps=2.0, media_resolution="default"),
]
CHAT = request(
    messages=[
        {"role": "system", "content": "You must use a tool."},
        {"role": "user", "content": PARTS},
        assistant(reasoning_content="x"),
        RESULT,
        {"role": "user", "content": "Call f with city: Oslo and count = 3."},
    ],
    tools=[function("f", description="Finds a city.", parameters=SCHEMA), {"type": "web_search"}],
    response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}},
    thinking={"type": "enabled"},
    stop=["END"],
    temperature=0.5,
    max_completion_tokens=500,
    stream=False,
)
ANTHROPIC = {
    "model": "mimo-v2.6-flash",
    "max_tokens": 500,
    "system": [{"type": "text", "text": "You must use a tool."}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Find Paris."}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "x", "signature": ""},
                {"type": "tool_use", "id": CALL["id"], "name": "f", "input": {"city": "Paris"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": CALL["id"], "content": "7"},
                {"type": "text", "text": "Call f with city: Oslo."},
            ],
        },
    ],
    "tools": [{"name": "f", "description": "Finds a city.", "input_schema": SCHEMA}],
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "enabled"},
}
BASES = (("/v1/chat/completions", CHAT), ("/anthropic/v1/messages", ANTHROPIC))

VALUES = [
    *(None, True, False, 0, 1, -1, 0.5, -0.0, 1e308, 5e-324, 10**8, 2**63, -(2**63), 10**18),
    *("", "a", "\0", "\u2028", "\U0001f600", "x" * 3000, " " * 8000, "a\n" * 4000, "9" * 5000),
    *("#", "#/", "#/$defs/Node", "#/properties/both", "object", "array", "null", "date"),
    *("^(([a-z])+.)+[A-Z]([a-z])+$", "(", "[", "(?=a)", "a{1,99999}", r"\p{L}", "(a|a)*b"),
    *("data:image/png;base64,", "data:audio/wav;base64,AAAA", "http://[::1", "http://a\u2100b/"),
    *("file:///etc/passwd", "https://x.example/" + "d/" * 2000, "auto", "json_schema"),
    *([], {}, [[]], [None], [1], {"a": 1}, {"": None}, {"type": 5}, {"$ref": "#"}, [{}] * 50),
    *({"minItems": 10**8, "type": "array"}, {"minLength": 10**9}, {"enum": []}, {"const": []}),
]
KEYWORDS = [
    *("type", "properties", "required", "items", "enum", "const", "default", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems"),
    *("maxItems", "pattern", "format", "anyOf", "oneOf", "allOf", "$ref", "$defs", "prefixItems"),
    *("description", "examples", "name", "role", "content", "tool_calls", "url", "fps", "index"),
]


def places(tree):
    """Return all (container, key) of a tree."""
    found, waiting = [], [tree]
    while waiting:
        one = waiting.pop()
        for key in one if isinstance(one, dict) else range(len(one)):
            found.append((one, key))
            if isinstance(one[key], dict | list):
                waiting.append(one[key])
    return found


def mutated(tree, rng):
    """Return a copy of a request with one to four random changes."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 2, 4))):
        container, key = rng.choice(places(tree))
        change = rng.randrange(5)
        if change == 0:
            del container[key]
        elif change == 1:
            container[key] = copy.deepcopy(rng.choice(places(tree))[0])
        elif change == 2 and isinstance(container, dict):
            container[rng.choice(KEYWORDS)] = copy.deepcopy(rng.choice(VALUES))
        elif change == 3 and isinstance(container[key], dict):
            container[key][rng.choice(KEYWORDS)] = copy.deepcopy(rng.choice(VALUES))
        else:
            container[key] = copy.deepcopy(rng.choice(VALUES))
        if not places(tree):
            break
    return tree


async def send_mutants(seed, count, caplog):
    """Send so many mutants; return the longest time that one took, in seconds."""
    rng = random.Random(seed)
    emulator = MiMoEmulator(anthropic_audio_video=True)
    statuses, slowest = set(), (0.0, "")
    for number in range(count):
        path, base = BASES[number % len(BASES)]
        body = mutated(base, rng)
        if rng.random() < 0.2:
            body["stream"] = True
        raw = json.dumps(body).encode()
        started = time.perf_counter()
        response = await post(emulator, raw, headers=KEY, path=path)
        slowest = max(slowest, (time.perf_counter() - started, raw[:200].decode()))
        statuses.add(response.status_code)
        what = f"seed {seed}, mutant {number}: {raw[:2000]!r}"
        assert response.status_code in {200, 400, 404}, what
        # Nothing reached the guard that turns a fault of the emulator into a 400.
        assert not caplog.records, what
        assert emulator.requests.pop().status == response.status_code
        if response.status_code != 200:
            assert json.loads(response.text.removeprefix("data:"))["error"]["code"], what
    assert statuses >= {200, 400}
    return slowest


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_broken_requests_are_answered_or_refused(seed, caplog):
    await send_mutants(seed, 100, caplog)


@pytest.mark.fuzz
@pytest.mark.timeout(900)
async def test_six_thousand_broken_requests(caplog):
    seed = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(10**6)))
    sys.stdout.write(f"\nFUZZ_SEED={seed}: requests to the emulator\n")
    seconds, which = await send_mutants(seed, 6000, caplog)
    sys.stdout.write(f"the slowest took {seconds:.2f} s: {which}\n")
