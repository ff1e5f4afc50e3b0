"""What navigators see of the log, and what they add to it"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.conversations.code import conversation_code
from bot.storage.base import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    extend_conversations()
    create_red_flags()
    create_alerts()
    create_what_navigators_write()
    create_corrections()


def extend_conversations() -> None:
    # Two as words, because SQLite adds a constraint only together with its column. A table made anew would need the
    # messages to let go of it.
    op.add_column("conversation", sa.Column("code", sa.String(length=16), server_default=sa.text("''"), nullable=False))
    op.add_column("conversation", sa.Column("tier", sa.String(length=2), nullable=True))
    for name in ("unanswered", "unsure", "unhelpful", "wants_person"):
        op.add_column("conversation", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(
        "ALTER TABLE conversation ADD COLUMN review VARCHAR(16) DEFAULT 'to review' NOT NULL "
        "CONSTRAINT ck_conversation_review CHECK (review in ('to review', 'later', 'reviewed'))"
    )
    op.execute(
        "ALTER TABLE conversation ADD COLUMN assignee_id INTEGER "
        "CONSTRAINT fk_conversation_assignee_id REFERENCES staff_user (id)"
    )
    fill_in()
    op.create_index("ix_conversation_code", "conversation", ["code"], unique=False)


def fill_in() -> None:
    """Sort conversations in that were written before there was an inbox; those to review are all of them."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, key FROM conversation")).all()
    if rows:
        codes = [{"id": row.id, "code": conversation_code(row.key)} for row in rows]
        connection.execute(sa.text("UPDATE conversation SET code = :code WHERE id = :id"), codes)
    of_conversation = "SELECT 1 FROM message WHERE message.conversation_id = conversation.id AND"
    for column, condition in (
        ("unanswered", "(message.kind IN ('fallback', 'apology') OR message.state = 'unanswered')"),
        ("unsure", "message.kind = 'clarify'"),
        ("wants_person", "message.kind = 'handover'"),
    ):
        op.execute(f"UPDATE conversation SET {column} = EXISTS ({of_conversation} {condition})")
    op.execute(
        "UPDATE conversation SET unhelpful = EXISTS (SELECT 1 FROM message JOIN feedback ON feedback.message_id = "
        "message.id WHERE message.conversation_id = conversation.id AND NOT feedback.helpful)"
    )
    op.execute(
        "UPDATE conversation SET tier = (SELECT min(tier) FROM (SELECT message.tier AS tier FROM message WHERE "
        "message.conversation_id = conversation.id UNION ALL SELECT feedback.tier FROM feedback JOIN message ON "
        "message.id = feedback.message_id WHERE message.conversation_id = conversation.id) AS tiers)"
    )


def of_conversation() -> Any:
    return sa.Column("conversation_id", sa.Integer(), nullable=False)


def goes_with(table: str, other: str) -> Any:
    """A reference to what the row is deleted with."""
    column = f"{other}_id"
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="CASCADE")


def by_staff(table: str, column: str) -> Any:
    return sa.ForeignKeyConstraint([column], ["staff_user.id"], name=op.f(f"fk_{table}_{column}"))


def create_red_flags() -> None:
    op.create_table(
        "red_flag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("symptom", sa.String(length=64), nullable=False),
        sa.Column("detector", sa.String(length=16), nullable=False),
        sa.Column("start", sa.Integer(), nullable=True),
        sa.Column("end", sa.Integer(), nullable=True),
        goes_with("red_flag", "message"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_red_flag")),
    )
    op.create_index("ix_red_flag_message_id", "red_flag", ["message_id"], unique=False)


def create_alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        of_conversation(),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("tier", sa.String(length=2), nullable=True),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_by_id", sa.Integer(), nullable=True),
        sa.Column("goes_out", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=True),
        sa.Column("last_sent_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.CheckConstraint("kind in ('red_flag', 'person', 'undelivered')", name=op.f("ck_alert_kind")),
        goes_with("alert", "conversation"),
        goes_with("alert", "message"),
        by_staff("alert", "acknowledged_by_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("message_id", "kind", name=op.f("uq_alert_message_id_kind")),
    )
    op.create_index("ix_alert_acknowledged_at_raised_at", "alert", ["acknowledged_at", "raised_at"], unique=False)
    op.create_index("ix_alert_conversation_id", "alert", ["conversation_id"], unique=False)


def create_what_navigators_write() -> None:
    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        of_conversation(),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        goes_with("note", "conversation"),
        by_staff("note", "author_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    op.create_index("ix_note_conversation_id", "note", ["conversation_id"], unique=False)
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("name", name=op.f("uq_tag_name")),
    )
    op.create_table(
        "conversation_tag",
        of_conversation(),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("added_by_id", sa.Integer(), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        goes_with("conversation_tag", "conversation"),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_conversation_tag_tag_id")),
        by_staff("conversation_tag", "added_by_id"),
        sa.PrimaryKeyConstraint("conversation_id", "tag_id", name=op.f("pk_conversation_tag")),
    )
    op.create_index(
        "ix_conversation_tag_tag_id_conversation_id", "conversation_tag", ["tag_id", "conversation_id"], unique=False
    )
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        of_conversation(),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        goes_with("review", "conversation"),
        by_staff("review", "by_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    op.create_index("ix_review_conversation_id", "review", ["conversation_id"], unique=False)
    op.create_table(
        "saved_view",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.String(length=500), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        by_staff("saved_view", "owner_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("owner_id", "name", name=op.f("uq_saved_view_owner_id_name")),
    )


def create_corrections() -> None:
    op.create_table(
        "correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("was", sa.String(length=64), nullable=True),
        sa.Column("value", sa.String(length=64), nullable=True),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("kind in ('topic', 'tier', 'missed')", name=op.f("ck_correction_kind")),
        goes_with("correction", "message"),
        by_staff("correction", "by_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    op.create_index("ix_correction_message_id", "correction", ["message_id"], unique=False)
    op.create_index("ix_correction_kind_at", "correction", ["kind", "at"], unique=False)
    op.create_table(
        "queued_example",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("purpose in ('training', 'regression')", name=op.f("ck_queued_example_purpose")),
        sa.CheckConstraint("state in ('queued', 'exported', 'dropped')", name=op.f("ck_queued_example_state")),
        goes_with("queued_example", "message"),
        by_staff("queued_example", "by_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queued_example")),
        sa.UniqueConstraint("message_id", "purpose", name=op.f("uq_queued_example_message_id_purpose")),
    )
    op.create_index("ix_queued_example_state_purpose", "queued_example", ["state", "purpose"], unique=False)


def downgrade() -> None:
    for table in (
        "queued_example",
        "correction",
        "saved_view",
        "review",
        "conversation_tag",
        "tag",
        "note",
        "alert",
        "red_flag",
    ):
        op.drop_table(table)
    op.drop_index("ix_conversation_code", "conversation")
    for name in ("assignee_id", "review", "wants_person", "unhelpful", "unsure", "unanswered", "tier", "code"):
        op.execute(f"ALTER TABLE conversation DROP COLUMN {name}")
