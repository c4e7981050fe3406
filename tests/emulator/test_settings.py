"""Invalid settings, in Python and on the command line, raise at once with a one-line message."""

import datetime as dt

import pytest

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.emulator.__main__ import main

SETTINGS = [
    ({"port": 99999}, "port must be an integer from 0 to 65535", "99999"),
    ({"port": -1}, "port must be an integer from 0 to 65535", "-1"),
    ({"port": "8123"}, "port must be an integer from 0 to 65535", "'8123'"),
    ({"host": ""}, "host must be a host name or an IP address of this machine", "''"),
    ({"host": None}, "host must be a host name or an IP address of this machine", "None"),
    ({"as_of": "yesterday"}, "as_of must be a date such as 2026-04-22 or None", "'yesterday'"),
    ({"as_of": 5}, "as_of must be a date such as 2026-04-22 or None", "5"),
    ({"media_root": "x"}, "media_root must be a mapping from URL prefixes to folders", "'x'"),
    (
        {"media_root": {"P": "/nonexistent"}},
        "media_root['P'] must be an existing folder",
        "'/nonexistent'",
    ),
    ({"media_root": {"P": None}}, "media_root['P'] must be an existing folder", "None"),
    ({"media_root": {"": "."}}, "media_root's keys must be non-empty strings", "''"),
    ({"processing_every": 0}, "processing_every must be an integer >= 1 or None", "0"),
    ({"max_recorded": 0}, "max_recorded must be an integer >= 1 or None", "0"),
    ({"max_body_bytes": -1}, "max_body_bytes must be an integer >= 1", "-1"),
]


@pytest.mark.parametrize(
    ("settings", "start", "value"), SETTINGS, ids=[f"{row[1]}, got {row[2]}" for row in SETTINGS]
)
def test_an_invalid_setting(settings, start, value):
    with pytest.raises(ValueError) as caught:
        MiMoEmulator(**settings)
    text = str(caught.value)
    assert text.startswith(start)
    assert text.endswith(f", got {value}")
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("key", ["", 5, "sk canary", "sk-canary\n", "密钥canary"])
def test_an_invalid_key_is_not_shown(key):
    with pytest.raises(ValueError, match="api_key must be a non-empty string of") as caught:
        MiMoEmulator(key)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("date", [None, "2026-04-22", dt.date(2026, 4, 22)])
def test_valid_dates(date):
    assert MiMoEmulator(as_of=date).application


ARGUMENTS = [
    (["--port", "99999"], "--port: must be an integer from 0 to 65535", "got '99999'"),
    (["--port", "-1"], "--port: must be an integer from 0 to 65535", "got '-1'"),
    (["--port", "x"], "--port: must be an integer from 0 to 65535", "got 'x'"),
    (["--host="], "--host: must be a host name or an IP address of this machine", "got ''"),
    (["--api-key="], "--api-key: must be a non-empty string of visible ASCII characters", ""),
    (["--as-of", "yesterday"], "--as-of: must be a date such as 2026-04-22", "got 'yesterday'"),
    (["--media-root", "nowhere"], "--media-root: must be PREFIX=DIR", "got 'nowhere'"),
    (["--media-root", "P=/nonexistent"], "--media-root: must be an existing", "got '/nonexistent'"),
    (["--fault", "melt"], "--fault: unknown fault 'melt'", ""),
    (
        ["--fault", "stall:second=1"],
        "no parameter second; its parameters are after_events, seconds",
        "",
    ),
    (["--fault", "stall:seconds"], "an option of a fault must be KEY=VALUE, got 'seconds'", ""),
    (["--fault", "stall:name=x"], "fault stall has no parameter name", ""),
    (["--fault", "stall:seconds=-1"], "--fault: seconds of stall must be a number of", "got -1"),
    (
        ["--fault", "stall:seconds=NaN"],
        "--fault: seconds of stall must be a number of",
        "got 'NaN'",
    ),
    (
        ["--fault", "cut_after:bytes=x"],
        "--fault: bytes of cut_after must be an integer >=",
        "got 'x'",
    ),
    (
        ["--fault", "rate_limit:retry_after=bogus"],
        "--fault: retry_after of rate_limit",
        "got 'bogus'",
    ),
    (["--fault", "garbage:kind=x"], "--fault: kind of garbage must be one of 'text',", "got 'x'"),
    (["--fault", "quota:times=-1"], "--fault: times of quota must be an integer >= 0 or", "got -1"),
]


@pytest.mark.parametrize(
    ("arguments", "piece", "end"), ARGUMENTS, ids=[f"{row[1]} {row[2]}" for row in ARGUMENTS]
)
def test_invalid_arguments(capsys, arguments, piece, end):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    usage, last = written.err.rstrip("\n").rsplit("\n", 1)
    assert usage.startswith("usage: ")
    assert last.startswith("python -m langchain_mimo.emulator: error: argument --")
    assert piece in last
    assert last.endswith(end)
