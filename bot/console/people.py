"""Accounts, for admins: who may sign in, and as what."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.access import Visit
from bot.console.desk import Desk
from bot.console.forms import Refused
from bot.console.hashing import Hashing
from bot.errors import UserError
from bot.staff.models import ADMIN, ROLES, User
from bot.staff.sessions import revoke_all
from bot.staff.sign_in import is_locked
from bot.staff.users import (
    add_user,
    all_users,
    check_name,
    disable,
    enable,
    remove_second_factor,
    set_password,
    set_role,
)

Change = Callable[[Session, User], None]


class People:
    """The pages of accounts."""

    def __init__(self, desk: Desk, hashing: Hashing) -> None:
        self._desk = desk
        self._hashing = hashing

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        return [
            self._desk.route("GET", "/people", self._show_all, role=ADMIN, name="people"),
            self._desk.route("POST", "/people", self._add, role=ADMIN, name="person_add"),
            self._desk.route("GET", "/people/{user_id:int}", self._show, role=ADMIN, name="person"),
            self._action("role", self._set_role),
            self._action("password", self._set_password),
            self._action("disable", self._disable),
            self._action("enable", self._enable),
            self._action("sign-out", self._sign_out),
            self._action("second-factor/remove", self._remove_second_factor),
        ]

    def _action(self, path: str, endpoint: Callable[[Request, Visit], Any]) -> BaseRoute:
        name = f"person_{path.replace('-', '_').replace('/', '_')}"
        return self._desk.route("POST", f"/people/{{user_id:int}}/{path}", endpoint, role=ADMIN, name=name)

    async def _show_all(self, request: Request, visit: Visit) -> Response:
        return await self._list(request, visit)

    async def _list(self, request: Request, visit: Visit, problem: str = "", **form: str) -> Response:
        users = await self._desk.read(all_users)
        locked = {user.id for user in users if is_locked(user, self._desk.clock())}
        values: dict[str, Any] = {"users": users, "locked": locked, "roles": ROLES, "problem": problem, "form": form}
        return self._desk.page(request, visit, "people.html", 422 if problem else 200, **values)

    async def _add(self, request: Request, visit: Visit) -> Response:
        form = await self._desk.form(request)
        typed = {field: form.get(field, "") for field in ("name", "display_name", "role")}
        try:
            name = check_name(typed["name"])
            password_hash = await self._hashing.hash_new(form.get("password", ""), name)

            def add(session: Session) -> None:
                add_user(session, **typed, password_hash=password_hash, must_change_password=True)

            await self._desk.change(visit, "user.added", f"user {name}", add, {"role": typed["role"][:16]})
        except UserError as error:
            return await self._list(request, visit, f"Not added: {error}.", **typed)
        return self._desk.go(request, self._desk.path_for("people"))

    async def _show(self, request: Request, visit: Visit) -> Response:
        user = await self._user(request)
        values: dict[str, Any] = {"user": user, "roles": ROLES, "locked": is_locked(user, self._desk.clock())}
        return self._desk.page(request, visit, "person.html", **values)

    async def _user(self, request: Request) -> User:
        user_id = request.path_params["user_id"]
        user: User | None = await self._desk.read(lambda session: session.get(User, user_id))
        if user is None:
            raise Refused(404, "There is no such account.")
        return user

    async def _change(
        self, request: Request, visit: Visit, action: str, change: Change, detail: dict[str, Any] | None = None
    ) -> Response:
        user = await self._user(request)

        def changing(session: Session) -> None:
            change(session, session.get(User, user.id))

        await self._desk.change(visit, action, f"user {user.name}", changing, detail)
        return self._desk.go(request, self._desk.path_for("person", user_id=user.id))

    async def _set_role(self, request: Request, visit: Visit) -> Response:
        role = (await self._desk.form(request)).get("role", "")
        if role not in ROLES:
            raise Refused(422, f"A role is one of {', '.join(ROLES)}.")
        before = (await self._user(request)).role
        detail = {"before": before, "role": role}
        return await self._change(
            request, visit, "user.role", lambda session, user: set_role(session, user, role), detail
        )

    async def _set_password(self, request: Request, visit: Visit) -> Response:
        form, user, moment = await self._desk.form(request), await self._user(request), self._desk.clock()
        password_hash = await self._hashing.hash_new(form.get("password", ""), user.name)

        def change(session: Session, user: User) -> None:
            set_password(session, user, password_hash, moment, must_change=True)
            revoke_all(session, user.id, moment)

        return await self._change(request, visit, "user.password", change)

    async def _disable(self, request: Request, visit: Visit) -> Response:
        moment = self._desk.clock()
        return await self._change(request, visit, "user.disabled", lambda session, user: disable(session, user, moment))

    async def _enable(self, request: Request, visit: Visit) -> Response:
        return await self._change(request, visit, "user.enabled", enable)

    async def _sign_out(self, request: Request, visit: Visit) -> Response:
        moment = self._desk.clock()
        return await self._change(
            request, visit, "sessions.ended", lambda session, user: revoke_all(session, user.id, moment)
        )

    async def _remove_second_factor(self, request: Request, visit: Visit) -> Response:
        return await self._change(request, visit, "second_factor.removed", remove_second_factor)
