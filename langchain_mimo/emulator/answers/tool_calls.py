"""Chooses the tools that a prompt asks for in words, and their arguments.

`tool_choice` is not an input: MiMo's backend ignores it (docs/api-facts.md), and so does the
emulator. Only the words of the prompt count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import orjson

from langchain_mimo.emulator.answers.media_values import about_media
from langchain_mimo.emulator.answers.property_names import is_proper_name
from langchain_mimo.emulator.answers.schema_references import required_names
from langchain_mimo.emulator.answers.schema_values import value_for
from langchain_mimo.emulator.answers.words import (
    PromptValues,
    both_ends,
    json_facts,
    keywords,
    mentions,
    name_words,
    sentences,
)
from langchain_mimo.emulator.conversation.request import Conversation, MediaItem, Tool, Turn

_NAME_SCORE = 10
_NAME_WORD_SCORE = 3
_MIN_SCORE = 3
_MIN_DESCRIPTION_WORDS = 2

_ACT = r"(?:call|calling|use|using|invoke|respond with|answer with|reply with|make|pick|choose)"
_TOOL_WORD = r"(?:tools?|functions?)"
_DUTY = r"\b(?:must|have to|has to|need to|required|mandatory|obliged|shall|always)\b"
_DUTY_WORD = re.compile(_DUTY, re.IGNORECASE)
_ACT_WORD = re.compile(rf"\b{_ACT}\b", re.IGNORECASE)
_CALL_OF_TOOL = re.compile(rf"\b{_TOOL_WORD}\s+(?:call|use)s?\b", re.IGNORECASE)
_HAN_DUTY = re.compile(r"必须|务必|一定要")
_HAN_ACT = re.compile(r"调用|使用")
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
_PROTECTED = re.compile(r"\"[^\"]*\"|'[^'\n]*'(?!\w)|\([^)]*\)")
MAX_EARLIER = 20
"""Earlier messages in which values are looked for."""

_MAX_FRAGMENTS = 200
"""Fragments that are looked at by themselves; what follows is one."""

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
class Task:
    """What the user currently asks for, and the tool calls made for it so far.

    Attributes:
        text: The text of the user's messages.
        earlier: The texts of earlier user messages, latest first.
        rounds: Number of assistant turns with tool calls since then.
        called: Names of the tools called since then.
        results: Texts of the tool results since then, in order.
        media: The media since the last finished answer; without any, those of all turns.
    """

    text: str
    earlier: tuple[str, ...]
    rounds: int
    called: tuple[str, ...]
    results: tuple[str, ...]
    media: tuple[MediaItem, ...] = ()


def current_task(conversation: Conversation) -> Task:
    """Find what the user currently asks for, and the tool calls made for it so far."""
    texts: list[str] = []
    calls: list[Turn] = []
    results: list[str] = []
    for turn in conversation.exchange:
        if turn.role == "user":
            # Media after tool results belong to the results; any other user turn is a new task.
            if calls and turn.media:
                continue
            if calls:
                texts, calls, results = [], [], []
            texts.append(turn.text)
        elif turn.role == "assistant":
            calls.append(turn)
        elif turn.role == "tool":
            results.append(turn.text)
    earlier = [turn.text for turn in conversation.turns if turn.role == "user"]
    media = [item for turn in conversation.exchange for item in turn.media] or conversation.media
    return Task(
        "\n".join(texts),
        tuple(reversed(earlier[: len(earlier) - len(texts)])),
        len(calls),
        tuple(call.name for turn in calls for call in turn.calls),
        tuple(results),
        tuple(media),
    )


def choose_calls(conversation: Conversation, task: Task) -> list[ChosenCall]:
    """Return the calls to make now; none if the prompt does not ask for any."""
    tools = conversation.tools
    if not tools:
        return []
    text = both_ends(task.text)
    required = required_tools(both_ends(conversation.system_text), text, tools)
    if required is None and _REFUSED.search(text):
        return []
    names = [tool.name for tool in tools]
    request = "\n".join(
        sentence for sentence in sentences(text) if not _only_instructs(sentence, tools)
    )
    steps = [step for step in _STEP.split(request) if _passages(step, tools)]
    step = steps[task.rounds] if task.rounds < len(steps) else ""
    calls: list[ChosenCall] = []
    for tool, text in _passages(step, tools):
        calls.extend(_calls_for(tool, text, names, task))
    if required is not None:
        required_names = {tool.name for tool in required}
        kept = [call for call in calls if call.tool.name in required_names]
        calls = kept or _call_required_tool(required, request, names, task)
    return calls if conversation.parallel_calls else calls[:1]


def required_tools(system: str, user: str, tools: Sequence[Tool]) -> list[Tool] | None:
    """Return the tools of which the system or user text requires a call, or None.

    A sentence requires a call if it contains must (have to, required, always …) with call (use,
    invoke …) and a tool's name or the word tool; in the user's text the imperative is enough. A
    sentence with a condition (if, when …) does not.
    """
    for text, imperative in ((user, True), (system, False)):
        for sentence in reversed(sentences(text)):
            if _requires_call(sentence, imperative=imperative):
                named = [tool for tool in tools if mentions(sentence, tool.name)]
                if named:
                    return named
                if _ANY_TOOL.search(sentence):
                    return list(tools)
    return None


def score(text: str, tool: Tool) -> int:
    """Rate how strongly a text refers to a tool; below 3 it does not."""
    if mentions(text, tool.name):
        return _NAME_SCORE
    words = _words_of_text(text)
    shared = _words_of_name(tool.name) & words
    described = sum(
        1 if word.isascii() else 2 for word in _words_of_text(tool.description) & words - shared
    )
    if shared:
        return _NAME_WORD_SCORE * len(shared) + described
    return described + 1 if described >= _MIN_DESCRIPTION_WORDS else 0


@lru_cache(maxsize=4096)
def _words_of_text(text: str) -> frozenset[str]:
    return frozenset(keywords(both_ends(text)))


@lru_cache(maxsize=4096)
def _words_of_name(name: str) -> frozenset[str]:
    return frozenset(name_words(name))


def _requires_call(sentence: str, *, imperative: bool) -> bool:
    if _CONDITION.search(sentence) or _REFUSED.search(sentence):
        return False
    if _DUTY_WORD.search(sentence) and _ACT_WORD.search(sentence):
        return True
    if _follows(_CALL_OF_TOOL, _DUTY_WORD, sentence) or _follows(_HAN_DUTY, _HAN_ACT, sentence):
        return True
    return imperative and _IMPERATIVE.search(sentence) is not None


def _follows(first: re.Pattern[str], second: re.Pattern[str], text: str) -> bool:
    # Not one pattern with .* between them, which would try all pairs of places.
    match = first.search(text)
    return match is not None and second.search(text, match.end()) is not None


def _only_instructs(sentence: str, tools: Sequence[Tool]) -> bool:
    """Return whether a sentence is about tools in general, so that tool names are no requests."""
    return (
        _requires_call(sentence, imperative=False)
        and _ANY_TOOL.search(sentence) is not None
        and sum(mentions(sentence, tool.name) for tool in tools) != 1
    )


def _passages(text: str, tools: Sequence[Tool]) -> list[tuple[Tool, str]]:
    """Split a text into passages that each refer to one tool."""
    names = [tool.name for tool in tools]
    passages: list[tuple[Tool, str]] = []
    pending = ""
    for fragment, separator in _fragments(text):
        scores = [score(fragment, tool) for tool in tools]
        best = tools[scores.index(max(scores))]
        if max(scores) < _MIN_SCORE:
            if passages:
                tool, so_far = passages[-1]
                passages[-1] = (tool, f"{so_far}{separator}{fragment}")
            else:
                pending += f"{separator}{fragment}"
            continue
        own = PromptValues.read(fragment, names).has_values()
        if passages and passages[-1][0] is best:
            before = PromptValues.read(passages[-1][1], names).has_values()
            if not (own and before):
                passages[-1] = (best, f"{passages[-1][1]}{separator}{fragment}")
                continue
        passages.append((best, f"{pending}{separator}{fragment}".lstrip()))
        pending = ""
    return passages


def _fragments(text: str) -> list[tuple[str, str]]:
    """Return the fragments of a text, each with the separator before it."""
    fragments: list[tuple[str, str]] = []
    start, separator = 0, ""
    # Quoted text and arguments in parentheses are never split.
    protected = [match.span() for match in _PROTECTED.finditer(text)]
    for match in _FRAGMENT.finditer(text):
        while protected and protected[0][1] <= match.start():
            del protected[0]
        if protected and protected[0][0] <= match.start():
            continue
        if len(fragments) >= _MAX_FRAGMENTS:
            break
        if text[start : match.start()].strip():
            fragments.append((text[start : match.start()], separator))
        start, separator = match.end(), match.group()
    if text[start:].strip():
        fragments.append((text[start:], separator))
    return fragments


def _calls_for(tool: Tool, text: str, names: Sequence[str], task: Task) -> list[ChosenCall]:
    written = _written_calls(tool, text)
    if written:
        return written
    offered = _offered_values(text, names, task)
    listed = _listed_values(tool, text, offered)
    if not listed:
        return [ChosenCall(tool, value_for(tool.parameters, offered) or {})]
    calls = []
    for pool, value in listed:
        setattr(offered, pool, [value])
        calls.append(ChosenCall(tool, value_for(tool.parameters, offered)))
    return calls


def _listed_values(tool: Tool, text: str, offered: PromptValues) -> list[tuple[str, Any]]:
    """Find a list of values (`Paris, London and Rome`) for a tool that takes one value."""
    properties = tool.parameters.get("properties") or {}
    required = [name for name in required_names(tool.parameters) if name in properties]
    if len(required) != 1:
        return []
    schema = properties[required[0]]
    kind = str(schema.get("type")) if isinstance(schema, dict) else ""
    texts = ["names", "quoted"] if is_proper_name(required[0]) else ["quoted", "names"]
    pools = {"integer": ["numbers"], "number": ["numbers"], "string": texts}
    for pool in [pool for pool in pools.get(kind, ()) if getattr(offered, pool)][:1]:
        values = [value for value in getattr(offered, pool) if str(value) in text]
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


def _offered_values(text: str, names: Sequence[str], task: Task) -> PromptValues:
    offered = PromptValues.read(text, names)
    if task.results:
        offered.facts = json_facts(task.results)
        if task.rounds and _EARLIER_RESULT.search(text):
            offered.numbers = PromptValues.read(task.results[-1]).numbers + offered.numbers
    for earlier in (task.text, *task.earlier[:MAX_EARLIER]):
        if offered.has_values():
            break
        offered.fill_gaps(PromptValues.read(earlier, names))
    if task.media:
        offered.about_media = partial(about_media, task.media)
    return offered


def _written_calls(tool: Tool, text: str) -> list[ChosenCall]:
    """Read calls that are written as code: `name(1, b="x")`."""
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
            arguments = value_for(tool.parameters, PromptValues.read(text, [tool.name])) or {}
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


def _call_required_tool(
    required: Sequence[Tool], request: str, names: Sequence[str], task: Task
) -> list[ChosenCall]:
    """Call the best match among the required tools that were not called yet."""
    uncalled = [tool for tool in required if tool.name not in task.called]
    if not uncalled:
        return []
    if task.rounds:
        context = both_ends("\n".join((request, *task.results)))
        # The last of equal ones: an agent lists the tool for its final answer after the others.
        best = max(reversed(uncalled), key=lambda tool: score(context, tool))
        offered = _offered_values(context, names, task)
        return [ChosenCall(best, value_for(best.parameters, offered) or {})]
    best = max(uncalled, key=lambda tool: score(request, tool))
    return _calls_for(best, request, names, task)
