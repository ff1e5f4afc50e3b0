"""How people name a conversation: by the code that its family reads out, or by its key."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from bot.conversations.models import Conversation
from bot.errors import UserError


class UnknownConversation(UserError):
    """No conversation has that code or key, or several have."""


def named(code_or_key: str) -> ColumnElement[bool]:
    """What narrows a query of conversations to those of a name."""
    name = code_or_key.strip()
    return or_(Conversation.code == name.upper(), Conversation.key == name)


def find_conversation(session: Session, code_or_key: str) -> Conversation:
    """The conversation of a name.

    Raises:
        UnknownConversation: there is none, or there are several.
    """
    found = session.scalars(select(Conversation).where(named(code_or_key)).limit(2)).all()
    if not found:
        raise UnknownConversation("there is no conversation of this code or key")
    if len(found) > 1:
        raise UnknownConversation("several conversations have this code: name the one by its key")
    return found[0]  # type: ignore[no-any-return]
