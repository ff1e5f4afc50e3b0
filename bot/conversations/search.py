"""Finding conversations by words of families' messages and of navigators' notes. Everything here blocks.

Each conversation's words stand in a table of their own, on SQLite and PostgreSQL alike: what is deleted there is gone,
while a database's own full-text index keeps deleted words until it is rebuilt.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import ColumnElement

from bot.conversations.models import INBOUND, Conversation, ConversationWord, Message
from bot.conversations.words import Term, terms_of, words_of
from bot.storage.inserting import insert_missing

COMMON = 2_000  # conversations; a word in more of them is looked for among the newest conversations first
_AFTER_EVERY_LETTER = "\U0010ffff"


@dataclass(frozen=True)
class Found:
    """A conversation that has the words.

    Attributes:
        place: where it stands among the found; the next page begins behind it.
        message_id: of the newest message of the family with as many of the words as any has; None where they stand in
            notes alone.
    """

    conversation_id: int
    place: tuple[datetime, int]
    message_id: int | None


def add_words(session: Session, conversation_id: int, text: str) -> None:
    """Let a conversation be found by the words of a message or note; belongs into the transaction that writes it."""
    add_words_of(session, [(conversation_id, text)])


def add_words_of(session: Session, texts: Iterable[tuple[int, str]]) -> None:
    """Let conversations be found by the words of several messages; see `add_words`.

    Args:
        session: of the transaction.
        texts: each with the row id of its conversation.
    """
    # In one order, so that two transactions never wait for each other.
    entries = sorted({(word, conversation_id) for conversation_id, text in texts for word in words_of(text)})
    insert_missing(session, ConversationWord, [{"word": word, "conversation_id": number} for word, number in entries])


def matching(session: Session, words: str) -> ColumnElement[bool]:
    """What narrows a query of conversations to those that have all words, the last one perhaps only begun.

    Args:
        session: to see how common the words are.
        words: as typed; signs between them make no difference, and without a word nothing matches.
    """
    terms = terms_of(words)
    if not terms:
        return false()
    counted = [(_conversations_with(session, term), term) for term in terms]
    fewest, rarest = min(counted, key=lambda pair: pair[0])
    if fewest > COMMON:
        return and_(*(_has(term, Conversation.id) for term in terms))
    of_rarest = aliased(ConversationWord)
    others = [_has(term, of_rarest.conversation_id) for term in terms if term != rarest]
    return Conversation.id.in_(select(of_rarest.conversation_id).where(_is(of_rarest, rarest), *others))


def search(session: Session, words: str, *, before: tuple[datetime, int] | None = None, limit: int = 50) -> list[Found]:
    """A page of the conversations that have all words, those with the newest last message first.

    Args:
        session: of the database.
        words: as typed, see `matching`.
        before: the `place` of the last conversation on the page before.
        limit: how many at most.
    """
    query = select(Conversation.id, Conversation.last_message_at).where(matching(session, words))
    if before is not None:
        moment, number = before
        earlier = and_(Conversation.last_message_at == moment, Conversation.id < number)
        query = query.where(or_(Conversation.last_message_at < moment, earlier))
    newest_first = (Conversation.last_message_at.desc(), Conversation.id.desc())
    rows = session.execute(query.order_by(*newest_first).limit(limit)).all()
    messages = best_messages(session, [row.id for row in rows], words)
    return [Found(row.id, (row.last_message_at, row.id), messages.get(row.id)) for row in rows]


def best_messages(session: Session, conversations: Sequence[int], words: str) -> dict[int, int]:
    """Of each conversation the newest message with as many of the words as any of its messages has."""
    terms = terms_of(words)
    # In the order of an index on conversations: in that of all messages, SQLite would look through them all.
    query = select(Message.id, Message.conversation_id, Message.direction, Message.text)
    query = query.where(Message.conversation_id.in_(conversations)).order_by(Message.conversation_id, Message.id)
    most: dict[int, int] = {}
    best: dict[int, int] = {}
    for row in session.execute(query):
        if row.direction != INBOUND:
            continue
        has = words_of(row.text)
        count = sum(term.fits(has) for term in terms)
        if count and count >= most.get(row.conversation_id, 0):
            most[row.conversation_id], best[row.conversation_id] = count, row.id
    return best


def _is(entry: Any, term: Term) -> ColumnElement[bool]:
    if not term.beginning:
        return entry.word == term.word
    return and_(entry.word >= term.word, entry.word < term.word + _AFTER_EVERY_LETTER)


def _has(term: Term, conversation_id: Any) -> ColumnElement[bool]:
    entry = aliased(ConversationWord)
    return exists().where(entry.conversation_id == conversation_id, _is(entry, term))


def _conversations_with(session: Session, term: Term) -> int:
    """How many conversations have a word, counted no further than makes a difference."""
    some = select(ConversationWord.conversation_id).where(_is(ConversationWord, term)).limit(COMMON + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()  # type: ignore[no-any-return]
