"""Alembic's entry: runs the migrations on the connection that `bot.storage.database.migrate` hands over.

For a new migration: `alembic -c bot/storage/alembic.ini revision --autogenerate -m "…"`.
"""

from alembic import context
from sqlalchemy.engine import Connection

import bot.answers.models
import bot.conversations.models
import bot.conversations.review_models
import bot.staff.models  # noqa: F401 - all fill the metadata
from bot.settings import load_settings
from bot.storage.base import Base
from bot.storage.database import open_database


def run(connection: Connection) -> None:
    """Run what is asked for on a connection."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    with open_database(load_settings().database_url).begin() as own_connection:
        run(own_connection)
