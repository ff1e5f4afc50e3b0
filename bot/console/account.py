"""Everybody's own page."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.access import Visit
from bot.console.desk import Desk


class Account:
    """The page of whoever is signed in."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        return [self._desk.route("GET", "/account", self._show, name="account")]

    async def _show(self, request: Request, visit: Visit) -> Response:
        return self._desk.page(request, visit, "account.html")
