"""Everybody's own page: the password, and the browsers that are signed in."""

from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.access import NEW_PASSWORD, Visit
from bot.console.desk import Desk
from bot.console.forms import Refused
from bot.console.hashing import Hashing
from bot.console.own_password import NOT_YOURS, OwnPassword
from bot.staff.models import StaffSession, User
from bot.staff.passwords import PasswordRefused
from bot.staff.sessions import live_of, revoke, revoke_all
from bot.staff.sign_in import SignIn
from bot.staff.users import set_password


class Account:
    """The pages of whoever is signed in, about themselves."""

    def __init__(self, desk: Desk, hashing: Hashing, signing_in: SignIn) -> None:
        self._desk = desk
        self._hashing = hashing
        self._own_password = OwnPassword(desk, hashing, signing_in)

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        desk, due = self._desk, (NEW_PASSWORD,)
        return [
            desk.route("GET", "/account", self._show, name="account"),
            desk.route("GET", "/account/password", self._ask_password, name="new_password", while_due=due),
            desk.route("POST", "/account/password", self._change_password, name="new_password_send", while_due=due),
            desk.route("POST", "/account/sessions/{session_id:int}/end", self._end_session, name="end_session"),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        moment = self._desk.clock()

        def read(session: Session) -> dict[str, Any]:
            user = session.get(User, visit.user_id)
            return {"user": user, "sessions": live_of(session, visit.user_id, self._desk.rules.sessions, moment)}

        return self._desk.page(request, visit, "account.html", **await self._desk.read(read))

    async def _ask_password(self, request: Request, visit: Visit) -> Response:
        return self._password_page(request, visit)

    def _password_page(self, request: Request, visit: Visit, problem: str = "", status: int = 200) -> Response:
        rules = self._desk.rules.passwords
        return self._desk.page(request, visit, "new_password.html", status, rules=rules, problem=problem)

    async def _change_password(self, request: Request, visit: Visit) -> Response:
        form = await self._desk.form(request)
        current, new = form.get("current", ""), form.get("new", "")
        if new != form.get("again", ""):
            return self._password_page(request, visit, "The new password was typed in two ways.", 422)
        if new == current:
            return self._password_page(request, visit, "The new password must differ from the one before.", 422)
        try:
            new_hash = await self._hashing.hash_new(new, visit.name)
        except PasswordRefused as refused:
            return self._password_page(request, visit, f"Not good enough: {refused}.", 422)
        if not await self._own_password.is_right(visit, current):
            return self._password_page(request, visit, NOT_YOURS, 422)
        moment = self._desk.clock()

        def change(session: Session) -> None:
            set_password(session, session.get(User, visit.user_id), new_hash, moment, must_change=False)
            revoke_all(session, visit.user_id, moment, but=visit.session_id)

        await self._desk.change(visit, "user.password", f"user {visit.name}", change)
        return self._desk.go(request, self._desk.path_for("account"))

    async def _end_session(self, request: Request, visit: Visit) -> Response:
        session_id, moment = request.path_params["session_id"], self._desk.clock()

        def end(session: Session) -> None:
            found = session.get(StaffSession, session_id)
            if found is None or found.user_id != visit.user_id:
                raise Refused(404, "You have no such session.")
            revoke(session, session_id, moment)

        await self._desk.change(visit, "session.ended", f"user {visit.name}", end)
        return self._desk.go(request, self._desk.path_for("account"))
