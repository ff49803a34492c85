"""A vLLM server on this machine: the requests and the bytes of the real one, the numbers of transformers' own model."""

from __future__ import annotations

import base64
import io
import json
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import numpy as np

Answer = tuple[int, bytes, dict[str, str]]


class FakeVllm:
    """What a server does; a test may replace any of it."""

    def __init__(self, name: str, tokenizer: Any, logits: Callable[[list[int], Any], Any] | None = None) -> None:
        self.name = name
        self.tokenizer = tokenizer
        self.logits = logits
        self.write: Callable[[dict[str, Any], Any], dict[str, Any]] | None = None
        self.transcribe: Callable[[bytes, str], Answer] | None = None
        self.requests: list[tuple[str, Any]] = []
        self.trouble: Callable[[str], Answer | None] = lambda path: None
        self.change: Callable[[Answer], Answer] = lambda answer: answer
        self.keys: list[str | None] = []
        self.connections = 0

    def answer(self, path: str, body: bytes, content_type: str) -> Answer:
        if (trouble := self.trouble(path)) is not None:
            return trouble
        if path == "/v1/models":
            return 200, json.dumps({"object": "list", "data": [{"id": self.name}]}).encode(), {}
        if path == "/v1/audio/transcriptions" and self.transcribe is not None:
            return self.transcribe(body, content_type)
        asked = json.loads(body)
        self.requests.append((path, asked))
        if asked.get("model") != self.name:
            return refusal(404, f"The model `{asked.get('model')}` does not exist.")
        if path == "/tokenize":
            ids = self.tokenizer(asked["prompt"], add_special_tokens=False)["input_ids"]
            return 200, json.dumps({"tokens": ids, "count": len(ids)}).encode(), {}
        if path == "/pooling" and self.logits is not None:
            return self.change(self._pool(asked))
        if path == "/v1/chat/completions" and self.write is not None:
            return self.change((200, json.dumps(self.write(asked, samples_of(asked))).encode(), {}))
        return refusal(404, "Not Found")

    def _pool(self, asked: dict[str, Any]) -> Answer:
        fixed = {
            "task": "token_classify", "use_activation": False, "add_special_tokens": False, "encoding_format": "bytes",
            "embed_dtype": "float32", "endianness": "little",
        }  # fmt: skip
        if {key: asked.get(key) for key in fixed} != fixed or set(asked) != {*fixed, "model", "messages"}:
            return refusal(400, "unexpected request")
        text = asked["messages"][0]["content"][1]["text"]
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        assert self.logits is not None
        rows = np.asarray(self.logits(ids, samples_of(asked)), "<f4")
        entry = {
            "index": 0, "embed_dtype": "float32", "endianness": "little", "start": 0, "end": rows.nbytes,
            "shape": list(rows.shape),
        }  # fmt: skip
        metadata = {"id": "pool-1", "created": 1, "model": self.name, "data": [entry], "usage": {}}
        return 200, rows.tobytes(), {"metadata": json.dumps(metadata), "Content-Type": "application/octet-stream"}


def refusal(status: int, message: str) -> Answer:
    error = {"message": message, "type": "BadRequestError", "param": None, "code": status}
    return status, json.dumps({"error": error}).encode(), {"Content-Type": "application/json"}


def samples_of(asked: dict[str, Any]) -> Any:
    """The audio of a request, which must be a WAV of 32-bit floats."""
    content = next(message["content"] for message in asked["messages"] if message["role"] == "user")
    raw = base64.b64decode(next(part for part in content if part["type"] == "input_audio")["input_audio"]["data"])
    return wav_samples(raw)


def wav_samples(raw: bytes) -> Any:
    file = io.BytesIO(raw)
    riff, size, wave = struct.unpack("<4sI4s", file.read(12))
    assert (riff, size, wave) == (b"RIFF", len(raw) - 8, b"WAVE")
    samples = None
    while head := file.read(8):
        name, length = struct.unpack("<4sI", head)
        chunk = file.read(length)
        if name == b"fmt ":
            assert struct.unpack("<HHIIHH", chunk[:16]) == (3, 1, 16_000, 64_000, 4, 32)
        if name == b"data":
            samples = np.frombuffer(chunk, "<f4")
    assert samples is not None
    return samples


@contextmanager
def serving(server: FakeVllm) -> Iterator[str]:
    """Serve it; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self._reply(b"")

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])))

        def _reply(self, body: bytes) -> None:
            server.keys.append(self.headers.get("Authorization"))
            status, raw, headers = server.answer(self.path, body, self.headers.get("Content-Type", ""))
            if status == 0:  # hang up
                self.connection.close()
                return
            if status < 0:  # say nothing
                time.sleep(-status)
                self.connection.close()
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (OSError, ValueError):  # the client went away
                self.close_connection = True

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        made.server_close()
