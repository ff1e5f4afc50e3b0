"""The pages of approved answers: which there are, what each says and said, new drafts, publishing."""

from collections.abc import Callable
from datetime import date

from anyio import to_thread
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.answers.content import WORDS_MAXIMUM, WORDS_MINIMUM, answer_name
from bot.answers.drafts import DraftRefused, Fields, checked
from bot.answers.models import Answer, AnswerRevision
from bot.answers.overview import Summary, documents, is_overdue, summaries
from bot.answers.workflow import (
    FROM_CONSOLE,
    FROM_FILE,
    add_draft,
    is_same_person,
    publish_revision,
    published_revision,
    retire_revision,
)
from bot.console.access import Visit
from bot.console.answer_forms import fields_of, padded
from bot.console.answer_views import Preview, changes_between, preview_of
from bot.console.desk import Desk
from bot.console.formatting import blocks_of
from bot.console.forms import Form, Refused
from bot.staff import audit
from bot.staff.models import APPROVER


class Overtaken(Exception):
    """Another revision was published since the page was loaded."""


class AnswersPages:
    """Approved answers, and what becomes of them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        desk, one = self._desk, "/answers/{answer_id:int}"
        revision = f"{one}/revisions/{{number:int}}"
        return [
            desk.route("GET", "/answers", self._list, name="answers"),
            desk.route("GET", "/answers/overdue", self._list_overdue, name="answers_overdue"),
            desk.route("GET", "/answers/fixed", self._fixed_texts, name="fixed_texts"),
            desk.route("GET", one, self._answer, name="answer"),
            desk.route("GET", f"{one}/compare", self._compare, name="answer_compare"),
            desk.route("GET", f"{one}/new", self._new, name="answer_new"),
            desk.route("POST", f"{one}/new", self._save, name="answer_save"),
            desk.route("GET", revision, self._revision, name="answer_revision"),
            desk.route("GET", "/answers/sent/{topic}/{number:int}", self._sent, name="sent_revision"),
            desk.route("POST", f"{revision}/publish", self._publish, role=APPROVER, name="approve_publish"),
            desk.route("POST", f"{revision}/retire", self._retire, role=APPROVER, name="approve_retire"),
        ]

    async def _list(self, request: Request, visit: Visit, *, overdue_only: bool = False) -> Response:
        found = await self._desk.read(lambda session: summaries(session, self._today))
        overdue = [each for each in found if each.is_overdue]
        shown: list[Summary] = overdue if overdue_only else found
        return self._desk.page(
            request, visit, "answers.html", answers=shown, overdue=len(overdue), overdue_only=overdue_only
        )

    async def _list_overdue(self, request: Request, visit: Visit) -> Response:
        return await self._list(request, visit, overdue_only=True)

    async def _fixed_texts(self, request: Request, visit: Visit) -> Response:
        texts = [(text, blocks_of(text.text)) for text in self._desk.service.texts.all()]
        return self._desk.page(request, visit, "fixed_texts.html", texts=texts)

    async def _answer(self, request: Request, visit: Visit) -> Response:
        answer = await self._desk.read(lambda session: _answer_of(session, request))
        published = published_revision(answer)
        return self._desk.page(
            request,
            visit,
            "answer.html",
            answer=answer,
            name=answer_name(answer.topic, answer.variant),
            revisions=list(reversed(answer.revisions)),
            published=published,
            overdue=published is not None and is_overdue(published, self._today),
            preview=self._preview(Fields.of(published)) if published else None,
            file=FROM_FILE,
        )

    async def _compare(self, request: Request, visit: Visit) -> Response:
        answer = await self._desk.read(lambda session: _answer_of(session, request))
        older, newer = (_chosen(answer, request.query_params.get(which, "")) for which in ("older", "newer"))
        return self._desk.page(
            request,
            visit,
            "answer_compare.html",
            answer=answer,
            name=answer_name(answer.topic, answer.variant),
            older=older,
            newer=newer,
            changes=changes_between(older, newer),
        )

    async def _new(self, request: Request, visit: Visit) -> Response:
        answer = await self._desk.read(lambda session: _answer_of(session, request))
        given = request.query_params.get("from", "")
        begun_with = _chosen(answer, given) if given else (published_revision(answer) or answer.revisions[-1])
        return await self._form_page(request, visit, answer, Fields.of(begun_with), begun_with.number)

    async def _save(self, request: Request, visit: Visit) -> Response:
        form = await self._desk.form(request)
        fields, begun_with = fields_of(form), _number(form, "begun_with")
        if form.get("action") == "preview":
            answer = await self._desk.read(lambda session: _answer_of(session, request))
            return await self._form_page(request, visit, answer, fields, begun_with, preview=self._preview(fields))
        try:
            number = await self._desk.write(lambda session: self._write_draft(session, request, visit, fields))
        except DraftRefused as refused:
            answer = await self._desk.read(lambda session: _answer_of(session, request))
            return await self._form_page(request, visit, answer, fields, begun_with, problems=refused.problems)
        return self._to_revision(request, number)

    def _write_draft(self, session: Session, request: Request, visit: Visit, fields: Fields) -> int:
        audit.hold(session)  # numbers are given one after the other
        answer = _answer_of(session, request)
        content = checked(
            answer.topic,
            answer.variant,
            fields,
            documents=documents(session),
            names=[each.name for each in summaries(session, self._today)],
            today=self._today,
        )
        revision = add_draft(session, answer, content, author=visit.name, origin=FROM_CONSOLE)
        audit.record(session, visit.actor, "answer.drafted", f"answer {content.name} {revision.number}")
        return int(revision.number)

    async def _form_page(
        self,
        request: Request,
        visit: Visit,
        answer: Answer,
        fields: Fields,
        begun_with: int,
        *,
        problems: dict[str, str] | None = None,
        preview: Preview | None = None,
    ) -> Response:
        def choices(session: Session) -> tuple[list[Summary], list[str]]:
            return summaries(session, self._today), documents(session)

        others, known_documents = await self._desk.read(choices)
        return self._desk.page(
            request,
            visit,
            "answer_form.html",
            422 if problems else 200,
            answer=answer,
            name=answer_name(answer.topic, answer.variant),
            fields=padded(fields),
            begun_with=begun_with,
            others=[each for each in others if each.answer_id != answer.id],
            documents=known_documents,
            problems=problems or {},
            said=lambda field: _said(field, problems or {}),
            preview=preview,
            words=(WORDS_MINIMUM, WORDS_MAXIMUM),
        )

    async def _revision(
        self, request: Request, visit: Visit, *, overtaken: bool = False, status_code: int = 200
    ) -> Response:
        answer = await self._desk.read(lambda session: _answer_of(session, request))
        revision, published = _chosen(answer, str(request.path_params["number"])), published_revision(answer)
        compared = published if published is not None and published is not revision else None
        return self._desk.page(
            request,
            visit,
            "answer_revision.html",
            status_code,
            answer=answer,
            name=answer_name(answer.topic, answer.variant),
            revision=revision,
            published=published,
            changes=changes_between(compared, revision) if compared else None,
            preview=self._preview(Fields.of(revision)),
            is_own=revision.origin != FROM_FILE and is_same_person(revision.author, visit.name),
            overtaken=overtaken,
            file=FROM_FILE,
        )

    async def _sent(self, request: Request, visit: Visit) -> Response:
        """To the revision that a reply names by its topic and number; replies know no row ids."""
        topic, variant = request.path_params["topic"], request.query_params.get("variant", "")
        query = select(Answer.id).where(Answer.topic == topic, Answer.variant == variant)
        answer_id = await self._desk.read(lambda session: session.scalars(query).first())
        if answer_id is None:
            raise Refused(404, "There is no such answer.")
        path = self._desk.path_for("answer_revision", answer_id=answer_id, number=request.path_params["number"])
        return self._desk.go(request, path)

    async def _publish(self, request: Request, visit: Visit) -> Response:
        return await self._change(request, visit, "answer.published", publish_revision)

    async def _retire(self, request: Request, visit: Visit) -> Response:
        return await self._change(request, visit, "answer.retired", retire_revision)

    async def _change(self, request: Request, visit: Visit, action: str, change: Callable[..., None]) -> Response:
        number = int(request.path_params["number"])
        seen = _number(await self._desk.form(request), "published")

        def changing(session: Session) -> None:
            audit.hold(session)  # what is published now stays so until this is done
            answer = _answer_of(session, request)
            revision, published = _chosen(answer, str(number)), published_revision(answer)
            if seen != (published.number if published else 0):
                raise Overtaken
            change(session, revision, by=visit.name)
            name = answer_name(answer.topic, answer.variant)
            audit.record(session, visit.actor, action, f"answer {name} {number}", {"before": seen or None})

        try:
            await self._desk.write(changing)
        except Overtaken:
            return await self._revision(request, visit, overtaken=True, status_code=409)
        await to_thread.run_sync(self._desk.service.answers.refresh)
        return self._to_revision(request, number)

    def _to_revision(self, request: Request, number: int) -> Response:
        answer_id = request.path_params["answer_id"]
        return self._desk.go(request, self._desk.path_for("answer_revision", answer_id=answer_id, number=number))

    def _preview(self, fields: Fields) -> Preview:
        return preview_of(fields, self._desk.service.answers)

    @property
    def _today(self) -> date:
        return self._desk.clock().date()


def _answer_of(session: Session, request: Request) -> Answer:
    answer: Answer | None = session.get(Answer, request.path_params["answer_id"])
    if answer is None or not answer.revisions:
        raise Refused(404, "There is no such answer.")
    return answer


def _chosen(answer: Answer, number: str) -> AnswerRevision:
    revisions: list[AnswerRevision] = answer.revisions
    for revision in revisions:
        if str(revision.number) == number:
            return revision
    raise Refused(404, "This answer has no such revision.")


def _said(field: str, problems: dict[str, str]) -> str:
    """What is wrong with a field, as a sentence beside it; empty where nothing is."""
    return f"{field.replace('_', ' ').capitalize()}: {problems[field]}." if field in problems else ""


def _number(form: Form, field: str) -> int:
    given = form.get(field, "")
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise Refused(422, "The form is not complete: go back and load the page again.")
    return int(given)
