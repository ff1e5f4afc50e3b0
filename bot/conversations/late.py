"""Messages that a crash left too long ago to be answered, and calling navigators to them. Everything here blocks."""

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from bot.conversations.models import OPEN, Message
from bot.conversations.records import Inbound
from bot.conversations.review_models import RED_FLAG, Alert
from bot.conversations.triage import alerts_for, more_urgent


class LateMessages:
    """Messages without replies that nobody is going to answer."""

    def __init__(self, sessions: "sessionmaker[Session]") -> None:
        self._sessions = sessions

    def typed_before(self, moment: datetime) -> list[Inbound]:
        """What families typed before a moment and got no reply to, as far as it calls nobody yet."""
        called = exists().where(Alert.message_id == Message.id, Alert.kind == RED_FLAG)
        query = select(Message).where(Message.state == OPEN, Message.received_at < moment, Message.button.is_(None))
        with self._sessions() as session:
            return [inbound_of(message) for message in session.scalars(query.where(~called).order_by(Message.id))]

    def call_to(self, key: str, tier: str, ruleset: str) -> None:
        """Call navigators to a message that mentions a red flag.

        Args:
            key: of the message; nothing is done where it was erased meanwhile.
            tier: how urgent it is.
            ruleset: the digest of the rules that read it.

        Raises:
            SQLAlchemyError: the database cannot be written.
        """
        with self._sessions() as session:
            message = session.scalars(select(Message).where(Message.key == key)).first()
            if message is None:
                return
            message.tier, message.ruleset = tier, ruleset
            message.conversation.tier = more_urgent(message.conversation.tier, tier)
            session.add_all(alerts_for(message, tier=tier, replies=()))
            try:
                session.commit()
            except IntegrityError:  # another process that started at the same moment has called
                session.rollback()


def inbound_of(message: Message) -> Inbound:
    """A stored message of a family, as its channel received it."""
    return Inbound(
        channel=message.channel,
        conversation=message.conversation.key,
        message_id=message.channel_message_id,
        text=message.text,
        button=message.button or "",
        received_at=message.received_at,
        key=message.key,
        form=message.form,
        address=message.conversation.address or "",
    )
