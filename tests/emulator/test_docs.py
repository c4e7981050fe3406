"""docs/emulator-specification.md lists the faults and parameters that the code defines."""

import pytest
from repository import ROOT

from langchain_mimo.emulator.api.chat_request import PARAMETERS
from langchain_mimo.emulator.faults.queue import fault_lines, parse_fault
from langchain_mimo.emulator.faults.table import FAULTS

PAGE = (ROOT / "docs" / "emulator-specification.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_in_the_table(name):
    fault = FAULTS[name]
    parameters = ", ".join(f"`{key}={value!r}`" for key, value in fault.parameters.items())
    assert f"| `{name}` | {parameters or '–'} | {fault.summary} |" in PAGE


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_in_its_row(name):
    words = {
        "honoured": "honoured",
        "checked": "checked, then without effect",
        "ignored": "ignored whatever it says",
    }
    section = PAGE.split("### Parameters")[1].split("\n## ")[0]
    (row,) = [line for line in section.splitlines() if f"`{name}`" in line.split(" | ")[0]]
    assert words[PARAMETERS[name]] in row


def test_the_help_has_a_line_for_every_fault():
    assert [line.split("(")[0] for line in fault_lines()] == list(FAULTS)


@pytest.mark.parametrize(
    ("text", "parameters", "times"),
    [
        ("stall", {"after_events": None, "seconds": 3600.0}, 1),
        ("stall:seconds=2,after_events=3,times=4", {"after_events": 3, "seconds": 2}, 4),
        ("rate_limit:retry_after=date,times=None", {"retry_after": "date", "seconds": 1.0}, None),
        ("cut_before_headers:reset=true", {"reset": True}, 1),
        ("cut_before_headers:reset=False", {"reset": False}, 1),
        ("server_error:body=5", {"status": 503, "body": "5"}, 1),
        ("string_error:error=Not found", {"status": 400, "error": "Not found"}, 1),
        ("half_tool_call:finish_reason=None", {"characters": 8, "finish_reason": None}, 1),
    ],
)
def test_faults_on_the_command_line(text, parameters, times):
    armed = parse_fault(text)
    assert (dict(armed.parameters), armed.times) == (parameters, times)
