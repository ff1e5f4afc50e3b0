"""What `bot users …` and `bot audit …` do; each function gives back what is printed."""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sqlalchemy.orm import Session, sessionmaker

from bot.errors import UserError
from bot.settings import Settings
from bot.staff import audit, users
from bot.staff.audit import COMMAND_LINE
from bot.staff.audit_log import oldest_first
from bot.staff.models import AuditEvent, User
from bot.staff.passwords import Passwords
from bot.staff.rules import load_rules
from bot.staff.sessions import revoke_all
from bot.storage.base import now
from bot.storage.database import database_errors, migrate, open_database, session_factory
from bot.storage.transactions import in_transaction

Result = TypeVar("Result")


class AuditBroken(UserError):
    """The audit is not what was written; the message says where."""


def _sessions(settings: Settings) -> "sessionmaker[Session]":
    engine = open_database(settings.database_url)
    migrate(engine)
    return session_factory(engine)


def _change(settings: Settings, work: Callable[[Session], Result]) -> Result:
    with database_errors():
        return in_transaction(_sessions(settings), work)


def _change_user(
    settings: Settings,
    name: str,
    action: str,
    work: Callable[[Session, User], None],
    detail: dict[str, Any] | None = None,
) -> str:
    def changing(session: Session) -> str:
        audit.hold(session)
        user = users.find_user(session, name)
        work(session, user)
        audit.record(session, COMMAND_LINE, action, f"user {user.name}", detail)
        return str(user.name)

    return _change(settings, changing)


def add(settings: Settings, name: str, *, role: str, display_name: str, password: str, must_change: bool) -> str:
    """Add an account.

    Raises:
        UserChangeRefused: the name is taken or of another form, or the role is none.
        PasswordRefused: the password is too easily guessed.
    """
    name = users.check_name(name)
    password_hash = _hashed(password, name)

    def adding(session: Session) -> None:
        audit.record(session, COMMAND_LINE, "user.added", f"user {name}", {"role": role[:16]})
        users.add_user(
            session,
            name,
            display_name=display_name,
            role=role,
            password_hash=password_hash,
            must_change_password=must_change,
        )

    _change(settings, adding)
    return f"user '{name}' added with the role {role}"


def _hashed(password: str, name: str) -> str:
    passwords = Passwords(load_rules().passwords)
    passwords.check_new(password, name)
    return passwords.hash(password)


def list_all(settings: Settings) -> str:
    """A line for each account."""
    with database_errors(), _sessions(settings)() as session:
        return "\n".join(_line(user) for user in users.all_users(session)) or "no users"


def _line(user: User) -> str:
    states = [
        f"disabled since {user.disabled_at:%Y-%m-%d}" if user.disabled_at else "",
        "must change the password" if user.must_change_password else "",
        "second factor" if user.totp_secret else "",
    ]
    return f"{user.name:24} {user.role:10} {user.display_name}" + "".join(f", {state}" for state in states if state)


def disable(settings: Settings, name: str) -> str:
    """Let a user sign in no more, and end all sessions.

    Raises:
        UserChangeRefused: there is no such user, it is disabled already, or it is the last admin.
    """
    moment = now()
    name = _change_user(settings, name, "user.disabled", lambda session, user: users.disable(session, user, moment))
    return f"user '{name}' disabled, and signed out"


def enable(settings: Settings, name: str) -> str:
    """Let a disabled user sign in again.

    Raises:
        UserChangeRefused: there is no such user, or it is not disabled.
    """
    return f"user '{_change_user(settings, name, 'user.enabled', users.enable)}' enabled"


def set_password(settings: Settings, name: str, *, password: str, must_change: bool) -> str:
    """Give a user a password, end all sessions, and unlock the name.

    Raises:
        UserChangeRefused: there is no such user.
        PasswordRefused: the password is too easily guessed.
    """
    password_hash, moment = _hashed(password, users.normal_name(name)), now()

    def change(session: Session, user: User) -> None:
        users.set_password(session, user, password_hash, moment, must_change=must_change)
        revoke_all(session, user.id, moment)

    return f"password of user '{_change_user(settings, name, 'user.password', change)}' set"


def set_role(settings: Settings, name: str, role: str) -> str:
    """Give a user a role.

    Raises:
        UserChangeRefused: there is no such user or role, or the user is the last admin.
    """
    detail = {"role": role[:16]}
    name = _change_user(settings, name, "user.role", lambda session, user: users.set_role(session, user, role), detail)
    return f"user '{name}' has the role {role}"


def remove_second_factor(settings: Settings, name: str) -> str:
    """Let a user sign in by password alone.

    Raises:
        UserChangeRefused: there is no such user or no second factor.
    """
    name = _change_user(settings, name, "second_factor.removed", users.remove_second_factor)
    return f"second factor of user '{name}' removed"


def verify_audit(settings: Settings) -> str:
    """Check that nothing in the audit was changed or taken out.

    Raises:
        AuditBroken: something was.
    """
    with database_errors(), _sessions(settings)() as session:
        found = audit.verify(session)
    if found.fault is not None:
        raise AuditBroken(f"the audit is broken behind its first {found.events} events: {found.fault}")
    return f"{found.events} events, all as they were written"


def export_audit(settings: Settings) -> Iterator[str]:
    """Every event as a line of JSON, the oldest first."""
    sessions = _sessions(settings)
    _change(settings, lambda session: audit.record(session, COMMAND_LINE, "audit.exported", "audit"))
    with database_errors(), sessions() as session:
        for event in oldest_first(session):
            yield json.dumps(_exported(event), ensure_ascii=False)


def _exported(event: AuditEvent) -> dict[str, Any]:
    names = ("id", "actor", "role", "action", "subject", "detail", "previous", "digest")
    return {"at": event.at.isoformat(), **{name: getattr(event, name) for name in names}}
