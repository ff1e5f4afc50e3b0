"""Answers keep their name

What is approved for one question cannot be moved to another, nor be emptied away on PostgreSQL.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

REVISION_CONTENT = "answer_id, number, title, question, text, sources, related, review_by, digest"
ANSWER_NAME = "id, topic, variant"
REVISION_REFUSAL = "a revision of an answer never changes: write a new one"
ANSWER_REFUSAL = "an answer keeps its name: write a new one"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name, change in (("keeps_its_name", f"UPDATE OF {ANSWER_NAME}"), ("never_goes", "DELETE")):
            op.execute(
                f"CREATE TRIGGER answer_{name} BEFORE {change} ON answer "
                f"BEGIN SELECT RAISE(ABORT, '{ANSWER_REFUSAL}'); END"
            )
        return
    op.execute("DROP TRIGGER answer_revision_never_changes ON answer_revision")
    op.execute("DROP FUNCTION answer_revision_never_changes")
    # SQLAlchemy then raises what it raises for SQLite.
    op.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for table, name, columns, refusal in (
        ("answer_revision", "answer_revision_never_changes", REVISION_CONTENT, REVISION_REFUSAL),
        ("answer", "answer_keeps_its_name", ANSWER_NAME, ANSWER_REFUSAL),
    ):
        op.execute(
            f"CREATE TRIGGER {name} BEFORE UPDATE OF {columns} OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION refuse('{refusal}')"
        )
    # TRUNCATE of `answer` empties its revisions first, so that one trigger is enough.
    op.execute(
        "CREATE TRIGGER answer_revision_never_goes BEFORE TRUNCATE ON answer_revision "
        f"FOR EACH STATEMENT EXECUTE FUNCTION refuse('{REVISION_REFUSAL}')"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER answer_keeps_its_name")
        op.execute("DROP TRIGGER answer_never_goes")
        return
    op.execute("DROP FUNCTION refuse CASCADE")  # and the triggers that call it
    op.execute(
        "CREATE FUNCTION answer_revision_never_changes() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REVISION_REFUSAL}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER answer_revision_never_changes BEFORE UPDATE OF {REVISION_CONTENT} OR DELETE "
        "ON answer_revision FOR EACH ROW EXECUTE FUNCTION answer_revision_never_changes()"
    )
