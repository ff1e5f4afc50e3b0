"""The page of numbers, and what can be downloaded of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console import labels
from bot.console.access import CSRF_FIELD, Visit
from bot.console.charts import Series, stacked_bars
from bot.console.desk import Desk
from bot.console.forms import Refused
from bot.console.number_tables import SORTS, TABLES, in_words, share
from bot.conversations.numbers import Numbers, channels_of, numbers
from bot.conversations.period import Period, WrongPeriod
from bot.csv_lines import csv_line

PERIODS = (7, 30, 90)  # days
DAYS = 30  # where nothing else is asked for
KEPT = timedelta(minutes=1)  # how long figures are shown again without counting anew
REMEMBERED = 20  # periods


@dataclass(frozen=True)
class Choice:
    """What is counted: which days, and over which channel."""

    period: Period
    channel: str | None

    @property
    def fields(self) -> dict[str, str]:
        """As they stand in the page's address."""
        fields = {"from": self.period.first.isoformat(), "to": self.period.last.isoformat()}
        return {**fields, "channel": self.channel or ""}


class NumbersPage:
    """What is asked, how well it is answered, and how soon navigators come."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._counting = asyncio.Lock()  # whoever asks for the same meanwhile waits for it
        self._counted: dict[Choice, tuple[datetime, Numbers, list[str]]] = {}

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        return [
            self._desk.route("GET", "/numbers", self._show, name="numbers"),
            self._desk.route("POST", "/numbers/export", self._export, name="numbers_export"),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        choice = self._choice(request.query_params)
        found, channels = await self._numbers(choice)
        if choice.channel is not None and choice.channel not in channels:
            raise Refused(404, "Nobody has written over such a channel.")
        days = [f"{day.day:%d %b %Y}" for day in found.days]
        charts = {
            "messages": stacked_bars(days, Series("Messages", "plain", [day.messages for day in found.days])),
            "red_flags": stacked_bars(
                days,
                Series("T1, now or unclear", "urgent", [day.tiers["T1"] for day in found.days]),
                Series("T2, not about now", "hollow", [day.tiers["T2"] for day in found.days]),
            ),
        }
        values: dict[str, Any] = {
            "numbers": found,
            "tables": {name: make(found) for name, make in TABLES.items()},
            "charts": charts,
            "choice": choice,
            "labels": labels,
            "channels": channels,
            "periods": [(days, self._last(days) == choice.period) for days in PERIODS],
            "sorts": SORTS,
            "share": share,
            "in_words": in_words,
        }
        return self._desk.page(request, visit, "numbers.html", **values)

    async def _export(self, request: Request, visit: Visit) -> Response:
        form = await self._desk.form(request)
        name = form.get("table", "")
        if name not in TABLES:
            raise Refused(422, "There is no such table.")
        choice = self._choice({key: value for key, value in form.items() if key not in ("table", CSRF_FIELD)})
        found, _ = await self._numbers(choice)
        days = f"{choice.period.first} to {choice.period.last}"
        await self._desk.look(visit, "numbers.exported", f"numbers {name} {days}", lambda _session: None)
        table = TABLES[name](found)
        file = f"{name}-{choice.period.first}-{choice.period.last}.csv"
        return Response(
            csv_line(table.columns) + "".join(csv_line(row) for row in table.rows),
            media_type="text/csv",
            headers={"content-disposition": f'attachment; filename="{file}"'},
        )

    async def _numbers(self, choice: Choice) -> tuple[Numbers, list[str]]:
        """What was counted less than a minute ago, or counted now; with the channels that there are."""
        async with self._counting:
            moment = self._desk.clock()
            kept = {key: value for key, value in self._counted.items() if moment - value[0] < KEPT}
            if choice not in kept:
                found = await self._desk.read(
                    lambda session: (numbers(session, choice.period, choice.channel), channels_of(session))
                )
                kept = dict(list(kept.items())[-REMEMBERED:])
                kept[choice] = (moment, *found)
            self._counted = kept
            _, counted, channels = kept[choice]
            return counted, channels

    def _choice(self, given: Mapping[str, str]) -> Choice:
        """Read what is asked for.

        Raises:
            Refused: it is nothing that can be counted.
        """
        if unknown := set(given) - {"days", "from", "to", "channel"}:
            raise Refused(422, f"Numbers are not chosen by {min(unknown)[:40]!r}.")
        channel = given.get("channel") or None
        if "days" in given:
            if given["days"] not in map(str, PERIODS):
                raise Refused(422, f"Choose {', '.join(map(str, PERIODS))} days, or a first and a last day.")
            return Choice(self._last(int(given["days"])), channel)
        if not given.get("from") and not given.get("to"):
            return Choice(self._last(DAYS), channel)
        try:
            first, last = date.fromisoformat(given.get("from", "")), date.fromisoformat(given.get("to", ""))
        except ValueError as error:
            raise Refused(422, "Give a first and a last day, each such as 2026-03-31.") from error
        try:
            return Choice(Period(first, last, self._desk.settings.zone), channel)
        except WrongPeriod as error:
            raise Refused(422, f"This cannot be counted: {error}.") from error

    def _last(self, days: int) -> Period:
        return Period.until(self._desk.clock(), self._desk.settings.zone, days=days)
