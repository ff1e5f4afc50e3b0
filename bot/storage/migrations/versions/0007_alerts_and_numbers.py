"""What alerts that go out, and numbers, are found by"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = (
    ("alert", ("acknowledged_at", "next_attempt_at")),
    ("alert", ("raised_at",)),
    ("feedback", ("given_at",)),
    ("conversation", ("created_at", "channel")),
)
# All that numbers are counted from: the messages themselves, with their texts, are not read.
COUNTED = ("direction", "received_at", "channel", "kind", "topic", "tier", "state")


def upgrade() -> None:
    for table, columns in INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns), unique=False)
    op.create_index("ix_message_counted", "message", list(COUNTED), unique=False)


def downgrade() -> None:
    op.drop_index("ix_message_counted", "message")
    for table, columns in INDEXES:
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
