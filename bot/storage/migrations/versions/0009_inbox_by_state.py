"""Indexes that hold all an inbox is filtered and counted by"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FILTERED_BY = ("tier", "unanswered", "unsure", "unhelpful", "wants_person", "assignee_id", "channel")


def upgrade() -> None:
    op.create_index("ix_conversation_inbox", "conversation", ["review", "last_message_at", "id", *FILTERED_BY])
    op.create_index("ix_conversation_inbox_all", "conversation", ["last_message_at", "id", *FILTERED_BY])
    op.drop_index("ix_conversation_last_message_at", "conversation")


def downgrade() -> None:
    op.create_index("ix_conversation_last_message_at", "conversation", ["last_message_at"])
    op.drop_index("ix_conversation_inbox_all", "conversation")
    op.drop_index("ix_conversation_inbox", "conversation")
