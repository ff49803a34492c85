"""Model servers spoken to over HTTP: connections kept, requests retried on another server, nothing sent elsewhere.

Only the addresses that were given are contacted: no proxy of the environment and no redirect is followed.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from crisp_align.errors import ModelError, OptionError
from crisp_align.transcript import SAMPLE_RATE

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = [
    "KEY_VARIABLE",
    "Reply",
    "RequestError",
    "ServerPool",
    "base64_wav",
    "float_wav",
    "multipart",
    "served_model",
]

KEY_VARIABLE = "CRISP_ALIGN_SERVER_KEY"
"""Environment variable with the key that is sent as a bearer token, if it is set."""
TIMEOUT_VARIABLE = "CRISP_ALIGN_SERVER_TIMEOUT"
"""Environment variable with the seconds that a request may take without a byte."""

_TIMEOUT = 120.0  # s
_ATTEMPTS = 4
_FIRST_PAUSE = 0.25  # s; doubled after each attempt
_REST = 10.0  # s that a server which failed is passed over, while another is there
_IN_FLIGHT = 4  # requests at once a server
_MAX_JSON = 64_000_000  # bytes of an answer
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})

T = TypeVar("T")
R = TypeVar("R")


class RequestError(Exception):
    """A request has no answer that can be used: a clause for the user, whose subject is the backend or aligner.

    Args:
        reason: the clause.
        status: of HTTP, where the server refused the request with one.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer."""

    body: bytes
    headers: Mapping[str, str]
    """Names in lower case."""

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            RequestError: it is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise RequestError("gets no JSON from the server") from error


@dataclass(slots=True)
class _Server:
    """One address."""

    url: str
    host: str
    port: int | None
    secure: bool
    prefix: str
    rests_until: float = 0.0
    in_use: int = 0


class ServerPool:
    """Servers with the same model, which share the requests."""

    def __init__(self, urls: Sequence[str], *, timeout: float | None = None) -> None:
        """Take the addresses; nothing is sent yet.

        Args:
            urls: http or https; a path at the end, such as /v1, is left out.
            timeout: s without a byte after which a request has failed; None: 120, or what the environment says.

        Raises:
            OptionError: an address that is none, or that holds a password.
        """
        if not urls:
            raise OptionError("this runtime needs the address of a server", hint="give it with --server URL")
        self._servers = [_parse(url) for url in urls]
        self.timeout = _timeout() if timeout is None else timeout
        self._lock = threading.Lock()
        self._idle: dict[str, list[http.client.HTTPConnection]] = {url: [] for url in self.urls}

    @property
    def urls(self) -> list[str]:
        """The addresses."""
        return [server.url for server in self._servers]

    @property
    def capacity(self) -> int:
        """Requests that are worth sending at once."""
        return _IN_FLIGHT * len(self._servers)

    def get(self, path: str, url: str | None = None) -> Reply:
        """Ask for a page; see `post`."""
        return self._send("GET", path, b"", {}, _MAX_JSON, url)

    def post(self, path: str, body: object, *, most: int = _MAX_JSON, url: str | None = None) -> Reply:
        """Send JSON.

        Args:
            path: after the address, from its "/" on.
            body: what is sent.
            most: bytes of the answer that are read.
            url: that server alone; None: whichever has the fewest requests.

        Raises:
            RequestError: the server refuses it, or none gives an answer after several attempts.
        """
        return self._send("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"}, most, url)

    def post_form(self, path: str, body: bytes, content_type: str) -> Reply:
        """Send a form of `multipart`; see `post`."""
        return self._send("POST", path, body, {"Content-Type": content_type}, _MAX_JSON, None)

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Results of `work` on every item, several at once, with the items' positions, as they come."""
        if not items:
            return
        with ThreadPoolExecutor(min(self.capacity, len(items)), "server") as pool:
            pending = {pool.submit(work, item): i for i, item in enumerate(items)}
            try:
                for done in as_completed(pending):
                    yield pending[done], done.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], most: int, url: str | None
    ) -> Reply:
        reason = ""
        for attempt in range(_ATTEMPTS):
            server = self._take(url)
            try:
                return self._exchange(server, method, path, body, headers, most)
            except _RetryError as error:
                reason = f"gets no answer from {server.url} ({error})"
                server.rests_until = time.monotonic() + _REST
            finally:
                with self._lock:
                    server.in_use -= 1
            if attempt < _ATTEMPTS - 1 and (url is not None or len(self._servers) == 1 or attempt):
                time.sleep(_FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        raise RequestError(reason)

    def _take(self, url: str | None) -> _Server:
        """The server to ask next: one that does not rest, with the fewest requests on their way."""
        now = time.monotonic()
        with self._lock:
            offered = [server for server in self._servers if url in (None, server.url)]
            chosen = min(offered, key=lambda server: (server.rests_until > now, server.in_use))
            chosen.in_use += 1
        return chosen

    def _exchange(
        self, server: _Server, method: str, path: str, body: bytes, headers: Mapping[str, str], most: int
    ) -> Reply:
        sent = {"Accept": "*/*", **headers}
        if key := os.environ.get(KEY_VARIABLE):
            sent["Authorization"] = f"Bearer {key}"
        while True:
            with self._lock:
                kept = self._idle[server.url].pop() if self._idle[server.url] else None
            connection = kept or self._connect(server)
            if connection.sock is not None:
                connection.sock.settimeout(self.timeout)
            try:
                connection.request(method, server.prefix + path, body, sent)
                response = connection.getresponse()
                raw = response.read(most + 1)
                break
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if kept is None or isinstance(error, TimeoutError):
                    raise _RetryError(_clause(error)) from error
                # The server closed a connection that was kept: no fault of the request.
        if len(raw) > most or not response.isclosed():
            connection.close()
            raise RequestError(f"gets more from {server.url} than was asked for")
        with self._lock:
            self._idle[server.url].append(connection)
        if response.status in _RETRIED:
            raise _RetryError(f"status {response.status}: {_message(raw)}" if raw else f"status {response.status}")
        if response.status != 200:
            raise RequestError(
                f"is refused by {server.url} (status {response.status}: {_message(raw)})", response.status
            )
        return Reply(raw, {name.lower(): value for name, value in response.getheaders()})

    def _connect(self, server: _Server) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if server.secure else http.client.HTTPConnection
        return kind(server.host, server.port, timeout=self.timeout)


class _RetryError(Exception):
    """Another attempt may fare better."""


def _parse(url: str) -> _Server:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise OptionError(f"no server has the address {url!r}", hint="such as http://127.0.0.1:8911")
    if parts.username is not None or parts.password is not None:
        raise OptionError(
            "the address of a server may hold no password", hint=f"put a key into the environment as {KEY_VARIABLE}"
        )
    prefix = parts.path.rstrip("/").removesuffix("/v1")
    return _Server(url, host, port, parts.scheme == "https", prefix)


def _timeout() -> float:
    given = os.environ.get(TIMEOUT_VARIABLE, "")
    try:
        return max(float(given), 0.05) if given else _TIMEOUT
    except ValueError as error:
        raise OptionError(f"{TIMEOUT_VARIABLE} is no number of seconds: {given!r}") from error


def _clause(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "nothing within the time-out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]


def _message(raw: bytes) -> str:
    """What an error body says, in one line."""
    try:
        held = json.loads(raw)
    except (ValueError, RecursionError):
        held = raw.decode(errors="replace")
    error = held.get("error", held.get("detail", held)) if isinstance(held, dict) else held
    said = error.get("message", error) if isinstance(error, dict) else error
    return " ".join(str(said).split())[:300]


def base64_wav(samples: Samples) -> str:
    """Samples as a WAV file of 32-bit floats, in base64."""
    return base64.b64encode(float_wav(samples)).decode("ascii")


def float_wav(samples: Samples) -> bytes:
    """Samples as a WAV file of 32-bit floats, so that a server computes on the same numbers."""
    data = samples.astype("<f4", copy=False).tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 50 + len(data), b"WAVE", b"fmt ", 18, 3, 1, *_RATES, 4, 32)
    return head + struct.pack("<H4sII4sI", 0, b"fact", 4, len(samples), b"data", len(data)) + data


_RATES = (SAMPLE_RATE, SAMPLE_RATE * 4)


def multipart(fields: Sequence[tuple[str, str]], name: str, file: bytes) -> tuple[bytes, str]:
    """A form with text fields and a file called `file`; its body and its content type."""
    boundary = f"crisp-align-{random.getrandbits(96):x}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    parts.append(head.encode() + b"Content-Type: audio/wav\r\n\r\n" + file + f"\r\n--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


def served_model(pool: ServerPool, asked: str) -> str:
    """The name under which every server of a pool serves the same model.

    Args:
        pool: the servers; each is asked for its models.
        asked: the name that is asked for, or "auto": the only one there is.

    Raises:
        ModelError: a server gives no list, lacks the model, or serves several and none was named.
    """
    found: set[str] = set()
    for url in pool.urls:
        try:
            listed = pool.get("/v1/models", url).json()
            names = [str(entry["id"]) for entry in listed["data"]]
        except RequestError as error:
            raise ModelError(str(error), subject=url, hint="is the server running?") from error
        except (KeyError, TypeError) as error:
            raise ModelError("gives no list of its models", subject=url) from error
        if asked in names:
            found.add(asked)
        elif asked == "auto" and len(names) == 1:
            found.add(names[0])
        else:
            raise ModelError(
                f"serves {', '.join(names) or 'no model'}", subject=url, hint="name one of them as the model"
            )
    if len(found) != 1:
        raise ModelError(f"the servers serve different models: {', '.join(sorted(found))}")
    return found.pop()
