"""What navigators do with a conversation: notes, tags, who sees to it, and how far its review is.

Everything here blocks, and adds to the caller's transaction.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bot.conversations.models import LATER, REVIEWED, TO_REVIEW, Conversation
from bot.conversations.review_models import ConversationTag, Note, Review, Tag
from bot.conversations.search import add_words
from bot.errors import UserError
from bot.staff.models import User

NOTE_LENGTH = 4000  # characters
TAG_LENGTH: int = Tag.name.type.length
REVIEW_STATES = (TO_REVIEW, LATER, REVIEWED)


class ReviewRefused(UserError):
    """Something cannot be done with a conversation; the message says why."""


def find_conversation(session: Session, key: str) -> Conversation | None:
    """The conversation of a key; None where there is none, or it was erased."""
    return session.scalars(select(Conversation).where(Conversation.key == key)).first()  # type: ignore[no-any-return]


def add_note(session: Session, conversation: Conversation, text: str, *, by: int) -> Note:
    """Write a note.

    Args:
        session: whose transaction it is.
        conversation: what it is about.
        text: of the note.
        by: the row id of the account that writes it.

    Raises:
        ReviewRefused: it is empty or too long.
    """
    text = text.strip()
    if not text:
        raise ReviewRefused("a note needs some words")
    if len(text) > NOTE_LENGTH:
        raise ReviewRefused(f"a note has {NOTE_LENGTH} characters at most")
    note = Note(conversation_id=conversation.id, author_id=by, text=text)
    session.add(note)
    session.flush()
    add_words(session, conversation.id, text)
    return note


def add_tag(session: Session, conversation: Conversation, name: str, *, by: int) -> Tag:
    """Put a tag on a conversation; a tag that nobody has used before is made. Case and outer spaces do not count.

    Args:
        session: whose transaction it is.
        conversation: what gets the tag.
        name: of the tag.
        by: the row id of the account that does it.

    Raises:
        ReviewRefused: the name cannot be one.
    """
    name = " ".join(name.split()).lower()
    if not name or len(name) > TAG_LENGTH or not name.isprintable():
        raise ReviewRefused(f"a tag has 1 to {TAG_LENGTH} printable characters")
    tag: Tag | None = session.scalars(select(Tag).where(Tag.name == name)).first()
    if tag is None:
        tag = Tag(name=name)
        session.add(tag)
        session.flush()
    if session.get(ConversationTag, (conversation.id, tag.id)) is None:
        session.add(ConversationTag(conversation_id=conversation.id, tag_id=tag.id, added_by_id=by))
        session.flush()
    return tag


def remove_tag(session: Session, conversation: Conversation, tag_id: int) -> None:
    """Take a tag off a conversation; does nothing where it is not on it. The tag itself stays, for others."""
    session.execute(
        delete(ConversationTag)
        .where(ConversationTag.conversation_id == conversation.id, ConversationTag.tag_id == tag_id)
        .execution_options(synchronize_session=False)
    )


def all_tags(session: Session) -> Sequence[Tag]:
    """Every tag that there is, by name."""
    return session.scalars(select(Tag).order_by(Tag.name)).all()  # type: ignore[no-any-return]


def assign(session: Session, conversation: Conversation, name: str | None) -> User | None:
    """Say who sees to a conversation.

    Args:
        session: whose transaction it is.
        conversation: which one.
        name: of the account; None for nobody.

    Raises:
        ReviewRefused: there is no such account, or it is disabled.
    """
    user: User | None = None
    if name is not None:
        user = session.scalars(select(User).where(User.name == name, User.disabled_at.is_(None))).first()
        if user is None:
            raise ReviewRefused(f"there is nobody called '{name}' who can sign in")
    conversation.assignee_id = user.id if user is not None else None
    session.flush()
    return user


def colleagues(session: Session) -> Sequence[User]:
    """Everybody who can see to a conversation, by their names as others see them."""
    query = select(User).where(User.disabled_at.is_(None)).order_by(User.display_name, User.id)
    return session.scalars(query).all()  # type: ignore[no-any-return]


def set_review(session: Session, conversation: Conversation, state: str, *, by: int) -> None:
    """Say how far the review of a conversation is; a new message of the family makes it one to review again.

    Args:
        session: whose transaction it is.
        conversation: which one.
        state: one of REVIEW_STATES.
        by: the row id of the account that says so.

    Raises:
        ReviewRefused: there is no such state.
    """
    if state not in REVIEW_STATES:
        raise ReviewRefused(f"a conversation is one of: {', '.join(REVIEW_STATES)}")
    conversation.review = state
    session.add(Review(conversation_id=conversation.id, state=state, by_id=by))
    session.flush()
