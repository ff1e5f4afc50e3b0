"""A console with staff, as the tests visit it: over HTTP, on a database of its own."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
from argon2 import PasswordHasher
from sqlalchemy.orm import Session, sessionmaker
from starlette.routing import Mount, Route

from bot.app import Application, create_app
from bot.console.access import COOKIE
from bot.console.app import Console
from bot.service import Service
from bot.settings import Settings
from bot.staff.audit_log import oldest_first
from bot.staff.models import ADMIN, APPROVER, NAVIGATOR, User
from bot.staff.passwords import Passwords
from bot.staff.rules import load_rules
from bot.staff.users import add_user, find_user
from bot.storage.base import now

HERE = "http://127.0.0.1"
PASSWORD = "seven blue kettles sing"
STAFF = {"nina": NAVIGATOR, "paul": APPROVER, "anna": ADMIN}
RULES = load_rules()
# What is tested here is not how long a hash takes.
PASSWORDS = Passwords(RULES.passwords, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
HASH = PASSWORDS.hash(PASSWORD)


class House:
    """The console, its clock, and the people who may come in."""

    def __init__(self, service: Service, sessions: "sessionmaker[Session]", settings: Settings) -> None:
        self.service = service
        self.sessions = sessions
        self.moment = now()
        self.ticks = 0.0
        self.console = Console(
            service,
            sessions,
            settings,
            rules=RULES,
            passwords=PASSWORDS,
            clock=lambda: self.moment,
            ticks=lambda: self.ticks,
        )
        self.app: Application = create_app(service, console=self.console)

    def pass_time(self, **values: float) -> datetime:
        self.moment += timedelta(**values)
        return self.moment

    def add(self, name: str, role: str, **changes: Any) -> User:
        """An account whose password is PASSWORD."""
        add_account(self.sessions, name, role)
        self.change(name, **changes)
        return self.user(name)

    def change(self, name: str, **changes: Any) -> None:
        """Change an account behind the console's back."""
        with self.sessions() as session:
            user = find_user(session, name)
            for column, value in changes.items():
                setattr(user, column, value)
            session.commit()

    def user(self, name: str) -> User:
        with self.sessions() as session:
            return find_user(session, name)

    def audited(self) -> list[tuple[str, str, str]]:
        """Who did what to what, from the first event on."""
        with self.sessions() as session:
            return [(event.actor, event.action, event.subject) for event in oldest_first(session)]

    def pages(self) -> list[Route]:
        """Every route of the console, as the application has it."""
        (mount,) = self.console.routes()
        assert isinstance(mount, Mount)
        return [route for route in mount.routes if isinstance(route, Route)]

    @asynccontextmanager
    async def visitor(self, *, address: str = "127.0.0.1", site: str = HERE) -> AsyncIterator[httpx.AsyncClient]:
        """A browser that nobody has signed in with."""
        transport = httpx.ASGITransport(app=self.app, client=(address, 50_000), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=site) as http:
            yield http

    @asynccontextmanager
    async def signed_in(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        """A browser in which one of STAFF has signed in; its forms carry the right token."""
        async with self.visitor() as http:
            await sign_in(http, name)
            http.headers["x-csrf-token"] = csrf_in((await http.get("/console/account")).text)
            yield http


def add_account(sessions: "sessionmaker[Session]", name: str, role: str) -> None:
    """An account whose password is PASSWORD."""
    with sessions() as session:
        add_user(session, name, display_name=name.title(), role=role, password_hash=HASH, must_change_password=False)
        session.commit()


def add_staff(sessions: "sessionmaker[Session]") -> None:
    """Everybody of STAFF."""
    for name, role in STAFF.items():
        add_account(sessions, name, role)


async def sign_in(http: httpx.AsyncClient, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
    return await http.post("/console/sign-in", data={"name": name, "password": password, **fields})


def csrf_in(page: str) -> str:
    """The token in the forms of a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found, "the page has no form"
    return found[1]


def path_of(route: Route) -> str:
    """A path that fits a route, of something that is not there."""
    return "/console" + re.sub(r"{\w+:int}", "999999", re.sub(r"{\w+}", "nothing", route.path))


def method_of(route: Route) -> str:
    return next(method for method in sorted(route.methods or ()) if method != "HEAD")


def token_of(http: httpx.AsyncClient) -> str:
    """What the browser's cookie holds."""
    return http.cookies.get(COOKIE, "")
