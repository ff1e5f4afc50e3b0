"""The website's channel: sessions, messages, events, feedback and erasure over HTTP."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot.channels.broker import EventBroker
from bot.channels.event_stream import EventStream, frames
from bot.channels.limits import Limits
from bot.channels.live_turns import Exchange, LiveTurns
from bot.channels.rendering import remembered, rendered
from bot.channels.requests import COMMENT_MAXIMUM, Refused, feedback_of, inbound_of, read_json
from bot.channels.tokens import SessionTokens
from bot.conversations.code import conversation_code
from bot.conversations.erased import ConversationErased
from bot.conversations.feedback import Opinion, UnknownReply
from bot.conversations.records import Inbound
from bot.redflags.detector import Detection
from bot.replies import Reply
from bot.service import Service
from bot.storable import storable

logger = structlog.get_logger(__name__)

PREFIX = "/channels/widget"
REST_WITHIN_S = 0.1  # how long the fixed reply to a red flag waits for what follows it
_NOT_NOW = (SQLAlchemyError, TimeoutError)  # what the database says when it cannot be asked

Endpoint = Callable[[Request], Awaitable[Response]]


class WidgetChannel:
    """The HTTP endpoints of the website's chat."""

    def __init__(self, service: Service, tokens: SessionTokens, limits: Limits) -> None:
        self._service = service
        self._tokens = tokens
        self._limits = limits
        self._broker = EventBroker()
        self._turns = LiveTurns(service, self._broker)

    def routes(self) -> list[BaseRoute]:
        """The endpoints."""
        return [
            self._route("POST", "/sessions", self._start_session),
            self._route("GET", "/session", self._show_session),
            self._route("POST", "/messages", self._receive),
            self._route("GET", "/messages", self._history),
            self._route("GET", "/events", self._listen),
            self._route("POST", "/feedback", self._take_feedback),
            self._route("DELETE", "/conversation", self._erase),
        ]

    async def resume(self, inbound: Inbound) -> None:
        """Take the turn of a message that a crash left unanswered; see `LiveTurns.resume`."""
        await self._turns.resume(inbound)

    def close_streams(self) -> None:
        """End all event streams: they must not hold the server's stop up."""
        self._broker.close()

    def _route(self, method: str, path: str, endpoint: Endpoint) -> Route:
        async def guarded(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Refused as refused:
                return self._refusal(refused)

        return Route(f"{PREFIX}{path}", guarded, methods=[method])

    async def _start_session(self, request: Request) -> Response:
        wait_s = self._limits.session(_host(request))
        if wait_s:
            # The page has no text of its own yet: it must still know whom to call.
            raise self._too_many("new sessions", wait_s, text=self._service.texts.reply("emergency").text)
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
        wait_s = self._limits.message(inbound.conversation, _host(request))
        if wait_s and not (await self._service.gate.peek(inbound.conversation, inbound.text)).triggers:
            raise self._too_many("messages", wait_s)
        exchange = Exchange(inbound)
        turn = self._turns.start(exchange)
        await exchange.first_of(turn, rest_within_s=REST_WITHIN_S)
        if not turn.done():
            # The fixed reply waits for nothing; the rest comes over the events, or to who sends the message again.
            return JSONResponse({"replies": [rendered(reply) for reply in exchange.leave()], "more": True})
        try:
            replies = turn.result().replies
        except ConversationErased:
            if not exchange.delivered:
                raise self._over() from None
            replies = tuple(exchange.delivered)
        except Exception:  # it was logged; the family must still know whom to call
            contact = exchange.delivered[0] if exchange.delivered else self._service.texts.reply("apology")
            raise Refused(503, "the message could not be stored", text=contact.text) from None
        return self._handing_over({"replies": [rendered(reply) for reply in replies]}, replies)

    async def _history(self, request: Request) -> Response:
        conversation = self._conversation(request)
        after = storable(request.query_params.get("after", ""))
        try:
            entries = await self._service.journal.history(conversation, after=after)
        except SQLAlchemyError as error:
            raise self._not_now("earlier messages cannot be read now", error) from error
        replies = [entry["reply"] for entry in entries if entry["reply"]]
        return self._handing_over({"messages": [remembered(entry) for entry in entries]}, replies)

    async def _listen(self, request: Request) -> Response:
        conversation = self._conversation(request)
        seen = storable(request.headers.get("last-event-id", ""))
        # The id may be of a reply that is on its way and not in the log yet.
        seen_at = next((reply.at for reply in self._broker.on_their_way(conversation) if reply.id == seen), None)
        journal, subscription = self._service.journal, self._broker.subscribe(conversation)
        missed = journal.later_replies(conversation, seen, seen_at=seen_at) if seen else None

        def ended() -> None:
            self._broker.unsubscribe(conversation, subscription)

        return EventStream(frames(journal, missed, subscription, seen=seen), ended)

    async def _take_feedback(self, request: Request) -> Response:
        conversation = self._conversation(request)
        reply_id, helpful, comment = feedback_of(await read_json(request))
        gate, wait_s = self._service.gate, self._limits.message(conversation, _host(request))
        look = gate.peek(conversation, comment) if wait_s else gate.look_at_comment(comment)
        detection = await look
        emergency = self._emergency(detection)
        text = emergency.text if emergency else ""
        if wait_s and emergency is None:
            raise self._too_many("messages", wait_s)
        if len(comment) > COMMENT_MAXIMUM:
            raise Refused(400, f"'comment' may have {COMMENT_MAXIMUM} characters at most", text=text)
        opinion = Opinion(helpful, comment)
        if emergency is not None:
            read_by, sent = (detection.tier, detection.ruleset), (emergency.text_id, emergency.revision)
            opinion = Opinion(helpful, comment, *read_by, *sent)
        try:
            await self._service.journal.give_feedback(conversation, reply_id, opinion)
        except UnknownReply:
            raise Refused(404, "there is no such reply in this conversation", text=text) from None
        except _NOT_NOW as error:
            raise self._not_now("the feedback could not be stored: try again", error, text=text) from error
        return JSONResponse({"replies": [rendered(emergency)] if emergency else []})

    def _emergency(self, detection: Detection) -> Reply | None:
        """The fixed reply to a comment that mentions a red flag."""
        if not detection.triggers:
            return None
        return self._service.texts.reply("crisis" if detection.crisis else "emergency")

    async def _erase(self, request: Request) -> Response:
        conversation = self._conversation(request)
        try:
            await self._service.turn.erase(conversation)
        except _NOT_NOW as error:
            raise self._not_now("the conversation could not be erased: try again", error) from error
        self._broker.end(conversation)
        return Response(status_code=204)

    def _conversation(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        conversation = self._tokens.conversation(token) if scheme.lower() == "bearer" else None
        if conversation is None or self._service.journal.is_erased(conversation):
            raise self._over()
        return conversation

    def _handing_over(self, body: dict[str, Any], replies: Sequence[Reply]) -> Response:
        """An answer; what it holds is marked as delivered once it is sent."""
        ids = [reply.id for reply in replies]
        return JSONResponse(body, background=BackgroundTask(self._service.journal.delivered, ids) if ids else None)

    @staticmethod
    def _over() -> Refused:
        return Refused(401, "the session is missing or over: start a new one")

    def _too_many(self, what: str, wait_s: int, *, text: str = "") -> Refused:
        self._service.metrics.limited.inc()
        return Refused(429, f"too many {what}: try again in {wait_s} s", text=text, retry_after_s=wait_s)

    def _not_now(self, error: str, cause: Exception, *, text: str = "") -> Refused:
        logger.error("widget.database.failed", error=type(cause).__name__)
        return Refused(503, error, text=text or self._service.texts.reply("apology").text)

    def _refusal(self, refused: Refused) -> Response:
        body = {"error": refused.error}
        # What could not be read may have been a cry for help.
        text = self._service.texts.reply("emergency").text if refused.status in (400, 413) else refused.text
        if text:
            body["text"] = text
        headers = {"retry-after": str(refused.retry_after_s)} if refused.retry_after_s else {}
        return JSONResponse(body, status_code=refused.status, headers=headers)


def _host(request: Request) -> str | None:
    return request.client.host if request.client else None
