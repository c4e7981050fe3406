"""The code samples of MiMo's documentation against the emulator, set to the date of each page.

The Python samples run unchanged with the official `openai` and `anthropic` SDKs, except for the URL,
the key and placeholders, which are filled from real files. The bodies of the curl samples are sent
unchanged.
"""

import base64
import json
import pathlib
import re

import httpx2
import pytest
import sample_media

from langchain_mimo.emulator import MiMoEmulator

SAMPLES = pathlib.Path(__file__).parent / "samples"

PAGE_DAYS = {
    "first-api-call": "2026-04-22",
    "audio-understanding": "2026-04-22",
    "image-understanding": "2026-04-22",
    "video-understanding": "2026-04-22",
    "reseller-image-input": "2026-03-19",
}
MIMO = "https://api.xiaomimimo.com"
RESELLER = "https://api.shubiaobiao.com"
FILES = "https://example-files.cnbj1.mi-fds.com/example-files/"
PLACEHOLDER = "data:{MIME_TYPE};base64,$BASE64_"

# The usage of media in the sample responses of the pages.
PAGE_USAGE = {
    "image-understanding": {"image_tokens": 1024},
    "audio-understanding": {"audio_tokens": 25},
    "video-understanding": {"video_tokens": 1144, "audio_tokens": 19},
}
WITHOUT_COMMA = {
    "image-understanding/09-anthropic",
    "image-understanding/10-anthropic",
    "reseller-image-input/03-anthropic",
    "reseller-image-input/04-anthropic",
}
DESCRIPTIONS = {"image": "1024", "audio": "second", "video": "second"}


def samples(pattern):
    return [
        pytest.param(path, id=f"{path.parent.name}/{path.stem}")
        for path in sorted(SAMPLES.glob(f"*/{pattern}"))
    ]


@pytest.fixture(scope="module")
def example_files(tmp_path_factory):
    """Files with the names of the pages and the sizes that their sample responses were billed for."""
    folder = tmp_path_factory.mktemp("example-files")
    for name in ("image", "audio", "video"):
        (folder / name).mkdir()
    sample_media.make_image(folder / "image/image_example.png", 1024, 1024)
    sample_media.make_audio(folder / "audio/audio_example.wav", seconds=3.9)
    sample_media.make_video(
        folder / "video/video_example.mp4", seconds=3.02, fps=50, width=704, height=416
    )
    return folder


@pytest.fixture
def emulator_of(example_files):
    """A function that starts the emulator, set to the date of a page."""
    running = []

    def start(page):
        emulator = MiMoEmulator(as_of=PAGE_DAYS[page], media_root={FILES: example_files})
        running.append(emulator.start())
        return emulator

    yield start
    for emulator in running:
        emulator.stop()


def encoded(path):
    return base64.b64encode(path.read_bytes()).decode()


def filled(source, folder):
    """Fill the placeholders of a sample from real files."""
    image = encoded(folder / "image/image_example.png")
    audio = encoded(folder / "audio/audio_example.wav")
    video = encoded(folder / "video/video_example.mp4")
    return (
        source.replace("{MIME_TYPE};base64,$BASE64_IMAGE", f"image/png;base64,{image}")
        .replace("{MIME_TYPE};base64,$BASE64_AUDIO", f"audio/wav;base64,{audio}")
        .replace("{MIME_TYPE};base64,$BASE64_VIDEO", f"video/mp4;base64,{video}")
        .replace("{MIME_TYPE}", "image/png")
        .replace("$BASE64_IMAGE", image)
    )


def run(path, emulator, folder, *, repairs=()):
    """Run a Python sample against the emulator, and return its only request."""
    source = path.read_text(encoding="utf-8")
    assert MIMO in source or RESELLER in source
    source = source.replace(MIMO, emulator.root_url).replace(RESELLER, emulator.root_url)
    source = filled(source, folder)
    for old, new in repairs:
        assert old in source
        source = source.replace(old, new)
    namespace = {"__name__": "__main__"}
    exec(compile(source, str(path), "exec"), namespace)
    namespace["client"].close()
    (request,) = emulator.requests
    return request


def curl(path):
    """Return the path, headers and body of a curl command."""
    text = path.read_text(encoding="utf-8")
    url = re.search(r"POST 'https://[^/]+([^']+)'", text)
    headers = dict(line.split(": ") for line in re.findall(r'--header "([^"]+)"', text))
    assert headers.pop("api-key") == "$MIMO_API_KEY"
    body = re.search(r"--data-raw '(.*)'$", text, re.DOTALL).group(1)
    return url.group(1) if url else None, headers, body


def test_every_page_has_its_samples():
    assert {path.name for path in SAMPLES.iterdir() if path.is_dir()} == set(PAGE_DAYS)
    assert len(samples("*-openai.py")) == 12
    assert len(samples("*-openai.curl")) == 13
    assert len(samples("*-anthropic.py")) == 5
    assert len(samples("*-anthropic.curl")) == 4


@pytest.mark.parametrize("path", samples("*-openai.py"))
def test_python_sample(path, emulator_of, example_files, monkeypatch, capsys):
    page = path.parent.name
    emulator = emulator_of(page)
    monkeypatch.setenv("MIMO_API_KEY", emulator.api_key)

    request = run(path, emulator, example_files)

    assert request.status == 200
    completion = json.loads(capsys.readouterr().out)
    message = completion["choices"][0]["message"]
    assert completion["model"] == request.body["model"]
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert message["content"]
    assert message["reasoning_content"]
    for item in request.media:
        assert DESCRIPTIONS[item.kind] in message["content"], "the file was opened and described"
    details = completion["usage"]["prompt_tokens_details"] or {}
    for name, tokens in PAGE_USAGE.get(page, {}).items():
        images = sum(item.kind == "image" for item in request.media) or 1
        assert details[name] == tokens * images


@pytest.mark.parametrize("path", samples("*-openai.curl"))
def test_curl_sample(path, emulator_of):
    url_path, headers, body = curl(path)
    emulator = emulator_of(path.parent.name)

    response = httpx2.post(
        f"{emulator.root_url}{url_path}",
        content=body.encode(),
        headers={**headers, "api-key": emulator.api_key},
    )

    if PLACEHOLDER in body:
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "400"
    else:
        assert response.status_code == 200
        assert response.json()["choices"][0]["finish_reason"] in {"stop", "tool_calls"}


COMMA = ('"media_type": "image/png"\n', '"media_type": "image/png",\n')
REPAIRS = {
    # Later SDKs have no sampling parameters; the API format still has them.
    "first-api-call/02-anthropic": [
        ("top_p=0.95,", 'extra_body={"top_p": 0.95, "temperature": 1.0},'),
        ("    temperature=1.0,\n", ""),
    ],
    "image-understanding/10-anthropic": [COMMA],
    "reseller-image-input/04-anthropic": [
        COMMA,
        ("from anthropic import", "import os\nfrom anthropic import"),
    ],
}


@pytest.mark.parametrize("path", samples("*-anthropic.py"))
def test_anthropic_python_sample(path, emulator_of, example_files, monkeypatch, capsys):
    name = f"{path.parent.name}/{path.stem}"
    emulator = emulator_of(path.parent.name)
    monkeypatch.setenv("MIMO_API_KEY", emulator.api_key)
    if name in WITHOUT_COMMA:
        with pytest.raises(SyntaxError):
            run(path, emulator, example_files)

    request = run(path, emulator, example_files, repairs=REPAIRS.get(name, ()))

    assert request.status == 200
    assert request.path.endswith("/anthropic/v1/messages")
    output = capsys.readouterr().out
    assert "TextBlock" in output
    for item in request.media:
        assert DESCRIPTIONS[item.kind] in output


@pytest.mark.parametrize("path", samples("*-anthropic.curl"))
def test_anthropic_curl_sample(path, emulator_of):
    url_path, headers, body = curl(path)
    emulator = emulator_of(path.parent.name)

    response = httpx2.post(
        f"{emulator.root_url}{url_path or '/anthropic/v1/messages'}",
        content=body.encode(),
        headers={**headers, "api-key": emulator.api_key},
    )

    if f"{path.parent.name}/{path.stem}" in WITHOUT_COMMA:
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "400"
    else:
        assert response.status_code == 200
        assert response.json()["stop_reason"] == "end_turn"


def test_the_weather_sample_calls_its_tool(emulator_of):
    """The tool sample of the first page starts with an assistant turn and asks about Hebei."""
    path, _, body = curl(SAMPLES / "first-api-call/05-openai.curl")
    emulator = emulator_of("first-api-call")
    response = httpx2.post(
        f"{emulator.root_url}{path}",
        content=body.encode(),
        headers={"api-key": emulator.api_key},
    )
    (call,) = response.json()["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "get_current_weather"
    assert "Hebei" in json.loads(call["function"]["arguments"])["location"]


@pytest.mark.parametrize("path", samples("*-openai.py"))
def test_retired_models_of_the_samples_are_refused_today(path, media):
    model = re.search(r'model="([^"]+)"', path.read_text(encoding="utf-8")).group(1)
    with MiMoEmulator(as_of="2026-11-21") as emulator:
        response = httpx2.post(
            f"{emulator.base_url}/chat/completions",
            json={"model": model, "messages": [{"role": "user", "content": "Hello"}]},
            headers={"api-key": emulator.api_key},
        )
    assert response.status_code == 400
    assert model in response.json()["error"]["message"]
