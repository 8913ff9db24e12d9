"""The first of two approvals, where two people must approve."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only. What was approved before was approved by one person."""
    op.add_column("recommendations", sa.Column("first_by", sa.Text(), nullable=True))
    op.add_column("recommendations", sa.Column("first_at", sa.BigInteger(), nullable=True))
