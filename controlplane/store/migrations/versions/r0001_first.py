"""The first schema, with an audit table whose lines the database itself refuses to change."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only."""
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_table(
        "beliefs",
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("role", name="pk_beliefs"),
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("recommendation", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
    )
    op.create_index("ix_changes_at", "changes", ["at"], unique=False)
    op.create_index("ix_changes_recommendation_at", "changes", ["recommendation", "at"], unique=False)
    op.create_index("ix_changes_role_at", "changes", ["role", "at"], unique=False)
    op.create_index("ix_changes_state", "changes", ["state"], unique=False)
    op.create_table(
        "cycles",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("took", sa.Text(), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("decisions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("at", name="pk_cycles"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("recommendation", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_at", "decisions", ["at"], unique=False)
    op.create_index("ix_decisions_recommendation_at", "decisions", ["recommendation", "at"], unique=False)
    op.create_index("ix_decisions_role_at", "decisions", ["role", "at"], unique=False)
    op.create_table(
        "findings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "number", name="pk_findings"),
    )
    op.create_index("ix_findings_closed", "findings", ["closed"], unique=False)
    op.create_index("ix_findings_role_seen", "findings", ["role", "seen"], unique=False)
    op.create_index("ix_findings_seen", "findings", ["seen"], unique=False)
    op.create_table(
        "marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_marks"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("spoken", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("claimed", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index("ix_outbox_claimed", "outbox", ["claimed"], unique=False)
    op.create_index("ix_outbox_state_due", "outbox", ["state", "due"], unique=False)
    op.create_table(
        "policies",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_policies"),
    )
    op.create_table(
        "reading_codes",
        sa.Column("code", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reading", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_reading_codes"),
        sa.UniqueConstraint("reading", name="uq_reading_codes_reading"),
    )
    op.create_table(
        "recommendations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("newest", sa.Boolean(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided", sa.BigInteger(), nullable=True),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "number", name="pk_recommendations"),
    )
    op.create_index("ix_recommendations_newest_state", "recommendations", ["newest", "state"], unique=False)
    op.create_index("ix_recommendations_role_seen", "recommendations", ["role", "seen"], unique=False)
    op.create_table(
        "role_points",
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("role", "at", name="pk_role_points"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_role_points_at", "role_points", ["at"], unique=False)
    op.create_table(
        "rollups",
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("span", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("role", "span", "at", name="pk_rollups"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rollups_span_at", "rollups", ["span", "at"], unique=False)
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_snapshot"),
    )
    op.create_table(
        "stop",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stop"),
    )
    op.create_table(
        "inputs",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["policy"], ["policies.digest"], name="fk_inputs_policy"),
        sa.PrimaryKeyConstraint("at", name="pk_inputs"),
    )
    op.create_table(
        "outcomes",
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["change"], ["changes.id"], name="fk_outcomes_change"),
        sa.PrimaryKeyConstraint("change", name="pk_outcomes"),
    )
    for what in ("update", "delete"):
        _refuse(what)


def _refuse(what: str) -> None:
    """A trigger: lines of the audit stay as they were written."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"create trigger audit_no_{what} before {what} on audit "
            "begin select raise(abort, 'the audit is append-only'); end"
        )
        return
    op.execute(
        "create or replace function audit_is_append_only() returns trigger language plpgsql as "
        "$$ begin raise exception 'the audit is append-only'; end $$"
    )
    op.execute(
        f"create trigger audit_no_{what} before {what} on audit for each row execute function audit_is_append_only()"
    )
