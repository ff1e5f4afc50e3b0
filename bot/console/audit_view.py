"""The audit, for admins: what staff did and looked at."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from bot.console.access import Visit
from bot.console.desk import Desk
from bot.console.forms import LARGEST_ID, Refused
from bot.csv_lines import csv_line
from bot.staff.audit_log import AuditFilter, actions, events
from bot.staff.models import ADMIN, AuditEvent

SHOWN, EXPORTED_AT_ONCE = 50, 500  # events
COLUMNS = ("id", "at", "actor", "role", "action", "subject", "detail", "previous", "digest")


class AuditView:
    """The pages of the audit."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        return [
            self._desk.route("GET", "/audit", self._show, role=ADMIN, name="audit"),
            self._desk.route("POST", "/audit/export", self._export, role=ADMIN, name="audit_export"),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        wanted, before = _filter_of(request.query_params), _before(request.query_params.get("before", ""))
        found, known = await self._desk.read(
            lambda session: (events(session, wanted=wanted, before=before, at_most=SHOWN + 1), actions(session))
        )
        shown, path = found[:SHOWN], self._desk.path_for("audit")
        fields = _fields_of(wanted)
        values: dict[str, Any] = {
            "events": shown,
            "actions": known,
            "fields": fields,
            "newest": f"{path}?{urlencode(fields)}" if before is not None else "",
            "older": f"{path}?{urlencode({**fields, 'before': shown[-1].id})}" if len(found) > SHOWN else "",
        }
        return self._desk.page(request, visit, "audit.html", **values)

    async def _export(self, request: Request, visit: Visit) -> Response:
        wanted = _filter_of(await self._desk.form(request))
        await self._desk.look(visit, "audit.exported", "audit", lambda _session: None)
        headers = {"content-disposition": 'attachment; filename="audit.csv"'}
        return StreamingResponse(self._lines(wanted), media_type="text/csv", headers=headers)

    async def _lines(self, wanted: AuditFilter) -> AsyncIterator[str]:
        yield csv_line(COLUMNS)
        before: int | None = None
        while True:
            found = await self._desk.read(partial(events, wanted=wanted, before=before, at_most=EXPORTED_AT_ONCE))
            if not found:
                return
            yield "".join(csv_line(_row(event)) for event in found)
            before = found[-1].id


def _row(event: AuditEvent) -> list[object]:
    values = {column: getattr(event, column) for column in COLUMNS}
    values["at"] = event.at.isoformat()
    values["detail"] = json.dumps(event.detail, ensure_ascii=False) if event.detail else ""
    return list(values.values())


def _filter_of(values: Mapping[str, str]) -> AuditFilter:
    return AuditFilter(
        actor=values.get("actor", "").strip()[:64],
        action=values.get("action", "").strip()[:40],
        since=_day(values.get("since", "")),
        until=_day(values.get("until", "")),
    )


def _fields_of(wanted: AuditFilter) -> dict[str, str]:
    fields = {"actor": wanted.actor, "action": wanted.action}
    days = {"since": wanted.since, "until": wanted.until}
    return fields | {name: day.isoformat() if day else "" for name, day in days.items()}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Refused(422, "A day is written as 2026-01-31.") from None


def _before(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > LARGEST_ID:
        raise Refused(422, "That is no page of the audit.")
    return int(text)
