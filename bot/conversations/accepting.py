"""Writing many messages down in one transaction, with a few statements for all of them. Everything here blocks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from bot.conversations.code import conversation_code
from bot.conversations.erased import ConversationErased, MessageErased
from bot.conversations.models import (
    INBOUND,
    OPEN,
    Conversation,
    ErasedConversation,
    ErasedMessage,
    Message,
)
from bot.conversations.records import Inbound, Known
from bot.conversations.search import add_words_of
from bot.conversations.triage import come_back

Accepted = Known | ConversationErased


@dataclass
class _Log:
    """What the database has of a batch, looked up once."""

    conversations: dict[str, Conversation]
    messages: set[tuple[str, str]]
    erased_messages: set[tuple[str, str]]
    erased_conversations: set[str]
    written: list[tuple[Inbound, Conversation]] = field(default_factory=list)


def accept_all(session: Session, batch: Sequence[Inbound]) -> list[Accepted | None]:
    """Write several messages down, in the caller's transaction.

    Returns:
        of each what the log knows of its conversation, or that it was erased; None where the message is there already
        and must be looked up.
    """
    log = _look_up(session, batch)
    found = [_accept(session, log, inbound) for inbound in batch]
    session.flush()
    if log.written:
        session.execute(insert(Message), [_row(inbound, conversation) for inbound, conversation in log.written])
        add_words_of(session, [(conversation.id, inbound.text) for inbound, conversation in log.written])
    return found


def _look_up(session: Session, batch: Sequence[Inbound]) -> _Log:
    keys = {inbound.conversation for inbound in batch}
    ids = {inbound.message_id for inbound in batch}

    channels = {inbound.channel for inbound in batch}

    def of(model: Any) -> set[tuple[str, str]]:
        rows = session.execute(_ids_of(model), {"ids": list(ids), "channels": list(channels)})
        return {(row.channel, row.channel_message_id) for row in rows}

    conversations = session.scalars(_conversations(), {"keys": list(keys)}).all()
    by_key = {str(conversation.key): conversation for conversation in conversations}
    erased: Iterable[str] = ()
    if missing := keys - by_key.keys():
        erased = session.scalars(select(ErasedConversation.key).where(ErasedConversation.key.in_(missing))).all()
    return _Log(by_key, of(Message), of(ErasedMessage), set(erased))


@lru_cache
def _ids_of(model: Any) -> Any:
    """Made once, like the other questions here: making one takes longer than the database needs for it."""
    query = select(model.channel, model.channel_message_id)
    query = query.where(model.channel_message_id.in_(bindparam("ids", expanding=True)))
    return query.where(model.channel.in_(bindparam("channels", expanding=True)))


@lru_cache
def _conversations() -> Any:
    return select(Conversation).where(Conversation.key.in_(bindparam("keys", expanding=True)))


def _accept(session: Session, log: _Log, inbound: Inbound) -> Accepted | None:
    message_id = (inbound.channel, inbound.message_id)
    if message_id in log.erased_messages:
        return MessageErased()
    if message_id in log.messages:
        return None
    conversation = log.conversations.get(inbound.conversation)
    if conversation is None and inbound.conversation in log.erased_conversations:
        return ConversationErased()
    known = Known()
    if conversation is None:
        conversation = new_conversation(inbound)
        session.add(conversation)
        log.conversations[inbound.conversation] = conversation
    else:
        silent_for = inbound.received_at - conversation.last_message_at
        known = Known(noticed=conversation.noticed or False, topic=conversation.topic, silent_for=silent_for)
    touch(conversation, inbound)
    log.messages.add(message_id)
    log.written.append((inbound, conversation))
    return known


def new_conversation(inbound: Inbound) -> Conversation:
    """The conversation that a message begins."""
    return Conversation(
        key=inbound.conversation,
        code=conversation_code(inbound.conversation),
        channel=inbound.channel,
        created_at=inbound.received_at,
    )


def touch(conversation: Conversation, inbound: Inbound) -> None:
    """A conversation has a new message."""
    before = conversation.last_message_at  # later than this message where that was in the spool
    conversation.last_message_at = max(before, inbound.received_at) if before else inbound.received_at
    conversation.address = inbound.address or conversation.address  # the newest, so that old keys fall out of use
    come_back(conversation)


def _row(inbound: Inbound, conversation: Conversation) -> dict[str, Any]:
    return {**columns_of(inbound), "conversation_id": conversation.id}


def columns_of(inbound: Inbound) -> dict[str, Any]:
    """A family's message as the log has it before it is answered."""
    return {
        "key": inbound.key,
        "direction": INBOUND,
        "channel": inbound.channel,
        "channel_message_id": inbound.message_id,
        "text": inbound.text,
        "form": inbound.form,
        "button": inbound.button or None,
        "state": OPEN,
        "received_at": inbound.received_at,
    }
