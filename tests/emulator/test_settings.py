"""Switches that cannot be, in Python and on the command line: refused at once, in one sentence."""

from datetime import date

import pytest

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.emulator.__main__ import main

SWITCHES = [
    ({"port": 99999}, "port is 99999; it must be a whole number from 0 to 65535."),
    ({"port": -1}, "port is -1"),
    ({"port": "8123"}, "port is '8123'"),
    ({"host": ""}, "host is ''"),
    ({"host": None}, "host is None"),
    ({"as_of": "yesterday"}, "as_of is 'yesterday'; it must be a day such as 2026-04-22, or None."),
    ({"as_of": 5}, "as_of is 5"),
    ({"media_root": "x"}, "media_root is 'x'; it must be a mapping from prefixes to folders."),
    ({"media_root": {"P": "/nonexistent"}}, "media_root['P'] is '/nonexistent'; it must be a fol"),
    ({"media_root": {"P": None}}, "media_root['P'] is None"),
    ({"media_root": {"": "."}}, "media_root has ''"),
    ({"max_recorded": 0}, "max_recorded is 0"),
    ({"max_body_bytes": -1}, "max_body_bytes is -1"),
]


@pytest.mark.parametrize(("switches", "piece"), SWITCHES, ids=[row[1] for row in SWITCHES])
def test_a_switch_that_cannot_be(switches, piece):
    with pytest.raises(ValueError) as caught:
        MiMoEmulator(**switches)
    assert piece in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("key", ["", 5, "sk canary", "sk-canary\n", "密钥canary"])
def test_a_key_that_cannot_be_is_not_shown(key):
    with pytest.raises(ValueError, match="api_key cannot be sent") as caught:
        MiMoEmulator(key)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("day", [None, "2026-04-22", date(2026, 4, 22)])
def test_days(day):
    assert MiMoEmulator(as_of=day).application


ARGUMENTS = [
    (["--port", "99999"], "--port: '99999' is not a whole number from 0 to 65535"),
    (["--port", "-1"], "--port: '-1' is not a whole number"),
    (["--port", "x"], "--port: 'x' is not a whole number"),
    (["--host="], "--host: '' is not a name or an address"),
    (["--api-key="], "--api-key: this is not a text of visible ASCII characters"),
    (["--as-of", "yesterday"], "--as-of: 'yesterday' is not a day such as 2026-04-22"),
    (["--media-root", "nowhere"], "--media-root: 'nowhere' is not PREFIX=DIR"),
    (["--media-root", "P=/nonexistent"], "'/nonexistent' is not a folder that exists"),
    (["--fault", "melt"], "--fault: There is no fault 'melt'"),
    (["--fault", "stall:second=1"], "it has: after_events, seconds"),
    (["--fault", "stall:seconds"], "'seconds' is not name=value"),
    (["--fault", "stall:name=x"], "Fault stall has no name"),
    (["--fault", "stall:seconds=-1"], "seconds of stall is -1"),
    (["--fault", "stall:seconds=NaN"], "seconds of stall is 'NaN'"),
    (["--fault", "cut_after:bytes=x"], "bytes of cut_after is 'x'"),
    (["--fault", "rate_limit:retry_after=bogus"], "retry_after of rate_limit is 'bogus'"),
    (["--fault", "garbage:kind=x"], "kind of garbage is 'x'"),
    (["--fault", "quota:times=-1"], "times of quota is -1"),
]


@pytest.mark.parametrize(("arguments", "piece"), ARGUMENTS, ids=[row[1] for row in ARGUMENTS])
def test_a_command_line_that_cannot_be(capsys, arguments, piece):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    usage, last = written.err.rstrip("\n").rsplit("\n", 1)
    assert usage.startswith("usage: ")
    assert last.startswith("python -m langchain_mimo.emulator: error: argument --")
    assert piece in last
