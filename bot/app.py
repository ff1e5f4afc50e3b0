"""The ASGI application: channels, chat page and health, assembled."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.channels.tokens import SessionTokens
from bot.channels.widget import WidgetChannel
from bot.dialogue.worker import DialogueUnavailable
from bot.service import Service

PAGE = Path(__file__).parent / "widget" / "page"
READINESS_QUESTION, READINESS_TOPIC = "How long does CRS usually last?", "crs_duration"

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class SecurityHeaders:
    """Adds the security headers to every response; answers of the API are not kept by any cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the server for each request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(SECURITY_HEADERS)
        if scope["path"].startswith("/channels/"):
            headers["cache-control"] = "no-store"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
                message["headers"] = [*message.get("headers", []), *encoded]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def create_app(service: Service) -> Starlette:
    """The web application of a service.

    Args:
        service: put together, not yet started; the application starts and stops it.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    async def page(_request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        reason = await why_not_ready(service)
        if reason is None:
            red_flags = "both detectors" if service.gate.has_semantic else "the lexicon alone: run `bot train`"
            return JSONResponse({"status": "ready", "red_flags": red_flags})
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)

    async def metrics(_request: Request) -> Response:
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4")

    widget = WidgetChannel(service, SessionTokens(*service.settings.secret_keys))
    return Starlette(
        routes=[
            Route("/", page),
            Mount("/page", StaticFiles(directory=PAGE)),
            Route("/health", health),
            Route("/ready", ready),
            Route("/metrics", metrics),
            *widget.routes(),
        ],
        middleware=[Middleware(SecurityHeaders)],
        lifespan=lifespan,
    )


async def why_not_ready(service: Service) -> str | None:
    """Ask the bot a question that it must answer.

    Returns:
        None where it does; otherwise why not.
    """
    try:
        parse_data = await service.dialogue.parse(READINESS_QUESTION)
        spoken = await service.dialogue.turn("readiness", READINESS_QUESTION, parse_data=parse_data)
    except DialogueUnavailable as error:
        return str(error)
    except Exception as error:  # a broken component: readiness is there to say so
        return f"understanding failed: {type(error).__name__}"
    if not any(utterance.get("topic") == READINESS_TOPIC for utterance in spoken.utterances):
        return f"no answer on {READINESS_TOPIC}: is it published? (`bot answers list`)"
    return None
