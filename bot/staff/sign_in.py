"""Signing in: name and password, then the one-time code; guessing ends in a lock. Everything here blocks.

Whoever guesses learns nothing: an unknown, a disabled and a locked name look like a wrong password and take as long.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.staff import audit, sessions
from bot.staff.audit import Actor
from bot.staff.models import User
from bot.staff.passwords import Passwords
from bot.staff.rules import StaffRules
from bot.staff.totp import SecretBox, step_of
from bot.staff.users import normal_name

NOBODY = Actor("unknown", "none")  # what was typed as a name may be a password


@dataclass(frozen=True)
class Attempt:
    """A name and a password, compared; what is to be stored follows from it.

    Args:
        user_id: whose name it is; None where it is nobody's.
        stored: the hash that the password was compared with.
        right: whether it is the password.
        new_hash: the password hashed anew, where the stored hash is outdated.
    """

    user_id: int | None
    stored: str | None
    right: bool
    new_hash: str | None = None


def stored_password(session: Session, name: str) -> tuple[int | None, str | None]:
    """The id and the stored hash of a name; of a locked or disabled one as of any other."""
    query = select(User.id, User.password_hash).where(User.name == normal_name(name))
    found = session.execute(query).first()
    return (found.id, found.password_hash) if found else (None, None)


def compare(passwords: Passwords, user_id: int | None, stored: str | None, password: str) -> Attempt:
    """Compare a password with what is stored; takes as long where nothing is. Needs no database."""
    right = passwords.verify(stored, password)
    outdated = right and stored is not None and passwords.is_outdated(stored)
    return Attempt(user_id, stored, right, passwords.hash(password) if outdated else None)


class SignIn:
    """What a sign-in does to the database. Call it in a transaction that is committed whatever it returns."""

    def __init__(self, rules: StaffRules, box: SecretBox) -> None:
        self._rules = rules
        self._box = box

    def by_password(self, session: Session, attempt: Attempt, old_token: str, moment: datetime) -> str | None:
        """Begin a session, or count a failure.

        Args:
            session: of the database.
            attempt: what was compared.
            old_token: of the browser's session before, which ends; empty for none.
            moment: now.

        Returns:
            the token of a new session, which waits for the one-time code where the account has a second factor; None
            where the sign-in is refused.
        """
        audit.hold(session)  # two tries at once are counted one after the other
        user = session.get(User, attempt.user_id) if attempt.user_id is not None else None
        if user is None:
            audit.record(session, NOBODY, "sign_in.refused", "unknown name")
            return None
        subject = f"user {user.name}"
        if not _may_sign_in(user, attempt, moment):
            audit.record(session, NOBODY, "sign_in.refused", subject)
            self.count_failure(session, user, moment)
            return None
        if user.totp_secret is None:
            audit.record(session, Actor(user.name, user.role), "sign_in.done", subject)
            user.failures, user.locked_until = 0, None
        else:
            audit.record(session, Actor(user.name, user.role), "sign_in.password", subject)
        if attempt.new_hash is not None:
            user.password_hash = attempt.new_hash
        return self._begin(session, user, old_token, moment, second_factor_due=user.totp_secret is not None)

    def by_code(self, session: Session, token: str, code: str, moment: datetime) -> str | None:
        """Take the one-time code of a session that waits for it.

        Returns:
            the token of the new session that takes its place; None where the code is wrong. After too many the name is
            locked, and the session that waited has ended.

        Raises:
            SecondFactorError: the secret cannot be read.
        """
        audit.hold(session)
        waiting = sessions.find(session, token, self._rules.sessions, moment)
        if waiting is None or not waiting.second_factor_due:
            return None
        user = waiting.user
        actor, subject = Actor(user.name, user.role), f"user {user.name}"
        secret = self._box.open(user.totp_secret)
        step = step_of(secret, code, moment, user.totp_last_step)
        if step is None or is_locked(user, moment):
            audit.record(session, actor, "second_factor.refused", subject)
            self.count_failure(session, user, moment)
            if is_locked(user, moment):
                sessions.revoke(session, waiting.id, moment)
            return None
        audit.record(session, actor, "sign_in.done", subject, {"second_factor": True})
        user.totp_last_step = step
        user.totp_secret = self._box.seal(secret)  # with the newest key, so that an old one goes out of use
        user.failures, user.locked_until = 0, None
        return self._begin(session, user, token, moment, second_factor_due=False)

    def _begin(self, session: Session, user: User, old_token: str, moment: datetime, *, second_factor_due: bool) -> str:
        old = sessions.find(session, old_token, self._rules.sessions, moment) if old_token else None
        if old is not None:
            sessions.revoke(session, old.id, moment)
        return sessions.begin(session, user, self._rules.sessions, moment, second_factor_due=second_factor_due)

    def is_own_password(self, session: Session, attempt: Attempt, actor: Actor, moment: datetime) -> bool:
        """Whether somebody who is signed in has typed the password again; a failure counts as at the door."""
        audit.hold(session)
        user = session.get(User, attempt.user_id)
        if _may_sign_in(user, attempt, moment):
            return True
        audit.record(session, actor, "password.refused", f"user {actor.name}")
        self.count_failure(session, user, moment)
        return False

    def count_failure(self, session: Session, user: User, moment: datetime) -> None:
        """Count a wrong password or code; too many in a row lock the name."""
        if is_locked(user, moment):
            return
        user.failures = 1 if user.locked_until is not None else user.failures + 1
        user.locked_until = None
        if user.failures >= self._rules.lock_out.failures:
            user.locked_until = moment + self._rules.lock_out.locked
            audit.record(session, NOBODY, "user.locked", f"user {user.name}")
        session.flush()


def _may_sign_in(user: User, attempt: Attempt, moment: datetime) -> bool:
    # The password may have been changed while it was compared.
    unchanged = user.password_hash == attempt.stored
    return attempt.right and unchanged and user.disabled_at is None and not is_locked(user, moment)


def is_locked(user: User, moment: datetime) -> bool:
    """Whether a name was guessed at too often, a short while ago."""
    return user.locked_until is not None and moment < user.locked_until
