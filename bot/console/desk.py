"""What every page of the console shares: who may see it, its work on the database, its layout, its errors."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Any, TypeVar

import structlog
from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.alerts.calling import NOBODY
from bot.console.access import (
    COOKIE,
    CSRF_FIELD,
    CSRF_HEADER,
    NEW_PASSWORD,
    READING,
    SECOND_FACTOR,
    Visit,
    csrf_of,
    is_csrf_right,
    is_from_here,
)
from bot.console.forms import Form, Refused, read_form, refuse_unstorable
from bot.console.pages import Pages
from bot.errors import UserError
from bot.service import Service
from bot.settings import Settings
from bot.staff import audit, sessions
from bot.staff.models import NAVIGATOR
from bot.staff.rules import StaffRules
from bot.storage.base import now
from bot.storage.database import DatabaseError
from bot.storage.transactions import in_transaction

logger = structlog.get_logger(__name__)

Result = TypeVar("Result")
Endpoint = Callable[[Request, Visit], Awaitable[Response]]
OpenEndpoint = Callable[[Request], Awaitable[Response]]
Work = Callable[[Session], Result]

# Families' messages need connections of the same pool: pages may take no more than these at once.
THREADS = 4
SIGN_IN, SIGN_OUT = "sign_in", "sign_out"
PAGES_OF_WHAT_IS_DUE = {SECOND_FACTOR: "second_factor", NEW_PASSWORD: "new_password"}


class Desk:
    """The common ground of the console's pages."""

    def __init__(
        self,
        service: Service,
        database_sessions: "sessionmaker[Session]",
        settings: Settings,
        rules: StaffRules,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Prepare.

        Args:
            service: whose conversations the pages show.
            database_sessions: of the database.
            settings: the service's settings.
            rules: how staff sign in.
            clock: the present moment, in UTC.
        """
        self.service = service
        self.settings = settings
        self.rules = rules
        self.clock = clock
        self._database_sessions = database_sessions
        self._threads = CapacityLimiter(THREADS)
        self._pages = Pages(clock, service.answers)
        self.templates = self._pages.environment
        self.templates.globals["calling_fault"] = lambda: service.calling.fault
        self.templates.globals["calls_nobody"] = lambda: service.calling.state == NOBODY

    def route(
        self,
        method: str,
        path: str,
        endpoint: Endpoint,
        *,
        role: str = NAVIGATOR,
        name: str,
        while_due: Collection[str] = (),
        is_use: bool = True,
    ) -> Route:
        """A page or an action for those who are signed in.

        Args:
            method: GET, POST …
            path: below /console, such as `/people/{user_id:int}`.
            endpoint: what makes the response.
            role: the least role that may come here.
            name: what templates and `path_for` call it.
            while_due: SECOND_FACTOR, NEW_PASSWORD: while one of these is due, only what names it can be reached.
            is_use: whether a request keeps the session from ending; not so for what the page asks by itself.
        """

        async def answer(request: Request) -> Response:
            visit = await self._visit(request, is_use=is_use)
            if visit is None:
                return self._to_sign_in(request)
            if visit.due is not None and visit.due not in while_due:
                behind = f"?next={request.url.path}" if method in READING and not is_htmx(request) else ""
                return self.go(request, f"{self.path_for(PAGES_OF_WHAT_IS_DUE[visit.due])}{behind}")
            if not visit.may(role):
                raise Refused(403, f"This page is for the role {role}, and yours is {visit.role}.")
            if method not in READING:
                await self._check_own(request, visit)
            return await endpoint(request, visit)

        return self.open_route(method, path, answer, name=name)

    def open_route(self, method: str, path: str, endpoint: OpenEndpoint, *, name: str) -> Route:
        """A page for everybody: to sign in, and nothing else."""

        async def guarded(request: Request) -> Response:
            try:
                refuse_unstorable(request)
                response = await endpoint(request)
            except Refused as refused:
                response = self.refusal(request, refused)
            except (DatabaseError, SQLAlchemyError) as error:
                logger.error("console.database.failed", error=type(error).__name__, page=name)
                response = self.refusal(
                    request, Refused(503, "The database cannot be used just now: try again in a moment.")
                )
            except UserError as error:
                response = self.refusal(request, Refused(422, _sentence(str(error))))
            response.headers["cache-control"] = "no-store"
            return response

        route = Route(path, guarded, methods=[method], name=name)
        self._pages.know(route)
        return route

    async def read(self, work: Work[Result]) -> Result:
        """Read the database, in a thread, with a session of its own; nothing is committed."""

        def reading() -> Result:
            with self._database_sessions() as session:
                return work(session)

        return await to_thread.run_sync(reading, limiter=self._threads)

    async def write(self, work: Work[Result]) -> Result:
        """Do work in one transaction, begun again where another was in the way; it writes its own audit events."""
        return await to_thread.run_sync(in_transaction, self._database_sessions, work, limiter=self._threads)

    async def look(self, visit: Visit, action: str, subject: str, work: Work[Result]) -> Result:
        """Read what nobody may see unrecorded: without its audit event nothing is given back.

        Args:
            visit: who looks.
            action: such as `conversation.viewed`.
            subject: at what.
            work: reads it.
        """

        def looking(session: Session) -> Result:
            result = work(session)
            audit.record(session, visit.actor, action, subject)  # last: families' messages wait for its lock
            return result

        return await self.write(looking)

    async def change(
        self, visit: Visit, action: str, subject: str, work: Work[Result], detail: dict[str, Any] | None = None
    ) -> Result:
        """Change something and record it, both or neither; changes come one after the other.

        Args:
            visit: who changes it.
            action: such as `user.disabled`.
            subject: what is changed.
            work: changes it; may be called again where another transaction was in the way.
            detail: what the audit says beside it; never a message's text.
        """

        def changing(session: Session) -> Result:
            audit.record(session, visit.actor, action, subject, detail)
            return work(session)

        return await self.write(changing)

    async def form(self, request: Request) -> Form:
        """The fields of a form.

        Raises:
            Refused: it is too long or cannot be read.
        """
        if not hasattr(request.state, "form"):
            request.state.form = await read_form(request)
        form: Form = request.state.form
        return form

    def page(
        self, request: Request, visit: Visit | None, template: str, status_code: int = 200, **values: Any
    ) -> Response:
        """A page from a template, in the layout where the template extends it."""
        return HTMLResponse(self._pages.render(template, request, visit, **values), status_code)

    def refusal(self, request: Request, refused: Refused) -> Response:
        """A page, or for htmx a line, that says why not."""
        template = "refusal.html" if is_htmx(request) else "error.html"
        return self.page(request, None, template, refused.status, message=refused.message)

    def path_for(self, name: str, **values: Any) -> str:
        """The path of a page, by the name of its route."""
        return self._pages.path_for(name, **values)

    def go(self, request: Request, path: str) -> Response:
        """Send the browser to another page, which it then gets with GET."""
        if is_htmx(request):
            return Response(status_code=204, headers={"hx-redirect": path})
        return RedirectResponse(path, 303)

    async def _visit(self, request: Request, *, is_use: bool) -> Visit | None:
        token = request.cookies.get(COOKIE, "")
        if not token:
            return None
        moment = self.clock()

        def find(session: Session) -> Visit | None:
            found = sessions.find(session, token, self.rules.sessions, moment)
            if found is None:
                return None
            if is_use:
                sessions.see(found, moment)
            user = found.user
            must_change = NEW_PASSWORD if user.must_change_password else None
            due = SECOND_FACTOR if found.second_factor_due else must_change
            return Visit(user.id, user.name, user.display_name, user.role, csrf_of(token), found.id, due)

        return await self.write(find)

    async def _check_own(self, request: Request, visit: Visit) -> None:
        """Refuse what another site sent, or a page of another session."""
        if not is_from_here(request):
            raise Refused(403, "The request came from another site.")
        given = request.headers.get(CSRF_HEADER) or (await self.form(request)).get(CSRF_FIELD, "")
        if not is_csrf_right(visit, given):
            raise Refused(403, "The page is out of date: go back, load it again and repeat what you did.")

    def _to_sign_in(self, request: Request) -> Response:
        path = self.path_for(SIGN_IN)
        if request.method in READING and not is_htmx(request):
            return RedirectResponse(f"{path}?next={request.url.path}", 303)
        if is_htmx(request):
            return Response(status_code=401, headers={"hx-redirect": path})
        raise Refused(401, "You are signed out: sign in again.")


def is_htmx(request: Request) -> bool:
    """Whether a part of a page asks, rather than the browser for a whole one."""
    return request.headers.get("hx-request") == "true"


def _sentence(line: str) -> str:
    text = " ".join(line.split())
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"
