"""The website's channel: sessions, messages and history over HTTP."""

import asyncio
import json
import re
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot.channels.tokens import SessionTokens
from bot.conversations.records import Inbound
from bot.dialogue.turn import TurnResult
from bot.replies import Reply
from bot.service import Service

logger = structlog.get_logger(__name__)

CHANNEL = "widget"
BODY_MAXIMUM = 16 * 1024  # bytes
REST_WITHIN_S = 0.1  # how long the fixed reply to a red flag waits for what follows it
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BUTTON = re.compile(r"[a-z0-9_/]{1,100}")


class _Refused(Exception):
    """A request that no work is done for."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


class WidgetChannel:
    """The HTTP endpoints of the website's chat."""

    def __init__(self, service: Service, tokens: SessionTokens) -> None:
        self._service = service
        self._tokens = tokens
        self._turns: set[asyncio.Task[TurnResult]] = set()

    def routes(self) -> list[BaseRoute]:
        """The endpoints."""
        return [
            Route("/channels/widget/sessions", self._start_session, methods=["POST"]),
            Route("/channels/widget/messages", self._receive, methods=["POST"]),
            Route("/channels/widget/messages", self._history, methods=["GET"]),
        ]

    async def _start_session(self, _request: Request) -> Response:
        return JSONResponse({"token": self._tokens.issue()})

    async def _receive(self, request: Request) -> Response:
        try:
            conversation = self._conversation(request)
            inbound = _inbound(conversation, await _body(request))
        except _Refused as refused:
            return self._refusal(refused)
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
            return JSONResponse({"replies": [_rendered(reply) for reply in delivered], "more": True})
        try:
            result = turn.result()
        except Exception as error:  # such as neither database nor disk: the family must still know whom to call
            logger.error("widget.turn.failed", error=type(error).__name__)
            contact = delivered[0] if delivered else self._service.texts.reply("apology")
            return JSONResponse({"error": "the message could not be stored", "text": contact.text}, status_code=503)
        replies = [_rendered(reply) for reply in result.replies]
        handed_over = BackgroundTask(self._service.journal.delivered, [reply.id for reply in result.replies])
        return JSONResponse({"replies": replies}, background=handed_over)

    async def _history(self, request: Request) -> Response:
        try:
            conversation = self._conversation(request)
        except _Refused as refused:
            return self._refusal(refused)
        try:
            entries = await self._service.journal.history(conversation, after=request.query_params.get("after"))
        except SQLAlchemyError as error:
            logger.error("widget.history.failed", error=type(error).__name__)
            return JSONResponse({"error": "earlier messages cannot be read now"}, status_code=503)
        replies = [entry["reply"].id for entry in entries if entry["reply"]]
        handed_over = BackgroundTask(self._service.journal.delivered, replies) if replies else None
        return JSONResponse({"messages": [_remembered(entry) for entry in entries]}, background=handed_over)

    def _conversation(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        conversation = self._tokens.conversation(token) if scheme.lower() == "bearer" else None
        if conversation is None:
            raise _Refused(401, "the session is missing or over: start a new one")
        return conversation

    def _refusal(self, refused: _Refused) -> Response:
        body = {"error": refused.error}
        if refused.status == 413:
            body["text"] = self._service.texts.reply("emergency").text
        return JSONResponse(body, status_code=refused.status)


async def _first_of(turn: "asyncio.Task[TurnResult]", first_delivered: asyncio.Event) -> None:
    """Wait until a turn is over or has delivered its first reply."""
    delivery = asyncio.create_task(first_delivered.wait())
    try:
        await asyncio.wait({turn, delivery}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        delivery.cancel()


async def _body(request: Request) -> Any:
    """The request's JSON, read no further than the limit."""
    received = bytearray()
    try:
        async for chunk in request.stream():
            received += chunk
            if len(received) > BODY_MAXIMUM:
                raise _Refused(413, f"a message may have {BODY_MAXIMUM} bytes at most")
        return json.loads(received)
    except ClientDisconnect as error:
        raise _Refused(400, "the request broke off") from error
    except (ValueError, RecursionError) as error:
        raise _Refused(400, "the body is no JSON") from error


def _inbound(conversation: str, body: Any) -> Inbound:
    if not isinstance(body, dict):
        raise _Refused(400, "the body must be an object")
    client_id, text, button = body.get("id"), body.get("text"), body.get("button", "")
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
        raise _Refused(400, "'id' must be 1 to 64 letters, digits, '-' or '_'")
    if not isinstance(text, str):
        raise _Refused(400, "'text' must be a string")
    if not isinstance(button, str) or (button and not _BUTTON.fullmatch(button)):
        raise _Refused(400, "'button' must be the token of a button")
    # A lone surrogate is valid JSON but cannot be stored.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return Inbound(
        channel=CHANNEL,
        conversation=conversation,
        message_id=f"{conversation}:{client_id}",
        text=text,
        button=button,
    )


def _rendered(reply: Reply) -> dict[str, Any]:
    return {
        "id": reply.id,
        "kind": reply.kind,
        "text": reply.text,
        "buttons": [{"title": button.title, "token": button.token} for button in reply.buttons],
        "topic": reply.topic,
        "sources": list(reply.sources),
        "at": reply.at.isoformat(),
    }


def _remembered(entry: dict[str, Any]) -> dict[str, Any]:
    reply: Reply | None = entry["reply"]
    if reply is not None:
        return {"from": "service", **_rendered(reply)}
    client_id = entry["channel_message_id"].rpartition(":")[2]
    return {"from": "family", "at": entry["at"], "id": client_id, "text": entry["text"]}
