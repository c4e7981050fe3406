"""The tables of the documentation agree with the code: tokens, prices, models, errors, facts."""

import ast
import dataclasses
import re

import pytest
from repository import ROOT

import langchain_mimo
from langchain_mimo import catalogue, errors, tokens
from langchain_mimo._wire.dialects import DIALECTS, Dialect

DOCS = ROOT / "docs"
PRICED = ("mimo-v2.6-flash", "mimo-v2.6-pro")


def money(count, digits):
    """The price of input tokens in US dollars, for each of the priced models."""
    return [f"{count * catalogue.MODELS[name].price.input / 1e6:.{digits}f}" for name in PRICED]


def image_rows():
    for width, height in (
        (320, 240),
        (640, 480),
        (1024, 1024),
        (1920, 1080),
        (3840, 2160),
        (6000, 4000),
    ):
        count = tokens.image_tokens(width, height)
        yield [f"{width} × {height}", f"{count:,}", *money(1000 * count, 2)]


def video_rows():
    for resolution in ("default", "max"):
        for width, height in ((1920, 1080), (640, 360)):
            for fps in (0.5, 1, 2, 5, 10):
                video = tokens.video_tokens(60, width, height, fps=fps, media_resolution=resolution)
                settings = [f"{width} × {height}", f"{fps:g}", f'`"{resolution}"`']
                yield [*settings, f"{video.frames:,}", f"{video.total:,}", *money(video.total, 4)]


def audio_rows():
    for name, seconds in (("1 minute", 60), ("10 minutes", 600), ("1 hour", 3600)):
        count = tokens.audio_tokens(seconds)
        yield [name, f"{count:,}", *money(count, 5)]


TABLES = {
    "images.md": ("images", image_rows),
    "video.md": ("video", video_rows),
    "audio.md": ("audio", audio_rows),
}


@pytest.mark.parametrize("page", TABLES)
def test_the_table_of_a_page_agrees_with_the_arithmetic(page):
    name, rows = TABLES[page]
    text = (DOCS / page).read_text(encoding="utf-8")
    shown = re.search(rf"<!-- table: {name} -->\n\n(.*?)<!-- end -->", text, re.DOTALL)[1]
    body = "".join(line + "\n" for line in shown.splitlines()[2:] if line)
    expected = "".join(f"| {' | '.join(row)} |\n" for row in rows())
    assert body == expected, f"{page} should say:\n{expected}"
    read_on = {catalogue.MODELS[model].price.as_of for model in PRICED}
    assert f"the prices of {read_on.pop()}" in text
    assert not read_on


# ------------------------------------------------------------------------------------ models.md


def rows_of(text):
    """Every table row of a page as its cells, without backticks."""
    return [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]


def tables_of(page):
    """The tables of a page: for each heading row, the rows below it."""
    tables = {}
    for block in re.findall(r"(?:^\|.*\n)+", (DOCS / page).read_text("utf-8"), re.MULTILINE):
        head, _, *rows = rows_of(block.replace("|---", "| ---"))
        tables[tuple(head)] = rows
    return tables


def models_md(*head):
    """The table of models.md that has these columns."""
    return tables_of("models.md")[head]


AVAILABLE = [m for m in catalogue.MODELS.values() if m.conversational and m.ended is None]
RETIRED = [m for m in catalogue.MODELS.values() if m.conversational and m.ended]
WORDS = {"text": "text", "image": "images", "video": "video", "audio": "audio"}


def test_the_available_models_are_those_of_the_catalogue():
    columns = "context", "max output", "input", "thinks by default", "media in tool messages"
    assert models_md("model", *columns) == [
        [
            model.id,
            f"{model.context_tokens:,}",
            f"{model.max_output_tokens:,}",
            ", ".join(word for kind, word in WORDS.items() if kind in model.inputs),
            "yes" if model.thinks_by_default else "no",
            "yes" if model.media_in_tool_messages else "no",
        ]
        for model in AVAILABLE
    ]


def test_the_limits_of_an_account_are_those_of_the_catalogue():
    columns = "model", "released", "requests per minute", "tokens per minute"
    assert models_md(*columns) == [
        [
            model.id,
            f"{model.released}",
            *("by agreement" if n is None else f"{n:,}" for n in model.limits[:2]),
        ]
        for model in AVAILABLE
    ]


def test_the_prices_are_those_of_the_catalogue():
    columns = "model", "currency", "input", "input from the cache", "output, reasoning included"
    rows = models_md(*columns)
    prices = [
        catalogue.PRICES[model.id, "realtime", currency]
        for model in AVAILABLE
        for currency in ("USD", "CNY")
    ]
    ids = [model.id for model in AVAILABLE for _ in ("USD", "CNY")]
    assert rows == [
        [name, price.currency, f"{price.input:g}", f"{price.cache_hit:g}", f"{price.output:g}"]
        for name, price in zip(ids, prices, strict=True)
    ]
    text = (DOCS / "models.md").read_text(encoding="utf-8")
    assert f"read on {prices[0].as_of}" in text
    assert {price.as_of for price in prices} == {prices[0].as_of}
    batch = {model for model, tier, _ in catalogue.PRICES if tier == "batch"}
    offered = re.search(r"batch API costs half and is\noffered for (.*);", text)[1]
    assert set(re.findall(r"`(.+?)`", offered)) == batch


@pytest.mark.parametrize("page", ["caches.md", "usage-and-cost.md"])
def test_the_discounts_of_the_prompt_cache_are_those_of_the_catalogue(page):
    words = {"one fiftieth": 50, "one 120th": 120}
    text = " ".join((DOCS / page).read_text(encoding="utf-8").split())
    shown = re.search(r"(one \w+) of the input price \(`(.+?)`\) or (one \w+) \(`(.+?)`\)", text)
    for said, model in (shown.group(1, 2), shown.group(3, 4)):
        for currency in ("USD", "CNY"):
            price = catalogue.PRICES[model, "realtime", currency]
            assert price.input / price.cache_hit == pytest.approx(words[said], rel=0.01)


def test_the_prices_of_services_are_those_of_the_catalogue():
    services = dict.fromkeys(service for service, _ in catalogue.UNIT_PRICES)
    rows = []
    for service in services:
        dollars, yuan = (catalogue.UNIT_PRICES[service, currency] for currency in ("USD", "CNY"))
        assert (dollars.per, dollars.unit) == (yuan.per, yuan.unit)
        unit = f"{dollars.per:,} {dollars.unit}s"
        rows.append([service, f"{dollars.amount:g}", f"{yuan.amount:g}", unit])
    assert models_md("service", "USD", "CNY", "unit") == rows


def test_the_retired_models_are_those_of_the_catalogue():
    columns = "released", "available until (Beijing time)", "successor named by MiMo"
    assert models_md("model", *columns) == [
        [
            model.id,
            f"{model.released or 'unknown'}",
            f"{model.ended:%Y-%m-%d %H:%M}",
            model.successor,
        ]
        for model in RETIRED
    ]


# ---------------------------------------------------------- errors-and-retries.md, self-hosting.md


def test_the_time_limits_shown_are_the_defaults():
    rows = rows_of((DOCS / "errors-and-retries.md").read_text(encoding="utf-8"))
    shown = {row[0]: row[1] for row in rows if len(row) == 3}
    assert shown.pop("limit") == "default"
    assert shown == {
        field.name: "none" if field.default is None else f"{field.default:g} s"
        for field in dataclasses.fields(langchain_mimo.MiMoTimeouts)
    }


def test_the_dialects_shown_are_those_of_the_code():
    rows = rows_of((DOCS / "self-hosting.md").read_text(encoding="utf-8"))
    table = {row[0]: row[1:] for row in rows if len(row) == 4}
    for column, server in enumerate(("mimo", "vllm", "sglang")):
        cells = {trait: row[column] for trait, row in table.items()}
        dialect = DIALECTS[server]
        assert cells[""] == server
        assert cells["thinking switch"] == (
            "chat_template_kwargs" if dialect.thinking_in_template else "thinking"
        )
        assert cells["reasoning sent back as"] == dialect.reasoning_field
        assert cells["audio"].split("`")[0] == dialect.audio_part
        assert ("media_io_kwargs" in cells["fps"]) == dialect.fps_in_media_io
        assert (cells["tool_choice"] == "enforced") == dialect.forces_tools
        assert (cells["JSON schema"] == "enforced") == dialect.enforces_schema
        assert (cells["parallel_tool_calls"] == "sent") == dialect.parallel_tool_calls
        assert (cells["web_search"] == "yes") == dialect.web_search


def test_every_trait_of_a_dialect_is_explained():
    text = (DOCS / "self-hosting.md").read_text(encoding="utf-8")
    table = text.partition("| trait | meaning |")[2].partition("\n\n")[0]
    traits = {row[0] for row in rows_of(table)} - {"---"}
    assert traits == {field.name for field in dataclasses.fields(Dialect)} - {"api_formats"}


# ------------------------------------------------------------------------------------ errors.md


def public_errors():
    return {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.MiMoError)
    }


def test_every_error_is_in_the_index_with_cause_and_remedy():
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE))
    assert set(sections) == public_errors()
    for name, section in sections.items():
        assert re.search(r"^Cause: \S", section, re.MULTILINE), name
        assert re.search(r"^Remedy: \S", section, re.MULTILINE), name


# --------------------------------------------------------------------------------- api-facts.md

PLACE = re.compile(r"`(?P<file>[\w/.]+\.py):(?P<name>[\w.]+)`")


def names_in(path):
    """The names that a module defines: `NAME`, `function`, `Class`, `Class.attribute`."""
    found = set()

    def visit(body, prefix):
        for node in body:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    found.add(prefix + node.name)
                case ast.ClassDef():
                    found.add(prefix + node.name)
                    visit(node.body, f"{prefix}{node.name}.")
                case ast.Assign():
                    for target in node.targets:
                        names = target.elts if isinstance(target, ast.Tuple) else [target]
                        found.update(prefix + n.id for n in names if isinstance(n, ast.Name))
                case ast.AnnAssign(target=ast.Name()):
                    found.add(prefix + node.target.id)

    visit(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


def fact_rows():
    """Every row of the facts page as its cells: fact, source, date, grade, code."""
    text = (DOCS / "api-facts.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [
        [cell.strip() for cell in row.strip("|").rsplit("|", 4)]
        for row in rows
        if not row.startswith("| fact ")
    ]


def test_every_fact_names_its_source_its_date_and_its_code():
    assert len(fact_rows()) >= 40
    for _, source, date, _, places in fact_rows():
        assert source.startswith(("official, ", "client, ", "measured, ", "inferred"))
        assert re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", date), source
        assert PLACE.search(places), source


def test_every_fact_has_a_grade_that_its_source_allows():
    for fact, source, _, grade, _ in fact_rows():
        assert grade in {"A", "B", "C"}, fact
        if source.startswith("inferred"):
            assert grade == "C", fact
        if "no public address" in source:
            assert grade != "A", fact


def test_the_code_of_every_fact_exists():
    missing = []
    for match in PLACE.finditer((DOCS / "api-facts.md").read_text(encoding="utf-8")):
        path = ROOT / "langchain_mimo" / match["file"]
        if not path.exists() or match["name"] not in names_in(path):
            missing.append(match[0])
    assert not missing


# ------------------------------------------------------------------------------------ docstrings


@pytest.mark.parametrize("name", langchain_mimo.__all__)
def test_every_public_name_has_a_docstring(name):
    value = getattr(langchain_mimo, name)
    assert value.__doc__
    assert len(value.__doc__.strip()) > 20
    for attribute, member in vars(value).items() if isinstance(value, type) else ():
        own = callable(member) or isinstance(member, property | classmethod | staticmethod)
        if own and not attribute.startswith("_"):
            assert getattr(value, attribute).__doc__, f"{name}.{attribute}"
