"""A console with staff, as the tests visit it: over HTTP, on a database of its own."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from sqlalchemy.orm import Session, sessionmaker

from bot.app import Application, create_app
from bot.console.access import COOKIE
from bot.console.app import Console
from bot.service import Service
from bot.settings import Settings
from bot.staff.models import ADMIN, APPROVER, NAVIGATOR, User
from bot.staff.passwords import Passwords
from bot.staff.rules import load_rules
from bot.staff.users import add_user
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
        with self.sessions() as session:
            user = add_user(
                session, name, display_name=name.title(), role=role, password_hash=HASH, must_change_password=False
            )
            for column, value in changes.items():
                setattr(user, column, value)
            session.commit()
            return user

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
            http.headers["x-csrf-token"] = csrf_in((await http.get("/console/")).text)
            yield http


def make_house(folder: Path, sessions: "sessionmaker[Session]", settings: Settings) -> House:
    """A house with STAFF in it; its service has no model, which the console does not need."""
    house = House(Service(settings, model=folder / "none.tar.gz", sessions=sessions), sessions, settings)
    for name, role in STAFF.items():
        house.add(name, role)
    return house


async def sign_in(http: httpx.AsyncClient, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
    return await http.post("/console/sign-in", data={"name": name, "password": password, **fields})


def csrf_in(page: str) -> str:
    """The token in the forms of a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found, "the page has no form"
    return found[1]


def token_of(http: httpx.AsyncClient) -> str:
    """What the browser's cookie holds."""
    return http.cookies.get(COOKIE, "")
