"""Setting up and removing one's own second factor."""

import segno
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.access import Visit
from bot.console.desk import Desk
from bot.console.forms import Refused
from bot.console.hashing import Hashing
from bot.console.own_password import NOT_YOURS, OwnPassword
from bot.staff.models import User
from bot.staff.sessions import revoke_all
from bot.staff.sign_in import SignIn
from bot.staff.totp import PendingSecrets, SecondFactorError, SecretBox, address, new_secret, step_of
from bot.staff.users import remove_second_factor

PICTURE_SCALE = 5  # pixels for each dot
WRONG_CODE = "That code does not fit. Is the clock of your phone right?"


class SecondFactor:
    """The pages of one's own second factor."""

    def __init__(self, desk: Desk, hashing: Hashing, signing_in: SignIn, box: SecretBox) -> None:
        self._desk = desk
        self._box = box
        self._pending = PendingSecrets(box)
        self._own_password = OwnPassword(desk, hashing, signing_in)

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        desk, path = self._desk, "/account/second-factor"
        return [
            desk.route("GET", path, self._begin, name="second_factor_set_up"),
            desk.route("POST", path, self._confirm, name="second_factor_confirm"),
            desk.route("POST", f"{path}/remove", self._remove, name="second_factor_remove"),
        ]

    async def _begin(self, request: Request, visit: Visit) -> Response:
        await self._refuse_second(visit)
        return self._page(request, visit, new_secret())

    def _page(self, request: Request, visit: Visit, secret: str, problem: str = "", status: int = 200) -> Response:
        values = {
            "picture": segno.make(address(secret, visit.name), error="m").svg_data_uri(scale=PICTURE_SCALE),
            "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
            "pending": self._pending.seal(visit.user_id, secret),
            "problem": problem,
        }
        return self._desk.page(request, visit, "second_factor_set_up.html", status, **values)

    async def _refuse_second(self, visit: Visit) -> None:
        if await self._desk.read(lambda session: session.get(User, visit.user_id).totp_secret is not None):
            raise Refused(409, "You have a second factor already: remove it first.")

    async def _confirm(self, request: Request, visit: Visit) -> Response:
        await self._refuse_second(visit)
        form = await self._desk.form(request)
        secret = self._pending.open(visit.user_id, form.get("pending", ""))
        moment = self._desk.clock()
        step = step_of(secret, form.get("code", ""), moment, None)
        if step is None:
            return self._page(request, visit, secret, WRONG_CODE, 422)
        if not await self._own_password.is_right(visit, form.get("password", "")):
            return self._page(request, visit, secret, NOT_YOURS, 422)
        sealed = self._box.seal(secret)

        def store(session: Session) -> None:
            user = session.get(User, visit.user_id)
            if user.totp_secret is not None:
                raise SecondFactorError("you have a second factor already: remove it first")
            user.totp_secret, user.totp_last_step = sealed, step
            revoke_all(session, visit.user_id, moment, but=visit.session_id)

        await self._desk.change(visit, "second_factor.set_up", f"user {visit.name}", store)
        return self._desk.go(request, self._desk.path_for("account"))

    async def _remove(self, request: Request, visit: Visit) -> Response:
        form = await self._desk.form(request)
        if not await self._own_password.is_right(visit, form.get("password", "")):
            raise Refused(422, NOT_YOURS)

        def remove(session: Session) -> None:
            remove_second_factor(session, session.get(User, visit.user_id))

        await self._desk.change(visit, "second_factor.removed", f"user {visit.name}", remove)
        return self._desk.go(request, self._desk.path_for("account"))
