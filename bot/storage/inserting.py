"""Inserting rows of which some may be there already, which SQLite and PostgreSQL say alike but SQLAlchemy apart."""

from functools import lru_cache
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert_missing(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    """Insert those of several rows whose key is not there yet."""
    if not rows:
        return
    session.execute(_inserting(session.get_bind().dialect.name, model), rows)


@lru_cache
def _inserting(dialect: str, model: Any) -> Any:
    """Made once, because making it takes longer than the database does."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(model.__table__).on_conflict_do_nothing()
