"""Run by Alembic: migrate on the connection we were handed, inside its transaction.

SQLite rolls DDL back like everything else, as long as nobody commits behind our back; the connection
begins and ends its transactions itself (``database.py``), so a kill in the middle leaves the old schema.
"""

from alembic import context

from controlplane.store.tables import meta

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=meta,
    transactional_ddl=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
