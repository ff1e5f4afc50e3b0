"""Serving the application with uvicorn."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable, Coroutine

import uvicorn

from bot.app import create_app
from bot.dialogue.worker import DialogueUnavailable
from bot.errors import UserError
from bot.service import Service, make_service
from bot.settings import Settings

GARBAGE = (20_000, 20, 50)  # as gc.set_threshold takes it: thousands of messages on their way are no garbage


class ServerError(UserError):
    """The service cannot listen where it should; the message says where and why."""


class Server(uvicorn.Server):
    """Ends event streams before it waits for open connections: they would last until its patience ends."""

    def __init__(
        self,
        config: uvicorn.Config,
        close_streams: Callable[[], None],
        settle: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        """Prepare.

        Args:
            config: as uvicorn takes it.
            close_streams: ends the event streams.
            settle: runs once beside the server that has started.
        """
        super().__init__(config)
        self._close_streams = close_streams
        self._settle = settle
        self._settling: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn."""
        await super().startup(sockets)
        if self._settle is not None:
            self._settling = asyncio.create_task(self._settle())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn when it is asked to stop."""
        self._close_streams()
        await super().shutdown(sockets)


def serve(settings: Settings) -> None:
    """Serve until the process is asked to stop.

    Raises:
        ServerError: the address cannot be listened on.
        UserError: something that the service is made of is wrong.
    """
    listening = _listen(settings.host, settings.port)
    service = make_service(settings)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"CRS family chat: http://{shown}:{port}/  (Ctrl-C stops it)", flush=True)  # noqa: T201 - the user's line
    app = create_app(service)
    config = uvicorn.Config(
        app,
        ws="none",  # Rasa pins websockets 10, which uvicorn no longer knows
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it anew when it has stopped
        Server(config, app.close_streams, lambda: _settle(service)).run(sockets=[listening])


async def _settle(service: Service) -> None:
    """Keep what lives as long as this process out of later searches for garbage: a third of a second each."""
    with contextlib.suppress(DialogueUnavailable):
        await service.dialogue.loaded()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)


def _listen(host: str, port: int) -> socket.socket:
    """Take the address before the model is loaded: a port in use is told at once."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()  # two services can bind one address, not listen on it
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ServerError(f"cannot listen on {host} port {port}: {reason}") from error
    return listening
