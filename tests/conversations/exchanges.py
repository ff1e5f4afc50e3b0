"""Messages, replies and what is stored of them, for the tests of the conversation log."""

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import sessionmaker

from bot.conversations.records import Inbound, Outcome
from bot.replies import ANSWER, NOTICE, Button, Reply

NOON = datetime(2027, 1, 1, 12, tzinfo=timezone.utc)

Sessions = sessionmaker  # of a migrated, empty database


def message(number: int = 1, *, conversation: str = "family", channel: str = "widget", **values: Any) -> Inbound:
    return Inbound(
        channel=channel,
        conversation=conversation,
        message_id=f"m{number}",
        **{"text": f"Question {number}?", **values},
    )


def answer(text: str = "About a week.", **values: Any) -> Reply:
    given: dict[str, Any] = {
        "kind": ANSWER,
        "revision": 3,
        "topic": "crs_duration",
        "variant": "grade_2",
        "sources": ("Guide: Section",),
        "buttons": (Button("What CRS is", "what_is_crs"),),
    }
    return Reply(text=text, **{**given, **values})


def notice() -> Reply:
    return Reply(kind=NOTICE, text="I am a machine.", revision=1, text_id="notice")


def outcome(*replies: Reply, topic: str | None = "crs_duration") -> Outcome:
    return Outcome(
        replies=replies,
        intent="crs_duration",
        confidence=0.75,
        topic=topic,
        tier="T2",
        ruleset="abc",
        milliseconds=12.5,
    )


def counted(sessions: Sessions, model: type[Any]) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(model))  # type: ignore[no-any-return]


def rows(sessions: Sessions, model: type[Any]) -> list[Any]:
    with sessions() as session:
        return list(session.scalars(select(model).order_by(model.id)))
