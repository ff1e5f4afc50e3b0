"""Indexes for the inbox: conversations by the topic that was answered, or that a navigator says they are about"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    has_topic = sa.text("topic IS NOT NULL")
    op.create_index(
        "ix_message_topic_conversation_id",
        "message",
        ["topic", "conversation_id"],
        unique=False,
        sqlite_where=has_topic,
        postgresql_where=has_topic,
    )
    op.create_index("ix_correction_kind_value", "correction", ["kind", "value"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_correction_kind_value", "correction")
    op.drop_index("ix_message_topic_conversation_id", "message")
