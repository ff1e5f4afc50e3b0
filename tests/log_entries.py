"""Conversations as the tests of the inbox need them, written to a real database."""

import itertools
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy.orm import Session

from bot.conversations.code import conversation_code
from bot.conversations.models import INBOUND, OUTBOUND, Conversation, Message
from bot.staff.models import NAVIGATOR, User

NOON = datetime(2027, 1, 1, 12, tzinfo=timezone.utc)
_numbers = itertools.count(1)


def at(minutes: float) -> datetime:
    """A moment, in minutes from noon."""
    return NOON + timedelta(minutes=minutes)


def add_user(session: Session, name: str = "nina", **values: Any) -> User:
    user = User(name=name, **{"display_name": name.title(), "role": NAVIGATOR, **values})
    session.add(user)
    session.flush()
    return user


def add_conversation(session: Session, key: str, minutes: float = 0, **values: Any) -> Conversation:
    """A conversation whose last message came at a minute."""
    moment = at(minutes)
    conversation = Conversation(
        key=key,
        code=conversation_code(key),
        **{"channel": "widget", "created_at": moment, "last_message_at": moment, **values},
    )
    session.add(conversation)
    session.flush()
    return conversation


def add_message(session: Session, conversation: Conversation, text: str = "How long?", **values: Any) -> Message:
    """A family's message."""
    number = next(_numbers)
    message = Message(
        conversation_id=conversation.id,
        **{
            "key": f"m{number}",
            "direction": INBOUND,
            "channel": conversation.channel,
            "channel_message_id": f"c{number}",
            "text": text,
            "state": "answered",
            "received_at": conversation.last_message_at,
            **values,
        },
    )
    session.add(message)
    session.flush()
    return message


def add_reply(session: Session, message: Message, text: str = "About a week.", **values: Any) -> Message:
    """A reply to a family's message."""
    reply = Message(
        conversation_id=message.conversation_id,
        **{
            "key": f"r{next(_numbers)}",
            "direction": OUTBOUND,
            "channel": message.channel,
            "text": text,
            "received_at": message.received_at,
            "reply_to_id": message.id,
            "position": 0,
            "kind": "answer",
            "revision": 1,
            "sources": [],
            "buttons": [],
            **values,
        },
    )
    session.add(reply)
    session.flush()
    return reply
