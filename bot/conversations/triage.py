"""What navigators must see of a message: where it puts its conversation in the inbox, and whether it calls for them."""

from collections.abc import Iterable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bot.conversations.models import INBOUND, TO_REVIEW, Conversation, Feedback, Message
from bot.conversations.review_models import PERSON, RED_FLAG, TIER, UNDELIVERED_EMERGENCY, Alert, Correction
from bot.replies import APOLOGY, CLARIFY, FALLBACK, HANDOVER, Reply
from bot.storage.base import now

URGENT = "T1"  # the tier that calls navigators wherever they are


def sort_in(conversation: Conversation, *, tier: str | None, replies: Iterable[Reply]) -> None:
    """Put a conversation where its newest message belongs in the inbox.

    Args:
        conversation: the message's conversation.
        tier: of the message.
        replies: to the message.
    """
    kinds = {reply.kind for reply in replies}
    conversation.tier = more_urgent(conversation.tier, tier)
    conversation.unanswered = conversation.unanswered or bool(kinds & {FALLBACK, APOLOGY})
    conversation.unsure = conversation.unsure or CLARIFY in kinds
    conversation.wants_person = conversation.wants_person or HANDOVER in kinds


def come_back(conversation: Conversation) -> None:
    """A conversation that was reviewed, or put off, has something new to review."""
    conversation.review = TO_REVIEW


def alerts_for(message: Message, *, tier: str | None, replies: Iterable[Reply]) -> list[Alert]:
    """What calls a navigator to a message: a red flag, and a family that asks for a person."""
    alerts = []
    if tier:
        alerts.append(_alert(message, RED_FLAG, tier, goes_out=tier == URGENT))
    if any(reply.kind == HANDOVER for reply in replies):
        alerts.append(_alert(message, PERSON, None, goes_out=True))
    return alerts


def alert_for_undelivered(reply: Message, tier: str | None) -> Alert:
    """What calls a navigator to a family that the fixed reply to a red flag does not reach.

    Args:
        reply: the fixed reply.
        tier: of the message that it was for.
    """
    return _alert(reply, UNDELIVERED_EMERGENCY, tier, goes_out=True)


def alert_for_comment(session: Session, reply: Message, tier: str) -> None:
    """Call a navigator to a comment that mentions a red flag; again where one has seen to an earlier comment.

    What nobody has seen to yet stays as urgent as it was.
    """
    query = select(Alert).where(Alert.message_id == reply.id, Alert.kind == RED_FLAG)
    alert = session.scalars(query).one_or_none()
    if alert is None:
        session.add(_alert(reply, RED_FLAG, tier, goes_out=tier == URGENT))
        return
    if alert.acknowledged_at is None:
        tier = more_urgent(alert.tier, tier) or tier
    alert.tier, alert.goes_out = tier, tier == URGENT
    alert.raised_at, alert.acknowledged_at, alert.acknowledged_by_id = now(), None, None
    alert.attempts, alert.next_attempt_at = 0, alert.raised_at if alert.goes_out else None


def tier_of(session: Session, conversation: Conversation) -> str | None:
    """The most urgent tier in a conversation, as navigators have corrected it."""
    newest = (
        select(Correction.message_id, Correction.value)
        .join(Correction.message)
        .where(Message.conversation_id == conversation.id, Correction.kind == TIER)
        .order_by(Correction.id)
    )
    corrected = {row.message_id: row.value for row in session.execute(newest)}
    read = select(Message.id, Message.tier, Feedback.tier.label("of_comment"))
    read = read.outerjoin(Feedback, Feedback.message_id == Message.id).where(Message.conversation_id == conversation.id)
    read = read.where(or_(Message.direction == INBOUND, Feedback.tier.is_not(None)))
    worst = None
    for row in session.execute(read):
        worst = more_urgent(worst, corrected.get(row.id, more_urgent(row.tier, row.of_comment)))
    return worst


def is_unhelpful(session: Session, conversation: Conversation) -> bool:
    """Whether a family has said of any reply that it did not help."""
    query = select(Feedback.id).join(Feedback.message)
    query = query.where(Message.conversation_id == conversation.id, Feedback.helpful.is_(False)).limit(1)
    return session.scalars(query).one_or_none() is not None


def more_urgent(one: str | None, other: str | None) -> str | None:
    """The more urgent of two tiers, None where there is neither."""
    return min((tier for tier in (one, other) if tier), default=None)


def _alert(message: Message, kind: str, tier: str | None, *, goes_out: bool) -> Alert:
    raised_at = now()
    return Alert(
        conversation_id=message.conversation_id,
        message_id=message.id,
        kind=kind,
        tier=tier,
        raised_at=raised_at,
        goes_out=goes_out,
        next_attempt_at=raised_at if goes_out else None,
    )
