"""The catalogue: every documented model, its limits, prices and dates."""

import warnings
from datetime import UTC, date, datetime, timedelta

import pytest

from langchain_mimo import catalogue
from langchain_mimo.chat_models import ChatMiMo

MIB, KIB = 1 << 20, 1 << 10
OMNI = {"text", "image", "audio", "video"}
TEXT = {"text"}
V25_END = datetime(2026, 10, 21, 2, tzinfo=UTC)  # 10:00 in Beijing
V2_END = datetime(2026, 6, 29, 16, tzinfo=UTC)  # midnight in Beijing

# id: context, max output, default output, inputs, thinks by default, temperature, end, successor
MODELS = {
    "mimo-v2.6-pro": (MIB, 128 * KIB, 131_072, OMNI, True, 1.0, None, None),
    "mimo-v2.6-flash": (MIB, 128 * KIB, 131_072, OMNI, True, 1.0, None, None),
    "mimo-v2.6-pro-ultraspeed": (MIB, 128 * KIB, 131_072, OMNI, True, 1.0, None, None),
    "mimo-v2.5": (MIB, 128 * KIB, 32_768, OMNI, True, 1.0, V25_END, "mimo-v2.6-flash"),
    "mimo-v2.5-pro": (MIB, 128 * KIB, 131_072, TEXT, True, 1.0, V25_END, "mimo-v2.6-pro"),
    "mimo-v2.5-pro-ultraspeed": (
        *(MIB, 128 * KIB, 131_072, TEXT, True, 1.0, V25_END, "mimo-v2.6-pro-ultraspeed"),
    ),
    "mimo-v2-pro": (MIB, 128 * KIB, 131_072, TEXT, True, 1.0, V2_END, "mimo-v2.6-pro"),
    "mimo-v2-omni": (256 * KIB, 128 * KIB, 32_768, OMNI, True, 1.0, V2_END, "mimo-v2.6-flash"),
    "mimo-v2-flash": (256 * KIB, 64 * KIB, 65_536, TEXT, False, 0.3, V2_END, "mimo-v2.6-flash"),
    "mimo-v2.5-asr": (8 * KIB, 2 * KIB, 2_048, {"text", "audio"}, False, 1.0, None, None),
    "mimo-v2.5-tts": (8 * KIB, 8 * KIB, 8_192, TEXT, False, 0.6, None, None),
    "mimo-v2.5-tts-voiceclone": (8 * KIB, 8 * KIB, 8_192, TEXT, False, 0.6, None, None),
    "mimo-v2.5-tts-voicedesign": (8 * KIB, 8 * KIB, 8_192, TEXT, False, 0.6, None, None),
    "mimo-v2-tts": (8 * KIB, 8 * KIB, 8_192, TEXT, False, 0.6, V2_END, "mimo-v2.5-tts"),
}

# id: release date, requests and tokens per minute of an account, enforces a JSON schema
DATES_AND_LIMITS = {
    "mimo-v2.6-pro": (date(2026, 9, 22), 100, 10_000_000, True),
    "mimo-v2.6-flash": (date(2026, 9, 22), 100, 10_000_000, True),
    "mimo-v2.6-pro-ultraspeed": (date(2026, 9, 22), None, None, True),
    "mimo-v2.5": (date(2026, 4, 22), None, None, False),
    "mimo-v2.5-pro": (date(2026, 4, 22), None, None, False),
    "mimo-v2.5-pro-ultraspeed": (None, None, None, False),
    "mimo-v2-pro": (date(2026, 3, 18), None, None, False),
    "mimo-v2-omni": (date(2026, 3, 18), None, None, False),
    "mimo-v2-flash": (date(2025, 12, 16), None, None, False),
    "mimo-v2.5-asr": (None, 100, 10_000, False),
    "mimo-v2.5-tts": (None, 100, 10_000_000, False),
    "mimo-v2.5-tts-voiceclone": (None, 100, 10_000_000, False),
    "mimo-v2.5-tts-voicedesign": (None, 100, 10_000_000, False),
    "mimo-v2-tts": (None, None, None, False),
}

# The price page of 2026-10-09, per million tokens: cache hit, input, output.
REALTIME = {
    "mimo-v2.6-pro": {"USD": (0.0036, 0.435, 0.87), "CNY": (0.025, 3, 6)},
    "mimo-v2.6-flash": {"USD": (0.0028, 0.14, 0.28), "CNY": (0.02, 1, 2)},
    "mimo-v2.6-pro-ultraspeed": {"USD": (0.036, 4.35, 8.7), "CNY": (0.25, 30, 60)},
    "mimo-v2.5": {"USD": (0.0028, 0.14, 0.28), "CNY": (0.02, 1, 2)},
    "mimo-v2.5-pro": {"USD": (0.0036, 0.435, 0.87), "CNY": (0.025, 3, 6)},
    "mimo-v2.5-tts": {"USD": (0, 0, 0), "CNY": (0, 0, 0)},
    "mimo-v2.5-tts-voiceclone": {"USD": (0, 0, 0), "CNY": (0, 0, 0)},
    "mimo-v2.5-tts-voicedesign": {"USD": (0, 0, 0), "CNY": (0, 0, 0)},
}
BATCH = {
    "mimo-v2.6-pro": {"USD": (0.0018, 0.2175, 0.435), "CNY": (0.0125, 1.5, 3)},
    "mimo-v2.6-flash": {"USD": (0.0014, 0.07, 0.14), "CNY": (0.01, 0.5, 1)},
}


def test_the_table_is_complete():
    assert catalogue.MODELS.keys() == MODELS.keys()
    assert catalogue.current_ids() == [
        "mimo-v2.6-pro",
        "mimo-v2.6-flash",
        "mimo-v2.6-pro-ultraspeed",
    ]


@pytest.mark.parametrize("name", MODELS)
def test_facts(name):
    model = catalogue.find(name)
    assert model.id == name
    assert (
        model.context_tokens,
        model.max_output_tokens,
        model.default_output_tokens,
        model.inputs,
        model.thinks_by_default,
        model.default_temperature,
        model.ended,
        model.successor,
    ) == MODELS[name]
    if model.ended is None:
        assert not model.ended_by(datetime.max.replace(tzinfo=UTC))
    else:
        assert model.ended_by(model.ended)
        assert not model.ended_by(model.ended - timedelta(seconds=1))
        assert catalogue.find(model.successor).ended is None


@pytest.mark.parametrize("name", MODELS)
def test_release_dates_limits_and_schemas(name):
    model = catalogue.MODELS[name]
    limits = model.limits
    assert (
        model.released,
        limits.requests_per_minute,
        limits.tokens_per_minute,
        model.native_json_schema,
    ) == DATES_AND_LIMITS[name]
    assert limits.concurrent_requests is None  # MiMo does not publish it


def test_prices_are_those_of_the_page():
    assert {key: price[:3] for key, price in catalogue.PRICES.items()} == {
        (model, tier, currency): figures
        for tier, models in (("realtime", REALTIME), ("batch", BATCH))
        for model, prices in models.items()
        for currency, figures in prices.items()
    }


def test_prices_state_their_currency_and_date():
    for (model, _, currency), price in catalogue.PRICES.items():
        assert model in catalogue.MODELS
        assert (price.currency, price.as_of) == (currency, date(2026, 10, 9))
    for (_, currency), price in catalogue.UNIT_PRICES.items():
        assert (price.currency, price.as_of) == (currency, date(2026, 10, 9))


@pytest.mark.parametrize("name", MODELS)
def test_the_price_of_a_model_is_its_realtime_price_in_dollars(name):
    assert catalogue.MODELS[name].price == catalogue.PRICES.get((name, "realtime", "USD"))


@pytest.mark.parametrize(
    ("service", "currency", "units", "cost"),
    [
        ("mimo-v2.5-asr", "USD", 3600, 0.074),
        ("mimo-v2.5-asr", "CNY", 7200, 1.0),
        ("web_search", "USD", 1000, 5.0),
        ("web_search", "CNY", 500, 8.0),
    ],
)
def test_services_are_priced_per_second_or_call(service, currency, units, cost):
    price = catalogue.UNIT_PRICES[service, currency]
    assert price.unit == ("second" if service == "mimo-v2.5-asr" else "call")
    assert units * price.amount / price.per == pytest.approx(cost)


def test_your_own_price_is_in_dollars_unless_it_says_otherwise():
    own = catalogue.Price(0.1, 0.2, 0.3, date(2026, 11, 1))
    assert own.currency == "USD"
    cache_hit, *_ = own
    assert cache_hit == own.cache_hit
    assert catalogue.Price(0.1, 0.2, 0.3, date(2026, 11, 1), currency="CNY") != own


@pytest.mark.parametrize("name", MODELS)
def test_profiles_agree_with_the_catalogue(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # core warns about unknown keys
        warnings.filterwarnings("ignore", "MiMo retired")
        profile = ChatMiMo(model=name, base_url="http://127.0.0.1:1").profile
    known = catalogue.find(name)
    assert profile["max_input_tokens"] == known.context_tokens
    assert profile["max_output_tokens"] == known.max_output_tokens
    for kind in ("image", "audio", "video"):
        assert profile[f"{kind}_inputs"] == (kind in known.inputs)
    assert profile["image_tool_message"] == ("image" in known.inputs)
    assert profile["tool_calling"] == profile["reasoning_output"] == known.conversational
    # create_agent uses the provider strategy where a schema is enforced.
    assert profile["structured_output"] == known.native_json_schema


def test_the_status_of_a_profile_depends_on_the_date():
    model = catalogue.find("mimo-v2.5")
    assert catalogue.profile(model, date(2026, 10, 20))["status"] == "active"
    assert catalogue.profile(model, date(2026, 10, 21))["status"] == "deprecated"


def test_a_profile_can_be_overridden_and_unknown_models_have_none():
    own = {"max_input_tokens": 1000}
    model = ChatMiMo(model="mimo-v2.6-pro", api_key="sk-x", profile=own)
    assert model.profile == own
    assert ChatMiMo(model="somebody/model", base_url="http://127.0.0.1:1").profile is None


RETIRED = [
    name for name, facts in MODELS.items() if facts[-2] and catalogue.find(name).conversational
]


@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_id_warns_once_with_its_successor(name):
    with pytest.warns(
        UserWarning, match=f"retired {name} on 2026-.*; use {MODELS[name][-1]}"
    ) as caught:
        ChatMiMo(model=name, api_key="sk-x")
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ChatMiMo(model=name, api_key="sk-x")


@pytest.mark.parametrize("name", ["mimo-v2.6-pro", "somebody/model"])
def test_other_ids_do_not_warn(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ChatMiMo(model=name, api_key="sk-x").model == name


def test_a_self_hosted_model_is_never_retired():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ChatMiMo(model="mimo-v2.5", base_url="http://127.0.0.1:8000/v1", server="vllm")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("MiMo-V2.6-Pro", "mimo-v2.6-pro"),
        (" mimo-v2.6-flash ", "mimo-v2.6-flash"),
        ("mimo-v2.6-pro[1m]", "mimo-v2.6-pro"),
        ("MIMO-V2.5-PRO[1M]", "mimo-v2.5-pro"),
        ("XiaomiMiMo/MiMo-V2.5", "XiaomiMiMo/MiMo-V2.5"),
        ("mimo-v9", "mimo-v9"),
    ],
)
def test_ids_are_sent_in_the_form_mimo_accepts(given, sent):
    assert catalogue.strip_id(given) == sent
