"""The queue of examples and tests, and the patch that it becomes."""

from collections.abc import Callable
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.access import Visit
from bot.console.desk import Desk
from bot.console.forms import Refused
from bot.console.improve import labels_of
from bot.conversations import improvement
from bot.conversations.review_models import EXPORTED, QueuedExample
from bot.improvement.patch import Patch, make_patch


class QueuePages:
    """What was chosen to learn from, on its way into the project's files."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        desk, one = self._desk, "/improve/queue/{example_id:int}"
        return [
            desk.route("GET", "/improve/queue", self._show, name="queue"),
            desk.route("GET", "/improve/patch", self._patch, name="queue_patch"),
            desk.route("POST", "/improve/exported", self._mark_exported, name="queue_exported"),
            desk.route("POST", f"{one}/change", self._change, name="queue_change"),
            desk.route("POST", f"{one}/take-back", self._take_back, name="queue_take_back"),
            desk.route("POST", f"{one}/put-back", self._put_back, name="queue_put_back"),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        def read(session: Session) -> tuple[list[QueuedExample], Patch, list[QueuedExample]]:
            queued = improvement.queue(session)
            return queued, make_patch(queued), improvement.queue(session, state=EXPORTED)

        queued, patch, exported = await self._desk.look(visit, "queue.viewed", "queue", read)
        by_topic = [
            (purpose, topic, list(several))
            for (purpose, topic), several in groupby(queued, key=lambda each: (each.purpose, each.topic))
        ]
        return self._desk.page(
            request,
            visit,
            "queue.html",
            by_topic=by_topic,
            queued=len(queued),
            patch=patch,
            newest=max((each.id for each in queued), default=0),
            exported=exported,
            labels=labels_of(self._desk.service.answers),
        )

    async def _patch(self, request: Request, visit: Visit) -> Response:
        patch = await self._desk.look(
            visit, "queue.patch", "queue", lambda session: make_patch(improvement.queue(session))
        )
        if not patch.text:
            raise Refused(404, "Nothing is queued that the files do not have.")
        name = f"improve-{self._desk.clock():%Y-%m-%d}.patch"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(patch.text, media_type="text/x-patch; charset=utf-8", headers=headers)

    async def _mark_exported(self, request: Request, visit: Visit) -> Response:
        given = (await self._desk.form(request)).get("newest", "")
        if not (given.isascii() and given.isdigit()):
            raise Refused(422, "The form is not complete: load the page again.")
        # Made outside the change, which families' messages wait for.
        patch = await self._desk.read(lambda session: make_patch(improvement.queue(session)))
        taken = [each for each in patch.taken if each <= int(given)]
        return await self._done(
            request,
            visit,
            "queue.exported",
            f"{len(taken)} examples and tests",
            lambda session: improvement.mark_exported(session, taken),
        )

    async def _change(self, request: Request, visit: Visit) -> Response:
        form, example_id = await self._desk.form(request), _id_of(request)
        labels = labels_of(self._desk.service.answers)

        def change(session: Session) -> None:
            text, topic = form.get("text", ""), form.get("topic", "")
            improvement.change(session, example_id, text=text, topic=topic, labels=labels)

        return await self._done(request, visit, "queue.changed", f"example {example_id}", change)

    async def _take_back(self, request: Request, visit: Visit) -> Response:
        example_id = _id_of(request)
        return await self._done(
            request,
            visit,
            "queue.taken_back",
            f"example {example_id}",
            lambda session: improvement.take_back(session, example_id),
        )

    async def _put_back(self, request: Request, visit: Visit) -> Response:
        example_id = _id_of(request)
        return await self._done(
            request,
            visit,
            "queue.put_back",
            f"example {example_id}",
            lambda session: improvement.put_back(session, [example_id]),
        )

    async def _done(
        self, request: Request, visit: Visit, action: str, subject: str, work: Callable[[Session], Any]
    ) -> Response:
        await self._desk.change(visit, action, subject, work)
        return self._desk.go(request, self._desk.path_for("queue"))


def _id_of(request: Request) -> int:
    example_id: int = request.path_params["example_id"]
    return example_id
