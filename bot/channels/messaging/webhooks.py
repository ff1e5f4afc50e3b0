"""The vendors' webhooks: verified, put on disk, acknowledged."""

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.channels.base import Answer, Messenger, NotReadable, NotSigned, Webhook
from bot.channels.messaging.intake import Intake, NotStored
from bot.metrics import Metrics

logger = structlog.get_logger(__name__)

BODY_MAXIMUM = 3 * 1024 * 1024  # bytes; the largest batch that Meta's page on webhooks of the Cloud API names


class Webhooks:
    """The endpoints of the messengers that are configured; the others have none."""

    def __init__(self, intake: Intake, metrics: Metrics) -> None:
        self._intake = intake
        self._metrics = metrics

    def route(self, messenger: Messenger) -> BaseRoute:
        """The endpoint of one messenger."""

        async def endpoint(request: Request) -> Response:
            status, answer = await self._handle(messenger, request)
            if status >= 400:
                return Response(status_code=status)
            return Response(answer.body, status_code=status, media_type=answer.media_type)

        return Route(f"/channels/{messenger.name}", endpoint, methods=["GET", "POST"])

    async def _handle(self, messenger: Messenger, request: Request) -> tuple[int, Answer]:
        body = await _read(request)
        if body is None:
            return self._counted(messenger, 413, "too long")
        webhook = Webhook(
            method="GET" if request.method == "HEAD" else request.method,
            headers=_headers(request),
            query=dict(request.query_params),
            body=body,
            query_string=request.scope["query_string"].decode("latin-1"),
        )
        try:
            if webhook.method == "POST":
                messenger.verify(webhook)
            answer = messenger.challenge(webhook)
            if answer is not None:
                return self._counted(messenger, 200, "challenge", answer)
            if webhook.method != "POST":
                raise NotSigned
            contents = messenger.read(webhook)
        except NotSigned:
            return self._counted(messenger, 403, "unsigned")
        except NotReadable as error:
            # Refused, because a vendor delivers it again: what we cannot read today we may read after an update.
            logger.error("webhook.unreadable", channel=messenger.name, reason=str(error))
            return self._counted(messenger, 400, "unreadable")
        try:
            await self._intake.take(messenger, contents)
        except NotStored:
            return self._counted(messenger, 503, "not stored")
        return self._counted(messenger, 200, "taken", messenger.answer)

    def _counted(
        self, messenger: Messenger, status: int, result: str, answer: Answer | None = None
    ) -> tuple[int, Answer]:
        self._metrics.webhooks.labels(messenger.name, result).inc()
        return status, answer or Answer()


async def _read(request: Request) -> bytes | None:
    """The whole body; None where it is longer than any vendor's."""
    received = bytearray()
    try:
        async for chunk in request.stream():
            received += chunk
            if len(received) > BODY_MAXIMUM:
                return None
    except ClientDisconnect:
        return b""  # nobody waits for the answer, and no signature fits
    return bytes(received)


def _headers(request: Request) -> dict[str, str]:
    """By names in lower case; of one that comes twice the first counts, as with proxies in front."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers.setdefault(name.lower(), value)
    return headers
