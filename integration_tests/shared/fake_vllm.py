"""A small server that accepts and refuses requests as vLLM and SGLang do with MiMo's weights.

Written from measurements with vLLM 0.32 and from SGLang's cookbook (docs/api-facts.md); uses no
code of ChatMiMo.
"""

import base64
import binascii
import functools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "XiaomiMiMo/MiMo-V2.6-Flash"
UNREACHABLE = "https://unreachable.example/"
GONE = "https://gone.example/"
PATH = "/v1/chat/completions"
PARTS = {"image_url": "image", "video_url": "video", "audio_url": "audio"}
COUNTS = {"image": 256, "video": 640, "audio": 25}
PIECE_SIZE = 7


class RefusedError(Exception):
    """A response with an error status."""

    def __init__(self, status, body, *, drops_connection=False):
        super().__init__(status)
        self.status, self.body, self.drops_connection = status, body, drops_connection


def bad_request(message, param=None, status=400):
    error = {"message": message, "type": "BadRequestError", "param": param, "code": status}
    return RefusedError(status, {"error": error})


class FakeVLLM:
    """A vLLM server; use it as a context manager.

    Attributes:
        requests: Bodies of all accepted requests, in order.
        media: Kind and bytes (None for URLs) of the media in the last request.
    """

    reasoning_key = "reasoning"
    thinking_key = "enable_thinking"
    accepts_input_audio = True

    def __init__(self, *, api_key=None, trusts_media_io=False, counts_media=False):
        self.api_key, self.trusts_media_io = api_key, trusts_media_io
        self.counts_media = counts_media
        self.requests, self.media = [], []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                fake.serve(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        serve = functools.partial(self._server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    # ------------------------------------------------------------------------------- over HTTP

    def serve(self, handler):
        text = handler.rfile.read(int(handler.headers["content-length"]))
        try:
            body = self._check(handler, text)
            message, reason = self._respond(body)
        except RefusedError as error:
            self._send(handler, error.status, error.body)
            # vLLM drops the connection after such an error without a `Connection: close` header.
            handler.close_connection = error.drops_connection
            return
        self.requests.append(body)
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
            self._send(handler, 200, envelope(self._new_id(), "", [choice], usage=self._usage()))
            return
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream; charset=utf-8")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for event in [*self._events(body, message, reason), "[DONE]"]:
            line = event if isinstance(event, str) else json.dumps(event)
            data = f"data: {line}\n\n".encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        handler.wfile.write(b"0\r\n\r\n")

    @staticmethod
    def _send(handler, status, body):
        data = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    # ------------------------------------------------------------------------------- requests

    def _check(self, handler, text):
        if handler.path != PATH:
            raise RefusedError(404, {"detail": "Not Found"})
        if self.api_key and handler.headers.get("authorization") != f"Bearer {self.api_key}":
            raise RefusedError(401, {"error": "Unauthorized"})
        body = json.loads(text)
        if body["model"] != MODEL:
            raise bad_request(f"The model `{body['model']}` does not exist.", "model", 404)
        if "media_io_kwargs" in body and not self.trusts_media_io:
            raise bad_request("media_io_kwargs needs --trust-request-mm-kwargs.")
        if any(tool.get("type") != "function" for tool in body.get("tools", [])):
            raise bad_request("Input should be 'function'", "tools")
        self.media = [
            item
            for message in body["messages"]
            if isinstance(message.get("content"), list)
            for part in message["content"]
            for item in self._media_of(part)
        ]
        return body

    def _media_of(self, part):
        kind = part.get("type")
        if kind == "text":
            return
        if kind == "input_audio" and self.accepts_input_audio:
            audio = part["input_audio"]
            if audio.get("format", "wav") not in {"wav", "mp3"}:
                raise bad_request("Input should be 'wav' or 'mp3'", "format")
            yield "audio", decode(audio["data"])
            return
        if kind not in PARTS or not isinstance(part[kind], dict):
            raise bad_request(f"Unknown part type: {kind}")
        yield PARTS[kind], self._fetch(part[kind]["url"])

    @staticmethod
    def _fetch(url):
        if url.startswith("data:"):
            head, _, data = url.partition(",")
            if not head.endswith(";base64"):
                error = {"message": "Only base64 data URLs are supported for now.", "code": 501}
                raise RefusedError(501, {"error": error})
            return decode(data)
        if url.startswith(GONE):
            raise bad_request("404, message='Not Found'", status=422)
        if url.startswith(("file:", UNREACHABLE)):
            error = {"message": "Internal server error", "type": "InternalServerError"}
            raise RefusedError(
                500, {"error": error | {"param": None, "code": 500}}, drops_connection=True
            )
        return None

    # ------------------------------------------------------------------------------ responses

    def _respond(self, body):
        message = {"role": "assistant", "content": None, "refusal": None, "annotations": None}
        is_thinking = (body.get("chat_template_kwargs") or {}).get(self.thinking_key, True)
        message[self.reasoning_key] = "First I think." if is_thinking else None
        choice, tools = body.get("tool_choice", "auto"), body.get("tools", [])
        named = choice["function"]["name"] if isinstance(choice, dict) else None
        function = next(
            (tool["function"] for tool in tools if named in (None, tool["function"]["name"])), None
        )
        schema = (body.get("response_format") or {}).get("json_schema")
        may_call = choice != "none" and all(m["role"] != "tool" for m in body["messages"])
        if function and may_call and (choice != "auto" or "Use" in json.dumps(body["messages"])):
            arguments = json.dumps(example(function["parameters"]))
            function_call = {"name": function["name"], "arguments": arguments}
            message["tool_calls"] = [
                {"id": "chatcmpl-tool-1", "type": "function", "function": function_call}
            ]
            message["content"] = None if choice == "auto" else ""
            return message, "stop" if named else "tool_calls"
        kinds = ", ".join(kind for kind, _ in self.media)
        answer = json.dumps(example(schema["schema"])) if schema else f"I see: {kinds or 'text'}."
        return message | {"content": answer}, "stop"

    def _new_id(self):
        return f"chatcmpl-{len(self.requests)}"

    def _usage(self, completion=9):
        counted = None
        if self.counts_media:
            tokens = {kind: COUNTS[kind] for kind, _ in self.media} or None
            counted = {"cached_tokens": 0, "created_cache_tokens": 0, "multimodal_tokens": tokens}
        return {
            "prompt_tokens": 1000,
            "completion_tokens": completion,
            "total_tokens": 1000 + completion,
            "prompt_tokens_details": counted,
            "completion_tokens_details": {"reasoning_tokens": 4},
        }

    def _events(self, body, message, reason):
        options, response_id = body.get("stream_options") or {}, self._new_id()
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{self.reasoning_key: piece} for piece in pieces(message[self.reasoning_key])]
        deltas += [{"content": piece} for piece in pieces(message["content"])]
        for index, call in enumerate(message.get("tool_calls", [])):
            name = {"name": call["function"]["name"]}  # without the key "arguments"
            head = {"index": index, "id": call["id"], "type": "function", "function": name}
            deltas.append({"tool_calls": [head]})
            for piece in pieces(call["function"]["arguments"]):
                more = {"index": index, "function": {"arguments": piece}}
                deltas.append({"tool_calls": [more]})
        for number, delta in enumerate([*deltas, {}]):
            end = reason if number == len(deltas) else None
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": end}
            growing = (
                {"usage": self._usage(number)} if options.get("continuous_usage_stats") else {}
            )
            yield envelope(response_id, ".chunk", [choice], **growing)
        if options.get("include_usage"):
            yield envelope(response_id, ".chunk", [], usage=self._usage())


class FakeSGLang(FakeVLLM):
    """An SGLang server: other keys for reasoning and thinking, and no `input_audio`."""

    reasoning_key = "reasoning_content"
    thinking_key = "thinking"
    accepts_input_audio = False


def envelope(response_id, suffix, choices, **more):
    head = {"id": response_id, "object": f"chat.completion{suffix}", "created": 1790008551}
    return head | {"model": MODEL, "choices": choices} | more


def decode(text):
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise bad_request("Incorrect padding or characters in base64.") from None


def pieces(text):
    return [text[at : at + PIECE_SIZE] for at in range(0, len(text or ""), PIECE_SIZE)]


def example(schema):
    """Return an object that fits a flat schema, as guided decoding would."""
    values = {"string": "Ulm", "boolean": True, "integer": 7, "number": 0.5}
    return {name: values[each["type"]] for name, each in schema["properties"].items()}
