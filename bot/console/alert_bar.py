"""The bar of open alerts on every page, which a page asks for by itself; and acknowledging them."""

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.access import Visit
from bot.console.desk import Desk, is_htmx
from bot.console.forms import Refused
from bot.console.inbox_rules import InboxRules
from bot.conversations.code import conversation_code
from bot.conversations.inbox_filter import read_query
from bot.conversations.open_alerts import OpenAlerts, acknowledge, count_open, open_alerts
from bot.conversations.reviewing import find_conversation

BAR, PAGE = 3, 100  # conversations shown
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
NO_CONVERSATION = "There is no such conversation: it was erased, or has expired."


class AlertBar:
    """Open alerts: as a part of every page, and as a page of their own where no script runs."""

    def __init__(self, desk: Desk, rules: InboxRules) -> None:
        self._desk = desk
        self._rules = rules

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        desk = self._desk
        return [
            desk.route("GET", "/alerts", self._show, name="alerts", is_use=False),
            desk.route("POST", "/alerts/{key}/acknowledge", self._acknowledge, name="acknowledge"),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        if not is_htmx(request):
            return self._desk.page(request, visit, "alerts.html", **await self._values(PAGE))
        values = await self._bar(_number(request.query_params.get("newest", "")))
        if values["digest"] == request.query_params.get("seen"):
            return Response(status_code=204)  # the page keeps what it has, and what is focused in it
        return self._desk.page(request, visit, "alerts_fragment.html", **values)

    async def _bar(self, newest_seen: int | None) -> dict[str, Any]:
        """What the bar shows.

        Args:
            newest_seen: when the newest alert that the page has shown came; None where it has shown none yet.
        """
        values = await self._values(BAR)
        groups: list[OpenAlerts] = values["groups"]
        newest = max([_microseconds(group.newest_at) for group in groups] + [newest_seen or 0])
        shown = [(group, values["overdue"][group.key], _full_minutes(group, values["moment"])) for group in groups]
        return values | {
            "newest": newest,
            "has_news": newest_seen is not None and newest > newest_seen,
            "digest": hashlib.sha256(repr((shown, values["total"])).encode()).hexdigest()[:16],
        }

    async def _values(self, at_most: int) -> dict[str, Any]:
        def work(session: Session) -> tuple[list[OpenAlerts], int]:
            return open_alerts(session, at_most=at_most), count_open(session)

        groups, total = await self._desk.read(work)
        moment = self._desk.clock()
        overdue = {group.key: self._rules.is_overdue(group, moment) for group in groups}
        return {"groups": groups, "total": total, "overdue": overdue, "moment": moment}

    async def _acknowledge(self, request: Request, visit: Visit) -> Response:
        form = await self._desk.form(request)
        key = request.path_params["key"]
        newest, newest_at = _number(form.get("newest", "")), _moment(form.get("newest_at", ""))
        if newest is None or newest_at is None:
            raise Refused(422, "The page is out of date: load it again.")
        moment = self._desk.clock()

        def work(session: Session) -> None:
            conversation = find_conversation(session, key)
            if conversation is None:
                raise Refused(404, NO_CONVERSATION)
            acknowledge(session, conversation, by=visit.user_id, at=moment, newest=newest, newest_at=newest_at)

        await self._desk.change(visit, "alert.acknowledged", f"conversation {conversation_code(key)}", work)
        if is_htmx(request):
            return self._desk.page(request, visit, "alerts_fragment.html", **await self._bar(None))
        if "view" not in form:
            return self._desk.go(request, self._desk.path_for("alerts"))
        query = read_query(form["view"]).query()
        path = self._desk.path_for("conversation", key=key)
        return self._desk.go(request, f"{path}{'?' if query else ''}{query}")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(timezone.utc) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # the latter at the ends of the calendar
        return None


def _full_minutes(group: OpenAlerts, moment: datetime) -> int:
    return int((moment - group.waiting_since).total_seconds() // 60)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
