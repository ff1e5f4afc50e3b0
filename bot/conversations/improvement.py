"""Messages from which the service can learn, and the queue of those that were chosen. Everything here blocks."""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased, joinedload

from bot.conversations.models import INBOUND, UNANSWERED, Conversation, Message
from bot.conversations.review_models import (
    DROPPED,
    EXPORTED,
    QUEUED,
    REGRESSION,
    TOPIC,
    TRAINING,
    Correction,
    QueuedExample,
)
from bot.errors import UserError
from bot.replies import APOLOGY, CLARIFY, FALLBACK

CORRECTED, NOT_ANSWERED, UNSURE = "corrected", "unanswered", "unsure"  # why a message is a candidate
TEXT_MAXIMUM = 500  # characters of an example
PARTS = (1 / 30, 1 / 8, 1)  # of the period in which candidates are looked for, from its end


class ImprovementError(UserError):
    """What was asked cannot be done to that message; the message says why."""


@dataclass(frozen=True)
class Candidate:
    """A message that was not understood, or not rightly.

    Args:
        message_id: of its row.
        conversation: the key of its conversation.
        text: what the family wrote.
        received_at: when.
        reason: corrected, unanswered or unsure.
        topic: what it is most likely about: as a navigator corrected it, else the best guess; None without either.
    """

    message_id: int
    conversation: str
    text: str
    received_at: datetime
    reason: str
    topic: str | None


@dataclass(frozen=True)
class Choice:
    """What is to become of a message, with its text as it may leave the log."""

    message_id: int
    text: str
    topic: str


def candidates(session: Session, *, since: datetime, at_most: int, labels: Collection[str]) -> list[Candidate]:
    """Typed messages that were unanswered, unsure or corrected and about which nothing is decided, newest first.

    Args:
        session: of the database.
        since: only what was received then or later.
        at_most: how many.
        labels: the intents that a message can be an example of.
    """
    reply = aliased(Message)
    helpless = exists().where(reply.reply_to_id == Message.id, reply.kind.in_((FALLBACK, APOLOGY, CLARIFY)))
    corrected = select(Correction.message_id).where(Correction.kind == TOPIC, Correction.at >= since)
    of_flagged = select(Conversation.id).where(
        Conversation.last_message_at >= since, or_(Conversation.unanswered, Conversation.unsure)
    )
    query = (
        select(Message, Conversation.key)
        .join(Message.conversation)
        .where(
            Message.direction == INBOUND,
            Message.button.is_(None),
            or_(
                Message.id.in_(corrected),
                and_(Message.conversation_id.in_(of_flagged), or_(Message.state == UNANSWERED, helpless)),
            ),
            ~exists().where(QueuedExample.message_id == Message.id),
        )
        .order_by(Message.id.desc())
        .limit(at_most)
    )
    rows = _newest(session, query, since, at_most)
    ids = [row.Message.id for row in rows]
    corrections, replies = _corrections(session, ids), _replies(session, ids)
    return [_candidate(row.Message, row.key, corrections, replies.get(row.Message.id, []), labels) for row in rows]


def decide(
    session: Session, choices: Sequence[Choice], *, purpose: str, by_id: int, labels: Collection[str]
) -> list[QueuedExample]:
    """Queue messages as examples or as tests; what was decided about meanwhile stays as it is.

    Args:
        session: of the database; committed by the caller.
        choices: the messages.
        purpose: TRAINING or REGRESSION. A message that is measured with is never trained on.
        by_id: the user who decides.
        labels: the intents that a message can be an example of.

    Raises:
        ImprovementError: a text is empty or too long, or a topic is none.
    """
    for choice in choices:
        _check(choice, labels)
    return _write(session, choices, purpose=purpose, state=QUEUED, by_id=by_id)


def drop(session: Session, choices: Sequence[Choice], *, by_id: int) -> list[QueuedExample]:
    """Decide that nothing is to be learnt from messages: they are not shown again."""
    return _write(session, choices, purpose=TRAINING, state=DROPPED, by_id=by_id)


def queue(session: Session, *, state: str = QUEUED) -> list[QueuedExample]:
    """What is queued, or was exported: examples before tests, by topic, oldest first."""
    query = select(QueuedExample).where(QueuedExample.state == state).options(joinedload(QueuedExample.by))
    of_purpose = (QueuedExample.purpose == REGRESSION, QueuedExample.topic, QueuedExample.id)
    return list(session.scalars(query.order_by(*of_purpose)))


def change(session: Session, example_id: int, *, text: str, topic: str, labels: Collection[str]) -> QueuedExample:
    """Change the text or the topic of what is queued.

    Raises:
        ImprovementError: it is not queued any more, or the text or the topic is wrong.
    """
    example = _queued(session, example_id)
    choice = Choice(example.message_id, text, topic)
    _check(choice, labels)
    example.text, example.topic = one_line(text), topic
    session.flush()
    return example


def take_back(session: Session, example_id: int) -> str:
    """Take something out of the queue: its message is a candidate again.

    Returns:
        its topic.

    Raises:
        ImprovementError: it is not queued any more.
    """
    example = _queued(session, example_id)
    session.execute(
        delete(QueuedExample).where(QueuedExample.id == example_id).execution_options(synchronize_session=False)
    )
    return str(example.topic)


def mark_exported(session: Session, ids: Collection[int]) -> int:
    """Note that queued examples have left in a patch; says how many were still queued."""
    statement = update(QueuedExample).where(QueuedExample.id.in_(ids), QueuedExample.state == QUEUED)
    done = session.execute(statement.values(state=EXPORTED).execution_options(synchronize_session=False))
    return int(done.rowcount)


def put_back(session: Session, ids: Collection[int]) -> int:
    """Queue anew what was exported, because its patch was lost or not applied; says how many."""
    statement = update(QueuedExample).where(QueuedExample.id.in_(ids), QueuedExample.state == EXPORTED)
    done = session.execute(statement.values(state=QUEUED).execution_options(synchronize_session=False))
    return int(done.rowcount)


def counts(session: Session) -> dict[str, int]:
    """How many examples and tests there are in each state."""
    query = select(QueuedExample.state, func.count()).group_by(QueuedExample.state)
    return {QUEUED: 0, EXPORTED: 0, DROPPED: 0, **dict(session.execute(query).all())}


def one_line(text: str) -> str:
    """A text without line breaks and without what no file may hold."""
    kept = "".join(character for character in text if _may_stand_in_a_file(character))
    return " ".join(kept.split())


def _may_stand_in_a_file(character: str) -> bool:
    kind = unicodedata.category(character)
    return character.isspace() or not (kind in ("Cc", "Cs", "Co", "Cn") or character == "\ufeff")


def _check(choice: Choice, labels: Collection[str]) -> None:
    text = one_line(choice.text)
    if not text:
        raise ImprovementError("the text is empty")
    if len(text) > TEXT_MAXIMUM:
        raise ImprovementError(f"the text has {len(text)} characters; {TEXT_MAXIMUM} at most: keep what matters")
    if choice.topic not in labels:
        raise ImprovementError("choose a topic")


def _write(session: Session, choices: Sequence[Choice], *, purpose: str, state: str, by_id: int) -> list[QueuedExample]:
    ids = [choice.message_id for choice in choices]
    there = set(session.scalars(select(Message.id).where(Message.id.in_(ids), Message.direction == INBOUND)))
    decided = set(session.scalars(select(QueuedExample.message_id).where(QueuedExample.message_id.in_(ids))))
    written = [
        QueuedExample(
            message_id=choice.message_id,
            purpose=purpose,
            text=one_line(choice.text),
            topic=choice.topic,
            state=state,
            by_id=by_id,
        )
        for choice in choices
        if choice.message_id in there - decided
    ]
    session.add_all(written)
    session.flush()
    return written


def _queued(session: Session, example_id: int) -> QueuedExample:
    example = session.get(QueuedExample, example_id)
    if example is None or example.state != QUEUED:
        raise ImprovementError("that is not in the queue any more")
    return example  # type: ignore[no-any-return]


def _newest(session: Session, query: Any, since: datetime, at_most: int) -> Sequence[Any]:
    """The rows of a query for families' messages; older messages are looked at only where newer ones are too few."""
    last = session.execute(select(func.max(Message.received_at)).where(Message.direction == INBOUND)).scalar_one()
    rows: Sequence[Any] = ()
    for part in PARTS if last is not None else ():
        rows = session.execute(query.where(Message.received_at >= last - (last - since) * part)).all()
        if len(rows) == at_most:
            break
    return rows


def _corrections(session: Session, ids: Sequence[int]) -> dict[int, str | None]:
    """The newest topic that a navigator gave each message."""
    query = select(Correction.message_id, Correction.value).where(
        Correction.message_id.in_(ids), Correction.kind == TOPIC
    )
    return {row.message_id: row.value for row in session.execute(query.order_by(Correction.id))}


def _replies(session: Session, ids: Sequence[int]) -> dict[int, list[Message]]:
    found: dict[int, list[Message]] = {}
    for reply in session.scalars(select(Message).where(Message.reply_to_id.in_(ids)).order_by(Message.position)):
        found.setdefault(reply.reply_to_id, []).append(reply)
    return found


def _candidate(
    message: Message,
    conversation: str,
    corrections: dict[int, str | None],
    replies: Sequence[Message],
    labels: Collection[str],
) -> Candidate:
    if message.id in corrections:
        reason, topic = CORRECTED, corrections[message.id]
    else:
        is_unsure = message.state != UNANSWERED and not any(reply.kind in (FALLBACK, APOLOGY) for reply in replies)
        reason = UNSURE if is_unsure else NOT_ANSWERED
        topic = message.intent if message.intent in labels else _first_offered(replies, labels)
    return Candidate(message.id, conversation, message.text, message.received_at, reason, topic)


def _first_offered(replies: Sequence[Message], labels: Collection[str]) -> str | None:
    """The topic that the classifier found nearest: buttons offer its guesses, best first."""
    for reply in replies:
        for button in (reply.buttons or ()) if reply.kind in (CLARIFY, FALLBACK) else ():
            topic = str(button["token"]).partition("/")[0]
            if topic in labels:
                return topic
    return None
