"""What navigators add to the conversation log, and what calls them to it, as stored.

All of it belongs to a conversation and goes with it: the database deletes it where the conversation is deleted.
"""

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import relationship

import bot.staff.models  # noqa: F401 - the tables refer to it
from bot.storage.base import Base, UtcDateTime, now

RED_FLAG, PERSON, UNDELIVERED_EMERGENCY = "red_flag", "person", "undelivered"
TOPIC, TIER, MISSED = "topic", "tier", "missed"
TRAINING, REGRESSION = "training", "regression"
QUEUED, EXPORTED, DROPPED = "queued", "exported", "dropped"

_OF_CONVERSATION = {"ondelete": "CASCADE"}


class Alert(Base):
    """A call for a navigator: a red flag, a family that asks for a person, an emergency reply that did not arrive."""

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("message_id", "kind"),
        CheckConstraint(f"kind in ('{RED_FLAG}', '{PERSON}', '{UNDELIVERED_EMERGENCY}')", name="kind"),
        Index("ix_alert_acknowledged_at_raised_at", "acknowledged_at", "raised_at"),
        Index("ix_alert_acknowledged_at_next_attempt_at", "acknowledged_at", "next_attempt_at"),
        Index("ix_alert_raised_at", "raised_at"),
        Index("ix_alert_conversation_id", "conversation_id"),
    )

    id = Column(Integer, primary_key=True)
    conversation_id = Column(ForeignKey("conversation.id", **_OF_CONVERSATION), nullable=False)
    message_id = Column(ForeignKey("message.id", **_OF_CONVERSATION), nullable=False)  # a reply, for a comment on it
    kind = Column(String(16), nullable=False)
    tier = Column(String(2))
    raised_at = Column(UtcDateTime, nullable=False, default=now)
    acknowledged_at = Column(UtcDateTime)
    acknowledged_by_id = Column(ForeignKey("staff_user.id"))

    # of those that also go out to where navigators are called
    goes_out = Column(Boolean, nullable=False)
    attempts = Column(Integer, nullable=False, default=0)
    next_attempt_at = Column(UtcDateTime)
    last_sent_at = Column(UtcDateTime)
    error = Column(String(200))  # of the last attempt; None where it came through

    conversation = relationship("Conversation")
    acknowledged_by = relationship("User")


class Note(Base):
    """What a navigator writes about a conversation, for other navigators."""

    __tablename__ = "note"
    __table_args__ = (Index("ix_note_conversation_id", "conversation_id"),)

    id = Column(Integer, primary_key=True)
    conversation_id = Column(ForeignKey("conversation.id", **_OF_CONVERSATION), nullable=False)
    author_id = Column(ForeignKey("staff_user.id"), nullable=False)
    text = Column(Text, nullable=False)
    written_at = Column(UtcDateTime, nullable=False, default=now)

    author = relationship("User")


class Tag(Base):
    """A word that conversations are sorted by."""

    __tablename__ = "tag"

    id = Column(Integer, primary_key=True)
    name = Column(String(40), nullable=False, unique=True)


class ConversationTag(Base):
    """A tag on a conversation."""

    __tablename__ = "conversation_tag"
    __table_args__ = (Index("ix_conversation_tag_tag_id_conversation_id", "tag_id", "conversation_id"),)

    conversation_id = Column(ForeignKey("conversation.id", **_OF_CONVERSATION), primary_key=True)
    tag_id = Column(ForeignKey("tag.id"), primary_key=True)
    added_by_id = Column(ForeignKey("staff_user.id"), nullable=False)
    added_at = Column(UtcDateTime, nullable=False, default=now)

    tag = relationship("Tag")


class Review(Base):
    """One step of a conversation's review: who put it into which state, and when."""

    __tablename__ = "review"
    __table_args__ = (Index("ix_review_conversation_id", "conversation_id"),)

    id = Column(Integer, primary_key=True)
    conversation_id = Column(ForeignKey("conversation.id", **_OF_CONVERSATION), nullable=False)
    state = Column(String(16), nullable=False)  # as in Conversation.review
    by_id = Column(ForeignKey("staff_user.id"), nullable=False)
    at = Column(UtcDateTime, nullable=False, default=now)

    by = relationship("User")


class Correction(Base):
    """What a navigator says a message is really about, or how urgent it really was. The newest of a kind counts."""

    __tablename__ = "correction"
    __table_args__ = (
        CheckConstraint(f"kind in ('{TOPIC}', '{TIER}', '{MISSED}')", name="kind"),
        Index("ix_correction_message_id", "message_id"),
        Index("ix_correction_kind_at", "kind", "at"),
        Index("ix_correction_kind_value", "kind", "value"),
    )

    id = Column(Integer, primary_key=True)
    message_id = Column(ForeignKey("message.id", **_OF_CONVERSATION), nullable=False)
    kind = Column(String(16), nullable=False)
    was = Column(String(64))
    value = Column(String(64))  # a topic, a tier, or the symptom that was missed; None for none of them
    by_id = Column(ForeignKey("staff_user.id"), nullable=False)
    at = Column(UtcDateTime, nullable=False, default=now)

    message = relationship("Message")
    by = relationship("User")


class SavedView(Base):
    """A filter of the inbox under a name of its own."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)

    id = Column(Integer, primary_key=True)
    owner_id = Column(ForeignKey("staff_user.id"), nullable=False)
    name = Column(String(60), nullable=False)
    query = Column(String(500), nullable=False)  # the filter as it stands in the page's address
    shared = Column(Boolean, nullable=False, default=False)

    owner = relationship("User")


class QueuedExample(Base):
    """A family's message that is to become an example of a topic, or a test that the topic is understood."""

    __tablename__ = "queued_example"
    __table_args__ = (
        UniqueConstraint("message_id", "purpose"),
        CheckConstraint(f"purpose in ('{TRAINING}', '{REGRESSION}')", name="purpose"),
        CheckConstraint(f"state in ('{QUEUED}', '{EXPORTED}', '{DROPPED}')", name="state"),
        Index("ix_queued_example_state_purpose", "state", "purpose"),
    )

    id = Column(Integer, primary_key=True)
    message_id = Column(ForeignKey("message.id", **_OF_CONVERSATION), nullable=False)
    purpose = Column(String(16), nullable=False)
    text = Column(Text, nullable=False)  # as it will be exported: a navigator may have taken names out
    topic = Column(String(64), nullable=False)
    state = Column(String(16), nullable=False, default=QUEUED)
    by_id = Column(ForeignKey("staff_user.id"), nullable=False)
    at = Column(UtcDateTime, nullable=False, default=now)

    message = relationship("Message")
    by = relationship("User")
