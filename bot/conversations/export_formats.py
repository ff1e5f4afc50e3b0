"""An export's formats: CSV with a row a message, JSON lines with one a conversation, and Rasa's training data."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from bot.conversations.export import Choice, exported
from bot.conversations.export_examples import training_data
from bot.conversations.naming import find_conversation
from bot.csv_lines import csv_line
from bot.staff import audit
from bot.staff.audit import Actor
from bot.storage.transactions import in_transaction

CSV, JSONL, NLU = "csv", "jsonl", "nlu"
COLUMNS_OF_CONVERSATION = ("code", "channel", "review", "assignee", "tags", "notes")
COLUMNS_OF_MESSAGE = (
    *("id", "at", "direction", "text", "state", "intent", "confidence", "tier", "red_flags", "corrections"),
    *("kind", "topic", "variant", "revision", "text_id", "delivery", "helpful", "comment", "ruleset", "milliseconds"),
)


def export(sessions: "sessionmaker[Session]", actor: Actor, form: str, choice: Choice) -> Iterator[str]:
    """An export, piece by piece; the audit has it before the first piece is read.

    Args:
        sessions: of the database.
        actor: who exports, for the audit.
        form: `csv`, `jsonl` or `nlu`.
        choice: what is exported.

    Raises:
        UnknownConversation: the one that is chosen is not there.
        SQLAlchemyError: the database cannot be read, or the audit not be written.
    """

    def write_down(session: Session) -> None:
        subject = "log"
        if choice.conversation:
            subject = f"conversation {find_conversation(session, choice.conversation).code}"
        audit.record(session, actor, "log.exported", subject, {"format": form, **choice.detail})

    in_transaction(sessions, write_down)
    forms: dict[str, Callable[..., Iterator[str]]] = {CSV: _csv, JSONL: _jsonl, NLU: training_data}
    yield from forms[form](sessions, choice)


def _jsonl(sessions: "sessionmaker[Session]", choice: Choice) -> Iterator[str]:
    for conversation in exported(sessions, choice):
        yield json.dumps(conversation, ensure_ascii=False) + "\n"


def _csv(sessions: "sessionmaker[Session]", choice: Choice) -> Iterator[str]:
    yield _row([*COLUMNS_OF_CONVERSATION, *COLUMNS_OF_MESSAGE])
    for conversation in exported(sessions, choice):
        of_conversation = [conversation[name] for name in COLUMNS_OF_CONVERSATION]
        for message in conversation["messages"]:
            yield _row([*of_conversation, *(message[name] for name in COLUMNS_OF_MESSAGE)])


def _row(values: list[Any]) -> str:
    return csv_line(_told(value) if isinstance(value, list) else value for value in values)


def _told(values: list[Any]) -> str:
    """Several values in one cell."""
    return ", ".join(values) if all(isinstance(value, str) for value in values) else json.dumps(values)
