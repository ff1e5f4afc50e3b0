"""The first page."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.access import Visit
from bot.console.desk import Desk


class Inbox:
    """The page that staff see first."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        return [self._desk.route("GET", "/", self._show, name="inbox")]

    async def _show(self, request: Request, visit: Visit) -> Response:
        return self._desk.page(request, visit, "inbox.html")
