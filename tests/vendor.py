"""A server that plays the vendors of messengers: it records what is sent, and answers as it is told.

As a program, which writes each request as one line of JSON: python tests/vendor.py --port N --log FILE
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, unquote, urlsplit

from vendor_answers import usual_answer

LOGGED_HEADERS = ("authorization", "content-type")


@dataclass(frozen=True)
class Request:
    """What was sent. `headers` by lower-case names; `body` parsed: a form's lists only where a name is repeated."""

    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    raw: bytes
    at: float  # time.time()
    body: Any = None


@dataclass(frozen=True)
class Scripted:
    """How one request is answered. Without a status: as the vendor does when all is well."""

    to: str = ""  # a part of the path of the request that it is for
    status: int | None = None
    body: Any = ""  # a text as it is, anything else as JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drops: bool = False  # the request is recorded, and the connection ends without an answer


class VendorServer:
    """Listens on a port of 127.0.0.1, in a thread and an event loop of its own; close it when done."""

    def __init__(self, port: int = 0, log: IO[str] | None = None, *, delay_s: float = 0.0) -> None:
        """Start.

        Args:
            port: 0 takes a free one.
            log: gets a line of JSON for each request.
            delay_s: before every answer; may be set later too.
        """
        self.port = port
        self.delay_s = delay_s
        self._log = log
        self._requests: list[Request] = []
        self._script: deque[Scripted] = deque()
        self._changed = threading.Condition()
        self._ids = itertools.count(1)
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.base_events.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vendor", daemon=True)
        self._thread.start()
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Request]:
        """All that were recorded, in the order in which they came."""
        with self._changed:
            return list(self._requests)

    def to(self, path: str) -> list[Request]:
        """The requests whose path has this part."""
        return [request for request in self.requests if path in request.path]

    def script(self, answer: Scripted, times: int = 1) -> None:
        """Answer the next requests so; what was scripted earlier comes first."""
        with self._changed:
            self._script.extend([answer] * times)

    def answer(self, status: int, body: Any = "", times: int = 1, **headers: str) -> None:
        """Answer the next requests with a status; the name of a header has `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.script(Scripted(status=status, body=body, headers=named), times)

    def wait_for(self, count: int, path: str = "", limit_s: float = 10.0) -> list[Request]:
        """Wait until so many requests to paths with this part are recorded.

        Raises:
            TimeoutError: they did not come.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.to(path)) >= count, limit_s):
                raise TimeoutError(f"{len(self.to(path))} of {count} requests came in {limit_s:g} s")
            return self.to(path)

    async def arrived(self, count: int, path: str = "", limit_s: float = 10.0) -> list[Request]:
        """As `wait_for`, without holding up the event loop of the test."""
        return await asyncio.to_thread(self.wait_for, count, path, limit_s)

    def up(self) -> None:
        """Listen, on the same port as before."""
        self._run(self._listen())

    def down(self) -> None:
        """Listen no more, and break the connections that there are."""
        self._run(self._hang_up())

    def close(self) -> None:
        """Stop for good."""
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._server = None
        open_now = dict(self._connections)
        for task, writer in open_now.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            # None of these is a fault: the other side ends the connection, or `down` does, by cancelling.
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while self._server is not None and await self._answered_one(reader, writer):
                    pass
        finally:
            writer.transport.abort()
            del self._connections[task]

    async def _answered_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await _read(reader)
        scripted = self._recorded(request)
        await asyncio.sleep(self.delay_s + scripted.delay_s)
        if scripted.drops:
            return False
        if scripted.status is None:
            status, body = usual_answer(request.method, request.path, request.body or {}, next(self._ids))
        else:
            status, body = scripted.status, scripted.body
        writer.write(_written(status, body, scripted.headers))
        await writer.drain()
        return True

    def _recorded(self, request: Request) -> Scripted:
        with self._changed:
            scripted = next((entry for entry in self._script if entry.to in request.path), None)
            if scripted is not None:
                self._script.remove(scripted)
            if self._log is not None:
                headers = {name: request.headers[name] for name in LOGGED_HEADERS if name in request.headers}
                entry = {"at": request.at, "method": request.method, "path": request.path, "headers": headers}
                self._log.write(json.dumps({**entry, "body": request.body}) + "\n")
                self._log.flush()
            self._requests.append(request)
            self._changed.notify_all()
        return scripted or Scripted()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    raw = await reader.readexactly(int(headers.get("content-length", 0)))
    address = urlsplit(target)
    query = _fields(address.query)
    return Request(method, unquote(address.path), query, headers, raw, time.time(), _parsed(headers, raw))


def _parsed(headers: Mapping[str, str], raw: bytes) -> Any:
    kind = headers.get("content-type", "")
    if "json" in kind:
        return json.loads(raw)
    return _fields(raw.decode()) if "form" in kind else None


def _fields(text: str) -> dict[str, Any]:
    values = parse_qs(text, keep_blank_values=True)
    return {name: value[0] if len(value) == 1 else value for name, value in values.items()}


def _written(status: int, body: Any, headers: Mapping[str, str]) -> bytes:
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    kind = "text/plain" if isinstance(body, str) else "application/json"
    named = {"content-type": kind, **headers, "content-length": str(len(content))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    phrase = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {phrase}\r\n{lines}\r\n".encode("latin-1") + content


def main() -> None:
    """Play the vendors until the process is ended; the first line of the output is the address."""
    parser = argparse.ArgumentParser(description="Plays the vendors of messengers.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, required=True, help="gets a line of JSON for each request")
    parser.add_argument("--delay-s", type=float, default=0.0, help="before each answer")
    given = parser.parse_args()
    with given.log.open("a") as log:
        server = VendorServer(given.port, log, delay_s=given.delay_s)
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
        server.close()


if __name__ == "__main__":
    main()
