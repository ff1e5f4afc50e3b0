"""Sessions of staff: a random token in a cookie, its digest in the database."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from bot.staff.models import StaffSession, User
from bot.staff.rules import SessionRules

SEEN_EVERY = timedelta(minutes=1)  # how exactly the last use is known; each is a write


def begin(session: Session, user: User, rules: SessionRules, moment: datetime, *, second_factor_due: bool) -> str:
    """Begin a session; those whose time is over are forgotten.

    Returns:
        its token, which is stored nowhere.
    """
    over = delete(StaffSession).where(StaffSession.expires_at < moment)
    session.execute(over.execution_options(synchronize_session=False))
    token = secrets.token_urlsafe(32)
    lasts = rules.second_factor if second_factor_due else rules.absolute
    session.add(
        StaffSession(
            digest=digest_of(token),
            user_id=user.id,
            created_at=moment,
            last_seen_at=moment,
            expires_at=moment + lasts,
            second_factor_due=second_factor_due,
        )
    )
    return token


def find(session: Session, token: str, rules: SessionRules, moment: datetime) -> StaffSession | None:
    """The session of a token, with its user; None where it has ended or the user is disabled."""
    query = select(StaffSession).where(StaffSession.digest == digest_of(token)).options(joinedload(StaffSession.user))
    found = session.scalars(query).first()
    return found if found is not None and is_live(found, rules, moment) else None


def is_live(found: StaffSession, rules: SessionRules, moment: datetime) -> bool:
    """Whether a session still counts."""
    return (
        found.revoked_at is None
        and found.user.disabled_at is None
        and moment < found.expires_at
        and moment < found.last_seen_at + rules.idle
    )


def see(found: StaffSession, moment: datetime) -> None:
    """Note that a session is used, if the last note is old enough."""
    if moment - found.last_seen_at >= SEEN_EVERY:
        found.last_seen_at = moment


def live_of(session: Session, user_id: int, rules: SessionRules, moment: datetime) -> Sequence[StaffSession]:
    """The sessions of a user that still count, the newest use first."""
    query = (
        select(StaffSession)
        .where(StaffSession.user_id == user_id, StaffSession.revoked_at.is_(None))
        .options(joinedload(StaffSession.user))
        .order_by(StaffSession.last_seen_at.desc())
    )
    return [found for found in session.scalars(query) if is_live(found, rules, moment)]


def revoke(session: Session, session_id: int, moment: datetime) -> None:
    """End one session."""
    _revoke(session, moment, StaffSession.id == session_id)


def revoke_all(session: Session, user_id: int, moment: datetime, *, but: int | None = None) -> None:
    """End the sessions of a user.

    Args:
        session: of the database.
        user_id: whose.
        moment: now.
        but: the one that goes on, if any.
    """
    kept = () if but is None else (StaffSession.id != but,)
    _revoke(session, moment, StaffSession.user_id == user_id, *kept)


def forget_waiting(session: Session, user_id: int) -> None:
    """End the sign-ins of a user that wait for a one-time code, because none is asked for any more."""
    waiting = delete(StaffSession).where(StaffSession.user_id == user_id, StaffSession.second_factor_due)
    session.execute(waiting.execution_options(synchronize_session=False))


def _revoke(session: Session, moment: datetime, *which: object) -> None:
    statement = update(StaffSession).where(*which, StaffSession.revoked_at.is_(None)).values(revoked_at=moment)
    session.execute(statement.execution_options(synchronize_session=False))


def digest_of(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
