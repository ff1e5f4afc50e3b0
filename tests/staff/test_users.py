"""bot.staff.users and passwords: who may have an account, and what a password must be; on each kind of database."""

from datetime import timedelta
from typing import TypeAlias

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.staff import users
from bot.staff.models import ADMIN, NAVIGATOR, StaffSession, User
from bot.staff.passwords import MEMORY_COST_KIB, PasswordRefused, Passwords, argon2id
from bot.staff.rules import load_rules
from bot.staff.sessions import begin, find
from bot.staff.users import UserChangeRefused
from bot.storage.base import now

Sessions: TypeAlias = "sessionmaker[Session]"
RULES = load_rules()
CHEAP = Passwords(RULES.passwords, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
GOOD = "seven blue kettles sing"


def add(session: Session, name: str, role: str = NAVIGATOR, display_name: str = "") -> User:
    return users.add_user(
        session, name, display_name=display_name, role=role, password_hash="hash", must_change_password=False
    )


def test_a_name_is_stored_in_lower_case_and_once(database: Sessions) -> None:
    with database() as session:
        add(session, "  Anna.B-2_x ")
        with pytest.raises(UserChangeRefused, match=r"there is a user 'anna\.b-2_x' already"):
            add(session, "ANNA.b-2_x")
        session.commit()

        assert users.find_user(session, "Anna.B-2_X").display_name == "anna.b-2_x"


@pytest.mark.parametrize(
    ("name", "role", "display_name", "fault"),
    [
        ("", NAVIGATOR, "", "a name has 2 to 64 characters"),
        ("a", NAVIGATOR, "", "a name has 2 to 64 characters"),
        ("a" * 65, NAVIGATOR, "", "a name has 2 to 64 characters"),
        ("-anna", NAVIGATOR, "", "begins with a letter or digit"),
        ("anna maria", NAVIGATOR, "", "a name has"),
        ("änna", NAVIGATOR, "", "a name has"),
        ("anna\n", NAVIGATOR, "Anna\x00", "a display name has 80 printable characters at most"),
        ("anna", NAVIGATOR, "x" * 81, "a display name has 80 printable characters at most"),
        ("anna", "boss", "", "a role is one of navigator, approver, admin"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_no_account_may_be(database: Sessions, name: str, role: str, display_name: str, fault: str) -> None:
    with database() as session, pytest.raises(UserChangeRefused, match=fault):
        add(session, name, role, display_name)


def test_the_last_admin_stays(database: Sessions) -> None:
    with database() as session:
        anna, nina = add(session, "anna", ADMIN), add(session, "nina")
        for change in (
            lambda: users.disable(session, anna, now()),
            lambda: users.set_role(session, anna, NAVIGATOR),
        ):
            with pytest.raises(UserChangeRefused, match="'anna' is the last admin"):
                change()

        users.set_role(session, nina, ADMIN)
        users.disable(session, anna, now())
        with pytest.raises(UserChangeRefused, match="'nina' is the last admin"):
            users.disable(session, nina, now())
        users.set_role(session, anna, NAVIGATOR)
        session.commit()

        assert [(user.name, user.role) for user in users.all_users(session)] == [("anna", NAVIGATOR), ("nina", ADMIN)]


def test_who_is_disabled_is_signed_out_at_once(database: Sessions) -> None:
    moment = now()
    with database() as session:
        nina = add(session, "nina")
        token = begin(session, nina, RULES.sessions, moment, second_factor_due=False)
        session.flush()
        assert find(session, token, RULES.sessions, moment) is not None

        users.disable(session, nina, moment)
        session.expire_all()

        assert find(session, token, RULES.sessions, moment) is None
        assert session.scalars(select(StaffSession.revoked_at)).one() == moment
        with pytest.raises(UserChangeRefused, match="disabled already"):
            users.disable(session, nina, moment)
        users.enable(session, nina)
        assert find(session, token, RULES.sessions, moment) is None, "the old session stays ended"
        with pytest.raises(UserChangeRefused, match="is not disabled"):
            users.enable(session, nina)


def test_nobody_of_that_name(database: Sessions) -> None:
    with database() as session, pytest.raises(UserChangeRefused, match="there is no user 'nobody'"):
        users.find_user(session, "Nobody")


def test_sessions_whose_time_is_over_are_forgotten(database: Sessions) -> None:
    moment = now()
    with database() as session:
        nina = add(session, "nina")
        for hours in (0, 1, RULES.sessions.absolute_hours + 1):
            begin(session, nina, RULES.sessions, moment + timedelta(hours=hours), second_factor_due=False)
            session.flush()

        assert session.execute(select(func.count()).select_from(StaffSession)).scalar_one() == 2


# Passwords


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("short words", "12 to 128 characters"),
        ("x" * 129, "12 to 128 characters"),
        ("", "12 to 128 characters"),
        ("aaaaaaaaaaaaaaaa", "too few different characters"),
        ("abababababababab", "too few different characters"),
        ("nina has three kettles", "must not contain the name"),
        ("three kettles, NINA", "must not contain the name"),
        ("my Password is long", "everybody tries first"),
        ("1234567890ab!?", "everybody tries first"),
    ],
)
def test_a_password_that_is_easily_guessed(password: str, fault: str) -> None:
    with pytest.raises(PasswordRefused, match=fault) as refused:
        CHEAP.check_new(password, "nina")

    assert not password or password not in str(refused.value)


@pytest.mark.parametrize(
    "password", [GOOD, "correct horse battery", "пять синих чайников", "x7!kQ2#mW9$z", "五只蓝色水壶在厨房里唱歌"]
)
def test_a_good_password(password: str) -> None:
    CHEAP.check_new(password, "nina")

    assert CHEAP.verify(CHEAP.hash(password), password)


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        (GOOD, True),
        (GOOD.title(), False),
        (GOOD + " ", False),
        ("", False),
        ("x" * 100_000, False),
        ("\ud800", False),
    ],
)
def test_a_password_is_compared_exactly(typed: str, right: bool) -> None:
    assert CHEAP.verify(CHEAP.hash(GOOD), typed) is right


def test_the_same_letters_from_another_keyboard() -> None:
    """An é as one character, and as an e with an accent behind it."""
    assert CHEAP.verify(CHEAP.hash("sept bouilloires fe\u0301line"), "sept bouilloires f\u00e9line")


@pytest.mark.parametrize("stored", [None, "", "no hash at all"])
def test_without_a_stored_password_none_is_right(stored: str | None) -> None:
    assert not CHEAP.verify(stored, GOOD)


def test_passwords_are_hashed_as_they_should_be() -> None:
    real = Passwords(RULES.passwords)

    stored = real.hash(GOOD)

    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert MEMORY_COST_KIB == 65536
    assert real.verify(stored, GOOD)
    assert not real.is_outdated(stored)
    assert real.is_outdated(CHEAP.hash(GOOD))
    assert len(argon2id().hash("x" * 128)) <= 200, "the column's length"
