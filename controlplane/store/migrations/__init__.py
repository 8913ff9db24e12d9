"""The ledger's schema over time, as Alembic reads it."""
