"""Money and tokens, per hour, role and kind: what the fleet cost and delivered."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only."""
    for name, kind, amount in (("money", "bucket", "dollars"), ("tokens", "kind", "tokens")):
        op.create_table(
            name,
            sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column("role", sa.Text(), nullable=False),
            sa.Column(kind, sa.Text(), nullable=False),
            sa.Column(amount, sa.Float(), nullable=False),
            sa.Column("seconds", sa.Float(), nullable=False),
            sa.PrimaryKeyConstraint("hour", "role", kind, name=f"pk_{name}"),
            sqlite_with_rowid=False,
        )
    op.create_index("ix_audit_what", "audit", ["what", "at"])
