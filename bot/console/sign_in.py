"""Signing in and out: name and password, then the one-time code where the account has a second factor."""

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.access import (
    COOKIE,
    NEW_PASSWORD,
    PREFIX,
    SECOND_FACTOR,
    Visit,
    is_from_here,
    local_path,
    needs_secure_cookie,
)
from bot.console.desk import SIGN_IN, SIGN_OUT, Desk
from bot.console.forms import Refused
from bot.console.hashing import Hashing
from bot.staff import audit, sessions
from bot.staff.sign_in import SignIn as SigningIn
from bot.staff.sign_in import stored_password
from bot.token_buckets import TokenBuckets, address_of, take

WRONG = "That name and password do not fit together. After several wrong tries a name is locked for some minutes."
WRONG_CODE = "That code does not fit. Each code works once; wait for the next one."


class SignIn:
    """The pages at the door."""

    def __init__(self, desk: Desk, hashing: Hashing, signing_in: SigningIn, limits: TokenBuckets) -> None:
        """Prepare.

        Args:
            desk: what all pages share.
            hashing: compares passwords.
            signing_in: what it does to the database.
            limits: how often one address may try.
        """
        self._desk = desk
        self._hashing = hashing
        self._signing_in = signing_in
        self._limits = limits

    def routes(self) -> list[BaseRoute]:
        """The pages."""
        desk, waiting = self._desk, (SECOND_FACTOR,)
        return [
            desk.open_route("GET", "/sign-in", self._ask, name=SIGN_IN),
            desk.open_route("POST", "/sign-in", self._sign_in, name="sign_in_send"),
            desk.route("GET", "/second-factor", self._ask_code, name="second_factor", while_due=waiting),
            desk.route("POST", "/second-factor", self._take_code, name="second_factor_send", while_due=waiting),
            desk.route("POST", "/sign-out", self._sign_out, name=SIGN_OUT, while_due=(SECOND_FACTOR, NEW_PASSWORD)),
        ]

    async def _ask(self, request: Request) -> Response:
        return self._door(request, local_path(request.query_params.get("next", "")))

    def _door(self, request: Request, path: str, *, name: str = "", problem: str = "", status: int = 200) -> Response:
        return self._desk.page(request, None, "sign_in.html", status, next=path, name=name, problem=problem)

    async def _sign_in(self, request: Request) -> Response:
        if not is_from_here(request):
            raise Refused(403, "The request came from another site.")
        form = await self._desk.form(request)
        path, name, password = local_path(form.get("next", "")), form.get("name", ""), form.get("password", "")
        self._count(request)
        user_id, stored = await self._desk.read(lambda session: stored_password(session, name))
        attempt = await self._hashing.compare(user_id, stored, password)
        old_token, moment = request.cookies.get(COOKIE, ""), self._desk.clock()
        token = await self._desk.write(
            lambda session: self._signing_in.by_password(session, attempt, old_token, moment)
        )
        if token is None:
            return self._door(request, path, name=name, problem=WRONG, status=401)
        return self._let_in(request, token, path)

    def _count(self, request: Request) -> None:
        wait_s = take((self._limits, address_of(request.client.host if request.client else None)))
        if wait_s:
            raise Refused(429, f"Too many tries to sign in from this address: wait {wait_s} s.")

    def _let_in(self, request: Request, token: str, path: str) -> Response:
        response = self._desk.go(request, path)
        secure = needs_secure_cookie(request, self._desk.settings.console_url)
        response.set_cookie(COOKIE, token, path=PREFIX, httponly=True, samesite="lax", secure=secure)
        return response

    async def _ask_code(self, request: Request, visit: Visit) -> Response:
        if visit.due != SECOND_FACTOR:
            return self._desk.go(request, f"{PREFIX}/")
        path = local_path(request.query_params.get("next", ""))
        return self._desk.page(request, visit, "second_factor.html", next=path, problem="")

    async def _take_code(self, request: Request, visit: Visit) -> Response:
        if visit.due != SECOND_FACTOR:
            return self._desk.go(request, f"{PREFIX}/")
        form = await self._desk.form(request)
        self._count(request)
        code, old_token, moment = form.get("code", ""), request.cookies[COOKIE], self._desk.clock()
        token = await self._desk.write(lambda session: self._signing_in.by_code(session, old_token, code, moment))
        path = local_path(form.get("next", ""))
        if token is None:
            page = {"next": path, "problem": WRONG_CODE}
            return self._desk.page(request, visit, "second_factor.html", 401, **page)
        return self._let_in(request, token, path)

    async def _sign_out(self, request: Request, visit: Visit) -> Response:
        moment = self._desk.clock()

        def end(session: Session) -> None:
            audit.record(session, visit.actor, "sign_out", f"user {visit.name}")
            sessions.revoke(session, visit.session_id, moment)

        await self._desk.write(end)
        response = self._desk.go(request, self._desk.path_for(SIGN_IN))
        response.delete_cookie(COOKIE, path=PREFIX)
        response.headers["clear-site-data"] = '"cache"'  # also what the back button would show
        return response
