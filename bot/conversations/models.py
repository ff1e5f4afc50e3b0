"""The conversation log as stored: what families wrote and were sent. What navigators add is in `review_models`."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import relationship

from bot.conversations.forms import FORMS, TEXT
from bot.storage.base import Base, UtcDateTime, now

INBOUND, OUTBOUND = "in", "out"
# A reply waits, is being sent, was taken by the vendor, arrived, was read; or it will not arrive.
PENDING, SENDING, SENT, DELIVERED, READ, UNDELIVERED = (
    *("pending", "sending", "sent", "delivered", "read", "undelivered"),
)
OPEN, ANSWERED, UNANSWERED = "open", "answered", "unanswered"
TO_REVIEW, LATER, REVIEWED = "to review", "later", "reviewed"
_FILTERED_BY = ("tier", "unanswered", "unsure", "unhelpful", "wants_person", "assignee_id", "channel", "undelivered")


class Conversation(Base):
    """One family's conversation on one channel."""

    __tablename__ = "conversation"
    __table_args__ = (
        # The inbox with one state of review and with all: what it is ordered, filtered and counted by.
        Index("ix_conversation_inbox", "review", "last_message_at", "id", *_FILTERED_BY),
        Index("ix_conversation_inbox_all", "last_message_at", "id", *_FILTERED_BY),
        Index("ix_conversation_code", "code"),
        Index("ix_conversation_created_at_channel", "created_at", "channel"),
        CheckConstraint(f"review in ('{TO_REVIEW}', '{LATER}', '{REVIEWED}')", name="review"),
    )

    id = Column(Integer, primary_key=True)
    key = Column(String(64), nullable=False, unique=True)  # opaque; the sender id that Rasa sees
    code = Column(String(16), nullable=False, default="", server_default=text("''"))  # what the family can read out
    channel = Column(String(16), nullable=False)
    noticed = Column(Boolean, nullable=False, default=False)  # whether the notice has been sent
    topic = Column(String(64))  # what the last answer was about, for follow-ups after a restart
    address = Column(Text)  # where replies go, encrypted; none where the family fetches them
    created_at = Column(UtcDateTime, nullable=False, default=now)
    last_message_at = Column(UtcDateTime, nullable=False, default=now)

    # what it is found by in the navigators' inbox; see bot.conversations.triage
    tier = Column(String(2))  # the most urgent of its messages and comments, corrections counted
    unanswered = Column(Boolean, nullable=False, default=False, server_default=false())
    unsure = Column(Boolean, nullable=False, default=False, server_default=false())
    unhelpful = Column(Boolean, nullable=False, default=False, server_default=false())
    wants_person = Column(Boolean, nullable=False, default=False, server_default=false())
    undelivered = Column(Boolean, nullable=False, default=False, server_default=false())
    review = Column(String(16), nullable=False, default=TO_REVIEW, server_default=TO_REVIEW)
    assignee_id = Column(ForeignKey("staff_user.id"))


class Message(Base):
    """A message of a family, or a reply to one."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("channel", "channel_message_id"),
        CheckConstraint(f"direction in ('{INBOUND}', '{OUTBOUND}')", name="direction"),
        CheckConstraint(f"form in {FORMS}", name="form"),
        Index("ix_message_conversation_id_id", "conversation_id", "id"),
        Index("ix_message_state_received_at", "state", "received_at"),
        Index("ix_message_reply_to_id", "reply_to_id"),
        # All that numbers are counted from, so that the texts are not read for them.
        Index(
            "ix_message_counted",
            *("direction", "received_at", "channel", "kind", "topic", "tier", "state"),
        ),
        Index(
            "ix_message_topic_conversation_id",
            "topic",
            "conversation_id",
            sqlite_where=text("topic IS NOT NULL"),
            postgresql_where=text("topic IS NOT NULL"),
        ),
    )

    id = Column(Integer, primary_key=True)
    key = Column(String(64), nullable=False, unique=True)  # what channels and pages call this message
    conversation_id = Column(ForeignKey("conversation.id"), nullable=False)
    direction = Column(String(3), nullable=False)
    channel = Column(String(16), nullable=False)
    text = Column(Text, nullable=False)
    received_at = Column(UtcDateTime, nullable=False, default=now)

    # of a family's message
    channel_message_id = Column(String(200))
    form = Column(String(16), nullable=False, default=TEXT, server_default=TEXT)
    button = Column(String(100))  # the token of the button that was pressed
    state = Column(String(16))  # open, answered, unanswered
    intent = Column(String(64))
    confidence = Column(Float)
    tier = Column(String(2))
    ruleset = Column(String(64))  # the digest of the red-flag rules that read it
    milliseconds = Column(Float)  # from its arrival to its last reply

    # of a reply
    reply_to_id = Column(ForeignKey("message.id"))
    position = Column(Integer)
    kind = Column(String(16))
    topic = Column(String(64))
    variant = Column(String(64))
    revision = Column(Integer)
    text_id = Column(String(64))  # which fixed text
    sources = Column(JSON)
    buttons = Column(JSON)

    conversation = relationship("Conversation")
    delivery = relationship("Delivery", uselist=False, back_populates="message")
    red_flags = relationship("MessageRedFlag", order_by="MessageRedFlag.id", passive_deletes=True)


class MessageRedFlag(Base):
    """A mention of a symptom in a family's message, or the report of a navigator that one was missed."""

    __tablename__ = "red_flag"
    __table_args__ = (Index("ix_red_flag_message_id", "message_id"),)

    id = Column(Integer, primary_key=True)
    message_id = Column(ForeignKey("message.id", ondelete="CASCADE"), nullable=False)
    symptom = Column(String(64), nullable=False)
    detector = Column(String(16), nullable=False)  # lexicon, vitals, semantic, or navigator
    # where its words stand in the message; without a place it is about the message as a whole
    start = Column(Integer)
    end = Column(Integer)


class Delivery(Base):
    """How far one reply has come on its way to the family."""

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint(
            f"state in {(PENDING, SENDING, SENT, DELIVERED, READ, UNDELIVERED)}",
            name="state",
        ),
        Index("ix_delivery_state_next_attempt_at", "state", "next_attempt_at"),
        Index(
            "ix_delivery_sent_id",
            "sent_id",
            sqlite_where=text("sent_id IS NOT NULL"),
            postgresql_where=text("sent_id IS NOT NULL"),
        ),
    )

    id = Column(Integer, primary_key=True)
    message_id = Column(ForeignKey("message.id"), nullable=False, unique=True)
    state = Column(String(16), nullable=False, default=PENDING)
    attempts = Column(Integer, nullable=False, default=0)
    # when it is tried again; of one that is being sent: until when it belongs to the process that sends it
    next_attempt_at = Column(UtcDateTime)
    delivered_at = Column(UtcDateTime)  # when the vendor took it, or said that it arrived
    error = Column(String(200))  # of the last attempt, without a word of the message
    parts_sent = Column(Integer, nullable=False, default=0, server_default=text("0"))  # of a reply sent in several
    sent_id = Column(String(64))  # a digest of what the vendor calls its last part
    possibly_repeated = Column(Boolean, nullable=False, default=False, server_default=false())

    message = relationship("Message", back_populates="delivery")


class Feedback(Base):
    """What a family says about one reply: whether it helped, and a comment."""

    __tablename__ = "feedback"
    __table_args__ = (Index("ix_feedback_given_at", "given_at"),)

    id = Column(Integer, primary_key=True)
    message_id = Column(ForeignKey("message.id"), nullable=False, unique=True)
    helpful = Column(Boolean, nullable=False)
    comment = Column(Text, nullable=False, default="")
    given_at = Column(UtcDateTime, nullable=False, default=now)

    # of a comment that mentions a red flag
    tier = Column(String(2))
    ruleset = Column(String(64))  # the digest of the rules that read it
    text_id = Column(String(64))  # which fixed text was sent for it
    revision = Column(Integer)

    message = relationship("Message")


class ConversationWord(Base):
    """A word that a conversation is found by; see bot.conversations.search."""

    __tablename__ = "conversation_word"
    # Each of the two orders has an index that holds all there is; SQLite keeps nothing beside them.
    __table_args__ = (
        Index("ix_conversation_word_conversation_id_word", "conversation_id", "word"),
        {"sqlite_with_rowid": False},
    )

    # Byte by byte in any locale, so that words with one beginning stand together.
    word = Column(String(40).with_variant(String(40, collation="C"), "postgresql"), primary_key=True)
    conversation_id = Column(ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True)


class ErasedMessage(Base):
    """The id of a message of an erased conversation, for as long as a vendor may deliver it again."""

    __tablename__ = "erased_message"
    __table_args__ = (Index("ix_erased_message_erased_at", "erased_at"),)

    channel = Column(String(16), primary_key=True)
    channel_message_id = Column(String(200), primary_key=True)
    erased_at = Column(UtcDateTime, nullable=False, default=now)


class ErasedConversation(Base):
    """The key of a conversation that was erased: nothing that still runs for it may write it anew."""

    __tablename__ = "erased_conversation"

    key = Column(String(64), primary_key=True)
    erased_at = Column(UtcDateTime, nullable=False, default=now)
