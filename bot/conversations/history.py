"""What a family reads again of its conversation. Everything here blocks: it is called from a thread."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased, sessionmaker

from bot.conversations.models import OUTBOUND, Conversation, Feedback, Message
from bot.replies import CRISIS, EMERGENCY, Button, Reply

NEWEST = 8  # replies among which the newest choices are looked for: those to the last few messages
HISTORY_MAXIMUM = 200  # messages in one page of a conversation's history
OVERTAKING = timedelta(seconds=1)  # a fixed reply is sent while an earlier reply is being written: not longer than this


@dataclass(frozen=True)
class Offer:
    """The newest reply of a conversation, or one that was named, with the choices under it."""

    reply: Reply
    is_newest: bool  # nothing was sent after it


class History:
    """The conversation log as pages ask for it."""

    def __init__(self, sessions: "sessionmaker[Session]") -> None:
        self._sessions = sessions

    def history(self, conversation: str, *, after: str | None = None) -> list[dict[str, Any]]:
        """A conversation's messages, each with its replies behind it; `reply` is None for the family's own.

        A page holds what was written to the log last. In it the messages stand in the order in which they came: in the
        log, what the spool held stands behind what came later.

        Args:
            conversation: the conversation's key.
            after: the key of a message; only later ones are given.
        """
        with self._sessions() as session:
            asked = aliased(Message)
            came_at = func.coalesce(asked.received_at, Message.received_at).label("came_at")
            query = (
                select(Message, Feedback.helpful, came_at)
                .join(Message.conversation)
                .outerjoin(asked, asked.id == Message.reply_to_id)
                .outerjoin(Feedback, Feedback.message_id == Message.id)
                .where(Conversation.key == conversation)
                .limit(HISTORY_MAXIMUM)
            )
            start = None
            if after:
                first = select(Message.id).join(Message.conversation)
                first = first.where(Message.key == after, Conversation.key == conversation)
                start = session.scalars(first).one_or_none()
            if start is not None:
                page = session.execute(query.where(Message.id > start).order_by(Message.id)).all()
            else:
                page = session.execute(query.order_by(Message.id.desc())).all()
            return [_history_entry(row.Message, row.helpful) for row in sorted(page, key=_in_order)]

    def later_replies(
        self, conversation: str, seen: str, *, seen_at: datetime | None = None, above: int = 0
    ) -> list[tuple[int, Reply]]:
        """A page of the replies that came after one, in the order they were written; each with its place in the log.

        The fixed reply to a red flag overtakes what an earlier message still waits for, and what the spool held stands
        late in the log. So what was sent later counts as well as what was written later: rather twice than never.

        Args:
            conversation: the conversation's key.
            seen: the reply's key; where it is not in the log, and `seen_at` does not help, the newest page is given.
            seen_at: when the reply was sent, if that is known although it is not in the log yet.
            above: a place in the log; only later ones are given.
        """
        with self._sessions() as session:
            of_conversation = (Conversation.key == conversation, Message.direction == OUTBOUND)
            row = session.scalars(
                select(Message).join(Message.conversation).where(Message.key == seen, *of_conversation)
            ).one_or_none()
            query = select(Message).join(Message.conversation).where(*of_conversation).limit(HISTORY_MAXIMUM)
            if row is not None:
                overtaken = OVERTAKING if row.kind in (EMERGENCY, CRISIS) else timedelta(0)
                later = or_(Message.id > row.id, Message.received_at > row.received_at - overtaken)
                query = query.where(later, Message.id != row.id)
            elif seen_at is not None:
                query = query.where(Message.received_at > seen_at - OVERTAKING)
            elif not above:
                newest = session.scalars(query.order_by(Message.id.desc())).all()
                return [(message.id, reply_of(message)) for message in reversed(newest)]
            page = session.scalars(query.where(Message.id > above).order_by(Message.id))
            return [(message.id, reply_of(message)) for message in page]

    def offer(self, conversation: str, reply: str = "") -> Offer | None:
        """A reply that a family chooses under; None where there is none of its conversation.

        Args:
            conversation: the conversation's key.
            reply: the reply's key; empty for the newest reply that has choices.
        """
        query = select(Message).join(Message.conversation)
        query = query.where(Conversation.key == conversation, Message.direction == OUTBOUND)
        query = query.order_by(Message.id.desc())
        with self._sessions() as session:
            newest = session.scalars(query.limit(NEWEST)).all()
            if reply:
                found = session.scalars(query.where(Message.key == reply)).first()
            else:
                found = next((message for message in newest if message.buttons), None)
            return Offer(reply_of(found), found.id == newest[0].id) if found is not None else None


def _in_order(row: Any) -> tuple[Any, ...]:
    """Sorts messages by the time they came, each with its replies behind it."""
    message = row.Message
    return row.came_at, message.reply_to_id or message.id, -1 if message.position is None else message.position


def _history_entry(message: Message, helpful: bool | None) -> dict[str, Any]:
    return {
        "id": message.key,
        "at": message.received_at.isoformat(),
        "text": message.text,
        "channel_message_id": message.channel_message_id,
        "reply": reply_of(message) if message.direction == OUTBOUND else None,
        "helpful": helpful,
    }


def reply_of(message: Message) -> Reply:
    """A stored reply, as it was sent."""
    return Reply(
        kind=message.kind,
        text=message.text,
        revision=message.revision,
        topic=message.topic,
        variant=message.variant or "",
        text_id=message.text_id or "",
        sources=tuple(message.sources),
        buttons=tuple(Button(**button) for button in message.buttons),
        at=message.received_at,
        id=message.key,
    )
