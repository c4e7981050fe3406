"""Runs the tour as `make demo` does."""

import subprocess
import sys

import pytest
from repository import ROOT

TOUR = ROOT / "docs/examples/tour.py"


def run_tour():
    return subprocess.run(
        [sys.executable, str(TOUR)], capture_output=True, text=True, timeout=100, check=False
    )


def test_tour_starts_the_emulator_without_a_key():
    tour = run_tour()
    assert tour.returncode == 0, tour.stdout + tour.stderr
    assert "MIMO_API_KEY is not set" in tour.stdout
    for text in (
        "PNG, 640×480 pixels",
        "image 300 (= formula 300)",
        "MP4, 320×240 pixels, 4.00 seconds",
        "video 320 (= formula 320), audio 26 (= formula 26)",
        "WAV, 4.00 seconds",
        "get_weather(city='Qingdao')",
        "multiply(a=17, b=23)",
        "391",
        "Usage and cost: mimo-v2.6-flash",
    ):
        assert text in tour.stdout


@pytest.mark.parametrize("key_fits", [True, False])
def test_tour_uses_the_configured_api_with_a_key(emulator, monkeypatch, key_fits):
    monkeypatch.setenv("MIMO_API_KEY", emulator.api_key if key_fits else "sk-wrong")
    monkeypatch.setenv("MIMO_BASE_URL", emulator.base_url)
    tour = run_tour()
    assert f"the real API, {emulator.base_url}" in tour.stdout.replace("\n", " ")
    assert "Traceback" not in tour.stderr
    if key_fits:
        assert tour.returncode == 0, tour.stdout
        assert len(emulator.requests) == 6
    else:
        assert tour.returncode == 1
        assert "MiMoAuthenticationError" in tour.stdout
