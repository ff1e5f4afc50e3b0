"""Taking conversations out of the database, on a family's request or by age. Everything here blocks."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, literal, select
from sqlalchemy.orm import Session, sessionmaker

from bot.conversations.erased import OF_WEBSITE
from bot.conversations.models import (
    INBOUND,
    Conversation,
    Delivery,
    ErasedConversation,
    ErasedMessage,
    Feedback,
    Message,
)
from bot.conversations.naming import find_conversation
from bot.staff import audit
from bot.staff.audit import Actor
from bot.storage.base import UtcDateTime, now

# Vendors deliver again what was not acknowledged, Meta for up to seven days.
DELIVERED_AGAIN_WITHIN = timedelta(days=8)


class Erasure:
    """Deletes whole conversations: feedback, deliveries, messages and their row."""

    def __init__(self, sessions: "sessionmaker[Session]") -> None:
        self._sessions = sessions

    def erase(self, key: str) -> datetime:
        """Delete a conversation, whether or not anything of it is stored, and remember that it was erased.

        Returns:
            when it was erased.

        Raises:
            SQLAlchemyError: the database cannot be written; everything is as before.
        """
        with self._sessions() as session:
            erased_at = _erase(session, key)
            session.commit()
            return erased_at

    def expire(self, before: datetime, *, at_most: int) -> int:
        """Delete conversations whose last message is older than a moment, the oldest first.

        Args:
            before: that moment.
            at_most: how many; writes of families wait meanwhile.

        Returns:
            how many were deleted.
        """
        with self._sessions() as session:
            query = select(Conversation.id).where(Conversation.last_message_at < before)
            # Locked, because another process may be writing to one of them; SQLite's lock is on the whole file.
            query = query.order_by(Conversation.last_message_at).limit(at_most).with_for_update()
            ids = session.scalars(query).all()
            _delete(session, ids)
            session.commit()
            return len(ids)

    def erased(self) -> dict[str, datetime]:
        """The keys of erased conversations, each with the moment when it was erased."""
        with self._sessions() as session:
            rows = session.execute(select(ErasedConversation.key, ErasedConversation.erased_at))
            return {row.key: row.erased_at for row in rows}

    def forget_erased(self, before: datetime) -> None:
        """Forget the keys of the website's conversations that were erased before a moment, and messages' ids in time.

        The key of a messenger's conversation is kept: without it the family's next one would be named like the erased
        one again, and a second wish to erase would miss the other.
        """
        with self._sessions() as session:
            of_website = ErasedConversation.key.startswith(OF_WEBSITE, autoescape=True)
            for statement in (
                delete(ErasedConversation).where(ErasedConversation.erased_at < before, of_website),
                delete(ErasedMessage).where(ErasedMessage.erased_at < now() - DELIVERED_AGAIN_WITHIN),
            ):
                session.execute(statement.execution_options(synchronize_session=False))
            session.commit()


def erase_conversation(session: Session, actor: Actor, code_or_key: str) -> str:
    """Delete a conversation in the caller's transaction, and note in the audit who did it.

    A service that runs learns of it within seconds; until then it does not bring the conversation back either.

    Returns:
        the conversation's code, by which the audit names it.

    Raises:
        UnknownConversation: there is none of this code or key, or there are several.
    """
    audit.hold(session)
    conversation = find_conversation(session, code_or_key)
    code, key = str(conversation.code), str(conversation.key)
    session.expunge(conversation)
    audit.record(session, actor, "conversation.erased", f"conversation {code}")
    _erase(session, key)
    return code


def _erase(session: Session, key: str) -> datetime:
    _delete(session, session.scalars(select(Conversation.id).where(Conversation.key == key)).all())
    erased = session.merge(ErasedConversation(key=key, erased_at=now()))
    session.flush()
    return erased.erased_at  # type: ignore[no-any-return]


def _delete(session: Session, ids: Sequence[int]) -> None:
    """Delete conversations by their row ids; all messages in one statement, because they refer to each other."""
    messages = select(Message.id).where(Message.conversation_id.in_(ids))
    again = select(Message.channel, Message.channel_message_id, literal(now(), type_=UtcDateTime)).where(
        Message.conversation_id.in_(ids),
        Message.direction == INBOUND,
        Message.received_at > now() - DELIVERED_AGAIN_WITHIN,
    )
    for statement in (
        insert(ErasedMessage).from_select(["channel", "channel_message_id", "erased_at"], again),
        delete(Feedback).where(Feedback.message_id.in_(messages)),
        delete(Delivery).where(Delivery.message_id.in_(messages)),
        delete(Message).where(Message.conversation_id.in_(ids)),
        delete(Conversation).where(Conversation.id.in_(ids)),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
