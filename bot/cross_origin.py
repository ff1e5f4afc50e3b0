"""Which other sites' pages may use the chat."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

PATHS = "/channels/widget/"
PREFLIGHT_KEPT_S = 600  # how long a browser remembers what it was told


class CrossOrigin:
    """Answers the questions of browsers about the chat's API; nothing else is open to other sites."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        """Prepare.

        Args:
            app: what answers.
            origins: the sites, each as `https://host` or `https://host:port`; empty for none.
        """
        self._app = app
        self._open = app
        if origins:
            self._open = CORSMiddleware(
                app,
                allow_origins=origins,
                allow_methods=("GET", "POST", "DELETE"),
                allow_headers=("authorization", "content-type", "last-event-id"),
                expose_headers=("retry-after",),
                max_age=PREFLIGHT_KEPT_S,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the server for each request."""
        widget = scope["type"] == "http" and scope["path"].startswith(PATHS)
        await (self._open if widget else self._app)(scope, receive, send)
