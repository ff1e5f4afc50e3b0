"""The inbox: conversations by filter, what waits, and filters kept under a name."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console import labels
from bot.console.access import Visit
from bot.console.desk import Desk
from bot.console.filter_words import words_of_filter
from bot.console.titles import Titles
from bot.conversations import inbox
from bot.conversations.inbox_filter import (
    ALL,
    ME,
    NOBODY,
    FilterError,
    InboxFilter,
    Place,
    read_filter,
    read_query,
)
from bot.conversations.inbox_rows import rows_of
from bot.conversations.models import LATER, REVIEWED
from bot.conversations.reviewing import all_tags, colleagues
from bot.conversations.saved_views import delete_view, save_view, views_for
from bot.staff import audit

WORDS_LENGTH = 200  # of a search
STANDARD_VIEWS = (
    ("To review", InboxFilter(), "to_review"),
    (labels.TIERS["T1"], InboxFilter(tier="T1"), "urgent"),
    (labels.TIERS["T2"], InboxFilter(tier="T2"), "not_urgent"),
    (labels.STATES["unanswered"], InboxFilter(unanswered=True), "unanswered"),
    (labels.STATES["unsure"], InboxFilter(unsure=True), "unsure"),
    (labels.STATES["unhelpful"], InboxFilter(unhelpful=True), "unhelpful"),
    (labels.STATES["wants_person"], InboxFilter(wants_person=True), "wants_person"),
    (labels.STATES["undelivered"], InboxFilter(undelivered=True), "undelivered"),
    ("Mine", InboxFilter(assignee=ME), "mine"),
    ("Nobody's", InboxFilter(assignee=NOBODY), "of_nobody"),
    ("Later", InboxFilter(review=LATER), "later"),
    ("Reviewed", InboxFilter(review=REVIEWED), None),
    ("All", InboxFilter(review=ALL), None),
)


@dataclass(frozen=True)
class Link:
    """An entry of the list of views."""

    label: str
    path: str
    count: int | None
    is_current: bool


class Inbox:
    """The page that staff see first."""

    def __init__(self, desk: Desk, titles: Titles) -> None:
        self._desk = desk
        self._titles = titles

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        desk = self._desk
        return [
            desk.route("GET", "/", self._show, name="inbox"),
            desk.route("POST", "/search", self._search, name="search"),
            desk.route("POST", "/views", self._save_view, name="save_view"),
            desk.route("POST", "/views/{view_id:int}/delete", self._delete_view, name="delete_view"),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        chosen, place = read_filter(request.query_params.multi_items())
        return await self._list(request, visit, chosen, place, "")

    async def _search(self, request: Request, visit: Visit) -> Response:
        """Words are posted: in an address they would be kept by browsers and proxies."""
        form = await self._desk.form(request)
        words = " ".join(form.get("words", "").split())
        place = {name: form[name] for name in ("after", "before") if name in form}
        chosen, at = read_filter([*parse_qsl(form.get("query", "")), *place.items()])
        if len(words) > WORDS_LENGTH:
            raise FilterError(f"{WORDS_LENGTH} characters are searched for at most")
        return await self._list(request, visit, chosen, at, words)

    async def _list(self, request: Request, visit: Visit, chosen: InboxFilter, place: Place, words: str) -> Response:
        def work(session: Session) -> dict[str, Any]:
            values = self._read(session, visit, chosen, place, words)
            seen = [row.conversation.code for row in values["rows"]]
            audit.record(session, visit.actor, "inbox.viewed", "inbox", {"conversations": seen})
            return values

        values = await self._desk.write(work)
        return self._desk.page(
            request, visit, "inbox.html", chosen=chosen, labels=labels, titles=self._titles, **values
        )

    def _read(self, session: Session, visit: Visit, chosen: InboxFilter, place: Place, searched: str) -> dict[str, Any]:
        tag_names = {tag.id: tag.name for tag in all_tags(session)}
        names = {user.name: user.display_name for user in colleagues(session)}
        if chosen.tag and chosen.tag not in tag_names:
            raise FilterError("there is no such tag any more")
        if chosen.assignee not in (None, ME, NOBODY, *names):
            raise FilterError("there is nobody of that name who can sign in")
        page = inbox.page_of(session, chosen, place, visit.user_id, words=searched)
        counts, views = inbox.count(session, visit.user_id), views_for(session, visit.user_id)
        return {
            "rows": rows_of(session, page.conversations),
            "page": page,
            "searched": searched,
            "previous": self._page_path(chosen, "before", page.previous),
            "following": self._page_path(chosen, "after", page.next),
            "links": [
                Link(label, self._path(view), getattr(counts, name) if name else None, view == chosen)
                for label, view, name in STANDARD_VIEWS
            ],
            "saved": [(view, f"{self._desk.path_for('inbox')}?{view.query}") for view in views],
            "is_standard": any(chosen == view for _, view, _ in STANDARD_VIEWS),
            "first": self._path(chosen),
            "query": chosen.query(),
            "words": words_of_filter(chosen, self._titles, tag_names, names),
            "is_behind_another": place.after is not None or place.before is not None,
            "tag_choices": [("", "With or without"), *tag_names.items()],
            "assignee_choices": [("", "Anybody or nobody"), (ME, "Me"), (NOBODY, "Nobody"), *names.items()],
            "topic_choices": [("", "All topics"), *self._titles.choices(chosen.topic)],
        }

    def _path(self, chosen: InboxFilter) -> str:
        query = chosen.query()
        return f"{self._desk.path_for('inbox')}{'?' if query else ''}{query}"

    def _page_path(self, chosen: InboxFilter, name: str, position: object) -> str | None:
        if position is None:
            return None
        path = self._path(chosen)
        return f"{path}{'&' if '?' in path else '?'}{name}={position}"

    async def _save_view(self, request: Request, visit: Visit) -> Response:
        form = await self._desk.form(request)
        chosen, name, shared = read_query(form.get("query", "")), form.get("name", ""), "shared" in form

        def work(session: Session) -> None:
            save_view(session, name, chosen, owner=visit.user_id, shared=shared)

        await self._desk.change(visit, "view.saved", "inbox", work, {"view": chosen.query(), "shared": shared})
        return self._desk.go(request, self._path(chosen))

    async def _delete_view(self, request: Request, visit: Visit) -> Response:
        view_id = request.path_params["view_id"]
        await self._desk.change(
            visit, "view.deleted", "inbox", lambda session: delete_view(session, view_id, owner=visit.user_id)
        )
        return self._desk.go(request, self._desk.path_for("inbox"))
