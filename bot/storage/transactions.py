"""Work on the database in one transaction, begun again where another's lock was in the way."""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

Result = TypeVar("Result")

TRIES = 4
PAUSE_S = 0.05  # before the second try; twice as long before each one after it
# PostgreSQL's codes: lock not available, deadlock detected, serialization failure.
_BUSY_CODES = ("55P03", "40P01", "40001")


def is_busy(error: DBAPIError) -> bool:
    """Whether the database refused only because another transaction was in the way."""
    return getattr(error.orig, "pgcode", None) in _BUSY_CODES or "database is locked" in str(error.orig)


def in_transaction(sessions: "sessionmaker[Session]", work: Callable[[Session], Result]) -> Result:
    """Do work and commit it, whole or not at all.

    Args:
        sessions: of the database.
        work: may be called several times, each in a transaction of its own; only the last one is committed.

    Raises:
        SQLAlchemyError: the database refused, also after several tries.
    """
    for tried in range(TRIES):
        if tried:
            time.sleep(PAUSE_S * 2 ** (tried - 1))
        try:
            with sessions() as session:
                result = work(session)
                session.commit()
                return result
        except DBAPIError as error:
            if tried == TRIES - 1 or not is_busy(error):
                raise
    raise AssertionError("the last try returns or raises")
