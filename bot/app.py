"""The ASGI application: channels, demo page, console and health, assembled."""

import contextlib
import gzip
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from bot.channels.configured import messengers_of
from bot.channels.limits import Limits
from bot.channels.messaging.messaging import Messaging
from bot.channels.tokens import SessionTokens
from bot.channels.widget import WidgetChannel
from bot.console.app import Console
from bot.conversations.records import Inbound
from bot.cross_origin import CrossOrigin
from bot.dialogue.worker import DialogueUnavailable
from bot.security_headers import PRIVATE, SecurityHeaders
from bot.service import Service
from bot.widget.script import widget_script

PAGE = Path(__file__).parent / "widget" / "page"
READINESS_QUESTION, READINESS_TOPIC = "How long does CRS usually last?", "crs_duration"
SCRIPT_KEPT_S = 3600  # how long a browser keeps the widget's script without asking


class Application:
    """The web application of a service."""

    def __init__(self, service: Service, limits: Limits, console: Console, messaging: Messaging) -> None:
        """Put it together; see `create_app`."""
        self._service = service
        tokens = SessionTokens(*service.settings.secret_keys)
        self._widget = WidgetChannel(service, tokens, limits)
        self.messaging = messaging
        starlette = Starlette(
            routes=[
                Route("/", self._page),
                Mount("/page", StaticFiles(directory=PAGE)),
                _script_route(widget_script()),
                Route("/health", self._health),
                Route("/ready", self._ready),
                Route("/metrics", self._metrics),
                *self._widget.routes(),
                *self.messaging.routes(),
                *console.routes(),
            ],
            exception_handlers={HTTPException: _http_error, Exception: self._unexpected},
            lifespan=self._lifespan,
        )
        # Around everything, Starlette's own answer to an unexpected error included.
        self._app = SecurityHeaders(CrossOrigin(starlette, service.settings.origins))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the server."""
        await self._app(scope, receive, send)

    def close_streams(self) -> None:
        """End all event streams, because the server is about to stop."""
        self._widget.close_streams()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        await self._service.start(self._resume)
        self.messaging.start()
        yield
        await self.messaging.stop()
        await self._service.stop()

    async def _resume(self, inbound: Inbound) -> None:
        """Take the turn of a message that a crash left, through the channel it came by."""
        channel = self.messaging if inbound.address else self._widget
        await channel.resume(inbound)

    async def _page(self, _request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _request: Request) -> Response:
        reason = await why_not_ready(self._service)
        if reason is None:
            red_flags = "both detectors" if self._service.gate.has_semantic else "the lexicon alone: run `bot train`"
            # Families are answered whether or not navigators can be called: it is said, and changes nothing else.
            alerts, channels = self._service.calling.state, ["widget", *self.messaging.names]
            return JSONResponse({"status": "ready", "red_flags": red_flags, "alerts": alerts, "channels": channels})
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)

    async def _metrics(self, _request: Request) -> Response:
        return Response(self._service.metrics.page(), media_type="text/plain; version=0.0.4")

    async def _unexpected(self, request: Request, _error: Exception) -> Response:
        """A fault of the program; a family that wrote is told whom to call all the same."""
        if not request.url.path.startswith(PRIVATE):
            return PlainTextResponse("Internal Server Error", status_code=500)
        text = self._service.texts.reply("apology").text
        return JSONResponse({"error": "something went wrong", "text": text}, status_code=500)


def create_app(service: Service, *, limits: Limits | None = None, console: Console | None = None) -> Application:
    """The web application of a service.

    Args:
        service: put together, not yet started; the application starts and stops it.
        limits: how fast families may write; by default those of data/limits.yml.
        console: the navigators' pages; by default those of the service, with the rules of data/console.yml.

    Raises:
        DataFileError: one of these files is wrong.
        SettingsError: a messaging channel's settings are not whole.
    """
    messengers = messengers_of(service.settings)
    console = console or Console(service, service.sessions, service.settings, messengers=messengers)
    return Application(service, limits or Limits(), console, Messaging(service, messengers))


async def _http_error(request: Request, error: Exception) -> Response:
    """What is not there, or not in this way."""
    assert isinstance(error, HTTPException)
    if request.url.path.startswith(PRIVATE):
        return JSONResponse({"error": error.detail.lower()}, error.status_code, error.headers)
    return PlainTextResponse(error.detail, error.status_code, error.headers)


def _script_route(script: bytes) -> Route:
    """Serves the widget's script to any site; a browser that has it already is not sent it again."""
    etag = f'"{hashlib.sha256(script).hexdigest()[:32]}"'
    packed = gzip.compress(script, mtime=0)
    headers = {
        "etag": f"W/{etag}",  # the same script, packed or not
        "cache-control": f"public, max-age={SCRIPT_KEPT_S}",
        "cross-origin-resource-policy": "cross-origin",
        "vary": "accept-encoding",
    }

    async def serve_script(request: Request) -> Response:
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if etag in known:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type="text/javascript", headers={**headers, "content-encoding": "gzip"})
        return Response(script, media_type="text/javascript", headers=headers)

    return Route("/widget/crs-chat.js", serve_script)


async def why_not_ready(service: Service) -> str | None:
    """Ask the bot a question that it must answer.

    Returns:
        None where it does; otherwise why not.
    """
    if service.dialogue.is_loading:
        return "the model is still loading"
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
