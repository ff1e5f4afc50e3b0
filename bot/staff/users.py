"""The accounts of staff: added, disabled, given a role or a password. Each change ends what it must at once."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.errors import UserError
from bot.staff.models import ADMIN, DISPLAY_NAME_LENGTH, NAME_LENGTH, ROLES, User
from bot.staff.sessions import forget_waiting, revoke_all

_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{1,{NAME_LENGTH - 1}}}")


class UserChangeRefused(UserError):
    """An account cannot be added or changed in this way; the message says why."""


def normal_name(typed: str) -> str:
    """A name as it is stored: case does not count."""
    return typed.strip().lower()


def find_user(session: Session, name: str) -> User:
    """The account of a name.

    Raises:
        UserChangeRefused: there is none.
    """
    user: User | None = session.scalars(select(User).where(User.name == normal_name(name))).first()
    if user is None:
        raise UserChangeRefused(f"there is no user '{normal_name(name)}'")
    return user


def all_users(session: Session) -> Sequence[User]:
    """Every account, by name."""
    return session.scalars(select(User).order_by(User.name)).all()  # type: ignore[no-any-return]


def add_user(
    session: Session, name: str, *, display_name: str, role: str, password_hash: str, must_change_password: bool
) -> User:
    """Add an account.

    Raises:
        UserChangeRefused: the name is taken or of another form, or the role is none.
    """
    name = check_name(name)
    _check_role(role)
    display_name = " ".join(display_name.split()) or name
    if len(display_name) > DISPLAY_NAME_LENGTH or not display_name.isprintable():
        raise UserChangeRefused(f"a display name has {DISPLAY_NAME_LENGTH} printable characters at most")
    if session.scalars(select(User.id).where(User.name == name)).first() is not None:
        raise UserChangeRefused(f"there is a user '{name}' already")
    user = User(
        name=name,
        display_name=display_name,
        role=role,
        password_hash=password_hash,
        must_change_password=must_change_password,
    )
    session.add(user)
    session.flush()
    return user


def check_name(typed: str) -> str:
    """A name that an account may have.

    Raises:
        UserChangeRefused: it is of another form.
    """
    name = normal_name(typed)
    if not _NAME.fullmatch(name):
        raise UserChangeRefused(
            f"a name has 2 to {NAME_LENGTH} characters, a-z, 0-9 and . _ -, and begins with a letter or digit"
        )
    return name


def set_password(session: Session, user: User, password_hash: str, moment: datetime, *, must_change: bool) -> None:
    """Give a user a password; also unlocks the account. Sessions are the caller's to end."""
    user.password_hash = password_hash
    user.password_changed_at = moment
    user.must_change_password = must_change
    user.failures, user.locked_until = 0, None
    session.flush()


def set_role(session: Session, user: User, role: str) -> None:
    """Give a user a role; it holds from the next click on.

    Raises:
        UserChangeRefused: the role is none, or the user is the last admin.
    """
    _check_role(role)
    if role != ADMIN:
        _refuse_last_admin(session, user)
    user.role = role
    session.flush()


def disable(session: Session, user: User, moment: datetime) -> None:
    """Let a user sign in no more, and end all sessions.

    Raises:
        UserChangeRefused: the user is the last admin, or disabled already.
    """
    if user.disabled_at is not None:
        raise UserChangeRefused(f"user '{user.name}' is disabled already")
    _refuse_last_admin(session, user)
    user.disabled_at = moment
    revoke_all(session, user.id, moment)
    session.flush()


def enable(session: Session, user: User) -> None:
    """Let a disabled user sign in again.

    Raises:
        UserChangeRefused: the user is not disabled.
    """
    if user.disabled_at is None:
        raise UserChangeRefused(f"user '{user.name}' is not disabled")
    user.disabled_at = None
    user.failures, user.locked_until = 0, None
    session.flush()


def remove_second_factor(session: Session, user: User) -> None:
    """Let a user sign in by password alone; a sign-in that waits for a code begins again.

    Raises:
        UserChangeRefused: there is no second factor.
    """
    if user.totp_secret is None:
        raise UserChangeRefused(f"user '{user.name}' has no second factor")
    user.totp_secret = user.totp_last_step = None
    forget_waiting(session, user.id)
    session.flush()


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise UserChangeRefused(f"a role is one of {', '.join(ROLES)}")


def _refuse_last_admin(session: Session, user: User) -> None:
    if user.role != ADMIN or user.disabled_at is not None:
        return
    admins = select(func.count()).select_from(User).where(User.role == ADMIN, User.disabled_at.is_(None))
    if session.execute(admins).scalar_one() == 1:
        raise UserChangeRefused(f"'{user.name}' is the last admin: make another one first")
