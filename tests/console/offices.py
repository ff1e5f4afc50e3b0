"""A house whose service sends the project's answers, and families that write to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from project import settings_in
from sqlalchemy.orm import Session, sessionmaker

from bot.answers.setup import load_answers_file
from bot.conversations.records import Inbound, Outcome
from bot.conversations.store import ConversationStore
from bot.replies import CLARIFY, Button, Reply
from bot.service import Service
from console.conftest import SECRET
from console.house import House


@asynccontextmanager
async def office_in(folder: Path, sessions: "sessionmaker[Session]", **settings: str) -> AsyncIterator[House]:
    """A house on a database with STAFF in it."""
    known = settings_in(folder, secret_key=SECRET, **settings)
    load_answers_file(sessions)
    house = House(Service(known, model=folder / "none.tar.gz", sessions=sessions), sessions, known)
    yield house
    await house.service.stop()


def ask(house: House, text: str) -> None:
    """A family's message that was answered with a question back."""
    reply = Reply(CLARIFY, "What do you mean?", 1, buttons=(Button("How long", "crs_duration"),))
    inbound = Inbound("widget", "family", text, text)
    ConversationStore(house.sessions).record(inbound, Outcome((reply,), "nlu_fallback", 0.4, None, None, "abc", 9.0))
