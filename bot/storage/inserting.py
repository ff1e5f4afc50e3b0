"""Inserting rows of which some may be there already, which SQLite and PostgreSQL say alike but SQLAlchemy apart."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert_missing(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    """Insert those of several rows whose key is not there yet."""
    if not rows:
        return
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    session.execute(dialect.insert(model.__table__).on_conflict_do_nothing(), rows)
