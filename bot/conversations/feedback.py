"""What families say about replies. Everything here blocks: it is called from a thread."""

from dataclasses import asdict, dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from bot.conversations.models import OUTBOUND, Conversation, Feedback, Message
from bot.conversations.review_models import TIER, Correction
from bot.conversations.triage import alert_for_comment, come_back, is_unhelpful, tier_of
from bot.storage.base import now


class UnknownReply(Exception):
    """There is no such reply in the conversation."""


@dataclass(frozen=True)
class Opinion:
    """What a family says about one reply.

    Attributes:
        tier: how urgently navigators must look at the comment; None where it mentions no red flag.
        ruleset: the digest of the rules that read the comment.
        text_id: which fixed text was sent for it.
        revision: of that text.
    """

    helpful: bool
    comment: str = ""
    tier: str | None = None
    ruleset: str | None = None
    text_id: str | None = None
    revision: int | None = None


class FeedbackStore:
    """Feedback in the database."""

    def __init__(self, sessions: "sessionmaker[Session]") -> None:
        self._sessions = sessions

    def give(self, conversation: str, reply: str, opinion: Opinion) -> None:
        """Write down what a family says about a reply, in place of what it said before.

        Args:
            conversation: the conversation's key.
            reply: the reply's key.
            opinion: what is said.

        Raises:
            UnknownReply: the conversation has no such reply.
            SQLAlchemyError: the database cannot be written.
        """
        with self._sessions() as session:
            query = select(Message).join(Message.conversation)
            query = query.where(Message.key == reply, Message.direction == OUTBOUND, Conversation.key == conversation)
            message = session.scalars(query).one_or_none()
            if message is None:
                raise UnknownReply
            query = select(Feedback).where(Feedback.message_id == message.id)
            feedback = session.scalars(query).one_or_none() or Feedback(message_id=message.id)
            if feedback.comment not in (None, opinion.comment):  # what was corrected is the tier of the earlier comment
                earlier = delete(Correction).where(Correction.message_id == message.id, Correction.kind == TIER)
                session.execute(earlier.execution_options(synchronize_session=False))
            feedback.given_at = now()
            for name, value in asdict(opinion).items():
                setattr(feedback, name, value)
            session.add(feedback)
            if opinion.tier:
                alert_for_comment(session, message, opinion.tier)
            session.flush()
            found_in = message.conversation
            found_in.tier, found_in.unhelpful = tier_of(session, found_in), is_unhelpful(session, found_in)
            come_back(found_in)
            session.commit()
