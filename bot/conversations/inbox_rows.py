"""What a row of the inbox shows beside its conversation, for a whole page at once. Everything here blocks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.conversations.models import INBOUND, Conversation, Message
from bot.conversations.review_models import TOPIC, Alert, ConversationTag, Correction, Tag
from bot.staff.models import User

EXCERPT = 140  # characters of the last message


@dataclass(frozen=True)
class InboxRow:
    """A conversation as the inbox shows it.

    Attributes:
        excerpt: how the family's last message begins.
        cut: whether it goes on.
        form: in which form it came; None where the family has written nothing.
        topics: what was answered, as navigators have corrected it.
        assignee: the display name.
        called_at: when the newest alert came that nobody has acknowledged.
    """

    conversation: Conversation
    excerpt: str
    cut: bool
    form: str | None
    topics: tuple[str, ...]
    tags: tuple[str, ...]
    assignee: str | None
    called_at: datetime | None


class _Last(NamedTuple):
    """A family's last message: how it begins, and its form."""

    text: str = ""
    form: str | None = None


def rows_of(session: Session, conversations: Sequence[Conversation]) -> tuple[InboxRow, ...]:
    """The rows of a page, in its order."""
    ids = [conversation.id for conversation in conversations]
    last, topics, tags = _last_messages(session, ids), _topics(session, ids), _tags(session, ids)
    names = dict(
        session.execute(
            select(User.id, User.display_name).where(User.id.in_({each.assignee_id for each in conversations}))
        ).all()
    )
    called = select(Alert.conversation_id, func.max(Alert.raised_at))
    called = called.where(Alert.conversation_id.in_(ids), Alert.acknowledged_at.is_(None))
    called_at = dict(session.execute(called.group_by(Alert.conversation_id)).all())
    return tuple(
        InboxRow(
            conversation=each,
            excerpt=last[each.id].text[:EXCERPT],
            cut=len(last[each.id].text) > EXCERPT,
            form=last[each.id].form,
            topics=topics[each.id],
            tags=tags[each.id],
            assignee=names.get(each.assignee_id),
            called_at=called_at.get(each.id),
        )
        for each in conversations
    )


def _last_messages(session: Session, ids: list[int]) -> defaultdict[int, _Last]:
    def newest(column: Any) -> Any:
        query = select(column).where(Message.conversation_id == Conversation.id, Message.direction == INBOUND)
        return query.order_by(Message.id.desc()).limit(1).scalar_subquery()

    columns = newest(func.substr(Message.text, 1, EXCERPT + 1)), newest(Message.form)
    rows = session.execute(select(Conversation.id, *columns).where(Conversation.id.in_(ids)))
    return defaultdict(_Last, {row[0]: _Last(row[1] or "", row[2]) for row in rows})


def _topics(session: Session, ids: list[int]) -> defaultdict[int, tuple[str, ...]]:
    answered = select(Message.conversation_id, Message.topic, func.max(Message.id))
    answered = answered.where(Message.conversation_id.in_(ids), Message.topic.is_not(None))
    answered = answered.group_by(Message.conversation_id, Message.topic).order_by(func.max(Message.id).desc())
    corrected = select(Message.conversation_id, Correction.value, Correction.kind)
    corrected = corrected.join(Correction, Correction.message_id == Message.id)
    corrected = corrected.where(Message.conversation_id.in_(ids)).order_by(Correction.id.desc())
    # Sorted out here: asked for a kind, SQLite reads all corrections of that kind.
    newest_first = [row for row in session.execute(corrected) if row.kind == TOPIC]
    return _collected(row[:2] for row in (*newest_first, *session.execute(answered)))


def _tags(session: Session, ids: list[int]) -> defaultdict[int, tuple[str, ...]]:
    query = select(ConversationTag.conversation_id, Tag.name).join(Tag, Tag.id == ConversationTag.tag_id)
    return _collected(session.execute(query.where(ConversationTag.conversation_id.in_(ids)).order_by(Tag.name)))


def _collected(rows: Iterable[Any]) -> defaultdict[int, tuple[str, ...]]:
    """The second values by the first one, each once, in their order."""
    found: defaultdict[int, dict[str, None]] = defaultdict(dict)
    for row, value in rows:
        if value is not None:
            found[row][value] = None
    return defaultdict(tuple, {row: tuple(values) for row, values in found.items()})
