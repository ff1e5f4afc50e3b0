"""The words that conversations are found by"""

from itertools import groupby

import sqlalchemy as sa
from alembic import op

from bot.conversations.words import words_of

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BATCH = 10_000  # rows


def upgrade() -> None:
    word = sa.String(length=40).with_variant(sa.String(length=40, collation="C"), "postgresql")
    table = op.create_table(
        "conversation_word",
        sa.Column("word", word, nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_conversation_word_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("word", "conversation_id", name=op.f("pk_conversation_word")),
        sqlite_with_rowid=False,
    )
    fill_in(table)
    op.create_index(
        "ix_conversation_word_conversation_id_word", "conversation_word", ["conversation_id", "word"], unique=False
    )


def fill_in(table: sa.Table) -> None:
    """Add the words of what was written before there was a search."""
    connection = op.get_bind()
    query = (
        "SELECT conversation_id, text FROM message WHERE direction = 'in' "
        "UNION ALL SELECT conversation_id, text FROM note ORDER BY conversation_id"
    )
    texts = connection.execute(sa.text(query).execution_options(stream_results=True))
    rows: list[dict[str, object]] = []
    for number, of_conversation in groupby(texts, key=lambda row: row.conversation_id):
        words = set().union(*(words_of(row.text) for row in of_conversation))
        rows += [{"word": word, "conversation_id": number} for word in words]
        if len(rows) >= BATCH:
            connection.execute(table.insert(), rows)
            rows = []
    if rows:
        connection.execute(table.insert(), rows)


def downgrade() -> None:
    op.drop_table("conversation_word")
