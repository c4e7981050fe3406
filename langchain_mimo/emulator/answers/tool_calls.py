"""Which tools a prompt asks for, by its words, and with which arguments.

`tool_choice` is not among the inputs: MiMo's backend drops it (mimo-api.md §3.4), so the emulator
does too. What is said in words counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson

from langchain_mimo.emulator.answers.schema_values import is_proper_name, value_for
from langchain_mimo.emulator.answers.words import (
    Material,
    facts_of,
    key_words,
    mentions,
    name_words,
    readable,
    sentences,
)
from langchain_mimo.emulator.conversation.request import Conversation, Tool, Turn

_NAMED = 10
_NAME_WORD = 3
_ENOUGH = 3
_ENOUGH_DESCRIBED = 2

_ACT = r"(?:call|calling|use|using|invoke|respond with|answer with|reply with|make|pick|choose)"
_TOOL_WORD = r"(?:tools?|functions?)"
_DUTY = r"\b(?:must|have to|has to|need to|required|mandatory|obliged|shall|always)\b"
_MUST_CALL = re.compile(rf"{_DUTY}.*\b{_ACT}\b|\b{_ACT}\b.*{_DUTY}", re.IGNORECASE | re.DOTALL)
_CALL_REQUIRED = re.compile(
    rf"\b{_TOOL_WORD}\s+(?:call|use)s?\b.*{_DUTY}|(?:必须|务必|一定要).*(?:调用|使用)",
    re.IGNORECASE | re.DOTALL,
)
_IMPERATIVE = re.compile(rf"^\W*(?:(?:please|now|so|then|just)\b[\s,]*)*{_ACT}\b", re.IGNORECASE)
_CONDITION = re.compile(
    r"(?<!even )\b(?:if|when|whenever|unless|where|in case|as needed)\b", re.IGNORECASE
)
_REFUSED = re.compile(
    rf"\b(?:do not|don't|must not|never|without|no need to|cannot|avoid|not)\s+(?:\w+\s+)?"
    rf"(?:{_ACT}\s+)?(?:\w+\s+){{0,3}}{_TOOL_WORD}\b|不要(?:调用|使用)",
    re.IGNORECASE,
)
_ANY_TOOL = re.compile(rf"\b{_TOOL_WORD}\b|工具|函数", re.IGNORECASE)

_STEP = re.compile(
    r"[,;.]?\s*(?:\band\s+)?\b(?:then|after that|afterwards)\b,?|然后|接着", re.IGNORECASE
)
_FRAGMENT = re.compile(
    r"[.?!](?=\s|$)|[;\n。？！；、]|\band\b|\balso\b|\bas well as\b|&|和|以及"
    r"|,\s+(?=(?:what|how|who|when|where|tell|get|find|use|call|please)\b)",
    re.IGNORECASE,
)
_LIST_JOINT = re.compile(
    r"['\"”’」]?\s*(?:,|、|&|和|以及|与|\band\b|\bas well as\b|\s)+['\"“‘「]?", re.IGNORECASE
)
_EARLIER_RESULT = re.compile(
    r"\b(?:results?|it|that|sum|product|output|answer|them)\b", re.IGNORECASE
)
_ARGUMENT = re.compile(r"\s*(?:(\w+)\s*[=:]\s*)?(\"[^\"]*\"|'[^']*'|[^,]+)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class ChosenCall:
    """A tool and the arguments to call it with."""

    tool: Tool
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What the user asks now.

    Attributes:
        text: The user's words.
        earlier: User texts before it, the latest first.
        rounds: Assistant turns with tool calls since then.
        called: Names of the tools called since then.
        results: Texts of the tool results since then, in order.
    """

    text: str
    earlier: tuple[str, ...]
    rounds: int
    called: tuple[str, ...]
    results: tuple[str, ...]


def question_of(conversation: Conversation) -> Question:
    """Find the user's present question and what has been done about it."""
    asked: list[str] = []
    calls: list[Turn] = []
    results: list[str] = []
    for turn in conversation.exchange:
        if turn.role == "user":
            # Media handed in behind tool results belong to them; anything else is a new question.
            if calls and turn.media:
                continue
            if calls:
                asked, calls, results = [], [], []
            asked.append(turn.text)
        elif turn.role == "assistant":
            calls.append(turn)
        elif turn.role == "tool":
            results.append(turn.text)
    earlier = [turn.text for turn in conversation.turns if turn.role == "user"]
    return Question(
        "\n".join(asked),
        tuple(reversed(earlier[: len(earlier) - len(asked)])),
        len(calls),
        tuple(call.name for turn in calls for call in turn.calls),
        tuple(results),
    )


def choose_calls(conversation: Conversation, question: Question) -> list[ChosenCall]:
    """Return the calls to make now; none when the words ask for none."""
    tools = conversation.tools
    if not tools:
        return []
    text = readable(question.text)
    demanded = demanded_tools(readable(conversation.system_text), text, tools)
    if demanded is None and _REFUSED.search(text):
        return []
    names = [tool.name for tool in tools]
    request = "\n".join(
        sentence for sentence in sentences(text) if not _only_instructs(sentence, tools)
    )
    steps = [step for step in _STEP.split(request) if _segments(step, tools)]
    step = steps[question.rounds] if question.rounds < len(steps) else ""
    calls: list[ChosenCall] = []
    for tool, text in _segments(step, tools):
        calls.extend(_calls_for(tool, text, names, question))
    if demanded is not None:
        wanted = {tool.name for tool in demanded}
        kept = [call for call in calls if call.tool.name in wanted]
        calls = kept or _call_demanded(demanded, request, names, question)
    return calls if conversation.parallel_calls else calls[:1]


def demanded_tools(system: str, question: str, tools: Sequence[Tool]) -> list[Tool] | None:
    """Return the tools one of which must be called, by words in system or user text, or None.

    A sentence demands when it says must (have to, required, always …) with call (use, invoke …) and
    a tool's name or the word tool; in the user's own words the bare imperative does. A condition
    (if, when …) in the sentence takes the demand away.
    """
    for text, imperative in ((question, True), (system, False)):
        for sentence in reversed(sentences(text)):
            if _demands(sentence, imperative=imperative):
                named = [tool for tool in tools if mentions(sentence, tool.name)]
                if named:
                    return named
                if _ANY_TOOL.search(sentence):
                    return list(tools)
    return None


def score(text: str, tool: Tool) -> int:
    """Say how strongly a text speaks of a tool; below 3 it does not."""
    if mentions(text, tool.name):
        return _NAMED
    words = key_words(text)
    shared = name_words(tool.name) & words
    described = sum(
        1 if word.isascii() else 2 for word in key_words(tool.description) & words - shared
    )
    if shared:
        return _NAME_WORD * len(shared) + described
    return described + 1 if described >= _ENOUGH_DESCRIBED else 0


def _demands(sentence: str, *, imperative: bool) -> bool:
    if _CONDITION.search(sentence) or _REFUSED.search(sentence):
        return False
    if _MUST_CALL.search(sentence) or _CALL_REQUIRED.search(sentence):
        return True
    return imperative and _IMPERATIVE.search(sentence) is not None


def _only_instructs(sentence: str, tools: Sequence[Tool]) -> bool:
    """Whether a sentence is about tools in general, so that names in it are not requests."""
    named = sum(mentions(sentence, tool.name) for tool in tools)
    return (
        _demands(sentence, imperative=False)
        and named != 1
        and _ANY_TOOL.search(sentence) is not None
    )


def _segments(text: str, tools: Sequence[Tool]) -> list[tuple[Tool, str]]:
    """Cut a text into stretches that each speak of one tool."""
    names = [tool.name for tool in tools]
    segments: list[tuple[Tool, str]] = []
    pending = ""
    for fragment, joint in _fragments(text):
        best = max(tools, key=lambda tool: score(fragment, tool))
        if score(fragment, best) < _ENOUGH:
            if segments:
                tool, so_far = segments[-1]
                segments[-1] = (tool, f"{so_far}{joint}{fragment}")
            else:
                pending += f"{joint}{fragment}"
            continue
        own = Material.of(fragment, names).has_values()
        if segments and segments[-1][0] is best:
            before = Material.of(segments[-1][1], names).has_values()
            if not (own and before):
                segments[-1] = (best, f"{segments[-1][1]}{joint}{fragment}")
                continue
        segments.append((best, f"{pending}{joint}{fragment}".lstrip()))
        pending = ""
    return segments


def _fragments(text: str) -> list[tuple[str, str]]:
    """Return the pieces of a text, each with the separator that stood before it."""
    pieces: list[tuple[str, str]] = []
    start, joint = 0, ""
    # Quoted passages and arguments in brackets are never cut.
    shielded = [
        match.span() for match in re.finditer(r"\"[^\"]*\"|'[^'\n]*'(?!\w)|\([^)]*\)", text)
    ]
    for match in _FRAGMENT.finditer(text):
        if any(low <= match.start() < high for low, high in shielded):
            continue
        if text[start : match.start()].strip():
            pieces.append((text[start : match.start()], joint))
        start, joint = match.end(), match.group()
    if text[start:].strip():
        pieces.append((text[start:], joint))
    return pieces


def _calls_for(tool: Tool, text: str, names: Sequence[str], question: Question) -> list[ChosenCall]:
    written = _written_calls(tool, text)
    if written:
        return written
    material = _material(text, names, question)
    several = _listed_values(tool, text, material)
    if not several:
        return [ChosenCall(tool, value_for(tool.parameters, material) or {})]
    calls = []
    for pool, value in several:
        setattr(material, pool, [value])
        calls.append(ChosenCall(tool, value_for(tool.parameters, material)))
    return calls


def _listed_values(tool: Tool, text: str, material: Material) -> list[tuple[str, Any]]:
    """Find a list of values (`Paris, London and Rome`) for a tool that takes one at a time."""
    properties = tool.parameters.get("properties") or {}
    required = [name for name in tool.parameters.get("required") or () if name in properties]
    if len(required) != 1:
        return []
    kind = properties[required[0]].get("type")
    texts = ["names", "quoted"] if is_proper_name(required[0]) else ["quoted", "names"]
    pools = {"integer": ["numbers"], "number": ["numbers"], "string": texts}
    for pool in [pool for pool in pools.get(kind, ()) if getattr(material, pool)][:1]:
        values = [value for value in getattr(material, pool) if str(value) in text]
        values.sort(key=lambda value: text.index(str(value)))
        chains = [values[:1]]
        for before, value in pairwise(values):
            between = text[text.index(str(before)) + len(str(before)) : text.index(str(value))]
            if _LIST_JOINT.fullmatch(between):
                chains[-1].append(value)
            else:
                chains.append([value])
        longest = max(chains, key=len)
        if len(longest) > 1:
            return [(pool, value) for value in longest]
    return []


def _material(text: str, names: Sequence[str], question: Question) -> Material:
    material = Material.of(text, names)
    if question.results:
        material.facts = facts_of(question.results)
        if question.rounds and _EARLIER_RESULT.search(text):
            material.numbers = Material.of(question.results[-1]).numbers + material.numbers
    for earlier in (question.text, *question.earlier):
        if material.has_values():
            break
        material.fall_back_on(Material.of(earlier, names))
    return material


def _written_calls(tool: Tool, text: str) -> list[ChosenCall]:
    """Read calls written out as in code: `name(1, b="x")`."""
    calls = []
    properties = tool.parameters.get("properties") or {}
    for match in re.finditer(rf"(?<![\w-]){re.escape(tool.name)}\s*\(([^()]*)\)", text):
        arguments: dict[str, Any] = {}
        free = list(properties)
        for label, value in _ARGUMENT.findall(match.group(1)):
            name = label if label in properties else next(iter(free), None)
            if name is None or not value.strip():
                continue
            free = [other for other in free if other != name]
            arguments[name] = _typed(value.strip(), properties[name])
        if not arguments and properties:
            arguments = value_for(tool.parameters, Material.of(text, [tool.name])) or {}
        calls.append(ChosenCall(tool, arguments))
    return calls


def _typed(text: str, schema: Any) -> Any:
    if text[0] in "\"'" and text[-1] == text[0]:
        return text[1:-1]
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    wants_text = isinstance(schema, dict) and schema.get("type") == "string"
    return text if wants_text else value


def _call_demanded(
    demanded: Sequence[Tool], request: str, names: Sequence[str], question: Question
) -> list[ChosenCall]:
    """Call the best of the tools that words demand, one that was not called yet."""
    fresh = [tool for tool in demanded if tool.name not in question.called]
    if not fresh:
        return []
    if question.rounds:
        context = "\n".join((request, *question.results))
        # Among equals the last: an agent lists the tool for its final answer behind the others.
        best = max(reversed(fresh), key=lambda tool: score(context, tool))
        material = _material(context, names, question)
        return [ChosenCall(best, value_for(best.parameters, material) or {})]
    best = max(fresh, key=lambda tool: score(request, tool))
    return _calls_for(best, request, names, question)
