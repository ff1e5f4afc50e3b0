"""Replies on their way through messengers: where to, how far they have come, and what must not be worked on again"""

import sqlalchemy as sa
from alembic import op

from bot.storage.base import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

FILTERED_BY = ("tier", "unanswered", "unsure", "unhelpful", "wants_person", "assignee_id", "channel")
STATES = ("pending", "sending", "sent", "delivered", "read", "undelivered")
SENT_ID = sa.text("sent_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("conversation", sa.Column("address", sa.Text()))
    op.add_column("conversation", sa.Column("undelivered", sa.Boolean(), server_default=sa.false(), nullable=False))
    index_inbox(*FILTERED_BY, "undelivered")
    # As words, because SQLite adds a constraint only together with its column.
    op.execute(
        "ALTER TABLE message ADD COLUMN form VARCHAR(16) DEFAULT 'text' NOT NULL "
        "CONSTRAINT ck_message_form CHECK (form in ('text', 'edited', 'not_text', 'erase', 'kept'))"
    )
    with op.batch_alter_table("delivery") as delivery:
        delivery.drop_constraint(op.f("ck_delivery_state"), type_="check")
        delivery.create_check_constraint(op.f("ck_delivery_state"), f"state in {STATES}")
        delivery.add_column(sa.Column("parts_sent", sa.Integer(), server_default=sa.text("0"), nullable=False))
        delivery.add_column(sa.Column("sent_id", sa.String(length=64)))
        delivery.add_column(sa.Column("possibly_repeated", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_delivery_sent_id", "delivery", ["sent_id"], sqlite_where=SENT_ID, postgresql_where=SENT_ID)
    op.create_table(
        "erased_message",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("channel_message_id", sa.String(length=200), nullable=False),
        sa.Column("erased_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "channel_message_id", name=op.f("pk_erased_message")),
    )
    op.create_index("ix_erased_message_erased_at", "erased_message", ["erased_at"])


def downgrade() -> None:
    op.drop_table("erased_message")
    op.drop_index("ix_delivery_sent_id", "delivery")
    op.execute("UPDATE delivery SET state = 'pending' WHERE state = 'sending'")
    op.execute("UPDATE delivery SET state = 'delivered' WHERE state IN ('sent', 'read')")
    with op.batch_alter_table("delivery") as delivery:
        delivery.drop_column("possibly_repeated")
        delivery.drop_column("sent_id")
        delivery.drop_column("parts_sent")
        delivery.drop_constraint(op.f("ck_delivery_state"), type_="check")
        delivery.create_check_constraint(op.f("ck_delivery_state"), "state in ('pending', 'delivered', 'undelivered')")
    index_inbox(*FILTERED_BY)
    op.execute("ALTER TABLE message DROP COLUMN form")
    op.drop_column("conversation", "undelivered")
    op.drop_column("conversation", "address")


def index_inbox(*filtered_by: str) -> None:
    op.drop_index("ix_conversation_inbox", "conversation")
    op.drop_index("ix_conversation_inbox_all", "conversation")
    op.create_index("ix_conversation_inbox", "conversation", ["review", "last_message_at", "id", *filtered_by])
    op.create_index("ix_conversation_inbox_all", "conversation", ["last_message_at", "id", *filtered_by])
