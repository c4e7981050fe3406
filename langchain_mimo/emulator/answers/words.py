"""Reads a prompt by general rules: keywords, sentences, and values to use as arguments.

There is no language model here. The rules are few and documented in docs/emulator-specification.md,
so that a test can predict how the emulator reads a prompt. They are frozen: no patterns are added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from langchain_mimo.emulator.answers.moments import Moment


def _word_set(words: str) -> frozenset[str]:
    return frozenset(re.findall(r"\S+", words))


_SUFFIXES = (
    *("ations", "ation", "ings", "ing", "ators", "ator", "ors", "or"),
    *("ates", "ate", "ers", "er", "ed", "es", "s", "e"),
)
_STOP_WORDS = _word_set(
    """a about after again all also an and any are as at be been but by can could did do does for
    from give given had has have how i if in into is it its just like me more my named no not now of
    on one only or our out please should so some tell than that the their them then there these they
    this to too up us use used using want was we were what when where which who whom whose why will
    with would you your"""
)
_GENERIC_WORDS = _word_set(
    """answer argument arguments call calls create current currently data details do fetch find
    function functions get gets help info information input integer integers item items list lists
    make makes name names new number numbers object output parameter particular query question
    request response result results return returns run set show single specific string take takes
    text thing tool tools two type user users value values"""
)
_ARITHMETIC = (
    (re.compile(r"\d\s*\+\s*-?\d|\bplus\b|\bsum\b|\badd|加"), ("add", "sum", "plus")),
    (
        re.compile(r"\d\s*[*×x]\s*-?\d|\btimes\b|\bproduct\b|\bmultipl|乘"),
        ("multiply", "product", "times"),
    ),
    (re.compile(r"\d\s+[-−]\s+\d|\bminus\b|\bsubtract|减"), ("subtract", "minus", "difference")),
    (re.compile(r"\d\s*[/÷]\s*-?\d|\bdivide|除以"), ("divide", "quotient")),
)
_HAN = re.compile(r"[\u3400-\u9fff]+")
_LATIN = re.compile(r"[A-Za-z]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

QUOTED = re.compile(
    r"\"([^\"\n]+)\"|“([^”]+)”|‘([^’]+)’|「([^」]+)」|『([^』]+)』|《([^》]+)》|`([^`\n]+)`"
    r"|(?<!\w)'([^'\n]+)'(?!\w)"
)
_URL = re.compile(r"https?://[^\s\"'<>)]+[^\s\"'<>).,;!?]")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)?")
_TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?\b")
_NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\d_])(?!\w*_)")
_NUMBER_WORDS = {
    word: value
    for value, word in enumerate(
        re.findall(r"\w+", "zero one two three four five six seven eight nine ten eleven twelve")
    )
}
_NAME = re.compile(
    r"[A-Z][\w'’&-]*(?:\s+(?:(?:of|de|la|van|von)\s+)?[A-Z][\w'’&-]*)*(?:,\s[A-Z]{2}\b)?"
)
_SENTENCE_START = re.compile(r"(?:^|[.?!:;\n]\s*|[-–—]\s+)$")
_COMMON_STARTS = _word_set(
    """Add Also Analyse Analyze And Answer Are Ask Book Calculate Call Can Check Compare Compute
    Could Count Create Delete Describe Do Does Draw Explain Extract Fetch Find First Generate Get
    Give Hello Hey Hi How I If In Is It Its JSON Let List Look Make May My No Now OK Okay Open Play
    Please Plot Question Read Reply Respond Return Run Save Say Schedule Search Send Set Should Show
    Solve Summarise Summarize Take Tell Thank Thanks The Then There These This Those To Translate
    Update Use Using What When Where Which Who Why Will With Would Write Yes You Your"""
)
_HAN_PLACE = re.compile(
    r"(?:在|查询|查一下|告诉我|请问|问一下)?([\u4e00-\u9fff]{2,4}?)(?:今天|明天|现在)?(?:的|市)"
)
_OBJECT = re.compile(
    r"\b(?:about|named|called|in|at|for|of|on|from|to|with)\s+(?:the\s+|a\s+|an\s+)?"
    r"([^.,;:?!\n]+?)(?=\s+(?:and|in|at|for|of|on|from|to|with)\b|[.,;:?!\n]|$)",
    re.IGNORECASE,
)
MAX_READ_CHARACTERS = 8_000
"""Longest text that the rules read; of a longer one they read the beginning and the end."""

_MAX_BLANKS = 8
_LONG_BLANKS = re.compile(rf"\s{{{_MAX_BLANKS + 1},}}")
_LONG_RULE = re.compile(r"([-_=*#~+.])\1{79,}")
"""A line of one character, as in tables."""

_MAX_DIGITS = 15
"""Longer numbers are no values: not every reader of JSON keeps them."""

_SENTENCES = re.compile(r"(?<=[.?!])\s+|[;\n。？！；]+")


def both_ends(text: str) -> str:
    """Make a text short enough to read it fast.

    The middle of a very long text is cut out. Long runs of blanks, line breaks and dashes are cut:
    logs and tables have thousands, and the rules would try each with each of the others.
    """
    if len(text) > MAX_READ_CHARACTERS:
        half = MAX_READ_CHARACTERS // 2
        text = f"{text[:half]}\n{text[-half:]}"
    text = _LONG_BLANKS.sub(_shorter_blanks, text)
    return _LONG_RULE.sub(lambda match: match.group(1) * 80, text)


def _shorter_blanks(match: re.Match[str]) -> str:
    return "\n\n" if "\n" in match.group() else " " * _MAX_BLANKS


def stem(word: str) -> str:
    """Remove common endings, so that `adder`, `adds` and `adding` have the same stem."""
    word = word.lower()
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def keywords(text: str) -> set[str]:
    """Return the stems of a text's significant words, and the pairs of its Chinese characters."""
    spaced = _CAMEL.sub(" ", text)
    found = {
        stem(word)
        for word in _LATIN.findall(spaced)
        if len(word) > 2 and word.lower() not in _STOP_WORDS | _GENERIC_WORDS
    }
    for run in _HAN.findall(text):
        found.update(run[index : index + 2] for index in range(len(run) - 1))
    for pattern, words in _ARITHMETIC:
        if pattern.search(text.lower()):
            found.update(stem(word) for word in words)
    return found


def name_words(name: str) -> set[str]:
    """Return the stems of the significant words in an identifier."""
    return keywords(name.replace("_", " ").replace("-", " "))


def mentions(text: str, name: str) -> bool:
    """Return whether a text contains an identifier, also with spaces for its underscores."""
    return _mention_of(name).search(text) is not None


@lru_cache(maxsize=4096)
def _mention_of(name: str) -> re.Pattern[str]:
    pattern = re.sub(r"[_-]+", r"[\\s_-]+", re.escape(name).replace(r"\-", "-"))
    return re.compile(rf"(?<![\w-]){pattern}(?![\w-])", re.IGNORECASE)


@lru_cache(maxsize=64)
def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")


def sentences(text: str) -> list[str]:
    """Split a text into sentences."""
    return [part.strip() for part in _SENTENCES.split(text) if part.strip()]


@dataclass(slots=True)
class PromptValues:
    """The values that a text offers as arguments; a value is removed when it is used.

    Attributes:
        text: The text itself.
        quoted: Strings in quotation marks, in order.
        names: Capitalised phrases, in order; those that start a sentence come last.
        numbers: Numbers, in order; number words come after digits.
        dates: ISO dates and times of day.
        links: URLs and email addresses.
        objects: Phrases that follow a preposition, in order.
        facts: Values from the JSON results of tools and from media, by lower-case key.
        descriptions: Descriptions of media, in order.
        about_media: Looks into the media of the request, for an answer about its scenes; None
            without media.
        tells_media: Whether fields for what is seen and heard are about the media under any schema.
        moment: The range of a media file that all values are about, if they are about one.
    """

    text: str
    quoted: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    numbers: list[int | float] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    descriptions: list[str] = field(default_factory=list)
    about_media: Callable[[], Moment] | None = None
    tells_media: bool = False
    moment: Moment | None = None

    @classmethod
    def read(cls, text: str, excluded: Collection[str] = ()) -> PromptValues:
        """Find the values in a text; the identifiers in `excluded` (tool names) do not count."""
        text = both_ends(text)
        if excluded:
            text = _any_of(tuple(excluded)).sub(" ", text)
        text = re.sub(r"([\"'`“‘])\s*([\"'`”’])", " ", text)
        values = cls(text.strip())
        rest = text
        for pattern, into in ((_URL, values.links), (_EMAIL, values.links)):
            rest = _extract(pattern, rest, into)
        rest = _extract(QUOTED, rest, values.quoted)
        rest = _extract(_DATE, rest, values.dates)
        values.objects = [match.group(1).strip() for match in _OBJECT.finditer(rest)]
        rest = _extract(_TIME, rest, values.dates)
        for match in _NUMBER.finditer(rest):
            digits = match.group().replace(",", "")
            if len(digits) > _MAX_DIGITS:
                continue
            values.numbers.append(float(digits) if "." in digits else int(digits))
        values.numbers.extend(
            _NUMBER_WORDS[word.lower()]
            for word in _LATIN.findall(rest)
            if word.lower() in _NUMBER_WORDS and word.lower() != "one"
        )
        values.names = _names(rest)
        return values

    def has_values(self) -> bool:
        """Return whether there are quoted strings, names, numbers, dates or links."""
        return bool(self.quoted or self.names or self.numbers or self.dates or self.links)

    def fill_gaps(self, earlier: PromptValues) -> None:
        """Copy the kinds of values that this text lacks from an earlier one."""
        for name in ("quoted", "names", "numbers", "dates", "links"):
            if not getattr(self, name):
                setattr(self, name, list(getattr(earlier, name)))
        self.facts = {**earlier.facts, **self.facts}


def json_facts(results: Iterable[str]) -> dict[str, Any]:
    """Return the scalar members of the JSON objects in tool results, by lower-case key."""
    facts: dict[str, Any] = {}

    def collect(value: object) -> None:
        if isinstance(value, Mapping):
            for key, member in value.items():
                if isinstance(member, Mapping | list):
                    collect(member)
                else:
                    facts.setdefault(str(key).lower(), member)
        elif isinstance(value, list):
            for member in value:
                collect(member)

    for result in results:
        try:
            collect(orjson.loads(result))
        except (orjson.JSONDecodeError, RecursionError):
            continue
    return facts


def _extract(pattern: re.Pattern[str], text: str, into: list[str]) -> str:
    """Append the matches to `into`, and return the text without them."""

    def move(match: re.Match[str]) -> str:
        into.append(next((group for group in match.groups() if group), match.group()))
        return " "

    return pattern.sub(move, text)


def _names(text: str) -> list[str]:
    """Return capitalised phrases, those that start a sentence last, then Chinese place names."""
    inside: list[str] = []
    at_start: list[str] = []
    for match in _NAME.finditer(text):
        words = match.group().split()
        starts = _SENTENCE_START.search(text[max(0, match.start() - 4) : match.start()]) is not None
        while words and re.split(r"[,'’]", words[0])[0] in _COMMON_STARTS:
            words.pop(0)
            starts = False
        name = " ".join(words).removesuffix("'s").removesuffix("’s")
        if name and name != "I":
            (at_start if starts else inside).append(name)
    inside.extend(match.group(1) for match in _HAN_PLACE.finditer(text))
    return inside + at_start
