"""A stand-in for the service: the widget's HTTP interface with replies by rote, and faults by command."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bot.paths import ROOT
from bot.widget.script import widget_script

PAGE = ROOT / "bot" / "widget" / "page"
CONTACT = "Call the hospital or emergency services now.\n\nWard: +1 (800) 555-0199\nEmergency number: 911"
ANSWER = (
    "Most CRS is over within **one to two weeks**.\n\n- Mild CRS may last only a few days.\n"
    "- Severe CRS can last longer.\n\nMore at [the guide](https://example.org/guide)."
)
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'"
PRIVACY = {"text": "We keep what you write for 90 days.", "url": "https://example.org/privacy"}


@dataclass
class Fault:
    """What goes wrong: with which requests, and how."""

    method: str
    path: str
    status: int = 0  # 0: no answer until the fault is over
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1_000_000


class StubService:
    """One service for a test: conversations in memory, every request remembered."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.fault_over = asyncio.Event()
        self.page = '<crs-chat lang="en"><p>Fallback text</p></crs-chat>'
        self.policy = POLICY
        self.answer: str = ANSWER
        self.contact: str = CONTACT
        self.early = False  # the emergency reply ahead of the rest
        self.requests: list[tuple[str, str, Any]] = []
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.streams: dict[str, set[asyncio.Queue[bytes]]] = {}
        self._numbers = itertools.count(1)

    def app(self) -> Starlette:
        api = [
            Route("/sessions", self._start, methods=["POST"]),
            Route("/session", self._session),
            Route("/messages", self._receive, methods=["POST"]),
            Route("/messages", self._history),
            Route("/events", self._events),
            Route("/feedback", self._feedback, methods=["POST"]),
            Route("/conversation", self._erase, methods=["DELETE"]),
        ]
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/demo", self._demo),
                Route("/widget/crs-chat.js", self._script),
                Mount("/page", StaticFiles(directory=PAGE)),
                Mount("/channels/widget", routes=api),
            ]
        )

    def fail(self, method: str, path: str, status: int = 0, **options: Any) -> None:
        """Let requests fail until `mend`."""
        self.fault, self.fault_over = Fault(method, path, status, **options), asyncio.Event()

    def mend(self) -> None:
        self.fault = None
        self.fault_over.set()

    def push(self, token: str, text: str, kind: str = "answer") -> None:
        """A reply that comes later."""
        reply = self._reply(kind, text)
        self.logs[token].append({"from": "service", **reply})
        self._publish(token, "reply", reply, reply["id"])

    def sent(self, method: str, path: str) -> list[Any]:
        return [body for used, name, body in self.requests if (used, name) == (method, path)]

    async def _refused(self, request: Request) -> Response | None:
        path = request.url.path.rpartition("/")[2]
        body = json.loads(await request.body() or b"null")
        self.requests.append((request.method, path, body))
        fault = self.fault
        if fault and (fault.method, fault.path) == (request.method, path) and fault.times > 0:
            fault.times -= 1
            if not fault.status:
                await self.fault_over.wait()
                return None
            text = {"error": "refused", "text": self.contact}
            return JSONResponse(text, status_code=fault.status, headers=fault.headers)
        if path != "sessions" and self._token(request) not in self.logs:
            return JSONResponse({"error": "the session is over"}, status_code=401)
        return None

    def _token(self, request: Request) -> str:
        return request.headers.get("authorization", "").removeprefix("Bearer ")

    async def _page(self, _request: Request) -> Response:
        page = (
            '<!doctype html><html lang="en"><head><title>Hospital</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<script src="/widget/crs-chat.js" defer></script></head>'
            f'<body><main><h1>Hospital</h1><a href="#top">A link of the page</a></main>{self.page}</body></html>'
        )
        return HTMLResponse(page, headers={"content-security-policy": self.policy})

    async def _demo(self, _request: Request) -> Response:
        return HTMLResponse((PAGE / "index.html").read_text(), headers={"content-security-policy": self.policy})

    async def _script(self, _request: Request) -> Response:
        return Response(widget_script(), media_type="text/javascript")

    async def _start(self, request: Request) -> Response:
        if refused := await self._refused(request):
            return refused
        token = f"token-{next(self._numbers)}"
        self.logs[token] = []
        return JSONResponse({"token": token, **self._texts()})

    async def _session(self, request: Request) -> Response:
        return await self._refused(request) or JSONResponse(self._texts())

    def _texts(self) -> dict[str, Any]:
        return {"code": "K7QM-3XPA", "contact": self.contact, "privacy": PRIVACY}

    async def _receive(self, request: Request) -> Response:
        if refused := await self._refused(request):
            return refused
        token, body = self._token(request), await request.json()
        log = self.logs[token]
        known = next((entry for entry in log if entry["id"] == body["id"]), None)
        if known is None:
            known = {"from": "family", "id": body["id"], "text": body["text"], "at": _now()}
            replies = [self._reply("answer", self.answer, [{"title": "Cost of CRS", "token": "answer/crs_cost"}])]
            if "fever" in body["text"]:
                replies.insert(0, self._reply("emergency", self.contact))
            known["replies"] = replies
            log.append(known)
            log.extend({"from": "service", **reply} for reply in replies)
            if self.early:
                return JSONResponse({"replies": replies[:1], "more": True})
        for reply in known["replies"]:
            self._publish(token, "reply", reply, reply["id"])
        self._publish(token, "turn", {"id": body["id"]})
        return JSONResponse({"replies": known["replies"]})

    async def _history(self, request: Request) -> Response:
        if refused := await self._refused(request):
            return refused
        log = self.logs[self._token(request)]
        after = request.query_params.get("after")
        start = next((place + 1 for place, entry in enumerate(log) if entry["id"] == after), 0)
        left_out = {"replies"}
        entries = [{name: value for name, value in entry.items() if name not in left_out} for entry in log[start:]]
        return JSONResponse({"messages": entries[:200]})

    async def _events(self, request: Request) -> Response:
        if refused := await self._refused(request):
            return refused
        token = self._token(request)
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.streams.setdefault(token, set()).add(queue)
        after = request.headers.get("last-event-id")
        log = self.logs[token]
        start = next((place + 1 for place, entry in enumerate(log) if entry["id"] == after), len(log))
        for entry in log[start:]:
            if entry["from"] == "service":
                queue.put_nowait(_event("reply", entry, entry["id"]))

        async def stream() -> AsyncIterator[bytes]:
            try:
                yield b": open\n\n"
                while True:
                    yield await queue.get()
            finally:
                self.streams[token].discard(queue)

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def _feedback(self, request: Request) -> Response:
        if refused := await self._refused(request):
            return refused
        body = await request.json()
        for entry in self.logs[self._token(request)]:
            if entry["id"] == body["reply_id"]:
                entry["helpful"] = body["helpful"]
        replies = [self._reply("emergency", self.contact)] if "fever" in body["comment"] else []
        return JSONResponse({"replies": replies})

    async def _erase(self, request: Request) -> Response:
        if refused := await self._refused(request):
            return refused
        del self.logs[self._token(request)]
        return Response(status_code=204)

    def _publish(self, token: str, event: str, data: dict[str, Any], event_id: str = "") -> None:
        for queue in self.streams.get(token, ()):
            queue.put_nowait(_event(event, data, event_id))

    def _reply(self, kind: str, text: str, buttons: list[dict[str, str]] | None = None) -> dict[str, Any]:
        sources = ["Managing CRS: A Family Guide"] if kind == "answer" else []
        topic = "crs_duration" if kind == "answer" else None
        name = f"reply-{next(self._numbers)}"
        return {
            "id": name,
            "kind": kind,
            "text": text,
            "buttons": buttons or [],
            "topic": topic,
            "sources": sources,
            "at": _now(),
        }


def _event(event: str, data: dict[str, Any], event_id: str = "") -> bytes:
    lines = [f"id: {event_id}"] if event_id else []
    return "\n".join([*lines, f"event: {event}", f"data: {json.dumps(data)}", "", ""]).encode()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
