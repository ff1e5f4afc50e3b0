"""What navigators say that messages are really about, and how urgent they really were.

Everything here blocks, and adds to the caller's transaction.
"""

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bot.conversations.improvement import TEXT_MAXIMUM
from bot.conversations.models import INBOUND, Conversation, Feedback, Message, MessageRedFlag
from bot.conversations.review_models import (
    MISSED,
    QUEUED,
    REGRESSION,
    TIER,
    TOPIC,
    TRAINING,
    Correction,
    QueuedExample,
)
from bot.conversations.reviewing import ReviewRefused
from bot.conversations.triage import more_urgent, tier_of

TIERS = ("T1", "T2")
BY_NAVIGATOR = "navigator"  # the detector of a red flag that a person saw
PURPOSES = (TRAINING, REGRESSION)


def find_message(session: Session, conversation: Conversation, key: str) -> Message | None:
    """The message of a key in a conversation."""
    query = select(Message).where(Message.key == key, Message.conversation_id == conversation.id)
    return session.scalars(query).first()  # type: ignore[no-any-return]


def topic_of(session: Session, message: Message) -> str | None:
    """What a message is about: as corrected, or else as it was understood."""
    newest = _newest(session, message, TOPIC)
    return newest.value if newest is not None else message.intent  # type: ignore[no-any-return]


def correct_topic(session: Session, message: Message, topic: str, known: Collection[str], *, by: int) -> None:
    """Say what a family's message is really about.

    Args:
        session: whose transaction it is.
        message: of a family.
        topic: a topic, or another intent that messages may have, such as out_of_scope.
        known: what may be chosen.
        by: the row id of the account that says so.

    Raises:
        ReviewRefused: the message is a reply, or the topic none of those.
    """
    _check_of_family(message)
    if topic not in known:
        raise ReviewRefused("choose a topic from the list")
    was = topic_of(session, message)
    if topic != was:
        session.add(Correction(message_id=message.id, kind=TOPIC, was=was, value=topic, by_id=by))
        session.flush()


def correct_tier(session: Session, message: Message, tier: str | None, *, by: int) -> None:
    """Say how urgent a message, or a comment on a reply, really was; its conversation moves with it.

    Args:
        session: whose transaction it is.
        message: of a family, or a reply with a comment.
        tier: T1 or T2; None where it mentions no red flag.
        by: the row id of the account that says so.

    Raises:
        ReviewRefused: there is no such tier.
    """
    if tier is not None and tier not in TIERS:
        raise ReviewRefused(f"a tier is one of: {', '.join(TIERS)}")
    was = tier_as_read(session, message)
    if tier != was:
        session.add(Correction(message_id=message.id, kind=TIER, was=was, value=tier, by_id=by))
    if tier is None:
        session.execute(
            delete(MessageRedFlag)
            .where(MessageRedFlag.message_id == message.id, MessageRedFlag.detector == BY_NAVIGATOR)
            .execution_options(synchronize_session=False)
        )
    session.flush()
    message.conversation.tier = tier_of(session, message.conversation)
    session.flush()


def tier_as_read(session: Session, message: Message) -> str | None:
    """How urgent a message is: as corrected, or else as the detectors read it and the comment on it."""
    newest = _newest(session, message, TIER)
    if newest is not None:
        return newest.value  # type: ignore[no-any-return]
    of_comment = session.scalars(select(Feedback.tier).where(Feedback.message_id == message.id)).first()
    return more_urgent(message.tier, of_comment)


def report_missed(
    session: Session, message: Message, symptom: str, tier: str, known: Collection[str], *, by: int
) -> None:
    """Say that a family's message mentions a symptom that no detector saw.

    Args:
        session: whose transaction it is.
        message: of a family.
        symptom: of the lexicon.
        tier: how urgent it was.
        known: the lexicon's symptoms.
        by: the row id of the account that says so.

    Raises:
        ReviewRefused: the message is a reply, there is no such symptom or tier, or it is known of this message.
    """
    _check_of_family(message)
    if symptom not in known:
        raise ReviewRefused("choose a symptom from the list")
    if tier not in TIERS:
        raise ReviewRefused(f"a tier is one of: {', '.join(TIERS)}")
    query = select(MessageRedFlag.id).where(MessageRedFlag.message_id == message.id, MessageRedFlag.symptom == symptom)
    if session.scalars(query).first() is not None:
        raise ReviewRefused("this message has that symptom already")
    session.add(MessageRedFlag(message_id=message.id, symptom=symptom, detector=BY_NAVIGATOR))
    session.add(Correction(message_id=message.id, kind=MISSED, was=None, value=symptom, by_id=by))
    session.flush()
    correct_tier(session, message, more_urgent(tier, tier_as_read(session, message)), by=by)


def queue_example(
    session: Session, message: Message, purpose: str, text: str, topic: str, known: Collection[str], *, by: int
) -> None:
    """Put a family's message on the list of examples to learn from, or of cases to test; again changes what is there.

    Args:
        session: whose transaction it is.
        message: of a family.
        purpose: training or regression.
        text: of the example: the navigator may have taken names out of the message.
        topic: what the example is about.
        known: what may be chosen.
        by: the row id of the account that does it.

    Raises:
        ReviewRefused: the message is a reply, or one of the values cannot be.
    """
    _check_of_family(message)
    text = " ".join(text.split())
    if purpose not in PURPOSES:
        raise ReviewRefused(f"an example is for one of: {', '.join(PURPOSES)}")
    if topic not in known:
        raise ReviewRefused("choose a topic from the list")
    if not text or len(text) > TEXT_MAXIMUM:
        raise ReviewRefused(f"an example has 1 to {TEXT_MAXIMUM} characters")
    query = select(QueuedExample).where(QueuedExample.message_id == message.id, QueuedExample.purpose == purpose)
    example = session.scalars(query).first() or QueuedExample(message_id=message.id, purpose=purpose)
    example.text, example.topic, example.state, example.by_id = text, topic, QUEUED, by
    session.add(example)
    session.flush()


def _newest(session: Session, message: Message, kind: str) -> Correction | None:
    query = select(Correction).where(Correction.message_id == message.id, Correction.kind == kind)
    return session.scalars(query.order_by(Correction.id.desc())).first()  # type: ignore[no-any-return]


def _check_of_family(message: Message) -> None:
    if message.direction != INBOUND:
        raise ReviewRefused("only a family's own message can be corrected")
