"""Approved answers as stored: an answer for each topic, and its revisions.

A revision's content never changes once it is written: triggers of the migration hold that in the database itself.
At most one revision of an answer is published: a partial unique index holds that.
"""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import relationship

from bot.storage.base import Base, UtcDateTime, now

DRAFT, PUBLISHED, RETIRED = "draft", "published", "retired"
WHO_MAXIMUM = 80  # characters of the name of whoever wrote, published or retired a revision


class Answer(Base):
    """What one topic, or one variant of it such as a grade, is answered with."""

    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("topic", "variant"),)

    id = Column(Integer, primary_key=True)
    topic = Column(String(64), nullable=False)
    variant = Column(String(64), nullable=False, default="")
    created_at = Column(UtcDateTime, nullable=False, default=now)

    revisions = relationship("AnswerRevision", back_populates="answer", order_by="AnswerRevision.number")


class AnswerRevision(Base):
    """One wording of an answer."""

    __tablename__ = "answer_revision"
    __table_args__ = (
        UniqueConstraint("answer_id", "number"),
        CheckConstraint(f"state in ('{DRAFT}', '{PUBLISHED}', '{RETIRED}')", name="state"),
        Index(
            "uq_answer_revision_published",
            "answer_id",
            unique=True,
            sqlite_where=text(f"state = '{PUBLISHED}'"),
            postgresql_where=text(f"state = '{PUBLISHED}'"),
        ),
    )

    id = Column(Integer, primary_key=True)
    answer_id = Column(ForeignKey("answer.id"), nullable=False)
    number = Column(Integer, nullable=False)
    title = Column(String(80), nullable=False)
    question = Column(Text, nullable=False)
    text = Column(Text, nullable=False)
    sources = Column(JSON, nullable=False)
    related = Column(JSON, nullable=False)
    review_by = Column(Date, nullable=False)
    origin = Column(String(16), nullable=False)
    digest = Column(String(64), nullable=False)
    state = Column(String(16), nullable=False, default=DRAFT)
    author = Column(String(WHO_MAXIMUM), nullable=False)
    created_at = Column(UtcDateTime, nullable=False, default=now)
    published_by = Column(String(WHO_MAXIMUM))
    published_at = Column(UtcDateTime)
    retired_by = Column(String(WHO_MAXIMUM))
    retired_at = Column(UtcDateTime)

    answer = relationship("Answer", back_populates="revisions")
