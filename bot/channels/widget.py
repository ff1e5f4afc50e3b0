"""The website's channel: sessions, messages and history over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot.channels.rendering import remembered, rendered
from bot.channels.requests import Refused, inbound_of, read_json
from bot.channels.tokens import SessionTokens
from bot.conversations.code import conversation_code
from bot.dialogue.turn import TurnResult
from bot.replies import Reply
from bot.service import Service

logger = structlog.get_logger(__name__)

PREFIX = "/channels/widget"
REST_WITHIN_S = 0.1  # how long the fixed reply to a red flag waits for what follows it

Endpoint = Callable[[Request], Awaitable[Response]]


class WidgetChannel:
    """The HTTP endpoints of the website's chat."""

    def __init__(self, service: Service, tokens: SessionTokens) -> None:
        self._service = service
        self._tokens = tokens
        self._turns: set[asyncio.Task[TurnResult]] = set()

    def routes(self) -> list[BaseRoute]:
        """The endpoints."""
        return [
            self._route("POST", "/sessions", self._start_session),
            self._route("GET", "/session", self._show_session),
            self._route("POST", "/messages", self._receive),
            self._route("GET", "/messages", self._history),
        ]

    def _route(self, method: str, path: str, endpoint: Endpoint) -> Route:
        async def guarded(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Refused as refused:
                return self._refusal(refused)

        return Route(f"{PREFIX}{path}", guarded, methods=[method])

    async def _start_session(self, _request: Request) -> Response:
        token = self._tokens.issue()
        conversation = self._tokens.conversation(token)
        assert conversation is not None
        return JSONResponse({"token": token, **self._session(conversation)})

    async def _show_session(self, request: Request) -> Response:
        return JSONResponse(self._session(self._conversation(request)))

    def _session(self, conversation: str) -> dict[str, Any]:
        """What the page shows before the first message."""
        texts = self._service.texts
        return {
            "code": conversation_code(conversation),
            "contact": texts.reply("emergency").text,
            "privacy": {"text": texts.reply("privacy").text, "url": self._service.settings.privacy_url},
        }

    async def _receive(self, request: Request) -> Response:
        inbound = inbound_of(self._conversation(request), await read_json(request))
        delivered: list[Reply] = []
        first_delivered = asyncio.Event()

        async def deliver(reply: Reply) -> None:
            delivered.append(reply)
            first_delivered.set()

        turn = asyncio.create_task(self._service.turn.handle(inbound, deliver))
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)
        await _first_of(turn, first_delivered)
        if not turn.done():
            await asyncio.wait({turn}, timeout=REST_WITHIN_S)
        if not turn.done():
            # The fixed reply waits for nothing; whoever sends the same message again gets the rest.
            return JSONResponse({"replies": [rendered(reply) for reply in delivered], "more": True})
        try:
            result = turn.result()
        except Exception as error:  # such as neither database nor disk: the family must still know whom to call
            logger.error("widget.turn.failed", error=type(error).__name__)
            contact = delivered[0] if delivered else self._service.texts.reply("apology")
            return JSONResponse({"error": "the message could not be stored", "text": contact.text}, status_code=503)
        replies = [rendered(reply) for reply in result.replies]
        handed_over = BackgroundTask(self._service.journal.delivered, [reply.id for reply in result.replies])
        return JSONResponse({"replies": replies}, background=handed_over)

    async def _history(self, request: Request) -> Response:
        conversation = self._conversation(request)
        try:
            entries = await self._service.journal.history(conversation, after=request.query_params.get("after"))
        except SQLAlchemyError as error:
            logger.error("widget.history.failed", error=type(error).__name__)
            return JSONResponse({"error": "earlier messages cannot be read now"}, status_code=503)
        replies = [entry["reply"].id for entry in entries if entry["reply"]]
        handed_over = BackgroundTask(self._service.journal.delivered, replies) if replies else None
        return JSONResponse({"messages": [remembered(entry) for entry in entries]}, background=handed_over)

    def _conversation(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        conversation = self._tokens.conversation(token) if scheme.lower() == "bearer" else None
        if conversation is None:
            raise Refused(401, "the session is missing or over: start a new one")
        return conversation

    def _refusal(self, refused: Refused) -> Response:
        body = {"error": refused.error}
        text = self._service.texts.reply("emergency").text if refused.status == 413 else refused.text
        if text:
            body["text"] = text
        headers = {"retry-after": str(refused.retry_after_s)} if refused.retry_after_s else {}
        return JSONResponse(body, status_code=refused.status, headers=headers)


async def _first_of(turn: "asyncio.Task[TurnResult]", first_delivered: asyncio.Event) -> None:
    """Wait until a turn is over or has delivered its first reply."""
    delivery = asyncio.create_task(first_delivered.wait())
    try:
        await asyncio.wait({turn, delivery}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        delivery.cancel()
