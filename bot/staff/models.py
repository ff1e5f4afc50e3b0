"""Staff as stored: accounts, their sessions, and the audit.

Audit events never change and never go: triggers of the migration hold that in the database itself.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
)
from sqlalchemy.orm import relationship

from bot.storage.base import Base, UtcDateTime, now

NAVIGATOR, APPROVER, ADMIN = "navigator", "approver", "admin"
ROLES = (NAVIGATOR, APPROVER, ADMIN)  # each may do what those before it may
NAME_LENGTH, DISPLAY_NAME_LENGTH, SUBJECT_LENGTH = 64, 80, 80


class User(Base):
    """Somebody who may sign in to the console."""

    __tablename__ = "staff_user"
    __table_args__ = (CheckConstraint(f"role in ('{NAVIGATOR}', '{APPROVER}', '{ADMIN}')", name="role"),)

    id = Column(Integer, primary_key=True)
    name = Column(String(NAME_LENGTH), nullable=False, unique=True)
    display_name = Column(String(DISPLAY_NAME_LENGTH), nullable=False)
    role = Column(String(16), nullable=False)
    password_hash = Column(String(200))  # without one, no password signs in
    must_change_password = Column(Boolean, nullable=False, default=False)
    totp_secret = Column(String(300))  # encrypted; without one, there is no second factor
    totp_last_step = Column(Integer)  # a one-time code is good once
    failures = Column(Integer, nullable=False, default=0)  # since the last sign-in that went well
    locked_until = Column(UtcDateTime)
    disabled_at = Column(UtcDateTime)
    created_at = Column(UtcDateTime, nullable=False, default=now)
    password_changed_at = Column(UtcDateTime)


class StaffSession(Base):
    """A browser in which somebody signed in; its cookie holds a token of which only the digest is stored."""

    __tablename__ = "staff_session"
    __table_args__ = (Index("ix_staff_session_user_id", "user_id"),)

    id = Column(Integer, primary_key=True)
    digest = Column(String(64), nullable=False, unique=True)
    user_id = Column(ForeignKey("staff_user.id"), nullable=False)
    created_at = Column(UtcDateTime, nullable=False)
    last_seen_at = Column(UtcDateTime, nullable=False)
    expires_at = Column(UtcDateTime, nullable=False)
    revoked_at = Column(UtcDateTime)
    second_factor_due = Column(Boolean, nullable=False, default=False)

    user = relationship("User")


class AuditEvent(Base):
    """Something that somebody did or looked at. Names stand for themselves: they outlive the account."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_actor", "actor"),
        Index("ix_audit_event_action", "action"),
        Index("ix_audit_event_at", "at"),
    )

    id = Column(Integer, primary_key=True)
    at = Column(UtcDateTime, nullable=False)
    actor = Column(String(NAME_LENGTH), nullable=False)
    role = Column(String(16), nullable=False)
    action = Column(String(40), nullable=False)
    subject = Column(String(SUBJECT_LENGTH), nullable=False)
    detail = Column(JSON, nullable=False)
    previous = Column(String(64), nullable=False)  # the digest of the event before it
    digest = Column(String(64), nullable=False, unique=True)


class AuditHead(Base):
    """The one row that says how many events there are and which is the newest; whoever adds one locks it first."""

    __tablename__ = "audit_head"

    id = Column(Integer, primary_key=True)
    digest = Column(String(64), nullable=False)
    count = Column(Integer, nullable=False)
